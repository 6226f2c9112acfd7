"""Hourly bars of a test's own, made of daily ones: on either grid, with early and late trading, and with gaps."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from ldtm_platform.sessions import NEW_YORK, session_close, session_open
from ldtm_platform.sources.hourly import HOUR_COLUMNS

Grid = Literal["hour", "half_hour"]
HOUR = timedelta(hours=1)


def starts(session: date, grid: Grid) -> list[datetime]:
    """When the bars of a session start on a grid, in UTC, by plain stepping."""
    at, close = session_open(session), session_close(session)
    found = [at]
    if grid == "hour":
        at = at.replace(minute=0)
    while (at := at + HOUR) < close:
        found.append(at)
    return found


def hourly_of(daily: pl.DataFrame, grid: Grid = "hour", *, segment: str = "", seed: int = 0) -> pl.DataFrame:
    """HOUR_COLUMNS within each daily bar (BAR_COLUMNS): from its open to its close, between its low and high."""
    random = np.random.default_rng(seed)
    rows = []
    for day in daily.iter_rows(named=True):
        begin = starts(day["date"], grid)
        inner = random.uniform(day["low"], day["high"], len(begin) - 1)
        path = [day["open"], *inner.tolist(), day["close"]]
        for at, start in enumerate(begin):
            first, last = path[at], path[at + 1]
            volume = day["volume"] // len(begin)
            rows.append(
                (day["ticker"], start, first, max(first, last), min(first, last), last, volume, segment),
            )
    return frame_of(rows)


def frame_of(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Rows of HOUR_COLUMNS, typed."""
    prices: list[pl.DataType | type[pl.DataType]] = [pl.Float64] * 4
    types = [pl.String, pl.Datetime("us", "UTC"), *prices, pl.Int64, pl.String]
    return pl.DataFrame(rows, schema=dict(zip(HOUR_COLUMNS, types, strict=True)), orient="row")


def bars_at(times: Sequence[tuple[date, str]], *, ticker: str = "AAA", segment: str = "") -> pl.DataFrame:
    """Flat bars at these days and New York times, such as (date(2024, 7, 3), '09:30')."""
    at = [datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=NEW_YORK) for day, clock in times]
    return frame_of([(ticker, start, 10.0, 11.0, 9.0, 10.5, 100, segment) for start in at])
