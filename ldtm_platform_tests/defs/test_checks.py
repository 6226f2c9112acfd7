"""Checks between stages: a few bad tickers are named and let the fleet pass, an outage stops it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.definitions import defs
from ldtm_platform.defs.checks import markdown_table, named_tickers, opinion
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import range_tags
from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import Bench, bench
from ldtm_platform_tests.prices_folder import drop_sessions, write_prices
from ldtm_platform_tests.warehouse.rows import query

# Of the universe's 103 tickers, 52 are most: an outage.
UNIVERSE = tuple(TICKERS.get_partition_keys())
FLEET = UNIVERSE[:7]
GAP = [date(2024, 3, 5)]


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    write_prices(tmp_path / "prices", FLEET)
    folder = {"LDTM_SOURCE": "folder", "LDTM_PRICES": str(tmp_path / "prices"), "LDTM_PRICE_BASIS": "raw"}
    with bench(server, template, tmp_path, **folder) as ready:
        yield ready


def verdicts(run: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, dg.AssetCheckSeverity, str | None]]:
    found = [
        event.asset_check_evaluation_data
        for event in run.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {each.check_name: (each.passed, each.severity, each.description) for each in found}


def rows_of_features(ready: Bench) -> int:
    return int(query(ready.engine, "SELECT count(*) AS rows FROM engineered_features")[0]["rows"])


def test_features_wait_while_most_of_the_fleet_is_incomplete(fleet: Bench, tmp_path: Path) -> None:
    most = UNIVERSE[:52]
    write_prices(tmp_path / "prices", most, start=date(2024, 2, 1))
    for ticker in most:
        drop_sessions(tmp_path / "prices", ticker, GAP)
    assert not fleet.on_range("market_data_ingest", most[0], most[-1]).success

    stopped = fleet.on_range("feature_engineering", most[0], most[-1])
    assert not stopped.success
    passed, severity, description = verdicts(stopped)["bars_cover_every_session"]
    assert (passed, severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert str(description).startswith("52 of 103 tickers: AAPL, ABNB, ")
    assert rows_of_features(fleet) == 0
    assert set(fleet.states("engineered_features", most).values()) == {"FAILED"}

    # One of them mended: the others are each their own trouble again.
    write_prices(tmp_path / "mended", most[:1], start=date(2024, 2, 1))
    (tmp_path / "mended" / f"{most[0]}.csv").replace(tmp_path / "prices" / f"{most[0]}.csv")
    assert fleet.run("market_data_ingest", partition=most[0]).success
    fleet.on_range("feature_engineering", most[0], most[-1])
    states = fleet.states("engineered_features", most)
    assert [ticker for ticker, state in states.items() if state == "MATERIALIZED"] == [most[0]]
    assert rows_of_features(fleet) > 0


def test_one_incomplete_ticker_is_a_warning_that_names_it(fleet: Bench, tmp_path: Path) -> None:
    drop_sessions(tmp_path / "prices", FLEET[2], GAP)
    fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1])
    run = fleet.on_range("feature_engineering", FLEET[0], FLEET[-1])
    assert verdicts(run)["bars_cover_every_session"] == (
        False,
        dg.AssetCheckSeverity.WARN,
        f"1 of 103 tickers: {FLEET[2]}",
    )
    assert rows_of_features(fleet) > 0


def test_a_stored_bar_that_is_none_stops_the_features(fleet: Bench) -> None:
    assert fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1]).success
    # A Sunday: the table's own facts do not know the calendar.
    with fleet.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE market_data_daily SET date = '2024-03-03' WHERE ticker = :ticker AND date = '2024-03-01'"),
            {"ticker": FLEET[0]},
        )
    run = fleet.on_range("feature_engineering", FLEET[0], FLEET[-1])
    passed, severity, description = verdicts(run)["bars_are_sound"]
    assert (passed, severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert str(description).startswith("1 unsound rows among ")
    assert rows_of_features(fleet) == 0


def test_no_session_is_forecast_while_features_lag_behind_the_bars_of_most(fleet: Bench, tmp_path: Path) -> None:
    write_prices(tmp_path / "prices", UNIVERSE[:52], start=date(2024, 2, 1))
    assert fleet.on_range("market_data_ingest", UNIVERSE[0], UNIVERSE[51]).success
    stopped = fleet.run("daily_inference", partition="2024-07-30")
    assert verdicts(stopped)["features_reach_their_bars"][:2] == (False, dg.AssetCheckSeverity.ERROR)
    assert query(fleet.engine, "SELECT 1 FROM ldtm_predictions") == []


def test_what_follows_in_a_run_of_several_assets_is_checked_and_made(fleet: Bench) -> None:
    both = {dg.AssetKey("market_data_daily"), dg.AssetKey("engineered_features")}
    chosen_in_the_ui = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=both)
    run = chosen_in_the_ui.execute_in_process(
        instance=fleet.instance, tags=range_tags(FLEET[0], FLEET[-1]), raise_on_error=False
    )
    assert run.success
    assert {"bars_are_sound", "bars_cover_every_session", "features_reach_their_bars"} <= verdicts(run).keys()
    assert rows_of_features(fleet) > 0
    for asset in ("market_data_daily", "engineered_features"):
        assert sorted(map(str, fleet.materializations(asset))) == sorted(FLEET)
        assert fleet.metadata(asset, FLEET[0])["state"] == "ok"


def test_a_training_ends_with_the_question_whether_it_helped(fleet: Bench) -> None:
    fleet.on_range("market_data_ingest", FLEET[0], FLEET[0])
    fleet.on_range("feature_engineering", FLEET[0], FLEET[0])
    run = fleet.on_range("full_retrain", FLEET[0], FLEET[0], ldtm_checkpoints={"epochs": 1})
    assert run.success
    assert "models_beat_tomorrow_is_today" in verdicts(run)
    assert fleet.materializations("ldtm_checkpoints") == [FLEET[0]]


def test_a_large_move_warns_and_refused_rows_are_counted(fleet: Bench, tmp_path: Path) -> None:
    path = tmp_path / "prices" / f"{FLEET[0]}.csv"
    lines = path.read_text().splitlines()
    halved = [lines[0], *(half_of(line) if line[:10] >= "2024-03-01" else line for line in lines[1:])]
    path.write_text("\n".join([*halved, "2024-03-02,1,1,1,1,1"]))
    fleet.on_range("market_data_ingest", FLEET[0], FLEET[-1])
    run = fleet.on_range("feature_engineering", FLEET[0], FLEET[-1])
    said = verdicts(run)
    assert said["large_moves_have_a_known_action"] == (
        False,
        dg.AssetCheckSeverity.WARN,
        "1 large moves without a known action",
    )
    assert said["nothing_is_in_quarantine"][:2] == (False, dg.AssetCheckSeverity.WARN)
    assert run.success


def half_of(line: str) -> str:
    day, *prices, volume = line.split(",")
    return ",".join([day, *(f"{float(price) * 0.4:.2f}" for price in prices), volume])


@pytest.mark.parametrize(
    ("troubled", "passed", "severity"),
    [
        (0, True, dg.AssetCheckSeverity.WARN),
        (1, False, dg.AssetCheckSeverity.WARN),
        (51, False, dg.AssetCheckSeverity.WARN),
        (52, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_more_than_half_of_the_fleet_is_an_outage(troubled: int, passed: bool, severity: dg.AssetCheckSeverity) -> None:
    result = named_tickers({f"T{n}": "gone" for n in range(troubled)}, 103)
    assert (result.passed, result.severity) == (passed, severity)


def test_opinions_never_block_and_show_their_rows() -> None:
    result = opinion([{"ticker": "AAPL", "move": 0.61234}], "large moves")
    assert (result.passed, result.severity, result.description) == (False, dg.AssetCheckSeverity.WARN, "1 large moves")
    assert result.metadata["rows"].value == "ticker | move\n--- | ---\nAAPL | 0.6123"
    assert opinion([], "large moves").passed
    assert markdown_table([]) == "-"
