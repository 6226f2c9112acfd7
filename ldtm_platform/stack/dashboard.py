"""The dashboard as a child of the platform's supervisor: started beside Dagster, started again when it dies."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx

from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import dashboard_address, port_is_free
from ldtm_platform.stack.session import PROJECT
from ldtm_platform.stack.supervisor import READY_SECONDS, SUPERVISOR_VARIABLE, StackError, stop_tree, tail

# One that dies again and again is started again ever more rarely, and one that has held out for so long is new.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, HELD_OUT_SECONDS = 1.0, 60.0, 60.0
# The dashboard reads through its own role and asks nobody else.
_NOT_ITS_BUSINESS = ("DB_", "DAGSTER_", "LDTM_ALPACA_", "LDTM_DATABASE_URL", "LDTM_DAGSTER_URL")
_SECRET = re.compile(
    r"^(AZURE|AWS|GOOGLE|GCP)_|SECRET|TOKEN|PASSW|CREDENTIAL|(API|ACCESS|ACCOUNT|PRIVATE)_?KEY|CONNECTION_STRING|_DSN$"
)


class DashboardProcess:
    """The dashboard's process, whichever it is at the moment."""

    def __init__(self, settings: Settings, variables: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.address = dashboard_address(settings)
        self.log = settings.home / "logs" / "dashboard.log"
        self._environment = _environment(settings, variables)
        self._say = say
        self._wait = FIRST_WAIT_SECONDS
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._start("wb")

    def wait_until_ready(self) -> None:
        """Return once it answers. Raises StackError with the end of its log when it ends or does not come up."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise StackError(f"the dashboard ended at once; the end of {self.log}:\n{tail(self.log)}")
            if self._answers():
                return
            time.sleep(0.2)
        raise StackError(
            f"the dashboard did not answer at {self.address} within {READY_SECONDS:.0f} s; the end of {self.log}:\n"
            f"{tail(self.log)}"
        )

    def tend(self) -> None:
        """Start it again when it has died, and say so; called every second or so."""
        code, now = self._process.poll(), time.monotonic()
        if code is None:
            if now - self._started > HELD_OUT_SECONDS:
                self._wait = FIRST_WAIT_SECONDS
            return
        if now - self._started < self._wait:
            return
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)
        self._say(f"The dashboard ended (exit code {code}) and is started again; why: {self.log}")
        self._process = self._start("ab")

    def stop(self) -> None:
        """End it, and what it may have started."""
        stop_tree(self._process)

    def _start(self, mode: str) -> subprocess.Popen[bytes]:
        self._started = time.monotonic()
        with self.log.open(mode) as output:
            # A session of its own: Ctrl-C reaches us alone, and we decide in which order things stop.
            return subprocess.Popen(
                [sys.executable, "-m", "ldtm_platform.dashboard"],
                cwd=PROJECT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=5):
                return True
        except urllib.error.HTTPError:
            # Stale data and the like: it says so on its pages too.
            return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def dashboard_starting(
    settings: Settings, variables: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[DashboardProcess]:
    """The dashboard, coming up, for as long as the block lasts. Raises StackError when its address is taken."""
    refuse_taken(settings)
    process = DashboardProcess(settings, variables, say)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.stop()


def refuse_taken(settings: Settings) -> None:
    """Raise StackError where the dashboard could not listen; the message names the settings."""
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        free, why = port_is_free(host, port), "is in use"
    except OSError as error:
        free, why = False, f"cannot be listened on at {host!r} ({error.strerror or error})"
    if not free:
        stop = "stop what holds it"
        if why == "is in use" and _is_ours(dashboard_address(settings)):
            stop = "a dashboard of this platform holds it: stop it with `ldtm down`, a demo's with `make down`"
        raise StackError(f"port {port} {why}: {stop}, or set LDTM_DASHBOARD_PORT or LDTM_DASHBOARD_HOST to another")


def _is_ours(address: str) -> bool:
    """Whether one of our dashboards answers there, well or ill."""
    try:
        answer = httpx.get(f"{address}/healthz", timeout=2, trust_env=False)
        return {"database", "freshness", "version"} <= set(answer.json())
    except (httpx.HTTPError, ValueError, TypeError):
        return False


def _environment(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    given = {**os.environ, **variables, SUPERVISOR_VARIABLE: str(settings.home)}
    return {name: value for name, value in given.items() if _is_its_business(name)}


def _is_its_business(name: str) -> bool:
    """Whether the dashboard needs a variable: its own settings and what is no secret, of whatever cloud or tool."""
    if name.startswith(_NOT_ITS_BUSINESS):
        return False
    return name.startswith(("LDTM_", "LLM_")) or not _SECRET.search(name.upper())
