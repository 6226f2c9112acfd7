"""What a good hourly bar is, and the sorting of a vendor's rows: good, bad with a reason, or left out and counted.

A bar counts from `known_at`: its end and the delay after which daily bars count too. The delays of the vendors here (15
to 16 minutes) lie within it. A restated bar keeps its known_at, as a daily bar keeps its date: what it said before is
in the revisions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dataframely as dy
import polars as pl

from ldtm_platform.prices.bars import BAD_SCHEMA, DailyBar, payload_of, reasons_of
from ldtm_platform.prices.hourly.grids import UTC_INSTANT, placed, session_date
from ldtm_platform.sessions import FINAL_AFTER_CLOSE
from ldtm_platform.sources.base import PRICE_COLUMNS, as_number
from ldtm_platform.sources.hourly import HOUR_COLUMNS, as_instant

# What is stored of a bar, without where it came from.
STORED_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "ticker": pl.String,
    "start_at": UTC_INSTANT,
    "date": pl.Date,
    **dict.fromkeys(PRICE_COLUMNS, pl.Float64),
    "volume": pl.Int64,
    "grid": pl.String,
    "segment": pl.String,
    "is_extended": pl.Boolean,
    "known_at": UTC_INSTANT,
}


class HourlyBar(DailyBar):
    """A bar that may be stored: what a daily bar must be, at an instant of the session that its date names."""

    start_at = dy.Datetime(nullable=False, time_zone="UTC", time_unit="us")


class _NumberedHour(HourlyBar):
    row = dy.UInt32(nullable=False)


@dataclass(frozen=True)
class SortedHours:
    """good: STORED_SCHEMA by ticker and start. bad: BAD_SCHEMA. left_out: how many rows for which reason."""

    good: pl.DataFrame
    bad: pl.DataFrame
    left_out: Mapping[str, int]


def sort_hours(frame: pl.DataFrame, begun: pl.DataFrame, now: datetime) -> SortedHours:
    """A vendor's rows (HOUR_COLUMNS), as of an instant: none of `good` became known after it.

    begun: ticker, date, grid of the sessions that have bars already. Equal rows count once; rows of one start and
    segment that contradict each other are all bad. Raises ValueError when a column is missing; no value raises.
    """
    if missing := [column for column in HOUR_COLUMNS if column not in frame.columns]:
        raise ValueError(f"hourly bars lack the column {', '.join(missing)}; they have {', '.join(frame.columns)}")
    sent = frame.select(HOUR_COLUMNS).unique(maintain_order=True).with_row_index("row")
    typed = _typed(sent)
    sound, failure = _NumberedHour.filter(typed)
    reasons = {row["row"]: "; ".join(reasons_of(row)) for row in failure.details().iter_rows(named=True)}
    told = sound.join(typed.select("row", "segment"), on="row", maintain_order="left")
    once = told.unique(pl.exclude("row"), maintain_order=True)
    repeated = pl.struct("ticker", "start_at", "segment").is_duplicated()
    reasons |= dict.fromkeys(once.filter(repeated)["row"], "another row of the same hour says otherwise")
    on_grid = placed(once.filter(~repeated), begun)
    reasons |= dict.fromkeys(on_grid.off_grid["row"], "the start is on no grid of hourly bars")
    known = on_grid.bars.with_columns(known_at=pl.col("end_at") + FINAL_AFTER_CLOSE)
    is_final = pl.col("known_at") <= now.astimezone(UTC)
    reasons |= dict.fromkeys(
        known.filter(~is_final)["row"],
        f"the bar was not final: it counts {FINAL_AFTER_CLOSE.seconds // 60} minutes after its end",
    )
    good = known.filter(is_final).select(*STORED_SCHEMA).sort("ticker", "start_at")
    return SortedHours(good, _bad(sent, typed, reasons), on_grid.left_out)


def _typed(sent: pl.DataFrame) -> pl.DataFrame:
    return sent.select(
        "row",
        pl.col("ticker").cast(pl.String, strict=False),
        as_instant("start_at", sent.schema["start_at"]),
        pl.col("segment").cast(pl.String, strict=False).fill_null(""),
        *(as_number(column) for column in PRICE_COLUMNS),
        as_number("volume").round().cast(pl.Int64, strict=False),
    ).with_columns(date=session_date())


def _bad(sent: pl.DataFrame, typed: pl.DataFrame, reasons: Mapping[int, str]) -> pl.DataFrame:
    rows = [
        (ticker, day, reasons[row], payload_of(sent.row(row, named=True)))
        for row, ticker, day in typed.select("row", "ticker", "date").iter_rows()
        if row in reasons
    ]
    return pl.DataFrame(rows, schema=BAD_SCHEMA, orient="row")
