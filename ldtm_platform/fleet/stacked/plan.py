"""The randomness of one epoch of a stack: each ticker's own order of examples and its own dropout, drawn at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ldtm_platform.fleet.streams import epoch_order, stream_seed
from ldtm_platform.models.lstm_shape import LstmShape


class EpochPlan:
    """Buffers that keep their place in memory, so that a graph captured once reads every epoch from them.

    positions (K, S, B): the examples of each step's batch; counted (K, S, B): whether they are there (a last batch
    may be short, a ticker's steps fewer than the stack's); kept (K, S, layers - 1, T, B, H): what dropout lets through.
    """

    def __init__(
        self, tickers: int, steps: int, batch_size: int, *, shape: LstmShape, window: int, device: torch.device
    ) -> None:
        pinned = device.type == "cuda"
        self.device, self.batch_size, self.dropout = device, batch_size, shape.dropout if shape.layers > 1 else 0.0
        self._positions = torch.zeros(tickers, steps, batch_size, dtype=torch.int64, pin_memory=pinned)
        self._counted = torch.zeros(tickers, steps, batch_size, dtype=torch.bool, pin_memory=pinned)
        self.positions, self.counted = (tensor.to(device) for tensor in (self._positions, self._counted))
        self.kept: Tensor | None = None
        if self.dropout:
            masks = (tickers, steps, shape.layers - 1, window, batch_size, shape.hidden)
            self.kept = torch.ones(masks, dtype=torch.bool, device=device)
        self._generator = torch.Generator(device)

    def draw(self, tickers: Sequence[tuple[str, int]], *, seed: int, epoch: int) -> None:
        """The next epoch of these tickers (name and number of examples), in the order of their rows.

        The epoch before must be done: its buffers are written over.
        """
        self._positions.zero_()
        self._counted.zero_()
        for row, (ticker, count) in enumerate(tickers):
            self._positions[row].view(-1)[:count] = epoch_order(seed, ticker, epoch, count)
            self._counted[row].view(-1)[:count] = True
            if self.kept is not None:
                self._generator.manual_seed(stream_seed(seed, ticker, f"dropout of epoch {epoch}"))
                own = self.kept[row, : steps_of(count, self.batch_size)]
                own.bernoulli_(1.0 - self.dropout, generator=self._generator)
        self.positions.copy_(self._positions, non_blocking=True)
        self.counted.copy_(self._counted, non_blocking=True)


def steps_of(examples: int, batch_size: int) -> int:
    """How many batches an epoch has; the last may be short."""
    return -(-examples // batch_size)
