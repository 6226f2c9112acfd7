"""The exchange calendar (XNYS): which days trade, which session is so many ahead, and when a session's bar is final.

Days are naive `datetime.date`s in exchange time; instants are aware datetimes. Source of the calendar: market_hours.py,
which knows holidays, half days and ad-hoc closures.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ldtm_platform.market_hours import CLOSES, CLOSES_EARLY, OPENS, MarketHours, market_hours

NEW_YORK = ZoneInfo("America/New_York")
# A vendor's bar of a session is taken as final this long after the close (QUANT: late prints and corrections).
FINAL_AFTER_CLOSE = timedelta(minutes=60)


class NotASession(ValueError):
    """The exchange does not trade on that day, or the calendar does not reach it."""


@cache
def _hours() -> MarketHours:
    # Two years ahead: targets of the newest session lie beyond it.
    return market_hours(date(datetime.now(UTC).year + 2, 12, 31))


def _sessions() -> tuple[date, ...]:
    return _hours().sessions


def _position(session: date) -> int:
    sessions = _sessions()
    at = bisect_left(sessions, session)
    if at == len(sessions) or sessions[at] != session:
        reach = f"{sessions[0]} to {sessions[-1]}"
        raise NotASession(f"{session} is no trading session of the New York exchange (calendar: {reach})")
    return at


def is_session(day: date) -> bool:
    """Whether the exchange trades on the day."""
    sessions = _sessions()
    at = bisect_left(sessions, day)
    return at < len(sessions) and sessions[at] == day


def sessions_between(start: date, end: date) -> list[date]:
    """The sessions of the half-open range [start, end)."""
    sessions = _sessions()
    return list(sessions[bisect_left(sessions, start) : bisect_left(sessions, end)])


def next_session(day: date) -> date:
    """The first session strictly after the day, which need not be a session itself."""
    sessions = _sessions()
    at = bisect_right(sessions, day)
    if at == len(sessions):
        raise NotASession(f"the calendar ends at {sessions[-1]}: no session after {day}")
    return sessions[at]


def session_before(day: date) -> date:
    """The last session strictly before the day, which need not be a session itself."""
    at = bisect_left(_sessions(), day)
    if at == 0:
        raise NotASession(f"the calendar begins on {_sessions()[0]}: no session before {day}")
    return _sessions()[at - 1]


def session_offset(session: date, count: int) -> date:
    """The session `count` ahead of a session (back when negative). Raises NotASession."""
    at = _position(session) + count
    sessions = _sessions()
    if not 0 <= at < len(sessions):
        raise NotASession(f"{count:+} sessions from {session} is outside the calendar")
    return sessions[at]


def session_open(session: date) -> datetime:
    """When the session opens, in UTC."""
    _position(session)
    return datetime.combine(session, OPENS, NEW_YORK).astimezone(UTC)


def session_close(session: date) -> datetime:
    """When the session closes, in UTC: 16:00 New York, 13:00 on half days."""
    _position(session)
    closes = CLOSES_EARLY if session in _hours().half_days else CLOSES
    return datetime.combine(session, closes, NEW_YORK).astimezone(UTC)


def session_hours(start: date, end: date) -> list[tuple[date, datetime, datetime]]:
    """Each session of [start, end) with when it opens and closes, in UTC."""
    return [(day, session_open(day), session_close(day)) for day in sessions_between(start, end)]


def is_final(session: date, now: datetime) -> bool:
    """Whether the session's bar may be used at an instant: it has closed, and the delay has passed."""
    return now >= session_close(session) + FINAL_AFTER_CLOSE


def latest_final_session(now: datetime) -> date:
    """The newest session whose bar is final at an instant."""
    today = now.astimezone(NEW_YORK).date()
    session = sessions_between(today - timedelta(days=14), today + timedelta(days=1))[-1]
    return session if is_final(session, now) else session_offset(session, -1)
