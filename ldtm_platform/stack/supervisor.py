"""Dagster's webserver and daemon as children of one process: up together, down together."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import port_is_free, ui_address
from ldtm_platform.stack.session import PROJECT

SUPERVISOR_VARIABLE = "LDTM_SUPERVISOR"
READY_SECONDS = 120.0
STOP_SECONDS = 20.0


class StackError(RuntimeError):
    """The user interface cannot start; the message says why and what to do."""


@contextmanager
def dagster_running(settings: Settings, variables: Mapping[str, str]) -> Iterator[str]:
    """Dagster's UI and daemon for as long as the block lasts; yields the UI's address once it answers.

    Raises StackError when the port is taken or Dagster does not come up.
    """
    if not port_is_free("127.0.0.1", settings.ui_port):
        raise StackError(f"port {settings.ui_port} is in use: stop what holds it, or set LDTM_UI_PORT to another")
    log = settings.home / "logs" / "dagster.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = _start(settings, variables, log)
    try:
        address = ui_address(settings)
        _wait_until_ready(process, address, log)
        yield address
    finally:
        stop_tree(process)


def stop_leftovers(home: Path) -> int:
    """End what an earlier supervisor of this home left running when it was killed; returns how many processes."""
    mine = str(home.resolve())
    leftovers = [process for process in psutil.process_iter() if _supervised_by(process) == mine]
    _end(leftovers)
    return len(leftovers)


def _start(settings: Settings, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT / "workspace.yaml")]
    command += ["-h", "127.0.0.1", "-p", str(settings.ui_port), "--log-level", "warning"]
    marks = {SUPERVISOR_VARIABLE: str(settings.home)}
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and we decide in which order things stop.
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **variables, **marks},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Dagster takes over an ignored SIGINT for SIGTERM too, and then neither stops it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StackError(f"Dagster ended at once; the end of {log}:\n{tail(log)}")
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise StackError(
        f"Dagster did not answer at {address} within {READY_SECONDS:.0f} s; the end of {log}:\n{tail(log)}"
    )


def stop_tree(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop, then end what it started: run workers outlive Dagster otherwise."""
    tree = family(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    _end([*tree, *family(process.pid)])


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it has started; none where it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=5)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=5)


def _supervised_by(process: psutil.Process) -> str | None:
    try:
        environ: dict[str, str] = process.environ()
    except (psutil.Error, OSError):
        return None
    return environ.get(SUPERVISOR_VARIABLE)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
