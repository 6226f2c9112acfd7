"""Which sessions a series lacks, and how that is said."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from ldtm_platform.sessions import sessions_between

_NAMED = 5


def missing_sessions(days: Sequence[date], halts: Collection[date], through: date) -> list[date]:
    """Sessions from the first of the days through a session that are neither among the days nor halted.

    days: the sessions that have a bar, ascending; none of them means that nothing is known to be missing.
    """
    if not days:
        return []
    have = {*days, *halts}
    return [day for day in sessions_between(days[0], through + timedelta(days=1)) if day not in have]


def missing_sentence(missing: Sequence[date]) -> str:
    """The count and the first five, for people; empty when nothing is missing."""
    if not missing:
        return ""
    named = ", ".join(day.isoformat() for day in missing[:_NAMED]) + (" ..." if len(missing) > _NAMED else "")
    sessions = "session has" if len(missing) == 1 else "sessions have"
    return f"{len(missing)} {sessions} neither a bar nor a recorded halt: {named}"
