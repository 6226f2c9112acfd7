"""Yahoo Finance's chart, v8: daily bars of one ticker, adjusted for splits, with splits, dividends and capital gains.

No key and no promise: the address is undocumented, for personal use, and answers 429 when asked too often. Prices are
adjusted for every split up to now and not for dividends (`adjclose`, which is, is left aside). Whatever range is asked
for, the vendor is asked for everything up to now: only so are all the splits known that its prices are adjusted for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.base import BAR_COLUMNS, BarRequest, MarketDataSource, TickerBars, no_answer
from ldtm_platform.sources.http import VendorClient, in_parallel
from ldtm_platform.sources.rows import actions_frame, bars_frame, items, number, table
from ldtm_platform.sources.vendor import Malformed, NotThere, Patience, Rejected, Vendor, VendorError, parsed

URL = "https://query1.finance.yahoo.com"
_VALUES = BAR_COLUMNS[2:]
_PAID = ("dividends", "capitalGains")


class YahooSource(MarketDataSource):
    """Daily bars from Yahoo's chart. now: the clock. per_second: the most requests; no limit is published."""

    name = "yahoo"
    price_basis = "split_adjusted"

    def __init__(
        self,
        *,
        base_url: str = URL,
        patience: Patience | None = None,
        per_second: int = 2,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._vendor = Vendor("yahoo", base_url, per_second, 1.0, patience=patience or Patience())
        self._now = now

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request, as each arrives."""
        with VendorClient(self._vendor) as client:
            yield from in_parallel(requests, lambda request: self._answer(client, request))

    def _answer(self, client: VendorClient, request: BarRequest) -> TickerBars:
        until = self._now() + timedelta(days=1)
        asked = {
            "period1": str(int(datetime.combine(request.start, time(), NEW_YORK).timestamp())),
            "period2": str(int(until.timestamp())),
            "interval": "1d",
            "events": "div|split|capitalGains",
        }
        try:
            body = client.get(f"/v8/finance/chart/{quote(_symbol(request), safe='')}", asked).content
            return chart(body, request)
        except NotThere as error:
            return no_answer(request.ticker, f"{request.ticker} is unknown or delisted: {error}", gone=True)
        except VendorError as error:
            return no_answer(request.ticker, f"{request.ticker}: {error}")


@dataclass(frozen=True)
class _Meta:
    symbol: str
    granularity: str
    zone: ZoneInfo
    live_at: object

    def day(self, stamp: object) -> date | None:
        """The day in the exchange's time; None when the stamp is no time."""
        if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not 0 < stamp < 4e9:
            return None
        return datetime.fromtimestamp(stamp, self.zone).date()


def chart(body: bytes, request: BarRequest) -> TickerBars:
    """A chart's body as the answer to a request. Raises VendorError, saying what of it is not as it should be.

    Bars outside the range are left out, and so are days without any value (the vendor's way to say: no bar), and the
    live quote that the vendor puts behind the bar of the same day.
    """
    result = _result(body)
    meta = _meta(result)
    if meta.symbol.upper() != _symbol(request).upper():
        raise Malformed(f"yahoo: the answer is about {meta.symbol[:20]!r}")
    stamps = items(result.get("timestamp", []), "yahoo: timestamp")
    if stamps and meta.granularity != "1d":
        raise Malformed(f"yahoo: bars of {meta.granularity[:20]!r}, not of a day")
    bars = _bars(request.ticker, stamps, result, meta)
    in_range = pl.col("date").is_null() | pl.col("date").is_between(request.start, request.end, closed="left")
    return TickerBars(request.ticker, bars.filter(in_range), _actions(request, result.get("events"), meta))


def _symbol(request: BarRequest) -> str:
    """Classes of shares are BRK-B there, not BRK.B."""
    return request.ticker.replace(".", "-")


def _result(body: bytes) -> dict[str, object]:
    answer = table(table(parsed(body, "yahoo"), "yahoo: the answer").get("chart"), "yahoo: chart")
    if answer.get("error") is not None:
        error = answer["error"]
        code, said = (error.get("code"), error.get("description")) if isinstance(error, dict) else (None, error)
        # Only this word is about the ticker: others (a session that ended, a request refused) pass.
        raise (NotThere if code == "Not Found" else Rejected)(f"yahoo says {str(said)[:200]!r}")
    results = items(answer.get("result"), "yahoo: result")
    return table(results[0] if results else None, "yahoo: the first result")


def _meta(result: dict[str, object]) -> _Meta:
    meta = table(result.get("meta"), "yahoo: meta")
    try:
        zone = ZoneInfo(str(meta.get("exchangeTimezoneName")))
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise Malformed("yahoo: no time zone of the exchange") from error
    except KeyError as error:
        raise Malformed("yahoo: an unknown time zone of the exchange") from error
    return _Meta(str(meta.get("symbol")), str(meta.get("dataGranularity")), zone, meta.get("regularMarketTime"))


def _bars(ticker: str, stamps: list[object], result: dict[str, object], meta: _Meta) -> pl.DataFrame:
    if not stamps:
        return bars_frame(ticker, [], dict.fromkeys(_VALUES, ()))
    quotes = items(table(result.get("indicators"), "yahoo: indicators").get("quote"), "yahoo: quote")
    first = table(quotes[0] if quotes else None, "yahoo: the first quote")
    columns = {name: items(first.get(name), f"yahoo: {name}") for name in _VALUES}
    if any(len(values) != len(stamps) for values in columns.values()):
        raise Malformed("yahoo: the columns of the bars differ in length")
    days = [meta.day(stamp) for stamp in stamps]
    live = len(days) > 1 and days[-1] == days[-2] and stamps[-1] == meta.live_at
    frame = bars_frame(ticker, days, columns)
    frame = frame.head(-1) if live else frame
    return frame.filter(~pl.all_horizontal(pl.col(name).is_null() for name in _VALUES))


def _actions(request: BarRequest, told: object, meta: _Meta) -> pl.DataFrame:
    events = table(told, "yahoo: events") if told is not None else {}
    rows: list[tuple[date, str, float | None]] = []
    for event in _events(events, "splits"):
        old = number(event.get("denominator"), "yahoo: the denominator of a split")
        value = number(event.get("numerator"), "yahoo: the numerator of a split") / old if old else None
        rows.append((_event_day(event, meta), "split", value))
    for kind in _PAID:
        for event in _events(events, kind):
            day = _event_day(event, meta)
            if request.start <= day < request.end:
                rows.append((day, "dividend", number(event.get("amount"), f"yahoo: the amount of one of {kind}")))
    return actions_frame(request.ticker, rows)


def _events(events: dict[str, object], kind: str) -> list[dict[str, object]]:
    listed = table(events.get(kind) or {}, f"yahoo: {kind}")
    return [table(event, f"yahoo: one of {kind}") for event in listed.values()]


def _event_day(event: dict[str, object], meta: _Meta) -> date:
    day = meta.day(event.get("date"))
    if day is None:
        raise Malformed("yahoo: a corporate action without a date")
    return day
