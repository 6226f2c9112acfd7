"""The main job end to end on simulated prices: ingest, features, training, forecasts of many sessions, actuals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl
import pytest

from ldtm_platform.horizons import targets
from ldtm_platform.postgres.server import Connection
from ldtm_platform.sessions import sessions_between
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.defs.bench import FIRST, LAST, NEIGHBOURS, Bench, bench
from ldtm_platform_tests.tables import versions_of_rows
from ldtm_platform_tests.warehouse.rows import query

TRAINED = tuple(ticker for ticker in NEIGHBOURS if ticker != "ARM")
TRAINED_THROUGH = date(2024, 5, 31)
SESSIONS = sessions_between(date(2024, 6, 3), date(2024, 8, 1))
TOO_LITTLE = "ARM has 120 feature rows (the first is 2023-12-08), 252 are needed"


@dataclass(frozen=True)
class Fleet:
    """A bench on which the whole main job has run once, and how each of its runs ended."""

    bench: Bench
    runs: Mapping[str, dg.ExecuteInProcessResult]


def run_all(ready: Bench) -> dict[str, dg.ExecuteInProcessResult]:
    first, last = SESSIONS[0].isoformat(), SESSIONS[-1].isoformat()
    return {
        "market_data_ingest": ready.on_range("market_data_ingest"),
        "feature_engineering": ready.on_range("feature_engineering"),
        "full_retrain": ready.on_range(
            "full_retrain", FIRST, LAST, ldtm_checkpoints={"through": TRAINED_THROUGH.isoformat()}
        ),
        "daily_inference": ready.on_range("daily_inference", first, last),
    }


@pytest.fixture(scope="module")
def fleet(server: Connection, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with bench(server, template, tmp_path_factory.mktemp("home")) as ready:
        yield Fleet(ready, run_all(ready))


@pytest.mark.parametrize("job", ["market_data_ingest", "feature_engineering", "full_retrain", "daily_inference"])
def test_every_run_of_the_main_job_succeeds(fleet: Fleet, job: str) -> None:
    assert fleet.runs[job].success


@pytest.mark.parametrize("asset", ["market_data_daily", "engineered_features", "ldtm_checkpoints"])
def test_one_run_materializes_each_ticker_of_its_range_once(fleet: Fleet, asset: str) -> None:
    made = [
        event.partition for event in fleet.runs[JOB_OF[asset]].get_asset_materialization_events() if event.partition
    ]
    assert sorted(made) == list(NEIGHBOURS)
    assert fleet.bench.states(asset) == dict.fromkeys(NEIGHBOURS, "MATERIALIZED")
    assert fleet.bench.states(asset, ["AAPL", "NVDA"]) == {"AAPL": None, "NVDA": None}


JOB_OF = {
    "market_data_daily": "market_data_ingest",
    "engineered_features": "feature_engineering",
    "ldtm_checkpoints": "full_retrain",
}


def test_each_tickers_partition_shows_its_rows_and_range(fleet: Fleet) -> None:
    bars = fleet.bench.metadata("market_data_daily", "AMGN")
    assert (bars["state"], bars["source"]) == ("ok", "simulated")
    assert bars["dagster/partition_row_count"] == bars["rows_new"] == 396
    assert (bars["first_date"], bars["last_date"]) == ("2023-01-03", "2024-07-31")
    features = fleet.bench.metadata("engineered_features", "AMGN")
    assert features["dagster/partition_row_count"] == features["rows_new"] == 396 - 60
    assert features["last_date"] == "2024-07-31"


def test_each_trained_ticker_shows_losses_skill_and_a_verdict(fleet: Fleet) -> None:
    for ticker in TRAINED:
        card = fleet.bench.metadata("ldtm_checkpoints", ticker)
        assert card["state"] == "ok"
        assert card["version"].startswith(f"ldtm-{ticker}-20240531-")
        assert card["trained_through"] == TRAINED_THROUGH.isoformat()
        better = card["test_skill_total"] > 0
        assert card["verdict"].startswith("No proof of skill: loss" if better else "No skill on its test part")
        assert {f"test_skill_{horizon}" for horizon in ("next_day", "next_monday", "one_month")} <= set(card)
        assert card["epochs_run"] == card["best_epoch"] == 1


def test_too_little_history_is_a_state_with_a_message_in_the_ui_and_the_run_log(fleet: Fleet) -> None:
    shown = fleet.bench.metadata("ldtm_checkpoints", "ARM")
    assert shown["state"] == "too_little_history"
    assert shown["message"].startswith(TOO_LITTLE)
    assert fleet.bench.metadata("engineered_features", "ARM")["state"] == "too_little_history"
    (logged,) = query(fleet.bench.engine, "SELECT * FROM ldtm_run_log WHERE ticker = 'ARM' AND mode = 'train'")
    assert logged["status"] == "skipped"
    assert logged["error_msg"].startswith(TOO_LITTLE)
    assert logged["dagster_run_id"] == fleet.runs["full_retrain"].run_id


def test_training_is_logged_with_its_run_and_makes_champions(fleet: Fleet) -> None:
    logged = query(
        fleet.bench.engine, "SELECT * FROM ldtm_run_log WHERE mode = 'train' AND status = 'success' ORDER BY ticker"
    )
    assert [row["ticker"] for row in logged] == list(TRAINED)
    assert {row["dagster_run_id"] for row in logged} == {fleet.runs["full_retrain"].run_id}
    champions = reads.champions(fleet.bench.engine, SESSIONS[0], "ldtm")
    assert champions["ticker"].to_list() == list(TRAINED)
    assert not champions["in_sample"].any()


def test_every_session_of_the_range_has_each_trained_tickers_forecast_beside_persistence(fleet: Fleet) -> None:
    rows = query(
        fleet.bench.engine,
        "SELECT run_date, family, count(DISTINCT ticker) AS tickers, count(*) AS rows, bool_or(in_sample) AS in_sample,"
        " bool_and(is_replay) AS is_replay, bool_or(is_late) AS is_late"
        " FROM ldtm_predictions GROUP BY run_date, family",
    )
    # Persistence needs no training, so it also forecasts ARM.
    assert {(row["run_date"], row["family"], row["tickers"], row["rows"]) for row in rows} == {
        *((session, "ldtm", 4, 12) for session in SESSIONS),
        *((session, "persistence", 5, 15) for session in SESSIONS),
    }
    assert not any(row["in_sample"] or row["is_late"] for row in rows)
    assert all(row["is_replay"] for row in rows)


def test_each_session_shows_how_many_tickers_were_forecast_and_who_was_not_and_why(fleet: Fleet) -> None:
    shown = fleet.bench.metadata("ldtm_predictions", "2024-06-03")
    assert shown["tickers"] == "4 of 103"
    assert shown["dagster/partition_row_count"] == shown["rows_new"] == 27
    assert shown["in_sample"] == 0
    assert len(shown["without_forecast"]) == 99
    assert shown["without_forecast"]["ARM"] == ["skipped", "ARM has no trained ldtm model: train it"]
    assert fleet.bench.metadata("ldtm_daily_snapshots", "2024-06-03") == {
        "dagster/partition_row_count": 4,
        "rows_new": 4,
    }


def test_each_session_is_forecast_from_its_own_close(fleet: Fleet) -> None:
    closes = {
        (row["ticker"], row["date"]): row["close"] for row in reads.bars(fleet.bench.engine, TRAINED).rows(named=True)
    }
    snapshots = reads.snapshots(fleet.bench.engine)
    assert snapshots.height == 4 * len(SESSIONS)
    for row in snapshots.rows(named=True):
        assert row["run_date_close"] == closes[row["ticker"], row["run_date"]]
        due = targets(row["run_date"])
        assert {horizon: row[f"{horizon}_target_date"] for horizon in due} == due


def test_every_matured_target_is_filled_and_no_other(fleet: Fleet) -> None:
    halts = set(
        reads.actions(fleet.bench.engine, TRAINED).filter(pl.col("kind") == "halt").select("ticker", "ex_date").rows()
    )
    for row in reads.snapshots(fleet.bench.engine).rows(named=True):
        for horizon, due in targets(row["run_date"]).items():
            matured = due <= SESSIONS[-1] and (row["ticker"], due) not in halts
            assert (row[f"{horizon}_actual"] is not None) == matured, (row["ticker"], row["run_date"], horizon)
    shown = fleet.bench.metadata("ldtm_snapshot_actuals", SESSIONS[-1].isoformat())
    assert shown["rows_updated"] > 4 * (len(SESSIONS) - 2)
    assert (shown["revised"], shown["missing"]) == (0, 0)


def test_the_accuracy_view_is_full(fleet: Fleet) -> None:
    accuracy = reads.accuracy_30d(fleet.bench.engine)
    assert accuracy["ticker"].to_list() == list(TRAINED)
    assert (accuracy["evaluated_days"] >= 19).all()
    (made,) = [
        event
        for event in fleet.runs["daily_inference"].get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("ldtm_accuracy_30d")
    ]
    metadata = made.materialization.metadata
    assert metadata["dagster/row_count"].value == 4
    assert "persistence | one_month" in str(metadata["skill"].value)


def test_each_forecast_is_scored_by_what_had_matured_on_its_evening(fleet: Fleet) -> None:
    rows = query(
        fleet.bench.engine, "SELECT * FROM ldtm_confidence WHERE horizon = 'next_day' ORDER BY run_date, ticker"
    )
    assert [row["run_date"] for row in rows] == [session for session in SESSIONS for _ in TRAINED]
    for row in rows:
        # A next-day forecast matures the session after; halts cost a bar or two.
        assert 0 <= SESSIONS.index(row["run_date"]) - row["evaluated"] <= 2
        assert (row["score"] is None) == (row["evaluated"] < 21)
    last = fleet.bench.metadata("ldtm_confidence", SESSIONS[-1].isoformat())
    assert (last["dagster/partition_row_count"], last["with_enough_evidence"]) == (12, 4)


def test_without_bars_of_the_funds_the_signal_is_skipped_and_says_so(fleet: Fleet) -> None:
    for session in (SESSIONS[0], SESSIONS[-1]):
        shown = fleet.bench.metadata("tqqq_signal", session.isoformat())
        assert shown["signal"] == "skipped"
        assert shown["says"].startswith("there are no bars of both TQQQ and SQQQ")


def test_the_checks_speak_for_the_whole_fleet(fleet: Fleet) -> None:
    said = {
        event.asset_check_evaluation_data.check_name: event.asset_check_evaluation_data
        for run in fleet.runs.values()
        for event in run.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    }
    assert set(said) == {
        "bars_are_sound",
        "bars_cover_every_session",
        "large_moves_have_a_known_action",
        "nothing_is_in_quarantine",
        "repairs_are_few",
        "features_reach_their_bars",
        "models_beat_tomorrow_is_today",
        "every_ticker_has_a_forecast",
        "matured_targets_are_filled",
        "next_day_record_is_not_too_good",
    }
    # One epoch on random prices: a model without skill is said to have none, and that is no failure.
    assert [name for name, evaluation in said.items() if not evaluation.passed] == ["models_beat_tomorrow_is_today"]
    assert said["models_beat_tomorrow_is_today"].severity is dg.AssetCheckSeverity.WARN


def test_all_of_it_again_adds_nothing_and_touches_no_row(fleet: Fleet) -> None:
    forecasts = "SELECT id FROM ldtm_run_log WHERE status = 'success' ORDER BY id"
    before, logged = versions_of_rows(fleet.bench.engine), query(fleet.bench.engine, forecasts)
    again = run_all(fleet.bench)
    assert all(run.success for run in again.values())
    assert versions_of_rows(fleet.bench.engine) == before
    assert query(fleet.bench.engine, forecasts) == logged
    assert fleet.bench.metadata("ldtm_checkpoints", "AMGN")["state"] == "unchanged"
    assert fleet.bench.metadata("market_data_daily", "AMGN")["rows_new"] == 0
    shown = fleet.bench.metadata("ldtm_predictions", "2024-06-03")
    assert (shown["dagster/partition_row_count"], shown["rows_new"]) == (27, 0)


def test_a_session_whose_bars_are_not_final_is_refused(fleet: Fleet) -> None:
    refused = fleet.bench.run("daily_inference", partition="2024-08-01")
    assert not refused.success
    (failure,) = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "session 2024-08-01 has no final bars yet: the newest that can be forecast is 2024-07-31"
    )
    assert query(fleet.bench.engine, "SELECT 1 FROM ldtm_predictions WHERE run_date = '2024-08-01'") == []


def test_a_day_between_two_sessions_is_refused_and_not_taken_for_the_next_one(fleet: Fleet) -> None:
    # As a script may ask by GraphQL: the UI offers sessions only.
    refused = fleet.bench.on_day("daily_inference", "2024-05-27")
    (failure,) = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "2024-05-27 is no trading session: nothing is forecast on it"


def test_a_session_that_no_ticker_has_bars_of_fails_and_says_what_to_do(fleet: Fleet) -> None:
    failed = fleet.bench.run("inference", partition="2022-06-03")
    assert not failed.success
    (failure,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "none of 103 tickers has features of 2022-06-03: ingest, then engineer"
    )
