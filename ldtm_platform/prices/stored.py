"""What is stored of each ticker, and the one transaction that brings it up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.reconcile import Reconciled
from ldtm_platform.sources.base import BAR_COLUMNS, PRICE_COLUMNS
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.bulk import append, upsert
from ldtm_platform.warehouse.frames import selected
from ldtm_platform.warehouse.tables import (
    corporate_actions,
    market_data_daily,
    market_data_revisions,
    market_data_status,
)
from ldtm_platform.warehouse.writes import quarantine

_ACTIONS = """
SELECT ticker, ex_date, kind, value, detected FROM corporate_actions
WHERE ticker = ANY(cast(:tickers AS text[])) ORDER BY ticker COLLATE "C", ex_date, kind
"""


@dataclass(frozen=True)
class Stored:
    """One ticker: raw bars by date, actions (with detected), its source and that source's basis (None: never asked)."""

    bars: pl.DataFrame
    actions: pl.DataFrame
    source: str | None
    price_basis: str | None

    @property
    def splits(self) -> pl.DataFrame:
        """ticker, ex_date, value, detected."""
        return self.actions.filter(pl.col("kind") == "split").drop("kind")

    @property
    def halts(self) -> set[date]:
        """Sessions recorded as without trading."""
        return set(self.actions.filter(pl.col("kind") == "halt")["ex_date"])


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
        )
        for ticker in tickers
    }


def write(
    engine: sa.Engine, reconciled: Reconciled, *, named_actions: pl.DataFrame, refused: pl.DataFrame, status: Status
) -> int:
    """Store one ticker's outcome whole or not at all; returns the rows newly quarantined.

    named_actions: ACTIONS_SCHEMA, as the vendor names them. refused: ticker, date, reason, payload.
    """
    written = pl.concat([reconciled.new, reconciled.restated.select(BAR_COLUMNS)])
    told = pl.lit(status.source).alias("source")
    at = pl.lit(status.checked_at)
    with engine.begin() as connection:
        upsert(
            connection,
            market_data_daily,
            written.with_columns(told, ingested_at=at),
            touch=("source", "ingested_at"),
        )
        if reconciled.restated.height:
            append(
                connection, market_data_revisions, _revisions(reconciled.restated).with_columns(told, detected_at=at)
            )
        _delete_splits(connection, reconciled.withdrawn)
        for actions, detected in ((reconciled.inferred, True), (named_actions, False)):
            rows = actions.with_columns(told, detected=pl.lit(detected), seen_at=at)
            upsert(connection, corporate_actions, rows, touch=("source", "seen_at"))
        quarantined = quarantine(connection, _quarantined(refused, status.source))
        write_status(connection, status)
    return quarantined


def write_status(connection: sa.Connection, status: Status) -> None:
    """Leave word of an ingest, in the caller's transaction."""
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


def _revisions(restated: pl.DataFrame) -> pl.DataFrame:
    values = (*PRICE_COLUMNS, "volume")
    return restated.select(
        "ticker",
        "date",
        pl.lit("restatement").alias("kind"),
        *(f"old_{name}" for name in values),
        *(pl.col(name).alias(f"new_{name}") for name in values),
    )


def _delete_splits(connection: sa.Connection, withdrawn: pl.DataFrame) -> None:
    for ticker, ex_date in withdrawn.select("ticker", "ex_date").iter_rows():
        key = (corporate_actions.c.ticker == ticker) & (corporate_actions.c.ex_date == ex_date)
        connection.execute(sa.delete(corporate_actions).where(key, corporate_actions.c.kind == "split"))


def _quarantined(refused: pl.DataFrame, source: str) -> pl.DataFrame:
    shas = [sha256(payload.encode()).hexdigest() for payload in refused["payload"]]
    return refused.with_columns(pl.lit(source).alias("source"), pl.Series("payload_sha", shas, dtype=pl.String))
