"""Operations: how far each stage is, what is late or refused and what mends it, the last runs and the failed checks."""

from datetime import UTC, date, datetime
from typing import Any

import dash_mantine_components as dmc
import polars as pl
import sqlalchemy as sa
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from ldtm_platform.dashboard.dagster_ui import DagsterAway, Seen, seen
from ldtm_platform.dashboard.page import Page, Place
from ldtm_platform.dashboard.pages.ended_targets import ended_targets
from ldtm_platform.dashboard.pages.stage_costs import stage_costs
from ldtm_platform.dashboard.parts import grids, states, tiles
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import MISSING, plural
from ldtm_platform.profiles import as_typed
from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import ui_address
from ldtm_platform.stages.status import Problem, platform_status
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import operations, reads

KEY, TITLE = "operations", "Operations"
LAST_RUNS = 40
# Filled when the page is there: the Dagster UI may be slow, or away.
_DAGSTER = "operations-dagster"

_RUNS = (
    column("ended_at", "Ended (UTC)", minWidth=136),
    column("mode", "What"),
    column("of", "Session", minWidth=192, tip="Of a replay the first and the last"),
    column("sessions", "Sessions", kind="count", minWidth=76),
    column("tickers", "Tickers", kind="count"),
    column("failed", "Failed", kind="count"),
    column("skipped", "Skipped", kind="count"),
    column("median_sec", "Median s", kind="number", digits=3, minWidth=80, tip="Seconds of the median ticker"),
    column("longest_sec", "Longest s", kind="number", digits=3, minWidth=82, tip="Seconds of the slowest ticker"),
    column("model_sec", "Sum s", kind="number", tip="Seconds of all tickers, added up"),
    column("why", "First that failed or was skipped", minWidth=150, flex=3, tooltipField="why"),
    column("run", "Run", minWidth=84, pinned="right", maxWidth=90, cellRenderer="RunLink"),
)
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
_REFUSED = (
    column("ticker", "Ticker", minWidth=80),
    column("reason", "Why", minWidth=160),
    column("rows", "Rows", kind="count"),
    column("first_date", "From", kind="day", minWidth=94),
    column("last_date", "To", kind="day", minWidth=94),
    column("last_seen_at", "Last seen (UTC)", minWidth=136),
)
_FEEDS = (
    column("feed", "Feed"),
    column("headlines", "Headlines", kind="count", minWidth=94),
    column("new_7d", "New in 7 days", kind="count", minWidth=94),
    column("newest", "Newest (UTC)", minWidth=136),
    column("last_new", "Last that was new (UTC)", minWidth=136),
)
_DAGSTER_RUNS = (
    column("started", "Started (UTC)", minWidth=136),
    column("job", "Job", minWidth=160),
    column("status", "Status", minWidth=82),
    column("partition", "Partition", minWidth=192),
    column("seconds", "Seconds", kind="number", digits=1, minWidth=84),
    column("run", "Run", minWidth=84, pinned="right", maxWidth=90, cellRenderer="RunLink"),
)
_CHECKS = (
    column("asset", "Asset", minWidth=160),
    column("name", "What should hold", minWidth=240, flex=2),
    column("severity", "Severity", minWidth=82),
    column("state", "State"),
    column("at", "At (UTC)", minWidth=136),
    column("description", "What was found", minWidth=260, flex=3, tooltipField="description"),
    column("run", "Run", minWidth=84, pinned="right", maxWidth=90, cellRenderer="RunLink"),
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
        status = platform_status(engine, tickers, settings.latest_session(), freshness)
        return html.Div(
            [
                head,
                tiles.tiles(_tiles(freshness)),
                _problems(status.problems),
                *(html.P(f"Nothing to mend: {note}", className="section-note") for note in status.notes[:12]),
                _runs(operations.recent_runs(engine, last=LAST_RUNS), ui),
                stage_costs(status.costs, ui),
                _place_for_dagster(),
                _tickers(freshness),
                ended_targets(reads.ended_targets(engine)),
                _refused(reads.quarantined(engine)),
                _feeds(engine),
            ]
        )

    def register(app: Dash, _engine: sa.Engine) -> None:
        @app.callback(Output(_DAGSTER, "children"), Input(_DAGSTER, "id"))
        async def ask(_id: str) -> Component:
            try:
                return _from_dagster(await seen(ui), ui)
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
    last = _instant(asked) if isinstance(asked, datetime) else MISSING
    failed = freshness.filter(pl.col("state").is_in(["failed", "no_data"])).height
    shown.append(tiles.tile("Last ingest", last, f"{failed} of {plural(freshness.height, 'ticker')} failed (UTC)"))
    return shown


def _problems(problems: tuple[Problem, ...]) -> Component:
    if not problems:
        return html.P(
            "No bar is late, no target overdue, no ingest, training or other stage failed.", className="section-note"
        )
    listed = [html.Li([f"{each.what} ", html.Code(as_typed(each.mend))]) for each in problems[:12]]
    rest = len(problems) - len(listed)
    more = [html.Li(f"and {rest} more: {as_typed('ldtm status')} lists all")] if rest else []
    return dmc.Paper(
        [html.H2(f"{plural(len(problems), 'thing')} to mend"), html.Ul([*listed, *more], className="problems")],
        withBorder=True,
        className="section",
    )


def _runs(frame: pl.DataFrame, ui: str) -> Component:
    rows = [
        {
            **row,
            "of": _span(row.pop("first_session"), row.pop("last_session")),
            "why": row["first_failure"] or row["first_skip"] or "",
            **_run_link(row["dagster_run_id"], ui),
        }
        for row in frame.drop("done").iter_rows(named=True)
    ]
    note = "Runs by the run log, newest first; a replay is one row. The run number opens the run in the Dagster UI."
    return grids.grid("operations-runs", _RUNS, _told(rows), title="Last trainings and forecasts", note=note)


def _span(first: date | None, last: date | None) -> str:
    if first is None:
        return MISSING
    return f"{first}" if first == last else f"{first} to {last}"


def _tickers(freshness: pl.DataFrame) -> Component:
    behind = pl.sum_horizontal(
        *((pl.col(name).is_null() | (pl.col(name) < pl.col(name).max())).cast(pl.Int64) for name in _STAGES.values())
    )
    frame = freshness.with_columns(behind=behind).sort("behind", "ticker", descending=[True, False])
    rows = frame.drop("champion", "last_training_message", "last_training_status").rows(named=True)
    late = frame.filter(pl.col("behind") > 0).height
    note = f"{plural(late, 'ticker')} behind the newest session of a stage; those come first."
    return grids.grid(
        "operations-tickers", _TICKERS, _told(rows), title="Freshness by ticker", note=note, row_id="ticker"
    )


def _refused(frame: pl.DataFrame) -> Component:
    if frame.is_empty():
        return html.P("No vendor row was ever refused.", className="section-note")
    note = "Rows that a vendor sent and that are no bars; they are kept apart and shown nowhere else."
    return grids.grid("operations-refused", _REFUSED, _told(frame.rows(named=True)), title="Quarantine", note=note)


def _feeds(engine: sa.Engine) -> Component:
    frame = operations.feeds(engine)
    if frame.is_empty():
        why = "No headline has been collected. LDTM_NEWS names the feeds; they are read at 18:30 New York time."
        return states.empty("No news feeds", why, ("LDTM_NEWS=yahoo,nasdaq,google ldtm up",))
    addresses, checked = operations.feeds_read(engine).row(0)
    when = _instant(checked) if checked else MISSING
    note = f"{addresses:,} feed {'address' if addresses == 1 else 'addresses'} known, last read {when} UTC."
    return grids.grid("operations-feeds", _FEEDS, _told(frame.rows(named=True)), title="News feeds", note=note)


def _place_for_dagster() -> Component:
    return html.Div(html.P("Asking the Dagster UI…", role="status"), id=_DAGSTER)


def _from_dagster(found: Seen, ui: str) -> Component:
    checks = [{**vars(each), **_run_link(each.run_id, ui)} for each in found.failed]
    runs = [{**vars(each), **_run_link(each.run_id, ui)} for each in found.runs]
    said = f"{len(checks)} of {plural(found.checks, 'check')} that ran last failed."
    sections: list[Component] = [html.P([said, " ", html.A("Open the Dagster UI", href=ui, target="_blank")])]
    if checks:
        note = "What should hold of the data and does not, when it was last looked at."
        sections.append(grids.grid("operations-checks", _CHECKS, _told(checks), title="Failed checks", note=note))
    note = "The newest runs of all jobs, by the Dagster UI."
    sections.append(grids.grid("operations-jobs", _DAGSTER_RUNS, _told(runs), title="Last runs", note=note))
    return html.Div(sections)


def _run_link(run_id: str | None, ui: str) -> dict[str, str]:
    return {"run": run_id[:8], "run_url": f"{ui}/runs/{run_id}"} if run_id else {"run": "", "run_url": ""}


def _told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Instants as text to the minute, days as ISO text."""
    return [{name: _instant(it) if isinstance(it, datetime) else it for name, it in row.items()} for row in rows]


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
