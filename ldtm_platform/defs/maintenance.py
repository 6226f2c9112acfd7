"""Keeping Dagster's own storage small."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ldtm_platform.settings import load_settings

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BATCH = 100


@dg.op
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Delete runs older than LDTM_KEEP_RUNS_DAYS, with their events, unless they made a partition's latest version."""
    days = load_settings().keep_runs_days
    before = datetime.now(UTC) - timedelta(days=days)
    kept = runs_behind_latest_materializations(context.instance)
    old = [
        record.dagster_run.run_id
        for record in context.instance.get_run_records(dg.RunsFilter(statuses=ENDED, created_before=before))
        if record.dagster_run.run_id not in kept
    ]
    for run_id in old:
        context.instance.delete_run(run_id)
    context.log.info("deleted %d runs older than %d days; kept the latest of every partition", len(old), days)
    context.add_output_metadata({"runs_deleted": len(old), "older_than_days": days})


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
