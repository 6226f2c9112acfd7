"""The stacked network by hand against nn.LSTM and autograd, and its flat rows against a network's own parameters."""

import pytest
import torch
from torch import Tensor, nn

from ldtm_platform.fleet.stacked.layout import ROW_MULTIPLE, Layout
from ldtm_platform.fleet.stacked.network import StackedNetwork
from ldtm_platform.fleet.stacked.products import Precision, matrix_units, products_of
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.ldtm.network import LdtmNetwork
from ldtm_platform.models.weights import load_weights, weights_of

TICKERS, BATCH, WINDOW, DROPOUT = 3, 6, 10, 0.2


def made(layers: int, dtype: torch.dtype) -> tuple[Layout, list[nn.Module], Tensor, Tensor, Tensor]:
    """Networks, inputs (K, B, T, features), targets (K, B, heads) and what dropout keeps."""
    family = Ldtm(LdtmConfig(hidden=8, head_hidden=4, layers=layers))
    generator = torch.Generator().manual_seed(layers)
    torch.manual_seed(layers)
    networks = [family.network().to(dtype) for _ in range(TICKERS)]
    inputs = torch.rand(TICKERS, BATCH, WINDOW, 11, generator=generator, dtype=dtype)
    targets = torch.rand(TICKERS, BATCH, 3, generator=generator, dtype=dtype)
    kept = torch.rand(TICKERS, layers - 1, WINDOW, BATCH, 8, generator=generator) > DROPOUT
    return Layout(family.lstm_shape), networks, inputs, targets, kept


def by_autograd(network: nn.Module, inputs: Tensor, kept: Tensor) -> Tensor:
    """The network's outputs, layer by layer, with that dropout between them."""
    assert isinstance(network, LdtmNetwork)
    for number in range(network.lstm.num_layers):
        layer = nn.LSTM(inputs.shape[-1], 8, batch_first=True, dtype=inputs.dtype)
        names = [name for name in network.lstm.state_dict() if name.endswith(f"_l{number}")]
        own = {name.replace(f"_l{number}", "_l0"): getattr(network.lstm, name) for name in names}
        inputs, _ = torch.func.functional_call(layer, own, (inputs,))
        if number < network.lstm.num_layers - 1:
            inputs = inputs * kept[number].transpose(0, 1) / (1 - DROPOUT)
    return torch.cat([head(inputs[:, -1]) for head in network.heads], dim=1)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_outputs_and_gradients_are_those_of_autograd_with_the_same_dropout(layers: int) -> None:
    layout, networks, inputs, targets, kept = made(layers, torch.float64)
    rows = torch.stack([layout.row(network, torch.float64) for network in networks])
    gradients = torch.full_like(rows, float("nan"))
    stack, weights = StackedNetwork(products_of("full"), DROPOUT), layout.weights(rows)
    run = stack.run(weights, inputs.transpose(1, 2), kept)
    stack.gradients(run, weights, layout.weights(gradients), 2 * (run.outputs - targets))
    for ticker, network in enumerate(networks):
        outputs = by_autograd(network, inputs[ticker], kept[ticker])
        torch.testing.assert_close(run.outputs[ticker], outputs)
        torch.autograd.backward((outputs - targets[ticker]).square().sum())
        own = layout.state_dict(gradients[ticker])
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(own[name], parameter.grad, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("precision", "tolerance"), [("full", 1e-6), ("tf32", 1e-3), ("bfloat16", 2e-2)])
def test_outputs_without_dropout_are_the_networks_to_the_precision(precision: Precision, tolerance: float) -> None:
    layout, networks, inputs, _, _ = made(2, torch.float32)
    rows = torch.stack([layout.row(network, torch.float32) for network in networks])
    before = torch.get_float32_matmul_precision()
    with matrix_units(precision):
        run = StackedNetwork(products_of(precision), DROPOUT).run(layout.weights(rows), inputs.transpose(1, 2), None)
    assert torch.get_float32_matmul_precision() == before
    assert run.outputs.dtype == torch.float32
    for ticker, network in enumerate(networks):
        torch.testing.assert_close(run.outputs[ticker], network.eval()(inputs[ticker]), rtol=tolerance, atol=tolerance)


def test_what_is_no_number_in_one_row_stays_in_it() -> None:
    layout, networks, inputs, targets, kept = made(2, torch.float32)
    rows = torch.stack([layout.row(network, torch.float32) for network in networks])
    rows[1] = float("nan")
    gradients, stack, weights = torch.zeros_like(rows), StackedNetwork(products_of("full"), 0.2), layout.weights(rows)
    run = stack.run(weights, inputs.transpose(1, 2), kept)
    stack.gradients(run, weights, layout.weights(gradients), 2 * (run.outputs - targets))
    assert gradients.isfinite().all(dim=1).tolist() == [True, False, True]
    assert run.outputs.isfinite().all(dim=2).all(dim=1).tolist() == [True, False, True]


def test_a_row_holds_a_networks_own_parameters_under_their_own_names() -> None:
    family = Ldtm()
    layout, network, other = Layout(family.lstm_shape), family.network(), family.network()
    row = layout.row(network, torch.float32)
    assert row.numel() % ROW_MULTIPLE == 0
    assert row.numel() - sum(parameter.numel() for parameter in network.parameters()) < ROW_MULTIPLE
    other.load_state_dict(dict(layout.state_dict(row)), strict=True)
    assert weights_of(other) == weights_of(network)
    load_weights(other, weights_of(network))


def test_a_network_of_other_parameters_does_not_fit() -> None:
    layout = Layout(Ldtm().lstm_shape)
    assert layout.fits(Ldtm().network())
    assert not layout.fits(Ldtm(LdtmConfig(hidden=64)).network())
    assert not layout.fits(nn.Linear(11, 3))
