"""Is a ticker still listed? Told from what its vendor says and from sessions without a bar. Pure.

A vendor's word alone is not enough (Yahoo sometimes knows a ticker again an hour later), and neither word nor silence
says anything while the vendor has no later bars of other tickers either: its address may have changed. A ticker taken
for delisted is asked for rarely, and is listed again as soon as it has bars again.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from ldtm_platform.prices.stored import Stored
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import TickerBars, as_date

# So many sessions without a bar, while the vendor answers and has bars of others: halts of weeks are rare.
SILENT_SESSIONS = 10
# So many when the vendor says itself that it has no such ticker.
DENIED_SESSIONS = 3
ASK_AGAIN = timedelta(days=7)
_AGAIN = f"It is asked for again every {ASK_AGAIN.days} days, and by its name"


def denied(stored: Stored, answer: TickerBars, market_through: date | None) -> str | None:
    """Why a ticker that its vendor does not know any more is delisted; None when that is too early to say.

    market_through: the newest bar that the vendor has of any ticker.
    """
    if not answer.gone or stored.bars.is_empty() or market_through is None:
        return None
    last = stored.bars["date"][-1]
    quiet = _sessions_after(last, stored.halts, market_through)
    if quiet < DENIED_SESSIONS:
        return None
    return f"delisted: no bar since {last} ({quiet} sessions), and {answer.error}. {_AGAIN}"


def silent(ticker: str, days: Sequence[date], missing: Sequence[date], market_through: date | None) -> str | None:
    """Why a ticker without bars is delisted. market_through: the newest bar that the vendor has of any ticker."""
    if market_through is None or not days:
        return None
    quiet = sum(days[-1] < day <= market_through for day in missing)
    if quiet < SILENT_SESSIONS:
        return None
    return (
        f"delisted: {ticker} has no bar since {days[-1]} ({quiet} sessions), while others have bars up to "
        f"{market_through}. {_AGAIN}"
    )


def is_quiet(answer: TickerBars, stored: Stored, through: date) -> bool:
    """Whether an answer is none, or ends so early, that it is to be judged by what the vendor has of others."""
    if answer.error:
        return answer.gone
    newest = answer.bars.select(as_date("date", answer.bars.schema["date"])).to_series().drop_nulls()
    ends = [day for day in (*newest, *stored.bars["date"][-1:]) if day <= through]
    return bool(ends) and _sessions_after(max(ends), set(), through) >= SILENT_SESSIONS


def is_resting(stored: Stored, now: datetime) -> bool:
    """Whether a delisted ticker was asked for so lately that it is left alone."""
    asked = stored.checked_at
    known = stored.state == "delisted" and not stored.bars.is_empty()
    return known and asked is not None and now - asked < ASK_AGAIN


def _sessions_after(last: date, halts: set[date], through: date) -> int:
    return sum(day not in halts for day in sessions_between(last + timedelta(days=1), through + timedelta(days=1)))
