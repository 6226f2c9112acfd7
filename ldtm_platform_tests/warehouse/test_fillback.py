"""Fill-back: what came true, from the target session's bar only, on the basis of the run date, and only once."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse.fillback import FilledBack, fill_back
from ldtm_platform.warehouse.reads import overdue_targets, snapshots
from ldtm_platform_tests.warehouse.rows import WEDNESDAY, query, store_action, store_bars, store_snapshot

THURSDAY, FRIDAY, MONDAY, MONTH = date(2026, 4, 23), date(2026, 4, 24), date(2026, 4, 27), date(2026, 5, 21)


def fill(engine: sa.Engine, through: date) -> FilledBack:
    with engine.begin() as connection:
        return fill_back(connection, through=through)


def only(engine: sa.Engine) -> dict[str, object]:
    (row,) = snapshots(engine).rows(named=True)
    return row


def test_the_percent_error_and_the_directions_are_those_of_the_definition(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0, MONDAY: 104.0, MONTH: 100.0})
    assert fill(engine, MONTH) == FilledBack(updated=1, revised=0, pending=0, missing=0)
    row = only(engine)
    assert row["next_day_pct_error"] == (101.0 - 98.0) / 98.0 * 100
    assert row["next_monday_pct_error"] == (101.0 - 104.0) / 104.0 * 100
    assert row["one_month_pct_error"] == (110.0 - 100.0) / 100.0 * 100
    assert (row["next_day_actual"], row["next_day_actual_date"]) == (98.0, THURSDAY)
    assert (row["next_monday_actual_date"], row["one_month_actual_date"]) == (MONDAY, MONTH)
    assert row["next_day_direction_pred"] == "UP"
    assert row["next_day_direction_actual"] == "DOWN"
    assert row["next_day_direction_correct"] is False


def test_a_second_call_changes_nothing(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    fill(engine, THURSDAY)
    before = query(engine, "SELECT xmin::text, ctid::text FROM ldtm_daily_snapshots")
    assert fill(engine, THURSDAY) == FilledBack(updated=0, revised=0, pending=2, missing=0)
    assert query(engine, "SELECT xmin::text, ctid::text FROM ldtm_daily_snapshots") == before


def test_only_what_has_matured_is_filled(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0, MONDAY: 104.0, MONTH: 100.0})
    assert fill(engine, FRIDAY) == FilledBack(updated=1, revised=0, pending=2, missing=0)
    assert (only(engine)["next_day_actual"], only(engine)["next_monday_actual"]) == (98.0, None)
    assert fill(engine, MONDAY) == FilledBack(updated=1, revised=0, pending=1, missing=0)
    assert only(engine)["next_monday_actual"] == 104.0


def test_a_target_is_never_filled_from_the_bar_before_it_nor_from_the_one_after(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {date(2026, 4, 22): 100.0, FRIDAY: 99.0})
    assert fill(engine, FRIDAY) == FilledBack(updated=0, revised=0, pending=2, missing=1)
    assert only(engine)["next_day_actual"] is None
    assert overdue_targets(engine).rows() == [("AAPL", THURSDAY, 1)]


def test_a_target_on_a_recorded_halt_is_missing_but_nobody_has_to_mend_it(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {FRIDAY: 99.0})
    store_action(engine, "AAPL", THURSDAY, None, kind="halt")
    assert fill(engine, FRIDAY).missing == 1
    assert overdue_targets(engine).is_empty()


def test_a_late_close_is_filled_when_it_comes(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {FRIDAY: 99.0})
    fill(engine, FRIDAY)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    assert fill(engine, FRIDAY) == FilledBack(updated=1, revised=0, pending=2, missing=0)


def test_a_revised_close_is_filled_again_and_the_revision_recorded(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    fill(engine, THURSDAY)
    store_bars(engine, "AAPL", {THURSDAY: 102.0})
    assert fill(engine, THURSDAY) == FilledBack(updated=1, revised=1, pending=2, missing=0)
    row = only(engine)
    assert (row["next_day_actual"], row["next_day_pct_error"]) == (102.0, (101.0 - 102.0) / 102.0 * 100)
    assert (row["next_day_direction_actual"], row["next_day_direction_correct"]) == ("UP", True)
    (revision,) = query(engine, "SELECT ticker, horizon, old_actual, new_actual FROM ldtm_snapshot_revisions")
    assert revision == {"ticker": "AAPL", "horizon": "next_day", "old_actual": 98.0, "new_actual": 102.0}


def test_an_unchanged_close_counts_for_neither_direction(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 100.0})
    fill(engine, THURSDAY)
    row = only(engine)
    assert (row["next_day_direction_actual"], row["next_day_direction_correct"]) == (None, None)
    assert row["next_day_pct_error"] == pytest.approx(1.0)


@pytest.mark.parametrize(("value", "close"), [(10.0, 9.8), (0.25, 392.0), (1.5, 98.0 / 1.5)])
def test_a_split_between_run_date_and_target_is_no_error(engine: sa.Engine, value: float, close: float) -> None:
    store_snapshot(engine, "AAPL", next_day=98.0, one_month=110.0)
    store_action(engine, "AAPL", THURSDAY, value)
    store_bars(engine, "AAPL", {THURSDAY: close})
    fill(engine, THURSDAY)
    assert only(engine)["next_day_actual"] == close * value
    assert only(engine)["next_day_pct_error"] == pytest.approx(0.0, abs=1e-12)


def test_splits_up_to_the_run_date_and_after_the_target_do_not_count(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=98.0, one_month=110.0)
    for day in (date(2020, 8, 31), date(2026, 4, 22), FRIDAY):
        store_action(engine, "AAPL", day, 4.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    fill(engine, THURSDAY)
    assert only(engine)["next_day_actual"] == 98.0


def test_a_split_that_becomes_known_later_is_filled_again_as_a_revision(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=98.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 9.8})
    fill(engine, THURSDAY)
    store_action(engine, "AAPL", THURSDAY, 10.0)
    assert fill(engine, THURSDAY).revised == 1
    assert only(engine)["next_day_actual"] == 98.0


def test_an_unrelated_earlier_split_that_becomes_known_later_revises_nothing(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=98.0, one_month=110.0)
    store_action(engine, "AAPL", THURSDAY, 7 / 3)
    store_bars(engine, "AAPL", {THURSDAY: 41.7})
    fill(engine, THURSDAY)
    store_action(engine, "AAPL", date(2020, 8, 31), 1 / 3)
    assert fill(engine, THURSDAY) == FilledBack(updated=0, revised=0, pending=2, missing=0)


@pytest.mark.parametrize("factor", [2.0, 10.0, 0.25, 1.5, 1 / 3])
def test_bars_that_change_basis_after_the_forecast_revise_nothing(engine: sa.Engine, factor: float) -> None:
    store_bars(engine, "AAPL", {WEDNESDAY: 100.0, THURSDAY: 98.7, MONDAY: 103.3})
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    fill(engine, MONDAY)
    before = snapshots(engine)
    # A split of the Friday that is named late: the raw bars before it are other numbers than they were.
    store_action(engine, "AAPL", FRIDAY, factor)
    store_bars(engine, "AAPL", {WEDNESDAY: 100.0 * factor, THURSDAY: 98.7 * factor})
    assert fill(engine, MONDAY) == FilledBack(updated=0, revised=0, pending=1, missing=0)
    assert snapshots(engine).equals(before)
    assert query(engine, "SELECT * FROM ldtm_snapshot_revisions") == []


def test_a_target_that_matures_after_a_change_of_basis_is_filled_on_the_basis_of_its_forecast(
    engine: sa.Engine,
) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_action(engine, "AAPL", FRIDAY, 2.0)
    store_bars(engine, "AAPL", {WEDNESDAY: 200.0, THURSDAY: 204.0, MONDAY: 99.0})
    fill(engine, MONDAY)
    row = only(engine)
    assert (row["next_day_actual"], row["next_monday_actual"]) == (102.0, 99.0)
    assert (row["next_day_direction_actual"], row["next_day_direction_correct"]) == ("UP", True)


@pytest.mark.parametrize("stored", [119.0, 84.0, 100.0001])
def test_a_correction_of_the_run_dates_close_is_no_change_of_basis(engine: sa.Engine, stored: float) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {WEDNESDAY: stored, THURSDAY: 98.0})
    fill(engine, THURSDAY)
    assert only(engine)["next_day_actual"] == 98.0


def test_an_actual_that_differs_by_rounding_only_is_left_as_it_is(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=101.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    fill(engine, THURSDAY)
    store_bars(engine, "AAPL", {THURSDAY: 98.0 * (1 + 5e-10)})
    assert fill(engine, THURSDAY) == FilledBack(updated=0, revised=0, pending=2, missing=0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0 * (1 + 5e-9)})
    assert fill(engine, THURSDAY).revised == 1


def test_a_call_for_an_earlier_day_takes_nothing_back(engine: sa.Engine) -> None:
    store_snapshot(engine, "AAPL", next_day=98.0, one_month=110.0)
    store_bars(engine, "AAPL", {THURSDAY: 98.0})
    fill(engine, THURSDAY)
    fill(engine, date(2026, 4, 22))
    assert only(engine)["next_day_actual"] == 98.0


def test_tickers_are_filled_from_their_own_bars(engine: sa.Engine) -> None:
    for number, ticker in enumerate(["AAPL", "MSFT", "NVDA"]):
        store_snapshot(engine, ticker, next_day=98.0, one_month=110.0)
        store_bars(engine, ticker, {THURSDAY: 90.0 + number})
    assert fill(engine, THURSDAY).updated == 3
    assert (
        snapshots(engine)
        .select("ticker", "next_day_actual")
        .equals(pl.DataFrame({"ticker": ["AAPL", "MSFT", "NVDA"], "next_day_actual": [90.0, 91.0, 92.0]}))
    )
