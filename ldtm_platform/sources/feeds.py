"""Where headlines come from, and the reading of them: RSS by ticker, asked only for what is new; Alpaca by key."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import polars as pl
from pydantic import SecretStr

from ldtm_platform.sources.headlines import alpaca_headlines, rss_headlines
from ldtm_platform.sources.http import VendorClient, in_parallel
from ldtm_platform.sources.vendor import Malformed, Patience, Vendor, VendorError

URL = "https://data.alpaca.markets"
_MOST_PAGES = 40
_TICKERS_A_REQUEST = 35
# Long enough to bridge a weekend and a day without a run.
_LOOK_BACK = timedelta(days=4)


@dataclass(frozen=True)
class FeedVersion:
    """What a feed's server said of its version: sent back, it answers only when there is something new."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """As request headers."""
        told = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class FeedAnswer:
    """One feed's answer. headlines: SCHEMA of headlines.py, without rows where nothing is new or error says why."""

    name: str
    address: str
    headlines: pl.DataFrame | None = None
    version: FeedVersion = FeedVersion()
    error: str | None = None


class NewsFeed(ABC):
    """A vendor of headlines."""

    name: str

    @abstractmethod
    def fetch(self, tickers: Sequence[str], versions: Mapping[str, FeedVersion], now: datetime) -> Iterator[FeedAnswer]:
        """Answers as they arrive. versions: by address, as they were when last read."""


class RssFeed(NewsFeed):
    """A feed a ticker; {ticker} in the path is where it goes."""

    def __init__(
        self, name: str, base_url: str, path: str, *, per_second: int = 2, patience: Patience | None = None
    ) -> None:
        self.name, self._path = name, path
        self._vendor = Vendor(f"{name} news", base_url, per_second, 1.0, patience=patience or Patience())

    def fetch(self, tickers: Sequence[str], versions: Mapping[str, FeedVersion], now: datetime) -> Iterator[FeedAnswer]:
        """One answer a ticker; a ticker's trouble is its own."""
        with VendorClient(self._vendor) as client:
            yield from in_parallel(tickers, lambda ticker: self._answer(client, ticker, versions, now))

    def _answer(
        self, client: VendorClient, ticker: str, versions: Mapping[str, FeedVersion], now: datetime
    ) -> FeedAnswer:
        path = self._path.format(ticker=quote(ticker, safe=""))
        address = f"{self._vendor.base_url}{path}"
        name = f"{ticker} at {self.name}"
        before = versions.get(address, FeedVersion())
        try:
            response = client.get(path, conditions=before.conditions)
            if response.status_code == 304:
                return FeedAnswer(name, address, version=before)
            headlines = rss_headlines(response.content, ticker=ticker, feed=self.name, now=now)
        except VendorError as error:
            return FeedAnswer(name, address, version=before, error=str(error))
        version = FeedVersion(response.headers.get("ETag"), response.headers.get("Last-Modified"))
        return FeedAnswer(name, address, headlines, version)


class AlpacaNews(NewsFeed):
    """Alpaca's news of the last days, many tickers in one request."""

    name = "alpaca"

    def __init__(
        self,
        key: SecretStr,
        secret: SecretStr,
        *,
        base_url: str = URL,
        patience: Patience | None = None,
    ) -> None:
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        self._vendor = Vendor("alpaca", base_url, 180, 60.0, headers, patience or Patience())

    def fetch(self, tickers: Sequence[str], versions: Mapping[str, FeedVersion], now: datetime) -> Iterator[FeedAnswer]:
        """One answer a group of tickers."""
        groups = [tuple(tickers[at : at + _TICKERS_A_REQUEST]) for at in range(0, len(tickers), _TICKERS_A_REQUEST)]
        with VendorClient(self._vendor) as client:
            yield from in_parallel(groups, lambda group: self._answer(client, group, now))

    def _answer(self, client: VendorClient, tickers: Sequence[str], now: datetime) -> FeedAnswer:
        name = f"{tickers[0]} to {tickers[-1]} at alpaca"
        address = f"{self._vendor.base_url}/v1beta1/news"
        try:
            return FeedAnswer(name, address, pl.concat(self._pages(client, tickers, now)))
        except VendorError as error:
            return FeedAnswer(name, address, error=str(error))

    def _pages(self, client: VendorClient, tickers: Sequence[str], now: datetime) -> list[pl.DataFrame]:
        start = (now - _LOOK_BACK).astimezone(UTC)
        asked = {"symbols": ",".join(tickers), "start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "limit": "50"}
        pages: list[pl.DataFrame] = []
        for _ in range(_MOST_PAGES):
            page, token = alpaca_headlines(client.get("/v1beta1/news", asked).content, tickers=tickers, now=now)
            pages.append(page)
            if token is None:
                return pages
            if token == asked.get("page_token"):
                raise Malformed("alpaca: the pages of an answer lead nowhere")
            asked["page_token"] = token
        return pages


def rss_feeds() -> dict[str, RssFeed]:
    """The public feeds by name."""
    known = {
        "yahoo": ("https://feeds.finance.yahoo.com", "/rss/2.0/headline?s={ticker}&region=US&lang=en-US"),
        "nasdaq": ("https://www.nasdaq.com", "/feed/rssoutbound?symbol={ticker}"),
        "google": ("https://news.google.com", "/rss/search?q={ticker}+stock&hl=en-US&gl=US&ceid=US:en"),
    }
    return {name: RssFeed(name, base, path) for name, (base, path) in known.items()}
