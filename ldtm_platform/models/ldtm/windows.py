"""Windows of a history as views, each scaled by its own minimum and maximum when a batch is asked for.

Scaling is done in float64 and cast to float32 for the network. The inverse uses the same epsilon: the round trip is
exact to the last bits of float64.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ldtm_platform.models.ldtm.scaling import CLOSE, EPSILON


@dataclass(frozen=True)
class Scale:
    """The range of the closes in each window, (B, 1) float64: what its labels and outputs are measured in."""

    low: Tensor
    high: Tensor

    def scaled(self, closes: Tensor) -> Tensor:
        """Closes (B, n) in units of the window's range: 0 at its lowest close, about 1 at its highest."""
        return (closes - self.low) / (self.high - self.low + EPSILON)

    def closes(self, scaled: Tensor) -> Tensor:
        """The inverse of `scaled`, in float64."""
        return scaled.double() * (self.high - self.low + EPSILON) + self.low


@dataclass(frozen=True)
class Windows:
    """Every run of consecutive rows of one history; values are (rows, features) float64 and are never copied."""

    values: Tensor
    length: int

    def __len__(self) -> int:
        return max(0, self.values.shape[0] - self.length + 1)

    @property
    def view(self) -> Tensor:
        """All windows, (n, features, length), sharing the memory of values."""
        return self.values.unfold(0, self.length, 1)

    def inputs(self, numbers: Tensor) -> Tensor:
        """The scaled windows of those numbers, (B, length, features) float32."""
        gathered = self.view[numbers]
        low, high = gathered.amin(dim=2, keepdim=True), gathered.amax(dim=2, keepdim=True)
        scaled = (gathered - low) / (high - low + EPSILON)
        return scaled.transpose(1, 2).float().contiguous()

    def scale(self, numbers: Tensor) -> Scale:
        """The close range of the windows of those numbers."""
        closes = self.view[numbers, CLOSE]
        return Scale(low=closes.amin(dim=1, keepdim=True), high=closes.amax(dim=1, keepdim=True))

    def last_closes(self, numbers: Tensor) -> Tensor:
        """The close that each window ends with, (B, 1) float64."""
        return self.view[numbers, CLOSE, -1:]

    def to(self, device: torch.device) -> "Windows":
        """The same windows with their values on a device."""
        return replace(self, values=self.values.to(device))
