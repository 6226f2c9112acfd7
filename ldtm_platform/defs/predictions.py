"""Forecasts of a session: the ledger of every model's predictions, and the champion's daily snapshot."""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from ldtm_platform.defs.checks import named_tickers
from ldtm_platform.defs.features import engineered_features
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import SESSIONS, TICKERS
from ldtm_platform.defs.reporting import OWNERS, table_metadata
from ldtm_platform.defs.training import ldtm_checkpoints
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.model_store import ModelStore
from ldtm_platform.resources.progress import Progress
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.predictions import NoBarsForSession, SessionForecaster
from ldtm_platform.stages.snapshots import write_session_snapshots
from ldtm_platform.warehouse import reads

ALL_TICKERS = dg.AllPartitionMapping()


@dg.asset(
    deps=[dg.AssetDep(upstream, partition_mapping=ALL_TICKERS) for upstream in (engineered_features, ldtm_checkpoints)],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="predictions",
    kinds={"pytorch", "postgres"},
    owners=OWNERS,
    metadata=table_metadata("ldtm_predictions"),
)
def ldtm_predictions(
    context: dg.AssetExecutionContext,
    database: Database,
    models: ModelStore,
    progress: Progress,
) -> None:
    """The append-only ledger: each ticker's forecast closes as of a session, beside "tomorrow is today".

    Uses bars up to the session and a checkpoint trained through no later one; anything else is marked in-sample. A
    second run of a session adds nothing, or, when the data changed, rows that are marked late.
    """
    sessions = requested_sessions(context)
    tickers = TICKERS.get_partition_keys()
    forecaster = _forecaster(database, models, context.run.run_id)
    with measured_stage(context, database, progress, "predictions", len(sessions)) as stage:
        for session in sessions:
            try:
                forecast = forecaster.forecast(session, tickers)
            except NoBarsForSession as reason:
                raise dg.Failure(str(reason), allow_retries=False) from None
            context.add_asset_metadata(forecast.facts(), partition_key=session.isoformat())
            stage.advance(session.isoformat())


def _forecaster(database: Database, models: ModelStore, run_id: str) -> SessionForecaster:
    return SessionForecaster(database.engine(), models.store(), models.champions(), run_id, models.warm())


class TickerForecasts(dg.Config):
    """Some tickers, and the session to forecast them as of."""

    session: str
    tickers: list[str]


@dg.op
def forecast(context: dg.OpExecutionContext, config: TickerForecasts, database: Database, models: ModelStore) -> None:
    """Forecast the listed tickers as of one session; the session's partition is left to runs of the whole universe."""
    forecaster = _forecaster(database, models, context.run_id)
    try:
        made = forecaster.forecast(date.fromisoformat(config.session), config.tickers)
    except NoBarsForSession as reason:
        raise dg.Failure(str(reason), allow_retries=False) from None
    if not made.forecast:
        said = f"none of {len(config.tickers)} tickers has a forecast of {config.session}"
        raise dg.Failure(said, metadata=made.facts(), allow_retries=False)
    context.add_output_metadata(made.facts())


@dg.asset(
    deps=[ldtm_predictions],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="predictions",
    kinds={"postgres"},
    owners=OWNERS,
    metadata=table_metadata("ldtm_daily_snapshots"),
)
def ldtm_daily_snapshots(context: dg.AssetExecutionContext, database: Database, progress: Progress) -> None:
    """The champion's first official forecast of each ticker and session, to be filled with what really happened."""
    sessions = requested_sessions(context)
    with measured_stage(context, database, progress, "snapshots", len(sessions)) as stage:
        for session in sessions:
            written, rows = write_session_snapshots(database.engine(), session)
            stage.say(f"[snapshot_writer] Wrote {written} snapshots for {session}")
            context.add_asset_metadata(
                {"dagster/partition_row_count": rows, "rows_new": written}, partition_key=session.isoformat()
            )
            stage.advance(session.isoformat())


def requested_sessions(context: dg.AssetExecutionContext) -> list[date]:
    """The sessions of the run, oldest first. Raises dg.Failure for a day that is none or whose bars are not final."""
    asked = context.run.tags.get("dagster/partition")
    if asked and asked not in context.partition_keys:
        # Dagster takes a key between two partitions for the one after it.
        raise dg.Failure(f"{asked} is no trading session: nothing is forecast on it", allow_retries=False)
    sessions = sorted(date.fromisoformat(key) for key in context.partition_keys)
    latest = load_settings().latest_session(datetime.now(UTC))
    if sessions[-1] > latest:
        raise dg.Failure(
            f"session {sessions[-1]} has no final bars yet: the newest that can be forecast is {latest}",
            allow_retries=False,
        )
    return sessions


@dg.asset_check(asset=ldtm_daily_snapshots)
def every_ticker_has_a_forecast(database: Database) -> dg.AssetCheckResult:
    """Every ticker that has a model has a snapshot of the newest session."""
    in_universe = pl.col("ticker").is_in(TICKERS.get_partition_keys())
    fresh = reads.freshness(database.engine()).filter(in_universe & pl.col("trained_through").is_not_null())
    newest = fresh["last_snapshot"].max()
    behind = fresh.filter(pl.col("last_snapshot").ne_missing(newest))
    named = {
        row["ticker"]: f"newest forecast {row['last_snapshot']}, the fleet's {newest!s}"
        for row in behind.rows(named=True)
    }
    return named_tickers(named, fresh.height)
