"""Running the server on its port until a signal stops it."""

import gc
import signal
from collections.abc import Callable
from types import FrameType

import sqlalchemy as sa
import uvicorn

from ldtm_platform.dashboard.server import create_server
from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import dashboard_address, warn_if_open
from ldtm_platform.stack.dashboard import refuse_taken
from ldtm_platform.warehouse import remembered

# A page that keeps its websocket open must not hold up a stop for longer.
STOP_SECONDS = 3


def serve(settings: Settings, engine: sa.Engine, say: Callable[[str], None] = print) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, and return; `say` is given each sentence for people.

    Raises StackError when the address is taken.
    """
    refuse_taken(settings)
    config = uvicorn.Config(
        create_server(settings, engine),
        host=settings.dashboard_host,
        port=settings.dashboard_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws_max_size=2**20,
    )
    server = uvicorn.Server(config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # Uvicorn raises the signal again when it is done; the caller's own shutdown is not to be cut short by that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    warn_if_open(settings, say)
    say(f"Dashboard: {dashboard_address(settings)}")
    remembered.begin(engine)
    # What was loaded so far stays for good. Looking through it for garbage, every hundred pages, would hold one up by a
    # tenth of a second.
    gc.collect()
    gc.freeze()
    try:
        server.run()
    finally:
        engine.dispose()
