"""The news feeds that the settings name, as a Dagster resource."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from ldtm_platform.resources.market_data import MarketData
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.sources.feeds import AlpacaNews, NewsFeed, rss_feeds


class News(dg.ConfigurableResource[Any]):
    """Where headlines come from: LDTM_NEWS."""

    def feeds(self) -> Sequence[NewsFeed]:
        """The feeds in the order of their names. Raises dg.Failure when a key is missing."""
        settings = load_settings()
        return [_feed(name, settings) for name in settings.news.split(",") if name]


def _feed(name: str, settings: Settings) -> NewsFeed:
    if name == "alpaca":
        return _alpaca(settings)
    return _sample(settings) if name == "sample" else rss_feeds()[name]


def _sample(settings: Settings) -> NewsFeed:
    from ldtm_platform.sources.sample_news import SampleNews

    return SampleNews(MarketData().source(), settings.latest_session())


def _alpaca(settings: Settings) -> NewsFeed:
    if settings.alpaca_key is None or settings.alpaca_secret is None:
        raise dg.Failure("the news of alpaca needs a key: set LDTM_ALPACA_KEY and LDTM_ALPACA_SECRET")
    return AlpacaNews(settings.alpaca_key, settings.alpaca_secret, base_url=settings.alpaca_url)
