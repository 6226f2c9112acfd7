"""What is stored of a ticker's hourly bars, and the one transaction that brings it up to date."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.prices.hourly.compare import Changes
from ldtm_platform.prices.written_rows import quarantine_rows
from ldtm_platform.sources.base import PRICE_COLUMNS
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.bulk import append, upsert
from ldtm_platform.warehouse.hourly_reads import hourly_sessions
from ldtm_platform.warehouse.tables import (
    market_data_hourly,
    market_data_hourly_revisions,
    market_data_hourly_status,
)
from ldtm_platform.warehouse.writes import quarantine

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('market_data_hourly ' || cast(:ticker AS text), 0))"
_SUMMARY = (
    "SELECT count(*) AS rows, min(date) AS first_date, max(date) AS last_date FROM market_data_hourly "
    "WHERE ticker = :ticker"
)
_SESSIONS = (
    "SELECT ticker, date, min(grid), count(*) FROM market_data_hourly "
    "WHERE ticker = :ticker GROUP BY ticker, date ORDER BY date"
)
_SESSIONS_SCHEMA = {"ticker": pl.String, "date": pl.Date, "grid": pl.String, "bars": pl.Int64}
_VALUES = (*PRICE_COLUMNS, "volume")
_STATUS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("ticker", "source", "price_basis", "state", "message", "grids"), pl.String),
    **dict.fromkeys(("first_date", "last_date"), pl.Date),
    "rows": pl.Int64,
    "checked_at": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True)
class HourlyStatus:
    """The row of market_data_hourly_status that an ingest leaves behind; grids: their spans, in words."""

    ticker: str
    source: str
    price_basis: str
    state: str
    message: str
    checked_at: datetime
    grids: str
    first_date: date | None = None
    last_date: date | None = None
    rows: int = 0


@dataclass(frozen=True)
class StoredSessions:
    """One ticker: its sessions with hourly bars (date, grid, bars), its halts, and why it is delisted ('' if not)."""

    sessions: pl.DataFrame
    halts: frozenset[date]
    delisted: str


def read_sessions(engine: sa.Engine, tickers: Sequence[str]) -> dict[str, StoredSessions]:
    """What is stored of each ticker, without the bars themselves."""
    sessions = hourly_sessions(engine, tickers)
    halts = reads.actions(engine, tickers).filter(kind="halt")
    delisted = reads.ingest_states(engine).filter(state="delisted")
    reasons = dict(delisted.select("ticker", "message").iter_rows())
    return {
        ticker: StoredSessions(
            sessions.filter(ticker=ticker).drop("ticker"),
            frozenset(halts.filter(ticker=ticker)["ex_date"]),
            reasons.get(ticker, ""),
        )
        for ticker in tickers
    }


@contextmanager
def writing(engine: sa.Engine, ticker: str) -> Iterator[sa.Connection]:
    """A transaction that is the only one to write the ticker's hourly bars: what is read within it stays true."""
    with engine.begin() as connection:
        connection.execute(sa.text(_LOCK), {"ticker": ticker})
        yield connection


def sessions_of(connection: sa.Connection, ticker: str) -> pl.DataFrame:
    """A ticker's sessions with hourly bars, in the connection's transaction: ticker, date, grid, bars (how many)."""
    rows = [tuple(row) for row in connection.execute(sa.text(_SESSIONS), {"ticker": ticker})]
    return pl.DataFrame(rows, schema=_SESSIONS_SCHEMA, orient="row")


def write(
    connection: sa.Connection, changed: Changes, refused: pl.DataFrame, *, source: str, checked_at: datetime
) -> None:
    """Store one ticker's changes and refused rows (ticker, date, reason, payload)."""
    told = pl.lit(source).alias("source")
    upsert(
        connection,
        market_data_hourly,
        changed.written.with_columns(told, ingested_at=pl.lit(checked_at)),
        touch=("source", "ingested_at"),
    )
    if changed.restated.height:
        revisions = changed.restated.rename({name: f"new_{name}" for name in _VALUES})
        append(connection, market_data_hourly_revisions, revisions.with_columns(told, detected_at=pl.lit(checked_at)))
    quarantine(connection, quarantine_rows(refused, source))


def write_status(connection: sa.Connection, status: HourlyStatus) -> HourlyStatus:
    """Leave word of an ingest; returns it with how many bars are stored, and of which sessions."""
    found = connection.execute(sa.text(_SUMMARY), {"ticker": status.ticker}).one()
    told = replace(status, rows=found.rows, first_date=found.first_date, last_date=found.last_date)
    upsert(connection, market_data_hourly_status, pl.DataFrame([vars(told)], schema=_STATUS_SCHEMA))
    return told


def basis_on_record(connection: sa.Connection, ticker: str) -> str | None:
    """The price basis in which the ticker's hourly bars came; None when it has none."""
    table = market_data_hourly_status.c
    known = sa.select(table.price_basis).where(table.ticker == ticker, table.rows > 0)
    basis: str | None = connection.execute(known).scalar_one_or_none()
    return basis
