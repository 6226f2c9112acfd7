"""Read the news feeds and keep what is new; one transaction a feed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from ldtm_platform.sources.feeds import FeedAnswer, FeedVersion, NewsFeed
from ldtm_platform.warehouse.bulk import upsert
from ldtm_platform.warehouse.tables import news_feeds, news_headlines

_VERSION_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("address", "etag", "last_modified"), pl.String),
    "checked_at": pl.Datetime("us", "UTC"),
}


@dataclass
class NewsCollected:
    """How many headlines are new and how many were known, how many feeds had nothing new, and which failed and why."""

    new: int = 0
    known: int = 0
    feeds: int = 0
    unchanged: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def collect_news(engine: sa.Engine, feeds: Sequence[NewsFeed], tickers: Sequence[str], now: datetime) -> NewsCollected:
    """Read every feed for the tickers. A feed's trouble is its own; a headline that is stored is not touched."""
    versions = _versions(engine)
    collected = NewsCollected()
    for feed in feeds:
        for answer in feed.fetch(tickers, versions, now):
            collected.feeds += 1
            if answer.error:
                collected.failed[answer.name] = answer.error
            elif answer.headlines is None:
                collected.unchanged += 1
            else:
                _keep(engine, answer, answer.headlines, now, collected)
    return collected


def _keep(
    engine: sa.Engine, answer: FeedAnswer, headlines: pl.DataFrame, now: datetime, collected: NewsCollected
) -> None:
    headlines = headlines.unique(["ticker", "fingerprint"], keep="first", maintain_order=True)
    rows = headlines.with_columns(fetched_at=pl.lit(now))
    values = [name for name in rows.columns if name not in ("ticker", "fingerprint")]
    version = pl.DataFrame(
        [(answer.address, answer.version.etag, answer.version.last_modified, now)],
        schema=_VERSION_SCHEMA,
        orient="row",
    )
    with engine.begin() as connection:
        # Nothing is compared, so that what is stored stays as it was first seen.
        done = upsert(connection, news_headlines, rows, touch=values)
        upsert(connection, news_feeds, version)
    collected.new += done.inserted
    collected.known += done.unchanged


def _versions(engine: sa.Engine) -> dict[str, FeedVersion]:
    columns = (news_feeds.c.address, news_feeds.c.etag, news_feeds.c.last_modified)
    with engine.connect() as connection:
        return {address: FeedVersion(etag, date) for address, etag, date in connection.execute(sa.select(*columns))}
