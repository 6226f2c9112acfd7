"""Every stage of every run leaves a row of what it cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import dagster as dg

from ldtm_platform.resources.database import Database
from ldtm_platform.resources.progress import Progress, Stage
from ldtm_platform.stages.cost import measured
from ldtm_platform.warehouse import writes


@contextmanager
def measured_stage(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    database: Database,
    progress: Progress,
    name: str,
    total: int,
) -> Iterator[Stage]:
    """Follow a stage of `total` parts, and record its cost when it ends, well or not."""
    status = "failed"
    try:
        with measured() as cost, progress.stage(context.log, name, total) as stage:
            yield stage
        status = "success"
    finally:
        with database.engine().begin() as connection:
            run_id = context.run.run_id
            facts = {"stage": name, "status": status, "units": total, "dagster_run_id": run_id}
            queued = seconds_queued(context.instance, run_id)
            writes.record_stage_cost(connection, {**facts, "queue_sec": queued, **asdict(cost)})


def seconds_queued(instance: dg.DagsterInstance, run_id: str) -> float | None:
    """Seconds from the run's creation to its start; None for a run that never stood in the queue, as a terminal's."""
    if not instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.PIPELINE_ENQUEUED, limit=1).records:
        return None
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.start_time is None:
        return None
    return max(0.0, record.start_time - record.create_timestamp.timestamp())
