"""What a market data vendor looks like from inside: requests for bars in, one answer per ticker out.

A source reads a vendor and lays its columns out; it does not judge them. Values come as the vendor sent them, dirty
ones included: `prices/bars.py` sorts them, `prices/reconcile.py` compares them with what is stored.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

PriceBasis = Literal["raw", "split_adjusted"]

BAR_COLUMNS: tuple[str, ...] = ("ticker", "date", "open", "high", "low", "close", "volume")
PRICE_COLUMNS: tuple[str, ...] = ("open", "high", "low", "close")
ACTIONS_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "kind": pl.String, "value": pl.Float64}


class SourceError(Exception):
    """A whole source is unusable (a folder that is gone, a column that is missing); the message says what to do."""


@dataclass(frozen=True)
class BarRequest:
    """Daily bars of one ticker over the half-open range [start, end)."""

    ticker: str
    start: date
    end: date


@dataclass(frozen=True)
class TickerBars:
    """A source's answer for one ticker.

    bars: BAR_COLUMNS as the vendor sent them (any dtype, any order, maybe duplicated or dirty).
    actions: ACTIONS_SCHEMA; kind is 'split' (value = new shares per old), 'dividend' (cash a share) or 'halt' (a
    session without trading, value null). Splits outside the range belong here too when the prices are adjusted for
    them. error: why there is no answer, for people; bars and actions are then empty. gone: the vendor says that it
    knows no such ticker, or no longer. source: whose rows these are, where the source is made of several; rows: date
    and source of the rows that are someone else's. note: what people should know about rows that are missing.
    """

    ticker: str
    bars: pl.DataFrame
    actions: pl.DataFrame
    error: str | None = None
    source: str | None = None
    gone: bool = False
    rows: pl.DataFrame | None = None
    note: str = ""


class MarketDataSource(ABC):
    """A vendor of daily bars.

    price_basis is what its prices mean: 'raw' as traded on the day, or 'split_adjusted' restated for every split up to
    the download (volumes too). Dividends are never applied.
    """

    name: str
    price_basis: PriceBasis
    # Whether the whole history costs next to nothing to ask for: then every rewritten bar is seen, not just recent ones
    rereads_history: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """The names that its rows may carry: a series goes on only from one of these."""
        return (self.name,)

    @abstractmethod
    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request, each as it arrives; an unknown ticker is an answer with an error.

        Raises SourceError when nothing at all can be had.
        """


def no_actions() -> pl.DataFrame:
    """A frame of ACTIONS_SCHEMA without rows."""
    return pl.DataFrame(schema=ACTIONS_SCHEMA)


def no_answer(ticker: str, error: str, *, gone: bool = False) -> TickerBars:
    """The answer for a ticker that a source cannot serve; gone: because it knows none by that name."""
    bars = pl.DataFrame(schema=dict.fromkeys(BAR_COLUMNS, pl.String))
    return TickerBars(ticker, bars, no_actions(), error, gone=gone)


def as_date(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column of dates, timestamps or ISO text as dates; null where it cannot be read.

    A timestamp counts as the date that it shows: its time zone, where there is one, is taken for the exchange's own.
    """
    if isinstance(dtype, pl.Date | pl.Datetime):
        return pl.col(column).dt.date()
    text = pl.col(column).cast(pl.String, strict=False).str.strip_chars()
    return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def as_number(column: str) -> pl.Expr:
    """A column of numbers or text as floats; null where it cannot be read."""
    return pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
