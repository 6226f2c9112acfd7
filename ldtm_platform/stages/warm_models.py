"""Champions' models, loaded from the store and kept for the next session, as far as memory goes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ldtm_platform.models.base import Model, UnusableWeights
from ldtm_platform.models.registry import CHAMPION_FAMILY, model_family
from ldtm_platform.models.store import CheckpointDamaged, CheckpointStore
from ldtm_platform.stages.ledger import Absence, Champion

# A model is 0.9 MB: these are half a gigabyte. Loading one takes about two milliseconds.
MOST_KEPT = 512


@dataclass
class WarmModels:
    """The first models that were asked for stay loaded, at most `most`; what is beyond them is loaded each time.

    A fleet that does not fit is walked through from first to last each session: were the latest kept instead, none
    would be there when it is wanted again.
    """

    store: CheckpointStore
    most: int = MOST_KEPT
    _kept: dict[str, Model] = field(default_factory=dict)

    def keep_only(self, versions: Collection[str]) -> None:
        """Let go of models that are no champions any more."""
        self._kept = {version: model for version, model in self._kept.items() if version in versions}

    def of(self, champions: Mapping[str, Champion]) -> tuple[dict[str, Model], dict[str, Absence]]:
        """The champions' models, and why some cannot be used: a damaged file costs its own ticker the forecast."""
        models: dict[str, Model] = {}
        damaged: dict[str, Absence] = {}
        for ticker, champion in champions.items():
            try:
                models[ticker] = self._model(champion.version)
            except CheckpointDamaged as reason:
                damaged[ticker] = ("failed", str(reason))
            except UnusableWeights as reason:
                damaged[ticker] = ("failed", f"{ticker}: {reason}")
        return models, damaged

    def _model(self, version: str) -> Model:
        if kept := self._kept.get(version):
            return kept
        model = model_family(CHAMPION_FAMILY).model(self.store.load(version).weights)
        if len(self._kept) < self.most:
            self._kept[version] = model
        return model
