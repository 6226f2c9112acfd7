"""The sample that comes by pip: real bars, all good, with the actions that really happened."""

from datetime import date

import polars as pl
import pytest

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BarRequest, TickerBars
from ldtm_platform.sources.sample import SampleSource

END = date(2013, 3, 2)


def whole(*tickers: str) -> list[TickerBars]:
    return list(SampleSource().fetch([BarRequest(ticker, date(2000, 1, 1), END) for ticker in tickers]))


@pytest.mark.parametrize("ticker", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_every_bar_is_good_and_no_session_is_missing(ticker: str) -> None:
    (answer,) = whole(ticker)
    good, bad = split_good_and_bad(answer.bars, date(2013, 3, 1))
    assert bad.is_empty()
    assert good["date"].to_list() == sessions_between(good["date"][0], END)


def test_the_splits_are_those_that_happened() -> None:
    actions = pl.concat([answer.actions for answer in whole("AAPL", "FB", "GOOG", "IBM", "MSFT")])
    assert actions.filter(kind="split").select("ticker", "ex_date", "value").rows() == [
        ("AAPL", date(2000, 6, 21), 2.0),
        ("AAPL", date(2005, 2, 28), 2.0),
        ("MSFT", date(2003, 2, 18), 2.0),
    ]


def test_dividends_are_those_that_were_paid() -> None:
    microsoft, ibm = (answer.actions.filter(kind="dividend") for answer in whole("MSFT", "IBM"))
    paid = dict(microsoft.select("ex_date", "value").iter_rows())
    assert paid[date(2004, 11, 15)] == pytest.approx(3.08, abs=0.06)
    assert paid[date(2012, 2, 14)] == pytest.approx(0.20, abs=0.005)
    assert ibm.height == 52  # one a quarter, thirteen years


def test_adjusted_prices_have_no_jump_where_shares_split() -> None:
    (apple,) = whole("AAPL")
    across = pl.col("date").is_between(date(2005, 2, 25), date(2005, 2, 28))
    closes = adjusted(apple.bars, apple.actions, END).filter(across)
    assert closes["close"].to_list() == [pytest.approx(44.495), pytest.approx(44.86)]


def test_only_the_range_asked_for_is_given_and_an_unknown_ticker_is_named() -> None:
    known, unknown = SampleSource().fetch(
        [BarRequest("AAPL", date(2005, 2, 1), date(2005, 2, 28)), BarRequest("NVDA", date(2005, 2, 1), END)]
    )
    assert known.bars["date"].max() == date(2005, 2, 25)
    assert known.actions.is_empty()
    assert unknown.error == "NVDA is not in the sample, which has AAPL, FB, GOOG, IBM, MSFT"
