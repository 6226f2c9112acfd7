"""Alpaca's hours: what is asked, page by page and in pieces; what is kept; recorded bodies of other requests."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from ldtm_platform.prices.hourly.bars import SortedHours, sort_hours
from ldtm_platform.sources.base import BarRequest, SourceError
from ldtm_platform.sources.hourly import TickerHours
from ldtm_platform.sources.hourly_alpaca import HourlyAlpaca
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, VendorServer, serving

NOW = datetime(2024, 7, 3, 21, tzinfo=UTC)
DAY = date(2024, 7, 2)
NOTHING = pl.DataFrame(schema={"ticker": pl.String, "date": pl.Date, "grid": pl.String})


def fetched(
    server: VendorServer, *tickers: str, start: date = DAY, end: date = date(2024, 7, 4)
) -> dict[str, TickerHours]:
    source = HourlyAlpaca(
        SecretStr("the-key"), SecretStr("the-secret"), base_url=server.url, patience=QUICK, now=lambda: NOW
    )
    return {answer.ticker: answer for answer in source.fetch([BarRequest(ticker, start, end) for ticker in tickers])}


def hours_of(day: date, first: int = 4, last: int = 19) -> list[dict[str, object]]:
    """Alpaca's bars of a day of summer time, from an hour in New York to another."""
    return [
        {"t": f"{day}T{hour + 4:02}:00:00Z", "o": 10, "h": 11, "l": 9, "c": 10.5, "v": 100, "n": 3, "vw": 10.1}
        for hour in range(first, last + 1)
    ]


def page(bars: Mapping[str, Sequence[object]], token: str | None = None) -> Reply:
    return Reply(body=json.dumps({"bars": bars, "next_page_token": token}).encode())


def judged(answer: TickerHours) -> SortedHours:
    assert answer.error is None
    return sort_hours(answer.bars, NOTHING, NOW)


def test_hours_are_asked_for_raw_page_by_page_as_late_as_the_plan_allows() -> None:
    def answer(seen: Seen) -> Reply:
        if "page_token" in seen.params:
            return page({"AAPL": hours_of(DAY, 12), "MSFT": hours_of(DAY)})
        return page({"AAPL": hours_of(DAY, 4, 11)}, "next")

    with serving(answer) as server:
        answers = fetched(server, "AAPL", "MSFT")
    assert {ticker: one.bars.height for ticker, one in answers.items()} == {"AAPL": 16, "MSFT": 16}
    first, second = (seen.params for seen in server.seen)
    assert (first["timeframe"], first["adjustment"], first["symbols"]) == ("1Hour", "raw", "AAPL,MSFT")
    assert (first["start"], first["end"]) == ("2024-07-02T04:00:00Z", "2024-07-03T20:44:00Z")
    assert second["page_token"] == "next"


def test_early_and_late_hours_are_left_out_and_the_first_is_flagged_as_holding_some() -> None:
    with serving(lambda _: page({"AAPL": hours_of(DAY)})) as server:
        found = judged(fetched(server, "AAPL")["AAPL"])
    local = found.good["start_at"].dt.convert_time_zone("America/New_York").dt.hour().to_list()
    assert local == [9, 10, 11, 12, 13, 14, 15]
    assert found.good["is_extended"].to_list() == [True] + [False] * 6
    assert found.good["grid"].unique().to_list() == ["hour"]
    assert found.left_out == {"outside the session's hours": 9}


def test_the_hours_after_an_early_close_are_no_part_of_the_session() -> None:
    with serving(lambda _: page({"AAPL": hours_of(date(2024, 7, 3))})) as server:
        good = judged(fetched(server, "AAPL")["AAPL"]).good
    assert good["start_at"].dt.convert_time_zone("America/New_York").dt.hour().to_list() == [9, 10, 11, 12]


def test_long_ranges_are_asked_in_pieces_sized_from_a_page() -> None:
    tickers = [f"T{at}" for at in range(103)]
    with serving(lambda _: page({})) as server:
        fetched(server, *tickers, start=date(2024, 6, 18))
        weeks = [len(seen.params["symbols"].split(",")) for seen in server.seen]
        server.seen.clear()
        fetched(server, *tickers, start=date(2015, 1, 2))
        decade = [len(seen.params["symbols"].split(",")) for seen in server.seen]
    assert sorted(weeks) == [33, 35, 35]
    # 2,390 sessions of 16 hours: three tickers fill twelve pages.
    assert set(decade) == {1, 3}
    assert sum(decade) == 103


def test_a_ticker_that_is_not_known_does_not_spoil_the_others() -> None:
    def answer(seen: Seen) -> Reply:
        tickers = seen.params["symbols"].split(",")
        if "N0NE" in tickers:
            return Reply(400, b'{"message": "invalid symbol: N0NE"}')
        return page({ticker: hours_of(DAY) for ticker in tickers})

    with serving(answer) as server:
        answers = fetched(server, "A", "B", "N0NE", "C")
    assert {ticker: one.bars.height for ticker, one in answers.items()} == {"A": 16, "B": 16, "N0NE": 0, "C": 16}
    assert "invalid symbol" in (answers["N0NE"].error or "")


@pytest.mark.parametrize("fault", ["reset", "half", "503"])
def test_a_fault_is_tried_again_and_then_named(fault: str) -> None:
    bad = Reply(503) if fault == "503" else Reply(body=page({"AAPL": hours_of(DAY)}).body, fault=fault)
    replies = [bad, page({"AAPL": hours_of(DAY)})]
    with serving(lambda _: replies.pop(0)) as server:
        assert fetched(server, "AAPL")["AAPL"].bars.height == 16
    with serving(lambda _: bad) as server:
        assert fetched(server, "AAPL")["AAPL"].error


def test_a_refused_key_ends_it_all_and_is_not_told() -> None:
    with serving(lambda seen: Reply(403, seen.headers["APCA-API-SECRET-KEY"].encode())) as server:
        with pytest.raises(SourceError, match="LDTM_ALPACA_KEY") as caught:
            fetched(server, "AAPL")
        assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bars_0.json", "begins at 00:00 in New York, which is no hourly bar"),
        ("bars_1.json", None),
        ("bars_2.json", "begins at 00:00 in New York, which is no hourly bar"),
        ("bars_3.json", None),
        ("bars_4.json", None),
        ("bars_18.json", "bars of SPY is no JSON array"),
        ("bars_19.json", "bars of SPY is no JSON array"),
        ("news_0.json", "bars is no JSON object"),
    ],
)
def test_a_recorded_body_of_another_request_is_a_named_error_or_empty(
    shared_data: Path, name: str, told: str | None
) -> None:
    body = (shared_data / "wire" / "alpaca" / name).read_bytes()
    replies = [Reply(body=body)]
    with serving(lambda _: replies.pop(0) if replies else page({})) as server:
        answer = fetched(server, "AAPL")["AAPL"]
    assert (told or "") in (answer.error or "")
    assert (answer.error is None) == (told is None)
    assert answer.bars.height == 0


def test_recorded_bars_moved_to_trading_hours_are_stored_as_recorded(shared_data: Path) -> None:
    """No recorded body holds hourly bars: these are recorded daily ones, each told at 10:00 and 11:00 of its day."""
    recorded = json.loads((shared_data / "wire" / "alpaca" / "bars_0.json").read_bytes())
    for rows in recorded["bars"].values():
        for row in rows:
            row["t"] = row["t"].replace("T05", "T15")
    replies = [Reply(body=json.dumps(recorded).encode()), page({})]
    with serving(lambda _: replies.pop(0) if replies else page({})) as server:
        good = judged(fetched(server, "AAPL", start=date(2022, 2, 1), end=date(2022, 2, 3))["AAPL"]).good
    assert good.select("date", "open", "close", "volume").rows() == [
        (date(2022, 2, 1), 174.0, 174.61, 85998033),
        (date(2022, 2, 2), 174.64, 175.84, 84817432),
    ]
    assert (good["known_at"] - good["start_at"]).unique().to_list() == [timedelta(hours=2)]


@pytest.mark.parametrize("value", [None, 7, "x", "2024-07-02T14:00:00", "0001-01-01T00:00:00+14:00", [], {}])
def test_a_start_that_cannot_be_read_is_quarantined(value: object) -> None:
    bars = [*hours_of(DAY, 10, 11), {"t": value, "o": 10, "h": 11, "l": 9, "c": 10, "v": 1}]
    with serving(lambda _: page({"AAPL": bars})) as server:
        found = judged(fetched(server, "AAPL")["AAPL"])
    assert (found.good.height, found.bad.height) == (2, 1)


@pytest.mark.parametrize("start", ["2024-07-02T14:30:00Z", "2024-07-02T03:00:00Z", "2024-07-02T14:00:01Z"])
def test_bars_of_another_length_are_a_named_error(start: str) -> None:
    with serving(lambda _: page({"AAPL": [{"t": start}]})) as server:
        assert "which is no hourly bar" in (fetched(server, "AAPL")["AAPL"].error or "")
