"""Alpaca's market data: raw daily bars of many tickers in one request, splits and cash dividends.

https://docs.alpaca.markets/reference/stockbars and /corporateactions-1. A free key reads all US exchanges with a delay
of 15 minutes: `feed` is left out, which takes the best that the plan has, and no request ends later than 16 minutes
ago, which the free plan would refuse. Times are the start of a day in New York, said in UTC.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

import polars as pl
from pydantic import SecretStr

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError, TickerBars, no_actions, no_answer
from ldtm_platform.sources.http import VendorClient, in_parallel
from ldtm_platform.sources.rows import actions_frame, bars_frame, items, number, table
from ldtm_platform.sources.vendor import KeyRefused, Malformed, Patience, Rejected, Vendor, VendorError

URL = "https://data.alpaca.markets"
DELAY = timedelta(minutes=16)
# A page holds 10,000 bars, of all tickers of a request together.
_ROWS_A_PAGE = 10_000
_TICKERS_A_REQUEST = 35
_MOST_PAGES = 1_000
# The range of corporate actions goes by the day they are processed, for dividends weeks after the ex-date.
_PROCESSED_WITHIN = timedelta(days=90)
_FIELDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


@dataclass(frozen=True)
class _Batch:
    tickers: tuple[str, ...]
    start: date
    end: date


class AlpacaSource(MarketDataSource):
    """Daily bars as traded, with a key of the user's own. now: the clock."""

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
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        # The free plan allows 200 requests a minute.
        self._vendor = Vendor("alpaca", base_url, 180, 60.0, headers, patience or Patience())
        self._now = now

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request, batch by batch. Raises SourceError when the key is refused."""
        with VendorClient(self._vendor) as client:
            try:
                for answers in in_parallel(_batches(requests), lambda batch: self._answers(client, batch)):
                    yield from answers
            except KeyRefused as error:
                raise SourceError(f"{error} (LDTM_ALPACA_KEY, LDTM_ALPACA_SECRET)") from error

    def _answers(self, client: VendorClient, batch: _Batch) -> list[TickerBars]:
        try:
            bars = self._bars(client, batch)
            actions = self._actions(client, batch)
            return [ticker_bars(ticker, bars, actions, batch.end) for ticker in batch.tickers]
        except Rejected as error:
            # One ticker that it does not know spoils the request of all: ask for the halves.
            if len(batch.tickers) == 1:
                return [no_answer(batch.tickers[0], f"{batch.tickers[0]}: {error}")]
            half = len(batch.tickers) // 2
            parts = (batch.tickers[:half], batch.tickers[half:])
            return [answer for part in parts for answer in self._answers(client, _Batch(part, batch.start, batch.end))]
        except KeyRefused:
            raise
        except VendorError as error:
            return [no_answer(ticker, str(error)) for ticker in batch.tickers]

    def _bars(self, client: VendorClient, batch: _Batch) -> dict[str, list[object]]:
        end = min(_midnight(batch.end) - timedelta(seconds=1), self._now() - DELAY)
        if end <= _midnight(batch.start):
            return {}
        asked = {
            "symbols": ",".join(batch.tickers),
            "timeframe": "1Day",
            "adjustment": "raw",
            "start": f"{_midnight(batch.start):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "limit": str(_ROWS_A_PAGE),
        }
        bars: dict[str, list[object]] = {}
        for page in pages(client, "/v2/stocks/bars", asked):
            for ticker, rows in bars_of(page).items():
                bars.setdefault(ticker, []).extend(rows)
        return bars

    def _actions(self, client: VendorClient, batch: _Batch) -> list[dict[str, object]]:
        asked = {
            "symbols": ",".join(batch.tickers),
            "types": "forward_split,reverse_split,cash_dividend",
            "start": (batch.start - _PROCESSED_WITHIN).isoformat(),
            "end": self._now().astimezone(NEW_YORK).date().isoformat(),
            "limit": "1000",
        }
        return [row for page in pages(client, "/v1/corporate-actions", asked) for row in actions_of(page)]


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


def actions_of(page: dict[str, object]) -> list[dict[str, object]]:
    """A page's splits and dividends, each with kind, value and ex_date beside. Raises Malformed."""
    lists = table(page.get("corporate_actions"), "alpaca: corporate_actions")
    found: list[dict[str, object]] = []
    for name in ("forward_splits", "reverse_splits", "cash_dividends"):
        for entry in items(lists.get(name) or [], f"alpaca: {name}"):
            row = table(entry, f"alpaca: one of {name}")
            kind = "dividend" if name == "cash_dividends" else "split"
            found.append(
                {"ticker": row.get("symbol"), "ex_date": _ex_date(row), "kind": kind, "value": _value(row, kind)}
            )
    return found


def ticker_bars(
    ticker: str, bars: Mapping[str, list[object]], actions: Sequence[dict[str, object]], end: date
) -> TickerBars:
    """One ticker's part of what `bars_of` and `actions_of` read; an error where its bars cannot be told from it."""
    try:
        rows = [table(row, f"alpaca: a bar of {ticker}") for row in bars.get(ticker, [])]
        days = [_day(row.get("t"), ticker) for row in rows]
    except Malformed as error:
        return no_answer(ticker, str(error))
    frame = bars_frame(ticker, days, {name: [row.get(short) for row in rows] for name, short in _FIELDS.items()})
    return TickerBars(ticker, frame, _own_actions(ticker, actions, end))


def _own_actions(ticker: str, actions: Sequence[dict[str, object]], end: date) -> pl.DataFrame:
    # The same payment may be on two pages; two payments of one day differ in their amount.
    rows = {(row["ex_date"], row["kind"], row["value"]) for row in actions if row["ticker"] == ticker}
    known = [row for row in rows if row[0] < end]  # type: ignore[operator]
    return actions_frame(ticker, known) if known else no_actions()  # type: ignore[arg-type]


def _ex_date(row: dict[str, object]) -> date:
    try:
        return date.fromisoformat(str(row.get("ex_date")))
    except ValueError as error:
        raise Malformed("alpaca: a corporate action without a readable ex_date") from error


def _value(row: dict[str, object], kind: str) -> float:
    if kind == "dividend":
        return number(row.get("rate"), "alpaca: the rate of a dividend")
    old = number(row.get("old_rate"), "alpaca: the old_rate of a split")
    return number(row.get("new_rate"), "alpaca: the new_rate of a split") / old if old else 0.0


def _day(value: object, ticker: str) -> date | None:
    try:
        start = datetime.fromisoformat(str(value))
        local = start.astimezone(NEW_YORK) if start.tzinfo else start
    except (ValueError, OverflowError):
        return None
    if local.time() != time():
        raise Malformed(f"alpaca: a bar of {ticker} begins at {local:%H:%M}, which is no daily bar")
    return local.date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)


def _batches(requests: Sequence[BarRequest]) -> list[_Batch]:
    by_range = sorted(requests, key=lambda request: (request.start, request.end))
    batches = []
    for (start, end), same in groupby(by_range, key=lambda request: (request.start, request.end)):
        tickers = [request.ticker for request in same]
        parts = range(0, len(tickers), _TICKERS_A_REQUEST)
        batches += [_Batch(tuple(tickers[at : at + _TICKERS_A_REQUEST]), start, end) for at in parts]
    return batches
