"""Tickers to stack: ragged histories with examples in any float type, and networks with their initial weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ldtm_platform.fleet.loop import Curve, TrainingFailed, train_network
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.training import Candidate, Finished, train_stack
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import Batch, Examples, Parts, Reference
from ldtm_platform_tests.models.generated import random_history

CPU = torch.device("cpu")
CONFIG = LdtmConfig(hidden=8, head_hidden=4, max_epochs=5)
# Training parts of 5 to 7 batches, the last of which is short.
HISTORIES = {
    name: random_history(name, rows) for name, rows in (("AAA", 300), ("BBB", 260), ("CCC", 281), ("DDD", 252))
}


@dataclass(frozen=True)
class Remade:
    """Examples in another float type; without the one-month labels, or with targets that no loss can be made of."""

    inner: Examples
    dtype: torch.dtype
    without_month: bool = False
    factor: float = 1.0

    def __len__(self) -> int:
        return len(self.inner)

    def batch(self, positions: Tensor) -> Batch:
        batch = self.inner.batch(positions)
        used = batch.used.clone()
        used[:, 2] &= not self.without_month
        targets = torch.where(used, batch.targets * self.factor, 0.0)
        return Batch(batch.inputs.to(self.dtype), targets.to(self.dtype), used)

    def reference(self) -> Reference:
        return self.inner.reference()

    def to(self, device: torch.device) -> Self:
        return replace(self, inner=self.inner.to(device))


def candidates(
    tickers: Sequence[str] = tuple(HISTORIES),
    *,
    config: LdtmConfig = CONFIG,
    dtype: torch.dtype = torch.float32,
    without_month: str = "",
    exploding: str = "",
) -> list[Candidate]:
    """The tickers as any engine would start them."""
    made, family = [], Ldtm(config)
    for ticker in tickers:
        own = family.parts(HISTORIES[ticker])
        month, factor = ticker == without_month, 1e38 if ticker == exploding else 1.0
        parts = Parts(*(Remade(part, dtype, month, factor) for part in (own.train, own.validation, own.test)))
        with own_randomness(0, ticker, CPU):
            made.append(Candidate(ticker, parts, family.network().to(dtype)))
    return made


def stacked(
    made: Sequence[Candidate], *, config: LdtmConfig = CONFIG, dtype: torch.dtype = torch.float32, rows: int = 8
) -> tuple[dict[str, Curve], dict[str, Mapping[str, Tensor]], dict[str, TrainingFailed]]:
    """Curves and weights of a stack by ticker, in the order in which they came; and what failed."""
    family, machine = Ldtm(config), Machine(CPU, "full", dtype, rows)
    curves: dict[str, Curve] = {}
    weights: dict[str, Mapping[str, Tensor]] = {}
    failed: dict[str, TrainingFailed] = {}
    for result in train_stack(made, Layout(family.lstm_shape), family.recipe, seed=0, machine=machine):
        if isinstance(result, Finished):
            curves[result.ticker], weights[result.ticker] = result.curve, result.weights
        else:
            failed[result.ticker] = result.reason
    return curves, weights, failed


def looped(made: Sequence[Candidate], *, config: LdtmConfig = CONFIG) -> dict[str, Curve]:
    """The curves of the plain loop over nn.LSTM; it trains the candidates' networks in place."""
    recipe = Ldtm(config).recipe
    return {one.ticker: train_network(one.network, one.parts, recipe, seed=0, ticker=one.ticker) for one in made}
