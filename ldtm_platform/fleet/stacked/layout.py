"""Where a network's parameters lie in one flat row, so that a whole stack of them is one matrix, a row per ticker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor, nn

from ldtm_platform.fleet.stacked.layer import LayerWeights
from ldtm_platform.models.lstm_shape import Block, LstmShape, blocks_of
from ldtm_platform.models.network_family import NetworkFamily, Stackable

# Rows of whole 256-byte lines (in float32): products over a stack need aligned matrices.
ROW_MULTIPLE = 64


@dataclass(frozen=True)
class StackedWeights:
    """Views of (K, width) rows: the layers, and the heads' two Linear as one each.

    head (K, heads * head_hidden, H), head_bias (K, heads * head_hidden), out (K, heads, head_hidden),
    out_bias (K, heads).
    """

    layers: tuple[LayerWeights, ...]
    head: Tensor
    head_bias: Tensor
    out: Tensor
    out_bias: Tensor


@dataclass(frozen=True)
class Layout:
    """The layout of one shape of network."""

    shape: LstmShape

    @cached_property
    def width(self) -> int:
        """How many numbers a row has; those after the last parameter stay zero."""
        return -(-sum(prod(block.shape) for block in self._blocks) // ROW_MULTIPLE) * ROW_MULTIPLE

    def fits(self, network: nn.Module) -> bool:
        """Whether the network's parameters have the names and shapes that this layout expects."""
        expected = {name: block.each for block in self._blocks for name in block.names}
        return expected == {name: tuple(value.shape) for name, value in network.state_dict().items()}

    def row(self, network: nn.Module, dtype: torch.dtype) -> Tensor:
        """A network's parameters as one row, (width,)."""
        state, row = network.state_dict(), torch.zeros(self.width, dtype=dtype)
        for name, view in self._named(row):
            view.copy_(state[name])
        return row

    def state_dict(self, row: Tensor) -> Mapping[str, Tensor]:
        """A row's parameters by nn.LSTM's names, for load_state_dict or a checkpoint."""
        return dict(self._named(row))

    def weights(self, rows: Tensor) -> StackedWeights:
        """Views of the rows (K, width); what is written to them is written to the rows."""
        views, start = [], 0
        for block in self._blocks:
            stop = start + prod(block.shape)
            views.append(rows[:, start:stop].view(len(rows), *block.shape))
            start = stop
        layers = tuple(LayerWeights(*views[4 * layer : 4 * layer + 4]) for layer in range(self.shape.layers))
        return StackedWeights(layers, *views[4 * self.shape.layers :])

    def _named(self, row: Tensor) -> Iterator[tuple[str, Tensor]]:
        start = 0
        for block in self._blocks:
            for name in block.names:
                stop = start + prod(block.each)
                yield name, row[start:stop].view(block.each)
                start = stop

    @cached_property
    def _blocks(self) -> tuple[Block, ...]:
        return blocks_of(self.shape)


def layout_of(family: NetworkFamily) -> Layout | None:
    """How a row holds the parameters of the family's networks; None if they are not such LSTMs."""
    if not isinstance(family, Stackable):
        return None
    layout = Layout(family.lstm_shape)
    with torch.device("meta"):
        return layout if layout.fits(family.network()) else None
