"""The evening's second chances: bars that came late are asked for again, and forecast as soon as they are there."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.defs import schedules
from ldtm_platform.postgres.server import Connection
from ldtm_platform.resources.database import Database
from ldtm_platform.sessions import NEW_YORK
from ldtm_platform.stages.status import Problem, platform_status
from ldtm_platform.strategy.summary import FUNDS
from ldtm_platform_tests.defs.bench import Bench, bench

SESSION = date(2024, 7, 31)


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    with bench(server, template, tmp_path) as ready:
        yield ready


def tick(ready: Bench, schedule: dg.ScheduleDefinition, day: date = SESSION) -> dg.RunRequest | dg.SkipReason:
    at = datetime(day.year, day.month, day.day, 19, 0, tzinfo=NEW_YORK)
    with dg.build_schedule_context(
        ready.instance, scheduled_execution_time=at, resources={"database": Database()}
    ) as context:
        result = schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_the_tickers_that_lack_the_days_bar_are_asked_for_again(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", "AMGN", "APP").success
    request = tick(fleet, schedules.weekday_evenings_for_late_bars)
    assert isinstance(request, dg.RunRequest)
    tickers = request.run_config["ops"]["ingest"]["config"]["tickers"]
    assert len(tickers) == 103 - 3
    assert not {"AMGN", "AMZN", "APP"} & set(tickers)


def test_a_ticker_whose_bar_came_late_is_forecast_and_then_nothing_more_is_asked(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", "AMGN", "AMZN").success
    assert fleet.on_range("feature_engineering", "AMGN", "AMZN").success
    nothing = tick(fleet, schedules.weekday_evenings_for_late_forecasts)
    assert isinstance(nothing, dg.SkipReason)  # nobody is trained
    training = tick(fleet, schedules.weekday_nights_for_new_tickers)
    assert isinstance(training, dg.RunRequest)
    assert training.run_config["ops"]["train"]["config"] == {"tickers": ["AMGN", "AMZN"]}
    assert fleet.on_range("full_retrain", "AMGN", "AMZN").success
    trained = tick(fleet, schedules.weekday_nights_for_new_tickers)
    assert isinstance(trained, dg.SkipReason)
    assert trained.skip_message == "every ticker that can be trained has a model"
    request = tick(fleet, schedules.weekday_evenings_for_late_forecasts)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == SESSION.isoformat()
    assert fleet.run("daily_inference", partition=request.partition_key).success
    # Without bars of the funds the session can have no signal, and none is asked for.
    assert_nothing_is_asked(fleet)


def assert_nothing_is_asked(ready: Bench) -> None:
    done = tick(ready, schedules.weekday_evenings_for_late_forecasts)
    assert isinstance(done, dg.SkipReason)
    assert str(done.skip_message).startswith("every ticker that can be forecast has its forecast of 2024-07-31 and")


def test_what_a_run_that_died_left_undone_is_told_and_asked_for_again(fleet: Bench) -> None:
    for job in ("market_data_ingest", "feature_engineering", "full_retrain"):
        assert fleet.on_range(job, "AMGN", "AMGN").success
    for fund in FUNDS:
        assert fleet.run("market_data_ingest", partition=fund).success
    day = SESSION.isoformat()
    assert fleet.run("daily_inference", partition=day).success
    assert_nothing_is_asked(fleet)
    tickers = ("AMGN", *FUNDS)
    complete = platform_status(fleet.engine, tickers, SESSION).problems
    left = {
        "ldtm_confidence": f"1 tickers: no confidence in the forecast of {day}: AMGN",
        "tqqq_signals": f"no TQQQ signal of {day}",
    }
    for table, what in left.items():
        with fleet.engine.begin() as connection:
            stored = connection.execute(sa.text(f"DELETE FROM {table}")).rowcount
        assert set(platform_status(fleet.engine, tickers, SESSION).problems) == {
            *complete,
            Problem(what, "ldtm pipeline"),
        }
        request = tick(fleet, schedules.weekday_evenings_for_late_forecasts)
        assert isinstance(request, dg.RunRequest)
        assert fleet.run("daily_inference", partition=request.partition_key).success
        with fleet.engine.connect() as connection:
            assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one() == stored > 0
        assert_nothing_is_asked(fleet)
    assert platform_status(fleet.engine, tickers, SESSION).problems == complete


def test_a_delisted_ticker_is_not_late(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", "AMGN", "APP").success
    with fleet.engine.begin() as connection:
        gone = "UPDATE market_data_status SET state = 'delisted', last_date = '2024-06-28' WHERE ticker = 'AMZN'"
        connection.execute(sa.text(gone))
        connection.execute(sa.text("DELETE FROM market_data_daily WHERE ticker = 'AMZN' AND date > '2024-06-28'"))
    request = tick(fleet, schedules.weekday_evenings_for_late_bars)
    assert isinstance(request, dg.RunRequest)
    assert "AMZN" not in request.run_config["ops"]["ingest"]["config"]["tickers"]


def test_closed_days_are_skipped(fleet: Bench) -> None:
    skipped = tick(fleet, schedules.weekday_evenings_for_late_bars, date(2024, 7, 4))
    assert isinstance(skipped, dg.SkipReason)
    assert "the exchange is closed" in str(skipped.skip_message)
