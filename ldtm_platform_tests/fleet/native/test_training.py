"""A fleet trained by the kernel: the same results alone or among others, and a broken ticker fails by name."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from ldtm_platform.fleet.device import DeviceRefused
from ldtm_platform.fleet.fit import fit_fleet
from ldtm_platform.fleet.native.choice import find_kernel
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.native.library import Handle, RowState
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.results import FitResult, Fitted, Unfit
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.models.base import Forecast, History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import Parts
from ldtm_platform.models.weights import load_weights
from ldtm_platform.settings import Settings
from ldtm_platform.stages.training import TrainingPlan
from ldtm_platform_tests.fleet.stacks import HISTORIES, Remade
from ldtm_platform_tests.models.generated import TINY

FAMILY = Ldtm(LdtmConfig(hidden=32, head_hidden=8, max_epochs=3))
ALL = list(HISTORIES.values())


@dataclass(frozen=True)
class Exploding(Ldtm):
    """The targets of the ticker BBB are such that its loss is infinite."""

    def parts(self, history: History) -> Parts:
        parts, factor = super().parts(history), 1e38 if history.ticker == "BBB" else 1.0
        return Parts(
            *(Remade(part, torch.float32, factor=factor) for part in (parts.train, parts.validation, parts.test))
        )


def fit(
    kernel: Kernel | None, histories: list[History] = ALL, *, family: Ldtm = FAMILY, workers: int = 1
) -> dict[str, FitResult]:
    results = fit_fleet(family, histories, seed=0, workers=workers, device="cpu", kernel=kernel)
    return {result.ticker: result for result in results}


def fitted(result: FitResult) -> Fitted:
    assert isinstance(result, Fitted), result
    return result


def test_a_model_is_the_same_to_the_last_bit_alone_among_others_and_again(kernel: Kernel) -> None:
    among, reversed_ = fit(kernel), fit(kernel, ALL[::-1])
    for ticker, result in among.items():
        assert fitted(result).weights == fitted(reversed_[ticker]).weights
    assert fitted(fit(kernel, ALL[:1])["AAA"]).weights == fitted(among["AAA"]).weights


def test_worker_processes_give_what_one_process_gives(kernel_cache: Path) -> None:
    kernel = find_kernel("auto", kernel_cache)
    here, there = fit(kernel, ALL[:2]), fit(kernel, ALL[:2], workers=2)
    for ticker, result in here.items():
        assert fitted(result).weights == fitted(there[ticker]).weights
        assert fitted(result).manifest.device == fitted(there[ticker]).manifest.device


def test_the_card_says_what_trained_a_model(kernel: Kernel) -> None:
    manifest = fitted(fit(kernel, ALL[:1])["AAA"]).manifest
    assert manifest.device == f"cpu:{kernel.instructions}:{kernel.precision}"
    assert fitted(fit(None, ALL[:1])["AAA"]).manifest.device == "cpu"


def test_pytorch_gives_the_same_models_without_the_kernel(float32: Kernel) -> None:
    with_it, without = fit(float32), fit(None)
    for ticker, result in with_it.items():
        native, plain = fitted(result).manifest, fitted(without[ticker]).manifest
        assert native.best_val_loss == pytest.approx(plain.best_val_loss, rel=1e-5)
        assert native.test_loss == pytest.approx(plain.test_loss, rel=1e-4)
        assert (native.version, native.best_epoch) == (plain.version, plain.best_epoch)


def test_the_loss_on_the_card_is_that_of_the_network_as_it_forecasts(kernel: Kernel) -> None:
    result = fitted(fit(kernel, ALL[:1])["AAA"])
    network = FAMILY.network()
    load_weights(network, result.weights)
    every = FAMILY.parts(ALL[0]).validation
    batch = every.batch(torch.arange(len(every)))
    squared = (network.eval()(batch.inputs) - batch.targets).square() * batch.used
    loss = (squared.sum(dim=0) / batch.used.sum(dim=0)).sum().item()
    assert loss == pytest.approx(result.manifest.best_val_loss, rel=1e-5)


def test_a_checkpoint_trained_either_way_loads_in_both(float32: Kernel) -> None:
    layout, recent = Layout(FAMILY.lstm_shape), ALL[0]
    inputs = FAMILY.parts(recent).test.batch(torch.arange(8)).inputs
    for trained_by in (float32, None):
        weights = fitted(fit(trained_by, ALL[:1])["AAA"]).weights
        models = {"AAA": FAMILY.model(weights)}
        assert isinstance(predict_fleet(FAMILY, [recent], models, session=recent.through)[0], Forecast)
        network = FAMILY.network()
        load_weights(network, weights)
        handle = Handle(float32.library, layout.shape, 30, precision="float32", training=False)
        outputs = handle.outputs(RowState.of(layout.row(network, torch.float32)), inputs)
        torch.testing.assert_close(outputs, network.eval()(inputs), rtol=0, atol=1e-6)


def test_an_exploding_ticker_fails_by_name_and_changes_no_bit_of_the_others(kernel: Kernel) -> None:
    results, healthy = fit(kernel, family=Exploding(FAMILY.settings)), fit(kernel)
    broken = results.pop("BBB")
    assert isinstance(broken, Unfit)
    assert broken.message.startswith("BBB: training failed: the loss is")
    for ticker, result in results.items():
        assert fitted(result).weights == fitted(healthy[ticker]).weights


def test_networks_that_the_kernel_does_not_know_are_trained_in_pytorch(kernel: Kernel) -> None:
    odd = Ldtm(replace(FAMILY.settings, hidden=40, max_epochs=1))
    wide = Ldtm(replace(FAMILY.settings, batch_size=48, max_epochs=1))
    for family in (TINY, odd, wide):
        assert fitted(fit(kernel, ALL[:1], family=family)["AAA"]).manifest.device == "cpu"


def test_a_plan_trains_by_the_engine_that_the_settings_name_and_compiles_nothing_for_another_device(
    kernel_cache: Path, tmp_path: Path, float32: Kernel
) -> None:
    settings = Settings(home=tmp_path, device="cpu", cpu_engine="float32")
    plan = TrainingPlan.of(settings, epochs=1, workers=1, through="2024-05-31")
    assert plan.cache == tmp_path / "cache"
    assert replace(plan, cache=kernel_cache).kernel() == float32
    assert replace(plan, cpu_engine="pytorch").kernel() is None
    with pytest.raises(DeviceRefused):
        replace(plan, device="cuda:99").kernel()
    assert not list(tmp_path.iterdir())
