"""LD-TM's examples: the windows of a history with their scaled labels, split and purged."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ldtm_platform.evaluation.splits import Part, purged_split
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.labels import label_rows
from ldtm_platform.models.ldtm.scaling import EPSILON
from ldtm_platform.models.ldtm.windows import Windows
from ldtm_platform.models.network_family import Batch, Parts, Reference


@dataclass(frozen=True)
class WindowExamples:
    """One part: window numbers (n,), the closes to forecast (n, horizons) float64, and which of them count."""

    windows: Windows
    numbers: Tensor
    closes: Tensor
    used: Tensor

    def __len__(self) -> int:
        return self.numbers.numel()

    def batch(self, positions: Tensor) -> Batch:
        """The examples at those positions: windows are gathered and scaled here, and kept nowhere."""
        numbers, used = self.numbers[positions], self.used[positions]
        targets = self.windows.scale(numbers).scaled(self.closes[positions])
        return Batch(
            inputs=self.windows.inputs(numbers),
            targets=torch.where(used, targets, 0.0).float(),
            used=used,
        )

    def reference(self) -> Reference:
        """Persistence beside every example: the last close, scaled like a label."""
        scale, last = self.windows.scale(self.numbers), self.windows.last_closes(self.numbers)
        unit = (scale.high - scale.low + EPSILON) / last
        return Reference(persistence=scale.scaled(last).cpu().numpy(), unit=unit.cpu().numpy())

    def to(self, device: torch.device) -> "WindowExamples":
        """The same examples on a device."""
        return replace(
            self,
            windows=self.windows.to(device),
            numbers=self.numbers.to(device),
            closes=self.closes.to(device),
            used=self.used.to(device),
        )


@dataclass(frozen=True)
class LastWindow:
    """A forecast to make from the only window of these."""

    windows: Windows

    @property
    def inputs(self) -> Tensor:
        """The scaled window, (1, length, features) float32."""
        return self.windows.inputs(torch.tensor([0]))

    def closes(self, outputs: Tensor) -> Tensor:
        """The outputs unscaled by the window's close range."""
        return self.windows.scale(torch.tensor([0])).closes(outputs)


def windows_of(history: History, length: int) -> Windows:
    """The windows of a checked history."""
    return Windows(values=torch.from_numpy(history.values), length=length)


def parts_of(history: History, length: int) -> Parts:
    """The examples of a checked history, by window ending on each row from the length-th on.

    A window whose closes are all equal has no scale to measure a label in (it would be divided by the epsilon, and one
    such label would outweigh all others): its labels are left out.
    """
    windows, labels = windows_of(history, length), label_rows(history)
    last = np.arange(length - 1, history.rows)
    scale = windows.scale(torch.arange(len(windows)))
    closes = labels.closes[last]
    matured = np.isfinite(closes) & (scale.high > scale.low).numpy()
    split = purged_split(labels.days[last], labels.target_days[last], matured)

    def examples(part: Part) -> WindowExamples:
        return WindowExamples(
            windows=windows,
            numbers=torch.from_numpy(part.rows),
            closes=torch.from_numpy(closes[part.rows]),
            used=torch.from_numpy(part.used),
        )

    return Parts(train=examples(split.train), validation=examples(split.validation), test=examples(split.test))
