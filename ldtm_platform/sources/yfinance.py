"""Yahoo's daily bars through the package yfinance, an extra: it keeps up with Yahoo's cookies and crumbs.

Prices are adjusted for every split up to now and not for dividends (`auto_adjust=False`); the package's own repair is
off, so that what is stored is what the vendor said. The package gets a session of ours: its requests wait their turn,
are asked again and end in time as those of every other vendor, its chase for a cookie included. What it keeps (cookies,
time zones) is kept in the folder that it is given. Whatever range is asked for, it is asked up to now: only so are all
the splits known that its prices are adjusted for. It asks ticker by ticker, three at once: Yahoo has no larger request.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import yfinance as yf
from yfinance.cache import get_tz_cache
from yfinance.exceptions import YFException, YFPricesMissingError, YFRateLimitError, YFTickerMissingError

from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.sources.base import (
    BAR_COLUMNS,
    BarRequest,
    MarketDataSource,
    SourceError,
    TickerBars,
    no_actions,
    no_answer,
)
from ldtm_platform.sources.browser import BoundedSession, NoAnswer
from ldtm_platform.sources.http import in_parallel
from ldtm_platform.sources.proxies import proxy_to
from ldtm_platform.sources.rows import actions_frame, bars_frame
from ldtm_platform.sources.vendor import Malformed, Patience, Vendor, VendorError

if TYPE_CHECKING:
    import pandas as pd

_HOST = "https://query2.finance.yahoo.com"
_PAID = ("Dividends", "Capital Gains")
# The package reads a body without asking first what is in it: a body that is not as it should be ends in any of these.
_MISREAD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class YfinanceSource(MarketDataSource):
    """Daily bars by way of yfinance. cache: the folder for what it keeps. base_url: instead of Yahoo's, for tests."""

    name = "yfinance"
    price_basis = "split_adjusted"

    def __init__(
        self, cache: Path, *, base_url: str = "", patience: Patience | None = None, per_second: int = 2
    ) -> None:
        self._cache = cache
        self._vendor = Vendor("yfinance", base_url, per_second, 1.0, patience=patience or Patience())

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """One answer per request, as each arrives."""
        self._cache.mkdir(parents=True, exist_ok=True)
        yf.set_tz_cache_location(str(self._cache))
        # Errors come as exceptions, each with its ticker, and not as lines in a log.
        yf.config.debug.hide_exceptions = False
        for noisy in ("yfinance", "bs4.dammit"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")
        with BoundedSession(self._vendor) as session:
            yield from in_parallel(requests, lambda request: self._answer(session, request))

    def _answer(self, session: BoundedSession, request: BarRequest) -> TickerBars:
        ticker = request.ticker
        # Classes of shares are BRK-B there, not BRK.B.
        symbol = ticker.replace(".", "-")
        # The package would ask for the zone of each ticker first, and take a page without one for a delisting.
        zones = get_tz_cache()
        if zones.lookup(symbol) is None:
            zones.store(symbol, str(NEW_YORK))
        try:
            with session.one_answer():
                return _read(yf.Ticker(symbol, session=session), request)
        except YFTickerMissingError as error:
            said = f"{ticker}: yfinance says {str(error.rationale)[:200]!r}"
            # Without words of Yahoo's own "possibly delisted" is a guess at an empty table.
            gone = isinstance(error, YFPricesMissingError) and "delisted" in str(error.yahoo_reason)
            return no_answer(ticker, said, gone=gone)
        except YFRateLimitError:
            return no_answer(ticker, f"{ticker}: yfinance says HTTP 429 (Too Many Requests): run this again later")
        except (VendorError, YFException) as error:
            return no_answer(ticker, f"{ticker}: {str(error)[:200]}")
        except _MISREAD as error:
            return no_answer(
                ticker, f"{ticker}: yfinance cannot read the answer ({type(error).__name__}: {error})"[:300]
            )
        except NoAnswer as error:
            return no_answer(ticker, f"{ticker}: yfinance: {error}")
        except OSError as error:
            told = f"no whole answer ({type(error).__name__}{_by_way_of(self._vendor.base_url or _HOST)}): later again"
            return no_answer(ticker, f"{ticker}: yfinance: {told}")


def _by_way_of(address: str) -> str:
    # The package takes proxies of more kinds than our own client.
    with suppress(SourceError):
        proxy = proxy_to(address)
        return f", by way of {proxy}" if proxy else ""
    return ", by way of a proxy"


def _read(ticker: yf.Ticker, request: BarRequest) -> TickerBars:
    frame = _history(ticker, request.start)
    meta = ticker.history_metadata
    if str(meta.get("symbol")).upper() != ticker.ticker.upper():
        raise Malformed(f"yfinance: the answer is about {str(meta.get('symbol'))[:20]!r}")
    if frame is None or frame.empty:
        return TickerBars(
            request.ticker, bars_frame(request.ticker, [], dict.fromkeys(BAR_COLUMNS[2:], ())), no_actions()
        )
    if meta.get("dataGranularity") != "1d":
        raise Malformed(f"yfinance: bars of {str(meta.get('dataGranularity'))[:20]!r}, not of a day")
    return answer_of(frame, request)


def _history(ticker: yf.Ticker, start: date) -> "pd.DataFrame | None":
    try:
        return ticker.history(
            start=start.isoformat(), interval="1d", auto_adjust=False, actions=True, repair=False, keepna=True
        )
    except YFPricesMissingError as error:
        # A range without a session is no error; what Yahoo itself calls one is.
        if error.yahoo_reason is not None or not ticker.history_metadata.get("symbol"):
            raise
        return None


def answer_of(frame: "pd.DataFrame", request: BarRequest) -> TickerBars:
    """The package's table of a ticker as the answer to a request; days without any price are no bars."""
    days: list[date] = [stamp.date() for stamp in frame.index]
    columns = {name: _values(frame, name.capitalize()) for name in BAR_COLUMNS[2:]}
    bars = bars_frame(request.ticker, days, columns)
    priced = ~pl.all_horizontal(pl.col(name).is_null() for name in ("open", "high", "low", "close"))
    in_range = pl.col("date").is_between(request.start, request.end, closed="left")
    return TickerBars(request.ticker, bars.filter(priced & in_range), _actions(frame, days, request))


def _actions(frame: "pd.DataFrame", days: Sequence[date], request: BarRequest) -> pl.DataFrame:
    rows = [(day, "split", value) for day, value in _told(frame, days, "Stock Splits")]
    for name in _PAID:
        told = _told(frame, days, name)
        rows += [(day, "dividend", value) for day, value in told if request.start <= day < request.end]
    return actions_frame(request.ticker, rows)


def _told(frame: "pd.DataFrame", days: Sequence[date], name: str) -> list[tuple[date, float]]:
    if name not in frame.columns:
        return []
    values = _values(frame, name)
    return [(day, value) for day, value in zip(days, values, strict=True) if value]


def _values(frame: "pd.DataFrame", name: str) -> list[float | None]:
    values = [float(value) for value in frame[name].tolist()]
    return [value if isfinite(value) else None for value in values]
