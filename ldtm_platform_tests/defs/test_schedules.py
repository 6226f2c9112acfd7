"""The schedules: each asks for the right day, and says why it skips."""

from datetime import date, datetime

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._utils.schedules import schedule_execution_time_iterator

from ldtm_platform.defs import schedules
from ldtm_platform.sessions import NEW_YORK

WEDNESDAY = date(2026, 11, 25)
THANKSGIVING = date(2026, 11, 26)
HALF_DAY = date(2026, 11, 27)


def tick(schedule: dg.ScheduleDefinition, day: date, hour: int, minute: int = 0) -> dg.RunRequest | dg.SkipReason:
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at)
        result = schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_ingest_asks_for_the_whole_universe_in_one_run() -> None:
    request = tick(schedules.weekdays_after_close, WEDNESDAY, 18)
    assert isinstance(request, dg.RunRequest)
    assert request.tags[ASSET_PARTITION_RANGE_START_TAG] == "AAPL"
    assert request.tags[ASSET_PARTITION_RANGE_END_TAG] == "ZS"


@pytest.mark.parametrize("day", [WEDNESDAY, HALF_DAY, date(2026, 10, 30), date(2026, 11, 2)])
def test_inference_asks_for_the_day_of_the_tick_on_half_days_and_across_a_clock_change(day: date) -> None:
    request = tick(schedules.weekdays_after_ingest, day, 18, 15)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == day.isoformat()


@pytest.mark.parametrize("schedule", [schedules.weekdays_after_close, schedules.weekdays_after_ingest])
def test_closed_days_are_skipped_with_the_reason(schedule: dg.ScheduleDefinition) -> None:
    skipped = tick(schedule, THANKSGIVING, 18)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "the exchange is closed on Thursday 2026-11-26"


def test_nothing_is_asked_for_after_the_end_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDTM_LAST_SESSION", "2013-03-01")
    skipped = tick(schedules.weekdays_after_ingest, WEDNESDAY, 18)
    assert isinstance(skipped, dg.SkipReason)
    assert "2013-03-01" in str(skipped.skip_message)


def test_the_full_retrain_runs_on_the_first_sunday_of_each_month_only() -> None:
    sundays = [date(2026, 11, day) for day in (1, 8, 15, 22, 29)] + [date(2026, 12, 6)]
    asked = [day for day in sundays if isinstance(tick(schedules.first_sundays, day, 1), dg.RunRequest)]
    assert asked == [date(2026, 11, 1), date(2026, 12, 6)]
    skipped = tick(schedules.first_sundays, date(2026, 11, 8), 1)
    assert isinstance(skipped, dg.SkipReason)
    assert "not the first Sunday" in str(skipped.skip_message)


def test_news_are_read_where_a_feed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = tick(schedules.weekdays_for_news, WEDNESDAY, 18, 30)
    assert isinstance(skipped, dg.SkipReason)
    assert "LDTM_NEWS" in str(skipped.skip_message)
    monkeypatch.setenv("LDTM_NEWS", "yahoo")
    assert isinstance(tick(schedules.weekdays_for_news, WEDNESDAY, 18, 30), dg.RunRequest)
    assert isinstance(tick(schedules.weekdays_for_news, THANKSGIVING, 18, 30), dg.SkipReason)


def test_saturdays_retrain_the_three_canaries() -> None:
    request = tick(schedules.saturdays, date(2026, 11, 28), 2)
    assert isinstance(request, dg.RunRequest)
    assert request.run_config == {"ops": {"train": {"config": {"tickers": ["NVDA", "TQQQ", "AAPL"]}}}}


@pytest.mark.parametrize(
    ("schedule", "start", "expected"),
    [
        (schedules.weekdays_after_close, date(2026, 10, 30), ["10-30 18:00", "11-02 18:00", "11-03 18:00"]),
        (schedules.weekdays_after_ingest, date(2026, 3, 6), ["03-06 18:15", "03-09 18:15", "03-10 18:15"]),
        (schedules.weekdays_for_news, date(2026, 10, 30), ["10-30 18:30", "11-02 18:30", "11-03 18:30"]),
        (schedules.saturdays, date(2026, 3, 6), ["03-07 02:00", "03-14 02:00", "03-21 02:00"]),
        # 01:00 comes twice on 2026-11-01, when clocks go back; the retrain is asked for once.
        (schedules.first_sundays, date(2026, 10, 31), ["11-01 01:00", "11-08 01:00", "11-15 01:00"]),
    ],
)
def test_ticks_keep_new_york_time_across_clock_changes(
    schedule: dg.ScheduleDefinition, start: date, expected: list[str]
) -> None:
    midnight = datetime(start.year, start.month, start.day, tzinfo=NEW_YORK)
    cron = schedule.cron_schedule
    assert isinstance(cron, str)
    ticks = schedule_execution_time_iterator(midnight.timestamp(), cron, schedule.execution_timezone)
    assert [f"{next(ticks).astimezone(NEW_YORK):%m-%d %H:%M}" for _ in expected] == expected
