"""What is forecast: the close of each horizon's target session.

A target is a fact of the calendar, fixed when the prediction is made: next_day is the next session, next_monday the
first Monday after it was made on which the exchange trades (a closed Monday is skipped, never moved to Tuesday), and
one_month the session exactly 21 ahead.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import polars as pl

from ldtm_platform.sessions import is_session, next_session, session_offset, sessions_between

SESSIONS_A_MONTH = 21


def next_trading_monday(session: date) -> date:
    """The first Monday after a session on which the exchange trades."""
    monday = session + timedelta(days=7 - session.weekday())
    while not is_session(monday):
        monday += timedelta(days=7)
    return monday


_TARGET_OF: dict[str, Callable[[date], date]] = {
    "next_day": next_session,
    "next_monday": next_trading_monday,
    "one_month": lambda session: session_offset(session, SESSIONS_A_MONTH),
}
HORIZONS = tuple(_TARGET_OF)


def targets(session: date) -> dict[str, date]:
    """The target session of each horizon, for a forecast made after the close of a session. Raises NotASession."""
    session_offset(session, 0)
    return {horizon: target_of(session) for horizon, target_of in _TARGET_OF.items()}


@cache
def targets_frame(start: date, end: date) -> pl.DataFrame:
    """The targets of every session in [start, end): columns date and one per horizon, all pl.Date."""
    rows = [{"date": session, **targets(session)} for session in sessions_between(start, end)]
    return pl.DataFrame(rows, schema={"date": pl.Date} | dict.fromkeys(HORIZONS, pl.Date))
