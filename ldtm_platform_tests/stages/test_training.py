"""Training a fleet: what is registered, what is left as it is, who is champion, and what is kept."""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.postgres.server import Connection
from ldtm_platform.stages.outcome import Outcome, Result
from ldtm_platform.stages.training import TrainingPlan, train_tickers
from ldtm_platform.warehouse import reads, writes
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.stages.fleet import END, bring_up, train
from ldtm_platform_tests.tables import run_log
from ldtm_platform_tests.warehouse.rows import query

MAY, JUNE, JULY = date(2024, 5, 31), date(2024, 6, 28), END


def champion(engine: sa.Engine, ticker: str) -> str:
    (row,) = query(engine, "SELECT version FROM model_champions WHERE ticker = :ticker", ticker=ticker)
    return str(row["version"])


def version(outcomes: Mapping[str, Outcome], ticker: str = "AMGN") -> str:
    return str(outcomes[ticker].facts["version"])


def test_each_trained_ticker_is_saved_registered_logged_and_made_champion(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN", "NVDA"])
    said: list[str] = []
    outcomes = train(engine, tmp_path, ["AMGN", "NVDA"], said=said)
    assert {ticker: (each.result, each.state) for ticker, each in outcomes.items()} == {
        "AMGN": (Result.MADE, "ok"),
        "NVDA": (Result.MADE, "ok"),
    }
    assert re.fullmatch(r"\[LDTM\] RESULT: ticker=AMGN epochs=1 val_loss=\d\.\d{6} duration=\d+\.\d\ds", said[0])
    assert re.fullmatch(
        r'\[LDTM\] 2 trained: median val_loss \d\.\d{4}, "tomorrow is today" \d\.\d{4} on the same windows; '
        r"below it: \d of 2",
        said[-1],
    )
    for ticker in ("AMGN", "NVDA"):
        made = CheckpointStore(tmp_path).load(version(outcomes, ticker)).manifest
        assert champion(engine, ticker) == made.version
        (row,) = query(engine, "SELECT * FROM model_versions WHERE ticker = :ticker", ticker=ticker)
        assert (row["version"], row["data_hash"], row["weights_sha256"]) == (
            made.version,
            made.data_hash,
            made.weights_sha256,
        )
        assert row["best_val_loss"] == made.best_val_loss
        (log,) = run_log(engine, ticker=ticker)
        assert (log["mode"], log["status"], log["model_version"]) == ("train", "success", made.version)
        assert (log["epochs_run"], log["best_val_loss"], log["dagster_run_id"]) == (1, made.best_val_loss, "run")


def test_a_run_that_was_killed_goes_on_where_it_stopped(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN", "NVDA"])
    train(engine, tmp_path, ["AMGN"])
    said: list[str] = []
    outcomes = train(engine, tmp_path, ["AMGN", "NVDA"], said=said)
    assert {ticker: each.state for ticker, each in outcomes.items()} == {"AMGN": "unchanged", "NVDA": "ok"}
    assert [line.split()[2] for line in said] == ["ticker=NVDA", "trained:"]
    assert len(run_log(engine)) == 2


def test_tickers_that_left_a_stack_are_saved_when_the_run_stops_and_one_that_is_broken_fails_by_name(
    engine: sa.Engine, tmp_path: Path
) -> None:
    tickers = ["AMGN", "AMZN", "NVDA"]
    bring_up(engine, tickers)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE engineered_features SET ret1 = 'NaN' WHERE ticker = 'AMZN'"))
    plan = TrainingPlan(through=END, epochs=1, seed=0, workers=1, device="cpu", keep=5, fleet_engine="stacked")
    results = train_tickers(engine, CheckpointStore(tmp_path), tickers, plan, say=lambda _: None)
    first = {outcome.key: outcome for outcome in (next(results), next(results))}
    results.close()
    broken = first.pop("AMZN")
    assert (broken.result, "ret1 is no number" in broken.message) == (Result.FAILED, True)
    ((done, made),) = first.items()
    assert (made.state, made.facts["device"]) == ("ok", "cpu:stacked")
    assert champion(engine, done) == version(first, done)

    # The loop goes on where the stack stopped, as either would.
    again = train(engine, tmp_path, tickers)
    (missing,) = {"AMGN", "NVDA"} - {done}
    assert (again[done].state, again[done].facts["version"]) == ("unchanged", made.facts["version"])
    assert (again[missing].state, again[missing].facts["device"]) == ("ok", "cpu")


def test_what_a_killed_run_had_saved_but_not_registered_is_registered_without_training(
    engine: sa.Engine, server: Connection, template: str, tmp_path: Path
) -> None:
    bring_up(engine, ["AMGN"])
    saved = train(engine, tmp_path, ["AMGN"])
    # To a database that has the same bars, a store that is ahead looks as after a kill between the two writes.
    with scratch_database(server, template) as url:
        behind = sa.create_engine(url)
        bring_up(behind, ["AMGN"])
        said: list[str] = []
        outcomes = train(behind, tmp_path, ["AMGN"], said=said)
        assert (outcomes["AMGN"].state, said) == ("unchanged", [])
        assert champion(behind, "AMGN") == version(saved)
        assert [row["status"] for row in run_log(behind)] == ["success"]
        behind.dispose()


def test_training_again_where_the_checkpoint_is_gone_gives_the_same_version_and_registers_nothing_twice(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, ["AMGN"])
    first = train(engine, tmp_path / "gone", ["AMGN"])
    said: list[str] = []
    again = train(engine, tmp_path / "fresh", ["AMGN"], said=said)
    assert len(said) == 2
    assert version(again) == version(first)
    for table in ("model_versions", "model_promotions"):
        assert len(query(engine, f"SELECT 1 FROM {table}")) == 1


def test_other_settings_and_other_data_give_other_versions(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    versions = {
        version(train(engine, tmp_path, ["AMGN"])),
        version(train(engine, tmp_path, ["AMGN"], epochs=2)),
        version(train(engine, tmp_path, ["AMGN"], through=JUNE)),
    }
    assert len(versions) == 3


def test_a_damaged_checkpoint_is_trained_again(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    made = version(train(engine, tmp_path, ["AMGN"]))
    store = CheckpointStore(tmp_path)
    sound = store.load(made).weights
    (tmp_path / "ldtm" / "AMGN" / made / "weights.safetensors").write_bytes(sound[:-1])
    assert train(engine, tmp_path, ["AMGN"])["AMGN"].state == "ok"
    assert store.load(made).weights == sound


def test_a_champion_that_was_moved_back_stays_back_when_the_same_data_are_trained_again(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, ["AMGN"])
    june = version(train(engine, tmp_path, ["AMGN"], through=JUNE))
    july = version(train(engine, tmp_path, ["AMGN"], through=JULY))
    assert champion(engine, "AMGN") == july
    with engine.begin() as connection:
        assert writes.rollback_champion(connection, "AMGN") == june
    train(engine, tmp_path, ["AMGN"], through=JULY)
    train(engine, tmp_path / "fresh", ["AMGN"], through=JULY)
    assert champion(engine, "AMGN") == june


def test_a_model_of_older_data_does_not_take_the_title(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    july = version(train(engine, tmp_path, ["AMGN"], through=JULY))
    said: list[str] = []
    outcomes = train(engine, tmp_path, ["AMGN"], through=MAY, said=said)
    may = version(outcomes)
    assert champion(engine, "AMGN") == july
    assert outcomes["AMGN"].message == "the champion, trained through 2024-07-31, is newer and stays"
    assert said[1:-1] == [f"[LDTM] AMGN: {outcomes['AMGN'].message}"]
    # It forecasts the sessions of its own time, though.
    of_june = reads.champions(engine, date(2024, 6, 3), "ldtm").row(0, named=True)
    assert (of_june["version"], of_june["in_sample"]) == (may, False)


def test_the_last_versions_are_kept_and_the_champion_beside_them(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    may, june = (version(train(engine, tmp_path, ["AMGN"], through=day, keep=2)) for day in (MAY, JUNE))
    with engine.begin() as connection:
        writes.rollback_champion(connection, "AMGN")
    july = version(train(engine, tmp_path, ["AMGN"], through=JULY, keep=1))
    assert CheckpointStore(tmp_path).versions("AMGN", "ldtm") == [may, july]
    assert june not in (may, july)


def test_a_model_of_older_data_is_kept_when_it_is_made(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AMGN"])
    july = version(train(engine, tmp_path, ["AMGN"], through=JULY, keep=1))
    may = version(train(engine, tmp_path, ["AMGN"], through=MAY, keep=1))
    assert CheckpointStore(tmp_path).versions("AMGN", "ldtm") == [may, july]


def test_too_little_history_and_bad_numbers_are_named_and_cost_no_other_ticker(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, ["AMGN", "ARM", "NVDA"])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE engineered_features SET ret1 = 'Infinity' WHERE ticker = 'NVDA'"))
    outcomes = train(engine, tmp_path, ["AMGN", "ARM", "NVDA"])
    assert {ticker: (each.result, each.state) for ticker, each in outcomes.items()} == {
        "AMGN": (Result.MADE, "ok"),
        "ARM": (Result.SKIPPED, "too_little_history"),
        "NVDA": (Result.FAILED, "failed"),
    }
    log = {row["ticker"]: row for row in run_log(engine)}
    assert {ticker: row["status"] for ticker, row in log.items()} == {
        "AMGN": "success",
        "ARM": "skipped",
        "NVDA": "failed",
    }
    assert log["ARM"]["error_msg"].startswith("ARM has 161 feature rows")
    assert "ret1 is no number" in log["NVDA"]["error_msg"]


def test_a_ticker_without_any_features_is_too_little_history(engine: sa.Engine, tmp_path: Path) -> None:
    outcome = train(engine, tmp_path, ["AMGN"])["AMGN"]
    assert (outcome.result, outcome.state) == (Result.SKIPPED, "too_little_history")
    assert outcome.message.startswith("AMGN has no feature rows")


def test_cards_tell_skill_against_persistence_per_horizon_and_what_each_loss_stands_beside(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bring_up(engine, ["AMGN"])
    facts = train(engine, tmp_path, ["AMGN"])["AMGN"].facts
    card = reads.model_cards(engine)
    row = card.row(0, named=True)
    skill, windows = json.loads(row["skill"]), json.loads(row["windows"])
    for part, name in (("train", "train_loss"), ("validation", "best_val_loss"), ("test", "test_loss")):
        naive = row[f"persistence_{name.removeprefix('best_')}"]
        assert naive > 0
        assert 1 - row[name] / naive == pytest.approx(skill[part]["total"])
        # A window without a label of one head still counts for the others; no part has all windows.
        by_head = [windows[part][head] for head in ("next_day", "next_monday", "one_month")]
        assert 0 < min(by_head) <= max(by_head) <= windows[part]["total"] < row["trained_rows"]
    assert 0.6 * row["trained_rows"] < windows["train"]["total"] < 0.7 * row["trained_rows"]
    assert facts["persistence_val_loss"] == round(row["persistence_val_loss"], 6)
    for part in ("validation", "test"):
        for horizon in ("next_day", "next_monday", "one_month", "total"):
            value = card["skill"].str.json_path_match(f"$.{part}.{horizon}").cast(pl.Float64)[0]
            assert value is not None
            assert value < 1
