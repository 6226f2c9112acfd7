"""Headlines out of what feeds send: text without markup, links that are links, times in UTC, nothing twice.

A feed is a stranger's text that people and a language model will read: tags, control characters and the marks that turn
the direction of writing are taken out, and a link must be http or https.
"""

import re
import unicodedata
from calendar import timegm
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from ldtm_platform.sources.rows import items, table
from ldtm_platform.sources.vendor import Malformed, parsed

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "ticker": pl.String,
    "fingerprint": pl.String,
    "published_at": pl.Datetime("us", "UTC"),
    "title": pl.String,
    "publisher": pl.String,
    "url": pl.String,
    "feed": pl.String,
}
_LONGEST_TITLE, _LONGEST_URL = 500, 2000
# Clocks differ; a date further ahead is an error of the feed.
_AHEAD = timedelta(hours=1)
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*>?")

Row = tuple[str, str, datetime, str, str, str, str]


def rss_headlines(body: bytes, *, ticker: str, feed: str, now: datetime) -> pl.DataFrame:
    """SCHEMA of an RSS or Atom feed about one ticker; entries without title, time or a usable link are left out.

    Raises Malformed when the body is no feed: a page of HTML is not a feed without news.
    """
    import feedparser

    try:
        # A stream, since text could be taken for an address to fetch.
        read = feedparser.parse(BytesIO(body), resolve_relative_uris=False)
    except (ValueError, LookupError) as error:
        # Such as an encoding that is named in bytes which are no text.
        raise Malformed(f"{feed}: the answer is no feed: {type(error).__name__}") from error
    if not read.get("version"):
        looks = "a page of HTML" if b"<html" in body[:1000].lower() else f"{len(body)} bytes of something else"
        raise Malformed(f"{feed}: the answer is no feed but {looks}")
    if read.bozo and not read.entries and b"</" not in body[-200:]:
        raise Malformed(f"{feed}: the feed is cut short")
    rows = [_rss_row(entry, ticker, feed, now) for entry in read.entries]
    return _frame([row for row in rows if row])


def alpaca_headlines(body: bytes, *, tickers: Sequence[str], now: datetime) -> tuple[pl.DataFrame, str | None]:
    """SCHEMA of a page of Alpaca's news, a row for each ticker that an article names; and the next page's token.

    Raises Malformed when the body is not what is documented.
    """
    page = table(parsed(body, "alpaca"), "alpaca: the answer")
    rows = []
    for item in items(page.get("news"), "alpaca: news"):
        article = table(item, "alpaca: an article")
        symbols = article.get("symbols")
        about = [ticker for ticker in tickers if isinstance(symbols, list) and ticker in symbols]
        at, title, url = _iso(article.get("created_at")), article.get("headline"), article.get("url")
        rows += [_row(ticker, at, title, article.get("source"), url, "alpaca", now) for ticker in about]
    token = page.get("next_page_token")
    return _frame([row for row in rows if row]), token if isinstance(token, str) and token else None


def clean(text: object, longest: int = _LONGEST_TITLE) -> str:
    """Text as people may read it: no tags, no control or direction marks, single spaces; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    bare = _TAG.sub(" ", unescape(unescape(text[: 10 * longest])))
    shown = (" " if unicodedata.category(letter)[0] == "Z" or letter in "\n\t\r" else letter for letter in bare)
    kept = "".join(letter for letter in shown if unicodedata.category(letter)[0] != "C")
    return " ".join(kept.split())[:longest]


def usable_link(url: object) -> bool:
    """Whether a link is http or https, to a named host, without a password and of a sane length."""
    if not isinstance(url, str) or len(url) > _LONGEST_URL or re.search(r"[\s\x00-\x1f\x7f<>\"\\]", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and "." in (parts.hostname or "") and parts.password is None
    except ValueError:
        return False


def _rss_row(entry: Any, ticker: str, feed: str, now: datetime) -> Row | None:  # noqa: ANN401 - feedparser is untyped
    # As a plain dict: feedparser's own answers for one of the two with the other, and warns.
    own = dict(entry)
    stamp = own.get("published_parsed") or own.get("updated_parsed")
    at = datetime.fromtimestamp(timegm(stamp), UTC) if stamp else None
    publisher = clean(entry.get("source", {}).get("title") or entry.get("author") or feed, 100)
    # Google puts the publisher behind every title; the same headline elsewhere has none.
    title = clean(entry.get("title")).removesuffix(f" - {publisher}")
    return _row(ticker, at, title, publisher, entry.get("link"), feed, now)


def _row(
    ticker: str, at: datetime | None, title: object, publisher: object, url: object, feed: str, now: datetime
) -> Row | None:
    text = clean(title)
    if not text or at is None or at > now + _AHEAD or not usable_link(url):
        return None
    words = "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ")
    fingerprint = sha256(f"{' '.join(words.split())}|{at.date()}".encode()).hexdigest()
    return ticker, fingerprint, at, text, clean(publisher, 100) or feed, str(url), feed


def _iso(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.unique(["ticker", "fingerprint"], keep="first", maintain_order=True)
