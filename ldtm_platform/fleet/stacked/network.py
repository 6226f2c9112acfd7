"""A stack of independent networks: an LSTM with heads for every ticker, forward and backward, without autograd.

Nothing is ever summed over tickers, so what goes wrong in one (a loss that is no number) stays in its row.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ldtm_platform.fleet.stacked.layer import LayerRun, input_gradients, layer_gradients, run_layer
from ldtm_platform.fleet.stacked.layout import StackedWeights
from ldtm_platform.fleet.stacked.products import Products


@dataclass(frozen=True)
class NetworkRun:
    """What a forward pass leaves for the backward: kept is None without dropout; head (K, B, heads, head_hidden)."""

    layers: tuple[LayerRun, ...]
    kept: Tensor | None
    head: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class StackedNetwork:
    """The computation of a stack; dropout is between the layers, its survivors are scaled up."""

    products: Products
    dropout: float

    def run(self, weights: StackedWeights, inputs: Tensor, kept: Tensor | None) -> NetworkRun:
        """Outputs (K, B, heads) for inputs (K, T, B, features).

        kept (K, layers - 1, T, B, H) bool: which states dropout lets through; None for no dropout.
        """
        layers: list[LayerRun] = []
        for number, layer in enumerate(weights.layers):
            layers.append(run_layer(inputs, layer, self.products))
            if number < len(weights.layers) - 1:
                inputs = layers[-1].states if kept is None else self._dropped(layers[-1].states, kept[:, number])
        hidden = self.products.plus(weights.head_bias.unsqueeze(1), layers[-1].states[:, -1], weights.head.mT)
        head = hidden.relu_().view(*hidden.shape[:2], *weights.out.shape[1:])
        outputs = (head * weights.out.unsqueeze(1)).sum(dim=-1) + weights.out_bias.unsqueeze(1)
        return NetworkRun(tuple(layers), kept, head, outputs)

    def gradients(self, run: NetworkRun, weights: StackedWeights, into: StackedWeights, d_outputs: Tensor) -> None:
        """Write the gradient by every weight, given the loss's by the outputs (K, B, heads)."""
        d_states = self._head_gradients(run, weights, into, d_outputs)
        for number in range(len(run.layers) - 1, -1, -1):
            layer, layer_weights = run.layers[number], weights.layers[number]
            d_gates = layer_gradients(layer, layer_weights, into.layers[number], d_states, self.products)
            if number:
                d_states = input_gradients(layer, layer_weights, d_gates, self.products)
                if run.kept is not None:
                    d_states = self._dropped(d_states, run.kept[:, number - 1])

    def _head_gradients(
        self, run: NetworkRun, weights: StackedWeights, into: StackedWeights, d_outputs: Tensor
    ) -> Tensor:
        """The same for the heads; the loss's gradient by the top layer's states (K, T, B, H) comes back."""
        last, spread = run.layers[-1].states[:, -1], d_outputs.unsqueeze(-1)
        torch.sum(d_outputs, dim=1, out=into.out_bias)
        torch.sum(spread * run.head, dim=1, out=into.out)
        d_head = (spread * weights.out.unsqueeze(1) * (run.head > 0)).flatten(-2)
        torch.sum(d_head, dim=1, out=into.head_bias)
        self.products.into(into.head, d_head.mT, last)
        d_states = torch.zeros_like(run.layers[-1].states)
        d_states[:, -1] = self.products.of(d_head, weights.head, d_head.dtype)
        return d_states

    def _dropped(self, states: Tensor, kept: Tensor) -> Tensor:
        return (states * (1.0 / (1.0 - self.dropout))).mul_(kept)
