"""Train a stack of tickers in lock-step epochs; each stops by its own patience, leaves, and the others move up."""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ldtm_platform.fleet.loop import Curve, TrainingFailed, learning_rate
from ldtm_platform.fleet.progress import EpochDone, Watch, unwatched
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.plan import steps_of
from ldtm_platform.fleet.stacked.stack import Stack
from ldtm_platform.models.network_family import Parts, Recipe


@dataclass(frozen=True)
class Candidate:
    """A ticker to train: its examples, of which each part has some, and its network with the initial weights."""

    ticker: str
    parts: Parts
    network: nn.Module


@dataclass(frozen=True)
class Finished:
    """A ticker that left the stack: the best epoch's weights (on the CPU), and its share of the stack's seconds."""

    ticker: str
    curve: Curve
    weights: Mapping[str, Tensor]
    seconds: float


@dataclass(frozen=True)
class Diverged:
    """A ticker whose loss is no longer a number."""

    ticker: str
    reason: TrainingFailed


@dataclass
class _Runner:
    """A ticker in training; its place among the runners is its row of the stack."""

    ticker: str
    examples: int
    curve: Curve = field(default_factory=Curve)
    seconds: float = 0.0

    def has_run(self, epoch: int) -> bool:
        """Whether its loss was a number in that epoch too."""
        return self.curve.epochs_run == epoch


def train_stack(
    candidates: Sequence[Candidate],
    layout: Layout,
    recipe: Recipe,
    *,
    seed: int,
    machine: Machine,
    watch: Watch = unwatched,
) -> Generator[Finished | Diverged, None, None]:
    """Train all candidates together; one result each, as each is done. Raises what PyTorch does when memory ends."""
    started = time.perf_counter()
    # By length: at every step, the tickers that still have a batch in this epoch are the first rows.
    ordered = sorted(candidates, key=lambda candidate: -len(candidate.parts.train))
    runners = [_Runner(candidate.ticker, len(candidate.parts.train)) for candidate in ordered]
    with machine.computing():
        rows = torch.stack([layout.row(candidate.network, machine.dtype) for candidate in ordered])
        stack = Stack(rows.to(machine.device), [one.parts for one in ordered], layout, recipe, machine)
    epoch = 0
    while runners:
        epoch += 1
        with machine.computing():
            losses = _train_epoch(stack, runners, recipe, seed=seed, epoch=epoch)
        elapsed, started = time.perf_counter() - started, time.perf_counter()
        for runner in runners:
            runner.seconds += elapsed / len(runners)
        results = _settle(stack, runners, losses, layout, recipe)
        told = [EpochDone(one.ticker, epoch, one.curve.validation_loss) for one in runners if one.has_run(epoch)]
        watch(told)
        gone = {result.ticker for result in results}
        if gone:
            stack.keep([row for row, runner in enumerate(runners) if runner.ticker not in gone])
        runners = [runner for runner in runners if runner.ticker not in gone]
        yield from results


def _train_epoch(
    stack: Stack, runners: Sequence[_Runner], recipe: Recipe, *, seed: int, epoch: int
) -> list[tuple[float, float]]:
    """One epoch of every runner and its validation: each one's losses."""
    stack.plan.draw([(runner.ticker, runner.examples) for runner in runners], seed=seed, epoch=epoch)
    steps = [steps_of(runner.examples, recipe.batch_size) for runner in runners]
    rate = learning_rate(recipe, epoch)
    for step in range(steps[0]):
        stack.train_step(step, sum(own > step for own in steps), rate=rate)
    return stack.losses(len(runners))


def _settle(
    stack: Stack, runners: Sequence[_Runner], losses: Sequence[tuple[float, float]], layout: Layout, recipe: Recipe
) -> list[Finished | Diverged]:
    """Extend every runner's curve, remember what improved, and hand out those whose training is over."""
    results: list[Finished | Diverged] = []
    improved, over = [], []
    for row, (runner, (train, validation)) in enumerate(zip(runners, losses, strict=True)):
        try:
            runner.curve = runner.curve.after(train / runner.examples, validation)
        except TrainingFailed as reason:
            results.append(Diverged(runner.ticker, reason))
            continue
        if runner.curve.has_improved:
            improved.append(row)
        if runner.curve.is_over(recipe):
            over.append(row)
    stack.remember(improved)
    for row, best in zip(over, stack.best(over), strict=True):
        runner = runners[row]
        results.append(Finished(runner.ticker, runner.curve, layout.state_dict(best), runner.seconds))
    return results
