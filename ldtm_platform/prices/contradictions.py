"""Answers of a vendor that contradict what is stored: why nothing of them may be stored, each as a sentence for people.

All take one ticker's frames as `prices/reconcile.py` has them; None is no objection.
"""

from collections.abc import Sequence
from datetime import date
from math import log

import polars as pl

from ldtm_platform.prices.rewritten import InferredSplit

_SAME_RATIO = 0.02
# Fewer rows than this may all be honest corrections; more than half of at least so many are another series.
_TELLING_OVERLAP = 20
_UNIT = 100.0
_TELLING_UNIT = 5


def wholesale(compared: pl.DataFrame) -> str | None:
    """Raw prices that differ almost everywhere: what was traded on a day does not change, so it is another series."""
    changed = compared.filter("close_differs")
    if compared.height < _TELLING_OVERLAP or changed.height * 2 <= compared.height:
        return None
    return (
        f"{changed.height} of the {compared.height} closes that are stored already differ from what is sent now, from "
        f"{changed['date'][0]} to {changed['date'][-1]}: raw prices are not rewritten like that. Nothing was stored. "
        "Use the prices that this history came from, or start with an empty database (DB_NAME); prices that a vendor "
        "adjusts for splits need LDTM_PRICE_BASIS=split_adjusted"
    )


def another_unit(compared: pl.DataFrame) -> str | None:
    """Prices a hundred times what is stored, or a hundredth, almost everywhere, at the same volumes: no split."""
    off = (pl.col("close") / pl.col("old_close")).log()
    changed = compared.filter(((off.abs() - log(_UNIT)).abs() < _SAME_RATIO) & ~pl.col("volume_differs"))
    if changed.height < _TELLING_UNIT or changed.height * 2 <= compared.height:
        return None
    times = "a hundred times" if changed["close"][-1] > changed["old_close"][-1] else "a hundredth of"
    return (
        f"{changed.height} of the {compared.height} closes that are stored already are {times} what is stored, at the "
        f"same volumes, from {changed['date'][0]} to {changed['date'][-1]}: another unit (cents for dollars), and "
        "nothing says which is right. Nothing was stored. Ingest again when the vendor has mended it, or start with an "
        "empty database (DB_NAME) if it is here to stay"
    )


def unadjusted(stored: pl.DataFrame, compared: pl.DataFrame, fresh: pl.DataFrame) -> str | None:
    """A split is named that the vendor's own prices do not show yet: taken at its word, history would be spoilt."""
    for _, day, value in fresh.select("ticker", "ex_date", "value").iter_rows():
        ratios = compared.filter(pl.col("date") < day).select((pl.col("old_close") / pl.col("close")).median()).item()
        same = ratios is not None and abs(ratios * value - 1) < _SAME_RATIO
        if same and _already_jumps(stored, day, value):
            return (
                f"a split of {value:g} on {day} is named, but the prices before it are not adjusted for it: nothing "
                "was stored. Ingest again when the vendor has caught up, or correct the split"
            )
    return None


def _already_jumps(stored: pl.DataFrame, day: date, value: float) -> bool:
    """Whether the stored closes show the split themselves, or end before it."""
    after = stored.filter(pl.col("date") >= day)
    if after.is_empty():
        return True
    jump = stored.filter(pl.col("date") < day)["close"][-1] / after["close"][0]
    return abs(log(jump / value)) < abs(log(jump))


def misfit(found: Sequence[InferredSplit], known: pl.DataFrame) -> str | None:
    """A split that prices seem to show cannot be one: its day has one already."""
    days = known["ex_date"].to_list()
    for split in found:
        if split.ex_date in days:
            return (
                f"the prices before {split.ex_date} are not adjusted for the split recorded on that day: nothing was "
                "stored. Use the source that this history came from, or correct the split"
            )
    return None


def older(stored: pl.DataFrame, incoming: pl.DataFrame, compared: pl.DataFrame) -> str | None:
    """A download that ends early and differs up to its end: bars stored after it would be left on another basis."""
    if compared.is_empty() or not compared["prices_differ"][-1]:
        return None
    ends, goes_on = max(incoming["date"].to_list()), max(stored["date"].to_list())
    if ends >= goes_on:
        return None
    return (
        f"the prices end on {ends} and differ there from what is stored, which goes on to {goes_on}: an older "
        "download. Nothing was stored; use a newer one"
    )
