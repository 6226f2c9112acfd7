"""What a vendor of hourly bars looks like from inside: as `base.py` for daily ones, with the instant a bar starts.

A source lays columns out and does not judge them: `prices/hourly/` does. Which hours a vendor's bars cover, and whether
they hold early and late trading, is told from the bars themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ldtm_platform.sources.base import BarRequest, PriceBasis

HOUR_COLUMNS: tuple[str, ...] = ("ticker", "start_at", "open", "high", "low", "close", "volume", "segment")


@dataclass(frozen=True)
class TickerHours:
    """A source's answer for one ticker.

    bars: HOUR_COLUMNS as the vendor sent them; segment names the series that a row is of, '' where the vendor tells
    none: bars of one segment were cut by one rule. error: why there is no answer, for people; bars are then empty.
    """

    ticker: str
    bars: pl.DataFrame
    error: str | None = None


class HourlySource(ABC):
    """A vendor of hourly bars. price_basis and rereads_history are as those of MarketDataSource."""

    name: str
    price_basis: PriceBasis
    rereads_history: bool = False

    @abstractmethod
    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        """One answer per request, whose dates are sessions; an unknown ticker is an answer with an error.

        Raises SourceError when nothing at all can be had.
        """


def no_hours(ticker: str, error: str | None) -> TickerHours:
    """The answer for a ticker that a source cannot serve, or (without an error) has no hourly bars of."""
    return TickerHours(ticker, pl.DataFrame(schema=dict.fromkeys(HOUR_COLUMNS, pl.String)), error)


def as_instant(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column of instants in UTC (microseconds), from timestamps with a zone or ISO text with an offset.

    Null where it cannot be read, and where no zone is told: an hour's guess of it would be a look into the future.
    """
    if isinstance(dtype, pl.Datetime):
        zoned = pl.col(column) if dtype.time_zone else pl.lit(None, pl.Datetime("us", "UTC")).alias(column)
        return zoned.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    text = pl.col(column).cast(pl.String, strict=False).str.strip_chars().str.replace(r"^([\d-]+)[Tt]", "$1 ")
    offset = text.str.replace(r"(?i) ?(z|utc)$", "+00:00")
    formats = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M%z")
    return pl.coalesce(
        offset.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC") for form in formats
    ).alias(column)
