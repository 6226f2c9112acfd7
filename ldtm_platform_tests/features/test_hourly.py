"""Hourly values beside daily rows: only what was known, whatever comes later, and never over a change of the grid."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldtm_platform.features.hourly import BARS_A_SESSION, BARS_A_WEEK, hourly_features, join_as_of
from ldtm_platform.prices.hourly.bars import sort_hours
from ldtm_platform.sessions import FINAL_AFTER_CLOSE, session_close, sessions_between
from ldtm_platform_tests.hourly_bars import Grid, hourly_of
from ldtm_platform_tests.models.generated import NO_SPLITS, SESSIONS, random_bars, split_bars

NOTHING = pl.DataFrame(schema={"ticker": pl.String, "date": pl.Date, "grid": pl.String})
LATER = datetime(2027, 1, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")
ONE_DAY = timedelta(days=1)
DAYS = SESSIONS[:40]


def stored(daily: pl.DataFrame, grid: Grid = "hour") -> pl.DataFrame:
    """Hourly bars of daily ones, as they would be stored."""
    return sort_hours(hourly_of(daily, grid), NOTHING, LATER).good


def decided(session: date) -> datetime:
    return session_close(session) + FINAL_AFTER_CLOSE


def values_at(*known: tuple[str, datetime, float]) -> pl.DataFrame:
    return pl.DataFrame(known, schema={"ticker": pl.String, "known_at": INSTANT, "value": pl.Float64}, orient="row")


def days_of(*rows: tuple[str, date]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"ticker": pl.String, "date": pl.Date}, orient="row")


def test_a_value_is_seen_from_the_instant_on_at_which_it_was_known_and_not_a_moment_before() -> None:
    due = decided(DAYS[3])
    for known, seen in ((due, 1.0), (due + timedelta(microseconds=1), None)):
        joined = join_as_of(days_of(("AAA", DAYS[3])), values_at(("AAA", known, 1.0)), within=ONE_DAY)
        assert joined["value"].to_list() == [seen]


def test_the_last_hour_of_a_session_is_known_when_it_is_decided_on_half_days_too() -> None:
    days = [date(2024, 7, 2), date(2024, 7, 3), date(2024, 11, 1), date(2024, 11, 4), date(2024, 11, 29)]
    daily = random_bars("AAA", len(days)).with_columns(date=pl.Series(days))
    for grid in ("hour", "half_hour"):
        bars = stored(daily, grid).select("ticker", "known_at", last="close")
        joined = join_as_of(daily, bars, within=ONE_DAY)
        assert joined["last"].to_list() == joined["close"].to_list()


def test_a_planted_value_of_the_future_is_never_seen() -> None:
    """One that is stored with an earlier start, but became known after the session was decided."""
    daily = random_bars("AAA", len(DAYS))
    bars = stored(daily).select("ticker", "known_at", "close").rename({"close": "value"})
    clean = join_as_of(daily, bars, within=ONE_DAY)
    planted = values_at(*(("AAA", decided(day) + timedelta(seconds=1), 1e9) for day in DAYS))
    joined = join_as_of(daily, pl.concat([planted, bars]), within=ONE_DAY)
    assert joined.equals(clean)


def test_a_series_that_has_ended_is_not_carried_on() -> None:
    """Monday to Thursday; Wednesday is decided 24 hours after Tuesday, to the second."""
    rows = days_of(*(("AAA", day) for day in DAYS[2:6]))
    joined = join_as_of(rows, values_at(("AAA", decided(DAYS[3]), 1.0)), within=ONE_DAY)
    assert joined["value"].to_list() == [None, 1.0, 1.0, None]


def test_rows_keep_their_order_and_tickers_do_not_meet() -> None:
    rows = days_of(("BBB", DAYS[5]), ("AAA", DAYS[7]), ("AAA", DAYS[5]), ("CCC", DAYS[5]))
    known = values_at(("AAA", decided(DAYS[5]), 1.0), ("BBB", decided(DAYS[5]), 2.0), ("AAA", decided(DAYS[7]), 3.0))
    joined = join_as_of(rows, known, within=ONE_DAY)
    assert joined.select("ticker", "date").equals(rows)
    assert joined["value"].to_list() == [2.0, 3.0, 1.0, None]


def test_what_cannot_be_joined_is_refused_by_name() -> None:
    rows, known = days_of(("AAA", DAYS[0])), values_at(("AAA", decided(DAYS[0]), 1.0))
    with pytest.raises(ValueError, match="both have the column value"):
        join_as_of(rows.with_columns(value=1.0), known, within=ONE_DAY)
    with pytest.raises(ValueError, match="2 rows became known together, for example AAA at"):
        join_as_of(rows, pl.concat([known, known]), within=ONE_DAY)
    with pytest.raises(ValueError, match="2024-07-04 is no trading session"):
        join_as_of(days_of(("AAA", DAYS[0]), ("AAA", date(2024, 7, 4))), known, within=ONE_DAY)


def test_empty_sides_are_no_error() -> None:
    assert join_as_of(days_of(), values_at(), within=ONE_DAY).columns == ["ticker", "date", "known_at", "value"]
    assert join_as_of(days_of(("AAA", DAYS[0])), values_at(), within=ONE_DAY)["value"].to_list() == [None]


def slow_join(daily: pl.DataFrame, values: pl.DataFrame, within: timedelta) -> list[float | None]:
    found: list[float | None] = []
    for ticker, day in daily.select("ticker", "date").iter_rows():
        best, value = None, None
        for other, known, told in values.iter_rows():
            in_time = decided(day) - within <= known <= decided(day)
            if other == ticker and in_time and (best is None or known > best):
                best, value = known, told
        found.append(value)
    return found


SOME_DAYS = st.lists(st.tuples(st.sampled_from(["AAA", "BBB"]), st.sampled_from(DAYS[:6])), max_size=8)
# Within minutes of decisions, and anywhere between.
SOME_TIMES = st.tuples(st.sampled_from(DAYS[:6]), st.sampled_from([-1500, -61, -60, -1, 0, 1, 59, 60, 1500]))
SOME_VALUES = st.lists(st.tuples(st.sampled_from(["AAA", "BBB"]), SOME_TIMES), max_size=12, unique=True)


@settings(max_examples=150)
@given(SOME_DAYS, SOME_VALUES, st.sampled_from([timedelta(hours=1), ONE_DAY, timedelta(days=9)]))
def test_the_join_agrees_with_an_obvious_loop(
    days: list[tuple[str, date]], times: list[tuple[str, tuple[date, int]]], within: timedelta
) -> None:
    known = {(ticker, decided(day) + timedelta(minutes=shift)) for ticker, (day, shift) in times}
    values = values_at(*((ticker, instant, float(at)) for at, (ticker, instant) in enumerate(sorted(known))))
    joined = join_as_of(days_of(*days), values, within=within)
    assert joined["value"].to_list() == slow_join(days_of(*days), values, within)


@pytest.mark.parametrize("last", [7, 20, 21, 39])
def test_joined_rows_are_bit_equal_when_everything_that_became_known_later_is_removed(last: int) -> None:
    daily, splits = split_bars(random_bars("AAA", len(DAYS)), DAYS[20], 4.0)
    bars = stored(daily)
    whole = join_as_of(daily, hourly_features(bars, splits), within=ONE_DAY)
    for day in (DAYS[last], DAYS[last - 1]):
        known_bars = bars.filter(pl.col("known_at") <= decided(day))
        known_splits = splits.filter(pl.col("ex_date") <= day)
        rows = daily.filter(pl.col("date") <= day)
        truncated = join_as_of(rows, hourly_features(known_bars, known_splits), within=ONE_DAY)
        assert truncated.equals(whole.filter(pl.col("date") <= day))


def test_features_agree_with_a_plain_loop_and_a_split_makes_no_step() -> None:
    plain = random_bars("AAA", len(DAYS))
    daily, splits = split_bars(plain, DAYS[20], 4.0)
    bars = stored(plain)
    found = hourly_features(stored(daily), splits)
    close, opened = bars["close"].to_numpy(), bars["open"].to_numpy()
    steps = np.diff(np.log(close), prepend=np.nan)
    for at in (BARS_A_SESSION, BARS_A_WEEK, 100, 141, len(close) - 1):
        row = found.row(at, named=True)
        assert row["known_at"] == bars["known_at"][at]
        assert row["hour_return"] == pytest.approx(np.log(close[at] / opened[at]), rel=1e-9, abs=1e-12)
        assert row["hour_return_7"] == pytest.approx(np.log(close[at] / close[at - 7]), rel=1e-9, abs=1e-12)
        if at >= BARS_A_WEEK:
            spread = np.std(steps[at - BARS_A_WEEK + 1 : at + 1], ddof=1)
            assert row["hour_volatility_35"] == pytest.approx(spread, rel=1e-9)
    assert found["hour_volatility_35"].null_count() == BARS_A_WEEK


def test_no_window_reaches_over_a_change_of_the_grid() -> None:
    daily = random_bars("AAA", len(DAYS))
    change = DAYS[20]
    before = stored(daily.filter(pl.col("date") < change))
    after = stored(daily.filter(pl.col("date") >= change), "half_hour")
    found = hourly_features(pl.concat([after, before]), NO_SPLITS)
    ours = found.filter(grid="half_hour")
    assert ours["hour_return"].null_count() == 0
    assert ours["hour_return_7"].is_null().to_list() == [True] * BARS_A_SESSION + [False] * (140 - BARS_A_SESSION)
    assert ours["hour_volatility_35"].is_null().to_list() == [True] * BARS_A_WEEK + [False] * (140 - BARS_A_WEEK)
    # What stands after the change is what the bars after it say alone.
    assert ours.equals(hourly_features(after, NO_SPLITS))


def test_bars_with_trading_outside_the_session_give_no_row() -> None:
    bars = stored(random_bars("AAA", 10))
    flagged = bars.with_columns(is_extended=pl.col("start_at").dt.minute() == 30)
    found = hourly_features(flagged, NO_SPLITS)
    assert found.height == 10 * 6
    assert found.equals(hourly_features(bars.filter(pl.col("start_at").dt.minute() == 0), NO_SPLITS))


def test_real_hours_joined_to_real_days_are_bit_equal_under_truncation(shared_data: Path) -> None:
    first, last = date(2024, 1, 2), date(2024, 12, 31)
    daily = pl.read_parquet(shared_data / "daily.parquet").filter(
        pl.col("ticker").is_in(["AAPL", "TSLA"]) & pl.col("date").is_between(first, last)
    )
    real = pl.read_parquet(shared_data / "hourly.parquet").rename({"ts": "start_at"})
    bars = sort_hours(real, NOTHING, LATER).good.filter(pl.col("date").is_between(first, last))
    whole = join_as_of(daily, hourly_features(bars, NO_SPLITS), within=ONE_DAY)
    assert whole.filter(pl.col("date") == last)["hour_volatility_35"].null_count() == 0
    for day in sessions_between(date(2024, 6, 25), date(2024, 7, 10)):
        known = bars.filter(pl.col("known_at") <= decided(day))
        rows = daily.filter(pl.col("date") <= day)
        truncated = join_as_of(rows, hourly_features(known, NO_SPLITS), within=ONE_DAY)
        assert truncated.equals(whole.filter(pl.col("date") <= day))
