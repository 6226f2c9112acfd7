"""Hourly values for daily rows: what each hour tells, and the join as of what was known when a session is decided.

Nothing is interpolated and nothing looks ahead: a value of an hourly bar may be used from its `known_at` on, and a
session is decided when its daily bar is final (an hour after the close), which is when its last hourly bar is known.
These are not among the eleven features; a model family that wants them calls `hourly_features` and `join_as_of`.
"""

from datetime import timedelta

import polars as pl

from ldtm_platform.prices.adjust import with_split_factor
from ldtm_platform.prices.hourly.grids import hours_frame
from ldtm_platform.sessions import FINAL_AFTER_CLOSE

# A session's bars, and a week's: on either grid a full session has seven.
BARS_A_SESSION = 7
BARS_A_WEEK = 35


def hourly_features(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """What each hourly bar tells with those before it: ticker, known_at, grid, and three dimensionless values.

    bars: columns of market_data_hourly, raw, any order. splits: ticker, ex_date, value. hour_return is ln(close/open)
    of the bar; hour_return_7 the log return over BARS_A_SESSION bars; hour_volatility_35 the standard deviation of the
    last BARS_A_WEEK log returns from close to close. Null where a window would reach over a change of the grid, or
    before the first bar: bars of two grids are of other hours. Bars that hold trading outside the session give no row.
    A row depends on nothing later than its bar.
    """
    regular = bars.filter(~pl.col("is_extended")).sort("ticker", "start_at")
    close = pl.col("close") * pl.col("split_factor")
    span = pl.col("grid").rle_id().over("ticker").alias("span")
    on_one_basis = with_split_factor(regular, splits).with_columns(span, adjusted=close.log())
    step = pl.col("adjusted").diff()
    return on_one_basis.select(
        "ticker",
        "known_at",
        "grid",
        hour_return=(pl.col("close") / pl.col("open")).log(),
        hour_return_7=pl.col("adjusted").diff(BARS_A_SESSION).over("ticker", "span"),
        hour_volatility_35=step.rolling_std(BARS_A_WEEK).over("ticker", "span"),
    )


def join_as_of(daily: pl.DataFrame, values: pl.DataFrame, *, within: timedelta) -> pl.DataFrame:
    """Daily rows, in their order, each with its ticker's newest values that were known when its session was decided.

    daily: ticker, date (sessions) and anything else. values: ticker, known_at (UTC) and anything else, any order; the
    columns other than ticker are added. Null where nothing was known yet, or nothing newer than `within` before the
    decision: a series that has ended is not carried on. Raises ValueError when a column is on both sides, or when two
    rows of a ticker became known at once: which of them holds then is for the caller to say.
    """
    both = sorted(set(daily.columns) & set(values.columns) - {"ticker"})
    if both:
        raise ValueError(f"the daily and the hourly side both have the column {', '.join(both)}: rename one")
    at_once = values.filter(pl.struct("ticker", "known_at").is_duplicated())
    if at_once.height:
        ticker, instant = at_once.select("ticker", "known_at").row(0)
        raise ValueError(f"{at_once.height} rows became known together, for example {ticker} at {instant}: keep one")
    numbered = daily.with_row_index("_row").with_columns(_decided_at(daily).alias("_decided_at"))
    joined = numbered.sort("_decided_at").join_asof(
        values.sort("known_at"),
        left_on="_decided_at",
        right_on="known_at",
        by="ticker",
        strategy="backward",
        tolerance=within,
        coalesce=False,
        check_sortedness=False,
    )
    return joined.sort("_row").drop("_row", "_decided_at")


def _decided_at(daily: pl.DataFrame) -> pl.Series:
    """When each row's session is decided, in UTC. Raises ValueError for a day that is no session."""
    if daily.is_empty():
        return pl.Series([], dtype=pl.Datetime("us", "UTC"))
    first, last = daily.select(first=pl.col("date").min(), last=pl.col("date").max()).row(0)
    decided = hours_frame(first, last).select("date", decided_at=pl.col("close_at") + FINAL_AFTER_CLOSE)
    found = daily.select("date").join(decided, on="date", how="left", maintain_order="left")
    if found["decided_at"].null_count():
        day = found.filter(pl.col("decided_at").is_null())["date"][0]
        raise ValueError(f"{day} is no trading session, so no row of it is ever decided")
    return found["decided_at"]
