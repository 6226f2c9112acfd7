"""The reads about how much to trust a forecast: confidence scores, and the TQQQ signal with its reasons and record.

confidence(engine, ConfidenceArgs) -> Confidence        the score of each forecast of a session, with its parts
tqqq_signal(engine, TqqqSignalArgs) -> TqqqSignals      the strategy summary of a session; not investment advice
"""

import json
from datetime import date
from typing import Annotated

import polars as pl
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from ldtm_platform.llm.arguments import MOST_ROWS, Args, Horizon
from ldtm_platform.llm.kinds import Count, Percent, Ratio, Score
from ldtm_platform.llm.shapes import Result, Row, Simulated
from ldtm_platform.strategy.summary import FUNDS, is_of_made_up_prices
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.provenance import provenance

# A row each ticker and horizon.
MOST_SCORES = 3 * MOST_ROWS


class ConfidenceArgs(Args):
    """Whose confidence, and of which session."""

    limit: Annotated[int, Field(ge=1, le=MOST_SCORES, description="The most rows that are given")] = 20
    session: date | None = Field(None, description="The session (YYYY-MM-DD); the newest that is scored if none")
    horizon: Horizon | None = Field(None, description="Only this horizon")


class TqqqSignalArgs(Args):
    """The signal of which session."""

    session: date | None = Field(None, description="The session (YYYY-MM-DD); the newest if none")


class ConfidenceRow(Row):
    """How much the record known that evening says for one forecast, 0 to 100; no score: not enough evidence."""

    ticker: str
    run_date: date
    horizon: Horizon
    score: Score | None
    evaluated: Count = Field(description="Forecasts of the window that have matured")
    replayed: Count = Field(description="Those of them that were made afterwards, from what was known then")
    evidence: Score = Field(description="For how many forecasts that do not overlap they count")
    hits: Count
    directions: Count
    wilson_low: Ratio | None
    wilson_high: Ratio | None
    base_rate: Ratio | None = Field(description="The share of the commoner direction")
    rel_mae: Ratio | None = Field(description="Mean absolute error over persistence's; below 1 is better")
    half_width_pct: Percent | None = Field(description="The 80 % error interval: so far on either side of a forecast")
    coverage: Ratio | None = Field(description="How often such intervals held")
    promises: Count = Field(description="How many of them have come to the test, on which coverage rests")
    is_simulated: Simulated


class Confidence(Result):
    """Confidence by ticker and horizon."""

    rows: tuple[ConfidenceRow, ...]


class TqqqSignalRow(Row):
    """The suggested exposure of one session with its reasons, and what the record of such signals says."""

    ticker: str = "TQQQ"
    run_date: date
    exposure: str
    confidence: Score | None
    is_replay: bool
    is_simulated: Simulated
    reasons: tuple[str, ...]
    verdict: str
    live_sessions: Count | None
    replayed_sessions: Count | None
    disclaimer: str


class TqqqSignals(Result):
    """The signal of a session, one row or none."""

    rows: tuple[TqqqSignalRow, ...]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    verdict: str = ""
    live_sessions: int | None = None
    replayed_sessions: int | None = None


class _Summary(BaseModel):
    """What is read of the signal's document, which holds more."""

    model_config = ConfigDict(extra="ignore")

    reasons: tuple[str, ...] = ()
    disclaimer: str = "Not investment advice."
    record: _Record = _Record()


def confidence(engine: sa.Engine, args: ConfidenceArgs) -> Confidence:
    """The confidence of a session's forecasts (the newest scored when none is named), by ticker and horizon."""
    found = provenance(engine).marked(reads.confidence(engine, args.session))
    found = found.with_columns(half_width_pct=pl.col("half_width") * 100)
    if args.tickers:
        found = found.filter(pl.col("ticker").is_in(list(args.tickers)))
    if args.horizon:
        found = found.filter(pl.col("horizon") == args.horizon)
    rows = tuple(ConfidenceRow.model_validate(row) for row in found.head(args.limit).iter_rows(named=True))
    as_of = rows[0].run_date if rows else None
    return Confidence(source="ldtm_confidence", as_of=as_of, total=found.height, rows=rows)


def tqqq_signal(engine: sa.Engine, args: TqqqSignalArgs) -> TqqqSignals:
    """The strategy summary of a session (the newest when none is named); none where other tickers are asked for."""
    asked = not args.tickers or set(args.tickers) & set(FUNDS)
    found = reads.tqqq_signal(engine, args.session).rows(named=True) if asked else []
    rows = []
    for row in found:
        summary = _Summary.model_validate(json.loads(row["summary"]))
        rows.append(
            TqqqSignalRow(
                run_date=row["session"],
                exposure=row["exposure"],
                confidence=row["confidence"],
                is_replay=row["is_replay"],
                is_simulated=is_of_made_up_prices(summary.disclaimer),
                reasons=summary.reasons,
                verdict=summary.record.verdict,
                live_sessions=summary.record.live_sessions,
                replayed_sessions=summary.record.replayed_sessions,
                disclaimer=summary.disclaimer,
            )
        )
    as_of = rows[0].run_date if rows else None
    return TqqqSignals(source="tqqq_signals", as_of=as_of, total=len(rows), rows=tuple(rows))
