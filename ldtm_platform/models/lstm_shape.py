"""What an LSTM with a head per horizon is made of, for whatever reckons with its weights itself. No PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LstmShape:
    """An LSTM whose last hidden state feeds one small head per horizon: Linear, ReLU, Linear.

    Its parameters are those of nn.LSTM under `lstm.`, and of the two Linear as `heads.<number>.0.` and `.2.`.
    """

    inputs: int
    hidden: int
    layers: int
    dropout: float
    head_hidden: int
    heads: int


@dataclass(frozen=True)
class Block:
    """One or more parameters that lie side by side along their first dimension."""

    names: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def each(self) -> tuple[int, ...]:
        """The shape of each of them."""
        return (self.shape[0] // len(self.names), *self.shape[1:])


def blocks_of(shape: LstmShape) -> tuple[Block, ...]:
    """The parameters in the order of a flat row of weights: layer by layer, then the heads' two Linear as one each."""
    gates, heads = 4 * shape.hidden, range(shape.heads)
    blocks: list[Block] = []
    for layer in range(shape.layers):
        inputs = shape.hidden if layer else shape.inputs
        sizes = {"weight_ih": (gates, inputs), "weight_hh": (gates, shape.hidden), "bias_ih": (gates,)}
        blocks += [Block((f"lstm.{name}_l{layer}",), size) for name, size in sizes.items()]
        blocks.append(Block((f"lstm.bias_hh_l{layer}",), (gates,)))
    wide = shape.heads * shape.head_hidden
    blocks.append(Block(tuple(f"heads.{head}.0.weight" for head in heads), (wide, shape.hidden)))
    blocks.append(Block(tuple(f"heads.{head}.0.bias" for head in heads), (wide,)))
    blocks.append(Block(tuple(f"heads.{head}.2.weight" for head in heads), (shape.heads, shape.head_hidden)))
    blocks.append(Block(tuple(f"heads.{head}.2.bias" for head in heads), (shape.heads,)))
    return tuple(blocks)
