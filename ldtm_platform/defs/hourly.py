"""Hourly bars: raw as traded, per ticker, with when each became known; only where LDTM_HOURLY names a source."""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from ldtm_platform.defs.checks import opinion
from ldtm_platform.defs.market_data import POOL, TickerList, market_data_daily
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import NOTHING, OWNERS, announce, report_tickers, reported, table_metadata
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.hourly_data import HourlyData
from ldtm_platform.resources.progress import Progress
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.hourly import ingest_hourly_tickers
from ldtm_platform.warehouse.hourly_reads import hourly_grids

KEY = dg.AssetKey("market_data_hourly")
ONE_GRID = "hourly_series_keep_one_grid"


@dg.asset(
    deps=[market_data_daily],
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=NOTHING,
    pool=POOL,
    group_name="market_data",
    kinds={"postgres", "polars"},
    owners=OWNERS,
    metadata=table_metadata("market_data_hourly"),
    check_specs=[
        dg.AssetCheckSpec(
            ONE_GRID,
            asset=KEY,
            description="No series changes between bars on the hour and bars from the opening on; windows never reach "
            "over a change.",
        )
    ],
)
def market_data_hourly(
    context: dg.AssetExecutionContext, database: Database, hourly_data: HourlyData, progress: Progress
) -> Iterator[dg.AssetCheckResult | dg.Output[None]]:
    """Raw hourly bars of every final session, each with its grid and when it became known.

    Off unless LDTM_HOURLY names a source. A session is kept on one grid (on the hour, or from the opening on); hours
    are checked against the daily bars and carried to raw prices by their splits; a ticker with missing hours fails by
    name.
    """
    try:
        _ingest(context, context.partition_keys, database, hourly_data, progress)
    finally:
        # Here and not as a check of its own: a step that fails is followed by none.
        yield _one_grid(database)
    yield reported()


@dg.op(pool=POOL)
def ingest_hourly(
    context: dg.OpExecutionContext, config: TickerList, database: Database, hourly_data: HourlyData, progress: Progress
) -> None:
    """Ingest the hourly bars of the listed tickers."""
    announce(context, KEY, config.tickers)
    _ingest(context, config.tickers, database, hourly_data, progress)


def _ingest(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    tickers: Sequence[str],
    database: Database,
    hourly_data: HourlyData,
    progress: Progress,
) -> None:
    settings = load_settings()
    outcomes = ingest_hourly_tickers(
        database.engine(),
        hourly_data.source(),
        tickers,
        since=settings.history_start,
        through=settings.latest_session(),
        run_id=context.run.run_id,
    )
    with measured_stage(context, database, progress, "hourly bars", len(tickers)) as stage:
        report_tickers(context, KEY, outcomes, stage)


def _one_grid(database: Database) -> dg.AssetCheckResult:
    spans = hourly_grids(database.engine(), TICKERS.get_partition_keys())
    changing = spans.filter(pl.col("grid").n_unique().over("ticker") > 1)
    told = opinion(changing.rows(named=True), "spans of series that change their grid")
    return told._replace(asset_key=KEY, check_name=ONE_GRID)
