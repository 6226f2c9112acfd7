"""The calendar and the targets of a session."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ldtm_platform.horizons import HORIZONS, SESSIONS_A_MONTH, targets, targets_frame
from ldtm_platform.sessions import (
    NEW_YORK,
    NotASession,
    is_final,
    is_session,
    latest_final_session,
    next_session,
    session_close,
    session_hours,
    session_offset,
    sessions_between,
)

THANKSGIVING = date(2026, 11, 26)
HALF_DAY = date(2026, 11, 27)
# President Carter's funeral: the exchange closed with a week's notice.
AD_HOC_CLOSURE = date(2025, 1, 9)


@pytest.mark.parametrize(
    ("session", "next_day", "next_monday", "one_month"),
    [
        (date(2026, 4, 22), date(2026, 4, 23), date(2026, 4, 27), date(2026, 5, 21)),
        (date(2026, 4, 24), date(2026, 4, 27), date(2026, 4, 27), date(2026, 5, 26)),
        # Monday 2026-05-25 is Memorial Day: skipped for the Monday after, never moved to Tuesday.
        (date(2026, 5, 20), date(2026, 5, 21), date(2026, 6, 1), date(2026, 6, 22)),
    ],
)
def test_targets_are_the_golden_dates(session: date, next_day: date, next_monday: date, one_month: date) -> None:
    assert targets(session) == {"next_day": next_day, "next_monday": next_monday, "one_month": one_month}


def test_the_target_rules_hold_for_every_session_of_2015_to_2027() -> None:
    sessions = sessions_between(date(2015, 1, 1), date(2028, 1, 1))
    assert len(sessions) > 3200
    every = sessions_between(date(2015, 1, 1), date(2028, 6, 1))
    for at, session in enumerate(sessions):
        target = targets(session)
        assert target["next_day"] == every[at + 1]
        assert target["one_month"] == every[at + SESSIONS_A_MONTH]
        monday = target["next_monday"]
        assert monday.weekday() == 0
        assert is_session(monday)
        between = [session + timedelta(days=n) for n in range(1, (monday - session).days)]
        assert not any(day.weekday() == 0 and is_session(day) for day in between)


def test_targets_frame_says_the_same_as_targets() -> None:
    frame = targets_frame(date(2024, 1, 1), date(2025, 1, 1))
    assert frame.columns == ["date", *HORIZONS]
    assert all(targets(row["date"]) == {h: row[h] for h in HORIZONS} for row in frame.rows(named=True))


def test_targets_of_a_closed_day_are_refused() -> None:
    with pytest.raises(NotASession, match="2026-11-26"):
        targets(THANKSGIVING)


def test_holidays_weekends_and_ad_hoc_closures_do_not_trade() -> None:
    assert not is_session(THANKSGIVING)
    assert not is_session(AD_HOC_CLOSURE)
    assert not is_session(date(2026, 11, 21))
    assert is_session(HALF_DAY)
    assert next_session(date(2026, 11, 25)) == HALF_DAY
    assert session_offset(HALF_DAY, -1) == date(2026, 11, 25)
    assert sessions_between(date(2026, 11, 25), date(2026, 11, 30)) == [date(2026, 11, 25), HALF_DAY]


def test_the_hours_of_sessions_follow_clock_changes_and_early_closes() -> None:
    hours = {day: (opens, closes) for day, opens, closes in session_hours(date(2026, 10, 30), date(2026, 11, 30))}
    assert hours[date(2026, 10, 30)][0].hour == 13
    assert hours[date(2026, 11, 2)][0].hour == 14
    assert hours[HALF_DAY] == (at(HALF_DAY, 9, 30), at(HALF_DAY, 13))
    assert THANKSGIVING not in hours
    assert session_hours(THANKSGIVING, HALF_DAY) == []


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def test_a_bar_is_final_an_hour_after_the_close_of_a_full_and_of_a_half_day() -> None:
    wednesday = date(2026, 11, 25)
    assert session_close(wednesday) == at(wednesday, 16)
    assert not is_final(wednesday, at(wednesday, 16, 59))
    assert is_final(wednesday, at(wednesday, 17))
    assert session_close(HALF_DAY) == at(HALF_DAY, 13)
    assert is_final(HALF_DAY, at(HALF_DAY, 14))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(HALF_DAY, 13, 30), date(2026, 11, 25)),
        (at(HALF_DAY, 18), HALF_DAY),
        (at(date(2026, 11, 29), 12), HALF_DAY),
        (at(THANKSGIVING, 18), date(2026, 11, 25)),
        # Both sides of a clock change: 18:00 New York is 22:00 UTC on Friday and 23:00 UTC on Monday.
        (datetime(2026, 10, 30, 22, tzinfo=UTC), date(2026, 10, 30)),
        (datetime(2026, 11, 2, 21, 59, tzinfo=UTC), date(2026, 10, 30)),
        (datetime(2026, 11, 2, 22, 0, tzinfo=UTC), date(2026, 11, 2)),
    ],
)
def test_the_latest_final_session(now: datetime, expected: date) -> None:
    assert latest_final_session(now) == expected
