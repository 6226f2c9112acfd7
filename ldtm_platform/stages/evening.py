"""What an evening still owes a session that was forecast: the confidence of its forecasts, and its TQQQ signal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from ldtm_platform.stages.signal import lacks_signal
from ldtm_platform.strategy.summary import FUNDS
from ldtm_platform.warehouse import owed, reads

# A run that dies while it adds late tickers leaves part of a session undone: in so many each ticker is looked at.
RECENT_SESSIONS = 5


@dataclass(frozen=True)
class Evening:
    """What a session lacks: the tickers whose forecasts have no confidence, and whether it lacks its signal."""

    unscored: tuple[str, ...]
    unsignalled: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is owed."""
        return not self.unscored and not self.unsignalled


@dataclass(frozen=True)
class Holes:
    """The earlier sessions that lack some of their confidence, and those that lack their signal; oldest first."""

    unscored: tuple[date, ...]
    unsignalled: tuple[date, ...]


def evening_of(engine: sa.Engine, session: date) -> Evening:
    """What a session lacks; nothing of one that was not forecast, which lacks more than that."""
    if reads.signals(engine, session).is_empty():
        return Evening((), False)
    unscored = owed.unscored(engine, [session])
    return Evening(tuple(unscored["ticker"]), lacks_signal(engine, session))


def earlier_holes(engine: sa.Engine, forecast: Sequence[date], before: date) -> Holes:
    """What the forecast sessions before one lack: part of the confidence in recent ones, all of it in older ones."""
    earlier = [session for session in forecast if session < before]
    partly = owed.unscored(engine, earlier[-RECENT_SESSIONS:])["run_date"]
    unscored = {*partly, *owed.unscored_sessions(engine, earlier)}
    return Holes(tuple(sorted(unscored)), tuple(owed.unsignalled_sessions(engine, earlier, FUNDS)))
