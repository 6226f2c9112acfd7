"""What sessions that were forecast lack of what their evening owes: confidence in the forecasts, and a TQQQ signal."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse.frames import selected

# Of what evaluation/evidence.py scores: forecasts with a finite logarithm that were not made in sample.
_HONEST = """
FROM ldtm_daily_snapshots s
CROSS JOIN LATERAL (VALUES
    ('next_day', s.next_day_close_pred), ('next_monday', s.next_monday_close_pred),
    ('one_month', s.one_month_close_pred)
) made(horizon, close)
WHERE NOT s.in_sample AND s.run_date_close > 0 AND made.close > 0 AND made.close < 'Infinity'"""

_UNSCORED = f"""
SELECT run_date, ticker FROM (SELECT DISTINCT s.run_date, s.ticker {_HONEST}
  AND s.run_date = ANY(cast(:sessions AS date[]))
  AND NOT EXISTS (SELECT 1 FROM ldtm_confidence c
                  WHERE c.run_date = s.run_date AND c.ticker = s.ticker AND c.horizon = made.horizon)) AS unscored
ORDER BY run_date, ticker COLLATE "C"
"""

# A scalar for each session, because EXISTS would be turned into a look at every row.
_UNSCORED_SESSIONS = f"""
SELECT asked.session FROM unnest(cast(:sessions AS date[])) AS asked(session)
WHERE (SELECT 1 FROM ldtm_confidence c WHERE c.run_date = asked.session LIMIT 1) IS NULL
  AND (SELECT 1 {_HONEST} AND s.run_date = asked.session LIMIT 1) = 1
ORDER BY asked.session"""

_TRADED_SESSIONS = """
SELECT asked.session FROM unnest(cast(:sessions AS date[])) AS asked(session)
WHERE (SELECT count(*) FROM market_data_daily b
       WHERE b.date = asked.session AND b.ticker = ANY(cast(:funds AS text[]))) = cardinality(cast(:funds AS text[]))
ORDER BY asked.session"""


def unscored(engine: sa.Engine, sessions: Sequence[date]) -> pl.DataFrame:
    """The forecasts of these sessions, not made in sample, that lack some of their confidence: run_date, ticker."""
    return selected(engine, _UNSCORED, sessions=list(sessions))


def unscored_sessions(engine: sa.Engine, forecast: Sequence[date]) -> list[date]:
    """Those of the forecast sessions, oldest first, that have no confidence and should: two looks a session."""
    return selected(engine, _UNSCORED_SESSIONS, sessions=list(forecast))["session"].to_list()


def unsignalled_sessions(engine: sa.Engine, forecast: Sequence[date], funds: Sequence[str]) -> list[date]:
    """Those of the forecast sessions after the first signal that have bars of the funds and no signal.

    Before the first signal the history may be too short for one, and after it is not.
    """
    signalled = selected(engine, "SELECT session FROM tqqq_signals ORDER BY session")["session"].to_list()
    without = sorted({day for day in forecast if signalled and day > signalled[0]}.difference(signalled))
    return selected(engine, _TRADED_SESSIONS, sessions=without, funds=list(funds))["session"].to_list()
