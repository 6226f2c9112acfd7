"""Another ticker's columns under this one's name: rows that are equal to another's, or that have its volumes.

Whose they are is told by what is stored: rows that the ticker has already are its own. The others are held. Two tickers
that are delivered equal for the first time in one ingest: the second to arrive is held.
"""

import numpy as np
import polars as pl

from ldtm_platform.prices.defects.finding import Case, Finding
from ldtm_platform.sources.base import PRICE_COLUMNS

DEFECT = "borrowed_columns"
# The same volume to the share on one day is chance; so often with one ticker within so many days it is not.
_TELLING = 5
_NEAR = 14


def unproven(bars: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The bars that may be another ticker's: not stored as this one's already, traded, and at more than one price."""
    own = bars.join(stored.select("date", "close", "volume"), on=["date", "close", "volume"], how="anti")
    return own.filter((pl.col("volume") > 0) & (pl.col("high") > pl.col("low")))


def borrowed_columns(case: Case) -> list[Finding]:
    """The rows that are another ticker's, by ticker."""
    if case.others.is_empty() or case.bars.is_empty():
        return []
    theirs = case.others.rename({name: f"their_{name}" for name in ("ticker", *PRICE_COLUMNS)})
    alike = (
        unproven(case.bars, case.stored)
        .join(theirs, on=["date", "volume"], how="inner")
        .with_columns(equal=pl.all_horizontal(pl.col(name) == pl.col(f"their_{name}") for name in PRICE_COLUMNS))
    )
    parts = alike.sort("date", "their_ticker").partition_by("their_ticker")
    told = [part.filter(pl.col("equal") | _is_crowded(part)) for part in parts]
    kept = pl.concat(told).unique("date", keep="first", maintain_order=True) if told else alike
    return [_finding(rows, case) for rows in kept.sort("date").partition_by("their_ticker")]


def _is_crowded(alike: pl.DataFrame) -> pl.Series:
    """Of each row whether enough others, by date, are near it."""
    days = alike["date"].cast(pl.Int32).to_numpy()
    near = np.searchsorted(days, days + _NEAR, "right") - np.searchsorted(days, days - _NEAR, "left")
    return pl.Series(near >= _TELLING)


def _finding(alike: pl.DataFrame, case: Case) -> Finding:
    other = alike["their_ticker"][0]
    equal = int(alike["equal"].sum())
    evidence = f"{equal} of {alike.height} rows are equal to {other}'s in all numbers, the others in volume"
    return Finding(DEFECT, alike.select(case.bars.columns), False, f"its numbers are those of {other}", evidence)
