"""The stacked engine is tried before it is trusted: what trains wrongly, or dies, leaves the fleet to the loop."""

import logging
import os
import signal
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import cast

import pytest
import torch

from ldtm_platform.fleet.engine import OneByOne
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.trial import StackedIfItAgrees, refusal
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform_tests.fleet.stacks import CPU, HISTORIES
from ldtm_platform_tests.models.generated import TINY

AAA, BBB, *_ = HISTORIES.values()


class Hasty(Stacked):
    """Steps that are too long by a thousandth; and the weights' own score is the loss of the best epoch, to the bit."""

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        settings = cast(Ldtm, family).settings
        wrong = Ldtm(replace(settings, learning_rate=1.001 * settings.learning_rate))
        for result in super().train(wrong, histories, seed=seed):
            assert isinstance(result, Trained)
            yield replace(result, validation=replace(result.validation, loss=result.best_val_loss))


class Deadly(Stacked):
    """Takes its process with it, as a driver may."""

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield from ()


class Greedy(Stacked):
    """Finds the card full."""

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def devices(stacks: Stacked, histories: Sequence[History]) -> list[str]:
    """What the cards say of models that are trained by these stacks, or by the loop."""
    results = StackedIfItAgrees(stacks, otherwise=OneByOne(CPU)).train(TINY, histories, seed=0)
    return [result.device for result in results if isinstance(result, Trained)]


def test_stacks_that_train_as_the_loop_does_are_taken_and_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    tried = refusal.cache_info().misses
    assert devices(Stacked(Machine(CPU)), []) == []
    assert refusal.cache_info().misses == tried
    for histories in ([AAA, BBB], [AAA]):
        assert set(devices(Stacked(Machine(CPU)), histories)) == {"cpu:stacked"}
    assert refusal.cache_info().misses == tried + 1
    assert not caplog.records


@pytest.mark.parametrize(
    ("stacks", "reason"),
    [
        (Hasty, "the trial of the stacked engine failed: the validation loss of TRIAL0 is 3.45"),
        (Deadly, "the trial of the stacked engine failed: its process was killed by SIGKILL"),
        (Greedy, "the stacked engine could not be tried for want of memory: CUDA out of memory. Tried"),
    ],
)
def test_stacks_that_train_otherwise_or_die_leave_the_fleet_to_the_loop_and_a_warning(
    stacks: type[Stacked], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert devices(stacks(Machine(CPU)), [AAA]) == ["cpu"]
    (warning,) = caplog.messages
    assert f"one by one on cpu, which is slower: {reason}" in warning
    assert "LDTM_FLEET_ENGINE=loop" in warning
