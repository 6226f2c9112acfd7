"""Ingest bars, ticker by ticker."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa

from ldtm_platform.prices.ingest import IngestOutcome
from ldtm_platform.prices.ingest import ingest as ingest_bars
from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.stages.outcome import Outcome, Result


def ingest_tickers(
    engine: sa.Engine,
    source: MarketDataSource,
    tickers: Sequence[str],
    *,
    since: date,
    through: date,
    run_id: str | None = None,
) -> Iterator[Outcome]:
    """Bring each ticker's bars up to a session, inclusive; one outcome a ticker as it is written."""
    now = datetime.now(UTC)
    for ingested in ingest_bars(engine, source, tickers, since=since, through=through, now=now, run_id=run_id):
        yield _outcome(ingested, source.name)


def _outcome(ingested: IngestOutcome, source: str) -> Outcome:
    facts: dict[str, str | int | float] = {
        "dagster/partition_row_count": ingested.rows,
        "rows_new": ingested.rows_new,
        "rows_changed": ingested.rows_changed,
        "rows_quarantined": ingested.rows_quarantined,
        "splits_found": ingested.splits,
        "source": source,
    }
    if ingested.first_date and ingested.last_date:
        facts |= {"first_date": ingested.first_date.isoformat(), "last_date": ingested.last_date.isoformat()}
    result = Result.MADE if ingested.state == "ok" else Result.FAILED
    return Outcome(ingested.ticker, result, ingested.state, ingested.message, facts)
