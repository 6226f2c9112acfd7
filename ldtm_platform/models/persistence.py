"""Persistence, "tomorrow's close is today's": the forecast that every model must beat to have any skill."""

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import History, Model, ModelFamily


class Persistence(ModelFamily, Model):
    """The last close, for every horizon; nothing is trained and weights are empty."""

    name = "persistence"

    @property
    def window_rows(self) -> int:
        """Only the last row is read."""
        return 1

    def model(self, weights: bytes = b"") -> Model:
        """There is nothing to load."""
        return self

    def closes(self, history: History) -> dict[str, float]:
        """The last close for every horizon."""
        return dict.fromkeys(HORIZONS, float(history.frame["close"][-1]))
