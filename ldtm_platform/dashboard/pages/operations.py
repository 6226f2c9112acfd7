"""Operations: how far each stage is, what is late or refused and what mends it, the last runs and the failed checks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import dash_mantine_components as dmc
import polars as pl
import sqlalchemy as sa
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from ldtm_platform.dashboard.dagster_ui import DagsterAway, seen
from ldtm_platform.dashboard.page import Page, Place
from ldtm_platform.dashboard.pages import operations_tables as tables
from ldtm_platform.dashboard.pages.ended_targets import ended_targets
from ldtm_platform.dashboard.pages.operations_tables import Recorded
from ldtm_platform.dashboard.pages.stage_costs import stage_costs
from ldtm_platform.dashboard.parts import grids, states, tiles
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import MISSING, plural
from ldtm_platform.profiles import as_typed
from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import ui_address
from ldtm_platform.stages.status import Problem, platform_status
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads

KEY, TITLE = "operations", "Operations"
# Filled when the page is there: the Dagster UI may be slow, or away.
_DAGSTER = "operations-dagster"

_TICKERS = (
    column("ticker", "Ticker", pinned="left", minWidth=80, maxWidth=90, cellRenderer="TickerLink"),
    column("state", "Last ingest", minWidth=92),
    column("last_bar", "Last bar", kind="day", minWidth=94),
    column("last_feature", "Last features", kind="day", minWidth=94),
    column("trained_through", "Trained through", kind="day", minWidth=94),
    column("last_snapshot", "Last forecast", kind="day", minWidth=94),
    column("behind", "Behind", kind="count", tip="Stages that are behind the newest session"),
    column("checked_at", "Asked at (UTC)", minWidth=136),
    column("source", "Source", minWidth=100),
    column("message", "What was said", minWidth=240, flex=3, tooltipField="message"),
)
_STAGES = {"Bars": "last_bar", "Features": "last_feature", "Forecasts": "last_snapshot"}


def page(settings: Settings) -> Page:
    """The page Operations."""
    ui = ui_address(settings)

    def layout(_place: Place, engine: sa.Engine) -> Component:
        freshness = reads.freshness(engine)
        head = html.Div(html.Div([html.H1(TITLE), _as_of(settings, freshness)]), className="page-head")
        if freshness.is_empty():
            empty = states.empty("Nothing has run yet", "No ticker was ever ingested or trained.")
            return html.Div([head, empty, _place_for_dagster()])
        tickers = load_universe(settings.universe).tickers
        # Most of the time is the database's, which answers two at once.
        with ThreadPoolExecutor(1) as beside:
            recorded = beside.submit(Recorded.of, engine)
            status = platform_status(engine, tickers, settings.latest_session(), freshness)
        there = recorded.result()
        return html.Div(
            [
                head,
                tiles.tiles(_tiles(freshness)),
                _problems(status.problems),
                *(html.P(f"Nothing to mend: {note}", className="section-note") for note in status.notes[:12]),
                tables.runs(there.runs, ui),
                stage_costs(status.costs, ui),
                _place_for_dagster(),
                _tickers(freshness),
                ended_targets(there.ended),
                tables.refused(there.refused),
                tables.feeds(there.feeds, there.feeds_read),
            ]
        )

    def register(app: Dash, _engine: sa.Engine) -> None:
        @app.callback(Output(_DAGSTER, "children"), Input(_DAGSTER, "id"))
        async def ask(_id: str) -> Component:
            try:
                return tables.from_dagster(await seen(ui), ui)
            except DagsterAway as away:
                why = f"Runs of other stages and asset checks are shown here while it runs: {away}."
                return states.empty("The Dagster UI is not running", why, ("ldtm up",))

    return Page(KEY, TITLE, layout, register)


def _as_of(settings: Settings, freshness: pl.DataFrame) -> Component:
    newest = freshness["last_bar"].max()
    due = f"the newest final session is {settings.latest_session()}"
    return states.as_of(newest if isinstance(newest, date) else None, notes=[due])


def _tiles(freshness: pl.DataFrame) -> list[Component]:
    shown = []
    for stage, name in _STAGES.items():
        newest = freshness[name].max()
        there = freshness.filter(pl.col(name) == pl.lit(newest, pl.Date)).height
        detail = f"{there} of {plural(freshness.height, 'ticker')} are that far"
        shown.append(tiles.tile(stage, str(newest or MISSING), detail))
    champions = freshness.drop_nulls("champion")
    trained = champions["trained_through"].max()
    through = f"the newest trained through {trained}" if isinstance(trained, date) else "nothing is trained yet"
    shown.append(tiles.tile("Models", plural(champions.height, "champion"), through))
    asked = freshness["checked_at"].max()
    last = tables.instant(asked) if isinstance(asked, datetime) else MISSING
    failed = freshness.filter(pl.col("state").is_in(["failed", "no_data"])).height
    shown.append(tiles.tile("Last ingest", last, f"{failed} of {plural(freshness.height, 'ticker')} failed (UTC)"))
    return shown


def _problems(problems: tuple[Problem, ...]) -> Component:
    if not problems:
        return html.P(
            "Nothing is late, overdue or missing, and no ingest, training or other stage failed.",
            className="section-note",
        )
    listed = [html.Li([f"{each.what} ", html.Code(as_typed(each.mend))]) for each in problems[:12]]
    rest = len(problems) - len(listed)
    more = [html.Li(f"and {rest} more: {as_typed('ldtm status')} lists all")] if rest else []
    return dmc.Paper(
        [html.H2(f"{plural(len(problems), 'thing')} to mend"), html.Ul([*listed, *more], className="problems")],
        withBorder=True,
        className="section",
    )


def _tickers(freshness: pl.DataFrame) -> Component:
    behind = pl.sum_horizontal(
        *((pl.col(name).is_null() | (pl.col(name) < pl.col(name).max())).cast(pl.Int64) for name in _STAGES.values())
    )
    frame = freshness.with_columns(behind=behind).sort("behind", "ticker", descending=[True, False])
    rows = frame.drop("champion", "last_training_message", "last_training_status").rows(named=True)
    late = frame.filter(pl.col("behind") > 0).height
    note = f"{plural(late, 'ticker')} behind the newest session of a stage; those come first."
    return grids.grid(
        "operations-tickers", _TICKERS, tables.told(rows), title="Freshness by ticker", note=note, row_id="ticker"
    )


def _place_for_dagster() -> Component:
    return html.Div(html.P("Asking the Dagster UI…", role="status"), id=_DAGSTER)
