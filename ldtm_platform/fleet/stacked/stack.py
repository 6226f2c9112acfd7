"""A stack of tickers on a device: their examples, weights and buffers, and the two computations over its first rows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ldtm_platform.fleet.stacked.bank import Bank
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.network import StackedNetwork
from ldtm_platform.fleet.stacked.parts import stacked_losses, stacked_part
from ldtm_platform.fleet.stacked.plan import EpochPlan, steps_of
from ldtm_platform.fleet.stacked.products import products_of
from ldtm_platform.fleet.stacked.replay import Replay
from ldtm_platform.models.network_family import Parts, Recipe


class Stack:
    """Tickers in training are the first rows; examples and best weights stay in the slot that a ticker began with.

    Between two calls of `losses` the host waits for nothing.
    """

    def __init__(self, rows: Tensor, parts: Sequence[Parts], layout: Layout, recipe: Recipe, machine: Machine) -> None:
        """rows (K, width): initial weights; parts: the tickers', those with the most examples first."""
        self._layout, self._recipe, self._machine = layout, recipe, machine
        device, dtype, batch = machine.device, machine.dtype, recipe.batch_size
        train, validation = [part.train for part in parts], [part.validation for part in parts]
        self._network = StackedNetwork(products_of(machine.precision), layout.shape.dropout)
        self._train = stacked_part(train, multiple=1, device=device, dtype=dtype)
        self._validation = stacked_part(validation, multiple=batch, device=device, dtype=dtype)
        window = self._train.inputs.shape[2]
        steps = steps_of(len(train[0]), batch)
        self.plan = EpochPlan(len(parts), steps, batch, shape=layout.shape, window=window, device=device)
        self._bank, self._best = Bank(rows), rows.clone()
        self._slots = torch.arange(len(parts), device=device)
        # Which step of the epoch, or which batch of the validation part: what a captured computation reads.
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._step_losses = torch.zeros(len(parts), dtype=torch.float64, device=device)
        self._summed = torch.zeros_like(self._step_losses)
        self._outputs = torch.zeros_like(self._validation.targets)
        self._steps, self._validations = Replay(device), Replay(device)

    def train_step(self, step: int, count: int, *, rate: float) -> None:
        """Step the first so many tickers by their own batch of that number."""
        self._position.fill_(step)
        self._steps.run(self._compute_step, self._rounded(count))
        self._summed[:count] += self._step_losses[:count]
        self._bank.advance(count, rate=rate, recipe=self._recipe)

    def losses(self, count: int) -> list[tuple[float, float]]:
        """Of the first so many tickers: the training loss summed over the epoch's examples, and the validation loss."""
        for batch in range(self._outputs.shape[1] // self._recipe.batch_size):
            self._position.fill_(batch)
            self._validations.run(self._compute_outputs, self._rounded(count))
        slots = self._slots[:count]
        validation = stacked_losses(
            self._outputs[:count], self._validation.targets[slots], self._validation.used[slots]
        )
        both = torch.stack((self._summed[:count], validation), dim=1).tolist()
        self._summed.zero_()
        return [(train, scored) for train, scored in both]

    def remember(self, rows: Sequence[int]) -> None:
        """Take the present weights of these rows for their tickers' best."""
        where = torch.tensor(rows, dtype=torch.int64, device=self._machine.device)
        self._best[self._slots[where]] = self._bank.weights[where]

    def best(self, rows: Sequence[int]) -> Tensor:
        """The best weights of these rows' tickers, on the CPU."""
        where = torch.tensor(rows, dtype=torch.int64, device=self._machine.device)
        return self._best[self._slots[where]].cpu()

    def keep(self, rows: Sequence[int]) -> None:
        """Let all but these rows (ascending) go; the others move up."""
        where = torch.tensor(rows, dtype=torch.int64, device=self._machine.device)
        self._bank.keep(where)
        self._slots[: len(rows)] = self._slots[where]

    def _rounded(self, count: int) -> int:
        multiple = self._machine.rows
        return min(-(-count // multiple) * multiple, len(self._slots))

    def _compute_step(self, rows: int) -> None:
        """Losses, times the examples in the batch, and gradients of the first rows at `_position`."""
        plan, now = self.plan, self._position
        positions, counted = (
            buffer[:rows].index_select(1, now).squeeze(1) for buffer in (plan.positions, plan.counted)
        )
        kept = None if plan.kept is None else plan.kept[:rows].index_select(1, now).squeeze(1)
        batch = self._train.batch(self._slots[:rows], positions)
        weights = self._layout.weights(self._bank.weights[:rows])
        run = self._network.run(weights, batch.inputs.transpose(1, 2).contiguous(), kept)
        used = (batch.used & counted.unsqueeze(-1)).to(batch.targets.dtype)
        shares = used / used.sum(dim=1, keepdim=True).clamp(min=1)
        errors = run.outputs - batch.targets
        losses = (errors.square() * shares).sum(dim=(1, 2))
        self._step_losses[:rows] = losses * counted.sum(dim=1)
        into = self._layout.weights(self._bank.gradients[:rows])
        self._network.gradients(run, weights, into, 2.0 * errors * shares)

    def _compute_outputs(self, rows: int) -> None:
        """Outputs of the first rows for the batch of the validation part at `_position`."""
        size = self._recipe.batch_size
        positions = self._position * size + torch.arange(size, device=self._machine.device)
        batch = self._validation.batch(self._slots[:rows], positions.unsqueeze(0))
        weights = self._layout.weights(self._bank.weights[:rows])
        run = self._network.run(weights, batch.inputs.transpose(1, 2).contiguous(), None)
        self._outputs[:rows].index_copy_(1, positions, run.outputs)
