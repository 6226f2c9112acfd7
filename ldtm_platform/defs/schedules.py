"""When things happen, in New York. Each schedule picks its session from the calendar and says why it skips.

A partitioned job's built-in schedule ignores the calendar's exclusions: Saturday's tick would ask for Monday's session.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial

import dagster as dg
import polars as pl

from ldtm_platform.defs import jobs
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import range_tags
from ldtm_platform.resources.database import Database
from ldtm_platform.sessions import NEW_YORK, is_session
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.evening import evening_of
from ldtm_platform.warehouse import reads

# Every schedule keeps New York's time and runs from the start.
in_new_york = partial(
    dg.schedule, execution_timezone="America/New_York", default_status=dg.DefaultScheduleStatus.RUNNING
)
CANARIES = ("NVDA", "TQQQ", "AAPL")
Request = dg.RunRequest | dg.SkipReason


def whole_universe() -> dict[str, str]:
    """The tags of one run that covers every ticker."""
    tickers = TICKERS.get_partition_keys()
    return range_tags(tickers[0], tickers[-1])


def _universe(database: Database) -> pl.DataFrame:
    """How far each ticker of the universe is; nulls for one that was never ingested."""
    return pl.DataFrame({"ticker": TICKERS.get_partition_keys()}).join(
        reads.freshness(database.engine()), on="ticker", how="left"
    )


def _on_sessions(tick: datetime, request: Callable[[date], Request]) -> Request:
    day = tick.astimezone(NEW_YORK).date()
    last = load_settings().last_session
    if last and day > last:
        return dg.SkipReason(f"the data end on {last} (LDTM_LAST_SESSION)")
    return request(day) if is_session(day) else dg.SkipReason(f"the exchange is closed on {day:%A %Y-%m-%d}")


@in_new_york(
    cron_schedule="0 18 * * 1-5",
    job=jobs.daily_ingest,
)
def weekdays_after_close(context: dg.ScheduleEvaluationContext) -> Request:
    """18:00 on trading days: ingest the day's bars and engineer their features."""
    return _on_sessions(context.scheduled_execution_time, lambda _: dg.RunRequest(tags=whole_universe()))


@in_new_york(
    cron_schedule="15 18 * * 1-5",
    job=jobs.daily_inference,
)
def weekdays_after_ingest(context: dg.ScheduleEvaluationContext) -> Request:
    """18:15 on trading days: forecast the day's session, write its snapshots, fill in what has matured."""
    return _on_sessions(
        context.scheduled_execution_time, lambda session: dg.RunRequest(partition_key=session.isoformat())
    )


@in_new_york(
    cron_schedule="30 18 * * 1-5",
    job=jobs.news,
)
def weekdays_for_news(context: dg.ScheduleEvaluationContext) -> Request:
    """18:30 on trading days: read the news feeds, where some are named."""
    if not load_settings().news:
        return dg.SkipReason("no news feed is named (LDTM_NEWS)")
    return _on_sessions(context.scheduled_execution_time, lambda _: dg.RunRequest())


@in_new_york(
    cron_schedule=["30,45 18 * * 1-5", "*/15 19-21 * * 1-5"],
    job=jobs.ingest_tickers,
)
def weekday_evenings_for_late_bars(context: dg.ScheduleEvaluationContext, database: Database) -> Request:
    """Until 21:45 on trading days: ask again for the day's bars of the tickers that still lack them."""

    def request(session: date) -> Request:
        halted = pl.col("ticker").is_in(reads.halted_tickers(database.engine(), session))
        known = _universe(database).filter(pl.col("state").ne_missing("delisted"))
        late = known.filter((pl.col("last_bar").is_null() | (pl.col("last_bar") < session)) & ~halted)
        if late.is_empty():
            return dg.SkipReason(f"every ticker has its bar of {session}")
        return dg.RunRequest(run_config={"ops": {"ingest": {"config": {"tickers": late["ticker"].to_list()}}}})

    return _on_sessions(context.scheduled_execution_time, request)


@in_new_york(
    cron_schedule=["35,50 18 * * 1-5", "5-59/15 19-21 * * 1-5"],
    job=jobs.daily_inference,
)
def weekday_evenings_for_late_forecasts(context: dg.ScheduleEvaluationContext, database: Database) -> Request:
    """Until 21:50 on trading days: forecast the day's session again for tickers whose bars came late.

    A run that died before the day's confidence and signal were stored is made up for as well.
    """

    def request(session: date) -> Request:
        ready = (pl.col("last_feature") == session) & pl.col("trained_through").is_not_null()
        late = _universe(database).filter(ready & pl.col("last_snapshot").ne_missing(session))
        if late.is_empty() and evening_of(database.engine(), session).is_complete:
            return dg.SkipReason(
                f"every ticker that can be forecast has its forecast of {session} and confidence in it, "
                "and the session its TQQQ signal, where it can have one"
            )
        return dg.RunRequest(partition_key=session.isoformat())

    return _on_sessions(context.scheduled_execution_time, request)


@in_new_york(
    cron_schedule="0 22 * * 1-5",
    job=jobs.train_tickers,
)
def weekday_nights_for_new_tickers(context: dg.ScheduleEvaluationContext, database: Database) -> Request:
    """22:00 on trading days: train the tickers that have features and no model yet, as one new in the universe."""

    def request(_: date) -> Request:
        known = _universe(database).filter(pl.col("state").ne_missing("delisted"))
        # Who had too little history waits for the monthly training.
        new = known.filter(
            pl.col("champion").is_null()
            & pl.col("last_feature").is_not_null()
            & pl.col("last_training_status").ne_missing("skipped")
        )
        if new.is_empty():
            return dg.SkipReason("every ticker that can be trained has a model")
        return dg.RunRequest(run_config={"ops": {"train": {"config": {"tickers": new["ticker"].to_list()}}}})

    return _on_sessions(context.scheduled_execution_time, request)


@in_new_york(
    cron_schedule="0 2 * * 6",
    job=jobs.canary_retrain,
)
def saturdays(context: dg.ScheduleEvaluationContext) -> Request:
    """02:00 on Saturdays: retrain the canaries."""
    canaries = [ticker for ticker in CANARIES if ticker in TICKERS.get_partition_keys()]
    if not canaries:
        return dg.SkipReason(f"none of {', '.join(CANARIES)} is in the universe")
    return dg.RunRequest(run_config={"ops": {"train": {"config": {"tickers": canaries}}}})


@in_new_york(
    cron_schedule="0 1 * * 0",
    job=jobs.full_retrain,
)
def first_sundays(context: dg.ScheduleEvaluationContext) -> Request:
    """01:00 on the month's first Sunday: retrain the universe. Cron cannot say that: `1-7 * 0` means either."""
    day = context.scheduled_execution_time.astimezone(NEW_YORK).date()
    if day.day > 7:
        return dg.SkipReason(f"{day} is not the first Sunday of its month")
    return dg.RunRequest(tags=whole_universe())


@in_new_york(
    cron_schedule="0 4 * * 0",
    job=jobs.prune_event_log,
)
def sundays(context: dg.ScheduleEvaluationContext) -> Request:
    """04:00 on Sundays: prune the event log."""
    return dg.RunRequest()
