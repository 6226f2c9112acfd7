"""The TQQQ signal of a session as one JSON document: exposure, reasons, confidence and the record behind it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from ldtm_platform.strategy.record import (
    EXECUTION,
    LAG,
    MIN_SESSIONS,
    Floats,
    Walk,
    bought_and_held,
    followed,
    performance,
    record_confidence,
    verdict,
)
from ldtm_platform.strategy.rule import RULE, Decision, Exposure, MarketState, ModelView, decide, exposure_of

FUNDS = ("TQQQ", "SQQQ")
# The index's own fund where its bars are there; the fund itself where not.
TRENDS = ("QQQ", "TQQQ")
NOT_ADVICE = (
    "Not investment advice. The output of a fixed rule on past prices; three-times leveraged funds can lose most of "
    "their value in weeks."
)
_SIMULATED = "The prices behind this are simulated and say nothing about any fund."
CONFIDENCE_MEANS = (
    "0 to 100: how sure the record of stored signals makes that following them beats both flat and holding TQQQ; null: "
    "not enough evidence"
)
HINDSIGHT = (
    "The rule's numbers are conventions and fitted to nothing, but whoever chose them knew the years before the first "
    "stored session: only stored signals are a record."
)


@dataclass(frozen=True)
class Market:
    """Consecutive sessions on which both funds traded, and what each showed; everything looks back only.

    tqqq, sqqq: close-to-close returns into each session on one share basis, without dividends (0 for the first).
    states: the rule's view of each session, None before there is enough history; alone: what it decides with no model.
    """

    sessions: Sequence[date]
    tqqq: Floats
    sqqq: Floats
    states: Sequence[MarketState | None]
    alone: Sequence[Exposure]


def of_made_up_prices(disclaimer: str) -> str:
    """The disclaimer of a summary of simulated prices."""
    return f"{_SIMULATED} {disclaimer}"


def is_of_made_up_prices(disclaimer: str) -> bool:
    """Whether a summary's disclaimer says that its prices are simulated."""
    return disclaimer.startswith(_SIMULATED)


@dataclass(frozen=True)
class Stored:
    """A signal that was stored on its evening, or replayed later."""

    exposure: Exposure
    is_replay: bool


def market_of(levels: pl.DataFrame, states: Mapping[str, pl.DataFrame]) -> Market:
    """The funds' sessions from rule.levels, with the first of TRENDS that has a state of each session.

    states: rule.market_states by ticker of TRENDS; one may be absent or begin late.
    """
    wide = levels.filter(pl.col("ticker").is_in(FUNDS)).pivot("ticker", index="date", values="level").sort("date")
    wide = wide.drop_nulls() if set(FUNDS) <= set(wide.columns) else wide.clear()
    found: dict[date, MarketState] = {}
    for name in reversed(TRENDS):
        if name in states:
            rows = states[name].drop_nulls().rows(named=True)
            found |= {row.pop("date"): MarketState(of=name, **row) for row in rows}
    sessions = wide["date"].to_list()
    tqqq, sqqq = (wide[name].pct_change().fill_null(0.0).to_numpy() if sessions else np.zeros(0) for name in FUNDS)
    seen = [found.get(session) for session in sessions]
    return Market(sessions, tqqq, sqqq, seen, [exposure_of(state) if state else "flat" for state in seen])


def summary(
    session: date,
    market: Market,
    model: ModelView | None,
    stored: Mapping[date, Stored],
    *,
    cost_bp: float,
    is_replay: bool,
) -> tuple[dict[str, Any], float | None]:
    """The document of a session and its confidence. Raises ValueError when the market has no state of the session.

    stored: signals of other sessions; those after the session are not looked at.
    """
    at = bisect_left(market.sessions, session)
    state = market.states[at] if at < len(market.sessions) and market.sessions[at] == session else None
    if state is None:
        raise ValueError(f"the market has no state of {session}")
    decision = decide(state, model)
    signals = {**stored, session: Stored(decision.exposure, is_replay)}
    record, confidence = record_of(market, follow(market, at, signals, cost_bp), cost_bp)
    document = {
        "session": session.isoformat(),
        "disclaimer": NOT_ADVICE,
        "exposure": decision.exposure,
        "reasons": list(decision.reasons),
        "confidence": None if confidence is None else round(confidence, 1),
        "confidence_means": CONFIDENCE_MEANS,
        "is_replay": is_replay,
        "market": _rounded(asdict(state)),
        "model": _model(model, decision),
        "record": record,
        "rule": asdict(RULE) | {"note": HINDSIGHT},
    }
    return document, confidence


def carried(market: Market, through: int, stored: Mapping[date, Stored]) -> tuple[int, list[Stored]]:
    """The position of the first stored signal's session, and the signal that held on each session from there on.

    A session without a stored signal goes on with the one before.
    """
    held: list[Stored] = []
    first = through + 1
    for position in range(through + 1):
        signal = stored.get(market.sessions[position])
        if signal is not None:
            first = min(first, position)
            held.append(signal)
        elif held:
            held.append(held[-1])
    return first, held


@dataclass(frozen=True)
class Followed:
    """The stored signals followed, beside holding TQQQ: the sessions that earned (n,) and the signal behind each.

    first: the position of the first stored signal in the market.
    """

    first: int
    sessions: Sequence[date]
    signals: Sequence[Stored]
    walk: Walk
    holding: Walk


def follow(market: Market, at: int, stored: Mapping[date, Stored], cost_bp: float) -> Followed:
    """Follow the stored signals up to the market's session at a position."""
    first, held = carried(market, at, stored)
    span, days = slice(first, at + 1), slice(first + LAG, at + 1)
    return Followed(
        first=first,
        sessions=market.sessions[days],
        signals=held[:-LAG],
        walk=followed([each.exposure for each in held], market.tqqq[span], market.sqqq[span], cost_bp),
        holding=bought_and_held(market.tqqq[days], cost_bp),
    )


def record_of(market: Market, done: Followed, cost_bp: float) -> tuple[dict[str, Any], float | None]:
    """The document's record of the signals followed, and the confidence that it supports."""
    replayed = np.array([each.is_replay for each in done.signals], dtype=bool)
    parts = [_part("stored signals", done.sessions, done.walk, done.holding)]
    for name, kept in (("stored signals, live", ~replayed), ("stored signals, replayed", replayed)):
        if kept.any() and not kept.all():
            some = [session for session, counts in zip(done.sessions, kept, strict=True) if counts]
            parts.append(_part(name, some, done.walk.part(kept), done.holding.part(kept)))
    if (before := _rule_alone(market, done.first, cost_bp)) is not None:
        parts.append(before)
    return {
        "execution": f"traded at {EXECUTION}, never at the signal's own",
        "cost_bp_per_side": cost_bp,
        "minimum_sessions": MIN_SESSIONS,
        "live_sessions": int((~replayed).sum()),
        "replayed_sessions": int(replayed.sum()),
        "flat": "earns nothing: no interest is counted",
        "forecasts": "made out of sample; one made in sample is never used",
        "verdict": verdict(done.walk, done.holding),
        "parts": parts,
    }, record_confidence(done.walk, done.holding)


def _rule_alone(market: Market, first: int, cost_bp: float) -> dict[str, Any] | None:
    """The same rule without forecasts on the sessions before the first stored signal: context, and no record."""
    begin = next((position for position in range(first) if market.states[position] is not None), first)
    if first - begin <= LAG:
        return None
    walk = followed(market.alone[begin:first], market.tqqq[begin:first], market.sqqq[begin:first], cost_bp)
    days = slice(begin + LAG, first)
    return _part(
        "rule alone, earlier",
        market.sessions[days],
        walk,
        bought_and_held(market.tqqq[days], cost_bp),
    )


def _part(name: str, sessions: Sequence[date], walk: Walk, holding: Walk) -> dict[str, Any]:
    return {
        "basis": name,
        "first": sessions[0].isoformat() if sessions else None,
        "last": sessions[-1].isoformat() if sessions else None,
        "signal": performance(walk).as_dict(),
        "buy_and_hold": performance(holding).as_dict(),
    }


def _model(model: ModelView | None, decision: Decision) -> dict[str, Any] | None:
    return None if model is None else _rounded(asdict(model)) | {"vote": decision.model_vote}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
