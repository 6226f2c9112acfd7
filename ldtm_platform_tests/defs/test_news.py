"""The asset of headlines: what it reports, and when it fails."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.defs.news import news_headlines
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.news import News
from ldtm_platform.resources.progress import Progress
from ldtm_platform.sources.feeds import NewsFeed, RssFeed
from ldtm_platform.stages.status import platform_status
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.sources.test_headlines import feed, item
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, serving


class FakeNews(News):
    """One feed at an address."""

    url: str

    def feeds(self) -> Sequence[NewsFeed]:
        return [RssFeed("test", self.url, "/rss?s={ticker}", per_second=1000, patience=QUICK)]


def run(news: News) -> dg.ExecuteInProcessResult:
    resources = {"database": Database(), "news": news, "progress": Progress()}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([news_headlines], resources=resources, instance=instance, raise_on_error=False)


@pytest.fixture(autouse=True)
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LDTM_DATABASE_URL", database_url)
    return database_url


def test_headlines_are_stored_and_failed_feeds_are_named_in_the_metadata(database: str) -> None:
    def answer(ticker: str) -> Reply:
        return Reply(404) if ticker == "AAPL" else Reply(body=feed(item()))

    with serving(lambda seen: answer(seen.params["s"])) as server:
        result = run(FakeNews(url=server.url))
    assert result.success
    (event,) = result.asset_materializations_for_node("news_headlines")
    told = {name: value.value for name, value in event.metadata.items()}
    assert (told["headlines_new"], told["feeds_read"]) == (102, 102)
    assert isinstance(told["failed"], dict)
    assert list(told["failed"]) == ["AAPL at test"]
    engine = sa.create_engine(database, poolclass=sa.NullPool)
    assert reads.stage_costs(engine).select("stage", "status").rows() == [("news", "success")]
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(DISTINCT ticker) FROM news_headlines")).scalar_one() == 102


def test_a_run_that_can_read_nothing_fails_and_status_says_that_the_next_one_asks_again(database: str) -> None:
    with serving(lambda _: Reply(body=b"<html>Sorry</html>")) as server:
        assert not run(FakeNews(url=server.url)).success
    status = platform_status(sa.create_engine(database, poolclass=sa.NullPool), ["AAPL"], date(2024, 7, 31))
    assert status.notes == ("news: the last run failed; the next one asks again",)
    assert not [problem for problem in status.problems if "news" in problem.what]
    assert not run(News()).success
