"""The operations page's tables of what was recorded: runs, refused rows, news feeds, and what the Dagster UI says."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from ldtm_platform.dashboard.dagster_ui import Seen
from ldtm_platform.dashboard.parts import grids, states
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import MISSING, plural
from ldtm_platform.warehouse import operations, reads

LAST_RUNS = 40
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


@dataclass(frozen=True)
class Recorded:
    """What the warehouse has for these tables, as reads.py and operations.py give it."""

    runs: pl.DataFrame
    ended: pl.DataFrame
    refused: pl.DataFrame
    feeds: pl.DataFrame
    feeds_read: pl.DataFrame

    @classmethod
    def of(cls, engine: sa.Engine) -> "Recorded":
        """As it stands now."""
        return cls(
            operations.recent_runs(engine, last=LAST_RUNS),
            reads.ended_targets(engine),
            reads.quarantined(engine),
            operations.feeds(engine),
            operations.feeds_read(engine),
        )


def runs(frame: pl.DataFrame, ui: str) -> Component:
    """The last runs by the run log; links go to the Dagster UI at that address."""
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
    return grids.grid("operations-runs", _RUNS, told(rows), title="Last trainings and forecasts", note=note)


def _span(first: date | None, last: date | None) -> str:
    if first is None:
        return MISSING
    return f"{first}" if first == last else f"{first} to {last}"


def refused(frame: pl.DataFrame) -> Component:
    """The rows of reads.quarantined, or that there are none."""
    if frame.is_empty():
        return html.P("No vendor row was ever refused.", className="section-note")
    note = "Rows that a vendor sent and that are no bars; they are kept apart and shown nowhere else."
    return grids.grid("operations-refused", _REFUSED, told(frame.rows(named=True)), title="Quarantine", note=note)


def feeds(frame: pl.DataFrame, read: pl.DataFrame) -> Component:
    """What each feed brought, and when feeds were read; how to have some where none was."""
    if frame.is_empty():
        why = "No headline has been collected. LDTM_NEWS names the feeds; they are read at 18:30 New York time."
        return states.empty("No news feeds", why, ("LDTM_NEWS=yahoo,nasdaq,google ldtm up",))
    addresses, checked = read.row(0)
    when = instant(checked) if checked else MISSING
    note = f"{addresses:,} feed {'address' if addresses == 1 else 'addresses'} known, last read {when} UTC."
    return grids.grid("operations-feeds", _FEEDS, told(frame.rows(named=True)), title="News feeds", note=note)


def from_dagster(found: Seen, ui: str) -> Component:
    """The failed checks and the newest runs that the Dagster UI at that address tells of."""
    checks = [{**vars(each), **_run_link(each.run_id, ui)} for each in found.failed]
    newest = [{**vars(each), **_run_link(each.run_id, ui)} for each in found.runs]
    said = f"{len(checks)} of {plural(found.checks, 'check')} that ran last failed."
    sections: list[Component] = [html.P([said, " ", html.A("Open the Dagster UI", href=ui, target="_blank")])]
    if checks:
        note = "What should hold of the data and does not, when it was last looked at."
        sections.append(grids.grid("operations-checks", _CHECKS, told(checks), title="Failed checks", note=note))
    note = "The newest runs of all jobs, by the Dagster UI."
    sections.append(grids.grid("operations-jobs", _DAGSTER_RUNS, told(newest), title="Last runs", note=note))
    return html.Div(sections)


def _run_link(run_id: str | None, ui: str) -> dict[str, str]:
    return {"run": run_id[:8], "run_url": f"{ui}/runs/{run_id}"} if run_id else {"run": "", "run_url": ""}


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Instants as text to the minute, days as ISO text."""
    return [{name: instant(it) if isinstance(it, datetime) else it for name, it in row.items()} for row in rows]


def instant(value: datetime) -> str:
    """To the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
