"""The kernel against nn.LSTM and autograd: outputs, gradients, loss curves, for any length, mask and ragged batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ldtm_platform.fleet.dropout import DropoutStream
from ldtm_platform.fleet.loop import Curve, TorchEpochs, batch_loss, train_network
from ldtm_platform.fleet.native.epochs import KernelEpochs
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.native.library import Handle, RowState, Step
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import Batch
from ldtm_platform_tests.fleet.stacks import candidates

CONFIG = LdtmConfig(hidden=32, head_hidden=8, max_epochs=5)
SPECIFIED = LdtmConfig(max_epochs=5)
# Relative to the largest of a parameter's gradients, small where there is one example; bfloat16 has eight bits.
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}


def batch_of(examples: int, window: int, *, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    used = torch.rand(examples, 3, generator=generator) < 0.7
    targets = torch.where(used, torch.rand(examples, 3, generator=generator), 0.0)
    return Batch(torch.rand(examples, window, 11, generator=generator), targets, used)


def network_of(config: LdtmConfig) -> tuple[Layout, nn.Module]:
    torch.manual_seed(1)
    return Layout(Ldtm(config).lstm_shape), Ldtm(config).network()


def gradients(kernel: Kernel, layout: Layout, network: nn.Module, batch: Batch, step: Step) -> tuple[Tensor, float]:
    """What the kernel's one step on a whole batch reckons, (width,), and the loss."""
    state, window = RowState.of(layout.row(network, torch.float32)), batch.inputs.shape[1]
    handle = Handle(kernel.library, layout.shape, window, precision=kernel.precision, training=True)
    return state.gradient, handle.epoch(state, batch, torch.arange(len(batch.inputs)), step)


def assert_gradients_are_autograds(kernel: Kernel, config: LdtmConfig, batch: Batch, *, dropout: float = 0.0) -> None:
    layout, network = network_of(replace(config, dropout=dropout))
    stream = DropoutStream(layout.shape, 32, 5, "WALK")
    step = Step(batch_size=32, rate=1e-3, weight_decay=0.0, dropout=stream.share, key=stream.key(1))
    found, loss = gradients(kernel, layout, network, batch, step)
    exact = network.double()
    inputs = batch.inputs.double()
    expected = batch_loss(exact(inputs, stream.kept(1, 0, inputs)), replace(batch, targets=batch.targets.double()))
    torch.autograd.backward(expected)
    tolerance = TOLERANCE[kernel.precision]
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    own = layout.state_dict(found)
    for name, parameter in exact.named_parameters():
        assert parameter.grad is not None
        error = (own[name] - parameter.grad).abs().max() / parameter.grad.abs().max().clamp(min=1e-9)
        assert error < tolerance, name


@settings(max_examples=25, derandomize=True)
@given(
    examples=st.integers(1, 32),
    window=st.integers(1, 9),
    hidden=st.sampled_from([32, 64, 96]),
    head_hidden=st.integers(1, 9),
    layers=st.integers(1, 3),
    dropout=st.sampled_from([0.0, 0.2, 0.5]),
)
def test_gradients_are_autograds_for_any_shape_ragged_batch_mask_and_dropout(
    kernel: Kernel, examples: int, window: int, hidden: int, head_hidden: int, layers: int, dropout: float
) -> None:
    config = LdtmConfig(hidden=hidden, head_hidden=head_hidden, layers=layers)
    assert_gradients_are_autograds(kernel, config, batch_of(examples, window, seed=examples), dropout=dropout)


def test_gradients_of_the_specified_network_are_autograds(kernel: Kernel) -> None:
    assert_gradients_are_autograds(kernel, SPECIFIED, batch_of(32, 30), dropout=0.2)


def test_outputs_are_the_networks_whatever_the_number_of_windows(kernel: Kernel) -> None:
    layout, network = network_of(CONFIG)
    inputs = batch_of(70, 30).inputs
    expected = network.eval()(inputs)
    state = RowState.of(layout.row(network, torch.float32))
    handle = Handle(kernel.library, layout.shape, 30, precision=kernel.precision, training=False)
    for count in (1, 31, 32, 33, 70):
        tolerance = 1e-6 if kernel.precision == "float32" else 3e-3
        torch.testing.assert_close(handle.outputs(state, inputs[:count]), expected[:count], rtol=0, atol=tolerance)


def curves(kernel: Kernel, config: LdtmConfig, tickers: list[str], *, month: str = "") -> list[tuple[Curve, Curve]]:
    """Each ticker's curve in the kernel, and in PyTorch from the same weights in the same order."""
    family, both = Ldtm(config), []
    made = [candidates(tickers, config=config, without_month=month) for _ in range(2)]
    for native, plain in zip(*made, strict=True):
        layout, recipe = Layout(family.lstm_shape), family.recipe
        dropout = DropoutStream(layout.shape, recipe.batch_size, 0, native.ticker)
        kernels = KernelEpochs(kernel, layout, native.network, native.parts, recipe, dropout=dropout)
        torchs = TorchEpochs(plain.network, plain.parts, recipe, dropout=dropout)
        name = native.ticker
        ours = train_network(native.network, native.parts, recipe, seed=0, ticker=name, epochs=kernels)
        both.append((ours, train_network(plain.network, plain.parts, recipe, seed=0, ticker=name, epochs=torchs)))
    return both


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_ragged_tickers_have_pytorchs_curves_also_where_a_head_is_masked(float32: Kernel, dropout: float) -> None:
    config = replace(CONFIG, dropout=dropout)
    for native, plain in curves(float32, config, ["AAA", "BBB", "CCC", "DDD"], month="CCC"):
        assert native.epochs_run == plain.epochs_run == 5
        np.testing.assert_allclose(native.losses, plain.losses, rtol=1e-5)


def test_the_specified_network_has_nn_lstms_curve(float32: Kernel) -> None:
    config = replace(SPECIFIED, dropout=0.0)
    for native, plain in curves(float32, config, ["AAA"]):
        np.testing.assert_allclose(native.losses, plain.losses, rtol=1e-5)


def test_other_batch_sizes_have_pytorchs_curves(float32: Kernel) -> None:
    for native, plain in curves(float32, replace(CONFIG, batch_size=20, max_epochs=3), ["AAA"]):
        np.testing.assert_allclose(native.losses, plain.losses, rtol=1e-5)


def test_dropout_keeps_its_share_and_no_two_examples_units_times_or_steps_alike() -> None:
    shape = Ldtm(SPECIFIED).lstm_shape
    stream = DropoutStream(shape, 32, 0, "AAA")
    steps = [stream.kept(1, step, torch.empty(32, 30, 11)) for step in range(3)]
    others = [stream.kept(2, 0, torch.empty(32, 30, 11)), replace(stream, ticker="B").kept(1, 0, torch.empty(32, 30))]
    drawn = torch.stack([kept for kept in (*steps, *others) if kept is not None]).double()
    assert drawn.shape == (5, 1, 32, 30, 128)
    assert drawn.mean().item() == pytest.approx(0.8, abs=2e-3)
    flat = drawn.reshape(5, -1)
    apart = torch.corrcoef(flat) - torch.eye(5)
    assert apart.abs().max() < 0.02
    for dimension in (2, 3, 4):
        shifted = torch.corrcoef(torch.stack([drawn.flatten(), drawn.roll(1, dimension).flatten()]))[0, 1]
        assert abs(shifted) < 0.01
