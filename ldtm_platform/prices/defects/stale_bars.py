"""Fillers: a session without a trade whose four prices are the close before, in a series that trades every day.

What was traded is not known, so there is nothing to mend: held. Where most sessions around have no volume (a share
before its listing, FER until May 2024) a bar like that says what happened and stays.
"""

import polars as pl

from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.sources.base import PRICE_COLUMNS

DEFECT = "stale_bar"
_AROUND = 15
_MOSTLY = 0.25


def stale_bars(case: Case) -> list[Finding]:
    """The bars without volume that repeat the close before them, among sessions with volume."""
    silent = pl.col("volume") == 0
    repeats = pl.all_horizontal(pl.col(name) == pl.col("close").shift() for name in PRICE_COLUMNS)
    around = silent.cast(pl.Float64).rolling_mean(2 * _AROUND + 1, min_samples=1, center=True)
    rows = case.bars.filter((silent & repeats).fill_null(False) & (around <= _MOSTLY))
    if rows.is_empty():
        return []
    reason = "it has no volume and repeats the close before: no bar of a session that was traded"
    return [Finding(DEFECT, rows, False, reason, f"{rows.height} rows without volume")]
