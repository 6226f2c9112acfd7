"""News into a real database: each headline once, feeds asked only for what is new, failures named."""

from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import SecretStr

from ldtm_platform.sources.feeds import AlpacaNews, RssFeed
from ldtm_platform.stages.news import collect_news
from ldtm_platform_tests.sources.test_headlines import NOW, feed, item
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, VendorServer, serving


def rss(server: VendorServer, name: str = "test") -> RssFeed:
    return RssFeed(name, server.url, "/rss?s={ticker}", per_second=1000, patience=QUICK)


def stored(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        statement = "SELECT ticker, title, feed, fetched_at FROM news_headlines ORDER BY ticker, published_at, title"
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def test_headlines_are_kept_once_and_not_touched_again(engine: sa.Engine) -> None:
    with serving(lambda _: Reply(body=feed(item("Up"), item("Down", "https://a.example/2")))) as server:
        first = collect_news(engine, [rss(server), rss(server, "other")], ["AAPL", "MSFT"], NOW)
        before = stored(engine)
        again = collect_news(engine, [rss(server)], ["AAPL", "MSFT"], datetime(2026, 9, 13, tzinfo=UTC))
    assert (first.new, first.known, again.new, again.known) == (4, 4, 0, 4)
    assert {row[2] for row in before} == {"test"}
    assert stored(engine) == before


def test_a_feed_is_asked_only_for_what_is_new(engine: sa.Engine) -> None:
    def answer(seen: Seen) -> Reply:
        if seen.headers.get("If-None-Match") == '"v1"' and seen.headers.get("If-Modified-Since") == "Fri":
            return Reply(304, b"")
        return Reply(body=feed(item()), headers={"ETag": '"v1"', "Last-Modified": "Fri"})

    with serving(answer) as server:
        collected = [collect_news(engine, [rss(server)], ["AAPL"], NOW) for _ in range(3)]
        assert [seen.params["s"] for seen in server.seen] == ["AAPL"] * 3
    assert [(one.new, one.unchanged) for one in collected] == [(1, 0), (0, 1), (0, 1)]


def test_a_feed_that_fails_is_named_and_costs_nobody_else(engine: sa.Engine) -> None:
    pages = {"GONE": Reply(404), "PAGE": Reply(body=b"<html>consent</html>"), "BUSY": Reply(429)}
    with serving(lambda seen: pages.get(seen.params["s"], Reply(body=feed(item())))) as server:
        collected = collect_news(engine, [rss(server)], ["AAPL", "GONE", "PAGE", "BUSY", "MSFT"], NOW)
    assert (collected.new, collected.feeds) == (2, 5)
    assert sorted(collected.failed) == ["BUSY at test", "GONE at test", "PAGE at test"]
    assert "no feed but a page of HTML" in collected.failed["PAGE at test"]


def test_a_page_of_html_is_not_taken_for_the_feeds_newest_version(engine: sa.Engine) -> None:
    with serving(lambda _: Reply(body=b"<html></html>", headers={"ETag": '"bad"'})) as server:
        for _ in range(2):
            collect_news(engine, [rss(server)], ["AAPL"], NOW)
        assert all("If-None-Match" not in seen.headers for seen in server.seen)


def test_alpaca_is_asked_for_many_tickers_and_its_pages_are_followed(engine: sa.Engine) -> None:
    def answer(seen: Seen) -> Reply:
        at = 2 if "page_token" in seen.params else 1
        token = "null" if at == 2 else '"next"'
        article = (
            f'{{"headline": "News {at}", "created_at": "2026-09-11T10:0{at}:00Z", "source": "benzinga", '
            f'"url": "https://a.example/{at}", "symbols": ["AAPL", "MSFT", "XYZ"]}}'
        )
        return Reply(body=f'{{"news": [{article}], "next_page_token": {token}}}'.encode())

    with serving(answer) as server:
        source = AlpacaNews(SecretStr("key"), SecretStr("secret"), base_url=server.url, patience=QUICK)
        collected = collect_news(engine, [source], ["AAPL", "MSFT"], NOW)
        assert server.seen[0].params["symbols"] == "AAPL,MSFT"
    assert (collected.new, collected.failed) == (4, {})
