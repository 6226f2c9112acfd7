"""Where checkpoints are kept, and what forecasts by them, as a Dagster resource."""

from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.base import ModelFamily
from ldtm_platform.models.registry import CHAMPION_FAMILY
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.models.warm import WarmModels
from ldtm_platform.settings import load_settings


class ModelStore(dg.ConfigurableResource[Any]):
    """The folder of checkpoints in the platform's home."""

    def store(self) -> CheckpointStore:
        """The store of this home."""
        return CheckpointStore(_folder())

    def champions(self) -> ModelFamily:
        """The family whose champions forecast, by what this machine forecasts with."""
        settings = load_settings()
        return serving_family(CHAMPION_FAMILY, settings.cpu_engine, settings.cache)

    def warm(self) -> WarmModels:
        """The store's models that this process has loaded already, whichever run did, for `champions`."""
        return _warm(_folder(), self.champions())


def _folder() -> Path:
    return load_settings().home / "models"


@cache
def _warm(folder: Path, family: ModelFamily) -> WarmModels:
    """One a store and family: a model of PyTorch's is none of the kernel's."""
    return WarmModels()
