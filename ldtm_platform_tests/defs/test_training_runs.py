"""What a training run tells Dagster while it goes and when a ticker is done; and what it refuses, in one sentence."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import Bench, bench

TICKER = "AMGN"
KEY = dg.AssetKey("ldtm_checkpoints")


@pytest.fixture(scope="module")
def fleet(server: Connection, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(server, template, tmp_path_factory.mktemp("home")) as ready:
        assert ready.run("daily_ingest", partition=TICKER).success
        yield ready


def test_a_run_tells_how_it_goes_in_its_log_and_in_numbers_beside_the_asset(fleet: Bench) -> None:
    result = fleet.run("full_retrain", partition=TICKER, ldtm_checkpoints={"epochs": 2})
    assert result.success
    (first, *_) = fleet.instance.fetch_observations(KEY, limit=100, ascending=True).records
    observation = first.asset_observation
    assert observation is not None
    told = {name: value.value for name, value in observation.metadata.items()}
    minutes, loss = told.pop("minutes_left"), told.pop("best_val_loss")
    assert told == {"still_training": 1, "done": 0, "of": 1, "epochs_run": 1}
    assert isinstance(minutes, float)
    assert isinstance(loss, float)
    log = [
        entry.user_message for entry in fleet.instance.all_logs(result.run_id) if "1 training, 0 of 1" in entry.message
    ]
    assert [line for line in log if line.startswith(f"training: 1 training, 0 of 1 done; best losses: {TICKER} ")]


def test_a_ticker_that_is_done_shows_its_epochs_losses_and_seconds(fleet: Bench) -> None:
    shown = fleet.metadata("ldtm_checkpoints", TICKER)
    assert (shown["epochs_run"], shown["state"]) == (2, "ok")
    assert shown["best_epoch"] in (1, 2)
    assert shown["best_val_loss"] > 0
    assert shown["train_loss"] > 0
    assert shown["duration_sec"] > 0


def test_a_run_trains_many_tickers_at_once_where_the_settings_say_so(
    fleet: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDTM_FLEET_ENGINE", "stacked")
    stacked = fleet.run("full_retrain", partition=TICKER, ldtm_checkpoints={"epochs": 3})
    assert stacked.success
    shown = fleet.metadata("ldtm_checkpoints", TICKER)
    assert (shown["device"], shown["epochs_run"], shown["state"]) == ("cpu:stacked", 3, "ok")
    assert any("training: 1 training, 0 of 1" in entry.message for entry in fleet.instance.all_logs(stacked.run_id))


def test_a_cpu_engine_that_cannot_be_had_fails_the_run_with_one_sentence(
    fleet: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LDTM_CPU_ENGINE", "float32")
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = fleet.run("train_tickers", train={"tickers": [TICKER], "epochs": 1})
    (failure,) = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert str(failure.user_failure_data.description).startswith("LDTM_CPU_ENGINE=float32 cannot be had: ")
