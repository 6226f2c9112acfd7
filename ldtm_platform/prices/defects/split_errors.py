"""Stretches that a vendor did not adjust for a split on file, or adjusted twice.

A split that was never applied leaves all that comes before it too high by the split's value, one applied twice too low;
vendors get the day wrong by up to two weeks, and single days in between. Certain is all before one step, near the
split's day, that is its value up to an ordinary night's move; a stretch between two such steps; or one that was stored
right before. All before a step near the day that is only roughly the value is held. Prices sent as traded are examined
for stretches between two steps only: there, a step near the day is the split itself.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.prices.defects.scales import (
    PROVEN,
    SETTLED,
    Booleans,
    Integers,
    Run,
    nights_of,
    noise,
    on_one_basis,
    rescaled,
    runs_of,
    steps_of,
    volume_mirrored,
)

DEFECT = "split_error"
# Sessions by which a vendor's step may miss the split's day; the recorded cases have 1, 2, 5 and 6.
NEAR = 10
# Below this a split is within what shares really move in a night: a step of its size proves nothing.
SMALLEST = 1.4
# From here on no listed company moves in a night: prices need no other witness.
LARGE = 4.0
# Two steps far from the split's day belong together when so few rows lie between them.
_PAIR = 60
# How far a night may be from the split's value, in log: an ordinary move, and at most a share of the value itself.
_NIGHT = (0.03, 5.0, 0.3)
_ROUGHLY = 1 / 3
_VOLUME_AS_IT_WAS = 0.15


def split_errors(case: Case) -> list[Finding]:
    """The stretches that are off by a split on file, value by value, newest split first."""
    found: list[Finding] = []
    told = case.splits.filter(pl.col("value").log().abs() >= np.log(SMALLEST)).sort("ex_date", descending=True)
    for value in told["value"].unique(maintain_order=True):
        if case.bars.height < 2:
            break
        fresh = _of_value(case, float(value), told.filter(value=value)["ex_date"])
        for finding in fresh:
            case = case.after(finding)
        found += fresh
    return found


def _of_value(case: Case, value: float, ex_dates: pl.Series) -> list[Finding]:
    plain = on_one_basis(case)
    size = abs(float(np.log(value)))
    least, times, share = _NIGHT
    exact = steps_of(plain, value, min(max(least, times * noise(plain)), share * size))
    rough = steps_of(plain, value, _ROUGHLY * size)
    days = [int(at) for at in case.bars["date"].search_sorted(ex_dates, "left").to_list()]
    steps = _belonging(rough if _is_large(value) else exact, days)
    loud = np.abs(nights_of(plain)) > _ROUGHLY * size
    found = []
    for run in runs_of(case, steps, value):
        sure, sharp = _certain(case, run, value, days), _is_sharp(run, exact, loud)
        if abs(run.level) == 1 and sure is not None and (sharp or _is_large(value)):
            found.append(_finding(case, run, value, certain=sure and (sharp or run.proven >= PROVEN)))
    return found


def _is_large(value: float) -> bool:
    return bool(abs(np.log(value)) >= np.log(LARGE))


def _belonging(steps: Integers, days: Sequence[int]) -> Integers:
    """The steps near a split's day, and those that are taken back soon; the others are the market's."""
    at = [int(row) for row in np.flatnonzero(steps)]
    kept = {row for row in at if _is_near(row, days)}
    for before, after in pairwise(at):
        if steps[before] == -steps[after] and after - before <= _PAIR:
            kept |= {before, after}
    belonging = np.zeros_like(steps)
    rows = sorted(kept)
    belonging[rows] = steps[rows]
    return belonging


def _is_near(row: int, days: Sequence[int]) -> bool:
    return any(abs(row - day) <= NEAR for day in days)


def _is_sharp(run: Run, exact: Integers, loud: Booleans) -> bool:
    """Whether nothing else may explain it: between two steps always; at an end, one exact step among quiet nights."""
    if not (run.open_left or run.open_right):
        return True
    beside = [int(np.count_nonzero(loud[max(0, edge - NEAR) : edge + NEAR + 1])) for edge in run.edges]
    return all(exact[edge] and count == 1 for edge, count in zip(run.edges, beside, strict=True))


def _certain(case: Case, run: Run, value: float, days: Sequence[int]) -> bool | None:
    """Whether the run is the vendor's error for certain; None when it may well be real."""
    near = any(_is_near(edge, days) for edge in run.edges)
    if run.proven >= PROVEN:
        return True
    if case.price_basis == "raw" and (near or run.open_left or run.open_right):
        return None
    if run.open_right:
        # A level that goes on is believed: the move may have been real.
        return False if (near or _is_large(value)) and run.rows <= SETTLED else None
    if run.open_left and not near:
        return None
    # Shares do move by a small value in a night: the volume has to bear it out.
    mirrored = volume_mirrored(case.bars, run, value)
    return True if _is_large(value) or mirrored is None or mirrored > 1 / 2 else None


def _finding(case: Case, run: Run, value: float, *, certain: bool) -> Finding:
    # A split's volume is off as well; only a large value shows clearly where it is not.
    mirrored = volume_mirrored(case.bars, run, value)
    volume = not _is_large(value) or mirrored is None or mirrored > _VOLUME_AS_IT_WAS
    sent = case.bars.slice(run.first, run.rows)
    rows = rescaled(case.bars, run, value, volume=volume) if certain else sent
    how = "not adjusted for" if run.level > 0 else "adjusted twice for"
    reason = f"its prices seem to be {how} the split of {value:g} on file"
    evidence = f"rows: {run.rows}, {how} the split of {value:g} on file; {run.proven} of them were stored right before"
    return Finding(DEFECT, rows, certain, reason, evidence)
