"""The tables of the TQQQ Signal: its record beside holding the fund, and every stored signal."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from dash.development.base_component import Component

from ldtm_platform.dashboard.parts import grids
from ldtm_platform.dashboard.parts.grids import column
from ldtm_platform.dashboard.parts.text import number, plural, with_minus

# Two years; the command lists all.
LISTED = 504

_RECORD = (
    column("who", "What was held", minWidth=152),
    column("basis", "On the sessions of", minWidth=172),
    column("sessions", "n", kind="count", minWidth=64, tip="Sessions"),
    column("total_return_pct", "Total", kind="change", digits=1, minWidth=122),
    column("cagr_pct", "A year", kind="change", digits=1, minWidth=100, tip="Compound; – below half a year"),
    column("volatility_pct", "Volatility", kind="percent", digits=0),
    column("max_drawdown_pct", "Drawdown", kind="percent", digits=0, minWidth=94, tip="The worst from a peak"),
    column("sharpe", "Sharpe", kind="number", minWidth=76, tip="Against flat; no interest is counted"),
    column("sharpe_interval", "95 % interval", minWidth=124, tip="Of the Sharpe ratio"),
    column("sides_a_year", "Sides a year", kind="number", digits=0, minWidth=114, tip="Purchases and sales of all"),
    column("hit_rate_pct", "Days won", kind="percent", digits=0, tip="Of the days on which a fund was held"),
)
_HISTORY = (
    column("session", "Session", kind="day", minWidth=120, sort="desc"),
    column("exposure", "Exposure", minWidth=120),
    column("confidence", "Confidence", kind="score", minWidth=110, tip="… is not enough evidence yet"),
    column("made", "Made", minWidth=90, tip="live: that evening; replay: afterwards from what was known then"),
)


def record_table(document: Mapping[str, Any], since: str) -> Component:
    """What following the stored signals came to, beside holding TQQQ on the same sessions; since: as ShownSignal's."""
    record = document["record"]
    rows = [
        _record_row("signal" if who == "signal" else "buy and hold TQQQ", part["basis"], part[who])
        for part in record["parts"]
        for who in ("signal", "buy_and_hold")
    ]
    live, replayed = record["live_sessions"], record["replayed_sessions"]
    terms = (
        f"{record['verdict']} {record['execution'].capitalize()}; {record['cost_bp_per_side']:g} bp a side; flat "
        f"{record['flat']}; {live} live and {replayed} replayed sessions; forecasts {record['forecasts']}. "
        f"{since}"
    )
    return grids.grid(
        "record",
        _RECORD,
        rows,
        title="The record after costs",
        note=with_minus(terms.rstrip()),
        file_name=f"tqqq_record_{document['session']}",
    )


def _record_row(who: str, basis: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    low, high, rate = (figures[name] for name in ("sharpe_low", "sharpe_high", "hit_rate"))
    derived = {
        "who": who,
        "basis": basis,
        "sharpe_interval": None if low is None else f"{number(low)} to {number(high)}",
        "hit_rate_pct": None if rate is None else 100 * rate,
    }
    return {name: {**figures, **derived}[name] for name in grids.fields(_RECORD)}


def history_table(listed: pl.DataFrame) -> Component:
    """The newest stored signals: columns as reads.tqqq_signals gives them."""
    rows: Sequence[Mapping[str, Any]] = (
        listed.tail(LISTED)
        .select(
            pl.col("session").dt.to_string("iso"),
            "exposure",
            "confidence",
            made=pl.when("is_replay").then(pl.lit("replay")).otherwise(pl.lit("live")),
        )
        .rows(named=True)
    )
    return grids.grid(
        "signals",
        _HISTORY,
        rows,
        title=plural(listed.height, "stored signal"),
        note=f"As each was first made; a later run never changes one.{_rest(listed.height)}",
        row_id="session",
        height=400,
        file_name="tqqq_signals",
    )


def _rest(count: int) -> str:
    return f" The newest {LISTED} are listed, `ldtm signal --history` has all." if count > LISTED else ""
