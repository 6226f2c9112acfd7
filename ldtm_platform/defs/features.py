"""Engineered features: what models see, per ticker, made once for training and inference alike."""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from ldtm_platform.defs.checks import named_tickers
from ldtm_platform.defs.market_data import TickerList, market_data_daily
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import NOTHING, OWNERS, announce, report_tickers, reported, table_metadata
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.progress import Progress
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.warehouse import reads

KEY = dg.AssetKey("engineered_features")


@dg.asset(
    deps=[market_data_daily],
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=NOTHING,
    group_name="features",
    kinds={"postgres", "polars"},
    owners=OWNERS,
    metadata=table_metadata("engineered_features"),
)
def engineered_features(
    context: dg.AssetExecutionContext, database: Database, progress: Progress
) -> Iterator[dg.Output[None]]:
    """The 11 features of every session: open high low close volume ret1 ret5 rsi14 ma5 ma10 ma20.

    A row is in the price basis of its own session and never changes when later bars or splits arrive; split_factor
    restates it to the basis of a later one.
    """
    _engineer(context, context.partition_keys, database, progress)
    yield reported()


@dg.op
def engineer_features(
    context: dg.OpExecutionContext, config: TickerList, database: Database, progress: Progress
) -> None:
    """Engineer the features of the listed tickers."""
    announce(context, KEY, config.tickers)
    _engineer(context, config.tickers, database, progress)


def _engineer(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    tickers: Sequence[str],
    database: Database,
    progress: Progress,
) -> None:
    with measured_stage(context, database, progress, "features", len(tickers)) as stage:
        report_tickers(context, KEY, engineer_tickers(database.engine(), tickers), stage)


@dg.asset_check(asset=engineered_features, blocking=True)
def features_reach_their_bars(database: Database) -> dg.AssetCheckResult:
    """Every ticker's newest feature row is of its newest bar's session."""
    tickers = TICKERS.get_partition_keys()
    fresh = reads.freshness(database.engine()).filter(pl.col("ticker").is_in(tickers))
    behind = fresh.filter(pl.col("last_bar").is_not_null() & pl.col("last_feature").ne_missing(pl.col("last_bar")))
    named = {
        row["ticker"]: f"bars to {row['last_bar']}, features to {row['last_feature']}"
        for row in behind.rows(named=True)
    }
    return named_tickers(named, len(tickers))
