"""The one transaction that brings what is stored of a ticker up to date, and the word of one that stored nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.delivery import Delivery
from ldtm_platform.prices.outcome import State
from ldtm_platform.prices.stored import Stored, StoredMeanwhile, lock, stamps
from ldtm_platform.prices.written_rows import quarantine_rows, revisions, with_source
from ldtm_platform.sources.base import BAR_COLUMNS
from ldtm_platform.warehouse.bulk import append, upsert
from ldtm_platform.warehouse.repairs import record_repairs
from ldtm_platform.warehouse.tables import (
    corporate_actions,
    market_data_daily,
    market_data_revisions,
    market_data_status,
)
from ldtm_platform.warehouse.writes import quarantine

_SUMMARY = """
SELECT count(bars.date) AS rows, min(bars.date) AS first_date, max(bars.date) AS last_date,
       min(status.source) AS source, min(status.price_basis) AS price_basis
FROM market_data_daily AS bars LEFT JOIN market_data_status AS status USING (ticker) WHERE bars.ticker = :ticker
"""

_STATUS_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    **dict.fromkeys(("ticker", "source", "price_basis", "state", "message"), pl.String),
    **dict.fromkeys(("first_date", "last_date"), pl.Date),
    "rows": pl.Int64,
    "checked_at": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True)
class Status:
    """The row of market_data_status that an ingest leaves behind."""

    ticker: str
    source: str
    price_basis: str
    state: State
    message: str
    first_date: date | None
    last_date: date | None
    rows: int
    checked_at: datetime


def write(engine: sa.Engine, delivery: Delivery, *, before: Stored, status: Status) -> None:
    """Store one ticker's delivery whole or not at all.

    before: what the delivery was compared with. Writers of one ticker wait for each other; raises StoredMeanwhile, with
    nothing written, when another was first.
    """
    ticker, source, at = status.ticker, delivery.source, status.checked_at
    with engine.begin() as connection:
        lock(connection, ticker)
        if stamps(connection, [ticker]).get(ticker) != before.stamp:
            raise StoredMeanwhile(ticker)
        _write_bars(connection, delivery, at)
        _write_actions(connection, delivery, at)
        record_repairs(
            connection, delivery.repairs, ticker=ticker, delivered=delivery.examined_days, source=source, at=at
        )
        quarantine(connection, quarantine_rows(delivery.refused, source))
        _write_status(connection, status)


def write_failure(
    engine: sa.Engine,
    ticker: str,
    *,
    source: str,
    price_basis: str,
    reason: str,
    checked_at: datetime,
    state: State = "failed",
) -> Status:
    """Leave word of an ingest that stored nothing; returns it with what is stored at this moment.

    The source and basis of what is stored stay on record: they guard it against the next attempt.
    """
    with engine.begin() as connection:
        lock(connection, ticker)
        facts = connection.execute(sa.text(_SUMMARY), {"ticker": ticker}).one()
        status = Status(
            ticker,
            facts.source or source,
            facts.price_basis or price_basis,
            state,
            reason,
            facts.first_date,
            facts.last_date,
            facts.rows,
            checked_at,
        )
        _write_status(connection, status)
    return status


def _write_bars(connection: sa.Connection, delivery: Delivery, at: datetime) -> None:
    new, restated = delivery.reconciled.new, delivery.reconciled.restated
    # Straight into the table: nothing of these days is there, by the stamp, and under the lock nothing comes.
    append(connection, market_data_daily, _stamped(new, delivery, at))
    if restated.height:
        values = _stamped(restated.select(BAR_COLUMNS), delivery, at)
        upsert(connection, market_data_daily, values, touch=("source", "ingested_at"))
        told = revisions(restated).with_columns(source=pl.lit(delivery.source), detected_at=pl.lit(at))
        append(connection, market_data_revisions, told)


def _stamped(bars: pl.DataFrame, delivery: Delivery, at: datetime) -> pl.DataFrame:
    return with_source(bars, delivery.rows, delivery.source).with_columns(ingested_at=pl.lit(at))


def _write_actions(connection: sa.Connection, delivery: Delivery, at: datetime) -> None:
    for ticker, ex_date in delivery.reconciled.withdrawn.select("ticker", "ex_date").iter_rows():
        key = (corporate_actions.c.ticker == ticker) & (corporate_actions.c.ex_date == ex_date)
        connection.execute(sa.delete(corporate_actions).where(key, corporate_actions.c.kind == "split"))
    for actions, detected in ((delivery.reconciled.inferred, True), (delivery.actions, False)):
        rows = actions.with_columns(source=pl.lit(delivery.source), detected=pl.lit(detected), seen_at=pl.lit(at))
        upsert(connection, corporate_actions, rows, touch=("source", "seen_at"))


def _write_status(connection: sa.Connection, status: Status) -> None:
    upsert(connection, market_data_status, pl.DataFrame([vars(status)], schema=_STATUS_SCHEMA))
