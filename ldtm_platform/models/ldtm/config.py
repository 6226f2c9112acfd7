"""What LD-TM is made of and how it is trained: the values of the specification, in one frozen place."""

from dataclasses import dataclass

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.lstm_shape import LstmShape


@dataclass(frozen=True)
class LdtmConfig:
    """229,251 parameters at these values; max_epochs is what a user most often lowers."""

    window: int = 30  # sessions a forecast looks back on
    hidden: int = 128
    layers: int = 2
    dropout: float = 0.2  # between the layers
    head_hidden: int = 64
    batch_size: int = 32
    max_epochs: int = 100
    patience: int = 10  # epochs without a better validation loss
    learning_rate: float = 1e-3  # falls to 0 over max_epochs along a cosine
    weight_decay: float = 1e-4

    @property
    def shape(self) -> LstmShape:
        """What the network is made of."""
        return LstmShape(
            inputs=len(FEATURES),
            hidden=self.hidden,
            layers=self.layers,
            dropout=self.dropout,
            head_hidden=self.head_hidden,
            heads=len(HORIZONS),
        )
