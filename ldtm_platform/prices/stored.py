"""What is stored of each ticker, and the one transaction that brings it up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.reconcile import Reconciled
from ldtm_platform.prices.written_rows import revisions, with_source
from ldtm_platform.sources.base import BAR_COLUMNS, MarketDataSource
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.bulk import append, upsert
from ldtm_platform.warehouse.frames import selected
from ldtm_platform.warehouse.repairs import record_repairs
from ldtm_platform.warehouse.tables import (
    corporate_actions,
    market_data_daily,
    market_data_revisions,
    market_data_status,
)
from ldtm_platform.warehouse.writes import quarantine

# A row written anew is a row with a newer xmin: the two numbers change with everything written or deleted.
_STAMPS = """
SELECT ticker, count(*) AS rows, sum(xmin::text::bigint)::bigint AS written FROM (
    SELECT ticker, xmin FROM market_data_daily WHERE ticker = ANY(cast(:tickers AS text[])) UNION ALL
    SELECT ticker, xmin FROM corporate_actions WHERE ticker = ANY(cast(:tickers AS text[]))
) AS facts GROUP BY ticker
"""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('market_data_daily ' || cast(:ticker AS text), 0))"

_SUMMARY = """
SELECT count(bars.date) AS rows, min(bars.date) AS first_date, max(bars.date) AS last_date,
       min(status.source) AS source, min(status.price_basis) AS price_basis
FROM market_data_daily AS bars LEFT JOIN market_data_status AS status USING (ticker) WHERE bars.ticker = :ticker
"""

_ACTIONS = """
SELECT ticker, ex_date, kind, value, detected FROM corporate_actions
WHERE ticker = ANY(cast(:tickers AS text[])) ORDER BY ticker COLLATE "C", ex_date, kind
"""


@dataclass(frozen=True)
class Stored:
    """One ticker: raw bars by date, actions (with detected), its source and that source's basis (None: never asked).

    stamp: of bars and actions, for telling whether they are still what is stored; None for nothing. state, message and
    checked_at: as the last ingest left them.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame
    source: str | None
    price_basis: str | None
    stamp: tuple[int, int] | None = None
    state: str | None = None
    message: str = ""
    checked_at: datetime | None = None

    def other_origin(self, source: MarketDataSource) -> str | None:
        """Why this is not continued from that source: it came from another one, or in prices that mean other things."""
        same = self.source in (None, *source.origins) and self.price_basis in (None, source.price_basis)
        if self.bars.is_empty() or same:
            return None
        return (
            f"its bars came from {self.source} ({self.price_basis}), and {source.name} sends {source.price_basis} "
            "prices: a series never mixes the two. Go on with the former source (LDTM_SOURCE, LDTM_PRICE_BASIS), or "
            "start with an empty database (DB_NAME)"
        )

    @property
    def splits(self) -> pl.DataFrame:
        """ticker, ex_date, value, detected."""
        return self.actions.filter(pl.col("kind") == "split").drop("kind")

    @property
    def halts(self) -> set[date]:
        """Sessions recorded as without trading."""
        return set(self.actions.filter(pl.col("kind") == "halt")["ex_date"])


class StoredMeanwhile(Exception):
    """Another ingest has written the ticker since it was read: what was compared is no longer what is stored."""


@dataclass(frozen=True)
class Status:
    """The row of market_data_status that an ingest leaves behind."""

    ticker: str
    source: str
    price_basis: str
    state: str
    message: str
    first_date: date | None
    last_date: date | None
    rows: int
    checked_at: datetime


def read_stored(engine: sa.Engine, tickers: Sequence[str]) -> dict[str, Stored]:
    """What is stored of each ticker; frames without rows for a ticker never ingested."""
    with engine.connect() as connection:
        # Before the rows: what is written in between then shows as a stamp that is too old.
        stamps = _stamps(connection, tickers)
    bars = reads.bars(engine, tickers)
    actions = selected(engine, _ACTIONS, tickers=list(tickers))
    status = {row["ticker"]: row for row in reads.ingest_states(engine).iter_rows(named=True)}
    bars_of, actions_of = _by_ticker(bars), _by_ticker(actions)
    return {
        ticker: Stored(
            bars_of.get(ticker, bars.clear()),
            actions_of.get(ticker, actions.clear()),
            status.get(ticker, {}).get("source"),
            status.get(ticker, {}).get("price_basis"),
            stamps.get(ticker),
            status.get(ticker, {}).get("state"),
            status.get(ticker, {}).get("message", ""),
            status.get(ticker, {}).get("checked_at"),
        )
        for ticker in tickers
    }


def write(
    engine: sa.Engine,
    reconciled: Reconciled,
    *,
    before: Stored,
    named_actions: pl.DataFrame,
    refused: pl.DataFrame,
    repairs: pl.DataFrame,
    examined_days: Sequence[date],
    row_sources: pl.DataFrame | None,
    status: Status,
) -> int:
    """Store one ticker's outcome whole or not at all; returns the rows newly quarantined.

    before: what reconciled was compared with. named_actions: ACTIONS_SCHEMA, as the vendor names them. refused: ticker,
    date, reason, payload. row_sources: date and source of rows that are another's. repairs: of bars of examined days.
    Writers of one ticker wait for each other; raises StoredMeanwhile, with nothing written, when another was first.
    """
    written = pl.concat([reconciled.new, reconciled.restated.select(BAR_COLUMNS)])
    told = pl.lit(status.source).alias("source")
    at = pl.lit(status.checked_at)
    with engine.begin() as connection:
        lock(connection, status.ticker)
        if _stamps(connection, [status.ticker]).get(status.ticker) != before.stamp:
            raise StoredMeanwhile(status.ticker)
        upsert(
            connection,
            market_data_daily,
            with_source(written, row_sources, status.source).with_columns(ingested_at=at),
            touch=("source", "ingested_at"),
        )
        if reconciled.restated.height:
            append(connection, market_data_revisions, revisions(reconciled.restated).with_columns(told, detected_at=at))
        _delete_splits(connection, reconciled.withdrawn)
        for actions, detected in ((reconciled.inferred, True), (named_actions, False)):
            rows = actions.with_columns(told, detected=pl.lit(detected), seen_at=at)
            upsert(connection, corporate_actions, rows, touch=("source", "seen_at"))
        record_repairs(
            connection,
            repairs,
            ticker=status.ticker,
            delivered=examined_days,
            source=status.source,
            at=status.checked_at,
        )
        quarantined = quarantine(connection, quarantine_rows(refused, status.source))
        _write_status(connection, status)
    return quarantined


def write_failure(
    engine: sa.Engine,
    ticker: str,
    *,
    source: str,
    price_basis: str,
    reason: str,
    checked_at: datetime,
    state: str = "failed",
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


def lock(connection: sa.Connection, ticker: str) -> None:
    """Wait for other writers of the ticker, and keep them waiting until the transaction ends."""
    connection.execute(sa.text(_LOCK), {"ticker": ticker})


def _stamps(connection: sa.Connection, tickers: Sequence[str]) -> dict[str, tuple[int, int]]:
    found = connection.execute(sa.text(_STAMPS), {"tickers": list(tickers)})
    return {row.ticker: (row.rows, row.written) for row in found}


def _write_status(connection: sa.Connection, status: Status) -> None:
    upsert(connection, market_data_status, pl.DataFrame([vars(status)], schema=_STATUS_SCHEMA))


_STATUS_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    **dict.fromkeys(("ticker", "source", "price_basis", "state", "message"), pl.String),
    **dict.fromkeys(("first_date", "last_date"), pl.Date),
    "rows": pl.Int64,
    "checked_at": pl.Datetime("us", "UTC"),
}


def _by_ticker(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("ticker", maintain_order=True)
    return {part["ticker"][0]: part for part in parts if part.height}


def _delete_splits(connection: sa.Connection, withdrawn: pl.DataFrame) -> None:
    for ticker, ex_date in withdrawn.select("ticker", "ex_date").iter_rows():
        key = (corporate_actions.c.ticker == ticker) & (corporate_actions.c.ex_date == ex_date)
        connection.execute(sa.delete(corporate_actions).where(key, corporate_actions.c.kind == "split"))


def quarantine_rows(refused: pl.DataFrame, source: str) -> pl.DataFrame:
    """Refused rows (ticker, date, reason, payload) as writes.quarantine takes them."""
    shas = [sha256(payload.encode()).hexdigest() for payload in refused["payload"]]
    return refused.with_columns(pl.lit(source).alias("source"), pl.Series("payload_sha", shas, dtype=pl.String))
