"""Score the forecasts of sessions by the record that was known on each one's evening."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.evaluation.evidence import WINDOW_SESSIONS, record_of, scored
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.sessions import session_offset
from ldtm_platform.stages.outcome import Fact
from ldtm_platform.warehouse.evidence import evidence, promised_half_widths
from ldtm_platform.warehouse.provenance import provenance
from ldtm_platform.warehouse.score_writes import write_confidence


@dataclass(frozen=True)
class ScoredSession:
    """What became of a session: forecasts looked at, rows that were new, and how many had enough evidence."""

    session: date
    rows: int
    rows_new: int
    with_score: int

    def facts(self) -> dict[str, Fact]:
        """The same, to show beside the partition."""
        return {
            "dagster/partition_row_count": self.rows,
            "rows_new": self.rows_new,
            "with_enough_evidence": self.with_score,
        }


def score_sessions(engine: sa.Engine, sessions: Sequence[date]) -> Iterator[ScoredSession]:
    """Score every honest forecast of the sessions, oldest first, each session in one transaction.

    The record is read once for all of them; each session sees of it what had matured by then.
    """
    first, last = session_offset(min(sessions), -WINDOW_SESSIONS), max(sessions)
    snapshots, promised = evidence(engine, first, last), promised_half_widths(engine, first, last)
    # What the cross-section says of models on real prices is not to rest on made-up ones.
    apart = provenance(engine).parts(snapshots)
    records = [record_of(horizon, part, promised) for part in apart for horizon in HORIZONS]
    for session in sorted(sessions):
        made = [frame for record in records if (frame := scored(record, session)).height]
        frame = pl.concat(made) if made else pl.DataFrame(schema={"score": pl.Float64})
        with engine.begin() as connection:
            new = write_confidence(connection, frame)
        yield ScoredSession(session, frame.height, new, frame["score"].drop_nulls().len())
