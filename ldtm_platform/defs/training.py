"""One LD-TM model per ticker: checkpoints, the registry's champion, and a card of losses and skill."""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg
import polars as pl

from ldtm_platform.defs.checks import opinion
from ldtm_platform.defs.features import engineered_features
from ldtm_platform.defs.measuring import measured_stage
from ldtm_platform.defs.partitions import TICKERS
from ldtm_platform.defs.reporting import NOTHING, OWNERS, announce, report_tickers, reported, table_metadata
from ldtm_platform.fleet.progress import FleetProgress
from ldtm_platform.gpu import read_cards
from ldtm_platform.importing import heavy_imports
from ldtm_platform.resources.database import Database
from ldtm_platform.resources.model_store import ModelStore
from ldtm_platform.resources.progress import Pace, Progress, Stage
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.slots import GPU_POOL, wait_for_slot
from ldtm_platform.warehouse import reads
from ldtm_platform.warehouse.provenance import provenance

KEY = dg.AssetKey("ldtm_checkpoints")
KIND = {"ldtm/kind": "retrain"}


class TrainingConfig(dg.Config):
    """How a run trains; what is left out comes from the settings."""

    epochs: int | None = None
    workers: int | None = None
    through: str | None = None


class TickerTraining(TrainingConfig):
    """Any tickers of the universe, adjacent or not, and how to train them."""

    tickers: list[str]


@dg.asset(
    deps=[engineered_features],
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=NOTHING,
    pool=GPU_POOL,
    op_tags=KIND,
    group_name="training",
    kinds={"pytorch", "postgres"},
    owners=OWNERS,
    metadata=table_metadata("model_versions"),
)
def ldtm_checkpoints(
    context: dg.AssetExecutionContext,
    config: TrainingConfig,
    database: Database,
    models: ModelStore,
    progress: Progress,
) -> Iterator[dg.Output[None]]:
    """A trained LD-TM per ticker: weights and manifest in the model store, a row in the registry, the champion's alias.

    A ticker that was already trained on the same data with the same settings is left as it is, so a run that was
    killed goes on where it stopped. A ticker with too little history is left out and says so.
    """
    _train(context, context.partition_keys, config, database, models, progress)
    yield reported()


@dg.op(pool=GPU_POOL, tags=KIND)
def train(
    context: dg.OpExecutionContext, config: TickerTraining, database: Database, models: ModelStore, progress: Progress
) -> None:
    """Train the listed tickers."""
    announce(context, KEY, config.tickers)
    _train(context, config.tickers, config, database, models, progress)


def _train(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    tickers: Sequence[str],
    config: TrainingConfig,
    database: Database,
    models: ModelStore,
    progress: Progress,
) -> None:
    # Imports torch, which loading the definitions must not wait for.
    with heavy_imports():
        from ldtm_platform.fleet.device import DeviceRefused, is_cuda
        from ldtm_platform.fleet.native.choice import KernelRefused
        from ldtm_platform.stages.training import TrainingPlan, train_tickers

    settings = load_settings()
    plan = TrainingPlan.of(settings, epochs=config.epochs, workers=config.workers, through=config.through)
    # What a training may take of a card is reckoned from the others' slots.
    if is_cuda(plan.device):
        with progress.stage(context.log, "slot", 1) as waiting:
            wait_for_slot(context.instance, context.run.run_id, read_cards(), waiting.note)
            waiting.advance()
    with measured_stage(context, database, progress, "training", len(tickers)) as stage:
        outcomes = train_tickers(
            database.engine(),
            models.store(),
            tickers,
            plan,
            say=stage.say,
            note=_noting(context, stage),
            run_id=context.run.run_id,
        )
        try:
            report_tickers(context, KEY, outcomes, stage)
        except (DeviceRefused, KernelRefused) as reason:
            raise dg.Failure(str(reason), allow_retries=False) from None


def _noting(context: dg.OpExecutionContext | dg.AssetExecutionContext, stage: Stage) -> Callable[[FleetProgress], None]:
    """Tells how the fleet does: a line to the stage, and now and then an observation whose numbers the UI draws."""
    pace = Pace()

    def note(fleet: FleetProgress) -> None:
        stage.note(str(fleet))
        if pace.is_due():
            context.log_event(dg.AssetObservation(KEY, description=str(fleet), metadata=fleet.facts()))

    return note


@dg.asset_check(asset=ldtm_checkpoints)
def models_beat_tomorrow_is_today(database: Database) -> dg.AssetCheckResult:
    """Every champion has skill on its own test part: a loss below persistence's. Most daily price models have none."""
    engine = database.engine()
    cards = provenance(engine).poolable(reads.model_cards(engine).filter(pl.col("skill").is_not_null()))
    skill = cards.select("ticker", test_skill=pl.col("skill").str.json_path_match("$.test.total").cast(pl.Float64))
    without = skill.filter(~(pl.col("test_skill") > 0)).sort("test_skill").rows(named=True)
    return opinion(without, f"champions without skill among {cards.height}")
