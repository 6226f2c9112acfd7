"""The detectors of bars, in the order in which they are asked: a new one is a file and a row here.

First what takes rows out that are not the ticker's own or no session's, then what tells stretches by their level.
Zero or missing prices, a high below a low and two rows of one day are judged before, in `prices/bars.py`.
"""

from collections.abc import Callable

from ldtm_platform.prices.defects import borrowed_columns, copied_days, split_errors, stale_bars, unit_errors
from ldtm_platform.prices.defects.finding import Case, Finding

Detector = Callable[[Case], list[Finding]]

DETECTORS: dict[str, Detector] = {
    borrowed_columns.DEFECT: borrowed_columns.borrowed_columns,
    copied_days.DEFECT: copied_days.copied_days,
    stale_bars.DEFECT: stale_bars.stale_bars,
    split_errors.DEFECT: split_errors.split_errors,
    unit_errors.DEFECT: unit_errors.unit_errors,
}


def examined(case: Case) -> tuple[Case, list[Finding]]:
    """The case as all detectors leave it (certain findings mended, the other rows out), and what they found."""
    found: list[Finding] = []
    for detect in DETECTORS.values():
        if case.bars.height < 2:
            break
        for finding in detect(case):
            found.append(finding)
            case = case.after(finding)
    return case, found
