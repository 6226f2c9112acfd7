"""The TQQQ signal of sessions: from bars, the champions' forecasts of the two funds, and the signals stored before."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import polars as pl
import sqlalchemy as sa

from ldtm_platform.sessions import next_session, session_open
from ldtm_platform.strategy.rule import ModelView, levels, market_states
from ldtm_platform.strategy.summary import (
    FUNDS,
    TRENDS,
    Followed,
    Market,
    Stored,
    follow,
    market_of,
    of_made_up_prices,
    record_of,
    summary,
)
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.provenance import provenance
from ldtm_platform.warehouse.score_writes import write_signal


@dataclass(frozen=True)
class SignalledSession:
    """What became of a session: stored now, known from before, or skipped; a sentence says the exposure or why not."""

    session: date
    state: Literal["stored", "known", "skipped"]
    message: str


@dataclass(frozen=True)
class ShownSignal:
    """A stored summary, the same with record and confidence of the signals that are stored now, and that record's walk.

    since: a sentence when the record was another as the summary was stored, else empty.
    """

    stored: dict[str, Any]
    document: dict[str, Any]
    followed: Followed
    since: str


def signal_sessions(engine: sa.Engine, sessions: Sequence[date], *, cost_bp: float) -> Iterator[SignalledSession]:
    """Store the signal of each session, oldest first, unless one is stored: the first stands.

    A session is skipped, with the reason, where the funds have no bars of it or too short a history.
    """
    first, last = min(sessions), max(sessions)
    market = read_market(engine, last)
    views = _views(reads.implied_returns(engine, FUNDS, first, last))
    stored = stored_of(reads.tqqq_signals(engine, through=last))
    made_up = provenance(engine).simulated.intersection(FUNDS + TRENDS)
    for session in sorted(sessions):
        if (known := stored.get(session)) is not None:
            yield SignalledSession(session, "known", known.exposure)
            continue
        if reason := _missing(market, session):
            yield SignalledSession(session, "skipped", reason)
            continue
        is_replay = datetime.now(UTC) >= session_open(next_session(session))
        document, confidence = summary(
            session, market, views.get(session), stored, cost_bp=cost_bp, is_replay=is_replay
        )
        if made_up:
            document["disclaimer"] = of_made_up_prices(document["disclaimer"])
        with engine.begin() as connection:
            write_signal(connection, session, document, confidence=confidence, is_replay=is_replay)
        stored[session] = Stored(document["exposure"], is_replay)
        yield SignalledSession(session, "stored", document["exposure"])


def lacks_signal(engine: sa.Engine, session: date) -> bool:
    """Whether a session has no signal and could have one."""
    return reads.tqqq_signal(engine, session).is_empty() and not _missing(read_market(engine, session), session)


def shown_signal(
    engine: sa.Engine, session: date | None = None, *, listed: pl.DataFrame | None = None
) -> ShownSignal | None:
    """The signal of a session (the latest when None) as people are shown it; None where there is none.

    What is stored stands; a later replay of earlier sessions still belongs to the record up to this session.
    listed: all that is stored, as reads.tqqq_signals gives it, if at hand.
    """
    rows = reads.tqqq_signal(engine, session).rows(named=True)
    if not rows:
        return None
    row, document = rows[0], json.loads(rows[0]["summary"])
    then, cost_bp = document["record"], document["record"]["cost_bp_per_side"]
    market = read_market(engine, row["session"])
    signals = reads.tqqq_signals(engine) if listed is None else listed
    stored = stored_of(signals.filter(pl.col("session") <= row["session"]))
    done = follow(market, len(market.sessions) - 1, stored, cost_bp)
    record, confidence = record_of(market, done, cost_bp)
    since = ""
    if record["parts"] != then["parts"]:
        since = (
            f"The document stored on {row['generated_at']:%Y-%m-%d} stands with the record of then, "
            f"{then['live_sessions'] + then['replayed_sessions']} sessions: earlier signals or prices came since."
        )
    shown = {"record": record, "confidence": None if confidence is None else round(confidence, 1)}
    return ShownSignal(document, document | shown, done, since)


def read_market(engine: sa.Engine, through: date) -> Market:
    """The two funds and the trend's fund, from the bars up to a session; empty without the funds."""
    tickers = sorted({*FUNDS, *TRENDS})
    priced = levels(reads.bars(engine, tickers, through=through), reads.splits(engine, tickers))
    by_ticker = {str(key[0]): part for key, part in priced.partition_by("ticker", as_dict=True).items()}
    states = {name: market_states(by_ticker[name].drop("ticker")) for name in TRENDS if name in by_ticker}
    return market_of(priced, states)


def stored_of(listed: pl.DataFrame) -> dict[date, Stored]:
    """Stored signals by session, from rows as reads.tqqq_signals gives them."""
    return {row["session"]: Stored(row["exposure"], row["is_replay"]) for row in listed.rows(named=True)}


def _missing(market: Market, session: date) -> str:
    """Why a session can have no signal; empty when it can."""
    if not market.sessions:
        return "there are no bars of both TQQQ and SQQQ: add them to the universe's file and ingest"
    if session not in market.sessions:
        return f"TQQQ or SQQQ has no bar of {session}"
    if market.states[market.sessions.index(session)] is None:
        known = market.sessions.index(session) + 1
        return f"the history up to {session} has {known} sessions: too few for the rule's means"
    return ""


def _views(rows: pl.DataFrame) -> Mapping[date, ModelView]:
    by_day = {(row["run_date"], row["ticker"]): row for row in rows.rows(named=True)}
    views = {}
    for (session, ticker), row in by_day.items():
        if ticker == "TQQQ" and _known(row["implied_1m_return_pct"]):
            inverse = by_day.get((session, "SQQQ"), {}).get("implied_1m_return_pct")
            views[session] = ModelView(
                tqqq_implied_1m_return_pct=row["implied_1m_return_pct"],
                sqqq_implied_1m_return_pct=inverse if _known(inverse) else None,
                confidence=row["score"],
                model_version=row["model_version"],
                is_replay=row["is_replay"],
            )
    return views


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
