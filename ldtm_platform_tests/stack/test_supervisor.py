"""One supervisor a home: a second is refused, and what a killed one left running is found by its mark and ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ldtm_platform.stack import up
from ldtm_platform.stack.supervisor import SUPERVISOR_VARIABLE, StackError, stop_leftovers
from ldtm_platform.stack.up import only_supervisor, stop_supervisor

HOLD = """
import signal, sys, time
from pathlib import Path
from ldtm_platform.stack.up import only_supervisor
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with only_supervisor(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(300)
"""


@contextmanager
def held_elsewhere(home: Path, *how: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that is the home's supervisor."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home), *how], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_supervisor_of_a_home_is_refused(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path), pytest.raises(StackError, match=f"{tmp_path} is up already; `ldtm down` stops it"):
        only_supervisor(tmp_path).__enter__()
    with only_supervisor(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


def test_a_killed_supervisor_does_not_keep_the_home(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
        with only_supervisor(tmp_path):
            pass
    assert not stop_supervisor(tmp_path)


def test_the_supervisor_is_stopped_from_elsewhere(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        assert stop_supervisor(tmp_path)
        assert process.wait(10) is not None
    assert not stop_supervisor(tmp_path)


def test_a_supervisor_that_does_not_stop_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "STOP_SECONDS", 0.3)
    with (
        held_elsewhere(tmp_path, "deaf") as process,
        pytest.raises(StackError, match=f"end it with `kill -9 {process.pid}`"),
    ):
        stop_supervisor(tmp_path)


def test_nothing_is_stopped_where_nothing_runs(tmp_path: Path) -> None:
    assert not stop_supervisor(tmp_path / "never")
    assert stop_leftovers(tmp_path) == 0


@contextmanager
def left_by(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that carries the mark of a home's supervisor."""
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(300)"]
    marked = {**os.environ, SUPERVISOR_VARIABLE: str(home)}
    with subprocess.Popen(sleep, env=marked, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has its environment only once it runs
        try:
            yield process
        finally:
            process.kill()


def test_leftovers_of_this_home_are_ended_and_those_of_another_stay(tmp_path: Path) -> None:
    with left_by(tmp_path / "mine") as mine, left_by(tmp_path / "other") as other:
        assert stop_leftovers(tmp_path / "mine") == 1
        assert mine.poll() is not None
        assert other.poll() is None
