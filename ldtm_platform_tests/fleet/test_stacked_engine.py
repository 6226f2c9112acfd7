"""The stacked engine as the fleet sees it: a result for every history, whatever happens to the others."""

import gc
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
import pytest
import torch
from torch import Tensor, nn

from ldtm_platform.fleet.engine import OneByOne
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.layout import Layout, layout_of
from ldtm_platform.fleet.stacked.machine import Machine, bytes_per_ticker, chunk_sizes
from ldtm_platform.fleet.stacked.stack import Stack
from ldtm_platform.models.base import Forecast, History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import Batch, NetworkFamily, Parts
from ldtm_platform_tests.fleet.stacks import CPU, HISTORIES, Remade
from ldtm_platform_tests.models.generated import random_history

MACHINE = Machine(CPU, "full")
FAMILY = Ldtm(LdtmConfig(hidden=8, head_hidden=4, max_epochs=2, dropout=0.0))
ALL = list(HISTORIES.values())
SHORT = random_history("SHORT", 162)
NAN = History("NAN", ALL[0].frame.with_columns(ret5=pl.lit(float("nan"))))
KIB = 1024


def train(
    histories: list[History], *, family: NetworkFamily = FAMILY, memory: int | None = None
) -> dict[str, Trained | Unfit]:
    results = list(Stacked(MACHINE, memory=memory).train(family, histories, seed=0))
    assert sorted(result.ticker for result in results) == sorted(history.ticker for history in histories)
    return {result.ticker: result for result in results}


def trained(result: Trained | Unfit) -> Trained:
    assert isinstance(result, Trained), result
    return result


def test_results_are_those_of_the_loop_and_say_that_a_stack_made_them() -> None:
    stack = train(ALL)
    for looped in OneByOne(CPU).train(FAMILY, ALL, seed=0):
        ours, theirs = trained(stack[looped.ticker]), trained(looped)
        assert (ours.epochs_run, ours.best_epoch) == (theirs.epochs_run, theirs.best_epoch)
        assert ours.best_val_loss == pytest.approx(theirs.best_val_loss, rel=1e-5)
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-5)
        assert ours.test.loss == pytest.approx(theirs.test.loss, rel=1e-4)
        assert ours.validation.loss == pytest.approx(ours.best_val_loss, rel=1e-5)
        assert (ours.device, theirs.device) == ("cpu:stacked", "cpu")
        assert ours.duration_sec > 0


def test_weights_of_either_engine_forecast_the_same() -> None:
    session: date = ALL[0].through
    today = [history for history in ALL if history.through == session]
    forecasts = []
    for engine in (Stacked(MACHINE), OneByOne(CPU)):
        results = engine.train(FAMILY, today, seed=0)
        models = {result.ticker: FAMILY.model(trained(result).weights) for result in results}
        forecasts.append(predict_fleet(FAMILY, today, models, session=session))
    for ours, theirs in zip(*forecasts, strict=True):
        assert isinstance(ours, Forecast)
        assert isinstance(theirs, Forecast)
        assert ours.closes == pytest.approx(theirs.closes, rel=1e-5)


def test_what_cannot_be_trained_is_named_and_the_rest_is_trained() -> None:
    results = train([SHORT, ALL[0], NAN, ALL[1]])
    short, nan = results["SHORT"], results["NAN"]
    assert isinstance(short, Unfit)
    assert isinstance(nan, Unfit)
    assert (short.state, nan.state) == ("too_little_history", "failed")
    assert "NAN: ret5 is no number" in nan.message
    assert trained(results["AAA"]).weights == trained(train([ALL[0], ALL[1]])["AAA"]).weights


def test_training_that_diverges_is_named() -> None:
    wild = train(ALL[:1], family=Ldtm(replace(FAMILY.settings, learning_rate=1e30)))["AAA"]
    assert isinstance(wild, Unfit)
    assert "AAA: training failed: the loss is" in wild.message


def test_a_fleet_larger_than_memory_is_trained_in_several_stacks_with_the_same_results() -> None:
    layout, recipe = Layout(FAMILY.lstm_shape), FAMILY.recipe
    each = bytes_per_ticker(layout, FAMILY.parts(ALL[0]), recipe, torch.float32)
    small, large = train(ALL, memory=3 * each), train(ALL)
    for ticker, result in large.items():
        assert trained(small[ticker]).best_val_loss == pytest.approx(trained(result).best_val_loss, rel=1e-5)


def test_stacks_are_as_even_as_can_be_and_fit_into_memory() -> None:
    assert chunk_sizes(102, 40 * KIB, 80 * KIB * KIB) == [102]
    sizes = chunk_sizes(102, 40 * KIB, 600 * KIB)
    assert sum(sizes) == 102
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) * 40 <= 600
    assert chunk_sizes(3, 40 * KIB, KIB) == [1, 1, 1]


@dataclass(frozen=True)
class Greedy(Remade):
    """Examples that no memory holds."""

    def batch(self, positions: Tensor) -> Batch:
        if len(positions) > 1:
            raise torch.OutOfMemoryError("out of memory: tried to allocate 1 TiB")
        return super().batch(positions)


@dataclass(frozen=True)
class OneGreedy(Ldtm):
    """The ticker BBB cannot be held in memory."""

    def parts(self, history: History) -> Parts:
        parts = super().parts(history)
        return replace(parts, train=Greedy(parts.train, torch.float32)) if history.ticker == "BBB" else parts


def test_a_stack_that_fails_is_halved_until_the_ticker_to_blame_stands_alone() -> None:
    results = train(ALL, family=OneGreedy(FAMILY.settings))
    blamed = results.pop("BBB")
    assert isinstance(blamed, Unfit)
    assert blamed.message == "BBB: training failed: out of memory: tried to allocate 1 TiB"
    for result in results.values():
        trained(result)


@dataclass(frozen=True)
class Other(Ldtm):
    """Says it is an LSTM of that shape, and is not."""

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(30 * 11, 3))


def test_networks_that_cannot_be_stacked_are_trained_one_by_one() -> None:
    other = Other(FAMILY.settings)
    assert layout_of(other) is None
    assert trained(train(ALL[:1], family=other)["AAA"]).device == "cpu"


def test_the_process_keeps_its_settings_and_its_random_numbers_between_results() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    for _ in Stacked(Machine(CPU)).train(FAMILY, ALL, seed=0):
        assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, precision)
    assert torch.equal(torch.rand(1), expected)


def test_closing_early_frees_the_stack_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        with closing(Stacked(MACHINE).train(FAMILY, ALL, seed=0)) as results:
            next(results)
            assert _stacks() == 1
        assert not _stacks()
    finally:
        gc.enable()


def _stacks() -> int:
    return sum(type(thing) is Stack for thing in gc.get_objects())
