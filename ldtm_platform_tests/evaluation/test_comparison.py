"""The interval of a skill keeps its word: models without skill are hardly ever said to have some, better ones are."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from ldtm_platform.evaluation.comparison import Comparison, alike, by_horizon, compared, interval
from ldtm_platform.evaluation.evidence import Floats, log_relative_mae

WORLDS, TICKERS = 300, 8
# At a true share of 5 %, more of so many worlds are luck that one in a thousand has.
MOST = 0.05 + 3.1 * (0.05 * 0.95 / WORLDS) ** 0.5


@cache
def claims(steps: int, sessions: int, kind: str) -> tuple[float, float]:
    """The shares of simulated models with a point above 0, and of those with a claim of skill."""
    random = np.random.default_rng(steps * 1000 + sessions)
    worlds = [_world(random, steps, sessions, kind) for _ in range(WORLDS)]
    own, naive = (np.column_stack([world[at] for world in worlds]) for at in (0, 1))
    ratio, error = log_relative_mae(own, naive, np.ones(own.shape, dtype=bool), steps)
    low, _ = interval(ratio, error, sessions, steps)
    return float((ratio < 0).mean()), float((low > 0).mean())


def _world(random: np.random.Generator, steps: int, sessions: int, kind: str) -> tuple[Floats, Floats]:
    """The losses of sessions, of a model and of persistence, over tickers that share a market with fat tails."""
    days = sessions + steps
    shared, alone = random.standard_t(4, (days, 1)), random.standard_t(4, (days, TICKERS))
    walk = np.cumsum(0.01 * (0.65 * shared + 0.75 * alone), axis=0)
    move, usual = walk[steps:] - walk[:-steps], 0.015 * steps**0.5
    if kind == "noise":
        said = 0.03 * usual * random.normal(size=(sessions, 1)) + 0.03 * usual * random.normal(size=move.shape)
    elif kind == "drift":
        said = np.full(move.shape, 0.03 * usual * random.choice([-1, 1]))
    else:
        said = 0.08 * move
    return np.abs(said - move).sum(axis=1), np.abs(move).sum(axis=1)


@pytest.mark.parametrize("kind", ["noise", "drift"])
@pytest.mark.parametrize(("steps", "sessions"), [(1, 21), (1, 63), (1, 252), (5, 63), (5, 252), (21, 63), (21, 252)])
def test_of_useless_models_hardly_any_has_an_interval_above_zero(steps: int, sessions: int, kind: str) -> None:
    flattered, claimed = claims(steps, sessions, kind)
    assert claimed <= MOST
    # A verdict on the point alone would have claimed more often.
    assert flattered > claimed + 0.03


@pytest.mark.parametrize(("steps", "sessions"), [(1, 63), (5, 252), (21, 504)])
def test_a_better_model_is_found_with_enough_evidence(steps: int, sessions: int) -> None:
    assert claims(steps, sessions, "better")[1] > 0.95


def test_a_mean_over_tickers_is_compared_by_session_and_not_by_forecast() -> None:
    """A hundred tickers that are all the same are one: their sessions say as much as that one's."""
    random = np.random.default_rng(3)
    naive = np.abs(random.normal(size=60))
    own = naive * random.uniform(0.8, 1.15, 60)
    one, many = (
        compared(pl.DataFrame({"n": [count] * 60, "own": count * own, "naive": count * naive}), "next_day")
        for count in (1, 100)
    )
    assert (many.n, many.sessions, one.n) == (6000, 60, 60)
    assert (many.skill, many.low, many.high) == pytest.approx((one.skill, one.low, one.high))


def test_the_median_ticker_has_the_interval_of_one_as_if_all_had_the_same_luck() -> None:
    records = pl.DataFrame({"rel_mae": [0.95] * 50, "rel_mae_log_se": [0.02] * 50, "evaluated": [252] * 50})
    found, bounds = alike(records, "next_monday"), interval(np.log(0.95), 0.02, 252, 5)
    assert [found.skill, found.low, found.high] == pytest.approx([0.05, *(bound.item() for bound in bounds)])
    assert (found.n, found.sessions, found.steps) == (252, 252, 5)
    nothing = records.with_columns(rel_mae=pl.lit(None, dtype=pl.Float64))
    assert alike(nothing, "next_monday") == Comparison(None, None, None, 252, 252, 5)


def test_too_few_sessions_and_equal_losses_have_no_interval_or_an_empty_one() -> None:
    few = pl.DataFrame({"n": [1] * 62, "own": [1.0, 2.0] * 31, "naive": [2.0, 3.0] * 31})
    assert compared(few, "one_month").low is None
    same = compared(few.with_columns(naive="own"), "next_day")
    assert (same.skill, same.low, same.high, same.outcome) == (0.0, 0.0, 0.0, "worse")


def test_each_family_and_horizon_is_compared_on_its_own_rows() -> None:
    days = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 2, 9), eager=True)
    rows = [
        pl.DataFrame({"family": family, "horizon": horizon, "run_date": days, "n": 2, "own": own, "naive": [2, 4] * 20})
        for family, horizon, own in (("a", "next_day", 1.5), ("a", "one_month", 3.0), ("b", "next_day", 6.0))
    ]  # fmt: skip
    found = by_horizon(pl.concat(rows))
    assert found.select("family", "horizon", "n", "sessions", "skill").rows() == [
        ("a", "next_day", 80, 40, 0.5),
        ("a", "one_month", 80, 40, 0.0),
        ("b", "next_day", 80, 40, -1.0),
    ]
    assert by_horizon(pl.concat(rows).clear()).is_empty()
    assert Comparison.of(found.row(0, named=True)) == compared(rows[0], "next_day")
