"""What the record says for a session's forecasts, and the strategy summary that rests on it."""

import dagster as dg

from ldtm_platform.defs.checks import opinion
from ldtm_platform.defs.evaluation import ldtm_snapshot_actuals
from ldtm_platform.defs.market_data import market_data_daily
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import SESSIONS
from ldtm_platform.defs.predictions import ALL_TICKERS, requested_sessions
from ldtm_platform.defs.reporting import OWNERS, table_metadata
from ldtm_platform.evaluation.evidence import too_good
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.progress import Progress
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.confidence import score_sessions
from ldtm_platform.stages.signal import signal_sessions
from ldtm_platform.warehouse import reads


@dg.asset(
    deps=[ldtm_snapshot_actuals],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="evaluation",
    kinds={"postgres"},
    owners=OWNERS,
    metadata=table_metadata("ldtm_confidence"),
)
def ldtm_confidence(context: dg.AssetExecutionContext, database: Database, progress: Progress) -> None:
    """How much the record known on a session's evening says for each of its forecasts, from 0 to 100, with its parts.

    Direction and error are shrunk and weighed by how much evidence there is; below 21 effective days there is no score.
    A score that is stored stands.
    """
    sessions = requested_sessions(context)
    with measured_stage(context, database, progress, "confidence", len(sessions)) as stage:
        for scored in score_sessions(database.engine(), sessions):
            context.add_asset_metadata(scored.facts(), partition_key=scored.session.isoformat())
            stage.advance(scored.session.isoformat())


@dg.asset_check(asset=ldtm_confidence)
def next_day_record_is_not_too_good(database: Database) -> dg.AssetCheckResult:
    """The fleet's next-day record is no better than honest forecasts of stocks ever were: else look for a leak."""
    suspicious = too_good(reads.confidence(database.engine()))
    return opinion(suspicious, "records that are too good to be true: a leak until proven otherwise")


@dg.asset(
    deps=[ldtm_confidence, dg.AssetDep(market_data_daily, partition_mapping=ALL_TICKERS)],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="strategy",
    kinds={"postgres", "polars"},
    owners=OWNERS,
    metadata=table_metadata("tqqq_signals"),
)
def tqqq_signal(context: dg.AssetExecutionContext, database: Database, progress: Progress) -> None:
    """Long TQQQ, flat or long SQQQ: a fixed rule's summary with its walk-forward record after costs. Not advice.

    The first signal of a session stands. Without bars of the two funds a session is skipped and says so.
    """
    sessions = requested_sessions(context)
    cost_bp = load_settings().signal_cost_bp
    with measured_stage(context, database, progress, "signal", len(sessions)) as stage:
        for made in signal_sessions(database.engine(), sessions, cost_bp=cost_bp):
            context.add_asset_metadata(
                {"signal": made.state, "says": made.message}, partition_key=made.session.isoformat()
            )
            stage.advance(f"{made.session} {made.message}")
