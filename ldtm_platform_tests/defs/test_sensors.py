"""What follows from an ingest: features of the universe, whether every ticker was ingested or only most."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from ldtm_platform.definitions import defs
from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import Bench, bench

SENSORS = ("features_after_ingest", "features_after_partial_ingest")


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    with bench(server, template, tmp_path) as ready:
        yield ready


def asked_for(ready: Bench, cursors: dict[str, str | None]) -> dict[str, list[dg.RunRequest]]:
    """What each sensor asks for since the last look; the cursors move on."""
    asked = {}
    for name in SENSORS:
        sensor = defs.get_repository_def().get_sensor_def(name)
        with dg.build_sensor_context(
            instance=ready.instance,
            cursor=cursors.get(name),
            repository_def=defs.get_repository_def(),
            sensor_name=name,
        ) as context:
            tick = sensor.evaluate_tick(context)
        cursors[name] = tick.cursor
        asked[name] = list(tick.run_requests or [])
    return asked


def test_features_follow_a_good_ingest_and_a_partly_failed_one(fleet: Bench) -> None:
    cursors: dict[str, str | None] = {}
    assert asked_for(fleet, cursors) == {name: [] for name in SENSORS}

    good = fleet.run("market_data_ingest", partition="AMGN")
    asked = asked_for(fleet, cursors)
    assert asked["features_after_partial_ingest"] == []
    (request,) = asked["features_after_ingest"]
    assert request.run_key == good.run_id
    assert request.tags[ASSET_PARTITION_RANGE_START_TAG] == "AAPL"
    assert request.tags[ASSET_PARTITION_RANGE_END_TAG] == "ZS"

    # SNDK is not listed yet at the end of the data.
    failed = fleet.run("market_data_ingest", partition="SNDK")
    assert not failed.success
    asked = asked_for(fleet, cursors)
    assert asked["features_after_ingest"] == []
    assert [request.run_key for request in asked["features_after_partial_ingest"]] == [failed.run_id]

    # So it is after an ingest of any list of tickers.
    listed = fleet.run("ingest_tickers", ingest={"tickers": ["AMGN"]})
    assert [request.run_key for request in asked_for(fleet, cursors)["features_after_ingest"]] == [listed.run_id]

    # Other jobs, and what was answered already, ask for nothing.
    fleet.run("engineer_tickers", engineer_features={"tickers": ["AMGN"]})
    assert asked_for(fleet, cursors) == {name: [] for name in SENSORS}


def test_features_do_not_follow_a_run_that_has_engineered_them(fleet: Bench) -> None:
    cursors: dict[str, str | None] = {}
    asked_for(fleet, cursors)
    whole = fleet.on_range("daily_ingest", "AMGN", "APP")
    assert whole.success
    assert {"AMGN", "AMZN", "APP"} <= set(fleet.materializations("engineered_features"))
    assert asked_for(fleet, cursors) == {name: [] for name in SENSORS}

    # SNDK is not listed yet at the end of the data: the run ends before its features, those of the others follow.
    partly = fleet.on_range("daily_ingest", "ROP", "SNPS")
    assert not partly.success
    asked = asked_for(fleet, cursors)
    assert asked["features_after_ingest"] == []
    assert [request.run_key for request in asked["features_after_partial_ingest"]] == [partly.run_id]
