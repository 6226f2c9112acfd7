"""How Alpaca is asked: whose key, how many tickers and rows at once, page by page, and what a refusal spoils.

https://docs.alpaca.markets/reference/stockbars. A free key reads all US exchanges with a delay of 15 minutes: `feed` is
left out, which takes the best that the plan has, and no request ends later than 16 minutes ago, which the free plan
would refuse.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import TypeVar

from pydantic import SecretStr

from ldtm_platform.sessions import NEW_YORK, sessions_between
from ldtm_platform.sources.base import BarRequest, SourceError
from ldtm_platform.sources.http import VendorClient, in_parallel
from ldtm_platform.sources.rows import items, table
from ldtm_platform.sources.vendor import KeyRefused, Malformed, Patience, Rejected, Vendor, VendorError

URL = "https://data.alpaca.markets"
DELAY = timedelta(minutes=16)
FIELDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
# A page holds 10,000 bars, of all tickers of a request together.
_ROWS_A_PAGE = 10_000
_TICKERS_A_REQUEST = 35
# What a request's pages may hold: a failure costs no more than this, and so does what is in memory at once.
_PAGES_A_REQUEST = 12
_MOST_PAGES = 1_000

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Batch:
    """Tickers whose bars over [start, end) are asked for in one request."""

    tickers: tuple[str, ...]
    start: date
    end: date


def alpaca(key: SecretStr, secret: SecretStr, base_url: str = URL, patience: Patience | None = None) -> Vendor:
    """The vendor, with a key of the user's own."""
    headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
    # The free plan allows 200 requests a minute.
    return Vendor("alpaca", base_url, 180, 60.0, headers, patience or Patience())


def in_batches(
    asked: Sequence[Batch], ask: Callable[[Batch], list[Answer]], refuse: Callable[[str, str], Answer]
) -> Iterator[Answer]:
    """Every ticker's answer, batch by batch; refuse makes one of a ticker and a reason.

    Raises SourceError when the key is refused.
    """
    try:
        for answers in in_parallel(asked, lambda batch: _answers_of(batch, ask, refuse)):
            yield from answers
    except KeyRefused as error:
        raise SourceError(f"{error} (LDTM_ALPACA_KEY, LDTM_ALPACA_SECRET)") from error


def _answers_of(
    batch: Batch, ask: Callable[[Batch], list[Answer]], refuse: Callable[[str, str], Answer]
) -> list[Answer]:
    try:
        return ask(batch)
    except Rejected as error:
        # One ticker that it does not know spoils the request of all: ask for the halves.
        if len(batch.tickers) == 1:
            return [refuse(batch.tickers[0], f"{batch.tickers[0]}: {error}")]
        half = len(batch.tickers) // 2
        parts = (batch.tickers[:half], batch.tickers[half:])
        return [a for part in parts for a in _answers_of(Batch(part, batch.start, batch.end), ask, refuse)]
    except KeyRefused:
        raise
    except VendorError as error:
        return [refuse(ticker, str(error)) for ticker in batch.tickers]


def bars_in(client: VendorClient, batch: Batch, timeframe: str, now: datetime) -> dict[str, list[object]]:
    """Every page of a batch's raw bars, by ticker: from its start's midnight in New York, as late as the plan allows.

    Raises VendorError.
    """
    end = min(midnight(batch.end) - timedelta(seconds=1), now - DELAY)
    if end <= midnight(batch.start):
        return {}
    asked = {
        "symbols": ",".join(batch.tickers),
        "timeframe": timeframe,
        "adjustment": "raw",
        "start": f"{midnight(batch.start):%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "limit": str(_ROWS_A_PAGE),
    }
    bars: dict[str, list[object]] = {}
    for page in pages(client, "/v2/stocks/bars", asked):
        for ticker, rows in bars_of(page).items():
            bars.setdefault(ticker, []).extend(rows)
    return bars


def pages(client: VendorClient, path: str, asked: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Every page of a list. Raises VendorError; Malformed when a page leads back to itself or they do not end."""
    token, params = None, dict(asked)
    for _ in range(_MOST_PAGES):
        page = table(client.get_json(path, params), "alpaca: the answer")
        yield page
        before, token = token, page.get("next_page_token")
        if not token:
            return
        if not isinstance(token, str) or token == before:
            raise Malformed("alpaca: the pages of an answer lead nowhere")
        params["page_token"] = token
    raise Malformed(f"alpaca: an answer of more than {_MOST_PAGES} pages")


def bars_of(page: dict[str, object]) -> dict[str, list[object]]:
    """The bars of each ticker on a page. Raises Malformed."""
    if page.get("bars") is None and "bars" in page:
        return {}
    bars = table(page.get("bars"), "alpaca: bars")
    return {ticker: items(rows, f"alpaca: bars of {ticker}") for ticker, rows in bars.items()}


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)


def batches(requests: Sequence[BarRequest], rows_a_session: int = 1) -> list[Batch]:
    """Requests of one range together, as many tickers as one may name and a handful of pages can hold."""
    by_range = sorted(requests, key=lambda request: (request.start, request.end))
    found = []
    for (start, end), same in groupby(by_range, key=lambda request: (request.start, request.end)):
        tickers = [request.ticker for request in same]
        rows = max(1, rows_a_session * len(sessions_between(start, end)))
        most = min(_TICKERS_A_REQUEST, max(1, _PAGES_A_REQUEST * _ROWS_A_PAGE // rows))
        parts = range(0, len(tickers), most)
        found += [Batch(tuple(tickers[at : at + most]), start, end) for at in parts]
    return found
