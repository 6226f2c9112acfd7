"""Headlines about each ticker, for people and the language model to read."""

from datetime import UTC, datetime

import dagster as dg

from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import OWNERS, table_metadata
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.news import News
from ldtm_platform.resources.progress import Progress
from ldtm_platform.settings import NEWS_FEEDS
from ldtm_platform.stages.news import collect_news


@dg.asset(
    group_name="news", kinds={"postgres"}, owners=OWNERS, metadata=table_metadata("news_headlines"), pool="news_api"
)
def news_headlines(
    context: dg.AssetExecutionContext, database: Database, news: News, progress: Progress
) -> dg.MaterializeResult[None]:
    """Headlines from the feeds that LDTM_NEWS names: times in UTC, text without markup, each once a day and ticker.

    A feed that fails is named and asked again the next time; the run fails when none could be read.
    """
    feeds = news.feeds()
    if not feeds:
        raise dg.Failure(f"no news to read: set LDTM_NEWS to some of {', '.join(NEWS_FEEDS)}", allow_retries=False)
    with measured_stage(context, database, progress, "news", 1) as stage:
        collected = collect_news(database.engine(), feeds, TICKERS.get_partition_keys(), datetime.now(UTC))
        for name, reason in collected.failed.items():
            context.log.warning("%s: %s", name, reason)
        if collected.feeds and len(collected.failed) == collected.feeds:
            raise dg.Failure("no feed could be read", metadata={"failed": dg.MetadataValue.json(collected.failed)})
        stage.advance()
    return dg.MaterializeResult(
        metadata={
            "headlines_new": collected.new,
            "headlines_known": collected.known,
            "feeds_read": collected.feeds - len(collected.failed),
            "feeds_unchanged": collected.unchanged,
            "failed": dg.MetadataValue.json(collected.failed),
        }
    )
