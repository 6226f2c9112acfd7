"""The kernel's C interface in Python. A call releases the interpreter's lock for as long as it computes."""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ldtm_platform.models.network_family import Batch, LstmShape

KernelPrecision = Literal["float32", "bfloat16"]
_Pointer, _Int32, _Int64, _Double = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_double


class _Shape(ctypes.Structure):
    _fields_ = [(name, _Int32) for name in ("inputs", "hidden", "layers", "window", "heads", "head_hidden")]


class _Examples(ctypes.Structure):
    _fields_ = [(name, _Pointer) for name in ("inputs", "targets", "used")]


class _Training(ctypes.Structure):
    _fields_ = [
        *((name, _Pointer) for name in ("row", "first_moment", "second_moment", "gradient")),
        ("width", _Int64),
        ("steps_before", _Int64),
        ("batch_size", _Int32),
        ("dropout", ctypes.c_float),
        ("rate", _Double),
        ("weight_decay", _Double),
        ("key", ctypes.c_uint64),
    ]


@dataclass(frozen=True)
class Step:
    """How an epoch's steps are taken: batches, learning rate and weight decay, dropout and the key of its stream."""

    batch_size: int
    rate: float
    weight_decay: float
    dropout: float
    key: int


@dataclass
class RowState:
    """A network's parameters as one row (fleet/stacked/layout.py), AdamW's moments of it, and the steps taken."""

    row: Tensor
    first_moment: Tensor
    second_moment: Tensor
    gradient: Tensor
    steps: int = 0

    @classmethod
    def of(cls, row: Tensor) -> "RowState":
        """A row that training starts from."""
        return cls(row, torch.zeros_like(row), torch.zeros_like(row), torch.zeros_like(row))


class Handle:
    """The kernel's memory for networks of one shape; not to be used by two threads at once."""

    def __init__(
        self, library: Path, shape: LstmShape, window: int, *, precision: KernelPrecision, training: bool
    ) -> None:
        self._library = _loaded(library)
        sizes = _Shape(shape.inputs, shape.hidden, shape.layers, window, shape.heads, shape.head_hidden)
        self._heads = shape.heads
        self._pointer = self._library.ldtm_new(ctypes.byref(sizes), precision == "bfloat16", training)
        if not self._pointer:
            raise MemoryError(f"no memory for the training kernel ({precision})")

    def epoch(self, state: RowState, examples: Batch, order: Tensor, step: Step) -> float:
        """Train over the examples in that order; the mean loss of all of them."""
        training = _Training(
            *(each.data_ptr() for each in (state.row, state.first_moment, state.second_moment, state.gradient)),
            state.row.numel(),
            state.steps,
            step.batch_size,
            step.dropout,
            step.rate,
            step.weight_decay,
            step.key,
        )
        data = _Examples(examples.inputs.data_ptr(), examples.targets.data_ptr(), examples.used.data_ptr())
        loss: float = self._library.ldtm_epoch(
            self._pointer, ctypes.byref(training), ctypes.byref(data), order.data_ptr(), order.numel()
        )
        state.steps += -(-order.numel() // step.batch_size)
        return loss

    def outputs(self, state: RowState, inputs: Tensor) -> Tensor:
        """The network's outputs for windows (n, window, inputs), without dropout: (n, heads)."""
        outputs = torch.empty(len(inputs), self._heads)
        self._library.ldtm_outputs(
            self._pointer, state.row.data_ptr(), inputs.data_ptr(), len(inputs), outputs.data_ptr()
        )
        return outputs

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            self._library.ldtm_delete(self._pointer)


@cache
def _loaded(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.ldtm_new.argtypes, library.ldtm_new.restype = [_Pointer, ctypes.c_int, ctypes.c_int], _Pointer
    library.ldtm_delete.argtypes, library.ldtm_delete.restype = [_Pointer], None
    library.ldtm_epoch.argtypes, library.ldtm_epoch.restype = [*[_Pointer] * 4, _Int64], _Double
    library.ldtm_outputs.argtypes, library.ldtm_outputs.restype = [*[_Pointer] * 3, _Int64, _Pointer], None
    return library
