"""Several processes on one home: they race to start one server, and the last to leave stops it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ldtm_platform.postgres.server import EmbeddedPostgres

ENSURE = """
import sys
from pathlib import Path
from ldtm_platform.postgres.server import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).ensure().port)
"""

STAY = """
import sys
from pathlib import Path
from ldtm_platform.postgres.server import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])).session():
    print("inside", flush=True)
    sys.stdin.read()
"""


def _python(script: str, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _inside(home: Path) -> subprocess.Popen[str]:
    process = _python(STAY, home)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


def _leave(process: subprocess.Popen[str]) -> None:
    process.communicate()
    assert process.returncode == 0


def _race(home: Path) -> set[str]:
    racers = [_python(ENSURE, home) for _ in range(4)]
    said = {racer.communicate()[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    return said


def test_four_processes_that_race_get_one_server_cold_and_after_a_kill(home: Path) -> None:
    cold = _race(home)
    assert len(cold) == 1
    postmaster = psutil.Process(int((home / "data" / "postmaster.pid").read_text().split()[0]))
    os.kill(postmaster.pid, signal.SIGKILL)
    psutil.wait_procs([postmaster], timeout=10)
    assert len(_race(home)) == 1
    assert EmbeddedPostgres(home).is_running()


def test_the_server_stops_only_with_the_last_session(home: Path) -> None:
    server = EmbeddedPostgres(home)
    other = _inside(home)
    with server.session() as connection:
        assert connection.port
        _leave(other)
        assert server.is_running()
    assert not server.is_running()


def test_a_killed_session_keeps_nobody_waiting(home: Path) -> None:
    server = EmbeddedPostgres(home)
    killed = _inside(home)
    with server.session():
        killed.kill()
        killed.communicate()
        assert server.is_running()
    assert not server.is_running()


def test_an_error_inside_a_session_comes_out_as_it_is_and_still_stops_the_server(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with pytest.raises(FileNotFoundError, match="theirs"), server.session():
        raise FileNotFoundError("theirs")
    assert not server.is_running()
