"""A source's answer for one ticker: sorted, examined for defects, compared with what is stored. Nothing is written."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from ldtm_platform.prices.actions import split_good_and_bad_actions
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.prices.defects.examined import examined_delivery
from ldtm_platform.prices.defects.mended import repairs_as_traded
from ldtm_platform.prices.defects.neighbours import Neighbours
from ldtm_platform.prices.fallback import Refused, additions_only
from ldtm_platform.prices.reconcile import Reconciled, reconcile
from ldtm_platform.prices.stored import Stored
from ldtm_platform.prices.written_rows import not_as_sent
from ldtm_platform.sources.base import MarketDataSource, TickerBars


@dataclass(frozen=True)
class Delivery:
    """What is to be stored of an answer.

    refused: bars.BAD_SCHEMA, rows that are no bars and rows held for a defect. repairs: mended.REPAIRS_SCHEMA, raw.
    examined_days: the sessions of its good rows. said: what was repaired, held and missed, for people. otherwise: what
    was sent and is not stored like that (written_rows.not_as_sent). rows: date and source of rows that are another
    source's than the answer.
    """

    source: str
    reconciled: Reconciled
    actions: pl.DataFrame
    refused: pl.DataFrame
    repairs: pl.DataFrame
    examined_days: list[date]
    said: str
    otherwise: pl.DataFrame
    rows: pl.DataFrame | None = None


def compared(
    answer: TickerBars, stored: Stored, *, source: MarketDataSource, through: date, neighbours: Neighbours
) -> Delivery:
    """The answer against what is stored of the ticker. Raises Refused when it is none."""
    if answer.error:
        raise Refused(answer.error)
    good, bad = split_good_and_bad(answer.bars, through)
    named, bad_actions = split_good_and_bad_actions(answer.actions)
    examined = examined_delivery(
        good,
        named,
        ticker=answer.ticker,
        stored_bars=stored.bars,
        stored_actions=stored.actions,
        price_basis=source.price_basis,
        neighbours=neighbours,
    )
    reconciled = reconcile(
        stored.bars,
        examined.bars,
        stored_splits=stored.splits,
        named_splits=examined.actions.filter(pl.col("kind") == "split").drop("kind"),
        price_basis=source.price_basis,
    )
    reconciled = additions_only(reconciled, stored, answer.source or source.name, examined.actions)
    refused = pl.concat([bad, bad_actions, examined.held]).with_columns(pl.col("ticker").fill_null(answer.ticker))
    repairs = repairs_as_traded(examined.repairs, reconciled.splits, source.price_basis)
    return Delivery(
        source=answer.source or source.name,
        reconciled=reconciled,
        actions=examined.actions,
        refused=refused,
        repairs=repairs,
        examined_days=good["date"].to_list(),
        said="; ".join(filter(None, (answer.note, examined.said))),
        otherwise=not_as_sent(examined.bars, stored.bars, reconciled),
        rows=answer.rows,
    )
