"""A stack trains each ticker as the plain loop does, and no ticker has any part in another's result."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ldtm_platform.fleet.loop import Curve, learning_rate
from ldtm_platform.fleet.stacked.plan import EpochPlan
from ldtm_platform.fleet.stacked.replay import Replay
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform_tests.fleet.stacks import CONFIG, CPU, candidates, looped, stacked

WITHOUT_DROPOUT = replace(CONFIG, dropout=0.0)


def assert_equal_curves(curves: dict[str, Curve], expected: dict[str, Curve], *, tolerance: float) -> None:
    assert curves.keys() == expected.keys()
    for ticker, curve in curves.items():
        assert curve.epochs_run == expected[ticker].epochs_run
        np.testing.assert_allclose(curve.losses, expected[ticker].losses, rtol=tolerance)


def assert_same_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, tolerance: float = 0) -> None:
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, expected[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_ragged_tickers_have_the_loops_curves_also_where_a_head_is_masked(dtype: torch.dtype, tolerance: float) -> None:
    made = candidates(config=WITHOUT_DROPOUT, dtype=dtype, without_month="CCC")
    curves, weights, failed = stacked(made, config=WITHOUT_DROPOUT, dtype=dtype)
    assert not failed
    expected = looped(made, config=WITHOUT_DROPOUT)
    assert all(curve.epochs_run == 5 for curve in expected.values())
    assert_equal_curves(curves, expected, tolerance=tolerance)
    for one in made:
        assert_same_weights(weights[one.ticker], one.network.state_dict(), tolerance=tolerance)


def test_networks_of_the_specified_size_have_the_loops_curve() -> None:
    config = LdtmConfig(dropout=0.0, max_epochs=2)
    made = candidates(["AAA", "DDD"], config=config, dtype=torch.float64)
    curves, _, _ = stacked(made, config=config, dtype=torch.float64)
    assert_equal_curves(curves, looped(made, config=config), tolerance=1e-9)


def test_one_layer_has_the_loops_curve() -> None:
    config = replace(CONFIG, layers=1)
    made = candidates(["AAA", "BBB"], config=config, dtype=torch.float64)
    curves, _, _ = stacked(made, config=config, dtype=torch.float64)
    assert_equal_curves(curves, looped(made, config=config), tolerance=1e-9)


def test_tickers_stop_by_their_own_patience_and_the_others_move_up() -> None:
    config = replace(WITHOUT_DROPOUT, max_epochs=30, patience=2, learning_rate=0.01)
    made = candidates(config=config, dtype=torch.float64)
    curves, _, _ = stacked(made, config=config, dtype=torch.float64, rows=1)
    epochs = [curve.epochs_run for curve in curves.values()]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 2
    # After many epochs the last bits of two orders of summation have grown.
    assert_equal_curves(curves, looped(made, config=config), tolerance=1e-6)


def test_a_ticker_is_the_same_alone_among_others_and_however_graphs_are_rounded() -> None:
    config = replace(CONFIG, max_epochs=4)
    _, alone, _ = stacked(candidates(["CCC"], config=config), config=config)
    for rows in (1, 3, 8):
        _, among, _ = stacked(candidates(config=config), config=config, rows=rows)
        assert_same_weights(among["CCC"], alone["CCC"], tolerance=1e-5)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (stacked(candidates()) for _ in range(2))
    assert first[0] == second[0]
    for ticker, weights in first[1].items():
        assert_same_weights(weights, second[1][ticker])


def test_a_computation_that_is_run_once_more_as_capturing_a_graph_does_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, once, _ = stacked(candidates())

    def twice(self: Replay, computation: Callable[[int], None], rows: int) -> None:
        computation(rows)
        computation(rows)

    monkeypatch.setattr(Replay, "run", twice)
    _, again, _ = stacked(candidates())
    for ticker, weights in once.items():
        assert_same_weights(again[ticker], weights)


def test_a_ticker_whose_loss_explodes_fails_by_name_and_changes_nothing_for_the_others() -> None:
    curves, weights, failed = stacked(candidates(exploding="BBB"))
    assert "in epoch 1: training diverged" in str(failed.pop("BBB"))
    assert not failed
    _, healthy, _ = stacked(candidates())
    assert sorted(curves) == ["AAA", "CCC", "DDD"]
    for ticker in curves:
        assert_same_weights(weights[ticker], healthy[ticker], tolerance=1e-5)


def test_dropout_is_the_tickers_own_and_another_in_every_epoch() -> None:
    shape = Ldtm(CONFIG).lstm_shape

    def kept(tickers: list[tuple[str, int]], epoch: int) -> Tensor:
        plan = EpochPlan(3, 4, 32, shape=shape, window=30, device=CPU)
        plan.draw(tickers, seed=0, epoch=epoch)
        assert plan.kept is not None
        return plan.kept

    alone, among = kept([("AAA", 100)], 1)[0], kept([("CCC", 128), ("BBB", 120), ("AAA", 100)], 1)
    assert torch.equal(alone, among[2])
    assert not torch.equal(among[0], among[1])
    assert not torch.equal(alone, kept([("AAA", 100)], 2)[0])
    assert alone.double().mean().item() == pytest.approx(1 - CONFIG.dropout, abs=0.01)


def test_an_epochs_batches_are_the_loops_and_what_is_not_there_does_not_count() -> None:
    plan = EpochPlan(2, 4, 32, shape=Ldtm(CONFIG).lstm_shape, window=30, device=CPU)
    plan.draw([("AAA", 100), ("BBB", 40)], seed=0, epoch=1)
    plan.draw([("BBB", 40)], seed=0, epoch=2)
    assert plan.counted.sum(dim=(1, 2)).tolist() == [40, 0]
    assert sorted(plan.positions[0][plan.counted[0]].tolist()) == list(range(40))


def test_the_rate_falls_along_the_schedulers_cosine() -> None:
    recipe = Ldtm(replace(CONFIG, max_epochs=100)).recipe
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    for epoch in range(1, 101):
        assert learning_rate(recipe, epoch) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9, abs=1e-18)
        optimizer.step()
        schedule.step()
