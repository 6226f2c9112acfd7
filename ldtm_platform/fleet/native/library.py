"""Training by the kernel, in terms of PyTorch's tensors."""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ldtm_platform.fleet.native.kernel import Double, Int32, Int64, KernelPrecision, Pointer, Sizes, loaded
from ldtm_platform.models.lstm_shape import LstmShape
from ldtm_platform.models.network_family import Batch


class _Examples(ctypes.Structure):
    _fields_ = [(name, Pointer) for name in ("inputs", "targets", "used")]


class _Training(ctypes.Structure):
    _fields_ = [
        *((name, Pointer) for name in ("row", "first_moment", "second_moment", "gradient")),
        ("width", Int64),
        ("steps_before", Int64),
        ("batch_size", Int32),
        ("dropout", ctypes.c_float),
        ("rate", Double),
        ("weight_decay", Double),
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
        self._library = loaded(library)
        sizes = Sizes.of(shape, window)
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
