"""One LSTM layer of many tickers at once: its forward pass, and its gradients by hand.

Everything carries the ticker first and time second, (K, T, B, ...): matrices of all tickers are multiplied in one
batched product, one time step of all tickers is one slice, and all time steps of a ticker are one matrix. By hand
because what does not wait for the recurrence (slopes, weight gradients) is then done for all time steps at once.
Gates are in nn.LSTM's order: input, forget, candidate, output.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ldtm_platform.fleet.stacked.products import Products

# sigmoid_backward(v, y) is v * y * (1 - y) and tanh_backward(v, y) is v * (1 - y * y), in one pass over memory.
_times_sigmoid_slope = torch.ops.aten.sigmoid_backward
_times_tanh_slope = torch.ops.aten.tanh_backward


@dataclass(frozen=True)
class LayerWeights:
    """nn.LSTM's parameters of one layer (or their gradients), stacked: (K, 4H, inputs), (K, 4H, H), twice (K, 4H)."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor


@dataclass(frozen=True)
class LayerRun:
    """What a forward pass leaves: inputs (K, T, B, inputs), gates (K, T, B, 4H); cells, their tanh, states (..., H)."""

    inputs: Tensor
    gates: Tensor
    cells: Tensor
    squashed: Tensor
    states: Tensor


def run_layer(inputs: Tensor, weights: LayerWeights, products: Products) -> LayerRun:
    """Run a layer over (K, T, B, inputs), from states of zero."""
    steps, batch = inputs.shape[1:3]
    bias = (weights.bias_ih + weights.bias_hh).unsqueeze(1)
    gates = products.plus(bias, inputs.flatten(1, 2), weights.weight_ih.mT).view(len(inputs), steps, batch, -1)
    recurrent = products.operand(weights.weight_hh).mT
    cells = gates.new_empty(*gates.shape[:3], weights.weight_hh.shape[2])
    run = LayerRun(inputs, gates, cells, torch.empty_like(cells), torch.empty_like(cells))
    for step in range(steps):
        if step:
            products.add(gates[:, step], run.states[:, step - 1], recurrent)
        _run_cell(run, step)
    return run


def layer_gradients(
    run: LayerRun, weights: LayerWeights, into: LayerWeights, d_states: Tensor, products: Products
) -> Tensor:
    """Write the weights' gradients, given the loss's by the states (K, T, B, H); its gradient by the gates comes back.

    The result is (K, T * B, 4H); `input_gradients` leads on to the layer below.
    """
    d_gates = _through_time(run, weights, d_states, products)
    columns = d_gates.flatten(1, 2)
    products.into(into.weight_ih, columns.mT, run.inputs.flatten(1, 2))
    products.into(into.weight_hh, d_gates[:, 1:].flatten(1, 2).mT, run.states[:, :-1].flatten(1, 2))
    torch.sum(columns, dim=1, out=into.bias_ih)
    into.bias_hh.copy_(into.bias_ih)
    return columns


def input_gradients(run: LayerRun, weights: LayerWeights, d_gates: Tensor, products: Products) -> Tensor:
    """The loss's gradient by the layer's inputs, (K, T, B, inputs)."""
    return products.of(d_gates, weights.weight_ih, d_gates.dtype).view_as(run.inputs)


def _run_cell(run: LayerRun, step: int) -> None:
    gates, cell, squashed = run.gates[:, step], run.cells[:, step], run.squashed[:, step]
    entering, forget, candidate, leaving = gates.chunk(4, dim=-1)
    gates[..., : 2 * cell.shape[-1]].sigmoid_()
    candidate.tanh_()
    leaving.sigmoid_()
    torch.mul(entering, candidate, out=cell)
    if step:
        cell.addcmul_(forget, run.cells[:, step - 1])
    torch.tanh(cell, out=squashed)
    torch.mul(leaving, squashed, out=run.states[:, step])


def _through_time(run: LayerRun, weights: LayerWeights, d_states: Tensor, products: Products) -> Tensor:
    """The loss's gradient by the gates before their nonlinearity, (K, T, B, 4H)."""
    slopes, (_, forget, _, leaving) = _slopes(run), run.gates.chunk(4, dim=-1)
    by_cell, by_state = slopes[..., :3, :], slopes[..., 3, :]
    to_cell = _times_tanh_slope(leaving, run.squashed)
    recurrent, last = products.operand(weights.weight_hh), run.states.shape[1] - 1
    for step in range(last, -1, -1):
        d_state = d_states[:, step]
        if step == last:
            d_cell = d_state * to_cell[:, step]
        else:
            d_state = products.plus(d_state, slopes[:, step + 1].flatten(-2), recurrent)
            d_cell = torch.addcmul(d_cell * forget[:, step + 1], d_state, to_cell[:, step])
        # From here on the slopes of this step are gradients.
        by_cell[:, step].mul_(d_cell.unsqueeze(-2))
        by_state[:, step].mul_(d_state)
    return slopes.flatten(-2)


def _slopes(run: LayerRun) -> Tensor:
    """By gate, how the cell (of the output gate: the state) moves with it before its nonlinearity, (K, T, B, 4, H)."""
    slopes = torch.empty_like(run.gates).view(*run.gates.shape[:3], 4, -1)
    entering, forget, candidate, leaving = run.gates.chunk(4, dim=-1)
    _times_sigmoid_slope(candidate, entering, grad_input=slopes[..., 0, :])
    _times_sigmoid_slope(run.cells[:, :-1], forget[:, 1:], grad_input=slopes[:, 1:, :, 1])
    slopes[:, 0, :, 1].zero_()
    _times_tanh_slope(entering, candidate, grad_input=slopes[..., 2, :])
    _times_sigmoid_slope(run.squashed, leaving, grad_input=slopes[..., 3, :])
    return slopes
