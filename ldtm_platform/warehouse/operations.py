"""What the operations page asks for: the last runs by the run log, and what each news feed brought."""

import polars as pl
import sqlalchemy as sa

from ldtm_platform.warehouse.frames import selected

# A run of the whole universe has a row a ticker: so many rows are the runs of about two months.
_NEWEST_ROWS = 6_000

# A replay of a year has 26,000 rows of forecasts: the newest training of each ticker is looked up beside them.
_RUNS = f"""
WITH last_trained AS (
    SELECT max(id) AS id FROM ldtm_run_log WHERE mode = 'train' GROUP BY ticker
), newest AS (
    SELECT * FROM ldtm_run_log WHERE id > (SELECT max(id) FROM ldtm_run_log) - {_NEWEST_ROWS}
    UNION
    SELECT * FROM ldtm_run_log WHERE id IN (SELECT id FROM last_trained)
    UNION
    SELECT * FROM ldtm_run_log WHERE mode = 'train'
        AND dagster_run_id IN (SELECT dagster_run_id FROM ldtm_run_log JOIN last_trained USING (id))
)
SELECT max(run_at) AS ended_at, mode, min(run_date) AS first_session, max(run_date) AS last_session,
       count(DISTINCT run_date) AS sessions, count(DISTINCT ticker) AS tickers,
       count(*) FILTER (WHERE status = 'success') AS done,
       count(*) FILTER (WHERE status = 'skipped') AS skipped,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       sum(duration_sec) AS model_sec,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_sec) FILTER (WHERE status = 'success') AS median_sec,
       max(duration_sec) AS longest_sec,
       min(ticker || ': ' || error_msg) FILTER (WHERE status = 'failed') AS first_failure,
       min(ticker || ': ' || error_msg) FILTER (WHERE status = 'skipped') AS first_skip,
       dagster_run_id
FROM newest
GROUP BY mode, dagster_run_id, CASE WHEN dagster_run_id IS NULL THEN run_date END
ORDER BY max(id) DESC
LIMIT :last"""

_FEEDS = """
SELECT feed, count(*) AS headlines, count(*) FILTER (WHERE fetched_at > now() - interval '7 days') AS new_7d,
       max(published_at) AS newest, max(fetched_at) AS last_new
FROM news_headlines
GROUP BY feed
ORDER BY feed"""

_FEEDS_READ = "SELECT count(*) AS addresses, max(checked_at) AS checked_at FROM news_feeds"


def recent_runs(engine: sa.Engine, *, last: int) -> pl.DataFrame:
    """The newest trainings and forecasts by the run log, newest first, a row a run: a replay of many sessions is one.

    Of a run longer than the rows that are looked at, what is in them. Columns: ended_at, mode, first_session,
    last_session, sessions, tickers, done (a ticker each session), skipped, failed, model_sec (of all tickers),
    median_sec and longest_sec (of a ticker), first_failure, first_skip, dagster_run_id.
    """
    return selected(engine, _RUNS, last=last)


def feeds(engine: sa.Engine) -> pl.DataFrame:
    """Each feed that ever had a headline: feed, headlines, new_7d, newest (published), last_new (fetched)."""
    return selected(engine, _FEEDS)


def feeds_read(engine: sa.Engine) -> pl.DataFrame:
    """One row: how many feed addresses are known, and when one was last read."""
    return selected(engine, _FEEDS_READ)
