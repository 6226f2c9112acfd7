"""The market data source that the settings name, as a Dagster resource."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import dagster as dg

from ldtm_platform.renames import Rename
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.sources.base import MarketDataSource, SourceError
from ldtm_platform.universe import load_universe


class MarketData(dg.ConfigurableResource[Any]):
    """Where prices come from: LDTM_SOURCE, one source or several that are asked one after the other."""

    def source(self) -> MarketDataSource:
        """The configured source. Raises dg.Failure when a setting that it needs is missing."""
        settings = load_settings()
        renames = load_universe(settings.universe).renames
        sources = [_under_all_names(_SOURCES[name](settings), renames) for name in settings.source.split(",")]
        return sources[0] if len(sources) == 1 else _chain(sources)


def _under_all_names(source: MarketDataSource, renames: Sequence[Rename]) -> MarketDataSource:
    from ldtm_platform.sources.renamed import RenamedSource

    return RenamedSource(source, renames) if renames else source


def _chain(sources: Sequence[MarketDataSource]) -> MarketDataSource:
    from ldtm_platform.sources.chain import ChainSource

    try:
        return ChainSource(sources)
    except SourceError as error:
        raise dg.Failure(str(error)) from error


def _folder(settings: Settings) -> MarketDataSource:
    from ldtm_platform.sources.folder import FolderSource

    if settings.prices is None:
        raise dg.Failure(
            "no prices to ingest: set LDTM_PRICES to a folder of Parquet or CSV files "
            "(ticker, date, open, high, low, close, volume), or LDTM_SOURCE to sample or simulated"
        )
    return FolderSource(settings.prices, price_basis=settings.price_basis)


def _sample(settings: Settings) -> MarketDataSource:
    from ldtm_platform.sources.sample import SampleSource

    return SampleSource()


def _simulated(settings: Settings) -> MarketDataSource:
    from ldtm_platform.sources.simulated import GROUP, SimulatedSource

    universe = load_universe(settings.universe)
    only = universe.groups.get(GROUP, universe.tickers)
    sectors = {ticker: sector for ticker, sector in universe.sector_of.items() if ticker in only}
    return SimulatedSource(seed=settings.seed, sectors=sectors, start=settings.history_start)


def _alpaca(settings: Settings) -> MarketDataSource:
    from ldtm_platform.sources.alpaca import AlpacaSource

    if settings.alpaca_key is None or settings.alpaca_secret is None:
        raise dg.Failure("the source alpaca needs a key: set LDTM_ALPACA_KEY and LDTM_ALPACA_SECRET")
    return AlpacaSource(settings.alpaca_key, settings.alpaca_secret, base_url=settings.alpaca_url)


def _yahoo(settings: Settings) -> MarketDataSource:
    from ldtm_platform.sources.yahoo import YahooSource

    return YahooSource()


def _yfinance(settings: Settings) -> MarketDataSource:
    if find_spec("yfinance") is None:
        raise dg.Failure("the source yfinance is not installed: pip install 'ldtm_platform[yfinance]'")
    from ldtm_platform.sources.yfinance import YfinanceSource

    return YfinanceSource(settings.home / "yfinance")


# A new vendor is one file under sources/ and one row here.
_SOURCES: Mapping[str, Callable[[Settings], MarketDataSource]] = {
    "folder": _folder,
    "alpaca": _alpaca,
    "yahoo": _yahoo,
    "yfinance": _yfinance,
    "sample": _sample,
    "simulated": _simulated,
}
