"""Train, validation and test parts of one history: in time order, and purged by when each label ends.

A label of one horizon spans from its window's end to its target date. It may be used in a part only if its target date
lies before the first window of the next part ends; otherwise training would read prices that the next part is scored
on. The purge is per horizon: a window near the edge whose 21-session label reaches across is not dropped, it still
trains next_day. Inputs may overlap across parts: they are the past, known when the later forecast is made.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TRAIN_SHARE = 0.70
VALIDATION_SHARE = 0.15

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """Windows by number, ascending (n,), and which of their labels may be used (n, horizons)."""

    rows: NDArray[np.int64]
    used: Flags


@dataclass(frozen=True)
class PurgedSplit:
    """The three parts; the test part is scored once, after training."""

    train: Part
    validation: Part
    test: Part


def purged_split(window_ends: Days, label_ends: Days, matured: Flags) -> PurgedSplit:
    """Split windows 70/15/15 in time order, by the windows that have any label.

    window_ends (n,): each window's last day as a day number, strictly ascending. label_ends (n, horizons): each
    label's target day. matured (n, horizons): whether the label exists. A window that keeps no label is dropped.
    """
    if np.any(np.diff(window_ends) <= 0):
        raise ValueError("windows must be in ascending order of their last day, without repeats")
    labelled = np.flatnonzero(matured.any(axis=1))
    first_validation = round(labelled.size * TRAIN_SHARE)
    first_test = round(labelled.size * (TRAIN_SHARE + VALIDATION_SHARE))
    parts = []
    for start, stop in pairwise((0, first_validation, first_test, labelled.size)):
        rows, used = labelled[start:stop], matured[labelled[start:stop]]
        if stop < labelled.size:
            used = used & (label_ends[rows] < window_ends[labelled[stop]])
        kept = used.any(axis=1)
        parts.append(Part(rows=rows[kept], used=used[kept]))
    return PurgedSplit(*parts)
