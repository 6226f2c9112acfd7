"""The worker that forecasts for `ldtm infer`, as a child of the platform's supervisor."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ldtm_platform.settings import Settings
from ldtm_platform.stack.kept import KeptProcess, environment_without
from ldtm_platform.worker.agreement import settings_print
from ldtm_platform.worker.messages import fits, socket_path

# It is given the databases' addresses, and neither fetches prices nor asks a language model.
_NOT_ITS_BUSINESS = ("DB_", "LLM_", "LDTM_ALPACA_", "LDTM_ALERT_", "LDTM_DASHBOARD_")


@contextmanager
def worker_running(
    settings: Settings, variables: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """The worker for as long as the block lasts; yields what tends it. It helps once it is there: nobody waits."""
    path = socket_path(settings.home)
    if not fits(path):
        say(f"There is no worker for `ldtm infer`, which is slower without: the path {path} is too long for a socket")
        yield lambda: None
        return
    process = KeptProcess(
        "worker",
        [sys.executable, "-m", "ldtm_platform.worker", settings_print(settings)],
        log=settings.home / "logs" / "worker.log",
        environment=environment_without(settings, variables, _NOT_ITS_BUSINESS),
        say=say,
    )
    try:
        yield process.tend
    finally:
        with suppress(ProcessLookupError):
            process.stop()
        path.unlink(missing_ok=True)
