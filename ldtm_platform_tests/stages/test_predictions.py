"""Forecasts of a session: what goes to the ledger, how it is marked, and whose trouble a damaged file is."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.sessions import NEW_YORK, session_offset, sessions_between
from ldtm_platform.stages.predictions import NoBarsForSession, SessionForecast, SessionForecaster
from ldtm_platform.stages.snapshots import fill_back_through, write_session_snapshots
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.stages.fleet import END, bring_up, features, ingest, train
from ldtm_platform_tests.tables import run_log
from ldtm_platform_tests.warehouse.rows import query

FLEET = ("AMGN", "NVDA")
MAY = date(2024, 5, 31)
JUNE_3 = date(2024, 6, 3)


def forecast(engine: sa.Engine, store: Path, session: date, tickers: tuple[str, ...] = FLEET) -> SessionForecast:
    return SessionForecaster(engine, CheckpointStore(store), Ldtm(), "run").forecast(session, tickers)


def ledger(engine: sa.Engine, family: str = "ldtm") -> list[dict[str, object]]:
    return query(
        engine, "SELECT * FROM ldtm_predictions WHERE family = :family ORDER BY ticker, horizon, id", family=family
    )


def last_inference(engine: sa.Engine, ticker: str) -> tuple[str, str]:
    newest = run_log(engine, ticker=ticker, mode="infer")[0]
    return newest["status"], newest["error_msg"]


def test_a_model_of_earlier_sessions_forecasts_and_one_of_later_sessions_only_marked(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, ["AMGN"], through=MAY)
    train(engine, tmp_path, FLEET, through=END)
    made = forecast(engine, tmp_path, JUNE_3)
    assert (made.forecast, made.in_sample) == (2, 1)
    assert {(row["ticker"], row["trained_through"], row["in_sample"]) for row in ledger(engine)} == {
        ("AMGN", MAY, False),
        ("NVDA", END, True),
    }
    assert write_session_snapshots(engine, JUNE_3) == (2, 2)
    fill_back_through(engine, END)
    # What a model has seen says nothing about its accuracy.
    assert reads.accuracy_30d(engine)["ticker"].to_list() == ["AMGN"]


def test_forecasts_stand_in_ledger_and_run_log_with_what_they_were_made_from(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, FLEET, through=MAY)
    forecast(engine, tmp_path, JUNE_3)
    rows = [row for row in ledger(engine) if row["ticker"] == "AMGN"]
    assert [(row["horizon"], row["target_date"]) for row in rows] == [
        ("next_day", date(2024, 6, 4)),
        ("next_monday", date(2024, 6, 10)),
        ("one_month", date(2024, 7, 3)),
    ]
    assert {row["price_basis"] for row in rows} == {JUNE_3}
    (log,) = run_log(engine, ticker="AMGN", mode="infer")
    assert (log["run_date"], log["model_version"]) == (JUNE_3, rows[0]["model_version"])
    assert {f"{row['horizon']}_close": row["predicted_close"] for row in rows} == {
        name: log[name] for name in ("next_day_close", "next_monday_close", "one_month_close")
    }
    (baseline,) = {row["predicted_close"] for row in ledger(engine, "persistence") if row["ticker"] == "AMGN"}
    assert baseline == rows[0]["run_date_close"]


def test_a_second_forecast_of_the_same_data_adds_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, FLEET, through=MAY)
    assert forecast(engine, tmp_path, JUNE_3).rows_new == 12
    assert forecast(engine, tmp_path, JUNE_3).rows_new == 0
    assert len(run_log(engine)) == 4


def test_after_the_data_changed_new_rows_are_late_and_the_snapshot_stands(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, FLEET, through=MAY)
    forecast(engine, tmp_path, JUNE_3)
    write_session_snapshots(engine, JUNE_3)
    before = reads.snapshots(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE market_data_daily SET close = low WHERE ticker = 'AMGN' AND date = '2024-05-29'")
        )
    features(engine, FLEET)
    again = forecast(engine, tmp_path, JUNE_3)
    assert again.rows_new == 6  # LD-TM and persistence saw another window
    late = [row for row in ledger(engine) if row["is_late"]]
    assert {(row["ticker"], row["horizon"]) for row in late} == {
        ("AMGN", horizon) for horizon in ("next_day", "next_monday", "one_month")
    }
    assert write_session_snapshots(engine, JUNE_3) == (0, 2)
    assert reads.snapshots(engine).equals(before)


def test_a_damaged_checkpoint_costs_its_own_ticker_the_forecast(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET)
    trained = train(engine, tmp_path, FLEET, through=MAY)
    weights = tmp_path / "ldtm" / "NVDA" / str(trained["NVDA"].facts["version"]) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    made = forecast(engine, tmp_path, JUNE_3)
    assert made.forecast == 1
    assert str(weights) in made.without["NVDA"][1]
    assert "train the ticker again" in made.without["NVDA"][1]
    assert {row["ticker"] for row in ledger(engine)} == {"AMGN"}
    assert last_inference(engine, "NVDA") == made.without["NVDA"]
    # "Tomorrow is today" needs no checkpoint.
    assert {row["ticker"] for row in ledger(engine, "persistence")} == set(FLEET)
    assert train(engine, tmp_path, ["NVDA"], through=MAY)["NVDA"].state == "ok"
    assert forecast(engine, tmp_path, JUNE_3).without == {}


def test_a_ticker_without_a_bar_of_the_session_is_named_and_the_others_are_forecast(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, FLEET, through=MAY)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM engineered_features WHERE ticker = 'NVDA' AND date >= '2024-06-03'"))
    made = forecast(engine, tmp_path, JUNE_3)
    assert made.without == {"NVDA": ("skipped", "NVDA has no bar on 2024-06-03: its last is of 2024-05-31")}
    assert last_inference(engine, "NVDA") == made.without["NVDA"]
    assert {row["ticker"] for row in ledger(engine)} == {"AMGN"}


def test_a_session_without_any_bar_is_refused(engine: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(NoBarsForSession, match="none of 2 tickers has features of 2024-06-03: ingest, then engineer"):
        forecast(engine, tmp_path, JUNE_3)
    assert ledger(engine) == []


def test_a_forecast_is_a_replay_once_its_first_target_has_opened(engine: sa.Engine, tmp_path: Path) -> None:
    today = datetime.now(UTC).astimezone(NEW_YORK).date()
    # The newest session's successor opens tomorrow at the earliest; the one before it opened yesterday at the latest.
    newest = sessions_between(today - timedelta(days=14), today + timedelta(days=1))[-1]
    before = session_offset(newest, -2)
    bring_up(engine, ["AMGN"], through=newest)
    for session in (before, newest):
        forecast(engine, tmp_path, session, ("AMGN",))
    replayed = {row["run_date"]: row["is_replay"] for row in ledger(engine, "persistence")}
    assert replayed == {newest: False, before: True}


def test_forecasts_of_many_sessions_are_those_of_each_alone(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET)
    train(engine, tmp_path, FLEET, through=MAY)
    sessions = sessions_between(JUNE_3, date(2024, 6, 8))
    forecaster = SessionForecaster(engine, CheckpointStore(tmp_path), Ldtm())
    for session in reversed(sessions):
        forecaster.forecast(session, FLEET)
    together = {(r["run_date"], r["ticker"], r["horizon"]): r["predicted_close"] for r in ledger(engine)}
    for session in sessions:
        # Alone, from a fresh start: the same data give the same rows, so nothing is new.
        assert forecast(engine, tmp_path, session, ("AMGN",)).rows_new == 0
    assert len(together) == len(sessions) * 6


def test_a_late_bar_does_not_rewrite_what_was_forecast_without_it(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, FLEET, through=JUNE_3)
    train(engine, tmp_path, FLEET, through=MAY)
    forecast(engine, tmp_path, JUNE_3)
    first = ledger(engine)
    ingest(engine, FLEET)
    features(engine, FLEET)
    assert forecast(engine, tmp_path, JUNE_3).rows_new == 0
    assert ledger(engine) == first
