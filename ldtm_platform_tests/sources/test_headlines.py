"""Headlines: recorded feeds read rightly, strangers' text made harmless, and what is no feed is an error."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest

from ldtm_platform.sources.headlines import alpaca_headlines, clean, rss_headlines, usable_link
from ldtm_platform.sources.vendor import Malformed, VendorError
from ldtm_platform_tests.sources.mutations import mutated

NOW = datetime(2026, 9, 12, tzinfo=UTC)


def item(title: str = "Up", link: str = "https://a.example/1", date: str = "Fri, 11 Sep 2026 01:54:04 -0400") -> str:
    return f"<item><title>{title}</title><link>{link}</link><pubDate>{date}</pubDate></item>"


def feed(*entries: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{"".join(entries)}</channel></rss>'.encode()


def read(body: bytes) -> pl.DataFrame:
    return rss_headlines(body, ticker="AAPL", feed="test", now=NOW)


@pytest.mark.parametrize(
    ("name", "at", "title", "publisher", "url"),
    [
        (
            "cnbc_excerpt_2026-09-11.xml",
            datetime(2026, 9, 11, 2, 5, 24, tzinfo=UTC),
            "The iPhone Duo enters China’s crowded foldable market — and faces a price test",
            "test",
            "https://www.cnbc.com/2026/09/11/the-iphone-duo-enters-chinas-crowded-foldable-market.html",
        ),
        (
            "google_news_excerpt_2026-09-09.xml",
            datetime(2026, 9, 9, 9, 8, 43, tzinfo=UTC),
            "How Apple stock usually reacts to big iPhone reveal events",
            "Yahoo Finance",
            "https://news.google.com/rss/articles/CBMiugFBVV95?oc=5",
        ),
        (
            "nasdaq_rssoutbound_excerpt_2026-09-11.xml",
            datetime(2026, 9, 11, 1, 54, 4, tzinfo=UTC),
            "Stocks Settle Lower as S&P 500 Slides",
            "Barchart",
            "https://www.nasdaq.com/articles/stocks-settle-lower",
        ),
    ],
)
def test_a_recorded_feed_is_read(
    shared_data: Path, name: str, at: datetime, title: str, publisher: str, url: str
) -> None:
    (row,) = read((shared_data / "wire" / "rss" / name).read_bytes()).iter_rows(named=True)
    assert (row["published_at"], row["title"], row["publisher"], row["url"]) == (at, title, publisher, url)


def test_an_empty_feed_has_no_headlines_and_a_page_of_html_is_an_error(shared_data: Path) -> None:
    assert read((shared_data / "wire" / "rss" / "yahoo_headline_empty_unknown_ticker.xml").read_bytes()).is_empty()
    for page in (b"<!doctype html><html><body>Sorry</body></html>", b"Too Many Requests", b"", b'{"news": []}'):
        with pytest.raises(Malformed, match="no feed"):
            read(page)


def test_a_recorded_page_of_alpaca_is_read_for_the_tickers_that_it_names(shared_data: Path) -> None:
    body = (shared_data / "wire" / "alpaca" / "news_0.json").read_bytes()
    headlines, token = alpaca_headlines(body, tickers=["AAPL", "MSFT", "QCOM"], now=NOW)
    # The recording's link is only "https://", which leads nowhere.
    assert (headlines.height, token) == (0, "MTczMDk3MTEwMTAwMDAwMDAwMHw0MTc5OTExNQ==")
    linked = body.replace(b'"url": "https://"\n    }\n  ]', b'"url": "https://a.example/1"\n    }\n  ]')
    headlines, _ = alpaca_headlines(linked, tickers=["AAPL", "MSFT", "QCOM"], now=NOW)
    assert headlines.select("ticker", "title", "published_at").rows() == [
        (ticker, "headline", datetime(2024, 8, 18, 20, 15, 44, tzinfo=UTC)) for ticker in ("AAPL", "QCOM")
    ]


def test_times_are_utc_and_entries_without_time_title_or_link_are_left_out() -> None:
    body = feed(
        item(),
        item(title=""),
        item(link="javascript:alert(1)"),
        item(date=""),
        item(date="Fri, 11 Sep 2099 01:00:00 GMT"),
    )
    assert read(body)["published_at"].to_list() == [datetime(2026, 9, 11, 5, 54, 4, tzinfo=UTC)]


def test_one_headline_of_a_day_counts_once_whatever_its_link_and_spelling() -> None:
    body = feed(item("Apple rises, again"), item("APPLE RISES again!", "https://b.example/2"), item("Apple falls"))
    assert read(body)["title"].to_list() == ["Apple rises, again", "Apple falls"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A &amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt; B", "A alert(1) B"),
        ("<b>Bold</b> <img src=x onerror=alert(1)", "Bold"),
        ("EPS < 0 and P/E > 3", "EPS < 0 and P/E > 3"),
        ("safe\u202egnp.exe\u200b\x00\x1b[31m", "safegnp.exe[31m"),
        ("  many\n\tspaces\u00a0here ", "many spaces here"),
        ("x" * 10_000, "x" * 500),
        (None, ""),
    ],
)
def test_text_is_made_harmless(text: object, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "//a.example/", "https://", "https:///x",
        "http://[::1",
        "https://user:pass@a.example/", "https://a.example/ x", 'https://a.example/"x',
        "https://a.example/" + "x" * 3000,
        None,
    ],
)  # fmt: skip
def test_only_links_to_the_web_are_kept(url: object) -> None:
    assert not usable_link(url)
    assert usable_link("https://a.example/x?y=1")


def test_mutated_feeds_are_read_or_named(shared_data: Path) -> None:
    random = Random(5)
    bodies = [path.read_bytes() for path in sorted((shared_data / "wire" / "rss").glob("*.xml"))]
    news = (shared_data / "wire" / "alpaca" / "news_0.json").read_bytes()
    for at in range(600):
        try:
            if at % 5 == 4:
                frame = alpaca_headlines(mutated(news, random), tickers=["AAPL", "QCOM"], now=NOW)[0]
            else:
                frame = read(mutated(bodies[at % len(bodies)], random))
        except VendorError:
            continue
        assert all(usable_link(url) for url in frame["url"])
        assert all(title == clean(title) != "" for title in frame["title"])
