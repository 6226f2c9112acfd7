"""Persistence, "tomorrow's close is today's": the forecast that every model must beat to have any skill."""

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import History, ModelFamily


class Persistence(ModelFamily):
    """The last close, for every horizon; nothing is trained and weights are empty."""

    name = "persistence"
    is_trained = False

    @property
    def window_rows(self) -> int:
        """Only the last row is read."""
        return 1

    def closes(self, history: History, weights: bytes = b"") -> dict[str, float]:
        """The last close for every horizon."""
        return dict.fromkeys(HORIZONS, float(history.frame["close"][-1]))
