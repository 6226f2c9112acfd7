"""What really happened: actual closes filled into the snapshots, and the accuracy that follows."""

import dagster as dg

from ldtm_platform.defs.checks import markdown_table, opinion
from ldtm_platform.defs.market_data import market_data_daily
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import SESSIONS
from ldtm_platform.defs.predictions import ALL_TICKERS, ldtm_daily_snapshots, requested_sessions
from ldtm_platform.defs.reporting import OWNERS
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.progress import Progress
from ldtm_platform.stages.snapshots import fill_back_through
from ldtm_platform.warehouse import reads


@dg.asset(
    deps=[ldtm_daily_snapshots, dg.AssetDep(market_data_daily, partition_mapping=ALL_TICKERS)],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="evaluation",
    kinds={"postgres"},
    owners=OWNERS,
)
def ldtm_snapshot_actuals(context: dg.AssetExecutionContext, database: Database, progress: Progress) -> None:
    """Actual closes of every target that has matured by a session, in the price basis of the prediction.

    Filled from the target session's own bar and no other; a close that was revised later is filled again, and the
    revision recorded.
    """
    through = requested_sessions(context)[-1]
    with measured_stage(context, database, progress, "fill-back", 1) as stage:
        filled = fill_back_through(database.engine(), through)
        stage.say(f"[snapshot_fillback] Updated {filled.updated} rows")
        stage.advance()
    context.add_asset_metadata(
        {
            "rows_updated": filled.updated,
            "revised": filled.revised,
            "pending": filled.pending,
            "missing": filled.missing,
            "ended": filled.ended,
        },
        partition_key=through.isoformat(),
    )


@dg.asset(deps=[ldtm_snapshot_actuals], group_name="evaluation", kinds={"postgres", "sql"}, owners=OWNERS)
def ldtm_accuracy_30d(
    context: dg.AssetExecutionContext, database: Database, progress: Progress
) -> dg.MaterializeResult[None]:
    """The accuracy view of the last 30 calendar days of snapshots, and every model's error beside "tomorrow is today".

    Thirty days cannot show skill: the best of 103 coins is right on 73 % of them.
    """
    engine = database.engine()
    with measured_stage(context, database, progress, "accuracy", 1) as stage:
        accuracy, skill = reads.accuracy_30d(engine), reads.prediction_skill(engine)
        stage.advance()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": accuracy.height,
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(name, str(kind)) for name, kind in accuracy.schema.items()]
            ),
            "evaluated_days": int(accuracy["evaluated_days"].sum()),
            "skill": dg.MetadataValue.md(markdown_table(skill.rows(named=True))),
        }
    )


@dg.asset_check(asset=ldtm_snapshot_actuals)
def matured_targets_are_filled(database: Database) -> dg.AssetCheckResult:
    """No target has passed without its session's bar."""
    return opinion(reads.overdue_targets(database.engine()).rows(named=True), "targets have passed and are not filled")
