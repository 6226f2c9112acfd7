"""The dashboard as a child of the platform's supervisor: started beside Dagster, started again when it dies."""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx

from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import dashboard_address, port_is_free
from ldtm_platform.stack.kept import KeptProcess, environment_without
from ldtm_platform.stack.supervisor import READY_SECONDS, StackError, tail

# The dashboard reads through its own role and asks nobody else.
NOT_ITS_BUSINESS = ("DB_", "DAGSTER_", "LDTM_ALPACA_", "LDTM_ALERT_", "LDTM_DATABASE_URL", "LDTM_DAGSTER_URL")


class DashboardProcess(KeptProcess):
    """The dashboard's process, whichever it is at the moment."""

    def __init__(self, settings: Settings, variables: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.address = dashboard_address(settings)
        super().__init__(
            "dashboard",
            [sys.executable, "-m", "ldtm_platform.dashboard"],
            log=settings.home / "logs" / "dashboard.log",
            environment=environment_without(settings, variables, NOT_ITS_BUSINESS),
            say=say,
        )

    def wait_until_ready(self) -> None:
        """Return once it answers. Raises StackError with the end of its log when it ends or does not come up."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.exit_code() is not None:
                raise StackError(f"the dashboard ended at once; the end of {self.log}:\n{tail(self.log)}")
            if self._answers():
                return
            time.sleep(0.2)
        raise StackError(
            f"the dashboard did not answer at {self.address} within {READY_SECONDS:.0f} s; the end of {self.log}:\n"
            f"{tail(self.log)}"
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
