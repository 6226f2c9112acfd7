"""What only the metrics ask for: counts that are cheap enough for every scrape."""

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse.frames import selected

_PENDING = """
SELECT target.horizon, count(*) AS targets
FROM ldtm_daily_snapshots s
CROSS JOIN LATERAL (VALUES
    ('next_day', s.next_day_target_date, s.next_day_actual),
    ('next_monday', s.next_monday_target_date, s.next_monday_actual),
    ('one_month', s.one_month_target_date, s.one_month_actual)
) target(horizon, date, actual)
WHERE (s.next_day_actual IS NULL OR s.next_monday_actual IS NULL OR s.one_month_actual IS NULL)
  AND target.date IS NOT NULL AND target.actual IS NULL
  AND NOT EXISTS (SELECT 1 FROM market_data_daily b WHERE b.ticker = s.ticker AND b.date >= target.date)
GROUP BY target.horizon
ORDER BY array_position(ARRAY['next_day', 'next_monday', 'one_month'], target.horizon)"""

_RUNS = """
SELECT mode, status, count(*) AS runs FROM ldtm_run_log
WHERE run_at > now() - interval '24 hours' GROUP BY mode, status ORDER BY mode, status"""

_NEWS = """
SELECT (SELECT max(published_at) FROM news_headlines) AS newest, (SELECT max(checked_at) FROM news_feeds) AS checked"""


def pending_targets(engine: sa.Engine) -> pl.DataFrame:
    """Open targets whose session the ticker's bars have not reached: horizon, targets."""
    return selected(engine, _PENDING)


def runs_of_a_day(engine: sa.Engine) -> pl.DataFrame:
    """The run log's rows of the last 24 hours: mode, status, runs."""
    return selected(engine, _RUNS)


def news_times(engine: sa.Engine) -> pl.DataFrame:
    """One row: when the newest headline appeared, and when a feed was last read; null where never."""
    return selected(engine, _NEWS)
