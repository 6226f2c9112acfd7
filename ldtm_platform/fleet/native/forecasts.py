"""LD-TM as the kernel forecasts: every ticker's window through its own weights, in one call and without PyTorch."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from ldtm_platform.fleet.native.kernel import Kernel, Sizes, loaded
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import History, Model, ModelFamily
from ldtm_platform.models.fitting_weights import no_weights, require_fitting
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.scaling import closes_of, scaled_windows
from ldtm_platform.models.lstm_shape import blocks_of


@dataclass(frozen=True)
class LdtmByKernel(ModelFamily):
    """What `Ldtm` is to PyTorch: the same forecasts to the seventh digit of a window's range."""

    kernel: Kernel
    settings: LdtmConfig = field(default_factory=LdtmConfig)

    name = "ldtm"

    @property
    def window_rows(self) -> int:
        """A forecast is made from one window."""
        return self.settings.window

    def model(self, weights: bytes) -> "RowModel":
        """A network's weights as one row. Raises UnusableWeights."""
        try:
            state = load(weights)
        except SafetensorError as error:
            raise no_weights(error) from None
        blocks = blocks_of(self.settings.shape)
        require_fitting(
            {name: value.shape for name, value in state.items()},
            {name: block.each for block in blocks for name in block.names},
        )
        row = np.concatenate([state[name].ravel() for block in blocks for name in block.names])
        return RowModel(self, row.astype(np.float32, copy=False))

    def closes_of(self, asked: Sequence[tuple[Model, History]]) -> list[dict[str, float]]:
        """The closes that each model expects after its history's last window."""
        if not asked:
            return []
        windows = np.stack([history.values[-self.window_rows :] for _, history in asked])
        outputs = self._outputs([cast(RowModel, model).row for model, _ in asked], scaled_windows(windows))
        return [dict(zip(HORIZONS, closes, strict=True)) for closes in closes_of(outputs, windows).tolist()]

    def _outputs(self, rows: Sequence[NDArray[np.float32]], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The networks' outputs (n, horizons) for a window each."""
        outputs = np.empty((len(rows), len(HORIZONS)), np.float32)
        where = (ctypes.c_void_p * len(rows))(*(row.ctypes.data for row in rows))
        sizes = Sizes.of(self.settings.shape, self.window_rows)
        windows = np.ascontiguousarray(windows)
        failed = loaded(self.kernel.library).ldtm_forecasts(
            ctypes.byref(sizes), where, windows.ctypes.data, len(rows), outputs.ctypes.data
        )
        if failed:
            raise MemoryError("no memory for the forecasts' kernel")
        return outputs


@dataclass(frozen=True)
class RowModel(Model):
    """A trained network: its parameters, (n,) float32, in the order of models/lstm_shape.py."""

    family: LdtmByKernel
    row: NDArray[np.float32]

    def closes(self, history: History) -> dict[str, float]:
        """The expected close per horizon."""
        return self.family.closes_of([(self, history)])[0]
