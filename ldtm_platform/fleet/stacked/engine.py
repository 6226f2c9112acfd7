"""The stacked engine: a fleet of LSTMs as a few stacks, each ticker with its own weights, order, dropout and patience.

For a GPU, which one small network leaves idle between launches; on a CPU the same code runs, slower than worker
processes do. Initial weights and data order are those of the loop (fleet/loop.py). Dropout is the ticker's own stream
too, but not the loop's: with dropout, the two engines give models that are equal in distribution only. The same fleet
gives the same bytes again; the last bits of a ticker may depend on how many others are in its stack, as the order of
sums in a product does.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ldtm_platform.fleet.engine import Engine, OneByOne
from ldtm_platform.fleet.progress import Watch, unwatched
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.stacked.layout import Layout, layout_of
from ldtm_platform.fleet.stacked.machine import Machine, bytes_per_ticker, chunk_sizes
from ldtm_platform.fleet.stacked.training import Candidate, Diverged, Finished, train_stack
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.fleet.ticker import examples_of, trained, unfit
from ldtm_platform.models.base import History, HistoryError
from ldtm_platform.models.network_family import NetworkFamily, Parts


@dataclass(frozen=True)
class _Job:
    """What is to be trained: one shape of network, and the examples of each ticker."""

    family: NetworkFamily
    layout: Layout
    parts: Mapping[str, Parts]
    seed: int

    def candidate(self, ticker: str) -> Candidate:
        """A ticker with the initial weights that any engine would give it."""
        with own_randomness(self.seed, ticker, torch.device("cpu")):
            return Candidate(ticker, self.parts[ticker], self.family.network())


class Stacked(Engine):
    """Stacks of as many tickers as fit into memory (bytes; None for what a run may take), one stack after the other.

    A family whose networks cannot be stacked is trained one by one.
    """

    def __init__(self, machine: Machine, *, memory: int | None = None, watch: Watch = unwatched) -> None:
        self.machine = machine
        self.memory = memory
        self.watch = watch

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history, as each is done."""
        layout = layout_of(family)
        if layout is None:
            yield from OneByOne(self.machine.device, watch=self.watch).train(family, histories, seed=seed)
            return
        parts: dict[str, Parts] = {}
        for history in histories:
            try:
                parts[history.ticker] = examples_of(family, history)
            except (HistoryError, RuntimeError) as error:
                yield unfit(history.ticker, error)
        job = _Job(family, layout, parts, seed)
        for tickers in self._stacks(job):
            yield from self._train(job, tickers)

    def _stacks(self, job: _Job) -> list[list[str]]:
        """The tickers of each stack, of similar length each."""
        tickers = sorted(job.parts, key=lambda ticker: -len(job.parts[ticker].train))
        if not tickers:
            return []
        each = bytes_per_ticker(job.layout, job.parts[tickers[0]], job.family.recipe, self.machine.dtype)
        memory = self.memory or self.machine.memory()
        self.machine.claim(memory)
        sizes = chunk_sizes(len(tickers), each, memory)
        left = iter(tickers)
        return [[next(left) for _ in range(size)] for size in sizes]

    def _train(self, job: _Job, tickers: Sequence[str]) -> Generator[Trained | Unfit, None, None]:
        """One stack. When PyTorch fails on it (out of memory, say), its halves are tried, down to the one to blame."""
        left, trouble = list(tickers), None
        try:
            candidates = [job.candidate(ticker) for ticker in tickers]
            stack = train_stack(
                candidates, job.layout, job.family.recipe, seed=job.seed, machine=self.machine, watch=self.watch
            )
            for result in stack:
                answer = self._answer(job, result)
                left.remove(result.ticker)
                yield answer
        except RuntimeError as error:
            # Its traceback would keep the failed stack in memory.
            trouble = error.with_traceback(None)
        if trouble is None:
            return
        if len(left) == 1:
            yield unfit(left[0], trouble)
            return
        for half in (left[::2], left[1::2]):
            yield from self._train(job, half)

    def _answer(self, job: _Job, result: Finished | Diverged) -> Trained | Unfit:
        """A ticker that left its stack as every engine gives it back: scored by its own network, on the device."""
        if isinstance(result, Diverged):
            return unfit(result.ticker, result.reason)
        started, device = time.perf_counter(), self.machine.device
        with torch.device("meta"):
            network = job.family.network()
        network.load_state_dict({name: value.float() for name, value in result.weights.items()}, assign=True)
        parts, name = job.parts[result.ticker].to(device), f"{device}:stacked"
        seconds = result.seconds + time.perf_counter() - started
        return trained(result.ticker, network.to(device), result.curve, parts, device=name, seconds=seconds)
