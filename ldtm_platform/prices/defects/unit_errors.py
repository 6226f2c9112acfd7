"""Prices in hundredths, or a hundred times too high: cents for dollars, pence for pounds.

No share moves a hundredfold in a night, so a step of 100 is certain to be an error; the volume, which has no unit,
tells it from a split of a hundred. Certain to be mended is a stretch with the right level on both sides, one that was
stored right before, or all that comes before a settled newest level; a newest stretch that nothing confirms is held.
"""

import numpy as np

from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.prices.defects.scales import (
    PROVEN,
    Run,
    noise,
    on_one_basis,
    rescaled,
    runs_of,
    steps_of,
    volume_mirrored,
)

DEFECT = "unit_error"
FACTOR = 100.0
# How far a night may be from a factor of exactly 100, in log, where one step alone has to prove it: an ordinary move
# of the series. Between two steps any night is allowed that is nearer to 100 than to anything that happens.
_NIGHT = (0.15, 6.0, 0.5)
_ROUGHLY = float(np.log(FACTOR)) / 3


def unit_errors(case: Case) -> list[Finding]:
    """The stretches that are off by 100."""
    plain = on_one_basis(case)
    least, times, most = _NIGHT
    exact = steps_of(plain, FACTOR, min(max(least, times * noise(plain)), most))
    runs = runs_of(case, steps_of(plain, FACTOR, _ROUGHLY), FACTOR)
    judged = [(run, all(exact[edge] for edge in run.edges)) for run in runs]
    return [found for run, sharp in judged if (found := _found(case, run, sharp)) is not None]


def _found(case: Case, run: Run, sharp: bool) -> Finding | None:
    at_an_end = run.open_left or run.open_right
    if at_an_end and (volume_mirrored(case.bars, run, FACTOR) or 0.0) > 1 / 2:
        return None  # a split of a hundred: not an error of the unit
    certain = run.proven >= PROVEN or not at_an_end or (sharp and not run.open_right)
    rows = rescaled(case.bars, run, FACTOR, volume=False) if certain else case.bars.slice(run.first, run.rows)
    times = f"{FACTOR**run.level:g} times"
    reason = f"its prices are {times} those of the sessions around, and nothing says for certain which are right"
    evidence = f"rows: {run.rows}, {times} the level of the sessions around; {_sides(run)}"
    return Finding(DEFECT, rows, certain, reason, evidence)


def _sides(run: Run) -> str:
    if run.proven:
        return f"{run.proven} of them were stored right before"
    return "every earlier row" if run.open_left else "the right level on both sides"
