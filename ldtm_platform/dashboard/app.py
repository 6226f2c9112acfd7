"""The Dash app: the pages, and the one place that knows all of them."""

from pathlib import Path

import sqlalchemy as sa
from dash import Dash
from fastapi import FastAPI

from ldtm_platform.dashboard import shell
from ldtm_platform.dashboard.page import Page
from ldtm_platform.dashboard.pages import (
    accuracy_leaderboard,
    llm_query,
    operations,
    ticker_view,
    todays_predictions,
    tqqq_signal,
)
from ldtm_platform.dashboard.parts import downloads
from ldtm_platform.settings import Settings

ASSETS = Path(__file__).with_name("assets")


def pages(settings: Settings) -> tuple[Page, ...]:
    """The tabs, in their order."""
    modules = (ticker_view, todays_predictions, accuracy_leaderboard, tqqq_signal, llm_query, operations)
    return tuple(module.page(settings) for module in modules)


def create_dash(settings: Settings, engine: sa.Engine, *, server: FastAPI) -> Dash:
    """The dashboard on a FastAPI app, at its root; every file it needs is served by that app.

    Add other routes of the app before this call: Dash answers every path that has no route.
    """
    app = Dash(
        __name__,
        server=server,  # type: ignore[arg-type]
        title="LD-TM",
        # Dash would write "Updating..." over the title at each callback.
        update_title="",
        assets_folder=str(ASSETS),
        serve_locally=True,
        # Pages come and go with the address: their ids are not in the first layout.
        suppress_callback_exceptions=True,
        on_error=shell.callback_failed,
        index_string=shell.INDEX,
        add_log_handler=False,
        enable_mcp=False,
    )
    listed = pages(settings)
    app.layout = shell.layout(listed)
    shell.register(app, engine, listed)
    downloads.register(app)
    for page in listed:
        page.register(app, engine)
    return app
