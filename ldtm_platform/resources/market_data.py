"""The market data source that the settings name, as a Dagster resource."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.universe import load_universe


class MarketData(dg.ConfigurableResource[Any]):
    """Where prices come from: LDTM_SOURCE."""

    def source(self) -> MarketDataSource:
        """The configured source. Raises dg.Failure when a setting that it needs is missing."""
        settings = load_settings()
        return _SOURCES[settings.source](settings)


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
    from ldtm_platform.sources.simulated import SimulatedSource

    sectors = load_universe(settings.universe).sector_of
    return SimulatedSource(seed=settings.seed, sectors=sectors, start=settings.history_start)


# A new vendor is one file under sources/ and one row here.
_SOURCES: Mapping[str, Callable[[Settings], MarketDataSource]] = {
    "folder": _folder,
    "sample": _sample,
    "simulated": _simulated,
}
