"""Where a stack is trained, in which arithmetic, and how many tickers its memory holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.fleet.stacked.plan import steps_of
from ldtm_platform.fleet.stacked.products import Precision, matrix_units
from ldtm_platform.gpu import memory_of_a_training
from ldtm_platform.models.network_family import Parts, Recipe
from ldtm_platform.models.threads import one_thread

# The rest is for the allocator's rounding and the libraries' workspaces.
USABLE_SHARE = 0.75


@dataclass(frozen=True)
class Machine:
    """A device and its arithmetic; computations are made for multiples of `rows` tickers, each a graph on CUDA."""

    device: torch.device
    precision: Precision = "tf32"
    dtype: torch.dtype = torch.float32
    rows: int = 8

    @contextmanager
    def computing(self) -> Iterator[None]:
        """The process's settings for the arithmetic, inside the block only."""
        with one_thread(), matrix_units(self.precision):
            yield

    def memory(self) -> int:
        """Bytes that a training may take on the device now."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            return memory_of_a_training(*torch.cuda.mem_get_info(self.device))
        return int(psutil.virtual_memory().available)

    def claim(self, memory: int) -> None:
        """Take no more than so many bytes of a card, whatever was reckoned: other runs may be training there.

        What would be more fails in this process, as any lack of memory does.
        """
        if self.device.type == "cuda":
            index = torch.cuda.current_device() if self.device.index is None else self.device.index
            total = torch.cuda.get_device_properties(index).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, memory / total), index)


def bytes_per_ticker(layout: Layout, parts: Parts, recipe: Recipe, dtype: torch.dtype) -> int:
    """What one ticker of a stack takes at most, from the shapes alone."""
    shape, batch, train, validation = layout.shape, recipe.batch_size, len(parts.train), len(parts.validation)
    window, features = parts.train.batch(torch.zeros(1, dtype=torch.int64)).inputs.shape[1:]
    # Weights, gradients, two moments, the best weights, and a copy while the stack is compacted.
    bank = 6 * layout.width
    examples = (train + validation + 2 * batch) * (window * features + 2 * shape.heads)
    # By hidden unit, time step and example: gates 4, cells, their tanh, states, dropped states for each layer; as many
    # again for the gradients of the layer in hand; and the layers of a validation pass.
    states = window * batch * shape.hidden
    activations = 8 * states * (2 * shape.layers + 1)
    masks = steps_of(train, batch) * (shape.layers - 1) * states + 16 * steps_of(train, batch) * batch
    return (bank + examples + activations) * dtype.itemsize + masks


def chunk_sizes(tickers: int, each: int, memory: int) -> list[int]:
    """How many tickers go into each stack, as evenly as can be, so that each fits into so many bytes."""
    fitting = max(1, int(memory * USABLE_SHARE) // each)
    count = -(-tickers // fitting)
    return [len(range(number, tickers, count)) for number in range(count)]
