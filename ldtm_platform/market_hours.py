"""When the New York exchange trades: days closed and half days, from market_hours.toml or from exchange_calendars.

The package knows them, but brings pandas along: 0.6 s and 80 MiB in every process. So what it says up to 2045 is kept
in the file, and the package is asked only where the file does not speak for it: it is another version, or the days go
on beyond the file. The tests compare the two;

    python -m ldtm_platform.market_hours    writes the file anew, after an upgrade of exchange_calendars
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).with_name("market_hours.toml")
FIRST_DAY, LAST_KEPT = date(1999, 1, 4), date(2045, 12, 31)
OPENS, CLOSES, CLOSES_EARLY = time(9, 30), time(16), time(13)


@dataclass(frozen=True)
class MarketHours:
    """Every session of a span of days, oldest first, and those of them that close at CLOSES_EARLY; New York time."""

    sessions: tuple[date, ...]
    half_days: frozenset[date]


def market_hours(last: date, file: Path = FILE) -> MarketHours:
    """The sessions from FIRST_DAY to `last`, that day included."""
    kept = tomllib.loads(file.read_text())
    if kept["exchange_calendars"] != version("exchange_calendars") or kept["last"] < last:
        return from_package(last)
    closed = frozenset(kept["closed"])
    sessions = tuple(day for day in _weekdays(last) if day not in closed)
    return MarketHours(sessions, frozenset(day for day in kept["half_days"] if day <= last))


def from_package(last: date) -> MarketHours:
    """The same by exchange_calendars. Raises ValueError for a session with other hours than those above."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY.isoformat(), end=last.isoformat())
    local = ((at.astimezone(calendar.tz) for at in pair) for pair in zip(calendar.opens, calendar.closes, strict=True))
    hours = {opens.date(): (opens.time(), closes.time()) for opens, closes in local}
    if unknown := [f"{day}" for day, known in hours.items() if known not in ((OPENS, CLOSES), (OPENS, CLOSES_EARLY))]:
        raise ValueError(f"exchange_calendars has hours that are neither a full nor a half day: {', '.join(unknown)}")
    return MarketHours(tuple(hours), frozenset(day for day, known in hours.items() if known == (OPENS, CLOSES_EARLY)))


def as_toml(hours: MarketHours, last: date) -> str:
    """The text of the file: what differs from trading all day on every weekday."""
    closed = sorted(set(_weekdays(last)) - set(hours.sessions))
    return (
        "# The New York exchange by exchange_calendars; python -m ldtm_platform.market_hours writes this file.\n"
        f'exchange_calendars = "{version("exchange_calendars")}"\nlast = {last}\n'
        f"closed = [{_lines(closed)}]\nhalf_days = [{_lines(sorted(hours.half_days))}]\n"
    )


def _weekdays(last: date) -> Iterable[date]:
    days = (FIRST_DAY + timedelta(days=n) for n in range((last - FIRST_DAY).days + 1))
    return (day for day in days if day.weekday() < 5)


def _lines(days: list[date]) -> str:
    """A line a year."""
    years = sorted({day.year for day in days})
    return "\n" + "".join(f"  {', '.join(str(day) for day in days if day.year == year)},\n" for year in years)


if __name__ == "__main__":
    FILE.write_text(as_toml(from_package(LAST_KEPT), LAST_KEPT))
