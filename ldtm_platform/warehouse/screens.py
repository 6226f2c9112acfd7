"""What the dashboard's pages draw, and no more: each query reads one ticker, one session or one month by an index.

Measured on 260,000 snapshots of 103 tickers: 1 to 5 ms a query (the whole view ldtm_model_cards takes 700 ms: a card
is read for one ticker). Frames are small; types are the database's, also when there is no row.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse import queries
from ldtm_platform.warehouse.frames import selected

_TICKER_HISTORY = """
SELECT run_date, run_date_close,
       next_day_close_pred, next_day_target_date, next_day_actual,
       next_monday_close_pred, next_monday_target_date, next_monday_actual,
       one_month_close_pred, one_month_target_date, one_month_actual,
       next_day_direction_correct, model_version, in_sample, is_replay
FROM ldtm_daily_snapshots
WHERE ticker = :ticker AND run_date <= coalesce(cast(:session AS date), 'infinity')
ORDER BY run_date DESC LIMIT :last"""

_MODEL_CARD = f"""{queries.MODEL_CARD}
FROM ldtm_model_cards
WHERE ticker = :ticker"""

_CLOSES = """
SELECT ticker, date, close FROM market_data_daily
WHERE ticker = ANY(cast(:tickers AS text[])) AND date BETWEEN :start AND coalesce(cast(:end AS date), 'infinity')
ORDER BY ticker, date"""

# The snapshots before and after by index, not a list of all sessions.
_SESSIONS_AROUND = """
SELECT (SELECT max(run_date) FROM ldtm_daily_snapshots
        WHERE run_date < :session AND ticker = coalesce(:ticker, ticker)) AS before,
       (SELECT min(run_date) FROM ldtm_daily_snapshots
        WHERE run_date > :session AND ticker = coalesce(:ticker, ticker)) AS after,
       (SELECT min(run_date) FROM ldtm_daily_snapshots) AS first,
       (SELECT max(run_date) FROM ldtm_daily_snapshots) AS last"""

_PROPOSED_SESSION = """
SELECT coalesce((SELECT max(run_date) FROM ldtm_daily_snapshots WHERE run_date <= cast(:session AS date)),
                (SELECT max(run_date) FROM ldtm_daily_snapshots WHERE cast(:session AS date) IS NULL),
                (SELECT min(run_date) FROM ldtm_daily_snapshots)) AS session"""

_FORECAST_TICKERS = """
SELECT ticker FROM ldtm_daily_snapshots
WHERE run_date = (SELECT max(run_date) FROM ldtm_daily_snapshots) ORDER BY ticker COLLATE "C"
"""

_TICKER_CONFIDENCE = """
SELECT run_date, ticker, horizon, score, evaluated, replayed, evidence, hits, directions, wilson_low, wilson_high,
       base_rate, prior_strength, p_dir, rel_mae, rel_mae_log_se, p_err, strength, half_width, coverage, promises
FROM ldtm_confidence WHERE ticker = :ticker AND run_date = :session"""

# What a fair comparison needs beside ldtm_accuracy_30d, over the same window.
_DIRECTIONS_30D = """
SELECT ticker, count(*) FILTER (WHERE next_day_direction_actual = 'UP') AS ups,
       count(next_day_direction_actual) AS moves, min(run_date) AS first_run_date, max(run_date) AS last_run_date
FROM ldtm_errors_30d
WHERE next_day_pct_error IS NOT NULL
GROUP BY ticker"""

_LOSSES_30D = """
SELECT run_date, count(*) AS n, sum(abs_log_error) AS own, sum(persistence_abs_log_error) AS naive
FROM ldtm_errors_30d
WHERE abs_log_error IS NOT NULL AND ticker = ANY(cast(:tickers AS text[]))
GROUP BY run_date
ORDER BY run_date"""


def ticker_history(engine: sa.Engine, ticker: str, *, session: date | None, last: int) -> pl.DataFrame:
    """The newest snapshots of a ticker up to a session (to the latest when None), at most `last`; oldest first."""
    return selected(engine, _TICKER_HISTORY, ticker=ticker, session=session, last=last).reverse()


def model_card(engine: sa.Engine, ticker: str) -> pl.DataFrame:
    """The model card of a ticker, or no row; `skill` is JSON text: {"validation": {horizon: skill}, "test": ...}."""
    return selected(engine, _MODEL_CARD, ticker=ticker)


def closes(engine: sa.Engine, tickers: Sequence[str], *, start: date, end: date | None = None) -> pl.DataFrame:
    """Raw closes (ticker, date, close) of both days and between them; to the newest when `end` is None."""
    return selected(engine, _CLOSES, tickers=list(tickers), start=start, end=end)


def sessions_around(engine: sa.Engine, session: date, ticker: str | None = None) -> dict[str, date | None]:
    """The forecast sessions `before` and `after` one (of a ticker, or of any), and the `first` and `last` of all."""
    frame = selected(engine, _SESSIONS_AROUND, session=session, ticker=ticker)
    return frame.row(0, named=True)


def session_at(engine: sa.Engine, session: date | None) -> date | None:
    """The last forecast session up to a day (of all when None), or the first after it; None without any forecast."""
    found: date | None = selected(engine, _PROPOSED_SESSION, session=session).item()
    return found


def forecast_tickers(engine: sa.Engine) -> list[str]:
    """The tickers that the latest forecast session has, alphabetically."""
    return selected(engine, _FORECAST_TICKERS)["ticker"].to_list()


def ticker_confidence(engine: sa.Engine, ticker: str, session: date) -> pl.DataFrame:
    """The confidence of a ticker's forecasts of a session, a row a horizon; columns as reads.confidence gives them."""
    return selected(engine, _TICKER_CONFIDENCE, ticker=ticker, session=session)


def directions_30d(engine: sa.Engine) -> pl.DataFrame:
    """Of each ticker in ldtm_accuracy_30d: how often it rose (ups) of how many moves, and over which sessions."""
    return selected(engine, _DIRECTIONS_30D)


def losses_30d(engine: sa.Engine, tickers: Sequence[str]) -> pl.DataFrame:
    """The next-day losses of some tickers together, a row a session: run_date, n, own, naive (see comparison.py)."""
    return selected(engine, _LOSSES_30D, tickers=list(tickers))
