"""What follows from a run that has ended."""

import dagster as dg

from ldtm_platform.defs import jobs
from ldtm_platform.defs.schedules import whole_universe


def _features_follow(status: dg.DagsterRunStatus, name: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        monitored_jobs=[jobs.market_data_ingest],
        request_job=jobs.feature_engineering,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        description="Engineer features when an ingest of the universe has ended, the good tickers of a failed one too.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id, tags=whole_universe())

    return sensor


features_after_ingest = _features_follow(dg.DagsterRunStatus.SUCCESS, "features_after_ingest")
features_after_partial_ingest = _features_follow(dg.DagsterRunStatus.FAILURE, "features_after_partial_ingest")
