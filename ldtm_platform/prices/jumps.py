"""Moves too large to be believed without a known reason."""

import polars as pl

from ldtm_platform.prices.adjust import with_split_factor

# Log return between two sessions: +49 % or -33 %. Real ones exist (INSM +118 % on 2024-05-28): a warning, no repair.
LARGE_LOG_RETURN = 0.4


def unexplained_jumps(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The sessions whose close moved by more than LARGE_LOG_RETURN after splits: ticker, date, move_pct; by size."""
    adjusted = pl.col("close") * pl.col("split_factor")
    returns = with_split_factor(bars.sort("ticker", "date"), splits).select(
        "ticker", "date", log_return=adjusted.log().diff().over("ticker")
    )
    jumps = returns.filter(pl.col("log_return").abs() > LARGE_LOG_RETURN)
    return jumps.select("ticker", "date", move_pct=((pl.col("log_return").exp() - 1) * 100).round(1)).sort(
        pl.col("move_pct").abs(), descending=True
    )
