"""Where checkpoints are kept, as a Dagster resource."""

from typing import Any

import dagster as dg

from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.settings import load_settings


class ModelStore(dg.ConfigurableResource[Any]):
    """The folder of checkpoints in the platform's home."""

    def store(self) -> CheckpointStore:
        """The store of this home."""
        return CheckpointStore(load_settings().home / "models")
