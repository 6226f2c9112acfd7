"""Models that stay loaded between forecasts: those used last, and no more than memory has room for."""

from collections import OrderedDict
from collections.abc import Callable

from ldtm_platform.models.base import Model

# LD-TM's models are 0.9 MB each: half a gigabyte at most.
LIMIT = 512


class WarmModels:
    """Models by version, which never changes; above the limit the one unused for longest is let go."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._models: OrderedDict[str, Model] = OrderedDict()

    def __len__(self) -> int:
        return len(self._models)

    def get(self, version: str, load: Callable[[str], Model]) -> Model:
        """The model of a version, loaded where it is not. Raises what `load` raises."""
        model = self._models.get(version) or load(version)
        self._models[version] = model
        self._models.move_to_end(version)
        if len(self._models) > self._limit:
            self._models.popitem(last=False)
        return model
