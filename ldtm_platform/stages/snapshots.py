"""The champion's snapshots of a session, and the actual closes that mature later."""

from datetime import date

import sqlalchemy as sa

from ldtm_platform.models.registry import CHAMPION_FAMILY
from ldtm_platform.warehouse import fillback, writes


def write_session_snapshots(engine: sa.Engine, session: date) -> int:
    """Write the snapshots of a session from the ledger in one transaction; returns how many were new."""
    with engine.begin() as connection:
        return writes.write_snapshots(connection, run_date=session, family=CHAMPION_FAMILY)


def fill_back_through(engine: sa.Engine, through: date) -> fillback.FilledBack:
    """Fill in every target that has matured by a session, in one transaction."""
    with engine.begin() as connection:
        return fillback.fill_back(connection, through=through)
