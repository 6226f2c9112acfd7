"""Train tickers as one fleet and register what comes out, ticker by ticker, as each finishes."""

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from ldtm_platform.batches import batches
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
from ldtm_platform.warehouse import reads, writes


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


@dataclass(frozen=True)
class _Registry:
    """Where a trained model goes: the store, and the warehouse's registry and run log."""

    engine: sa.Engine
    store: CheckpointStore
    keep: int
    run_id: str | None

    def register(self, manifest: Manifest) -> None:
        """Record a model that the store holds, log its training, make it champion; all in one transaction.

        A version that is registered and kept already changes nothing: a champion that was moved back stays where it is.
        """
        champion = reads.champions(self.engine, date.max, manifest.family, manifest.ticker)
        present = champion["trained_through"].to_list()
        with self.engine.begin() as connection:
            if not writes.register_version(connection, manifest.model_dump(mode="python")):
                return
            writes.log_runs(connection, self._log(manifest.ticker, "success", manifest=manifest))
            # A model of older data, trained to replay the past, does not take the title from a newer one.
            if not present or manifest.trained_through >= present[0]:
                writes.promote(
                    connection,
                    ticker=manifest.ticker,
                    family=manifest.family,
                    version=manifest.version,
                    reason="trained",
                )
        # A model that was trained to replay the past is older than those kept, and was asked for all the same.
        self._prune(manifest.ticker, manifest.family, protect={manifest.version, *champion["version"]})

    def _prune(self, ticker: str, family: str, protect: Collection[str]) -> None:
        """Delete all but the newest checkpoints of a ticker, its champion, and those protected.

        The registry says so first: killed in between, it offers no version whose files may be gone, and the next
        prune, which goes by what is on disk, deletes them.
        """
        on_disk = self.store.versions(ticker, family)
        with self.engine.begin() as connection:
            doomed = writes.mark_pruned(connection, [each for each in on_disk[: -self.keep] if each not in protect])
        self.store.prune(ticker, family, keep=self.keep, protect=set(on_disk) - set(doomed))

    def leave_word(self, unfit: Unfit) -> None:
        """Log why a ticker has no new model."""
        status = "skipped" if unfit.state == "too_little_history" else "failed"
        with self.engine.begin() as connection:
            writes.log_runs(connection, self._log(unfit.ticker, status, message=unfit.message))

    def leave_out(self, ticker: str, reason: str) -> None:
        """Log why a ticker is not trained."""
        with self.engine.begin() as connection:
            writes.log_runs(connection, self._log(ticker, "skipped", message=reason))

    def _log(self, ticker: str, status: str, *, manifest: Manifest | None = None, message: str = "") -> pl.DataFrame:
        row: dict[str, object] = {"ticker": ticker, "mode": "train", "status": status, "dagster_run_id": self.run_id}
        if manifest:
            row |= {
                "duration_sec": manifest.duration_sec,
                "epochs_run": manifest.epochs_run,
                "best_val_loss": manifest.best_val_loss,
                "run_date": manifest.trained_through,
                "model_version": manifest.version,
            }
        return pl.DataFrame([row | {"duration_sec": row.get("duration_sec", 0.0), "error_msg": message or None}])


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

    After every epoch, `note` is told who still trains, the best losses and the time left.

    A ticker that has a sound checkpoint of the same data, settings, seed and code is not trained again, as that would
    give the same model, but for how another arithmetic rounds: a run that was killed goes on where it stopped, and
    registers what the killed one had saved.
    """
    family = Ldtm(LdtmConfig(max_epochs=plan.epochs))
    registry = _Registry(engine, store, plan.keep, run_id)
    ended = delisted_before(engine, plan.through)
    for ticker in (each for each in tickers if each in ended):
        registry.leave_out(ticker, ended[ticker])
        yield Outcome(ticker, Result.SKIPPED, "delisted", ended[ticker])
    listed = [ticker for ticker in tickers if ticker not in ended]
    progress, kernel = FleetProgress(len(listed), plan.epochs), cache(plan.kernel)
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


def _settled(registry: _Registry, result: FitResult, say: Callable[[str], None]) -> Outcome:
    if isinstance(result, Unfit):
        registry.leave_word(result)
        kind = Result.SKIPPED if result.state == "too_little_history" else Result.FAILED
        return Outcome(result.ticker, kind, result.state, result.message)
    manifest = registry.store.save(result.weights, result.manifest)
    registry.register(manifest)
    say(_result_line(result))
    return _made(manifest, "ok")


def _result_line(fitted: Fitted) -> str:
    manifest = fitted.manifest
    return (
        f"[LDTM] RESULT: ticker={manifest.ticker} epochs={manifest.epochs_run} "
        f"val_loss={manifest.best_val_loss:.6f} duration={manifest.duration_sec:.2f}s"
    )


def _made(manifest: Manifest, state: str, message: str = "") -> Outcome:
    skill = {
        f"test_skill_{name}": round(value, 4) for name, value in manifest.skill["test"].items() if value is not None
    }
    return Outcome(
        manifest.ticker,
        Result.MADE,
        state,
        message,
        {
            "version": manifest.version,
            "verdict": _verdict(manifest.skill["test"].get("total")),
            **skill,
            "best_val_loss": round(manifest.best_val_loss, 6),
            "train_loss": round(manifest.train_loss, 6),
            "epochs_run": manifest.epochs_run,
            "best_epoch": manifest.best_epoch,
            "duration_sec": round(manifest.duration_sec, 3),
            "trained_through": manifest.trained_through.isoformat(),
            "rows": manifest.rows,
            "device": manifest.device,
        },
    )


def _verdict(test_skill: float | None) -> str:
    """One test part of one ticker cannot prove skill; it can show that there is none."""
    if test_skill is None:
        return "no test part to judge by"
    return 'no skill: worse than "tomorrow is today"' if test_skill <= 0 else "smaller test loss, no proof of skill"
