"""Skill: how a forecast's error compares with that of persistence, "tomorrow's close is today's"."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A forecast below this share of the close it was made from counts as that share, as in the database (ldtm_log_error):
# at or below 0 it has no logarithm, and left out it would flatter its model.
LEAST_SHARE = 0.01


def masked_mse(predicted: Floats, actual: Floats, used: Flags) -> Floats:
    """The mean squared error of each horizon (horizons,) over the rows it may use; nan where it may use none.

    predicted, actual and used: (rows, horizons), or what broadcasts to it; what is not used may be nan.
    """
    return _masked_mean(np.square(predicted - actual), used)


def relative_mae(error: Floats, reference: Floats, used: Flags) -> Floats:
    """Mean absolute error per horizon as a multiple of a reference forecast's: below 1 is better than the reference.

    error and reference: signed errors (rows, horizons) in one unit, for instance shares of the last close.
    """
    means = _masked_mean(np.abs(error), used), _masked_mean(np.abs(reference), used)
    return np.array([_ratio(own, other) for own, other in zip(*means, strict=True)])


def skill(loss: float, persistence_loss: float) -> float | None:
    """1 - loss / persistence_loss: above 0 is better than persistence, 0 equal, below 0 worse; None if undefined."""
    ratio = _ratio(loss, persistence_loss)
    return 1.0 - ratio if math.isfinite(ratio) else None


def persistence_loss(loss: float | None, skill: float | None) -> float | None:
    """What persistence lost where a model lost `loss` with that skill; None if either is unknown, or the loss is 0."""
    return None if loss is None or skill is None or skill >= 1 else loss / (1 - skill)


def total_loss(losses: Floats) -> float:
    """The seed's total: the sum over the horizons that have a loss; nan if none has."""
    return math.nan if np.isnan(losses).all() else float(np.nansum(losses))


def _masked_mean(values: Floats, used: Flags) -> Floats:
    kept, counts = np.where(used, values, 0.0), used.sum(axis=0)
    means: Floats = np.where(counts > 0, kept.sum(axis=0) / np.maximum(counts, 1), np.nan)
    return means


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference > 0 else math.nan
