"""The ledger only grows, and its first row of a session is the official one, which the snapshot shows."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.warehouse.fillback import fill_back
from ldtm_platform.warehouse.reads import snapshots
from ldtm_platform.warehouse.writes import append_predictions, log_runs, write_snapshots
from ldtm_platform_tests.warehouse.rows import FAMILY, WEDNESDAY, forecast, query, store_bars

CLOSES = {"next_day": 101.0, "next_monday": 102.0, "one_month": 103.0}


def send(engine: sa.Engine, *frames: pl.DataFrame) -> int:
    with engine.begin() as connection:
        return append_predictions(connection, pl.concat(frames)).height


def snap(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return write_snapshots(connection, run_date=WEDNESDAY, family=FAMILY)


def ledger(engine: sa.Engine) -> list[tuple[str, str, bool]]:
    rows = query(engine, "SELECT model_version, horizon, is_late FROM ldtm_predictions ORDER BY id")
    return [(row["model_version"], row["horizon"], row["is_late"]) for row in rows]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ldtm_predictions SET predicted_close = 1", "DELETE FROM ldtm_predictions", "TRUNCATE ldtm_predictions",
     "DELETE FROM model_promotions"],
)  # fmt: skip
def test_rows_can_neither_be_changed_nor_deleted(engine: sa.Engine, statement: str) -> None:
    send(engine, forecast("AAPL", CLOSES))
    with pytest.raises(sa.exc.DBAPIError, match="its rows are only added, never changed"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert len(ledger(engine)) == 3


def test_the_same_predictions_sent_again_add_nothing(engine: sa.Engine) -> None:
    assert send(engine, forecast("AAPL", CLOSES)) == 3
    assert send(engine, forecast("AAPL", CLOSES), forecast("MSFT", CLOSES)) == 3


def test_what_was_new_comes_back_by_name(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES))
    both = pl.concat([forecast("AAPL", CLOSES), forecast("MSFT", {"next_day": 1.0})])
    with engine.begin() as connection:
        new = append_predictions(connection, both)
        assert append_predictions(connection, both.clear()).schema == new.schema
    assert new.rows() == [(WEDNESDAY, "MSFT", FAMILY, "v1", "next_day", False)]


def test_another_version_or_other_data_is_late_and_the_first_stays_official(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES))
    send(engine, forecast("AAPL", {"next_day": 5.0}, model_version="v2"))
    send(engine, forecast("AAPL", {"next_day": 5.0}, data_hash="h2"))
    assert [late for *_, late in ledger(engine)] == [False, False, False, True, True]


def test_within_one_frame_the_first_version_of_a_ticker_is_official(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES), forecast("AAPL", CLOSES, model_version="v2"), forecast("MSFT", CLOSES))
    assert {(version, late) for version, _, late in ledger(engine)} == {("v1", False), ("v2", True)}


def test_another_family_of_the_same_session_is_not_late(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES))
    send(engine, forecast("AAPL", CLOSES, family="persistence", model_version="p", trained_through=None))
    assert not any(late for *_, late in ledger(engine))


def test_a_horizon_that_the_official_forecast_lacked_may_follow(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", {"next_day": 101.0}))
    send(engine, forecast("AAPL", CLOSES))
    assert ledger(engine) == [("v1", "next_day", False), ("v1", "next_monday", False), ("v1", "one_month", False)]


def test_a_model_trained_past_the_session_is_in_sample_whatever_the_frame_says(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES, trained_through=date(2026, 4, 23)))
    send(engine, forecast("MSFT", CLOSES, trained_through=WEDNESDAY))
    rows = query(engine, "SELECT DISTINCT ticker, in_sample FROM ldtm_predictions ORDER BY ticker")
    assert [row["in_sample"] for row in rows] == [True, False]


def seen(version: str, **facts: object) -> pl.DataFrame:
    """A forecast of a model that was trained on what it forecasts."""
    return forecast("AAPL", CLOSES, model_version=version, trained_through=date(2026, 6, 1), **facts)  # type: ignore[arg-type]


def test_the_first_forecast_that_is_not_in_sample_is_official_whatever_was_there_before(engine: sa.Engine) -> None:
    for frame in (
        seen("s1"),
        seen("s2"),
        forecast("AAPL", CLOSES),
        seen("s3"),
        forecast("AAPL", CLOSES, data_hash="h2"),
    ):
        send(engine, frame)
    marked = query(engine, "SELECT DISTINCT model_version, data_hash, is_late FROM ldtm_predictions")
    assert {(row["model_version"], row["data_hash"]): row["is_late"] for row in marked} == {
        ("s1", "h1"): False, ("s2", "h1"): True, ("v1", "h1"): False, ("s3", "h1"): True, ("v1", "h2"): True,
    }  # fmt: skip


def test_within_one_frame_too_an_in_sample_forecast_makes_no_other_late(engine: sa.Engine) -> None:
    send(engine, seen("s1"), forecast("AAPL", CLOSES), forecast("AAPL", CLOSES, model_version="v2"), seen("s2"))
    assert {(version, late) for version, _, late in ledger(engine)} == {
        ("s1", False), ("v1", False), ("v2", True), ("s2", True),
    }  # fmt: skip


def test_the_official_forecast_is_not_late_when_it_comes_again_behind_another(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", {"next_day": 101.0}))
    send(engine, forecast("AAPL", CLOSES, model_version="v2"), forecast("AAPL", CLOSES))
    assert {late for version, _, late in ledger(engine) if version == "v1"} == {False}


def test_an_in_sample_snapshot_gives_way_whole_to_the_first_honest_forecast(engine: sa.Engine) -> None:
    store_bars(engine, "AAPL", {date(2026, 4, 23): 99.0})
    send(engine, seen("s1", is_replay=True, run_date_close=90.0))
    assert snap(engine) == 1
    with engine.begin() as connection:
        fill_back(connection, through=date(2026, 4, 23))
        run = {"ticker": "AAPL", "mode": "infer", "status": "success", "run_date": WEDNESDAY, "model_version": "v1"}
        log_runs(connection, pl.DataFrame([run]))
    assert snapshots(engine)["next_day_direction_actual"].to_list() == ["UP"]
    send(engine, forecast("AAPL", {"next_day": 98.0, "one_month": 97.0}))
    assert (snap(engine), snap(engine)) == (1, 0)
    (row,) = snapshots(engine).drop("id", "generated_at", "source_run_log_id").rows(named=True)
    assert {name: value for name, value in row.items() if value is not None} == {
        "run_date": WEDNESDAY, "ticker": "AAPL", "run_date_close": 100.0, "model_version": "v1",
        "next_day_close_pred": 98.0, "one_month_close_pred": 97.0, "next_day_direction_pred": "DOWN",
        "next_day_target_date": date(2026, 4, 23), "one_month_target_date": date(2026, 5, 21),
        "in_sample": False, "is_replay": False,
    }  # fmt: skip
    assert snapshots(engine)["source_run_log_id"].null_count() == 0
    with engine.begin() as connection:
        assert fill_back(connection, through=date(2026, 4, 23)).revised == 0
    assert snapshots(engine)["next_day_direction_correct"].to_list() == [True]


def test_an_honest_snapshot_is_never_replaced_by_an_in_sample_forecast(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES))
    snap(engine)
    send(engine, seen("s1"))
    assert snap(engine) == 0
    assert snapshots(engine).select("model_version", "in_sample").rows() == [("v1", False)]


def test_a_snapshot_shows_the_official_forecast_its_targets_and_its_run(engine: sa.Engine) -> None:
    run = {"ticker": "AAPL", "mode": "infer", "status": "success", "run_date": WEDNESDAY, "model_version": "v1"}
    with engine.begin() as connection:
        log_runs(connection, pl.DataFrame([run]))
    send(engine, forecast("AAPL", CLOSES))
    assert snap(engine) == 1
    (row,) = snapshots(engine).rows(named=True)
    assert (row["next_day_close_pred"], row["next_monday_close_pred"], row["one_month_close_pred"]) == (101, 102, 103)
    assert row["next_day_target_date"] == date(2026, 4, 23)
    assert row["next_monday_target_date"] == date(2026, 4, 27)
    assert row["one_month_target_date"] == date(2026, 5, 21)
    assert (row["run_date_close"], row["model_version"], row["next_day_actual"]) == (100.0, "v1", None)
    assert row["source_run_log_id"] == query(engine, "SELECT id FROM ldtm_run_log")[0]["id"]


def test_a_snapshot_stands_when_the_session_is_run_again(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES))
    snap(engine)
    send(engine, forecast("AAPL", {"next_day": 5.0}, model_version="v2"))
    assert snap(engine) == 0
    assert snapshots(engine)["next_day_close_pred"].to_list() == [101.0]


def test_persistence_beside_the_champion_makes_no_snapshot(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", CLOSES, family="persistence", model_version="p", trained_through=None))
    assert snap(engine) == 0


@pytest.mark.parametrize(("forecasted", "direction"), [(100.01, "UP"), (100.0, "DOWN"), (99.0, "DOWN")])
def test_the_forecast_direction_is_up_only_above_the_close(
    engine: sa.Engine, forecasted: float, direction: str
) -> None:
    send(engine, forecast("AAPL", {"next_day": forecasted}))
    snap(engine)
    assert snapshots(engine)["next_day_direction_pred"].to_list() == [direction]


def test_a_forecast_without_a_next_day_has_no_direction(engine: sa.Engine) -> None:
    send(engine, forecast("AAPL", {"one_month": 110.0}))
    snap(engine)
    assert snapshots(engine)["next_day_direction_pred"].to_list() == [None]
