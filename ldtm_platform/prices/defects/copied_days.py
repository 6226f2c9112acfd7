"""A day copied: all five numbers of a bar are those of an earlier one. The later is taken for the copy and held."""

import polars as pl

from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.sources.base import PRICE_COLUMNS

DEFECT = "copied_day"
_NUMBERS = (*PRICE_COLUMNS, "volume")


def copied_days(case: Case) -> list[Finding]:
    """The bars that repeat an earlier one to the last share. A flat bar may repeat by chance and is left alone."""
    known = pl.concat([case.stored.join(case.bars, on="date", how="anti").select(case.bars.columns), case.bars])
    ordered = known.sort("date")
    copies = ordered.filter(
        ~pl.struct(_NUMBERS).is_first_distinct() & (pl.col("high") > pl.col("low")) & (pl.col("volume") > 0)
    )
    rows = case.bars.join(copies, on="date", how="semi", maintain_order="left")
    if rows.is_empty():
        return []
    reason = "its prices and volume are those of an earlier session, to the last share"
    return [Finding(DEFECT, rows, False, reason, f"{rows.height} rows repeat an earlier one")]
