"""Alpaca's hourly bars (timeframe 1Hour), raw, on the hour from 04:00 to 20:00 in New York; times in UTC.

Its bar from 09:00 holds half an hour of early trading and the first half hour of the session. Bars wholly before or
after the session are sent too; they are left out where bars are placed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
from pydantic import SecretStr

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.alpaca_requests import FIELDS, URL, Batch, alpaca, bars_in, batches, in_batches
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.hourly import HOUR_COLUMNS, HourlySource, TickerHours, no_hours
from ldtm_platform.sources.http import VendorClient
from ldtm_platform.sources.rows import table, value_series
from ldtm_platform.sources.vendor import Malformed, Patience

_HOURS_A_DAY = 16
_FIRST, _AFTER_LAST = 4, 20


class HourlyAlpaca(HourlySource):
    """Hourly bars as traded, with a key of the user's own. now: the clock."""

    name = "alpaca"
    price_basis = "raw"

    def __init__(
        self,
        key: SecretStr,
        secret: SecretStr,
        *,
        base_url: str = URL,
        patience: Patience | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._vendor = alpaca(key, secret, base_url, patience)
        self._now = now

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        """One answer per request, batch by batch. Raises SourceError when the key is refused."""
        with VendorClient(self._vendor) as client:
            asked = batches(requests, _HOURS_A_DAY)
            yield from in_batches(asked, lambda batch: self._answers(client, batch), no_hours)

    def _answers(self, client: VendorClient, batch: Batch) -> list[TickerHours]:
        bars = bars_in(client, batch, "1Hour", self._now())
        return [ticker_hours(ticker, bars) for ticker in batch.tickers]


def ticker_hours(ticker: str, bars: Mapping[str, list[object]]) -> TickerHours:
    """One ticker's part of what `bars_of` reads; an error where its bars cannot be told from it, or are of no hour."""
    try:
        rows = [table(row, f"alpaca: a bar of {ticker}") for row in bars.get(ticker, [])]
        starts = [_hour(row.get("t"), ticker) for row in rows]
    except Malformed as error:
        return no_hours(ticker, str(error))
    known = [pl.lit(ticker).alias("ticker"), pl.lit("").alias("segment")]
    values = [value_series(name, [row.get(short) for row in rows]) for name, short in FIELDS.items()]
    frame = pl.DataFrame([pl.Series("start_at", starts, dtype=pl.Datetime("us", "UTC")), *values])
    return TickerHours(ticker, frame.with_columns(known).select(HOUR_COLUMNS))


def _hour(value: object, ticker: str) -> datetime | None:
    try:
        start = datetime.fromisoformat(str(value))
        local = start.astimezone(NEW_YORK) if start.tzinfo else None
    except (ValueError, OverflowError):
        return None
    if local is None:
        return None
    if (local.minute, local.second, local.microsecond) != (0, 0, 0) or not _FIRST <= local.hour < _AFTER_LAST:
        raise Malformed(f"alpaca: a bar of {ticker} begins at {local:%H:%M} in New York, which is no hourly bar")
    return start.astimezone(UTC)
