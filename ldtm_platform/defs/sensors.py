"""What follows from a run that has ended."""

import dagster as dg

from ldtm_platform.defs import jobs
from ldtm_platform.defs.features import engineered_features
from ldtm_platform.defs.schedules import whole_universe
from ldtm_platform.gpu import read_cards
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.orphans import report_orphans
from ldtm_platform.stack.slots import apply_slots, described


def _hours_follow(status: dg.DagsterRunStatus, name: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        monitored_jobs=[jobs.daily_ingest, jobs.market_data_ingest, jobs.ingest_tickers],
        request_job=jobs.hourly_ingest,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        description="Ingest hourly bars when an ingest of daily ones has ended, where LDTM_HOURLY names a source.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        if load_settings().hourly is None:
            return dg.SkipReason("hourly bars are switched off (LDTM_HOURLY)")
        return dg.RunRequest(run_key=context.dagster_run.run_id, tags=whole_universe())

    return sensor


def _features_follow(status: dg.DagsterRunStatus, name: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        monitored_jobs=[jobs.daily_ingest, jobs.market_data_ingest, jobs.ingest_tickers],
        request_job=jobs.feature_engineering,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        description="Engineer features when an ingest of the universe has ended, the good tickers of a failed one too.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run_id = context.dagster_run.run_id
        if context.instance.get_run_step_stats(run_id, [engineered_features.op.name]):
            return dg.SkipReason("the run has engineered features itself")
        return dg.RunRequest(run_key=run_id, tags=whole_universe())

    return sensor


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def dead_terminals(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Report failed the runs of terminals that were killed: they would hold their pool's slots for ever."""
    ended = report_orphans(context.instance, of_daemon=False)
    return dg.SkipReason(f"reported failed: {', '.join(ended)}" if ended else "no terminal has died in a run")


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def gpu_slots(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Let as many trainings run at once as the GPUs have room for; the rest waits in the queue."""
    cards = read_cards()
    slots, changed = apply_slots(context.instance, cards)
    return dg.SkipReason(f"{described(cards)}; {'now' if changed else 'still'} {slots} in all")


hours_after_ingest = _hours_follow(dg.DagsterRunStatus.SUCCESS, "hours_after_ingest")
hours_after_partial_ingest = _hours_follow(dg.DagsterRunStatus.FAILURE, "hours_after_partial_ingest")
features_after_ingest = _features_follow(dg.DagsterRunStatus.SUCCESS, "features_after_ingest")
features_after_partial_ingest = _features_follow(dg.DagsterRunStatus.FAILURE, "features_after_partial_ingest")
