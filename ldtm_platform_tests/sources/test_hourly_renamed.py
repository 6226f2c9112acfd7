"""Hours of a ticker that had another name: under the present one, each session once, and asked for only then."""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from ldtm_platform.renames import Rename
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.hourly import HourlySource, TickerHours, no_hours
from ldtm_platform.sources.hourly_renamed import HourlyRenamed
from ldtm_platform_tests.hourly_bars import bars_at

CHANGE = date(2022, 6, 9)
RENAMES = (Rename("FB", "META", CHANGE, "META"),)
WEEK = [date(2022, 6, day) for day in (6, 7, 8, 9, 10)]


class Files(HourlySource):
    """What two names have, and what was asked for."""

    name, price_basis, rereads_history = "files", "raw", True

    def __init__(self, **days: Sequence[date]) -> None:
        self.days, self.requests = days, list[BarRequest]()

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
        for request in requests:
            self.requests.append(request)
            days = [day for day in self.days.get(request.ticker, ()) if request.start <= day < request.end]
            bars = bars_at([(day, clock) for day in days for clock in ("10:00", "11:00")], ticker=request.ticker)
            known = request.ticker in self.days
            yield TickerHours(request.ticker, bars) if known else no_hours(request.ticker, "not in the files")


def fetched(source: HourlySource, ticker: str = "META", start: date = WEEK[0]) -> TickerHours:
    (answer,) = HourlyRenamed(source, RENAMES).fetch([BarRequest(ticker, start, date(2022, 6, 11))])
    return answer


def days_of(answer: TickerHours) -> list[date]:
    return answer.bars["start_at"].dt.date().unique().sort().to_list()


def test_the_sessions_before_the_change_come_from_the_former_name() -> None:
    source = Files(FB=WEEK[:3], META=WEEK[3:])
    answer = fetched(source)
    assert answer.bars["ticker"].unique().to_list() == ["META"]
    assert (answer.bars.height, days_of(answer)) == (10, WEEK)
    assert source.requests[0] == BarRequest("FB", WEEK[0], CHANGE)


def test_sessions_that_the_present_name_has_are_its_own() -> None:
    answer = fetched(Files(FB=WEEK[:3], META=WEEK[1:]))
    assert answer.bars.height == 10
    assert not answer.bars.select("ticker", "start_at").is_duplicated().any()


def test_a_present_name_that_is_not_known_is_no_trouble_where_the_former_is() -> None:
    answer = fetched(Files(FB=WEEK[:3]))
    assert (answer.error, days_of(answer)) == (None, WEEK[:3])
    assert fetched(Files()).error == "not in the files"


def test_nothing_is_asked_under_a_former_name_after_its_time_nor_for_others() -> None:
    source = Files(FB=WEEK[:3], META=WEEK[3:], AAPL=WEEK)
    assert days_of(fetched(source, start=CHANGE)) == WEEK[3:]
    assert days_of(fetched(source, "AAPL")) == WEEK
    assert [request.ticker for request in source.requests] == ["META", "AAPL"]


def test_rows_whose_start_cannot_be_read_go_on_to_be_judged() -> None:
    class Dirty(Files):
        def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerHours]:
            for answer in super().fetch(requests):
                text = answer.bars.cast(pl.String).with_columns(start_at=pl.lit("noon"))
                yield TickerHours(answer.ticker, text if answer.ticker == "FB" else answer.bars, answer.error)

    answer = fetched(Dirty(FB=WEEK[:1], META=WEEK[3:]))
    assert answer.bars.height == 6
    assert answer.bars.filter(pl.col("start_at") == "noon").height == 2
