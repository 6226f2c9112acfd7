"""The champion's snapshots of a session, and the actual closes that mature later."""

from datetime import date

import sqlalchemy as sa

from ldtm_platform.models.registry import CHAMPION_FAMILY
from ldtm_platform.warehouse import fillback, reads, writes


def write_session_snapshots(engine: sa.Engine, session: date) -> tuple[int, int]:
    """Write the snapshots of a session from the ledger in one transaction; returns (new ones, all of the session)."""
    with engine.begin() as connection:
        written = writes.write_snapshots(connection, run_date=session, family=CHAMPION_FAMILY)
    return written, reads.snapshots(engine, run_date=session).height


def fill_back_through(engine: sa.Engine, through: date) -> fillback.FilledBack:
    """Fill in every target that has matured by a session, in one transaction."""
    with engine.begin() as connection:
        return fillback.fill_back(connection, through=through)
