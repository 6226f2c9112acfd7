"""Snapshots made drawable: every price in the basis of the last close drawn, and errors beside persistence's."""

from math import nan

import polars as pl

from ldtm_platform.evaluation.skill import LEAST_SHARE
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.prices.adjust import with_split_factor

# As the database does (ldtm_basis_change): no correction of a close is that large, no split is smaller.
_NO_CORRECTION = 1.2


def adjusted_closes(closes: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Raw closes (ticker, date, close), by ticker and date, in the basis of each ticker's last; and split_factor."""
    factor = pl.col("split_factor")
    return (
        with_split_factor(closes, splits)
        .sort("ticker", "date")
        .with_columns(scale=factor / factor.last().over("ticker"), raw_close=pl.col("close"))
        .with_columns(close=pl.col("close") * pl.col("scale"))
    )


def in_shown_basis(history: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Snapshots of one ticker with all prices in the basis of the last close shown.

    history: as screens.ticker_history gives it, prices in the basis of each run date. shown: `adjusted_closes` of the
    same ticker. A snapshot whose run date has no close there takes the scale of the close before it.
    """
    frozen, stored = pl.col("run_date_close"), pl.col("raw_close")
    ratio = frozen / stored
    restated = pl.when((ratio > _NO_CORRECTION) | (ratio < 1 / _NO_CORRECTION)).then(ratio).otherwise(1.0)
    prices = ["run_date_close", *(f"{name}_close_pred" for name in HORIZONS), *(f"{name}_actual" for name in HORIZONS)]
    return (
        history.sort("run_date")
        .join_asof(shown.select("date", "scale"), left_on="run_date", right_on="date", coalesce=False)
        .drop("date")
        .join(shown.select("date", "raw_close"), left_on="run_date", right_on="date", how="left", maintain_order="left")
        .with_columns(_scale=pl.col("scale").fill_null(1.0) / restated.fill_null(1.0))
        .with_columns(pl.col(name) * pl.col("_scale") for name in prices)
        .drop("scale", "raw_close", "_scale")
    )


def errors(history: pl.DataFrame, horizon: str) -> pl.DataFrame:
    """The matured forecasts of one horizon that were not made in sample: target, error and persistence's, in percent.

    In the order in which they were made, which is that of their targets. Columns: run_date, target_date, error_pct and
    persistence_error_pct (absolute, of the actual close), is_replay, and what evaluation/comparison.py compares: n (1),
    own and naive (|ln(forecast / actual)| and persistence's).
    """
    actual, predicted, close = (pl.col(f"{horizon}_actual"), pl.col(f"{horizon}_close_pred"), pl.col("run_date_close"))
    return (
        history.filter(~pl.col("in_sample"))
        .drop_nulls([f"{horizon}_actual", f"{horizon}_close_pred", "run_date_close"])
        .select(
            "run_date",
            pl.col(f"{horizon}_target_date").alias("target_date"),
            error_pct=(predicted / actual - 1).abs() * 100,
            persistence_error_pct=(close / actual - 1).abs() * 100,
            is_replay="is_replay",
            n=pl.lit(1),
            own=(pl.max_horizontal(predicted, LEAST_SHARE * close) / actual).log().abs(),
            naive=(close / actual).log().abs(),
        )
        .sort("target_date", "run_date")
    )


def mean_errors(scored: pl.DataFrame) -> tuple[float, float]:
    """Mean absolute error in percent and persistence's, of a frame that `errors` gives; nan of none."""
    own, naive = (scored[name].mean() for name in ("error_pct", "persistence_error_pct"))
    return (own, naive) if isinstance(own, float) and isinstance(naive, float) else (nan, nan)
