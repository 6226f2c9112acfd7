"""Which sessions of an hourly series lack bars, by the exchange's hours, and which grids the series is on, in words."""

from collections.abc import Collection
from datetime import date

import polars as pl

from ldtm_platform.prices.hourly.grids import expected_bars, hours_frame

_NAMED = 5


def short_sessions(sessions: pl.DataFrame, halts: Collection[date], through: date) -> pl.DataFrame:
    """Sessions from the first stored one through a session that have fewer bars than hours: date, bars, expected.

    sessions: date, bars (how many). A session with a recorded halt lacks nothing.
    """
    if sessions.is_empty():
        return pl.DataFrame(schema={"date": pl.Date, "bars": pl.Int64, "expected": pl.Int64})
    (first,) = sessions.select(pl.col("date").min()).row(0)
    hours = hours_frame(first, through).select("date", expected=expected_bars())
    have = sessions.select("date", "bars")
    found = hours.join(have, on="date", how="left", maintain_order="left").with_columns(pl.col("bars").fill_null(0))
    short = found.filter((pl.col("bars") < pl.col("expected")) & ~pl.col("date").is_in(list(halts)))
    return short.select("date", "bars", "expected")


def short_sentence(short: pl.DataFrame) -> str:
    """The count and the first five, for people; empty when nothing is short."""
    if short.is_empty():
        return ""
    named = ", ".join(f"{day} ({bars} of {expected})" for day, bars, expected in short.head(_NAMED).iter_rows())
    more = " ..." if short.height > _NAMED else ""
    have = "session lacks" if short.height == 1 else "sessions lack"
    return f"{short.height} {have} hourly bars without a recorded halt: {named}{more}"


def grid_spans(sessions: pl.DataFrame) -> pl.DataFrame:
    """The spans of a series on one grid: grid, first_date, last_date. sessions: date, grid, by date."""
    span = pl.col("grid").rle_id().alias("span")
    spans = sessions.group_by(span, maintain_order=True).agg(
        pl.col("grid").first(), first_date=pl.col("date").first(), last_date=pl.col("date").last()
    )
    return spans.drop("span")


def grids_sentence(sessions: pl.DataFrame) -> str:
    """The grids of a series and from when each holds, such as 'hour from 2021-10-19, half_hour from 2024-06-03'."""
    return ", ".join(f"{grid} from {first}" for grid, first, _ in grid_spans(sessions).iter_rows())
