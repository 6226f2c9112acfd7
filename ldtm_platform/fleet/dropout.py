"""Dropout between an LSTM's layers, by a hash of what is dropped and where: the same in PyTorch and in the kernel.

No generator is stepped, so what a ticker drops depends on its seed, epoch and step alone. fleet/native/network.h
computes the same hash.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldtm_platform.fleet.streams import stream_seed
from ldtm_platform.models.lstm_shape import LstmShape

# The examples of a batch are numbered within so many columns, whatever its size: the kernel's width.
COLUMNS = 32


@dataclass(frozen=True)
class DropoutStream:
    """One ticker's dropout, whatever else is trained."""

    shape: LstmShape
    batch_size: int
    seed: int
    ticker: str

    @property
    def share(self) -> float:
        """How much is dropped; 0 where there is nothing between layers."""
        return self.shape.dropout if self.shape.layers > 1 else 0.0

    def key(self, epoch: int) -> int:
        """What an epoch's numbers are hashed with, 63 bits."""
        return stream_seed(self.seed, self.ticker, f"dropout of epoch {epoch}")

    def kept(self, epoch: int, step: int, inputs: Tensor) -> Tensor | None:
        """What passes in a step of an epoch (from 0), for inputs (B, window, ...): (layers - 1, B, window, hidden)."""
        if not self.share:
            return None
        columns = max(COLUMNS, self.batch_size)
        sizes = (self.shape.layers - 1, inputs.shape[1], self.shape.hidden, columns)
        count = math.prod(sizes)
        key, numbers = self.key(epoch), np.arange(step * count, (step + 1) * count, dtype=np.uint32)
        hashed = _mixed(_mixed(numbers ^ np.uint32(key & 0xFFFFFFFF)) ^ np.uint32(key >> 32))
        # As the kernel has it: the share in float32, the rest in double.
        passed = hashed <= np.uint32((1.0 - float(np.float32(self.share))) * 2.0**32 - 1.0)
        return torch.from_numpy(passed.reshape(sizes)[..., : len(inputs)]).permute(0, 3, 1, 2)


def _mixed(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A bijection of 32 bits that leaves no pattern (C. Wellons, `lowbias32`)."""
    numbers ^= numbers >> np.uint32(16)
    numbers *= np.uint32(0x7FEB352D)
    numbers ^= numbers >> np.uint32(15)
    numbers *= np.uint32(0x846CA68B)
    numbers ^= numbers >> np.uint32(16)
    return numbers
