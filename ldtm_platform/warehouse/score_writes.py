"""Writes of confidence scores and TQQQ signals; each runs inside the caller's transaction."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ldtm_platform.warehouse.bulk import staged
from ldtm_platform.warehouse.score_tables import ldtm_confidence, tqqq_signals

_WRITE = """
INSERT INTO ldtm_confidence AS stored ({columns}) SELECT {columns} FROM {stage}
ON CONFLICT (run_date, ticker, horizon) DO UPDATE SET {changes}, computed_at = now()
WHERE stored.score IS NULL AND excluded.evaluated > stored.evaluated"""


def write_confidence(connection: sa.Connection, frame: pl.DataFrame) -> int:
    """Add confidence rows (columns of ldtm_confidence); returns how many were written.

    What a session's evening said stands. Only "not enough evidence" gives way, when a replay of earlier sessions has
    brought some.
    """
    if frame.is_empty():
        return 0
    with staged(connection, ldtm_confidence, frame) as stage:
        changes = ", ".join(f"{name} = excluded.{name}" for name in frame.columns)
        statement = _WRITE.format(columns=", ".join(frame.columns), stage=stage, changes=changes)
        return connection.execute(sa.text(statement)).rowcount


def write_signal(
    connection: sa.Connection,
    session: date,
    summary: Mapping[str, object],
    *,
    confidence: float | None,
    is_replay: bool,
) -> bool:
    """Add the TQQQ signal of a session, a JSON document with an `exposure`; False when there is one: it stands."""
    row = {
        "session": session,
        "exposure": summary["exposure"],
        "confidence": confidence,
        "is_replay": is_replay,
        "summary": dict(summary),
    }
    statement = insert(tqqq_signals).values(row).on_conflict_do_nothing().returning(tqqq_signals.c.session)
    return connection.execute(statement).first() is not None
