"""What a fleet in training tells of itself, epoch by epoch."""

from dataclasses import replace

import pytest

from ldtm_platform.fleet.fit import fit_fleet
from ldtm_platform.fleet.names import FleetEngine
from ldtm_platform.fleet.progress import EpochDone, FleetProgress
from ldtm_platform.fleet.results import Fitted, Unfit
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform_tests.models.generated import TINY, random_history

AAA, BBB = random_history("AAA", 300), random_history("BBB", 260)


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("workers", "engine"), [(1, "auto"), (2, "auto"), (1, "stacked")])
def test_every_epoch_of_every_ticker_is_told_with_the_best_loss_so_far(workers: int, engine: FleetEngine) -> None:
    told: list[EpochDone] = []
    results = fit_fleet(TINY, [AAA, BBB], seed=0, workers=workers, device="cpu", engine=engine, watch=told.extend)
    for result in results:
        assert isinstance(result, Fitted)
        own = [done for done in told if done.ticker == result.ticker]
        assert [done.epochs_run for done in own] == [1, 2]
        assert own[-1].best_loss == result.manifest.best_val_loss
        assert own[0].best_loss >= own[-1].best_loss


def test_tickers_that_are_stacked_are_told_of_together_so_that_none_seems_to_wait() -> None:
    clock, lines = Clock(), list[str]()
    fleet = FleetProgress(tickers=2, max_epochs=TINY.recipe.max_epochs, clock=clock)
    watch = fleet.telling(lambda progress: lines.append(str(progress)))
    clock.now = 60.0
    for result in fit_fleet(TINY, [AAA, BBB], seed=0, workers=1, device="cpu", engine="stacked", watch=watch):
        fleet.finish(result.ticker)
    assert [line.split("; ")[0] for line in lines] == ["2 training, 0 of 2 done"] * 2
    assert lines[0].endswith("about 1.0 min left")


def test_a_stacked_ticker_whose_loss_is_no_number_is_not_told_of() -> None:
    told: list[EpochDone] = []
    wild = Ldtm(replace(TINY.settings, learning_rate=1e30))
    (result,) = fit_fleet(wild, [AAA], seed=0, workers=1, device="cpu", engine="stacked", watch=told.extend)
    assert isinstance(result, Unfit)
    assert told == []


def test_the_time_left_is_first_the_most_and_then_that_of_tickers_like_those_that_are_done() -> None:
    clock = Clock()
    fleet = FleetProgress(tickers=3, max_epochs=100, clock=clock)
    assert fleet.seconds_left is None
    assert str(fleet) == "0 training, 0 of 3 done"
    clock.now = 2.0
    fleet.epoch(EpochDone("AAA", 1, 0.75))
    assert fleet.seconds_left == 2.0 * (99 + 2 * 100)
    clock.now = 20.0
    fleet.epoch(EpochDone("AAA", 10, 0.5))
    fleet.finish("AAA")
    assert fleet.seconds_left == 2.0 * (2 * 10)
    clock.now = 28.0
    fleet.epoch(EpochDone("BBB", 4, 0.6))
    assert fleet.seconds_left == 2.0 * (6 + 10)
    assert str(fleet) == "1 training, 1 of 3 done; best losses: BBB 0.6000 after 4; about 0.5 min left"


def test_a_ticker_that_cannot_be_trained_costs_no_time() -> None:
    clock = Clock()
    fleet = FleetProgress(tickers=2, max_epochs=10, clock=clock)
    fleet.finish("SHORT")
    clock.now = 1.0
    fleet.epoch(EpochDone("AAA", 1, 0.5))
    assert fleet.seconds_left == 9.0


def test_a_ticker_that_was_trained_before_is_not_waited_for() -> None:
    clock = Clock()
    fleet = FleetProgress(tickers=3, max_epochs=10, clock=clock)
    fleet.leave_out()
    clock.now = 1.0
    fleet.epoch(EpochDone("AAA", 1, 0.5))
    assert fleet.seconds_left == 9.0 + 10.0
    assert str(fleet).startswith("1 training, 0 of 2 done")
