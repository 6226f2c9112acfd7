"""Daily bars: raw as traded, per ticker, with when they were ingested."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from ldtm_platform.batches import batches
from ldtm_platform.defs.checks import named_tickers, opinion
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import NOTHING, OWNERS, announce, report_tickers, reported, table_metadata
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.prices.jumps import unexplained_jumps
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.market_data import MarketData
from ldtm_platform.resources.progress import Progress
from ldtm_platform.settings import load_settings
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.universe import load_universe
from ldtm_platform.warehouse import reads, repairs

KEY = dg.AssetKey("market_data_daily")
POOL = "market_data_api"


@dg.asset(
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=NOTHING,
    pool=POOL,
    group_name="market_data",
    kinds={"postgres", "polars"},
    owners=OWNERS,
    metadata=table_metadata("market_data_daily"),
)
def market_data_daily(
    context: dg.AssetExecutionContext, database: Database, market_data: MarketData, progress: Progress
) -> Iterator[dg.Output[None]]:
    """Raw daily bars (open, high, low, close, volume) of every final session, with corporate actions beside them.

    Incremental with an overlap: history that the vendor rewrote is recorded as a split or as restated bars; rows that
    are no bars go to market_data_quarantine with a reason, vendors' known defects are repaired on record or held there;
    a ticker with missing sessions fails by name. One that is delisted is a state of its own and is asked for once a
    week. Symbol changes of the universe file are carried over.
    """
    tickers = context.partition_keys
    _ingest(context, tickers, database, market_data, progress, by_name=len(tickers) == 1)
    yield reported()


class TickerList(dg.Config):
    """Any tickers of the universe, adjacent or not."""

    tickers: list[str]


@dg.op(pool=POOL)
def ingest(
    context: dg.OpExecutionContext, config: TickerList, database: Database, market_data: MarketData, progress: Progress
) -> None:
    """Ingest the bars of the listed tickers."""
    announce(context, KEY, config.tickers)
    _ingest(context, config.tickers, database, market_data, progress, by_name=True)


def _ingest(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    tickers: Sequence[str],
    database: Database,
    market_data: MarketData,
    progress: Progress,
    *,
    by_name: bool,
) -> None:
    settings = load_settings()
    outcomes = ingest_tickers(
        database.engine(),
        market_data.source(),
        tickers,
        since=settings.history_start,
        through=settings.latest_session(),
        renames=load_universe(settings.universe).renames,
        by_name=by_name,
        run_id=context.run.run_id,
    )
    with measured_stage(context, database, progress, "bars", len(tickers)) as stage:
        report_tickers(context, KEY, outcomes, stage)


@dg.asset_check(asset=market_data_daily, blocking=True)
def bars_are_sound(database: Database) -> dg.AssetCheckResult:
    """Every stored bar is of a session, once, with positive prices and high >= low."""
    rows, unsound = 0, list[dict[str, Any]]()
    for bars in _bars(database):
        _, bad = split_good_and_bad(bars, date.max)
        rows += bars.height
        unsound += bad.select("ticker", "date", "reason").rows(named=True)
    result = opinion(unsound, f"unsound rows among {rows} stored bars")
    return result._replace(severity=dg.AssetCheckSeverity.ERROR)


@dg.asset_check(asset=market_data_daily, blocking=True)
def bars_cover_every_session(database: Database) -> dg.AssetCheckResult:
    """From its first bar on, every ticker has each final session's bar or a recorded halt."""
    tickers = TICKERS.get_partition_keys()
    return named_tickers(dict(reads.incomplete_tickers(database.engine(), tickers)), len(tickers))


@dg.asset_check(asset=market_data_daily)
def large_moves_have_a_known_action(database: Database) -> dg.AssetCheckResult:
    """A close that moves by half has a split on file; real moves of that size exist, so this only warns."""
    splits = reads.splits(database.engine(), TICKERS.get_partition_keys())
    jumps = pl.concat(unexplained_jumps(bars, splits) for bars in _bars(database))
    by_size = jumps.sort(pl.col("move_pct").abs(), descending=True)
    return opinion(by_size.rows(named=True), "large moves without a known action")


@dg.asset_check(asset=market_data_daily)
def nothing_is_in_quarantine(database: Database) -> dg.AssetCheckResult:
    """No vendor row had to be refused."""
    return opinion(reads.quarantined(database.engine()).rows(named=True), "kinds of refused rows")


@dg.asset_check(asset=market_data_daily)
def repairs_are_few(database: Database) -> dg.AssetCheckResult:
    """Of each ticker's bars, at most one in a hundred is repaired or held for a vendor's defect."""
    found = repairs.defects(database.engine(), TICKERS.get_partition_keys())
    many = found.filter((pl.col("repaired") + pl.col("held")) * 100 > pl.col("bars"))
    return opinion(many.rows(named=True), "tickers with many repaired or held bars")


def _bars(database: Database) -> Iterator[pl.DataFrame]:
    """All stored bars, a batch of tickers at a time."""
    return (reads.bars(database.engine(), batch) for batch in batches(TICKERS.get_partition_keys()))
