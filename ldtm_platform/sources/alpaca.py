"""Alpaca's daily bars, raw, with splits and cash dividends. Times are the start of a day in New York, said in UTC.

https://docs.alpaca.markets/reference/stockbars and /corporateactions-1; how it is asked is in alpaca_requests.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from pydantic import SecretStr

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.alpaca_requests import FIELDS, URL, Batch, alpaca, bars_in, batches, in_batches, pages
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars, no_actions, no_answer
from ldtm_platform.sources.http import VendorClient
from ldtm_platform.sources.rows import actions_frame, bars_frame, items, number, table
from ldtm_platform.sources.vendor import Malformed, Patience

# The range of corporate actions goes by the day they are processed, for dividends weeks after the ex-date.
_PROCESSED_WITHIN = timedelta(days=90)


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
        self._vendor = alpaca(key, secret, base_url, patience)
        self._now = now

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request, batch by batch. Raises SourceError when the key is refused."""
        with VendorClient(self._vendor) as client:
            yield from in_batches(batches(requests), lambda batch: self._answers(client, batch), no_answer)

    def _answers(self, client: VendorClient, batch: Batch) -> list[TickerBars]:
        bars = bars_in(client, batch, "1Day", self._now())
        actions = self._actions(client, batch)
        return [ticker_bars(ticker, bars, actions, batch.end) for ticker in batch.tickers]

    def _actions(self, client: VendorClient, batch: Batch) -> list["Action"]:
        asked = {
            "symbols": ",".join(batch.tickers),
            "types": "forward_split,reverse_split,cash_dividend",
            "start": (batch.start - _PROCESSED_WITHIN).isoformat(),
            "end": self._now().astimezone(NEW_YORK).date().isoformat(),
            "limit": "1000",
        }
        return [row for page in pages(client, "/v1/corporate-actions", asked) for row in actions_of(page)]


@dataclass(frozen=True)
class Action:
    """A split or a dividend of a ticker (any JSON, as the vendor wrote it)."""

    ticker: object
    ex_date: date
    kind: str
    value: float


def actions_of(page: dict[str, object]) -> list[Action]:
    """A page's splits and dividends. Raises Malformed."""
    lists = table(page.get("corporate_actions"), "alpaca: corporate_actions")
    found: list[Action] = []
    for name in ("forward_splits", "reverse_splits", "cash_dividends"):
        for entry in items(lists.get(name) or [], f"alpaca: {name}"):
            row = table(entry, f"alpaca: one of {name}")
            kind = "dividend" if name == "cash_dividends" else "split"
            found.append(Action(row.get("symbol"), _ex_date(row), kind, _value(row, kind)))
    return found


def ticker_bars(ticker: str, bars: Mapping[str, list[object]], actions: Sequence[Action], end: date) -> TickerBars:
    """One ticker's part of what `bars_of` and `actions_of` read; an error where its bars cannot be told from it."""
    try:
        rows = [table(row, f"alpaca: a bar of {ticker}") for row in bars.get(ticker, [])]
        days = [_day(row.get("t"), ticker) for row in rows]
    except Malformed as error:
        return no_answer(ticker, str(error))
    frame = bars_frame(ticker, days, {name: [row.get(short) for row in rows] for name, short in FIELDS.items()})
    return TickerBars(ticker, frame, _own_actions(ticker, actions, end))


def _own_actions(ticker: str, actions: Sequence[Action], end: date) -> pl.DataFrame:
    # The same payment may be on two pages; two payments of one day differ in their amount.
    rows = {(row.ex_date, row.kind, row.value) for row in actions if row.ticker == ticker and row.ex_date < end}
    return actions_frame(ticker, list(rows)) if rows else no_actions()


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
