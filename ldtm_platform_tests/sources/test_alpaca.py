"""Alpaca: recorded pages are the right frames or named errors; pages, batches, the delay and corporate actions."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ldtm_platform.sources.alpaca import AlpacaSource
from ldtm_platform.sources.base import BarRequest, SourceError, TickerBars
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, VendorServer, serving

NO_ACTIONS: dict[str, object] = {"corporate_actions": {}, "next_page_token": None}
NO_MORE_BARS: dict[str, object] = {"bars": {}, "next_page_token": None}
NOW = datetime(2024, 6, 3, 22, tzinfo=UTC)
RANGE = (date(2022, 1, 3), date(2024, 6, 4))


def page(value: object) -> Reply:
    return Reply(body=json.dumps(value).encode())


def fetched(server: VendorServer, *tickers: str, start: date = RANGE[0], end: date = RANGE[1]) -> dict[str, TickerBars]:
    source = AlpacaSource(
        SecretStr("the-key"), SecretStr("the-secret"), base_url=server.url, patience=QUICK, now=lambda: NOW
    )
    return {answer.ticker: answer for answer in source.fetch([BarRequest(ticker, start, end) for ticker in tickers])}


def bars_pages(pages: Sequence[bytes], actions: object = NO_ACTIONS) -> Callable[[Seen], Reply]:
    """An answer per page of bars, in order; then empty ones."""
    left = list(pages)

    def answer(seen: Seen) -> Reply:
        if seen.path == "/v1/corporate-actions":
            return page(actions)
        return Reply(body=left.pop(0)) if left else page(NO_MORE_BARS)

    return answer


def recorded(shared_data: Path, *names: str) -> list[bytes]:
    return [(shared_data / "wire" / "alpaca" / name).read_bytes() for name in names]


def test_recorded_pages_are_read_and_followed_by_their_token(shared_data: Path) -> None:
    with serving(bars_pages(recorded(shared_data, "bars_0.json", "bars_2.json"))) as server:
        answers = fetched(server, "AAPL", "TSLA", "MSFT")
    bars = answers["AAPL"].bars
    assert bars.select("date", "open", "close", "volume").rows() == [
        (date(2022, 2, 1), 174.0, 174.61, 85998033.0),
        (date(2022, 2, 2), 174.64, 175.84, 84817432.0),
        (date(2022, 3, 9), 161.51, 162.95, 88496480.0),
    ]
    assert answers["TSLA"].bars["date"].to_list() == [date(2022, 3, 9)]
    assert (answers["MSFT"].bars.height, answers["MSFT"].error) == (0, None)
    asked = [seen for seen in server.seen if seen.path == "/v2/stocks/bars"]
    assert [seen.params.get("page_token", "")[:8] for seen in asked] == ["", "QUFQTHxE"]
    assert asked[0].params["symbols"] == "AAPL,TSLA,MSFT"
    assert "feed" not in asked[0].params


@pytest.mark.parametrize("name", ["bars_3.json", "bars_4.json"])
def test_a_recorded_page_without_bars_is_no_error(shared_data: Path, name: str) -> None:
    with serving(bars_pages(recorded(shared_data, name))) as server:
        answer = fetched(server, "AAPL")["AAPL"]
    assert (answer.bars.height, answer.error) == (0, None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bars_18.json", "bars of SPY is no JSON array"),
        ("bars_19.json", "bars of SPY is no JSON array"),
        ("news_0.json", "bars is no JSON object"),
    ],
)
def test_a_recorded_body_of_another_request_is_a_named_error(shared_data: Path, name: str, told: str) -> None:
    with serving(bars_pages(recorded(shared_data, name))) as server:
        answer = fetched(server, "SPY")["SPY"]
    assert told in (answer.error or "")


def test_newest_first_is_read_too(shared_data: Path) -> None:
    with serving(bars_pages(recorded(shared_data, "bars_1.json"))) as server:
        answer = fetched(server, "TSLA")["TSLA"]
    assert answer.bars["date"].to_list() == [date(2023, 9, 27), date(2023, 9, 26), date(2023, 9, 25)]


def test_the_delay_of_the_free_plan_is_kept() -> None:
    with serving(bars_pages([])) as server:
        fetched(server, "AAPL")
        fetched(server, "AAPL", end=date(2023, 1, 2))
    ends = [seen.params["end"] for seen in server.seen if seen.path == "/v2/stocks/bars"]
    assert ends == ["2024-06-03T21:44:00Z", "2023-01-02T04:59:59Z"]


def test_splits_and_dividends_are_read_and_future_ones_are_not() -> None:
    actions = {
        "forward_splits": [{"symbol": "NVDA", "new_rate": 10, "old_rate": 1, "ex_date": "2024-05-10"}],
        "reverse_splits": [{"symbol": "XYZ", "new_rate": 1, "old_rate": 4, "ex_date": "2024-05-13"}],
        "cash_dividends": [
            {"symbol": "NVDA", "rate": 0.04, "special": False, "ex_date": "2024-03-05"},
            {"symbol": "NVDA", "rate": 1.0, "special": True, "ex_date": "2024-03-05"},
            {"symbol": "NVDA", "rate": 0.01, "special": False, "ex_date": "2024-06-11"},
        ],
    }
    with serving(bars_pages([], {"corporate_actions": actions, "next_page_token": None})) as server:
        answers = fetched(server, "NVDA", "XYZ")
    assert answers["NVDA"].actions.rows() == [
        ("NVDA", date(2024, 3, 5), "dividend", 1.04),
        ("NVDA", date(2024, 5, 10), "split", 10.0),
    ]
    assert answers["XYZ"].actions["value"].to_list() == [0.25]


def test_without_its_splits_a_ticker_is_not_taken() -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(503) if "corporate" in seen.path else page(NO_MORE_BARS)

    with serving(answer) as server:
        assert "503" in (fetched(server, "AAPL")["AAPL"].error or "")


def test_a_ticker_that_is_not_known_does_not_spoil_the_others() -> None:
    bar = {"t": "2024-05-01T04:00:00Z", "o": 1, "h": 2, "l": 1, "c": 2, "v": 3}

    def answer(seen: Seen) -> Reply:
        tickers = seen.params["symbols"].split(",")
        if "N0NE" in tickers:
            return Reply(400, b'{"message": "invalid symbol: N0NE"}')
        if "corporate" in seen.path:
            return page(NO_ACTIONS)
        return page({"bars": {ticker: [bar] for ticker in tickers}, "next_page_token": None})

    with serving(answer) as server:
        answers = fetched(server, "A", "B", "N0NE", "C", "D")
    assert {ticker: one.bars.height for ticker, one in answers.items()} == {"A": 1, "B": 1, "N0NE": 0, "C": 1, "D": 1}
    assert "invalid symbol: N0NE" in (answers["N0NE"].error or "")


def test_a_refused_key_ends_it_all_and_is_not_told() -> None:
    with serving(lambda seen: Reply(401, seen.headers["APCA-API-SECRET-KEY"].encode())) as server:
        with pytest.raises(SourceError, match="LDTM_ALPACA_KEY") as caught:
            fetched(server, "AAPL", "MSFT")
        assert "the-secret" not in str(caught.value)
        assert "the-key" not in str(caught.value)


def test_pages_that_lead_back_to_themselves_end() -> None:
    with serving(lambda _: page({"bars": {}, "next_page_token": "again"})) as server:
        assert "lead nowhere" in (fetched(server, "AAPL")["AAPL"].error or "")


def test_a_bar_that_is_not_of_a_day_is_a_named_error() -> None:
    bars = {"bars": {"AAPL": [{"t": "2024-05-01T19:59:00Z"}]}, "next_page_token": None}
    with serving(bars_pages([json.dumps(bars).encode()])) as server:
        assert "begins at 15:59" in (fetched(server, "AAPL")["AAPL"].error or "")


def test_a_whole_universe_is_a_handful_of_requests() -> None:
    tickers = [f"T{at}" for at in range(103)]
    with serving(bars_pages([])) as server:
        assert list(fetched(server, *tickers)) != []
    assert len(server.seen) == 6
