"""What a family of neural networks supplies, so that any engine of the fleet can train and run it.

A family supplies its network, its examples and its recipe; an engine (fleet/engine.py) supplies the loop. An engine
may take examples batch by batch or all at once, train one network or many stacked, as long as each ticker's result
depends on nothing but its history, the family's configuration and the seed.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import History, ModelFamily
from ldtm_platform.models.weights import load_weights


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: AdamW, its rate falling to 0 along a cosine over max_epochs, and early stopping."""

    batch_size: int
    max_epochs: int
    patience: int
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class Batch:
    """inputs (B, ...) and targets (B, horizons) float32, and which targets count (B, horizons) bool; others are 0."""

    inputs: Tensor
    targets: Tensor
    used: Tensor


@dataclass(frozen=True)
class Reference:
    """Beside each example: persistence's forecast in the targets' unit, and that unit as a share of the last close.

    Both (n, 1) float64: skill is reckoned in the unit of the loss, relative errors in prices.
    """

    persistence: NDArray[np.float64]
    unit: NDArray[np.float64]


class Examples(Protocol):
    """The labelled windows of one part of a history, by position."""

    def __len__(self) -> int: ...

    def batch(self, positions: Tensor) -> Batch:
        """The examples at those positions, (B,) int64 on the examples' device."""

    def reference(self) -> Reference:
        """Persistence beside every example, in order."""

    def to(self, device: torch.device) -> Self:
        """The same examples on a device."""


@dataclass(frozen=True)
class Parts:
    """A history's examples, split in time and purged (evaluation/splits.py)."""

    train: Examples
    validation: Examples
    test: Examples

    def to(self, device: torch.device) -> "Parts":
        """The same parts on a device."""
        return Parts(self.train.to(device), self.validation.to(device), self.test.to(device))


@dataclass(frozen=True)
class LstmShape:
    """An LSTM whose last hidden state feeds one small head per horizon: Linear, ReLU, Linear.

    Its parameters are those of nn.LSTM under `lstm.`, and of the two Linear as `heads.<number>.0.` and `.2.`.
    """

    inputs: int
    hidden: int
    layers: int
    dropout: float
    head_hidden: int
    heads: int


@runtime_checkable
class Stackable(Protocol):
    """What a NetworkFamily supplies beside its network for an engine that trains many of them as one stack."""

    @property
    def lstm_shape(self) -> LstmShape:
        """The shape of every network of the family."""


class NetworkFamily(ModelFamily):
    """A family whose forecasts come from a network that is trained per ticker."""

    is_trained = True

    @property
    @abstractmethod
    def config(self) -> Mapping[str, int | float]:
        """Everything that shapes network and training, for the manifest."""

    @property
    @abstractmethod
    def recipe(self) -> Recipe:
        """How the network is trained."""

    @abstractmethod
    def network(self) -> nn.Module:
        """A fresh network, its parameters drawn from torch's current generator."""

    @abstractmethod
    def parts(self, history: History) -> Parts:
        """The history's examples. Raises HistoryError."""

    @abstractmethod
    def question(self, history: History) -> Tensor:
        """The network's input for a forecast after the history's last row, (1, ...) float32."""

    @abstractmethod
    def answer(self, history: History, outputs: Tensor) -> Tensor:
        """The network's outputs (1, horizons) as closes in the last row's price basis, float64."""

    def closes(self, history: History, weights: bytes) -> dict[str, float]:
        """The expected close per horizon. Raises UnusableWeights."""
        # Parameters that are replaced at once need no memory and draw nothing from the random generator.
        with torch.device("meta"):
            network = self.network().eval()
        load_weights(network, weights)
        with torch.inference_mode():
            closes = self.answer(history, network(self.question(history)))
        return dict(zip(HORIZONS, closes[0].tolist(), strict=True))
