"""The engine: what trains a whole fleet of independent models. This is the seam where a faster one goes in.

An engine is given the whole fleet and gives back one result per history, in any order, each as soon as it is there.
Inside, it may go ticker by ticker, over processes, or stack many networks: all it needs of a family is its network,
parts and recipe (models/network_family.py), and of randomness what fleet/streams.py gives each ticker. Callers use
fleet/fit.py, which never changes with the engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

import torch

from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import Watch, unwatched
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.ticker import Place, train_ticker
from ldtm_platform.models.base import History
from ldtm_platform.models.network_family import NetworkFamily


class Engine(ABC):
    """Trains fleets. A ticker's trouble is its own result, never an exception that stops the others."""

    @abstractmethod
    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history as each is done; closing the iterator stops the work and leaves nothing running."""


class OneByOne(Engine):
    """Ticker after ticker, in this process."""

    def __init__(self, device: torch.device, kernel: Kernel | None = None, watch: Watch = unwatched) -> None:
        self.place, self.watch = Place(device, kernel), watch

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history, in their order."""
        for history in histories:
            yield train_ticker(family, history, seed=seed, place=self.place, watch=self.watch)
