"""One bad ticker is its own trouble: the others are materialized, it alone is red, and mending it is one small run."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ldtm_platform.postgres.server import Connection
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.defs.bench import Bench, bench, failure_of
from ldtm_platform_tests.prices_folder import drop_sessions, write_prices
from ldtm_platform_tests.warehouse.rows import query

FLEET = ("AMAT", "AMD", "AMGN", "AMZN", "APP")
GAP = [date(2024, 3, 5), date(2024, 3, 6)]
GAP_SENTENCE = "2 sessions have neither a bar nor a recorded halt: 2024-03-05, 2024-03-06"


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    """A fleet whose prices are files of its own, all sound."""
    write_prices(tmp_path / "prices", FLEET)
    folder = {"LDTM_SOURCE": "folder", "LDTM_PRICES": str(tmp_path / "prices"), "LDTM_PRICE_BASIS": "raw"}
    with bench(server, template, tmp_path, **folder) as ready:
        yield ready


def states(ready: Bench, asset: str) -> dict[str, str | None]:
    return ready.states(asset, FLEET)


def expected(**other: str | None) -> dict[str, str | None]:
    return dict.fromkeys(FLEET, "MATERIALIZED") | other


def test_a_broken_file_and_a_gap_are_red_by_name_and_the_others_go_all_the_way(fleet: Bench, tmp_path: Path) -> None:
    (tmp_path / "prices" / "AMD.csv").write_text("Not Found")
    drop_sessions(tmp_path / "prices", "APP", GAP)

    ingest = fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1])
    reasons = failure_of(ingest)
    assert not ingest.success
    assert set(reasons) == {"AMD", "APP"}
    assert "AMD.csv lacks the column" in reasons["AMD"]
    assert reasons["APP"] == GAP_SENTENCE
    assert states(fleet, "market_data_daily") == expected(AMD="FAILED", APP="FAILED")

    # Two of 103 are no outage: the blocking check names them and lets the others pass.
    features = fleet.on_range("feature_engineering", FLEET[0], FLEET[-1])
    assert failure_of(features) == {"APP": f"bars are not complete: {GAP_SENTENCE}"}
    assert states(fleet, "engineered_features") == expected(APP="FAILED")
    assert fleet.metadata("engineered_features", "AMD")["state"] == "too_little_history"

    assert fleet.on_range("full_retrain", FLEET[0], FLEET[-1]).success
    assert fleet.run("daily_inference", partition="2024-07-31").success
    forecast = reads.snapshots(fleet.engine, run_date=date(2024, 7, 31))["ticker"].to_list()
    assert forecast == ["AMAT", "AMGN", "AMZN"]

    # Mended, a single ticker is one run of its own partition, as from the UI.
    write_prices(tmp_path / "prices", FLEET)
    assert fleet.run("market_data_ingest", partition="APP").success
    assert states(fleet, "market_data_daily") == expected(AMD="FAILED")
    assert fleet.run("feature_engineering", partition="APP").success
    assert fleet.run("full_retrain", partition="APP").success
    assert fleet.metadata("ldtm_checkpoints", "APP")["state"] == "ok"
    assert fleet.materializations("market_data_daily") == ["APP", "AMZN", "AMGN", "AMAT"]


def test_scattered_tickers_are_trained_in_one_run_and_show_as_just_those(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1]).success
    assert fleet.on_range("feature_engineering", FLEET[0], FLEET[-1]).success
    spoil_features(fleet.engine, "AMGN")

    trained = fleet.run("train_tickers", train={"tickers": ["AMAT", "AMGN", "APP"]})
    reasons = failure_of(trained)
    assert set(reasons) == {"AMGN"}
    assert "AMGN: volume is no number on 2024-05-31" in reasons["AMGN"]
    assert states(fleet, "ldtm_checkpoints") == {
        "AMAT": "MATERIALIZED",
        "AMD": None,
        "AMGN": "FAILED",
        "AMZN": None,
        "APP": "MATERIALIZED",
    }
    records = fleet.instance.get_records_for_run(trained.run_id).records
    planned = [
        record.event_log_entry.dagster_event.partition
        for record in records
        if record.event_log_entry.dagster_event
        and record.event_log_entry.dagster_event.is_asset_materialization_planned
    ]
    assert planned == ["AMAT", "AMGN", "APP"]
    (logged,) = query(fleet.engine, "SELECT status, error_msg FROM ldtm_run_log WHERE ticker = 'AMGN'")
    assert logged["status"] == "failed"
    assert logged["error_msg"] == reasons["AMGN"]

    # A later success clears the red.
    assert fleet.run("engineer_tickers", engineer_features={"tickers": ["AMGN"]}).success
    assert fleet.run("train_tickers", train={"tickers": ["AMGN"]}).success
    assert states(fleet, "ldtm_checkpoints")["AMGN"] == "MATERIALIZED"


def spoil_features(engine: sa.Engine, ticker: str) -> None:
    spoil = sa.text("UPDATE engineered_features SET volume = 'NaN' WHERE ticker = :ticker AND date = '2024-05-31'")
    with engine.begin() as connection:
        connection.execute(spoil, {"ticker": ticker})


def test_a_source_that_is_gone_fails_the_whole_run_and_says_what_to_set(
    fleet: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LDTM_PRICES")
    failed = fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1])
    (failure,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description is not None
    assert "set LDTM_PRICES to a folder" in failure.user_failure_data.description
    assert states(fleet, "market_data_daily") == dict.fromkeys(FLEET, "FAILED")


def test_forecasts_are_made_for_the_tickers_that_a_run_names(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1]).success
    assert fleet.on_range("feature_engineering", FLEET[0], FLEET[-1]).success
    made = fleet.run("forecast_tickers", forecast={"session": "2024-07-31", "tickers": ["AMD", "APP"]})
    # Of two that nobody has trained neither has a forecast: the run says so wherever runs are shown.
    (failure,) = [event.step_failure_data for event in made.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "none of 2 tickers has a forecast of 2024-07-31"
    without = failure.user_failure_data.metadata["without_forecast"].value
    assert isinstance(without, dict)
    assert without.keys() == {"AMD", "APP"}
    rows = query(fleet.engine, "SELECT DISTINCT ticker, family FROM ldtm_predictions ORDER BY ticker")
    # "Tomorrow is today" stands alone in the ledger, and there is no snapshot.
    assert [(row["ticker"], row["family"]) for row in rows] == [("AMD", "persistence"), ("APP", "persistence")]
    assert reads.snapshots(fleet.engine).is_empty()
    # The session's partition stands for the whole universe: a few tickers do not make it.
    assert fleet.materializations("ldtm_predictions") == []


def test_a_session_without_bars_fails_for_named_tickers_too(fleet: Bench) -> None:
    failed = fleet.run("forecast_tickers", forecast={"session": "2024-07-31", "tickers": ["AMD"]})
    (failure,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "none of 1 tickers has features of 2024-07-31: ingest, then engineer"
    )
