"""The features that models see: a name and an expression each, in the order of the model's input columns.

A new feature is one line here (and, where it is a price or a count of shares, its name in PRICE_LIKE or SHARE_LIKE).
"""

import polars as pl

from ldtm_platform.features.expressions import log_return, mean_close, wilder_rsi

FEATURE_SET: dict[str, pl.Expr] = {
    "open": pl.col("open"),
    "high": pl.col("high"),
    "low": pl.col("low"),
    "close": pl.col("close"),
    "volume": pl.col("volume"),
    "ret1": log_return(1),
    "ret5": log_return(5),
    "rsi14": wilder_rsi(14),
    "ma5": mean_close(5),
    "ma10": mean_close(10),
    "ma20": mean_close(20),
}
FEATURES: tuple[str, ...] = tuple(FEATURE_SET)

# What a split changes: restated by the split factor, or by its inverse.
PRICE_LIKE: tuple[str, ...] = ("open", "high", "low", "close", "ma5", "ma10", "ma20")
SHARE_LIKE: tuple[str, ...] = ("volume",)
