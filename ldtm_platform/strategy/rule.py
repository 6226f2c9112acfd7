"""The rule of the TQQQ signal: trend, volatility regime and, where it has earned it, the model's vote.

Every number is a convention that was fixed in advance and is fitted to nothing: the 200-session mean (Faber 2007; for
leveraged funds Gayed and Bilello 2016), a quarter's momentum, the exponential volatility of half-life 10 and a regime
by its own past. All of it looks back only: what a session shows does not change when later sessions or splits arrive.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from ldtm_platform.prices.adjust import with_split_factor

Exposure = Literal["long TQQQ", "flat", "long SQQQ"]

SESSIONS_A_YEAR = 252


@dataclass(frozen=True)
class Rule:
    """The parameters. Sessions are trading days; quantiles are of the trend's own volatility before the session."""

    mean_sessions: int = 200
    momentum_sessions: int = 63
    volatility_half_life: int = 10
    regime_sessions: int = 504
    regime_at_least: int = 126
    calm_below_quantile: float = 1 / 3
    stressed_above_quantile: float = 0.9
    # The bounds of ldtm_signals' buckets; and a confidence that 95 of 100 models without skill do not reach in the
    # months that they have at most.
    implied_return_pct: float = 1.0
    model_votes_from_confidence: float = 5.0


RULE = Rule()


@dataclass(frozen=True)
class MarketState:
    """What prices say on the evening of a session; percentages, volatility a year."""

    of: str
    close: float
    above_mean_pct: float
    momentum_pct: float
    trend: Literal["up", "mixed", "down"]
    volatility_pct: float
    calm_below_pct: float
    stressed_above_pct: float
    regime: Literal["calm", "normal", "stressed"]


@dataclass(frozen=True)
class ModelView:
    """What the champions said that evening of the two funds, and how much their record says for it."""

    tqqq_implied_1m_return_pct: float
    sqqq_implied_1m_return_pct: float | None
    confidence: float | None
    model_version: str | None
    is_replay: bool


@dataclass(frozen=True)
class Decision:
    """The suggested exposure, with the reasons in words, and the model's vote: 1 up, -1 down, 0 none."""

    exposure: Exposure
    reasons: tuple[str, ...]
    model_vote: int


def levels(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Closes on one basis that no later split changes: ticker, date, close (raw), level = close * G(date)."""
    factored = with_split_factor(bars.select("ticker", "date", "close"), splits)
    return factored.select("ticker", "date", "close", level=pl.col("close") * pl.col("split_factor"))


def market_states(prices: pl.DataFrame, rule: Rule = RULE) -> pl.DataFrame:
    """The rule's view of each session of one ticker (date, close, level; by date), null until there is enough history.

    Columns beside date and close: above_mean_pct, momentum_pct, trend, volatility_pct, calm_below_pct,
    stressed_above_pct, regime.
    """
    level, volatility = pl.col("level"), pl.col("volatility_pct")
    squared = (level.log() - level.shift(1).log()).pow(2)

    def past_quantile(quantile: float) -> pl.Expr:
        return volatility.rolling_quantile(
            quantile, window_size=rule.regime_sessions, min_samples=rule.regime_at_least
        ).shift(1)

    return (
        prices.with_columns(
            above_mean_pct=(level / level.rolling_mean(rule.mean_sessions) - 1) * 100,
            momentum_pct=(level / level.shift(rule.momentum_sessions) - 1) * 100,
            volatility_pct=(squared.ewm_mean(half_life=rule.volatility_half_life) * SESSIONS_A_YEAR).sqrt() * 100,
        )
        .with_columns(
            calm_below_pct=past_quantile(rule.calm_below_quantile),
            stressed_above_pct=past_quantile(rule.stressed_above_quantile),
        )
        .with_columns(trend=_TREND, regime=_REGIME)
        .drop("level")
    )


_TREND = (
    pl.when((pl.col("above_mean_pct") > 0) & (pl.col("momentum_pct") > 0))
    .then(pl.lit("up"))
    .when((pl.col("above_mean_pct") < 0) & (pl.col("momentum_pct") < 0))
    .then(pl.lit("down"))
    .when(pl.col("above_mean_pct").is_not_null() & pl.col("momentum_pct").is_not_null())
    .then(pl.lit("mixed"))
)
_REGIME = (
    pl.when(pl.col("volatility_pct") > pl.col("stressed_above_pct"))
    .then(pl.lit("stressed"))
    .when(pl.col("volatility_pct") < pl.col("calm_below_pct"))
    .then(pl.lit("calm"))
    .when(pl.col("calm_below_pct").is_not_null())
    .then(pl.lit("normal"))
)


def decide(state: MarketState, model: ModelView | None, rule: Rule = RULE) -> Decision:
    """Long the fund on whose side trend and model's vote stand, flat when they balance or volatility is stressed."""
    vote, said = _vote(model, rule)
    reasons = (_trend(state, rule), _regime(state, rule), said, _conclusion(state, vote))
    return Decision(exposure_of(state, vote), reasons, vote)


def exposure_of(state: MarketState, vote: int = 0) -> Exposure:
    """The decision without its reasons."""
    stance = _STANCE[state.trend] + vote
    if state.regime == "stressed" or stance == 0:
        return "flat"
    return "long TQQQ" if stance > 0 else "long SQQQ"


_STANCE = {"up": 1, "mixed": 0, "down": -1}


def _vote(model: ModelView | None, rule: Rule) -> tuple[int, str]:
    if model is None:
        return 0, "There is no out-of-sample forecast of TQQQ: the model has no vote."
    implied, inverse = model.tqqq_implied_1m_return_pct, model.sqqq_implied_1m_return_pct
    said = f"The model implies {implied:+.1f} % for TQQQ"
    said += f" and {inverse:+.1f} % for SQQQ" if inverse is not None else ""
    said += " from tomorrow's close to that in a month"
    if model.confidence is None:
        return 0, f"{said}; there is not enough evidence for it yet: no vote."
    told = f"{said}, with a confidence of {model.confidence:.0f} of 100"
    if model.confidence < rule.model_votes_from_confidence:
        return 0, f"{told}: too little for a vote ({rule.model_votes_from_confidence:.0f} are needed)."
    if abs(implied) <= rule.implied_return_pct:
        return 0, f"{told}: too small a move for a vote."
    if inverse is not None and implied * inverse > 0:
        return 0, f"{told}: the two contradict each other, no vote."
    return (1, f"{told}: a vote for TQQQ.") if implied > 0 else (-1, f"{told}: a vote for SQQQ.")


def _trend(state: MarketState, rule: Rule) -> str:
    side = "above" if state.above_mean_pct > 0 else "below"
    return (
        f"{state.of} closed {abs(state.above_mean_pct):.1f} % {side} its mean of {rule.mean_sessions} sessions and "
        f"moved {state.momentum_pct:+.1f} % in {rule.momentum_sessions}: the trend is {state.trend}."
    )


def _regime(state: MarketState, rule: Rule) -> str:
    return (
        f"Its volatility is {state.volatility_pct:.1f} % a year, {state.regime} beside its own last "
        f"{rule.regime_sessions} sessions (calm below {state.calm_below_pct:.1f} %, stressed above "
        f"{state.stressed_above_pct:.1f} %)."
    )


def _conclusion(state: MarketState, vote: int) -> str:
    if state.regime == "stressed":
        return "In stressed volatility neither fund is held: funds that reset three times leverage daily lose by it."
    stance = _STANCE[state.trend] + vote
    if stance == 0:
        return "The vote outweighs the trend: flat." if vote else "The trend points nowhere: flat."
    who = (
        "Trend and vote point" if vote and state.trend != "mixed" else "The vote points" if vote else "The trend points"
    )
    return f"{who} {'up: TQQQ' if stance > 0 else 'down: SQQQ'}."
