"""Raw bars to feature rows, by the one function that training and inference share, and rows to another price basis."""

from collections.abc import Mapping

import polars as pl

from ldtm_platform.features.feature_set import FEATURE_SET, FEATURES, PRICE_LIKE, SHARE_LIKE
from ldtm_platform.prices.adjust import with_split_factor

# Wilder's smoothing never forgets its first day: after 60 days that day moves the RSI by less than 0.03 points, and
# every window of the other features (20 days at most) is full.
WARMUP_SESSIONS = 60

RAW: tuple[str, ...] = ("open", "high", "low", "close", "volume")
_FACTOR = pl.col("split_factor")


def engineer(bars: pl.DataFrame, splits: pl.DataFrame, features: Mapping[str, pl.Expr] = FEATURE_SET) -> pl.DataFrame:
    """The feature rows of raw bars: ticker, date, features (float64), split_factor; sorted by ticker and date.

    bars: ticker, date, open, high, low, close, volume as traded, good rows only, any order. splits: ticker, ex_date,
    value (new shares per old). features: name to expression over one ticker's bars in one price basis, the product's
    own unless others are given; those of RAW are the bars' columns as they are. Each row is in the price basis of its
    own date and depends on nothing later, so it never changes when bars or splits are added after it. The first
    WARMUP_SESSIONS bars of a ticker give no row.
    """
    factored = with_split_factor(_ordered(bars).with_columns(pl.col(*RAW).cast(pl.Float64)), splits)
    # On one share count throughout (that of the first bar), a split makes no step in any series.
    anchored = factored.with_columns(
        *(pl.col(name) * _FACTOR for name in RAW if name in PRICE_LIKE),
        *(pl.col(name) / _FACTOR for name in RAW if name in SHARE_LIKE),
    )
    derived = anchored.select(
        *(_in_own_basis(name, each.over("ticker")).alias(name) for name, each in features.items() if name not in RAW),
        day=pl.int_range(pl.len()).over("ticker"),
    )
    # Anchoring and undoing it may cost the last bit of what was traded: the raw columns are the bars' own.
    rows = factored.hstack(derived).filter(pl.col("day") >= WARMUP_SESSIONS)
    return rows.select("ticker", "date", *features, "split_factor")


def restate(features: pl.DataFrame) -> pl.DataFrame:
    """Feature rows restated to the basis of each ticker's last row: ticker, date, FEATURES; order kept.

    Rows of a ticker must be in date order. Within one split regime the factor is exactly 1.0 and no bit changes.
    """
    to_last = (_FACTOR / _FACTOR.last()).over("ticker")
    from_last = (_FACTOR.last() / _FACTOR).over("ticker")
    return features.with_columns(
        *(pl.col(name) * to_last for name in PRICE_LIKE), *(pl.col(name) * from_last for name in SHARE_LIKE)
    ).select("ticker", "date", *FEATURES)


def _ordered(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars by ticker and date, marked as sorted; those that are so already, as stored ones are, cost no sort."""
    same, later = (pl.col("ticker") == pl.col("ticker").shift()), (pl.col("date") > pl.col("date").shift())
    in_order = (pl.col("ticker") > pl.col("ticker").shift()) | (same & later)
    if bars.select(in_order.all()).item():
        return bars.with_columns(pl.col("ticker").set_sorted())
    return bars.sort("ticker", "date")


def _in_own_basis(name: str, anchored: pl.Expr) -> pl.Expr:
    if name in PRICE_LIKE:
        return anchored / _FACTOR
    return anchored * _FACTOR if name in SHARE_LIKE else anchored
