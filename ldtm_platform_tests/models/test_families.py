"""Families by name, weights as safe bytes, and persistence as a family among others."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import UnusableWeights
from ldtm_platform.models.code_version import code_version
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.registry import FAMILIES, UnknownFamily, model_family
from ldtm_platform.models.weights import load_weights, weights_of
from ldtm_platform_tests.models.generated import TINY, random_history


def test_every_registered_family_answers_to_its_name() -> None:
    assert [model_family(name).name for name in FAMILIES] == ["ldtm", "persistence"]
    with pytest.raises(UnknownFamily, match="there are ldtm, persistence"):
        model_family("arima")


def test_persistence_expects_the_last_close_on_every_horizon() -> None:
    history = random_history(rows=60)
    assert model_family("persistence").model(b"").closes(history) == dict.fromkeys(HORIZONS, history.frame["close"][-1])


def test_weights_go_to_bytes_and_back_without_losing_a_bit() -> None:
    network, other = TINY.network(), TINY.network()
    content = weights_of(network)
    load_weights(other, content)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    assert weights_of(other) == content


def test_bytes_that_are_no_weights_are_refused() -> None:
    with pytest.raises(UnusableWeights, match="no safetensors file"):
        load_weights(TINY.network(), b"\x80\x04cos\nsystem\n")


def test_weights_of_another_network_are_refused_by_the_part_that_differs() -> None:
    wider = Ldtm(replace(TINY.settings, hidden=16)).network()
    with pytest.raises(UnusableWeights, match=r"heads\.0\.0\.weight is \(4, 16\), this family's is \(4, 8\)"):
        load_weights(TINY.network(), weights_of(wider))


def test_the_configuration_is_all_that_shapes_the_model() -> None:
    assert Ldtm().config == {
        "window": 30,
        "hidden": 128,
        "layers": 2,
        "dropout": 0.2,
        "head_hidden": 64,
        "batch_size": 32,
        "max_epochs": 100,
        "patience": 10,
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
    }
    assert Ldtm(LdtmConfig(max_epochs=5)).config["max_epochs"] == 5


def test_a_forecast_leaves_the_random_generator_alone() -> None:
    weights, history = weights_of(TINY.network()), random_history(rows=60)
    before = torch.get_rng_state()
    TINY.model(weights).closes(history)
    assert torch.equal(before, torch.get_rng_state())


def test_the_code_version_is_that_of_the_installed_package() -> None:
    assert code_version().startswith("0.")
    assert code_version() == code_version()


def test_store_registry_and_base_do_not_import_torch() -> None:
    modules = "ldtm_platform.models.store, ldtm_platform.models.registry, ldtm_platform.features.engineer"
    script = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
