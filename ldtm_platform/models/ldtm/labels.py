"""Labels: the close on exactly each horizon's target session, in the price basis of the history's last row."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ldtm_platform.horizons import HORIZONS, targets_frame
from ldtm_platform.models.base import History


@dataclass(frozen=True)
class Labels:
    """Per row of a history: its day number (n,), each horizon's target day and close (n, horizons).

    The close is nan where it is not known: the target lies ahead, the ticker had no bar on it, or the row's day is
    no session.
    """

    days: NDArray[np.int64]
    target_days: NDArray[np.int64]
    closes: NDArray[np.float64]


def label_rows(history: History) -> Labels:
    """The labels of a checked history; a target is matched by its date alone, never by a bar before or after it."""
    rows = history.frame.select("date", "close")
    targets = targets_frame(rows["date"][0], history.through + timedelta(days=1))
    joined = rows.select("date").join(targets, on="date", how="left", maintain_order="left")
    for horizon in HORIZONS:
        closes = rows.select(pl.col("date").alias(horizon), pl.col("close").cast(pl.Float64).alias(f"{horizon}_close"))
        joined = joined.join(closes, on=horizon, how="left", maintain_order="left")
    target_days = joined.select(pl.col(HORIZONS).to_physical().cast(pl.Int64).fill_null(-1))
    known = joined.select(pl.col(f"{horizon}_close").fill_null(float("nan")) for horizon in HORIZONS)
    return Labels(
        days=rows["date"].to_physical().cast(pl.Int64).to_numpy(),
        target_days=target_days.to_numpy(),
        closes=known.to_numpy(),
    )
