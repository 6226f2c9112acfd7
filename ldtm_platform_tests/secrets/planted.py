"""A home whose vendor key is planted, and a vendor that does all it can to have it written down somewhere."""

import json
from datetime import date
from threading import Lock

from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BarRequest, TickerBars
from ldtm_platform.sources.simulated import SimulatedSource
from ldtm_platform_tests.sources.vendor_server import Reply, Seen

KEY, SECRET = "PLANTEDKEY7f3a9c51", "PLANTEDSECRET0b6e42d8aa17"
START, LAST = date(2024, 7, 1), date(2024, 7, 31)
MARKET = SimulatedSource(seed=0, sectors={"AMGN": "x", "AMZN": "x"}, start=START, listings={})


class Echo:
    """Alpaca, as it answers. refuses: whether it takes the key at all. Whatever it says, it says the key with it."""

    def __init__(self) -> None:
        self.refuses = True
        self._lock, self._asked = Lock(), 0

    def __call__(self, seen: Seen) -> Reply:
        """The answer to a request."""
        keys = f"{seen.headers.get('APCA-API-KEY-ID')} {seen.headers.get('APCA-API-SECRET-KEY')}"
        if self.refuses:
            return Reply(401, f"the key {keys} is wrong, see http://127.0.0.1/?key={keys}".encode())
        with self._lock:
            self._asked += 1
            fault = {1: Reply(500, keys.encode()), 2: Reply(429, keys.encode(), {"X-Key": keys})}.get(self._asked)
        if fault:
            return fault
        if seen.path == "/v2/stocks/bars":
            return self._bars(seen.params["symbols"].split(","), keys)
        if seen.path == "/v1/corporate-actions":
            return Reply(body=b'{"corporate_actions": {}, "next_page_token": null}')
        headline = {"id": 1, "headline": f"Key {keys} seen", "url": f"https://news.example/{KEY}", "symbols": ["AMGN"]}
        told = {**headline, "created_at": "2024-07-31T12:00:00Z", "source": keys, "author": keys, "summary": keys}
        return Reply(body=json.dumps({"news": [told], "next_page_token": None}).encode())

    def _bars(self, tickers: list[str], keys: str) -> Reply:
        if "ARM" in tickers:
            return Reply(400, f"invalid symbol: ARM for {keys}".encode())
        if "NVDA" in tickers:
            return Reply(body=f"<html>{keys}</html>".encode())
        # Rows that are no bars go to the quarantine as they came.
        odd = [{"t": f"{day}T04:00:00Z", "o": keys, "h": 1, "l": 1, "c": keys, "v": KEY} for day in odd_days()]
        answers = MARKET.fetch([BarRequest(ticker, START, date(2024, 8, 1)) for ticker in tickers])
        bars = {answer.ticker: odd + bars_of(answer) for answer in answers}
        return Reply(body=json.dumps({"bars": bars, "next_page_token": None}).encode())


def bars_of(answer: TickerBars) -> list[dict[str, object]]:
    """A ticker's bars as Alpaca writes them."""
    return [
        {"t": f"{day}T04:00:00Z", **dict(zip("ohlcv", values, strict=True))}
        for day, *values in answer.bars.drop("ticker").iter_rows()
    ]


def odd_days() -> list[date]:
    """Days of which there are only odd rows."""
    return sessions_between(date(2024, 6, 27), START)


SETTINGS = {
    "LDTM_SOURCE": "alpaca",
    "LDTM_NEWS": "alpaca",
    "LDTM_ALPACA_KEY": KEY,
    "LDTM_ALPACA_SECRET": SECRET,
    "LDTM_HISTORY_START": "2024-06-27",
    "LDTM_LAST_SESSION": LAST.isoformat(),
}
PLANTED = (KEY, SECRET)
