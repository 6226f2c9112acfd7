"""What is stored of each ticker, and how to tell whether it still is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.frames import selected

# A row written anew is a row with a newer xmin: the two numbers change with everything written or deleted.
_STAMPS = """
SELECT ticker, count(*) AS rows, sum(xmin::text::bigint)::bigint AS written FROM (
    SELECT ticker, xmin FROM market_data_daily WHERE ticker = ANY(cast(:tickers AS text[])) UNION ALL
    SELECT ticker, xmin FROM corporate_actions WHERE ticker = ANY(cast(:tickers AS text[]))
) AS facts GROUP BY ticker
"""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('market_data_daily ' || cast(:ticker AS text), 0))"

_STATES = "SELECT * FROM market_data_status WHERE ticker = ANY(cast(:tickers AS text[]))"

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


def read_stored(engine: sa.Engine, tickers: Sequence[str]) -> dict[str, Stored]:
    """What is stored of each ticker; frames without rows for a ticker never ingested."""
    with engine.connect() as connection:
        # Before the rows: what is written in between then shows as a stamp that is too old.
        stamp_of = stamps(connection, tickers)
    bars = reads.bars(engine, tickers)
    actions = selected(engine, _ACTIONS, tickers=list(tickers))
    status = {row["ticker"]: row for row in selected(engine, _STATES, tickers=list(tickers)).iter_rows(named=True)}
    bars_of, actions_of = _by_ticker(bars), _by_ticker(actions)
    return {
        ticker: Stored(
            bars_of.get(ticker, bars.clear()),
            actions_of.get(ticker, actions.clear()),
            status.get(ticker, {}).get("source"),
            status.get(ticker, {}).get("price_basis"),
            stamp_of.get(ticker),
            status.get(ticker, {}).get("state"),
            status.get(ticker, {}).get("message", ""),
            status.get(ticker, {}).get("checked_at"),
        )
        for ticker in tickers
    }


def lock(connection: sa.Connection, ticker: str) -> None:
    """Wait for other writers of the ticker, and keep them waiting until the transaction ends."""
    connection.execute(sa.text(_LOCK), {"ticker": ticker})


def stamps(connection: sa.Connection, tickers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Of each ticker that has bars or actions, two numbers that change with everything written or deleted of them."""
    found = connection.execute(sa.text(_STAMPS), {"tickers": list(tickers)})
    return {row.ticker: (row.rows, row.written) for row in found}


def _by_ticker(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("ticker", maintain_order=True)
    return {part["ticker"][0]: part for part in parts if part.height}
