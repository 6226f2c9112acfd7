"""A kernel that was built for this machine, and its C interface: what training and forecasts share. No PyTorch."""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from ldtm_platform.fleet.native.cpu import InstructionSet
from ldtm_platform.models.lstm_shape import LstmShape

KernelPrecision = Literal["float32", "bfloat16"]
Pointer, Int32, Int64, Double = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_double

# Training sums over 32 units at once and takes batches of up to 32 windows; a forecast sums over 16.
_UNITS, _WINDOWS, _LANES = 32, 32, 16


@dataclass(frozen=True)
class Kernel:
    """A library and the arithmetic that it trains in; worker processes get a copy. Forecasts are made in float32."""

    library: Path
    instructions: InstructionSet
    precision: KernelPrecision

    @property
    def device(self) -> str:
        """What a model's card says it was trained on."""
        return f"cpu:{self.instructions}:{self.precision}"

    def can_train(self, shape: LstmShape, batch_size: int) -> bool:
        """Whether the kernel knows such networks and batches; PyTorch trains the others."""
        return shape.hidden % _UNITS == 0 and batch_size <= _WINDOWS

    def can_forecast(self, shape: LstmShape) -> bool:
        """Whether it knows such networks; PyTorch forecasts with the others."""
        return shape.hidden % _LANES == 0


class Sizes(ctypes.Structure):
    """A network's shape and window, as the kernel is told."""

    _fields_ = [(name, Int32) for name in ("inputs", "hidden", "layers", "window", "heads", "head_hidden")]

    @classmethod
    def of(cls, shape: LstmShape, window: int) -> "Sizes":
        """Those of a shape."""
        return cls(shape.inputs, shape.hidden, shape.layers, window, shape.heads, shape.head_hidden)


@cache
def loaded(path: Path) -> ctypes.CDLL:
    """The library's functions, once a process. A call releases the interpreter's lock for as long as it computes."""
    library = ctypes.CDLL(str(path))
    library.ldtm_new.argtypes, library.ldtm_new.restype = [Pointer, ctypes.c_int, ctypes.c_int], Pointer
    library.ldtm_delete.argtypes, library.ldtm_delete.restype = [Pointer], None
    library.ldtm_epoch.argtypes, library.ldtm_epoch.restype = [*[Pointer] * 4, Int64], Double
    library.ldtm_outputs.argtypes, library.ldtm_outputs.restype = [*[Pointer] * 3, Int64, Pointer], None
    library.ldtm_forecasts.argtypes, library.ldtm_forecasts.restype = [*[Pointer] * 3, Int64, Pointer], ctypes.c_int
    return library
