"""LD-TM, the long-term deep temporal model: one LSTM per ticker, three horizons."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from torch import nn

from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.examples import LastWindow, parts_of, windows_of
from ldtm_platform.models.ldtm.network import LdtmNetwork
from ldtm_platform.models.lstm_shape import LstmShape
from ldtm_platform.models.network_family import NetworkFamily, Parts, Recipe


@dataclass(frozen=True)
class Ldtm(NetworkFamily):
    """The family with its configuration; `Ldtm(LdtmConfig(max_epochs=5))` trains for less long."""

    settings: LdtmConfig = field(default_factory=LdtmConfig)

    name = "ldtm"

    @property
    def window_rows(self) -> int:
        """A forecast is made from one window."""
        return self.settings.window

    @property
    def config(self) -> Mapping[str, int | float]:
        """Everything in LdtmConfig."""
        return asdict(self.settings)

    @property
    def recipe(self) -> Recipe:
        """The training part of LdtmConfig."""
        return Recipe(
            batch_size=self.settings.batch_size,
            max_epochs=self.settings.max_epochs,
            patience=self.settings.patience,
            learning_rate=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )

    @property
    def lstm_shape(self) -> LstmShape:
        """What LdtmNetwork is made of, for an engine that stacks networks."""
        return self.settings.shape

    def network(self) -> nn.Module:
        """A fresh LSTM with its heads."""
        return LdtmNetwork(self.settings)

    def parts(self, history: History) -> Parts:
        """The history's windows and labels, split and purged."""
        return parts_of(history, self.settings.window)

    def question(self, history: History) -> LastWindow:
        """The last window."""
        return LastWindow(windows_of(history.tail(self.settings.window), self.settings.window))
