"""Was a rewritten history rewritten by a split? Told from the ratio of stored to incoming closes alone.

A vendor that adjusts its history divides every bar before a split by one number. So the ratio of what is stored to what
comes in is piecewise constant, at ratios that companies really use. Whatever is not exactly that is no split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from typing import TypeAlias

import numpy as np
import polars as pl

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

# Vendors round adjusted prices to cents or to six decimals. Measured on 24 tickers, 24,144 rows of two downloads of one
# history: no price differs by more than half a cent (in the basis it was rounded in) plus 1e-5 of itself.
PRICE_TOLERANCE = 1e-4
CENT_ROUNDING = 0.0051

_UNCOMMON = (3 / 2, 5 / 2, 4 / 3, 5 / 3, 5 / 4)
_FORWARD = (*(float(new) for new in range(2, 51)), 100.0, *_UNCOMMON)
PLAUSIBLE_SPLITS: tuple[float, ...] = tuple(sorted({*_FORWARD, *(1 / value for value in _FORWARD)}))

# Below this the neighbouring ratios (49:1 and 50:1) stay apart; a row rounded more coarsely says nothing.
_INFORMATIVE = 0.005
# A shorter stretch is a few odd rows, not a regime: only the newest sessions may be a short one.
_FEWEST_ROWS = 3
_MATCHING_SHARE = 0.9


@dataclass(frozen=True)
class InferredSplit:
    """A split that prices show; ex_date None means after the last row that both sides have."""

    ex_date: date | None
    value: float


@dataclass(frozen=True)
class _Stretch:
    level: float
    first: date
    rows: int


def inferred_splits(overlap: pl.DataFrame) -> list[InferredSplit]:
    """The splits that explain why incoming closes differ from stored ones; empty when splits do not explain it.

    overlap, by date: date, stored and incoming (closes, both raw by the splits known so far), scale (the largest factor
    that a vendor's rounding of an adjusted price was multiplied by).
    """
    stored, incoming, scale = (overlap[name].to_numpy() for name in ("stored", "incoming", "scale"))
    ratio = stored / incoming
    tolerance = PRICE_TOLERANCE + CENT_ROUNDING * scale * np.maximum(ratio, 1.0) / stored
    levels, matches = _nearest(ratio, tolerance)
    telling = tolerance <= _INFORMATIVE
    if np.sum(telling) < _FEWEST_ROWS or np.mean(matches[telling]) < _MATCHING_SHARE:
        return []
    days = overlap["date"].to_list()
    stretches = _stretches([(levels[at], days[at]) for at in np.flatnonzero(telling & matches)])
    return _steps(stretches)


def _nearest(ratio: Floats, tolerance: Floats) -> tuple[list[float], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    candidates = np.array([1.0, *PLAUSIBLE_SPLITS])
    error = np.abs(ratio[:, None] / candidates[None, :] - 1.0)
    nearest = np.argmin(error, axis=1)
    return candidates[nearest].tolist(), error[np.arange(len(ratio)), nearest] <= tolerance


def _stretches(rows: Sequence[tuple[float, date]]) -> list[_Stretch]:
    runs = _runs(rows)
    regimes = [run for run in runs if run.rows >= _FEWEST_ROWS or (run is runs[-1] and run.level == 1.0)]
    kept = sum(run.rows for run in regimes)
    if kept < _MATCHING_SHARE * len(rows):
        return []
    return _runs([(run.level, run.first) for run in regimes])


def _runs(rows: Sequence[tuple[float, date]]) -> list[_Stretch]:
    grouped = [(level, list(members)) for level, members in groupby(rows, key=lambda row: row[0])]
    return [_Stretch(level, members[0][1], len(members)) for level, members in grouped]


def _steps(stretches: Sequence[_Stretch]) -> list[InferredSplit]:
    if not stretches:
        return []
    steps = [(after.first, before.level / after.level) for before, after in pairwise(stretches)]
    found = [InferredSplit(day, _plausible(value)) for day, value in steps]
    if stretches[-1].level != 1.0:
        found.append(InferredSplit(None, stretches[-1].level))
    # Up and down again is a vendor's error in between, not two splits.
    forward = {split.value > 1 for split in found}
    return found if len(forward) == 1 and all(split.value > 0 for split in found) else []


def _plausible(value: float) -> float:
    """The split ratio that a float is, or 0 when it is none."""
    nearest = min(PLAUSIBLE_SPLITS, key=lambda known: abs(known / value - 1))
    return nearest if abs(nearest / value - 1) < 1e-9 else 0.0
