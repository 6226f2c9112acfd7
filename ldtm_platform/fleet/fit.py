"""Fit a fleet: histories in, models with manifests (or named reasons) out, whatever engine does the work."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime

from ldtm_platform.fleet.device import resolve_device
from ldtm_platform.fleet.engine import Engine, OneByOne
from ldtm_platform.fleet.names import FleetEngine
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import Watch, unwatched
from ldtm_platform.fleet.results import FitResult, Fitted, Trained, Unfit
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.trial import StackedIfItAgrees
from ldtm_platform.fleet.workers import WorkerProcesses
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History
from ldtm_platform.models.checkpoint import Facts, Manifest, config_hash, sha256
from ldtm_platform.models.code_version import code_version
from ldtm_platform.models.network_family import NetworkFamily


def fit_fleet(
    family: NetworkFamily,
    histories: Sequence[History],
    *,
    seed: int,
    workers: int,
    device: str,
    kernel: Kernel | None = None,
    engine: FleetEngine = "auto",
    watch: Watch = unwatched,
) -> Generator[FitResult, None, None]:
    """Train every history's model; one result per history, each as soon as it is there, in no promised order.

    A ticker with too little history, or whose training fails, is an Unfit with a message. Closing the iterator early
    stops the work. workers: processes of the loop on a CPU; with 1, or one history, training runs in this process.
    kernel: what the loop trains with on a CPU (fleet/native/choice.py); None for PyTorch. watch: told of every epoch.
    Raises ValueError for a ticker that comes twice and DeviceRefused.
    """
    if repeated := [ticker for ticker, count in Counter(history.ticker for history in histories).items() if count > 1]:
        raise ValueError(f"these tickers are in the fleet more than once: {', '.join(repeated)}")
    chosen = choose_engine(min(workers, len(histories)), device, kernel, engine=engine, watch=watch)
    return _results(chosen, family, histories, seed)


def choose_engine(
    workers: int,
    device: str,
    kernel: Kernel | None = None,
    *,
    engine: FleetEngine,
    watch: Watch = unwatched,
) -> Engine:
    """The engine of that name for so many workers on a device. Raises DeviceRefused.

    loop: ticker by ticker; stacked: many tickers at once; auto: the loop on a CPU, where nothing is faster, and on
    CUDA stacks, if they prove themselves there (fleet/stacked/trial.py).
    """
    resolved = resolve_device(device)
    stacks = Stacked(Machine(resolved), watch=watch)
    if engine == "stacked":
        return stacks
    loop: Engine
    if workers > 1 and resolved.type == "cpu":
        loop = WorkerProcesses(workers, resolved, kernel, watch)
    else:
        # On a GPU the run holds one slot, which is memory for one process and one training (ldtm_platform/gpu.py).
        loop = OneByOne(resolved, kernel, watch)
    return loop if engine == "loop" or resolved.type == "cpu" else StackedIfItAgrees(stacks, otherwise=loop)


def planned_version(family: NetworkFamily, history: History, *, seed: int) -> str:
    """The version that training this history would have: a checkpoint of that name need not be trained again.

    Raises HistoryError for a history that cannot be trained on.
    """
    history.require(MIN_FEATURE_ROWS)
    history.check()
    return _facts(family, history, seed).version


def _results(
    engine: Engine, family: NetworkFamily, histories: Sequence[History], seed: int
) -> Generator[FitResult, None, None]:
    by_ticker = {history.ticker: history for history in histories}
    with closing(engine.train(family, histories, seed=seed)) as results:
        for result in results:
            yield result if isinstance(result, Unfit) else _fitted(family, by_ticker[result.ticker], result, seed)


def _facts(family: NetworkFamily, history: History, seed: int) -> Facts:
    return Facts(
        family=family.name,
        ticker=history.ticker,
        trained_through=history.through,
        data_hash=history.data_hash(),
        config_hash=config_hash(family.config),
        seed=seed,
        code_version=code_version(),
    )


def _fitted(family: NetworkFamily, history: History, trained: Trained, seed: int) -> Fitted:
    facts = _facts(family, history, seed)
    parts = {"train": trained.train, "validation": trained.validation, "test": trained.test}
    manifest = Manifest(
        version=facts.version,
        family=facts.family,
        ticker=facts.ticker,
        trained_through=facts.trained_through,
        price_basis=history.through,
        rows=history.rows,
        data_hash=facts.data_hash,
        config=dict(family.config),
        config_hash=facts.config_hash,
        code_version=facts.code_version,
        seed=seed,
        epochs_run=trained.epochs_run,
        best_epoch=trained.best_epoch,
        train_loss=trained.train_loss,
        best_val_loss=trained.best_val_loss,
        test_loss=trained.test.loss,
        skill={name: part.skill for name, part in parts.items()},
        windows={name: part.windows for name, part in parts.items()},
        rel_mae=trained.test.rel_mae,
        weights_sha256=sha256(trained.weights),
        device=trained.device,
        duration_sec=trained.duration_sec,
        created_at=datetime.now(UTC),
    )
    return Fitted(ticker=history.ticker, weights=trained.weights, manifest=manifest)
