"""Ingest hourly bars, ticker by ticker."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa

from ldtm_platform.prices.hourly.ingest import HourlyOutcome, ingest_hours
from ldtm_platform.sources.hourly import HourlySource
from ldtm_platform.stages.outcome import Outcome, Result

# Hourly bars of a few tickers beside daily ones of all are the usual case: one without any is no failure.
_RESULTS = {"ok": Result.MADE, "no_data": Result.SKIPPED, "delisted": Result.SKIPPED}


def ingest_hourly_tickers(
    engine: sa.Engine,
    source: HourlySource,
    tickers: Sequence[str],
    *,
    since: date,
    through: date,
    run_id: str | None = None,
) -> Iterator[Outcome]:
    """Bring each ticker's hourly bars up to a session, inclusive; one outcome a ticker as it is written."""
    now = datetime.now(UTC)
    for ingested in ingest_hours(engine, source, tickers, since=since, through=through, now=now, run_id=run_id):
        yield _outcome(ingested, source.name)


def _outcome(ingested: HourlyOutcome, source: str) -> Outcome:
    status = ingested.status
    facts: dict[str, str | int | float] = {
        "dagster/partition_row_count": status.rows,
        "rows_new": ingested.rows_new,
        "rows_changed": ingested.rows_changed,
        "rows_quarantined": ingested.rows_quarantined,
        "rows_left_out": ingested.left_out or "none",
        "grids": status.grids,
        "source": source,
    }
    if status.first_date and status.last_date:
        facts |= {"first_date": status.first_date.isoformat(), "last_date": status.last_date.isoformat()}
    return Outcome(status.ticker, _RESULTS.get(status.state, Result.FAILED), status.state, status.message, facts)
