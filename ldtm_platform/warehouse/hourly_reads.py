"""Queries over the hourly bars, as Polars frames. Nothing here writes."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import sqlalchemy as sa
from psycopg.sql import SQL, Literal

from ldtm_platform.warehouse.frames import Schema, copied, selected

# Instants travel as microseconds: their text depends on the server's settings, and is slow to read.
_COPIED: Schema = {
    "ticker": pl.String,
    "start_at": pl.Int64,
    "date": pl.Date,
    **dict.fromkeys(("open", "high", "low", "close"), pl.Float64),
    "volume": pl.Int64,
    "grid": pl.String,
    "segment": pl.String,
    "is_extended": pl.Int64,
    "known_at": pl.Int64,
}
_BARS = (
    "SELECT ticker, (extract(epoch FROM start_at) * 1000000)::bigint, date, open, high, low, close, volume, grid, "
    "segment, is_extended::int, (extract(epoch FROM known_at) * 1000000)::bigint FROM market_data_hourly "
    "WHERE ticker = ANY({}) AND date >= {} AND date <= {}"
)

_SESSIONS = """
SELECT ticker, date, min(grid) AS grid, count(*) AS bars FROM market_data_hourly
WHERE ticker = ANY(cast(:tickers AS text[])) GROUP BY ticker, date ORDER BY ticker COLLATE "C", date"""

_GRIDS = """
SELECT ticker, grid, segment, source, first_date, last_date, bars FROM market_data_hourly_grids
WHERE ticker = ANY(cast(:tickers AS text[])) ORDER BY ticker COLLATE "C", first_date, last_date"""

_STATES = 'SELECT * FROM market_data_hourly_status ORDER BY ticker COLLATE "C"'


def hourly_bars(
    engine: sa.Engine, tickers: Sequence[str], *, since: date | None = None, through: date | None = None
) -> pl.DataFrame:
    """Raw hourly bars by ticker and start, of the sessions from `since` to `through`, both included.

    Columns: ticker, start_at (UTC), date (the session), open, high, low, close, volume, grid, segment, is_extended,
    known_at (UTC).
    """
    query = SQL(_BARS).format(Literal(list(tickers)), Literal(since or date.min), Literal(through or date.max))
    rows = copied(engine, query, _COPIED)
    instants = (pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") for name in ("start_at", "known_at"))
    # CSV reads a text without characters as none.
    segment = pl.col("segment").fill_null("")
    return rows.with_columns(*instants, segment, pl.col("is_extended").cast(pl.Boolean)).sort("ticker", "start_at")


def hourly_sessions(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """The sessions that have hourly bars: ticker, date, grid, bars (how many), by ticker and date."""
    return selected(engine, _SESSIONS, tickers=list(tickers))


def hourly_grids(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """View market_data_hourly_grids: a row for each span of a ticker's bars on one grid, by ticker and first_date."""
    return selected(engine, _GRIDS, tickers=list(tickers))


def hourly_states(engine: sa.Engine) -> pl.DataFrame:
    """What the last ingest of each ticker's hourly bars found (market_data_hourly_status), by ticker."""
    return selected(engine, _STATES)
