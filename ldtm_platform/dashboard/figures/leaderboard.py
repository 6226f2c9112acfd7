"""The leaderboard: what a month of directions is worth once luck is taken out of it."""

import math
from typing import Any

import numpy as np
import polars as pl

from ldtm_platform.dashboard.parts.theme import BLUE, GREY, MARGIN, VERMILLION, figure
from ldtm_platform.evaluation.comparison import with_interval
from ldtm_platform.evaluation.confidence import (
    MIN_EVIDENCE,
    PRIOR_STRENGTH,
    estimated_strength,
    shrunk_hit_rate,
    wilson_interval,
)
from ldtm_platform.evaluation.confidence_words import confidence_sentence

ERRORS = ("avg_abs_pct_error", "persistence_avg_abs_pct_error")
_WHISKERS = {"type": "data", "symmetric": False, "color": GREY, "thickness": 1, "width": 2}


def base_rate(directions: pl.DataFrame) -> float:
    """The share of the commoner direction of all moves: what always saying it would have scored. 0.5 without a move."""
    ups, moves = int(directions["ups"].sum()), int(directions["moves"].sum())
    return max(ups, moves - ups) / moves if moves else 0.5


def best_of_coins(coins: int, tosses: int) -> float | None:
    """The median share of heads of the best of so many fair coins; None without coins or tosses."""
    if coins < 1 or tosses < 1:
        return None
    below = 0.0
    for heads in range(tosses + 1):
        below += math.comb(tosses, heads) / 2**tosses
        if below**coins >= 0.5:
            return heads / tosses
    return 1.0


def ranked(accuracy: pl.DataFrame, directions: pl.DataFrame, confidence: pl.DataFrame) -> pl.DataFrame:
    """The 30-day accuracy of each ticker, best shrunk hit rate first, with intervals and the longer record beside it.

    accuracy: the view ldtm_accuracy_30d. directions: as screens.directions_30d. confidence: next-day rows as
    reads.confidence gives them. Rates are in percent. Tickers without a known direction come last.
    """
    hits, n = (accuracy[name].to_numpy().astype(np.float64) for name in ("correct_directions", "evaluated_directions"))
    base = base_rate(directions)
    strength = estimated_strength(hits[n >= MIN_EVIDENCE], n[n >= MIN_EVIDENCE]) if n.size else PRIOR_STRENGTH
    low, high = wilson_interval(hits, n)
    shrunk = np.where(n > 0, shrunk_hit_rate(hits, n, base, strength), np.nan)
    enough = pl.col("evaluated_days") >= MIN_EVIDENCE
    scored = accuracy.with_columns(
        pl.Series("shrunk_pct", 100 * shrunk).fill_nan(None),
        pl.Series("low_pct", 100 * low).fill_nan(None),
        pl.Series("high_pct", 100 * high).fill_nan(None),
        base_rate_pct=pl.lit(100 * base),
        skill_pct=pl.when(enough).then(pl.col("skill_vs_persistence") * 100),
        skill_low_pct=pl.when(enough).then(pl.col("skill_low") * 100),
        skill_high_pct=pl.when(enough).then(pl.col("skill_high") * 100),
        replayed_pct=100 * pl.col("replayed_days") / pl.col("evaluated_days"),
    )
    return (
        scored.join(_record(confidence), on="ticker", how="left")
        .sort("shrunk_pct", "ticker", descending=[True, False], nulls_last=True)
        .with_row_index("rank", offset=1)
    )


def pooled(board: pl.DataFrame, name: str) -> float | None:
    """The mean of a column of `ranked` over forecasts, not over tickers; None without any."""
    known = board.drop_nulls(name)
    days = int(known["evaluated_days"].sum())
    return float((known[name] * known["evaluated_days"]).sum()) / days if days else None


def record_figure(confidence: pl.DataFrame) -> dict[str, Any]:
    """Hit rates of the longer record with their 95 % intervals, best first, beside the base rate of each.

    confidence: next-day rows with enough evidence, as reads.confidence gives them.
    """
    drawn = confidence.with_columns(rate=pl.col("hits") / pl.col("directions")).sort("rate", "ticker", descending=True)
    rate = (drawn["rate"] * 100).round(2)
    high, low = (drawn["wilson_high"] * 100 - rate).round(2), (rate - drawn["wilson_low"] * 100).round(2)
    counts = [f"{hits} of {n}" for hits, n in drawn.select("hits", "directions").iter_rows()]
    base = 100 * float(drawn["base_rate"][0])
    tickers = drawn["ticker"].to_list()
    return figure(
        {
            "type": "scatter",
            "x": tickers,
            "y": rate.to_list(),
            "error_y": {**_WHISKERS, "array": high.to_list(), "arrayminus": low.to_list()},
            "customdata": counts,
            "name": "right directions, 95 % interval",
            "mode": "markers",
            "marker": {"color": BLUE, "size": 6},
            "hovertemplate": "%{y:.1f} % (%{customdata})",
        },
        {
            "type": "scatter",
            "x": tickers,
            "y": [round(base, 2)] * len(tickers),
            "name": "always the commoner direction",
            "mode": "lines",
            "line": {"color": VERMILLION, "width": 2, "dash": "dash"},
            "hovertemplate": "%{y:.1f} %",
        },
        xaxis={"tickangle": -90, "tickfont": {"size": 9}, "title": {"text": ""}, "showgrid": False},
        yaxis={"title": {"text": "right next-day directions, %"}},
        margin={**MARGIN, "b": 46},
    )


def _record(confidence: pl.DataFrame) -> pl.DataFrame:
    enough = pl.col("evidence") >= MIN_EVIDENCE
    return with_interval(confidence, confidence["evaluated"]).select(
        "ticker",
        record_hits="hits",
        record_n="directions",
        record_skill_pct=pl.when(enough).then((1 - pl.col("rel_mae")) * 100),
        record_skill_low_pct=pl.when(enough).then(pl.col("skill_low") * 100),
        record_skill_high_pct=pl.when(enough).then(pl.col("skill_high") * 100),
        record_evaluated="evaluated",
        confidence="score",
        confidence_rests=pl.Series(map(confidence_sentence, confidence.rows(named=True)), dtype=pl.String),
        record_interval=pl.format("{}–{} %", *(_whole_percent(name) for name in ("wilson_low", "wilson_high"))),
    )


def _whole_percent(name: str) -> pl.Expr:
    return (pl.col(name) * 100).round(0).cast(pl.Int64)
