"""Filling what one vendor lacks with another's rows, and the proof that both tell prices on one basis.

The proof is in the days that both have, around those that are missing: equal closes, and, where prices are adjusted for
splits, equal splits since. Without it the rows stay missing: a series on two bases is wrong in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from ldtm_platform.sessions import session_before, sessions_between
from ldtm_platform.sources.base import BAR_COLUMNS, BarRequest, PriceBasis, TickerBars, as_date, as_number

# Common days that are asked for beside the missing ones, on either side.
AROUND = 5
_AROUND_DAYS = "9d"
_FEWEST_COMMON = 3
# Closes of two vendors are rounded to cents, adjusted ones also by what a split multiplied.
_SAME_CLOSE = 0.001
_SAME_SPLIT = 1e-6
_NAMED = 3


@dataclass(frozen=True)
class Gap:
    """Sessions that an answer lacks, ascending."""

    request: BarRequest
    missing: tuple[date, ...]

    @property
    def wider(self) -> BarRequest:
        """What is asked of another vendor: the missing sessions and those around them."""
        first, last = self.missing[0], self.missing[-1]
        for _ in range(AROUND):
            first = max(session_before(first), self.request.start)
        after = sessions_between(last + timedelta(days=1), self.request.end)[:AROUND]
        return BarRequest(self.request.ticker, first, (after or [last])[-1] + timedelta(days=1))


def gap(request: BarRequest, answer: TickerBars) -> Gap | None:
    """What an answer lacks by the calendar, apart from halts that it names; None when it lacks nothing."""
    halts = answer.actions.filter(pl.col("kind") == "halt")["ex_date"].to_list()
    have = {*_closes(answer)["date"], *halts}
    missing = tuple(day for day in sessions_between(request.start, request.end) if day not in have)
    return Gap(request, missing) if missing else None


def filled(first: TickerBars, found: Gap, second: TickerBars, basis: PriceBasis) -> TickerBars:
    """The first answer with the second's rows of the missing sessions; or as it was, with a note of why not.

    Both answers have a source. Without rows of the missing sessions the second adds nothing.
    """
    days = _closes(second).filter(pl.col("date").is_in(found.missing))["date"].to_list()
    if second.error or not days:
        return first
    if objection := _objection(first, second, days, basis):
        said = f"{second.source} has {_some(days)}, but {objection}: the two are not mixed"
        return replace(first, note="; ".join(filter(None, (first.note, said))))
    theirs = second.bars.with_columns(as_date("date", second.bars.schema["date"])).filter(pl.col("date").is_in(days))
    own_dates = as_date("date", first.bars.schema["date"])
    bars = [first.bars.with_columns(own_dates).select(BAR_COLUMNS), theirs.select(BAR_COLUMNS)]
    if bars[0].schema != bars[1].schema:
        bars = [part.cast(pl.String) for part in bars]
    rows = theirs.select("date", source=pl.lit(second.source))
    actions = second.actions.filter(pl.col("ex_date").is_in(found.missing))
    return replace(
        first,
        bars=pl.concat(bars),
        actions=pl.concat([first.actions, actions.join(first.actions, on=["ex_date", "kind"], how="anti")]),
        rows=rows if first.rows is None else pl.concat([first.rows, rows]),
    )


def _objection(first: TickerBars, second: TickerBars, days: Sequence[date], basis: PriceBasis) -> str | None:
    near = pl.DataFrame({"missing": sorted(days)}, schema={"missing": pl.Date})
    common = (
        _closes(first)
        .join(_closes(second), on="date", suffix="_other")
        .sort("date")
        .join_asof(near, left_on="date", right_on="missing", strategy="nearest", tolerance=_AROUND_DAYS)
        .drop_nulls("missing")
    )
    if common.height < _FEWEST_COMMON:
        return f"only {common.height} days to compare the two by"
    differs = common.filter((pl.col("close") / pl.col("close_other") - 1).abs() > _SAME_CLOSE)
    if differs.height:
        day, close, other = differs.select("date", "close", "close_other").row(0)
        return f"other prices on {differs.height} of {common.height} days around ({day}: {other:g}, not {close:g})"
    # Days after the last that both have may be adjusted for a split that only one of them knows.
    if basis == "split_adjusted" and not _same_splits(first, second, min(days)):
        return f"other splits since {min(days)}"
    return None


def _same_splits(first: TickerBars, second: TickerBars, since: date) -> bool:
    one, other = (_splits(answer, since) for answer in (first, second))
    same = one.join(other, on="ex_date", suffix="_other").filter(
        (pl.col("value") / pl.col("value_other") - 1).abs() < _SAME_SPLIT
    )
    return one.height == other.height == same.height


def _splits(answer: TickerBars, since: date) -> pl.DataFrame:
    return answer.actions.filter((pl.col("kind") == "split") & (pl.col("ex_date") > since)).unique("ex_date")


def _closes(answer: TickerBars) -> pl.DataFrame:
    """date and close of the rows that have both."""
    read = answer.bars.select(as_date("date", answer.bars.schema["date"]), as_number("close"))
    return read.filter(pl.col("close").is_finite() & (pl.col("close") > 0)).drop_nulls().unique("date")


def _some(days: Sequence[date]) -> str:
    more = f" and {len(days) - _NAMED} more" if len(days) > _NAMED else ""
    return ", ".join(day.isoformat() for day in days[:_NAMED]) + more
