"""Price bases: the arithmetic that carries prices and volumes across splits.

With G(t) the product of the values (new shares per old) of all splits with ex_date <= t, a price of day t in the basis
of day a is price * G(t) / G(a) and a volume is volume * G(a) / G(t). Between two splits the factor is exactly 1.0, so
values stay equal to the last bit. Dividends play no part.
"""

from datetime import date

import polars as pl

from ldtm_platform.sources.base import PRICE_COLUMNS


def with_split_factor(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The bars, in their order, with the column split_factor = G(date), 1.0 before any split.

    bars: ticker, date and anything else. splits: ticker, ex_date, value; where a column kind is there, other kinds of
    action are left aside. A split after the last bar changes nothing.
    """
    if splits.is_empty():
        return bars.with_columns(split_factor=pl.lit(1.0))
    steps = _splits_only(splits).sort("ticker", "ex_date")
    steps = steps.select("ticker", "ex_date", split_factor=pl.col("value").cum_prod().over("ticker"))
    joined = (
        bars.with_row_index("_row")
        .sort("ticker", "date")
        .join_asof(steps, left_on="date", right_on="ex_date", by="ticker", check_sortedness=False)
        .sort("_row")
    )
    return joined.drop("_row", "ex_date", strict=False).with_columns(pl.col("split_factor").fill_null(1.0))


def adjusted(bars: pl.DataFrame, splits: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Raw bars up to and including as_of, restated to the basis of that day; splits after it are not yet known."""
    known = _splits_only(splits).filter(pl.col("ex_date") <= as_of)
    return _scaled(bars.filter(pl.col("date") <= as_of), known, pl.col("split_factor") / pl.col("total_factor"))


def to_raw(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """A vendor's bars, adjusted for every split given, back to what was traded: the inverse of `adjusted`.

    Prices are multiplied by the product of the values of all splits with ex_date > date, volumes divided by it.
    """
    return _scaled(bars, _splits_only(splits), pl.col("total_factor") / pl.col("split_factor"))


def _splits_only(splits: pl.DataFrame) -> pl.DataFrame:
    return splits.filter(pl.col("kind") == "split") if "kind" in splits.columns else splits


def _total(splits: pl.DataFrame) -> pl.DataFrame:
    # Multiplied in the order of with_split_factor: the newest regime's factor is then exactly 1.0.
    ordered = splits.sort("ticker", "ex_date").with_columns(pl.col("value").cum_prod().over("ticker"))
    return ordered.group_by("ticker", maintain_order=True).agg(total_factor=pl.col("value").last())


def _scaled(bars: pl.DataFrame, splits: pl.DataFrame, factor: pl.Expr) -> pl.DataFrame:
    factored = with_split_factor(bars, splits).join(_total(splits), on="ticker", how="left", maintain_order="left")
    return (
        factored.with_columns(pl.col("total_factor").fill_null(1.0))
        .with_columns(
            *(pl.col(column) * factor for column in PRICE_COLUMNS), volume=pl.col("volume").cast(pl.Float64) / factor
        )
        .drop("split_factor", "total_factor")
    )
