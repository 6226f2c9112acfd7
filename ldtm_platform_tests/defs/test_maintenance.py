"""Pruning the event log: old runs go, the latest of every partition stays, and so does what the UI shows of it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
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


def write_old(file: Path) -> None:
    """A file in a folder of its own, both 31 days old."""
    file.parent.mkdir(parents=True)
    file.write_text("said")
    then = (datetime.now(UTC) - timedelta(days=31)).timestamp()
    for path in (file, file.parent):
        os.utime(path, (then, then))


def test_captured_output_goes_with_its_run_and_where_its_run_is_gone(fleet: Bench, tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        on_disk = replace(fleet, instance=instance)
        superseded, latest = (on_disk.run("market_data_ingest", partition="AMGN") for _ in range(2))
        age(on_disk, 31, superseded.run_id)
        storage = Path(instance.storage_directory())
        assert list((storage / superseded.run_id / "compute_logs").glob("*.err"))
        orphaned, recently_orphaned = str(uuid4()), str(uuid4())
        for old in (f"{orphaned}/x.err", "__repository__/gpu_slots/7.err", "no_run_of_ours/result"):
            write_old(storage / old)
        (storage / recently_orphaned).mkdir()
        (storage / "__repository__/gpu_slots/8.err").touch()

        pruned = on_disk.run("prune_event_log")
        (output,) = (event for event in pruned.all_events if event.is_successful_output)
        metadata = {name: value.value for name, value in output.step_output_data.metadata.items()}
        assert metadata == {"runs_deleted": 1, "run_logs_deleted": 2, "tick_logs_deleted": 1, "older_than_days": 30}
        kept = {latest.run_id, pruned.run_id, recently_orphaned, "__repository__", "no_run_of_ours"}
        assert {folder.name for folder in storage.iterdir()} == kept
        assert [file.name for file in storage.glob("__repository__/*/*")] == ["8.err"]
