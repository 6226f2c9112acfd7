"""News for the demos: headlines that are made from the prices themselves, and say so. Nothing is asked of anybody.

Each is a feed as a vendor would send it, read as theirs are.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from html import escape
from itertools import pairwise

import polars as pl

from ldtm_platform.sessions import next_session, session_close, session_offset
from ldtm_platform.sources.base import BarRequest, MarketDataSource, SourceError
from ldtm_platform.sources.feeds import FeedAnswer, FeedVersion, NewsFeed
from ldtm_platform.sources.headlines import rss_headlines

PUBLISHER = "made for the demo"
SESSIONS = 10
# A quarter of an hour after the close, when such notes are written.
_AFTER_CLOSE = timedelta(minutes=15)


class SampleNews(NewsFeed):
    """A headline a session on how each ticker closed, of the last sessions of a source of prices."""

    name = "sample"

    def __init__(self, source: MarketDataSource, last_session: date) -> None:
        self._source, self._last = source, last_session

    def fetch(self, tickers: Sequence[str], versions: Mapping[str, FeedVersion], now: datetime) -> Iterator[FeedAnswer]:
        """One answer a ticker; where the prices cannot be had, one that says why."""
        start, end = session_offset(self._last, -SESSIONS), next_session(self._last)
        asked = [BarRequest(ticker, start, end) for ticker in tickers]
        try:
            for answer in self._source.fetch(asked):
                ticker = answer.ticker
                body = _feed(ticker, answer.bars, is_simulated=(answer.source or self._source.name) == "simulated")
                headlines = rss_headlines(body, ticker=ticker, feed=self.name, now=now)
                yield FeedAnswer(f"{ticker} at sample", f"sample:{ticker}", headlines)
        except SourceError as error:
            yield FeedAnswer("sample", "sample:", error=str(error))


def _feed(ticker: str, bars: pl.DataFrame, *, is_simulated: bool) -> bytes:
    """RSS of how a ticker closed on each session but the first. bars: BAR_COLUMNS."""
    closes = bars.select("date", "close").sort("date").rows()
    kind = "simulated price" if is_simulated else "sample"
    items = [
        _item(f"{ticker} closes {_move(close / before - 1)} at ${close:,.2f} ({kind})", ticker, day)
        for (_, before), (day, close) in pairwise(closes)
    ]
    return f'<rss version="2.0"><channel><title>sample</title>{"".join(items)}</channel></rss>'.encode()


def _item(title: str, ticker: str, day: date) -> str:
    at = format_datetime(session_close(day) + _AFTER_CLOSE)
    # The name ends in .invalid, which nobody can ever own (RFC 2606).
    link = f"https://sample.invalid/{ticker}/{day}"
    return (
        f"<item><title>Sample headline: {escape(title)}</title><link>{link}</link><pubDate>{at}</pubDate>"
        f"<author>{PUBLISHER}</author></item>"
    )


def _move(change: float) -> str:
    if abs(change) < 5e-4:
        return "unchanged"
    return f"{100 * abs(change):.1f} % {'higher' if change > 0 else 'lower'}"
