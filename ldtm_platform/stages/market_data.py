"""Ingest bars, ticker by ticker."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa

from ldtm_platform.prices.carried_over import carry_over
from ldtm_platform.prices.ingest import ingest as ingest_bars
from ldtm_platform.prices.outcome import IngestOutcome
from ldtm_platform.renames import Rename
from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.stages.outcome import Outcome, Result

_RESULTS = {"ok": Result.MADE, "delisted": Result.SKIPPED}

log = logging.getLogger(__name__)


def ingest_tickers(
    engine: sa.Engine,
    source: MarketDataSource,
    tickers: Sequence[str],
    *,
    since: date,
    through: date,
    renames: Sequence[Rename] = (),
    by_name: bool = False,
    run_id: str | None = None,
) -> Iterator[Outcome]:
    """Bring each ticker's bars up to a session, inclusive; one outcome a ticker as it is written.

    What is stored under former names is carried over first. by_name: delisted tickers are asked for too.
    """
    now = datetime.now(UTC)
    refused = _carried_over(engine, renames, tickers, now)
    yield from (Outcome(ticker, Result.FAILED, "failed", reason) for ticker, reason in refused.items())
    asked = [ticker for ticker in tickers if ticker not in refused]
    outcomes = ingest_bars(engine, source, asked, since=since, through=through, now=now, run_id=run_id, by_name=by_name)
    for ingested in outcomes:
        yield _outcome(ingested, source.name)


def _carried_over(
    engine: sa.Engine, renames: Sequence[Rename], tickers: Sequence[str], now: datetime
) -> dict[str, str]:
    """Carries over; returns the tickers among these whose two names do not go together, with the reason."""
    refused = {}
    for carried in carry_over(engine, renames, now=now):
        rename = carried.rename
        if carried.bars:
            log.info("[ingest] %s bars of %s go on as %s", carried.bars, rename.old, rename.current)
        if carried.refusal and rename.current in tickers:
            refused[rename.current] = carried.refusal
    return refused


def _outcome(ingested: IngestOutcome, source: str) -> Outcome:
    facts: dict[str, str | int | float] = {
        "dagster/partition_row_count": ingested.rows,
        "rows_new": ingested.rows_new,
        "rows_changed": ingested.rows_changed,
        "rows_quarantined": ingested.rows_quarantined,
        "rows_repaired": ingested.rows_repaired,
        "splits_found": ingested.splits,
        "source": ingested.source or source,
    }
    if ingested.first_date and ingested.last_date:
        facts |= {"first_date": ingested.first_date.isoformat(), "last_date": ingested.last_date.isoformat()}
    return Outcome(
        ingested.ticker, _RESULTS.get(ingested.state, Result.FAILED), ingested.state, ingested.message, facts
    )
