"""A vendor's answer before it is compared with what is stored: bars mended or held, doubled dividends held."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from ldtm_platform.prices.bars import BAD_SCHEMA, payload_of
from ldtm_platform.prices.defects.borrowed_columns import unproven
from ldtm_platform.prices.defects.dividends import (
    DOUBLED,
    DOUBLED_REASON,
    MISSING,
    doubled_dividends,
    missing_dividends,
)
from ldtm_platform.prices.defects.finding import Case
from ldtm_platform.prices.defects.mended import Mended, mended
from ldtm_platform.prices.defects.neighbours import Neighbours
from ldtm_platform.prices.reconcile import SPLIT_COLUMNS
from ldtm_platform.prices.withdrawn import withdrawn_splits
from ldtm_platform.sources.base import PriceBasis


@dataclass(frozen=True)
class Examined:
    """What of an answer goes on: bars, actions; what is recorded: repairs; what is held of both; said: for people."""

    bars: pl.DataFrame
    actions: pl.DataFrame
    repairs: pl.DataFrame
    held: pl.DataFrame
    said: str


def examined_delivery(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    *,
    ticker: str,
    stored_bars: pl.DataFrame,
    stored_actions: pl.DataFrame,
    price_basis: PriceBasis,
    neighbours: Neighbours,
) -> Examined:
    """Good bars and actions of one ticker, as the vendor sent them, without the vendor's known defects."""
    stored_splits = stored_actions.filter(kind="split").drop("kind")
    named = actions.filter(kind="split").drop("kind")
    withdrawn = withdrawn_splits(stored_splits, named)
    kept = stored_splits.join(pl.concat([withdrawn["ex_date"], named["ex_date"]]).to_frame(), on="ex_date", how="anti")
    splits = pl.concat([kept.select(SPLIT_COLUMNS), named.select(SPLIT_COLUMNS)])
    others = neighbours.sharing(ticker, unproven(bars, stored_bars))
    done = mended(Case(bars, splits, price_basis, stored_bars, others))
    return _with_dividends(done, actions, stored_actions)


def _with_dividends(done: Mended, actions: pl.DataFrame, stored_actions: pl.DataFrame) -> Examined:
    columns = ["ex_date", "value"]
    named = actions.filter(kind="dividend")
    filed = stored_actions.filter(kind="dividend").select(columns).join(named, on="ex_date", how="anti")
    every = pl.concat([filed, named.select(columns)]).sort("ex_date")
    twice = named.filter(pl.col("ex_date").is_in(doubled_dividends(every)))
    payloads = [payload_of(row) for row in twice.iter_rows(named=True)]
    held = twice.select(
        "ticker",
        pl.col("ex_date").alias("date"),
        reason=pl.lit(f"{DOUBLED}: {DOUBLED_REASON}"),
        payload=pl.Series(payloads, dtype=pl.String),
    ).cast(BAD_SCHEMA)  # type: ignore[arg-type]
    sentences = [done.said] if done.said else []
    if twice.height:
        sentences.append(f"a dividend held in quarantine ({DOUBLED}): {_days(twice['ex_date'])}")
    lacking = missing_dividends(every.filter(~pl.col("ex_date").is_in(twice["ex_date"].implode())))
    if lacking:
        sentences.append(f"a dividend seems to be missing ({MISSING}) about {_days(lacking)}")
    kept = actions.join(twice, on=["ex_date", "kind"], how="anti")
    return Examined(done.bars, kept, done.repairs, pl.concat([done.held, held]), "; ".join(sentences))


def _days(days: Iterable[date]) -> str:
    return ", ".join(str(day) for day in days)
