"""The demos' headlines: made from the prices, dated in their time, and plainly what they are."""

from datetime import UTC, date, datetime

from ldtm_platform.sessions import session_close, session_offset
from ldtm_platform.sources.feeds import FeedAnswer
from ldtm_platform.sources.sample import SampleSource
from ldtm_platform.sources.sample_news import PUBLISHER, SESSIONS, SampleNews
from ldtm_platform.sources.simulated import SimulatedSource

LAST = date(2013, 3, 1)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def answers(news: SampleNews, *tickers: str) -> dict[str, FeedAnswer]:
    return {answer.address: answer for answer in news.fetch(tickers, {}, NOW)}


def test_each_session_has_a_headline_with_the_close_that_the_source_sends() -> None:
    (answer,) = answers(SampleNews(SampleSource(), LAST), "AAPL").values()
    assert answer.headlines is not None
    rows = answer.headlines.sort("published_at").rows(named=True)
    assert len(rows) == SESSIONS
    newest = rows[-1]
    assert newest["title"] == "Sample headline: AAPL closes 2.5 % lower at $430.47 (sample)"
    assert newest["published_at"].date() == LAST
    assert newest["published_at"] > session_close(LAST)
    assert rows[0]["published_at"].date() == session_offset(LAST, 1 - SESSIONS)
    assert {row["publisher"] for row in rows} == {PUBLISHER}
    assert all(row["url"].startswith("https://sample.invalid/AAPL/") for row in rows)


def test_simulated_prices_are_called_that_in_the_headline_itself() -> None:
    source = SimulatedSource(seed=0, sectors={"QQQ": "simulated"}, start=date(2012, 1, 3))
    (answer,) = answers(SampleNews(source, LAST), "QQQ").values()
    assert answer.headlines is not None
    assert answer.headlines["title"].str.contains("simulated price").all()


def test_a_ticker_without_prices_has_no_headline_and_no_error() -> None:
    (answer,) = answers(SampleNews(SampleSource(), LAST), "NVDA").values()
    assert answer.error is None
    assert answer.headlines is not None
    assert answer.headlines.is_empty()
