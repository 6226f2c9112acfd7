"""The rule: trend and regime from the past alone, the model's vote only where it was earned."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ldtm_platform.strategy.rule import MarketState, ModelView, decide, levels, market_states
from ldtm_platform_tests.strategy.market import LAST, NO_SPLITS, bars, days, market

UP = MarketState("QQQ", 600.0, 4.0, 5.0, "up", 18.0, 15.0, 27.0, "normal")
BULL = ModelView(8.0, -7.0, 12.0, "v1", is_replay=False)
BEAR = ModelView(-8.0, 7.0, 12.0, "v1", is_replay=False)


def of(name: str, closes: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame({"ticker": name, "date": days(len(closes)), "close": closes})
    return market_states(levels(frame, NO_SPLITS).drop("ticker"))


@pytest.mark.parametrize(("daily", "trend"), [(1.001, "up"), (0.999, "down")])
def test_a_steady_climb_is_an_up_trend_and_a_steady_fall_a_down_trend(daily: float, trend: str) -> None:
    last = of("QQQ", 100 * daily ** np.arange(300.0)).row(-1, named=True)
    assert last["trend"] == trend
    assert last["momentum_pct"] == pytest.approx((daily**63 - 1) * 100)


def test_a_fall_after_a_long_climb_is_mixed() -> None:
    closes = np.concatenate([100 * 1.003 ** np.arange(280.0), 100 * 1.003**279 * 0.999 ** np.arange(70.0)])
    last = of("QQQ", closes).row(-1, named=True)
    assert (last["above_mean_pct"] > 0, last["momentum_pct"] < 0, last["trend"]) == (True, True, "mixed")


def test_the_regime_is_told_by_the_volatilitys_own_past() -> None:
    random = np.random.default_rng(0)
    ordinary, wild, quiet = (random.normal(0, scale, n) for scale, n in ((0.01, 600), (0.05, 20), (0.001, 40)))
    assert of("QQQ", 100 * np.exp(np.cumsum(np.concatenate([ordinary, wild]))))["regime"][-1] == "stressed"
    assert of("QQQ", 100 * np.exp(np.cumsum(np.concatenate([ordinary, quiet]))))["regime"][-1] == "calm"


def test_the_regimes_bounds_are_quantiles_of_the_sessions_before_and_not_of_its_own() -> None:
    found = of("QQQ", bars(700).filter(ticker="QQQ")["close"].to_numpy())
    past = found["volatility_pct"].to_numpy()[-505:-1]
    assert found["calm_below_pct"][-1] == np.sort(past)[round(503 / 3)]
    assert found["stressed_above_pct"][-1] == np.sort(past)[round(503 * 0.9)]


def test_volatility_is_the_exponential_one_of_half_life_ten() -> None:
    closes = bars(400).filter(ticker="QQQ")["close"].to_numpy()
    squared = np.diff(np.log(closes)) ** 2
    weights = 0.5 ** (np.arange(squared.size)[::-1] / 10)
    expected = 100 * np.sqrt(252 * (weights * squared).sum() / weights.sum())
    assert of("QQQ", closes)["volatility_pct"][-1] == pytest.approx(expected)


def test_what_a_session_shows_is_equal_to_the_bit_without_what_came_later() -> None:
    rows = bars(700)
    later_split = pl.DataFrame({"ticker": "TQQQ", "ex_date": days(10)[0], "value": 2.0})
    for end in (days(700)[400], days(50)[0]):
        full, short = levels(rows, later_split), levels(rows.filter(pl.col("date") <= end), NO_SPLITS)
        for name in ("QQQ", "TQQQ"):
            assert_frame_equal(
                market_states(full.filter(ticker=name).drop("ticker")).filter(pl.col("date") <= end),
                market_states(short.filter(ticker=name).drop("ticker")),
                check_exact=True,
            )


def test_a_split_is_neither_a_move_nor_a_return() -> None:
    rows = bars(400, index=False)
    day = days(30)[0]
    halved = rows.with_columns(
        close=pl.when((pl.col("ticker") == "TQQQ") & (pl.col("date") >= day))
        .then(pl.col("close") / 2)
        .otherwise("close")
    )
    plain = market(rows)
    split = market(halved, pl.DataFrame({"ticker": "TQQQ", "ex_date": day, "value": 2.0}))
    assert split.tqqq == pytest.approx(plain.tqqq)
    before, after = plain.states[-1], split.states[-1]
    assert before is not None
    assert after is not None
    assert after.close == pytest.approx(before.close / 2)
    assert (after.trend, after.regime) == (before.trend, before.regime)
    assert after.momentum_pct == pytest.approx(before.momentum_pct)
    assert abs(market(halved).tqqq.min()) > 0.4


def test_the_trend_is_qqqs_where_it_has_bars_and_the_funds_own_where_not() -> None:
    both, alone = market(bars(400)), market(bars(400, index=False))
    assert {state.of for state in both.states if state} == {"QQQ"}
    assert {state.of for state in alone.states if state} == {"TQQQ"}
    late = market(bars(400).filter((pl.col("ticker") != "QQQ") | (pl.col("date") >= days(250)[0])))
    first, *_, last = [state.of for state in late.states if state]
    assert (first, last) == ("TQQQ", "QQQ")


def test_without_both_funds_there_is_no_market() -> None:
    assert market(bars(300).filter(pl.col("ticker") != "SQQQ")).sessions == []
    assert market(bars(300).clear()).sessions == []


def test_a_session_on_which_a_fund_did_not_trade_is_left_out() -> None:
    halted = bars(300).filter((pl.col("ticker") != "SQQQ") | (pl.col("date") != days(5)[0]))
    found = market(halted)
    assert days(5)[0] not in found.sessions
    assert found.sessions[-1] == LAST


@pytest.mark.parametrize(
    ("state", "model", "exposure", "vote"),
    [
        (UP, None, "long TQQQ", 0),
        (replace(UP, trend="down"), None, "long SQQQ", 0),
        (replace(UP, trend="mixed"), None, "flat", 0),
        (replace(UP, regime="stressed"), BULL, "flat", 1),
        (replace(UP, trend="down", regime="stressed"), None, "flat", 0),
        (UP, BULL, "long TQQQ", 1),
        (UP, BEAR, "flat", -1),
        (replace(UP, trend="mixed"), BEAR, "long SQQQ", -1),
        (replace(UP, trend="mixed"), replace(BULL, confidence=4.9), "flat", 0),
        (replace(UP, trend="mixed"), replace(BULL, confidence=None), "flat", 0),
        (replace(UP, trend="mixed"), replace(BULL, tqqq_implied_1m_return_pct=1.0), "flat", 0),
        (replace(UP, trend="mixed"), replace(BULL, sqqq_implied_1m_return_pct=7.0), "flat", 0),
        (replace(UP, trend="mixed"), replace(BULL, sqqq_implied_1m_return_pct=None), "long TQQQ", 1),
    ],
)
def test_the_exposure_follows_trend_and_earned_vote_and_is_flat_under_stress(
    state: MarketState, model: ModelView | None, exposure: str, vote: int
) -> None:
    decision = decide(state, model)
    assert (decision.exposure, decision.model_vote) == (exposure, vote)
    assert len(decision.reasons) == 4
    assert all(reason.endswith((".", ").")) for reason in decision.reasons)


def test_the_reasons_say_what_decided() -> None:
    trend, regime, model, conclusion = decide(UP, replace(BEAR, confidence=2.0)).reasons
    assert trend == "QQQ closed 4.0 % above its mean of 200 sessions and moved +5.0 % in 63: the trend is up."
    assert "18.0 % a year, normal beside its own last 504 sessions" in regime
    assert model == (
        "The model implies -8.0 % for TQQQ and +7.0 % for SQQQ from tomorrow's close to that in a month, "
        "with a confidence of 2 of 100: too little for a vote (5 are needed)."
    )
    assert conclusion == "The trend points up: TQQQ."
    assert decide(UP, BEAR).reasons[3] == "The vote outweighs the trend: flat."


def test_history_that_is_too_short_shows_nothing() -> None:
    found = market(bars(150))
    assert found.states == [None] * 150
    assert isinstance(found.sessions[0], date)
