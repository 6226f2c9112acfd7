"""Sorting of a vendor's corporate actions into usable ones and bad ones with their reasons."""

import polars as pl

from ldtm_platform.prices.bars import BAD_SCHEMA

KINDS = ("split", "dividend", "halt")
# The largest reverse splits of listed shares are some thousands for one.
MOST_SPLIT = 10_000


def split_good_and_bad_actions(actions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Actions (ACTIONS_SCHEMA) sorted into (good, bad): one row a key, values above zero and finite.

    bad has the columns of bars.BAD_SCHEMA. Two actions of one kind and day that disagree are both bad.
    """
    rows = actions.unique(maintain_order=True)
    value = pl.col("value")
    reasons = (
        pl.when(pl.col("ex_date").is_null())
        .then(pl.lit("the action has no date"))
        .when(~pl.col("kind").is_in(KINDS) | pl.col("kind").is_null())
        .then(pl.lit("the kind of action is none of split, dividend, halt"))
        .when((pl.col("kind") != "halt") & ~(value.is_finite() & (value > 0)).fill_null(False))
        .then(pl.lit("the action's value is not above zero"))
        .when((pl.col("kind") == "split") & ~value.is_between(1 / MOST_SPLIT, MOST_SPLIT))
        .then(pl.lit("the split is beyond any real one"))
        .when(pl.struct("ticker", "ex_date", "kind").is_duplicated())
        .then(pl.lit("another action of the same kind and day says otherwise"))
    )
    judged = rows.with_columns(reason=reasons)
    # JSON has no NaN: the value as text.
    sent = pl.struct("ticker", "ex_date", "kind", pl.col("value").cast(pl.String)).struct.json_encode()
    bad = judged.filter(pl.col("reason").is_not_null())
    return (
        judged.filter(pl.col("reason").is_null()).drop("reason"),
        bad.select("ticker", pl.col("ex_date").alias("date"), "reason", payload=sent).cast(pl.Schema(BAD_SCHEMA)),
    )
