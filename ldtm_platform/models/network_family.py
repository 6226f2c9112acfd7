"""What a family of neural networks supplies, so that any engine of the fleet can train and run it.

A family supplies its network, its examples and its recipe; an engine (fleet/engine.py) supplies the loop. An engine
may take examples batch by batch or all at once, train one network or many stacked, as long as each ticker's result
depends on nothing but its history, the family's configuration and the seed.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import History, Model, ModelFamily
from ldtm_platform.models.lstm_shape import LstmShape
from ldtm_platform.models.threads import one_thread
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


@runtime_checkable
class Stackable(Protocol):
    """What a NetworkFamily supplies beside its network for an engine that reckons with its layers itself.

    In training its network takes, after the inputs, what dropout keeps: (layers - 1, B, window, hidden) bool.
    """

    @property
    def lstm_shape(self) -> LstmShape:
        """The shape of every network of the family."""


class NetworkFamily(ModelFamily):
    """A family whose forecasts come from a network that is trained per ticker."""

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
    def question(self, history: History) -> "Question":
        """What the network is asked for a forecast after the history's last row."""

    def model(self, weights: bytes) -> "NetworkModel":
        """A network with these weights. Raises UnusableWeights."""
        network = deepcopy(self._blank)
        load_weights(network, weights)
        return NetworkModel(self, network)

    def closes_of(self, asked: Sequence[tuple[Model, History]]) -> list[dict[str, float]]:
        """One after the other: a network's weights are in the cache only while it is the one that is run."""
        with one_thread():
            return super().closes_of(asked)

    @cached_property
    def _blank(self) -> nn.Module:
        """A network to copy: its parameters, replaced at once, need no memory and draw no random number."""
        with torch.device("meta"):
            return self.network().eval()


class Question(Protocol):
    """One forecast to make: the network's input, and how its output reads as prices."""

    @property
    def inputs(self) -> Tensor:
        """(1, ...) float32."""

    def closes(self, outputs: Tensor) -> Tensor:
        """The network's outputs (1, horizons) as closes in the last row's price basis, float64."""


@dataclass(frozen=True)
class NetworkModel(Model):
    """A trained network of a family."""

    family: NetworkFamily
    network: nn.Module

    def closes(self, history: History) -> dict[str, float]:
        """The expected close per horizon."""
        question = self.family.question(history)
        with torch.inference_mode():
            closes = question.closes(self.network(question.inputs))
        return dict(zip(HORIZONS, closes[0].tolist(), strict=True))
