"""Where hourly bars lie: their session, the grid that they are on, and when each ends.

Vendors cut a session into hours in two ways, which meet at 09:30:

- `hour`: on the hour, the first bar being what is left of it: 09:30-10:00, 10:00-11:00, .. 15:00-16:00 (Interactive
  Brokers). A vendor that counts early trading starts its first bar at 09:00 (Alpaca): `is_extended`.
- `half_hour`: from the opening on: 09:30-10:30, .. 14:30-15:30, 15:30-16:00 (Yahoo).

The bar at 09:30 alone does not tell which: its neighbours of the same session and segment do. So it is half an hour or
a whole one, and known half an hour earlier or later. A session is kept on one grid, that of the bars that cover more of
it, and goes on with the one it was begun with. Bars of another grid, segment or time of day are left out and counted.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ldtm_platform.sessions import session_hours

HOUR = timedelta(hours=1)
UTC_INSTANT = pl.Datetime("us", "UTC")
_HOURS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "date": pl.Date,
    "open_at": UTC_INSTANT,
    "close_at": UTC_INSTANT,
}
_SERIES = ("ticker", "date", "segment")

OUTSIDE = "outside the session's hours"
UNCLEAR = "of a grid that the session's other bars do not tell"
OTHER_GRID = "on another grid or in another segment than the session"


@dataclass(frozen=True)
class Placed:
    """Bars with grid, end_at and is_extended beside; those that are on no grid; how many were left out, and why."""

    bars: pl.DataFrame
    off_grid: pl.DataFrame
    left_out: dict[str, int]


def hours_frame(first: date, last: date) -> pl.DataFrame:
    """The sessions from first to last, both included: date, open_at, close_at (UTC)."""
    return pl.DataFrame(session_hours(first, last + timedelta(days=1)), schema=_HOURS_SCHEMA, orient="row")


def session_date() -> pl.Expr:
    """The day in New York on which a bar starts."""
    return pl.col("start_at").dt.convert_time_zone("America/New_York").dt.date()


def expected_bars() -> pl.Expr:
    """How many bars a whole session has, from open_at and close_at: as many on either grid."""
    return ((pl.col("close_at") - pl.col("open_at")).dt.total_seconds() / HOUR.total_seconds()).ceil().cast(pl.Int64)


def placed(bars: pl.DataFrame, begun: pl.DataFrame) -> Placed:
    """Put bars on their session's grid.

    bars: ticker, date (a session), start_at (UTC), segment and anything else, each key once a segment. begun: ticker,
    date, grid of the sessions that are stored. The columns grid, end_at (UTC) and is_extended are added.
    """
    if bars.is_empty():
        return Placed(bars.with_columns(**_NOTHING), bars, {})
    first, last = bars.select(first=pl.col("date").min(), last=pl.col("date").max()).row(0)
    timed = bars.join(hours_frame(first, last), on="date", maintain_order="left").with_columns(**_TIMES)
    on_grid = timed.filter(pl.col("minute").is_in([0, 30]) & pl.col("in_daytime"))
    inside = on_grid.with_columns(
        goes_on=(pl.col("start_at") >= pl.col("close_at")).any().over(_SERIES),
    ).filter((pl.col("start_at") < pl.col("close_at")) & (pl.col("start_at") + HOUR > pl.col("open_at")))
    gridded = inside.with_columns(grid=_grid()).drop_nulls("grid")
    kept = _one_grid_a_session(_one_bar_a_slot(_ended(gridded)), begun)
    return Placed(
        kept.select(*bars.columns, *_NOTHING),
        timed.join(on_grid, on=("ticker", "start_at", "segment"), how="anti").select(bars.columns),
        _counted({OUTSIDE: (on_grid, inside), UNCLEAR: (inside, gridded), OTHER_GRID: (gridded, kept)}),
    )


_NOTHING = {
    "grid": pl.lit(None, pl.String),
    "end_at": pl.lit(None, UTC_INSTANT),
    "is_extended": pl.lit(None, pl.Boolean),
}
_LOCAL = pl.col("start_at").dt.convert_time_zone("America/New_York")
_TIMES = {
    # A start at some second is on no minute of a grid.
    "minute": pl.when(_LOCAL.dt.truncate("1m") == _LOCAL).then(_LOCAL.dt.minute()),
    # From the first early trading to the last late one.
    "in_daytime": _LOCAL.dt.hour().is_between(4, 19),
}


def _grid() -> pl.Expr:
    opening = pl.col("start_at") == pl.col("open_at")
    own = pl.when(~opening).then(pl.when(pl.col("minute") == 0).then(pl.lit("hour")).otherwise(pl.lit("half_hour")))
    others = own.drop_nulls().over(_SERIES, mapping_strategy="join")
    return pl.coalesce(own, pl.when(others.list.n_unique() == 1).then(others.list.first()))


def _ended(bars: pl.DataFrame) -> pl.DataFrame:
    whole = pl.col("start_at") + HOUR
    nominal = pl.when(grid="hour").then(pl.col("start_at").dt.truncate("1h") + HOUR).otherwise(whole)
    # A vendor that sends bars of late trading may have it in the last bar too: then that ends with its hour.
    cut = pl.when(pl.col("goes_on")).then(nominal).otherwise(pl.min_horizontal(nominal, "close_at"))
    early = pl.col("start_at") < pl.col("open_at")
    return bars.with_columns(end_at=cut).with_columns(is_extended=early | (pl.col("end_at") > pl.col("close_at")))


def _one_bar_a_slot(bars: pl.DataFrame) -> pl.DataFrame:
    """One bar for each hour of the session: the bar from 09:30, where there is one, instead of that from 09:00."""
    slot = pl.max_horizontal("start_at", "open_at").alias("slot")
    by_slot = bars.with_columns(slot).sort("ticker", "start_at", maintain_order=True)
    return by_slot.unique([*_SERIES, "grid", "slot"], keep="last", maintain_order=True)


def _one_grid_a_session(bars: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    series = bars.group_by(*_SERIES, "grid").len("slots")
    known = series.join(begun.select("ticker", "date", begun="grid"), on=("ticker", "date"), how="left")
    ranked = known.filter(pl.col("begun").is_null() | (pl.col("begun") == pl.col("grid"))).sort(
        "ticker", "date", "slots", "grid", "segment", descending=[False, False, True, True, False]
    )
    chosen = ranked.unique(("ticker", "date"), keep="first", maintain_order=True)
    return bars.join(chosen, on=(*_SERIES, "grid"), how="semi", maintain_order="left")


def _counted(steps: dict[str, tuple[pl.DataFrame, pl.DataFrame]]) -> dict[str, int]:
    return {why: before.height - after.height for why, (before, after) in steps.items() if before.height > after.height}
