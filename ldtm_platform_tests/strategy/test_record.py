"""The record: traded a close later than the signal, after costs, and no annual figure from too few sessions."""

import math

import numpy as np
import pytest

from ldtm_platform.strategy.record import (
    LAG,
    MIN_SESSIONS,
    Floats,
    bought_and_held,
    equity,
    followed,
    performance,
    record_confidence,
    sharpe_ratio,
    verdict,
)
from ldtm_platform.strategy.rule import Exposure

EXPOSURES: tuple[Exposure, ...] = ("long TQQQ", "flat", "long SQQQ")


def returns(n: int, *, drift: float = 0.0, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(drift, 0.03, n)


def test_following_signals_is_what_an_account_that_trades_at_closes_would_have() -> None:
    random = np.random.default_rng(7)
    n, cost = 200, 5 / 1e4
    exposures: list[Exposure] = [EXPOSURES[pick] for pick in random.integers(0, 3, n)]
    moves = {"long TQQQ": returns(n, seed=1), "long SQQQ": returns(n, seed=2)}
    cash, held = 1.0, "flat"
    for t in range(n):
        # Prices move into close t; then, at that close, the signal of t - 1 is carried out.
        if held != "flat":
            cash *= 1 + moves[held][t]
        if t >= 1 and exposures[t - 1] != held and t < n - 1:
            cash *= 1 - cost * sum(side != "flat" for side in (held, exposures[t - 1]))
            held = exposures[t - 1]
    walk = followed(exposures, moves["long TQQQ"], moves["long SQQQ"], 5.0)
    assert walk.returns.size == n - LAG
    # A switch costs both sides at once there, one after the other here.
    assert equity(walk)[-1] == pytest.approx(cash, rel=1e-4)


def test_a_signal_earns_nothing_of_the_close_it_was_seen_at_nor_of_the_next() -> None:
    tqqq, flat = np.array([0.1, 0.2, 0.4, 0.8]), np.zeros(4)
    signals: list[Exposure] = ["flat", "long TQQQ", "flat", "flat"]
    assert followed(signals, tqqq, flat, 0.0).returns.tolist() == pytest.approx([0.0, 0.8])
    signals = ["long TQQQ", "flat", "flat", "flat"]
    assert followed(signals, tqqq, flat, 0.0).returns.tolist() == pytest.approx([0.4, 0.0])


def test_a_signal_that_knows_todays_return_is_worth_nothing_a_session_later() -> None:
    moves = returns(2_000)
    knowing: list[Exposure] = ["long TQQQ" if move > 0 else "flat" for move in moves]
    ratio, error = sharpe_ratio(followed(knowing, moves, -moves, 0.0).returns)
    assert abs(ratio) < 3 * error


def test_each_side_costs_and_a_switch_between_the_funds_costs_two() -> None:
    nothing = np.zeros(6)
    signals: list[Exposure] = ["long TQQQ", "long TQQQ", "long SQQQ", "flat", "flat", "flat"]
    walk = followed(signals, nothing, nothing, 10.0)
    assert walk.sides.tolist() == [1, 0, 2, 1]
    assert walk.returns.tolist() == pytest.approx([-0.001, 0.0, -0.002, -0.001])
    assert bought_and_held(nothing[:2], 10.0).returns.tolist() == pytest.approx([-0.001, 0.0])


def test_a_performance_counts_what_happened() -> None:
    grown = bought_and_held(np.array([0.1, -0.5, 0.2]), 0.0)
    found = performance(grown)
    assert found.total_return_pct == pytest.approx((1.1 * 0.5 * 1.2 - 1) * 100)
    assert found.max_drawdown_pct == pytest.approx(-50)
    assert (found.sessions, found.trades, found.invested_sessions, found.hits) == (3, 1, 3, 2)
    assert performance(bought_and_held(np.array([-0.3]), 0.0)).max_drawdown_pct == pytest.approx(-30)
    assert performance(bought_and_held(np.zeros(0), 0.0)).total_return_pct == 0


def test_too_few_sessions_have_no_annual_figure_no_confidence_and_a_plain_verdict() -> None:
    walk = bought_and_held(returns(MIN_SESSIONS - 1, drift=0.01), 5.0)
    found = performance(walk)
    assert [found.cagr_pct, found.volatility_pct, found.sharpe, found.sides_a_year, found.hit_rate] == [None] * 5
    assert record_confidence(walk, walk) is None
    assert verdict(walk, walk).startswith(f"Not enough evidence: {MIN_SESSIONS - 1} sessions")
    assert performance(bought_and_held(returns(MIN_SESSIONS), 5.0)).sharpe is not None


def test_annual_figures_are_those_of_their_definitions() -> None:
    moves = returns(504, drift=0.001)
    found = performance(bought_and_held(moves, 0.0))
    total = float(np.prod(1 + moves))
    assert found.cagr_pct == pytest.approx((total**0.5 - 1) * 100)
    assert found.volatility_pct == pytest.approx(moves.std(ddof=1) * math.sqrt(252) * 100)
    assert found.sharpe == pytest.approx(moves.mean() / moves.std(ddof=1) * math.sqrt(252))
    assert found.sides_a_year == pytest.approx(0.5)
    assert found.hit_rate == pytest.approx((moves > 0).mean())


def test_the_sharpe_ratios_standard_error_is_that_of_repeated_samples() -> None:
    found = [sharpe_ratio(returns(252, drift=0.003, seed=seed)) for seed in range(600)]
    ratios, errors = np.array(found).T
    assert errors.mean() == pytest.approx(ratios.std(), rel=0.1)


def test_confidence_is_zero_for_luck_and_grows_with_years_of_a_real_edge() -> None:
    lucky = [
        record_confidence(
            bought_and_held(returns(252, seed=seed), 0.0), bought_and_held(returns(252, seed=seed + 5_000), 0.0)
        )
        for seed in range(300)
    ]
    scores = np.array(lucky, dtype=float)
    assert np.median(scores) == 0
    assert np.percentile(scores, 95) < 20
    edge = returns(2_520, drift=0.004)
    years = record_confidence(bought_and_held(edge, 0.0), bought_and_held(returns(2_520, seed=9), 0.0))
    assert years is not None
    assert years > 50


@pytest.mark.parametrize(("drift", "said"), [(0.02, "Ahead of"), (-0.02, "Behind"), (0.0, "No difference from")])
def test_the_verdict_claims_a_difference_only_beyond_chance(drift: float, said: str) -> None:
    walk, holding = bought_and_held(returns(504, drift=drift), 0.0), bought_and_held(returns(504, seed=3), 0.0)
    assert verdict(walk, holding).startswith(f"{said} holding TQQQ")
