"""A source of hourly bars asked under former names too, for the sessions on which they held: `renamed.py`, by the hour.

Sessions that the present name has bars of are its own. Whether the two names go together, prices/hourly/ sees: hours of
another company are not within the daily bars.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from ldtm_platform.renames import Rename, former_names
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.hourly import HOUR_COLUMNS, HourlySource, TickerHours, as_instant


class HourlyRenamed(HourlySource):
    """A source whose answers are all under present names."""

    def __init__(self, inner: HourlySource, renames: Sequence[Rename]) -> None:
        self._inner, self._former = inner, former_names(renames)
        self.name, self.price_basis, self.rereads_history = inner.name, inner.price_basis, inner.rereads_history

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        """One answer per request: the inner source's, with the sessions of former names."""
        former = {request.ticker: self._former_requests(request) for request in requests}
        asked = [part for parts in former.values() for part in parts]
        told = {answer.ticker: answer for answer in self._inner.fetch(asked)} if asked else {}
        for answer in self._inner.fetch(requests):
            parts = [told[part.ticker] for part in former[answer.ticker]]
            yield _joined(answer, [part for part in parts if part.bars.height])

    def _former_requests(self, request: BarRequest) -> list[BarRequest]:
        return [
            BarRequest(part.name, max(request.start, part.since), min(request.end, part.until))
            for part in self._former.get(request.ticker, ())
            if request.start < part.until and request.end > part.since
        ]


def _joined(answer: TickerHours, former: Sequence[TickerHours]) -> TickerHours:
    """The answer with the sessions that only former names have; they also mend that the present one is not known."""
    if not former:
        return answer
    bars = answer.bars.clear() if answer.error else answer.bars
    for part in former:
        own = _days(bars)
        older = part.bars.filter(~pl.Series(_days(part.bars)).is_in(set(own) - {None}).fill_null(value=False))
        older = older.with_columns(ticker=pl.lit(answer.ticker)).select(HOUR_COLUMNS)
        if bars.is_empty():
            bars = older
        else:
            both = [older, bars.select(HOUR_COLUMNS)]
            bars = pl.concat(both if older.schema == both[1].schema else [each.cast(pl.String) for each in both])
    return TickerHours(answer.ticker, bars)


def _days(bars: pl.DataFrame) -> list[date | None]:
    """The day in New York of each row; None where its start cannot be read."""
    start = as_instant("start_at", bars.schema["start_at"])
    return bars.select(start.dt.convert_time_zone("America/New_York").dt.date()).to_series().to_list()
