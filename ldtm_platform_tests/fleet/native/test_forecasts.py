"""Forecasts by the kernel: PyTorch's numbers, without PyTorch, and none depends on what else is asked."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ldtm_platform.fleet.native import build
from ldtm_platform.fleet.native.forecasts import LdtmByKernel
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.base import Forecast, History, Model, UnusableWeights
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.weights import weights_of
from ldtm_platform_tests.models.generated import random_history

FLEET = [random_history(f"T{number}", 260, seed=number) for number in range(7)]
SESSION = FLEET[0].through


def weights(seed: int, config: LdtmConfig, *, scale: float = 1.0) -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Ldtm(config).network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(scale)
    return weights_of(network)


def models(family: LdtmByKernel, fleet: list[History]) -> dict[str, Model]:
    return {
        history.ticker: family.model(weights(seed, family.settings))
        for seed, history in enumerate(FLEET)
        if history in fleet
    }


def forecasts(family: LdtmByKernel, fleet: list[History]) -> dict[str, Forecast]:
    results = predict_fleet(family, fleet, models(family, fleet), session=SESSION)
    return {result.ticker: result for result in results if isinstance(result, Forecast)}


@settings(max_examples=15)
@given(
    hidden=st.sampled_from([16, 48, 128]),
    layers=st.integers(1, 3),
    head_hidden=st.integers(1, 40),
    window=st.integers(1, 40),
    scale=st.sampled_from([1.0, 4.0]),
)
def test_closes_are_those_of_pytorch_for_any_shape_of_network(
    float32: Kernel, hidden: int, layers: int, head_hidden: int, window: int, scale: float
) -> None:
    config = LdtmConfig(hidden=hidden, layers=layers, head_hidden=head_hidden, window=window)
    content, recent = weights(1, config, scale=scale), FLEET[0].tail(window)
    expected = Ldtm(config).model(content).closes(recent)
    assert LdtmByKernel(float32, config).model(content).closes(recent) == pytest.approx(expected, rel=5e-6 * scale)


def test_closes_of_the_specified_network_are_those_of_pytorch_to_the_millionth(float32: Kernel) -> None:
    for seed, history in enumerate(FLEET):
        content, recent = weights(seed, LdtmConfig()), history.tail(30)
        found = LdtmByKernel(float32).model(content).closes(recent)
        assert found == pytest.approx(Ldtm().model(content).closes(recent), rel=1e-6)


def test_a_forecast_is_the_same_to_the_last_bit_alone_or_in_any_fleet_in_any_order(float32: Kernel) -> None:
    family = LdtmByKernel(float32)
    together = forecasts(family, FLEET)
    assert len(together) == len(FLEET)
    assert forecasts(family, FLEET[::-1]) == together
    for count in (1, 2, 5):
        for first in range(len(FLEET) - count + 1):
            some = forecasts(family, FLEET[first : first + count])
            assert some == {ticker: together[ticker] for ticker in some}
            assert len(some) == count


def test_a_ticker_whose_weights_are_no_numbers_spoils_no_other(float32: Kernel) -> None:
    family = LdtmByKernel(float32)
    sound = models(family, FLEET)
    broken = family.model(weights(0, family.settings, scale=float("nan")))
    with_it = predict_fleet(family, FLEET, {**sound, "T3": broken}, session=SESSION)
    assert isinstance(with_it[3], Forecast)
    assert str(with_it[3].closes["next_day"]) == "nan"
    others = predict_fleet(family, FLEET, sound, session=SESSION)
    assert [*with_it[:3], *with_it[4:]] == [*others[:3], *others[4:]]


def test_weights_that_are_not_the_familys_are_refused(float32: Kernel) -> None:
    family = LdtmByKernel(float32)
    with pytest.raises(UnusableWeights, match="no safetensors file"):
        family.model(b"no weights")
    with pytest.raises(UnusableWeights, match=r"heads\.0\.0\.weight is \(64, 64\), this family's is \(64, 128\)"):
        family.model(weights(0, replace(family.settings, hidden=64)))


def test_where_there_is_no_compiler_or_it_is_not_wanted_pytorch_forecasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(serving_family("ldtm", "pytorch", tmp_path), Ldtm)
    monkeypatch.setattr(build, "COMPILERS", ())
    assert isinstance(serving_family("ldtm", "auto", tmp_path), Ldtm)
    assert serving_family("persistence", "auto", tmp_path).name == "persistence"


WITHOUT_TORCH = """
import sys
from pathlib import Path
import numpy as np
from safetensors.numpy import save
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.base import Forecast
from ldtm_platform.models.lstm_shape import blocks_of
from ldtm_platform.models.base import History
import polars as pl
family = serving_family("ldtm", "auto", Path(sys.argv[1]))
history = History("T0", pl.read_parquet(sys.argv[2]))
blocks = blocks_of(family.settings.shape)
weights = save({name: np.zeros(block.each, "f4") for block in blocks for name in block.names})
made = predict_fleet(family, [history], {"T0": family.model(weights)}, session=history.through)
assert isinstance(made[0], Forecast), made
assert "torch" not in sys.modules
"""


def test_a_fresh_process_forecasts_without_pytorch(float32: Kernel, kernel_cache: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    FLEET[0].frame.tail(30).write_parquet(rows)
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(kernel_cache), str(rows)], check=True)
