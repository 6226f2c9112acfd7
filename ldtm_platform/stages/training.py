"""Train tickers as one fleet and register what comes out, ticker by ticker, as each finishes."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from ldtm_platform.batches import batches
from ldtm_platform.evaluation.skill import persistence_loss
from ldtm_platform.evaluation.verdict import of_test_part
from ldtm_platform.fleet.device import resolve_device
from ldtm_platform.fleet.fit import fit_fleet, planned_version
from ldtm_platform.fleet.names import CpuEngine, FleetEngine
from ldtm_platform.fleet.native.choice import find_kernel
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import FleetProgress, Watch
from ldtm_platform.fleet.results import FitResult, Fitted, Unfit
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History, HistoryError
from ldtm_platform.models.checkpoint import Manifest
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.settings import Settings
from ldtm_platform.stages.histories import delisted_before, read_histories
from ldtm_platform.stages.outcome import Outcome, Result
from ldtm_platform.stages.registry import Registry


@dataclass(frozen=True)
class TrainingPlan:
    """How a fleet is trained: on features through a session, with one seed, by so many processes on a device.

    fleet_engine: stacked or ticker by ticker (fleet/fit.py); the latter on a CPU by the engine of that name
    (fleet/native/choice.py), which is compiled into `cache` on first use.
    """

    through: date
    epochs: int
    seed: int
    workers: int
    device: str
    keep: int
    fleet_engine: FleetEngine
    cpu_engine: CpuEngine = "pytorch"
    cache: Path | None = None

    @classmethod
    def of(cls, settings: Settings, *, epochs: int | None, workers: int | None, through: str | None) -> "TrainingPlan":
        """The plan of one run: what it asks for, and the settings for the rest."""
        return cls(
            through=date.fromisoformat(through) if through else settings.latest_session(),
            epochs=epochs or settings.epochs,
            seed=settings.seed,
            workers=workers or settings.workers,
            device=settings.device,
            keep=settings.keep_checkpoints,
            fleet_engine=settings.fleet_engine,
            cpu_engine=settings.cpu_engine,
            cache=settings.cache,
        )

    def kernel(self) -> Kernel | None:
        """What the loop trains with on a CPU; None for PyTorch, for stacks, and on any other device.

        Raises DeviceRefused and KernelRefused.
        """
        if resolve_device(self.device).type != "cpu" or self.fleet_engine == "stacked" or self.cache is None:
            return None
        return find_kernel(self.cpu_engine, self.cache)


def train_tickers(
    engine: sa.Engine,
    store: CheckpointStore,
    tickers: Sequence[str],
    plan: TrainingPlan,
    *,
    say: Callable[[str], None],
    note: Callable[[FleetProgress], None] = lambda _: None,
    run_id: str | None = None,
) -> Generator[Outcome, None, None]:
    """Train a model for each ticker; one outcome a ticker as it finishes, with the seed's result line to `say`.

    After every epoch, `note` is told who still trains, the best losses and the time left; at the end `say`, how the
    losses of what was trained compare with persistence's.

    A ticker that has a sound checkpoint of the same data, settings, seed and code is not trained again, as that would
    give the same model, but for how another arithmetic rounds: a run that was killed goes on where it stopped, and
    registers what the killed one had saved.
    """
    family = Ldtm(LdtmConfig(max_epochs=plan.epochs))
    registry = Registry(engine, store, plan.keep, run_id)
    ended = delisted_before(engine, plan.through)
    for ticker in (each for each in tickers if each in ended):
        registry.leave_out(ticker, ended[ticker])
        yield Outcome(ticker, Result.SKIPPED, "delisted", ended[ticker])
    listed = [ticker for ticker in tickers if ticker not in ended]
    progress, kernel = FleetProgress(len(listed), plan.epochs), cache(plan.kernel)
    trained: list[Manifest] = []
    for batch in batches(listed):
        waiting: list[History] = []
        for history in read_histories(engine, batch, through=plan.through):
            known = _known(family, store, history, plan.seed)
            if known is None:
                waiting.append(history)
            else:
                progress.leave_out()
                registry.register(known)
                yield _made(known, "unchanged", f"trained before on the same data, same settings ({known.device})")
        with closing(_fitted(family, waiting, plan, kernel, progress.telling(note))) as results:
            for result in results:
                progress.finish(result.ticker)
                yield _settled(registry, result, say)
                trained += [result.manifest] if isinstance(result, Fitted) else []
    if trained:
        say(_fleet_line(trained))


def _fitted(
    family: NetworkFamily,
    histories: Sequence[History],
    plan: TrainingPlan,
    kernel: Callable[[], Kernel | None],
    watch: Watch,
) -> Generator[FitResult, None, None]:
    return fit_fleet(
        family,
        histories,
        seed=plan.seed,
        workers=plan.workers,
        device=plan.device,
        kernel=kernel() if histories else None,
        engine=plan.fleet_engine,
        watch=watch,
    )


def _known(family: NetworkFamily, store: CheckpointStore, history: History, seed: int) -> Manifest | None:
    if history.rows < MIN_FEATURE_ROWS:
        return None
    try:
        version = planned_version(family, history, seed=seed)
    except HistoryError:
        return None
    return store.load(version).manifest if store.has(version) else None


def _settled(registry: Registry, result: FitResult, say: Callable[[str], None]) -> Outcome:
    if isinstance(result, Unfit):
        registry.leave_word(result)
        kind = Result.SKIPPED if result.state == "too_little_history" else Result.FAILED
        return Outcome(result.ticker, kind, result.state, result.message)
    manifest = registry.store.save(result.weights, result.manifest)
    newer = registry.register(manifest)
    say(_result_line(result))
    if newer is None:
        return _made(manifest, "ok")
    stays = f"the champion, trained through {newer}, is newer and stays"
    say(f"[LDTM] {result.ticker}: {stays}")
    return _made(manifest, "ok", stays)


def _result_line(fitted: Fitted) -> str:
    manifest = fitted.manifest
    return (
        f"[LDTM] RESULT: ticker={manifest.ticker} epochs={manifest.epochs_run} "
        f"val_loss={manifest.best_val_loss:.6f} duration={manifest.duration_sec:.2f}s"
    )


def _fleet_line(trained: Sequence[Manifest]) -> str:
    """What the losses are worth: a val_loss alone says nothing, as persistence's is no constant."""
    naive = [loss for each in trained if (loss := _persistence_loss(each)) is not None]
    told = f"median val_loss {median(each.best_val_loss for each in trained):.4f}"
    if naive:
        below = sum((each.skill["validation"].get("total") or 0) > 0 for each in trained)
        told += f', "tomorrow is today" {median(naive):.4f} on the same windows; below it: {below} of {len(naive)}'
    return f"[LDTM] {len(trained)} trained: {told}"


def _persistence_loss(manifest: Manifest) -> float | None:
    return persistence_loss(manifest.best_val_loss, manifest.skill["validation"].get("total"))


def _made(manifest: Manifest, state: str, message: str = "") -> Outcome:
    skill = {
        f"test_skill_{name}": round(value, 4) for name, value in manifest.skill["test"].items() if value is not None
    }
    naive = _persistence_loss(manifest)
    return Outcome(
        manifest.ticker,
        Result.MADE,
        state,
        message,
        {
            "version": manifest.version,
            "verdict": of_test_part(manifest.skill["test"].get("total")),
            **skill,
            "best_val_loss": round(manifest.best_val_loss, 6),
            **({} if naive is None else {"persistence_val_loss": round(naive, 6)}),
            "train_loss": round(manifest.train_loss, 6),
            "epochs_run": manifest.epochs_run,
            "best_epoch": manifest.best_epoch,
            "duration_sec": round(manifest.duration_sec, 3),
            "trained_through": manifest.trained_through.isoformat(),
            "rows": manifest.rows,
            "device": manifest.device,
        },
    )
