"""Train tickers to early stopping by the fleet engine on this machine's CPU, beside the ways it is to be faster than.

    python -m benchmarks.training                                 4 tickers, 10 epochs at most: minutes
    python -m benchmarks.training --tickers 102 --epochs 100      the whole fleet, to early stopping
    python -m benchmarks.training --ways careful,fleet            only some ways; see WAYS
    python -m benchmarks.training --simulated --json out.json

Same windows, epochs, batches and early stopping everywhere; real prices where ../shared has them. Every way's time
holds everything from windows (for the fleet: from histories) to the best weights, its processes' start included. On a
machine that others use too, CPU seconds tell more than the clock. The kernel is compiled before.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.prices import SHARED, histories_of
from benchmarks.processes import own_cpu_seconds
from benchmarks.report import Row, report
from ldtm_platform.fleet.fit import choose_engine
from ldtm_platform.fleet.names import CpuEngine
from ldtm_platform.fleet.native.choice import KernelRefused, find_kernel
from ldtm_platform.fleet.results import Trained
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.lstm_shape import LstmShape
from ldtm_platform.models.threads import one_thread

PLAIN = "benchmarks.plain_training"
CORES = os.cpu_count() or 1
AT_ONCE = 4
WAYS = ("seed", "seed-one-thread", "careful", "fleet", "fleet-bfloat16", "fleet-float32", "fleet-pytorch")


@dataclass(frozen=True)
class Measured:
    """What a way took: by the clock, of all processors, and for how many epochs of a ticker."""

    way: str
    tickers: int
    ticker_epochs: int
    wall_s: float
    cpu_s: float
    gflop_per_cpu_s: float

    @property
    def wall_ms(self) -> float:
        """By the clock, per epoch of a ticker."""
        return 1000 * self.wall_s / self.ticker_epochs

    @property
    def cpu_ms(self) -> float:
        """Of all processors, per epoch of a ticker."""
        return 1000 * self.cpu_s / self.ticker_epochs


def main() -> None:
    """Run the ways one after the other and print the table."""
    options = _options()
    prices = None if options.simulated or not options.prices.is_file() else options.prices
    histories = histories_of(prices, options.tickers, date(2025, 10, 31))
    family = Ldtm(LdtmConfig(max_epochs=options.epochs))
    peaks = {name: _peak(dtype) for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))}
    with tempfile.TemporaryDirectory() as folder:
        files = [_saved(family, history, Path(folder)) for history in histories]
        found = [row for way in options.ways if (row := _run(way, family, histories, files)) is not None]
    fleet = next((row for row in found if row.way == "fleet"), None)
    products = ", ".join(f"{peak:.0f} GFLOP/s in {name}" for name, peak in peaks.items())
    title = (
        f"Training {len(histories)} tickers, at most {options.epochs} epochs, {prices or 'simulated prices'}; "
        f"matrix products of one core: {products}"
    )
    report(title, [_row(row, fleet, peaks) for row in found], options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=10, help="the most; the recipe's are 100")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=WAYS, help=",".join(WAYS))
    parser.add_argument("--prices", type=Path, default=SHARED, help="a Parquet file of daily bars, adjusted for splits")
    parser.add_argument("--simulated", action="store_true", help="simulated prices, whatever else is there")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _peak(dtype: torch.dtype) -> float:
    """The matrix products of one core, GFLOP/s: the best of PyTorch's own on matrices that fit into its cache."""
    size, best = 512, float("inf")
    with one_thread():
        left, right = (torch.rand(size, size).to(dtype) for _ in range(2))
        for _ in range(30):
            started = time.thread_time()
            torch.mm(left, right)
            best = min(best, time.thread_time() - started)
    return 2 * size**3 / best / 1e9


def _saved(family: Ldtm, history: History, folder: Path) -> Path:
    """A ticker's windows in a file, for the processes that know nothing of histories."""
    parts, path = family.parts(history), folder / f"{history.ticker}.npz"
    arrays = {}
    for name, part in (("train", parts.train), ("validation", parts.validation)):
        batch = part.batch(torch.arange(len(part)))
        for field in ("inputs", "targets", "used"):
            arrays[f"{name}_{field}"] = getattr(batch, field).numpy()
    np.savez(path, **arrays)
    return path


def _run(way: str, family: Ldtm, histories: Sequence[History], files: Sequence[Path]) -> Measured | None:
    epochs = family.settings.max_epochs
    if way.startswith("fleet"):
        return _measured(way, family, files, _fleet(way, family, histories))
    if way == "careful":
        shares = [list(files[core::CORES]) for core in range(min(CORES, len(files)))]
        return _measured(way, family, files, lambda: _processes("tensors", epochs, shares, threads="1"))
    threads = "1" if way == "seed-one-thread" else None
    return _measured(
        way, family, files, lambda: _processes("loader", epochs, [[file] for file in files], threads=threads)
    )


def _processes(way: str, epochs: int, shares: Sequence[Sequence[Path]], *, threads: str | None) -> int:
    """Train each share in a process of its own, a few at once; the epochs run."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": threads} if threads else {}

    def one(share: Sequence[Path]) -> int:
        command = [sys.executable, "-m", PLAIN, way, str(epochs), *map(str, share)]
        return int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    with ThreadPoolExecutor(AT_ONCE if way == "loader" else CORES) as pool:
        return sum(pool.map(one, shares))


def _fleet(way: str, family: Ldtm, histories: Sequence[History]) -> Callable[[], int] | None:
    """The engine's work; None where this machine cannot do it that way."""
    names: dict[str, CpuEngine] = {"fleet": "auto", "fleet-bfloat16": "bfloat16", "fleet-float32": "float32"}
    try:
        kernel = find_kernel(names.get(way, "pytorch"), Path(tempfile.gettempdir()) / "ldtm-benchmark-kernel")
    except KernelRefused as reason:
        print(f"{way}: {reason}")
        return None
    engine = choose_engine(min(CORES, len(histories)), "cpu", kernel, engine="loop")

    def work() -> int:
        results = list(engine.train(family, histories, seed=0))
        return sum(result.epochs_run for result in results if isinstance(result, Trained))

    return work


def _measured(way: str, family: Ldtm, files: Sequence[Path], work: Callable[[], int] | None) -> Measured | None:
    if work is None:
        return None
    started, before = time.perf_counter(), own_cpu_seconds()
    epochs = work()
    wall, cpu = time.perf_counter() - started, own_cpu_seconds() - before
    gflop = epochs * _epoch_flop(family, files) / 1e9
    row = Measured(way, len(files), epochs, wall, cpu, gflop / cpu)
    print(f"{way}: {wall:.1f} s, {cpu:.1f} s of CPU, {epochs} epochs of a ticker", flush=True)
    return row


def _epoch_flop(family: Ldtm, files: Sequence[Path]) -> float:
    """The floating-point operations of an epoch and its validation, on average over the tickers."""
    forward = _forward_flop(family.lstm_shape, family.settings.window)
    # Backward is twice forward, but for the gradient by the first layer's inputs, which nobody needs.
    unneeded = 8 * family.settings.window * family.lstm_shape.hidden * family.lstm_shape.inputs
    total: float = 0
    for file in files:
        with np.load(file) as arrays:
            total += len(arrays["train_used"]) * (3 * forward - unneeded) + len(arrays["validation_used"]) * forward
    return total / len(files)


def _forward_flop(shape: LstmShape, window: int) -> float:
    layers = [shape.inputs + shape.hidden, *[2 * shape.hidden] * (shape.layers - 1)]
    heads = 2 * shape.heads * (shape.hidden + 1) * shape.head_hidden
    return 8 * window * shape.hidden * sum(layers) + heads


def _row(measured: Measured, fleet: Measured | None, peaks: Mapping[str, float]) -> Row:
    """A line of the table; the fleet's lead is in time per epoch of a ticker."""
    row: dict[str, str | int | float | None] = {
        "way": measured.way,
        "ticker-epochs": measured.ticker_epochs,
        "wall ms each": measured.wall_ms,
        "CPU ms each": measured.cpu_ms,
        "fleet faster, wall": measured.wall_ms / fleet.wall_ms if fleet else None,
        "fleet faster, CPU": measured.cpu_ms / fleet.cpu_ms if fleet else None,
    }
    return row | {f"% of {name} peak": 100 * measured.gflop_per_cpu_s / peak for name, peak in peaks.items()}


if __name__ == "__main__":
    main()
