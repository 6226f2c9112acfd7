"""The rows of Today's Predictions: each ticker's forecast, its sparkline, and how far its record can be believed."""

import polars as pl

from ldtm_platform.dashboard.figures.history import adjusted_closes
from ldtm_platform.evaluation.comparison import with_interval
from ldtm_platform.evaluation.confidence import MIN_EVIDENCE, STEPS
from ldtm_platform.evaluation.confidence_words import confidence_sentence, record_words
from ldtm_platform.horizons import HORIZONS

BUCKETS = {"bullish": "▲ bullish", "neutral": "■ neutral", "bearish": "▼ bearish"}
SPARK_SESSIONS = 30
# What a confidence rests on, of each ticker and horizon.
RECORD = ("hits", "directions", "wilson_low", "wilson_high", "base_rate", "coverage", "promises")


def rows(signals: pl.DataFrame, confidence: pl.DataFrame, sparks: pl.DataFrame) -> pl.DataFrame:
    """One row a ticker, highest implied one-month return first.

    signals: as reads.signals. confidence: as reads.confidence, of the same session. sparks: as `sparklines`.
    Skills and their intervals are in percent, against persistence; null where the record is not enough.
    """
    known = signals
    for horizon in HORIZONS:
        known = known.join(_record(confidence, horizon), on="ticker", how="left")
    return (
        known.join(sparks, on="ticker", how="left")
        .with_columns(
            next_day_pct=_pct(pl.col("next_day_close_pred"), pl.col("run_date_close")),
            one_month_pct=_pct(pl.col("one_month_close_pred"), pl.col("run_date_close")),
            made=pl.when("in_sample")
            .then(pl.lit("in sample"))
            .when("is_replay")
            .then(pl.lit("replay"))
            .otherwise(pl.lit("live")),
        )
        .sort("implied_1m_return_pct", "ticker", descending=[True, False], nulls_last=True)
    )


def resting(rows: pl.DataFrame) -> str:
    """What the one-month confidences of `rows` rest on: the record of their median ticker."""
    scored = rows.filter(pl.col("one_month_confidence").is_not_null())
    if scored.is_empty():
        return "of one-month forecasts: none has enough evidence yet"
    medians = {name: scored[f"one_month_{name}"].median() for name in (*RECORD, "rel_mae")}
    return (
        f"of {scored.height} with enough evidence; 95 of 100 without skill stay below 21. Median ticker: "
        f"{record_words(medians)}"
    )


def sparklines(closes: pl.DataFrame, splits: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """ticker and spark: the newest closes and, last, the one-month forecast, as whole numbers from 0 (low) to 100."""
    drawn = adjusted_closes(closes, splits).group_by("ticker", maintain_order=True).tail(SPARK_SESSIONS)
    forecasts = signals.select("ticker", close="one_month_close_pred").drop_nulls()
    known = drawn.select("ticker", "close").join(forecasts, on="ticker", how="semi")
    value, low, high = pl.col("close"), pl.col("close").min().over("ticker"), pl.col("close").max().over("ticker")
    scaled = pl.when(high > low).then(100 * (value - low) / (high - low)).otherwise(50.0).round().cast(pl.Int64)
    return (
        pl.concat([known, forecasts])
        .with_columns(spark=scaled)
        .group_by("ticker", maintain_order=True)
        .agg("spark")
        .filter(pl.col("spark").list.len() > 1)
    )


def _record(confidence: pl.DataFrame, horizon: str) -> pl.DataFrame:
    known = confidence.filter(pl.col("horizon") == horizon)
    enough = pl.col("evidence") >= MIN_EVIDENCE
    return with_interval(known, known["evaluated"], STEPS[horizon]).select(
        "ticker",
        pl.col("score").alias(f"{horizon}_confidence"),
        pl.when(enough).then(pl.col("rel_mae")).alias(f"{horizon}_rel_mae"),
        pl.when(enough).then(pl.col("rel_mae_log_se")).alias(f"{horizon}_rel_mae_log_se"),
        pl.when(enough).then((1 - pl.col("rel_mae")) * 100).alias(f"{horizon}_skill_pct"),
        pl.when(enough).then(pl.col("skill_low") * 100).alias(f"{horizon}_skill_low"),
        pl.when(enough).then(pl.col("skill_high") * 100).alias(f"{horizon}_skill_high"),
        pl.col("evaluated").alias(f"{horizon}_n"),
        pl.col("evidence").alias(f"{horizon}_evidence"),
        pl.format("{} / {}", "hits", "directions").alias(f"{horizon}_right"),
        *(pl.col(name).alias(f"{horizon}_{name}") for name in RECORD),
        pl.Series(f"{horizon}_rests", map(confidence_sentence, known.rows(named=True)), dtype=pl.String),
    )


def _pct(forecast: pl.Expr, close: pl.Expr) -> pl.Expr:
    return (forecast / close - 1) * 100
