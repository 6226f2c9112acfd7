"""Hourly bars find their session, grid and end: on full and half days, across clock changes, and where grids meet."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ldtm_platform.prices.hourly.bars import SortedHours, sort_hours
from ldtm_platform.sessions import FINAL_AFTER_CLOSE, NEW_YORK, session_close, sessions_between
from ldtm_platform_tests.hourly_bars import Grid, bars_at, starts

NOTHING = pl.DataFrame(schema={"ticker": pl.String, "date": pl.Date, "grid": pl.String})
LATER = datetime(2027, 1, 1, tzinfo=UTC)
FULL = date(2024, 7, 2)
HALF = date(2024, 7, 3)
ON_THE_HOUR = ("09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00")
FROM_THE_OPENING = ("09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30")


def sorted_at(*clocks: str, day: date = FULL, begun: pl.DataFrame = NOTHING, segment: str = "") -> SortedHours:
    return sort_hours(bars_at([(day, clock) for clock in clocks], segment=segment), begun, LATER)


def in_new_york(good: pl.DataFrame, column: str) -> list[str]:
    return good[column].dt.convert_time_zone("America/New_York").dt.strftime("%H:%M").to_list()


def ends(good: pl.DataFrame) -> list[str]:
    return in_new_york(good.with_columns(end=pl.col("known_at") - FINAL_AFTER_CLOSE), "end")


@pytest.mark.parametrize(
    ("clocks", "grid", "ended"),
    [
        (ON_THE_HOUR, "hour", ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        (FROM_THE_OPENING, "half_hour", ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]),
    ],
)
def test_the_opening_bar_is_as_long_as_its_sessions_grid_makes_it(
    clocks: tuple[str, ...], grid: str, ended: list[str]
) -> None:
    good = sorted_at(*clocks).good
    assert good["grid"].unique().to_list() == [grid]
    assert ends(good) == ended
    assert not good["is_extended"].any()


@pytest.mark.parametrize(
    ("clocks", "ended"),
    [
        (ON_THE_HOUR[:4], ["10:00", "11:00", "12:00", "13:00"]),
        (FROM_THE_OPENING[:4], ["10:30", "11:30", "12:30", "13:00"]),
    ],
)
def test_the_last_bar_of_a_half_day_ends_with_it(clocks: tuple[str, ...], ended: list[str]) -> None:
    assert ends(sorted_at(*clocks, day=HALF).good) == ended


def test_what_comes_after_an_early_close_is_left_out() -> None:
    found = sorted_at(*ON_THE_HOUR, day=HALF)
    assert in_new_york(found.good, "start_at") == list(ON_THE_HOUR[:4])
    assert found.left_out == {"outside the session's hours": 3}


@pytest.mark.parametrize("grid", ["hour", "half_hour"])
def test_every_session_of_three_years_of_clock_changes_and_half_days_has_its_bars(grid: Grid) -> None:
    sessions = sessions_between(date(2023, 1, 1), date(2026, 1, 1))
    clocks = [(day, f"{start.astimezone(NEW_YORK):%H:%M}") for day in sessions for start in starts(day, grid)]
    found = sort_hours(bars_at(clocks), NOTHING, LATER)
    assert found.bad.is_empty()
    assert found.left_out == {}
    assert found.good["date"].to_list() == [day for day, _ in clocks]
    assert found.good["grid"].unique().to_list() == [grid]
    last = found.good.group_by("date").agg(pl.col("known_at").max()).sort("date")
    assert last["known_at"].to_list() == [session_close(day) + FINAL_AFTER_CLOSE for day in sessions]


def test_the_same_hour_of_new_york_is_another_one_of_utc_after_a_clock_change() -> None:
    friday, monday = date(2024, 11, 1), date(2024, 11, 4)
    good = sort_hours(bars_at([(friday, "10:00"), (monday, "10:00")]), NOTHING, LATER).good
    assert good["start_at"].dt.hour().to_list() == [14, 15]
    assert good["date"].to_list() == [friday, monday]


def test_days_without_trading_are_quarantined() -> None:
    days = [(date(2024, 7, 4), "10:00"), (date(2024, 7, 6), "10:00"), (date(2025, 1, 9), "10:00")]
    found = sort_hours(bars_at(days), NOTHING, LATER)
    assert found.good.is_empty()
    assert found.bad["reason"].unique().to_list() == ["the date is no session of the exchange"]
    assert found.bad["date"].to_list() == [day for day, _ in days]


@pytest.mark.parametrize("clock", ["10:15", "10:00:30", "00:00", "20:00", "03:00"])
def test_a_start_on_no_grid_is_quarantined(clock: str) -> None:
    found = sorted_at("11:00", clock)
    assert in_new_york(found.good, "start_at") == ["11:00"]
    assert found.bad["reason"].to_list() == ["the start is on no grid of hourly bars"]


def test_early_and_late_trading_is_left_out_and_the_bar_that_holds_some_is_flagged() -> None:
    found = sorted_at("04:00", "08:00", "09:00", *ON_THE_HOUR[1:], "16:00", "19:00")
    assert in_new_york(found.good, "start_at") == ["09:00", *ON_THE_HOUR[1:]]
    assert found.good["is_extended"].to_list() == [True] + [False] * 6
    assert ends(found.good)[0] == "10:00"
    assert found.left_out == {"outside the session's hours": 4}


def test_a_last_bar_that_goes_on_into_late_trading_is_known_later_and_flagged() -> None:
    good = sorted_at(*FROM_THE_OPENING, "16:30").good
    assert ends(good)[-2:] == ["15:30", "16:30"]
    assert good["is_extended"].to_list() == [False] * 6 + [True]


def test_the_bar_from_the_opening_wins_over_one_with_early_trading() -> None:
    found = sorted_at("09:00", *ON_THE_HOUR)
    assert in_new_york(found.good, "start_at") == list(ON_THE_HOUR)
    assert sum(found.left_out.values()) == 1


def test_an_opening_bar_alone_is_left_out_because_nothing_tells_its_length() -> None:
    found = sorted_at("09:30")
    assert found.good.is_empty()
    assert found.left_out == {"of a grid that the session's other bars do not tell": 1}


def two_series(first: tuple[str, ...], second: tuple[str, ...]) -> SortedHours:
    one = bars_at([(FULL, clock) for clock in first], segment="one")
    two = bars_at([(FULL, clock) for clock in second], segment="two")
    return sort_hours(pl.concat([two, one]), NOTHING, LATER)


def test_of_two_series_of_a_session_the_one_that_covers_more_is_kept_whole() -> None:
    found = two_series(ON_THE_HOUR[:5], FROM_THE_OPENING)
    assert found.good["segment"].unique().to_list() == ["two"]
    assert in_new_york(found.good, "start_at") == list(FROM_THE_OPENING)
    assert found.left_out == {"on another grid or in another segment than the session": 5}
    assert found.bad.is_empty()


def test_of_two_that_cover_as_much_the_one_on_the_hour_is_kept() -> None:
    found = two_series(FROM_THE_OPENING, ON_THE_HOUR)
    assert found.good.select("grid", "segment").unique().rows() == [("hour", "two")]


def test_grids_mixed_in_one_series_are_taken_apart_without_the_opening_bar() -> None:
    found = sorted_at(*ON_THE_HOUR, "10:30", "11:30")
    assert in_new_york(found.good, "start_at") == list(ON_THE_HOUR[1:])
    assert set(found.left_out.values()) == {1, 2}


def test_a_session_goes_on_with_the_grid_that_it_was_begun_with() -> None:
    begun = pl.DataFrame([("AAA", FULL, "half_hour")], schema=NOTHING.schema, orient="row")
    found = sorted_at(*ON_THE_HOUR, begun=begun)
    assert found.good.is_empty()
    assert found.left_out == {"on another grid or in another segment than the session": 7}
    assert sorted_at(*FROM_THE_OPENING, begun=begun).good.height == 7
    assert sorted_at(*ON_THE_HOUR, day=HALF, begun=begun).good.height == 4


@pytest.mark.parametrize(
    ("clock", "final"),
    [("10:59", 0), ("11:00", 1), ("11:59", 1), ("12:00", 2), ("16:59", 6), ("17:00", 7)],
)
def test_the_running_hour_and_those_within_the_delay_are_refused(clock: str, final: int) -> None:
    now = datetime.fromisoformat(f"{FULL} {clock}").replace(tzinfo=NEW_YORK)
    found = sort_hours(bars_at([(FULL, start) for start in ON_THE_HOUR]), NOTHING, now)
    assert in_new_york(found.good, "start_at") == list(ON_THE_HOUR[:final])
    assert found.bad["reason"].to_list() == ["the bar was not final: it counts 60 minutes after its end"] * (7 - final)


def test_real_bars_of_four_years_are_all_placed_on_one_grid(shared_data: Path) -> None:
    real = pl.read_parquet(shared_data / "hourly.parquet").rename({"ts": "start_at"})
    found = sort_hours(real, NOTHING, LATER)
    assert found.bad.is_empty()
    assert found.left_out == {}
    assert found.good.height == real.height == 44_130
    assert found.good["grid"].unique().to_list() == ["hour"]
    minutes = (found.good["known_at"] - found.good["start_at"] - FINAL_AFTER_CLOSE).dt.total_minutes()
    # The bar from 09:30 is half an hour, on all 1,055 sessions of six tickers.
    assert minutes.value_counts().sort(minutes.name).rows() == [(30, 6_330), (60, 37_800)]


def test_real_bars_moved_onto_the_other_grid_midway_keep_each_their_own(shared_data: Path) -> None:
    """The second half as Yahoo would have cut it: from the opening on."""
    real = pl.read_parquet(shared_data / "hourly.parquet").rename({"ts": "start_at"}).filter(ticker="AAPL")
    change = date(2024, 1, 2)
    local = pl.col("start_at").dt.convert_time_zone("America/New_York")
    later = pl.when((local.dt.date() >= change) & (local.dt.minute() == 0)).then(timedelta(minutes=30))
    moved = real.with_columns(start_at=pl.col("start_at") + later.otherwise(timedelta()))
    good = sort_hours(moved, NOTHING, LATER).good
    assert good.height == real.height
    assert good.filter(pl.col("date") < change)["grid"].unique().to_list() == ["hour"]
    assert good.filter(pl.col("date") >= change)["grid"].unique().to_list() == ["half_hour"]
