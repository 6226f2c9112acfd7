"""The source of hourly bars that the settings name, as a Dagster resource."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.sources.hourly import HourlySource
from ldtm_platform.sources.hourly_renamed import HourlyRenamed
from ldtm_platform.universe import load_universe


class HourlyData(dg.ConfigurableResource[Any]):
    """Where hourly bars come from: LDTM_HOURLY."""

    def source(self) -> HourlySource:
        """The configured source. Raises dg.Failure when none is, or a setting that it needs is missing."""
        settings = load_settings()
        if settings.hourly is None:
            raise dg.Failure("hourly bars are switched off: set LDTM_HOURLY to folder or alpaca", allow_retries=False)
        source = _SOURCES[settings.hourly](settings)
        renames = load_universe(settings.universe).renames
        return HourlyRenamed(source, renames) if renames else source


def _folder(settings: Settings) -> HourlySource:
    from ldtm_platform.sources.hourly_folder import HourlyFolder

    if settings.hourly_prices is None:
        raise dg.Failure(
            "no hourly bars to ingest: set LDTM_HOURLY_PRICES to a folder of Parquet or CSV files "
            "(ticker, start_at, open, high, low, close, volume)",
            allow_retries=False,
        )
    return HourlyFolder(settings.hourly_prices, price_basis=settings.price_basis)


def _alpaca(settings: Settings) -> HourlySource:
    from ldtm_platform.sources.hourly_alpaca import HourlyAlpaca

    if settings.alpaca_key is None or settings.alpaca_secret is None:
        raise dg.Failure("hourly bars of alpaca need a key: set LDTM_ALPACA_KEY and LDTM_ALPACA_SECRET")
    return HourlyAlpaca(settings.alpaca_key, settings.alpaca_secret, base_url=settings.alpaca_url)


# A new vendor of hourly bars is one file under sources/, one row here and its name in settings.
_SOURCES: Mapping[str, Callable[[Settings], HourlySource]] = {"folder": _folder, "alpaca": _alpaca}
