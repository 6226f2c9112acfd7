"""Yahoo's chart: every recorded body is the right frame or a named error, and faults stay with their ticker."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from ldtm_platform.prices.adjust import to_raw
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.sources.base import BarRequest, TickerBars
from ldtm_platform.sources.vendor import Malformed, NotThere, VendorError
from ldtm_platform.sources.yahoo import YahooSource, chart
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, serving

EVER = (date(1980, 1, 1), date(2027, 1, 1))


def read(shared_data: Path, name: str, ticker: str, start: date = EVER[0], end: date = EVER[1]) -> TickerBars:
    return chart((shared_data / "wire" / "yahoo" / name).read_bytes(), BarRequest(ticker, start, end))


def body(symbol: str = "AAPL", **changed: object) -> bytes:
    """Three sessions of January 2024 as the vendor writes them."""
    meta = {
        "symbol": symbol,
        "exchangeTimezoneName": "America/New_York",
        "dataGranularity": "1d",
        "regularMarketTime": 1704402001,
    }
    quote = {"open": [1.0, 2.0, 3.0], "high": [1.5, 2.5, 3.5], "low": [0.5, 1.5, 2.5], "close": [1.1, 2.1, 3.1]}
    result: dict[str, object] = {
        "meta": meta,
        "timestamp": [1704205800, 1704292200, 1704378600],
        "indicators": {"quote": [{**quote, "volume": [10, 20, 30]}]},
        **changed,
    }
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def test_an_error_that_is_not_about_the_ticker_does_not_make_it_unknown() -> None:
    told = {"chart": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
    with serving(lambda _: Reply(body=json.dumps(told).encode())) as server:
        source = YahooSource(base_url=server.url, patience=QUICK, per_second=1000)
        (answer,) = source.fetch([BarRequest("AAPL", *EVER)])
    assert (answer.gone, answer.error) == (False, "AAPL: yahoo says 'Invalid Crumb'")


@pytest.mark.parametrize(
    ("name", "ticker", "rows", "first", "close"),
    [
        ("body_chart_AAPL.json", "AAPL", 1, date(2022, 2, 22), 164.32),
        ("body_chart_AAPL_split_and_dividend.json", "AAPL", 49, date(2020, 8, 31), 129.04),
        ("body_chart_AAPL_weekend_no_timestamp.json", "AAPL", 0, None, None),
        ("body_chart_GOOGL_2026-08-21.json", "GOOGL", 1, date(2026, 8, 21), 344.82),
        ("body_chart_MSFT_4_dividends.json", "MSFT", 252, date(2021, 2, 1), 239.65),
        ("body_chart_QQQ_2020.json", "QQQ", 1, date(2020, 1, 2), 216.16),
        ("body_chart_fund_0P000071W8.TO.json", "0P000071W8.TO", 1, date(2020, 1, 2), 73.72),
        ("history_chart_AAPL.json", "AAPL", 127, date(2025, 4, 30), 212.50),
        ("history_chart_GS2C.DE.json", "GS2C.DE", 5, date(2025, 10, 23), 19.738),
        ("history_chart_MSFT.json", "MSFT", 127, date(2025, 4, 30), 395.26),
    ],
)
def test_a_recorded_chart_is_read(
    shared_data: Path, name: str, ticker: str, rows: int, first: date | None, close: float | None
) -> None:
    text = (shared_data / "wire" / "yahoo" / name).read_text().replace(f'"symbol":"{ticker}"', '"symbol":"X"')
    answer = chart(text.encode(), BarRequest("X", *EVER))
    assert answer.bars.height == rows
    if rows:
        assert (answer.bars["date"][0], answer.bars["close"][0]) == (first, pytest.approx(close, abs=1e-3))
        assert answer.bars["date"].is_sorted()


@pytest.mark.parametrize(
    ("name", "ticker", "error", "told"),
    [
        ("body_chart_404_delisted.json", "X", NotThere, "may be delisted"),
        ("body_chart_SPY_1m.json", "SPY", Malformed, "bars of '1m'"),
        ("body_chart_USDGBP_nulls.json", "USDGBP=X", Malformed, "bars of '1m'"),
        ("history_chart_VFINX.json", "VFINX", Malformed, "bars of '3mo'"),
        ("body_429_edge.txt", "X", Malformed, "no JSON"),
        ("news_latestNews_AAPL.json", "X", Malformed, "chart is no JSON object"),
        ("news_pressRelease_AAPL.json", "X", Malformed, "chart is no JSON object"),
        ("body_chart_AAPL.json", "MSFT", Malformed, "about 'AAPL'"),
    ],
)
def test_a_recorded_body_that_is_no_daily_chart_is_a_named_error(
    shared_data: Path, name: str, ticker: str, error: type[VendorError], told: str
) -> None:
    with pytest.raises(error, match=told):
        read(shared_data, name, ticker)


def test_splits_and_dividends_are_read_and_lead_back_to_raw_prices(shared_data: Path) -> None:
    answer = read(shared_data, "body_chart_AAPL_split_and_dividend.json", "AAPL")
    assert answer.actions.rows() == [
        ("AAPL", date(2020, 8, 31), "split", 4.0),
        ("AAPL", date(2020, 11, 6), "dividend", 0.205),
    ]
    # The first bar is of the split's own day: it was traded at the price that the chart shows.
    assert to_raw(answer.bars, answer.actions)["close"].equals(answer.bars["close"])
    paid = read(shared_data, "body_chart_MSFT_4_dividends.json", "MSFT").actions
    assert paid["value"].to_list() == [0.56, 0.56, 0.56, 0.62]


def test_splits_after_the_range_are_kept_and_dividends_are_not(shared_data: Path) -> None:
    answer = read(
        shared_data, "body_chart_AAPL_split_and_dividend.json", "AAPL", end=date(2020, 8, 1), start=date(2020, 1, 1)
    )
    assert answer.bars.is_empty()
    assert answer.actions["kind"].to_list() == ["split"]


def test_capital_gains_and_a_dividend_of_one_day_are_one_payment() -> None:
    day = 1704292200
    events = {
        "dividends": {str(day): {"amount": 0.5, "date": day}},
        "capitalGains": {str(day): {"amount": 1.25, "date": day}},
    }
    assert chart(body(events=events), BarRequest("AAPL", *EVER)).actions.rows() == [
        ("AAPL", date(2024, 1, 3), "dividend", 1.75)
    ]


def test_days_without_any_value_are_no_bars_and_half_empty_ones_are_judged() -> None:
    quote = {"open": [1.0, None, 3.0], "high": [1.5, None, 3.5], "low": [0.5, None, 2.5], "close": [1.1, None, None]}
    answer = chart(body(indicators={"quote": [{**quote, "volume": [1, None, 3]}]}), BarRequest("AAPL", *EVER))
    good, bad = split_good_and_bad(answer.bars, EVER[1])
    assert (good["date"].to_list(), bad["reason"].to_list()) == ([date(2024, 1, 2)], ["close is missing or unreadable"])


def test_the_live_quote_behind_the_days_own_bar_is_left_out() -> None:
    live = body(timestamp=[1704205800, 1704378600, 1704402001])
    answer = chart(live, BarRequest("AAPL", *EVER))
    assert answer.bars["close"].to_list() == [1.1, 2.1]


def test_a_class_of_shares_is_asked_for_by_its_own_name() -> None:
    with serving(lambda _: Reply(body=body("BRK-B"))) as server:
        source = YahooSource(base_url=server.url, patience=QUICK)
        (answer,) = source.fetch([BarRequest("BRK.B", date(2024, 1, 3), date(2024, 1, 4))])
    assert (answer.ticker, answer.error, answer.bars.height) == ("BRK.B", None, 1)
    assert server.seen[0].path == "/v8/finance/chart/BRK-B"


def test_every_request_reaches_up_to_now_so_that_no_split_is_missed() -> None:
    now = datetime(2026, 1, 5, 23, tzinfo=UTC)
    with serving(lambda _: Reply(body=body())) as server:
        source = YahooSource(base_url=server.url, patience=QUICK, now=lambda: now)
        list(source.fetch([BarRequest("AAPL", date(2024, 1, 3), date(2024, 1, 4))]))
    asked = server.seen[0].params
    assert datetime.fromtimestamp(int(asked["period1"]), UTC) == datetime(2024, 1, 3, 5, tzinfo=UTC)
    assert int(asked["period2"]) >= now.timestamp()


def test_each_tickers_trouble_is_its_own_and_named(shared_data: Path) -> None:
    recorded = shared_data / "wire" / "yahoo"
    gone = Reply(404, (recorded / "body_chart_404_delisted.json").read_bytes())
    busy = Reply(429, (recorded / "body_429_edge.txt").read_bytes())

    def answer(seen: Seen) -> Reply:
        ticker = seen.path.rsplit("/", 1)[1]
        return {"GONE": gone, "BUSY": busy, "PAGE": Reply(body=b"<html>consent</html>")}.get(
            ticker, Reply(body=body(ticker))
        )

    with serving(answer) as server:
        source = YahooSource(base_url=server.url, patience=QUICK)
        answers = {
            one.ticker: one
            for one in source.fetch([BarRequest(ticker, *EVER) for ticker in ("A", "GONE", "BUSY", "PAGE", "B")])
        }
    assert {ticker: one.bars.height for ticker, one in answers.items()} == {
        "A": 3,
        "GONE": 0,
        "BUSY": 0,
        "PAGE": 0,
        "B": 3,
    }
    assert "may be delisted" in (answers["GONE"].error or "")
    assert "Too Many Requests" in (answers["BUSY"].error or "")
    assert "a page of HTML" in (answers["PAGE"].error or "")
    assert isinstance(answers["A"].bars.schema["close"], pl.Float64)
