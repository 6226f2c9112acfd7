"""What a fleet in training tells of itself, epoch by epoch."""

import pytest

from ldtm_platform.fleet.fit import fit_fleet
from ldtm_platform.fleet.progress import EpochDone, FleetProgress
from ldtm_platform.fleet.results import Fitted
from ldtm_platform_tests.models.generated import TINY, random_history

AAA, BBB = random_history("AAA", 300), random_history("BBB", 260)


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("workers", [1, 2])
def test_every_epoch_of_every_ticker_is_told_with_the_best_loss_so_far(workers: int) -> None:
    told: list[EpochDone] = []
    results = fit_fleet(TINY, [AAA, BBB], seed=0, workers=workers, device="cpu", watch=told.append)
    for result in results:
        assert isinstance(result, Fitted)
        own = [done for done in told if done.ticker == result.ticker]
        assert [done.epochs_run for done in own] == [1, 2]
        assert own[-1].best_loss == result.manifest.best_val_loss
        assert own[0].best_loss >= own[-1].best_loss


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
