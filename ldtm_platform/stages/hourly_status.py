"""What is stale, missing or failed among the hourly bars, for those who have them switched on."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import sqlalchemy as sa

from ldtm_platform.stages.status import NAMED, Problem, Status
from ldtm_platform.warehouse.hourly_reads import hourly_states


def with_hours(status: Status, engine: sa.Engine, tickers: Sequence[str]) -> Status:
    """The status with a stage of hourly bars, and with a problem for each ticker whose hours are not as they should be.

    Many tickers that were never ingested, or end before the session, are one problem; those that the source has no
    hours of are a note.
    """
    found = pl.DataFrame({"ticker": list(tickers)}).join(hourly_states(engine), on="ticker", how="left")
    wrong = found.filter(pl.col("state").is_not_null() & ~pl.col("state").is_in(["ok", "no_data", "delisted"]))
    late = found.filter(
        pl.col("state").is_null() | ((pl.col("state") == "ok") & (pl.col("last_date") < status.session))
    )
    problems = [
        Problem(
            f"{row['ticker']}: hourly bars {row['state']}: {row['message']}", f"ldtm ingest --ticker {row['ticker']}"
        )
        for row in wrong.iter_rows(named=True)
    ]
    if late.height:
        told = f"{late.height} tickers: no hourly bars of {status.session}: {_named(late)}"
        problems.append(Problem(told, "ldtm ingest"))
    without = found.filter(pl.col("state") == "no_data")
    notes = [f"{without.height} tickers have no hourly bars in their source: {_named(without)}"] if len(without) else []
    stage = pl.DataFrame(
        [
            {
                "stage": "hourly bars",
                "tickers": found.filter(pl.col("rows") > 0).height,
                "of": found.height,
                "newest": found["last_date"].max(),
                "oldest": found["last_date"].min(),
            }
        ],
        schema=status.stages.schema,
    )
    return replace(
        status,
        stages=pl.concat([status.stages, stage]),
        problems=(*status.problems, *problems),
        notes=(*status.notes, *notes),
    )


def _named(frame: pl.DataFrame) -> str:
    return ", ".join(frame["ticker"].head(NAMED)) + (" ..." if frame.height > NAMED else "")
