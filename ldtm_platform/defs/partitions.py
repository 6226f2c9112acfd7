"""The two partition axes: tickers and sessions. Never their product (103 tickers x 264 sessions a year freeze the UI).

This is the one place that reads settings when it is imported: Dagster wants partitions at load, and reloading the
definitions is how a user's edit of the universe file takes effect.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ldtm_platform.sessions import is_session
from ldtm_platform.settings import Settings, load_settings
from ldtm_platform.universe import load_universe


def ticker_partitions(settings: Settings) -> dg.StaticPartitionsDefinition:
    """One partition a ticker, alphabetically."""
    return dg.StaticPartitionsDefinition(list(load_universe(settings.universe).tickers))


def session_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """One partition a trading session of New York, today's included before its day is over.

    Weekends are excluded by cron and holidays one by one: a Monday-to-Friday cron would give Friday a window that ends
    on Monday, so that Friday's partition would not exist on Friday evening.
    """
    start, horizon = settings.sessions_start, datetime.now(UTC).date() + timedelta(days=366)
    days = [start + timedelta(days=n) for n in range((horizon - start).days)]
    holidays = [datetime(d.year, d.month, d.day) for d in days if d.weekday() < 5 and not is_session(d)]  # noqa: DTZ001
    last = settings.last_session
    return dg.TimeWindowPartitionsDefinition(
        start=start.isoformat(),
        end=(last + timedelta(days=1)).isoformat() if last else None,
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * *",
        timezone="America/New_York",
        exclusions=["0 0 * * 6", "0 0 * * 0", *holidays],
        end_offset=0 if last else 1,
    )


_settings = load_settings()
TICKERS = ticker_partitions(_settings)
SESSIONS = session_partitions(_settings)
