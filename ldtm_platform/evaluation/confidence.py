"""How much a ticker's record says for its forecast: a score from 0 to 100, and the shrunk values under it.

    score = 100 * E * (0.6 phi(P_dir) + 0.4 phi(P_err)) * (0.5 + 0.5 S)

P_dir is the probability that the ticker's hit rate is above the pooled majority rate p0 (Beta-Binomial, prior strength
k), P_err that its error is below that of "tomorrow is today" (normal, shrunk to no difference), S how large the
forecast move is beside the ticker's usual error, E = n / (n + 63) how much evidence there is, and phi(P) is 0 up to a
probability of 0.75 and rises to 1 at certainty. Half of all tickers without skill score 0; 95 of 100 stay below 2 / 8 /
12 / 17 / 21 after 21 / 63 / 126 / 252 / 504 evaluated days. Below MIN_EVIDENCE effective days there is no score.

All functions work elementwise on arrays that broadcast; counts may be fractions, as overlapping horizons make them.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ldtm_platform.horizons import SESSIONS_A_MONTH

Floats = NDArray[np.float64]

# A forecast of so many sessions overlaps the next one in all but one: n forecasts count as n / steps.
STEPS = {"next_day": 1, "next_monday": 5, "one_month": SESSIONS_A_MONTH}
MIN_EVIDENCE = 21
HALF_EVIDENCE = 63
PRIOR_STRENGTH = 600.0
ERROR_PRIOR_SD = 0.02
DIRECTION_WEIGHT, ERROR_WEIGHT = 0.6, 0.4
NOT_CONVINCING = 0.75


def wilson_interval(hits: ArrayLike, n: ArrayLike, z: float = 1.96) -> tuple[Floats, Floats]:
    """The Wilson score interval (low, high) of a rate from hits of n; (nan, nan) where n is 0."""
    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = hits / n
        centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low: Floats = np.where(n > 0, np.maximum(centre - half, 0.0), np.nan)
    high: Floats = np.where(n > 0, np.minimum(centre + half, 1.0), np.nan)
    return low, high


def shrunk_hit_rate(hits: ArrayLike, n: ArrayLike, base_rate: ArrayLike, strength: float = PRIOR_STRENGTH) -> Floats:
    """The hit rate drawn to the base rate as if `strength` more forecasts had hit at just that rate.

    Sort leaderboards by this: the best raw rate of 103 coins is 73 % after 30 days.
    """
    base = np.asarray(base_rate, dtype=np.float64)
    shrunk: Floats = (strength * base + np.asarray(hits, dtype=np.float64)) / (strength + np.asarray(n, dtype=float))
    return shrunk


def direction_probability(
    hits: ArrayLike, n: ArrayLike, base_rate: ArrayLike, strength: float = PRIOR_STRENGTH
) -> Floats:
    """Pr(hit rate > base rate) under Beta(k p0 + hits, k (1 - p0) + misses)."""
    from scipy.special import betaincc

    hits, n, base = (np.asarray(each, dtype=np.float64) for each in (hits, n, base_rate))
    above: Floats = betaincc(strength * base + hits, strength * (1 - base) + n - hits, base)
    return above


def error_probability(log_relative_mae: ArrayLike, standard_error: ArrayLike) -> Floats:
    """Pr(ln relMAE < 0) with prior N(0, 0.02^2); 0.5 where either input is not a number."""
    return positive_probability(-np.asarray(log_relative_mae, dtype=np.float64), standard_error, ERROR_PRIOR_SD)


def positive_probability(estimate: ArrayLike, standard_error: ArrayLike, prior_sd: float) -> Floats:
    """Pr(true value > 0) after a normal estimate x with standard error s and prior N(0, t^2): Phi(m / sqrt v).

    With w = t^2 / (t^2 + s^2), m = w x and v = (1 - w) t^2 this is Phi(x t / (s sqrt(t^2 + s^2))). 0.5 where an input
    is not a number.
    """
    from scipy.special import ndtr

    error = np.asarray(standard_error, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.asarray(estimate, dtype=np.float64) * prior_sd / (error * np.sqrt(prior_sd**2 + error**2))
    probability: Floats = ndtr(np.nan_to_num(z, nan=0.0))
    return probability


def strength_of_move(log_move: ArrayLike, half_width: ArrayLike) -> Floats:
    """S = min(1, |ln(f/C)| / half-width of the 80 % interval of past errors); 0 where it is not defined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(np.asarray(log_move, dtype=np.float64)) / np.asarray(half_width, dtype=np.float64)
    share: Floats = np.minimum(np.nan_to_num(ratio, nan=0.0), 1.0)
    return share


def confidence_score(p_dir: ArrayLike, p_err: ArrayLike, strength: ArrayLike, evidence: ArrayLike) -> Floats:
    """The score of the module's formula; nan ("not enough evidence") below MIN_EVIDENCE effective days."""
    n = np.asarray(evidence, dtype=np.float64)
    convinced = DIRECTION_WEIGHT * convincing(p_dir) + ERROR_WEIGHT * convincing(p_err)
    score = 100 * n / (n + HALF_EVIDENCE) * convinced * (0.5 + 0.5 * np.asarray(strength, dtype=np.float64))
    scored: Floats = np.where(n >= MIN_EVIDENCE, score, np.nan)
    return scored


def estimated_strength(hits: Floats, n: Floats) -> float:
    """The prior strength k that the cross-section of tickers supports, drawn to PRIOR_STRENGTH where it says little.

    The most likely k of a grid from 150 to 9,600 under a Beta-Binomial around the pooled hit rate, times a log-normal
    prior around 600 with a standard deviation of ln 2. Tickers share each day's luck, which hides some of their
    differences: k errs on the high, cautious side. hits, n: (tickers,), those with enough evidence.
    """
    if hits.size < 2 or not 0 < hits.sum() < n.sum():
        return PRIOR_STRENGTH
    rate = hits.sum() / n.sum()
    doublings = np.linspace(-2.0, 4.0, 49)
    a, b = (PRIOR_STRENGTH * 2.0 ** doublings[:, None] * share for share in (rate, 1 - rate))
    log_likelihood = (_log_beta(a + hits, b + n - hits) - _log_beta(a, b)).sum(axis=1)
    return float(PRIOR_STRENGTH * 2.0 ** doublings[np.argmax(log_likelihood - doublings**2 / 2)])


def convincing(probability: ArrayLike) -> Floats:
    """phi: 0 up to a probability of 0.75, rising to 1 at certainty."""
    share: Floats = np.clip((np.asarray(probability, dtype=np.float64) - NOT_CONVINCING) / (1 - NOT_CONVINCING), 0, 1)
    return share


def _log_beta(a: Floats, b: Floats) -> Floats:
    """ln B(a, b). SciPy's would cost the dashboard, which needs no more of it, 0.3 s and 18 MiB."""
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)


def _log_gamma(values: Floats) -> Floats:
    logs = [math.lgamma(value) for value in values.ravel().tolist()]
    return np.array(logs).reshape(values.shape)
