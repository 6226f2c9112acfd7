"""Keeping Dagster's own storage small."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg

from ldtm_platform.settings import load_settings

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BATCH = 100


@dg.op
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Delete runs older than LDTM_KEEP_RUNS_DAYS, unless they made a partition's latest version, with events and logs.

    Logs as old of runs that are gone otherwise go too, and those of the ticks of schedules and sensors.
    """
    days = load_settings().keep_runs_days
    before = datetime.now(UTC) - timedelta(days=days)
    kept = runs_behind_latest_materializations(context.instance)
    old = {
        record.dagster_run.run_id
        for record in context.instance.get_run_records(dg.RunsFilter(statuses=ENDED, created_before=before))
        if record.dagster_run.run_id not in kept
    }
    for run_id in old:
        context.instance.delete_run(run_id)
    lost = list(logs_of_lost_runs(context.instance, old, before))
    for run_id in lost:
        context.instance.compute_log_manager.delete_logs(prefix=[run_id])
    ticks = delete_tick_logs(context.instance, before)
    context.log.info("deleted %d runs older than %d days; kept the latest of every partition", len(old), days)
    context.log.info("deleted the logs of %d runs and of %d ticks", len(lost), ticks)
    counts = {"runs_deleted": len(old), "run_logs_deleted": len(lost), "tick_logs_deleted": ticks}
    context.add_output_metadata({**counts, "older_than_days": days})


def runs_behind_latest_materializations(instance: dg.DagsterInstance) -> set[str]:
    """The ids of runs that made the newest version of some asset or partition: deleting them would unmake it."""
    runs: set[str] = set()
    for key in instance.all_asset_keys():
        latest = instance.get_latest_materialization_event(key)
        if latest:
            runs.add(latest.run_id)
        storage_ids = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        ids = list(storage_ids.values())
        for first in range(0, len(ids), BATCH):
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[first : first + BATCH])
            runs |= {record.run_id for record in instance.fetch_materializations(wanted, limit=BATCH).records}
    return runs


def logs_of_lost_runs(instance: dg.DagsterInstance, deleted: Collection[str], before: datetime) -> Iterator[str]:
    """The ids of runs that left captured output and are deleted, now or, where the output is from before, at all."""
    present = set(instance.get_run_ids())
    for folder in _logs(instance).iterdir():
        if folder.name in deleted or (
            _is_run_id(folder.name) and folder.name not in present and _is_older(folder, before)
        ):
            yield folder.name


def delete_tick_logs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete what schedules and sensors logged before, of which Dagster forgets the ticks alone; returns how many."""
    old = [file for file in _logs(instance).glob("__repository__/*/*") if _is_older(file, before)]
    for file in old:
        file.unlink()
    return len(old)


def _logs(instance: dg.DagsterInstance) -> Path:
    """Where Dagster puts captured output: a folder a run, by its id, and one for the ticks of the code location."""
    folder = Path(instance.storage_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_older(path: Path, before: datetime) -> bool:
    return path.stat().st_mtime < before.timestamp()


def _is_run_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
