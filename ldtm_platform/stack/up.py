"""The platform in the foreground: one supervisor a home, stopped by Ctrl-C or from another terminal."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ldtm_platform.profiles import as_typed
from ldtm_platform.settings import Settings
from ldtm_platform.stack.dashboard import dashboard_starting
from ldtm_platform.stack.supervisor import StackError, dagster_running, stop_leftovers
from ldtm_platform.stack.worker import worker_running

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Addresses:
    """Where the platform's two user interfaces are."""

    dashboard: str
    dagster: str


def keep_up(
    settings: Settings,
    variables: dict[str, str],
    announce: Callable[[Addresses], None],
    say: Callable[[str], None],
) -> None:
    """Run the dashboard, Dagster's UI and its daemon, and the worker, until Ctrl-C, SIGTERM or `ldtm down`.

    `announce` is given the addresses once both answer, `say` each sentence about what happens before and
    after. Runs that an earlier crash left in flight are reported failed first. Raises StackError when the home is up
    already.
    """
    import dagster as dg

    from ldtm_platform.gpu import read_cards
    from ldtm_platform.stack.orphans import report_orphans
    from ldtm_platform.stack.slots import apply_slots

    with only_supervisor(settings.home):
        say("Starting the dashboard and the Dagster UI...")
        stop_leftovers(settings.home)
        with dg.DagsterInstance.get() as instance:
            report_orphans(instance, of_daemon=True)
            apply_slots(instance, read_cards())
        # The dashboard comes up while Dagster does, which takes longer.
        with (
            dashboard_starting(settings, variables, say) as dashboard,
            dagster_running(settings, variables) as address,
        ):
            dashboard.wait_until_ready()
            with worker_running(settings, variables, say) as tend_worker:
                announce(Addresses(dashboard.address, address))
                _wait_for_stop(dashboard.tend, tend_worker)
                # Whoever closed the terminal cannot be told.
                with suppress(OSError):
                    say("Stopping...")


def refuse_if_up(home: Path) -> None:
    """Raises StackError when the home's platform is up: to be asked before work that would end in that refusal."""
    with only_supervisor(home):
        pass


@contextmanager
def only_supervisor(home: Path) -> Iterator[None]:
    """Hold the home's supervisor lock, with our process number in it. Raises StackError when another holds it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"the platform of {home} is up already; `{as_typed('ldtm down')}` stops it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def stop_supervisor(home: Path) -> bool:
    """Stop the home's supervisor and wait for it; whatever a killed one left running is ended too.

    Returns whether anything was running. Raises StackError when the supervisor does not stop.
    """
    pid = _supervisor(home)
    if pid is not None:
        try:
            process = psutil.Process(pid)
            process.send_signal(signal.SIGTERM)
            _wait_for_end(process)
        except psutil.NoSuchProcess:
            pass
    return bool(stop_leftovers(home)) or pid is not None


def _wait_for_end(process: psutil.Process) -> None:
    """Wait until it has ended; one that its parent has not collected yet has ended too."""
    deadline = time.monotonic() + STOP_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise StackError(
                f"the platform (process {process.pid}) did not stop within {STOP_SECONDS:.0f} s: "
                f"end it with `kill -9 {process.pid}`, then run `ldtm down` again"
            )
        time.sleep(0.1)


def _supervisor(home: Path) -> int | None:
    path = home / "up.lock"
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None


def _wait_for_stop(*tend: Callable[[], None]) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(1):
        for each in tend:
            each()
    # A second Ctrl-C must not cut the shutdown short: PostgreSQL goes last.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
