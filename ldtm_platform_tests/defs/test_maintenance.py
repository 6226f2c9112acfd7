"""Pruning the event log: old runs go, the latest of every partition stays, and so does what the UI shows of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable

from ldtm_platform.postgres.server import Connection
from ldtm_platform_tests.defs.bench import Bench, bench


@pytest.fixture
def fleet(server: Connection, template: str, tmp_path: Path) -> Iterator[Bench]:
    with bench(server, template, tmp_path, LDTM_KEEP_RUNS_DAYS="30") as ready:
        yield ready


def age(ready: Bench, days: int, *run_ids: str) -> None:
    """Let runs have been created so many days ago."""
    storage = ready.instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    then = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
    with storage.connect() as connection:
        connection.execute(sa.update(RunsTable).where(RunsTable.c.run_id.in_(run_ids)).values(create_timestamp=then))


def test_old_runs_go_unless_they_made_a_partitions_latest_version(fleet: Bench) -> None:
    superseded = fleet.on_range("market_data_ingest", "AMGN", "APP")
    partly_superseded = fleet.on_range("market_data_ingest", "AMGN", "APP")
    latest_of_two = fleet.on_range("market_data_ingest", "AMGN", "AMZN")
    failed = fleet.run("market_data_ingest", partition="SNDK")
    recent = fleet.run("market_data_ingest", partition="AMGN")
    age(fleet, 31, superseded.run_id, partly_superseded.run_id, latest_of_two.run_id, failed.run_id)

    pruned = fleet.run("prune_event_log")
    assert pruned.success
    left = {run.run_id for run in fleet.instance.get_runs()}
    assert left == {partly_superseded.run_id, latest_of_two.run_id, recent.run_id, pruned.run_id}
    assert fleet.states("market_data_daily", ["AMGN", "AMZN", "APP"]) == dict.fromkeys(
        ["AMGN", "AMZN", "APP"], "MATERIALIZED"
    )
    assert fleet.metadata("market_data_daily", "APP")["state"] == "ok"


def test_nothing_goes_before_its_time(fleet: Bench) -> None:
    first = fleet.run("market_data_ingest", partition="AMGN")
    fleet.run("market_data_ingest", partition="AMGN")
    age(fleet, 29, first.run_id)
    fleet.run("prune_event_log")
    assert len(fleet.instance.get_runs()) == 3
