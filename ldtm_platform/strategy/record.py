"""What following a row of signals would have earned after costs, beside holding TQQQ on the same sessions.

A signal of session t is known on its evening; it is traded at the close of session t + 1 and earns from there on, so
that the first close-to-close return it meets is that of t + 2. Each side (a purchase or a sale of the whole) costs a
share of the capital; a change from one fund to the other is two sides. Flat earns nothing: no interest is counted.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ldtm_platform.evaluation.confidence import convincing, positive_probability
from ldtm_platform.strategy.rule import SESSIONS_A_YEAR, Exposure

Floats = NDArray[np.float64]

LAG = 2
EXECUTION = "the close of the session after the signal's"
# Below half a year there are no annual figures: after it a Sharpe ratio is still uncertain by 1.4.
MIN_SESSIONS = 126
# Sharpe ratios beyond +-1 over years are rare: what a record shows is drawn to 0 before it is believed.
SHARPE_PRIOR_SD = 0.5
HALF_EVIDENCE = 252


@dataclass(frozen=True)
class Walk:
    """Net daily returns (n,) after costs, the sides traded before each, and whether a fund was held."""

    returns: Floats
    sides: Floats
    invested: NDArray[np.bool_]

    def part(self, kept: NDArray[np.bool_]) -> "Walk":
        """Some of the days."""
        return Walk(self.returns[kept], self.sides[kept], self.invested[kept])


@dataclass(frozen=True)
class Performance:
    """What a walk came to. Annual figures and ratios are None below MIN_SESSIONS; the Sharpe ratio is against flat."""

    sessions: int
    total_return_pct: float
    max_drawdown_pct: float
    trades: int
    invested_sessions: int
    hits: int
    cagr_pct: float | None = None
    volatility_pct: float | None = None
    sharpe: float | None = None
    sharpe_se: float | None = None
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    sides_a_year: float | None = None
    hit_rate: float | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        """The same, rounded for people and JSON."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


def followed(exposures: Sequence[Exposure], tqqq: Floats, sqqq: Floats, cost_bp: float) -> Walk:
    """Follow the signals of consecutive sessions (n,); tqqq, sqqq: close-to-close returns into each session (n,).

    The first LAG sessions earn nothing yet and are left out: n - LAG days.
    """
    held = np.array([{"long TQQQ": 1, "flat": 0, "long SQQQ": -1}[each] for each in exposures], dtype=np.int64)[:-LAG]
    gross = np.where(held > 0, tqqq[LAG:], np.where(held < 0, sqqq[LAG:], 0.0))
    sides = np.abs(np.diff(held, prepend=0)).astype(np.float64)
    return Walk((1 + gross) * (1 - sides * cost_bp / 1e4) - 1, sides, held != 0)


def bought_and_held(returns: Floats, cost_bp: float) -> Walk:
    """Buy before the first of these returns (n,) and hold."""
    sides = np.zeros(returns.size)
    sides[:1] = 1.0
    return Walk((1 + returns) * (1 - sides * cost_bp / 1e4) - 1, sides, np.ones(returns.size, dtype=bool))


def equity(walk: Walk) -> Floats:
    """What 1 has become after each day (n,)."""
    return np.cumprod(1 + walk.returns, dtype=np.float64)


def performance(walk: Walk) -> Performance:
    """Count and measure a walk; the Sharpe ratio's standard error is Lo's (2002), for independent days."""
    n, curve = walk.returns.size, np.concatenate([[1.0], equity(walk)])
    hits, invested = int((walk.returns[walk.invested] > 0).sum()), int(walk.invested.sum())
    facts = Performance(
        sessions=n,
        total_return_pct=100 * (curve[-1] - 1),
        max_drawdown_pct=100 * float((curve / np.maximum.accumulate(curve) - 1).min()),
        trades=int((walk.sides > 0).sum()),
        invested_sessions=invested,
        hits=hits,
    )
    if n < MIN_SESSIONS:
        return facts
    sharpe, error = sharpe_ratio(walk.returns)
    years = n / SESSIONS_A_YEAR
    return Performance(
        **{name: value for name, value in asdict(facts).items() if value is not None},
        cagr_pct=100 * (curve[-1] ** (1 / years) - 1),
        volatility_pct=100 * float(walk.returns.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR),
        sharpe=sharpe,
        sharpe_se=error,
        sharpe_low=sharpe - 1.96 * error,
        sharpe_high=sharpe + 1.96 * error,
        sides_a_year=float(walk.sides.sum()) / years,
        hit_rate=hits / invested if invested else None,
    )


def sharpe_ratio(returns: Floats) -> tuple[float, float]:
    """Annual mean over standard deviation of daily returns (n,), and its standard error; 0 for constant returns.

    The error is sqrt((1 + SR^2 / 2) / years) with the daily SR (Lo 2002).
    """
    spread = float(returns.std(ddof=1))
    daily = float(returns.mean()) / spread if spread > 0 else 0.0
    years = returns.size / SESSIONS_A_YEAR
    return daily * math.sqrt(SESSIONS_A_YEAR), math.sqrt((1 + daily**2 / 2) / years)


def record_confidence(walk: Walk, held: Walk) -> float | None:
    """0 to 100: how much a record says that the signal earns more than flat and more than holding; None: not enough.

    100 n / (n + 252) (0.5 phi(P(Sharpe > 0)) + 0.5 phi(P(Sharpe of the difference > 0))), each ratio shrunk to 0.
    """
    n = walk.returns.size
    if n < MIN_SESSIONS:
        return None
    ratios = [sharpe_ratio(walk.returns), sharpe_ratio(walk.returns - held.returns)]
    convinced = [float(convincing(positive_probability(*each, SHARPE_PRIOR_SD))) for each in ratios]
    return 100 * n / (n + HALF_EVIDENCE) * sum(convinced) / 2


def verdict(walk: Walk, held: Walk) -> str:
    """What the record allows to say, in a sentence."""
    n = walk.returns.size
    if n < MIN_SESSIONS:
        return f"Not enough evidence: {n} sessions, {MIN_SESSIONS} are needed for any annual figure."
    ratio, error = sharpe_ratio(walk.returns - held.returns)
    low, high = ratio - 1.96 * error, ratio + 1.96 * error
    what = "No difference from holding TQQQ that chance does not explain"
    if low > 0 or high < 0:
        what = f"{'Ahead of' if low > 0 else 'Behind'} holding TQQQ beyond chance"
    return f"{what} over {n} sessions (95 % interval of the difference's Sharpe ratio: {low:.1f} to {high:.1f})."
