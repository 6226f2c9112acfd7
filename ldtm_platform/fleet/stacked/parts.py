"""One part (train, validation) of many tickers as one tensor, a slot per ticker."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ldtm_platform.models.network_family import Batch, Examples


@dataclass(frozen=True)
class StackedPart:
    """inputs (K, N, T, features), targets and used (K, N, heads); N is that of the longest ticker, rounded up.

    Behind a ticker's own examples everything is zero and not used.
    """

    inputs: Tensor
    targets: Tensor
    used: Tensor

    def batch(self, slots: Tensor, positions: Tensor) -> Batch:
        """The examples (K, B, ...) at positions (K, B), or (1, B) for all alike, of the tickers in those slots (K,)."""
        where = slots.unsqueeze(1), positions
        return Batch(self.inputs[where], self.targets[where], self.used[where])


def stacked_part(parts: Sequence[Examples], *, multiple: int, device: torch.device, dtype: torch.dtype) -> StackedPart:
    """Stack the parts of several tickers on a device; N is rounded up to a multiple."""
    count = -(-max(len(part) for part in parts) // multiple) * multiple
    stacked: StackedPart | None = None
    for slot, examples in enumerate(parts):
        batch = examples.to(device).batch(torch.arange(len(examples), device=device))
        stacked = stacked or _empty(len(parts), count, batch, dtype)
        stacked.inputs[slot, : len(examples)] = batch.inputs
        stacked.targets[slot, : len(examples)] = batch.targets
        stacked.used[slot, : len(examples)] = batch.used
    if stacked is None:
        raise ValueError("a stack needs at least one ticker")
    return stacked


def stacked_losses(outputs: Tensor, targets: Tensor, used: Tensor) -> Tensor:
    """The loss of each ticker over a part (K,), in float64: evaluation/skill.py's, of every row of the stack."""
    squared = torch.where(used, (outputs.double() - targets.double()).square(), 0.0)
    counts = used.sum(dim=1)
    return (squared.sum(dim=1) / counts.clamp(min=1)).sum(dim=1)


def _empty(tickers: int, count: int, like: Batch, dtype: torch.dtype) -> StackedPart:
    inputs = like.inputs.new_zeros(tickers, count, *like.inputs.shape[1:], dtype=dtype)
    targets = like.targets.new_zeros(tickers, count, like.targets.shape[1], dtype=dtype)
    return StackedPart(inputs, targets, like.used.new_zeros(tickers, count, like.used.shape[1]))
