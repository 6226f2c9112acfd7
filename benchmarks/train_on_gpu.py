"""Train a fleet as stacks on one device, beside the loop that takes ticker after ticker there: times and quality.

    python -m benchmarks.train_on_gpu                                    simulated prices, the first GPU
    python -m benchmarks.train_on_gpu --prices daily.parquet             real ones: ticker, date, open .. volume
    python -m benchmarks.train_on_gpu --device cpu --tickers 4 --quick   a small run of every part, anywhere
    python -m benchmarks.train_on_gpu --json gpu.json                    the numbers too, after every part

The loop is PyTorch's own: cuDNN's nn.LSTM, one ticker after the other, tensors on the device, in float32 (with TF32
where cuDNN takes it) and under bfloat16 autocast; the faster is compared with, by time per epoch of a ticker. The
stacks are the product's, in each of its arithmetics, with all memory and with a slot's. Times include everything from
histories in memory to scored weights; what a process pays once, loading libraries, is left out. A part that fails is
told, and the next one runs.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import cast

import torch

from benchmarks.gpu_loops import Float32Loop, copied_per_second, products_per_second
from benchmarks.prices import histories_of
from benchmarks.report import Row, report, save
from ldtm_platform.fleet.device import resolve_device
from ldtm_platform.fleet.engine import Engine, OneByOne
from ldtm_platform.fleet.results import Trained
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.layout import layout_of
from ldtm_platform.fleet.stacked.machine import USABLE_SHARE, Machine, bytes_per_ticker, chunk_sizes
from ldtm_platform.fleet.stacked.products import Precision, matrix_units
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm

PRECISIONS: tuple[Precision, ...] = ("full", "tf32", "bfloat16")
LOOPS = ("loop, float32", "loop, bfloat16 where the device has it")
SLOT_MIB = 600
Results = dict[str, Trained]


@dataclass
class Table:
    """The rows so far; every one is written as soon as it is there, as the device may be taken away."""

    title: str
    path: Path | None
    rows: list[Row] = field(default_factory=list)

    def add(self, part: str, tickers: int | None = None, **numbers: float | None) -> None:
        """One part and what was measured of it."""
        columns = ("seconds", "ms a ticker-epoch", "times the loop", "peak MiB", "value", "standard error")
        self.rows.append({"part": part, "tickers": tickers} | {name: numbers.get(name) for name in columns})
        print(part, {name: f"{value:.4g}" for name, value in numbers.items() if value is not None}, flush=True)
        if self.path:
            save(self.title, self.rows, self.path)


@dataclass(frozen=True)
class Fleet:
    """What is trained, and where."""

    device: torch.device
    config: LdtmConfig
    histories: Sequence[History]

    def results(self, engine: Engine, *, tickers: int | None = None, **config: float) -> Results:
        """The tickers, or the first few, by an engine. Raises RuntimeError when it trained none."""
        family = Ldtm(replace(self.config, **config))  # type: ignore[arg-type] # numbers of any of its fields
        found = engine.train(family, self.histories[:tickers], seed=0)
        results = {result.ticker: result for result in found if isinstance(result, Trained)}
        if not results:
            raise RuntimeError("no ticker was trained")
        return results


def main() -> None:
    """Run every part and print the table."""
    options = _options()
    device = resolve_device(options.device)
    config = LdtmConfig(hidden=16, head_hidden=8, max_epochs=2) if options.quick else LdtmConfig()
    config = replace(config, max_epochs=options.epochs or config.max_epochs)
    fleet = Fleet(device, config, histories_of(options.prices, options.tickers, options.through))
    table = Table(f"Training {len(fleet.histories)} tickers on {_name(device)}", options.json)
    loop: Results = {}
    parts: list[Callable[[], object]] = [
        lambda: _ceilings(table, device, 512 if options.quick else 8192),
        lambda: _timed(table, LOOPS[0], Float32Loop(device), fleet, options.loop),
        lambda: loop.update(_timed(table, LOOPS[1], OneByOne(device), fleet, options.loop)),
        *(partial(_stack, table, precision, fleet, loop) for precision in PRECISIONS),
        lambda: _slot(table, fleet, options.slot_mib),
        lambda: _parity(table, fleet),
        lambda: _repeated(table, fleet),
    ]
    failed = sum(not _done(part) for part in parts)
    report(table.title, table.rows, options.json)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--prices", type=Path, help="a Parquet file of daily bars, adjusted for splits")
    parser.add_argument("--through", type=date.fromisoformat, default=date(2025, 10, 31))
    parser.add_argument("--tickers", type=int, default=103)
    parser.add_argument("--loop", type=int, default=8, help="how many of them the loops train, for comparison")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's 100")
    parser.add_argument("--slot-mib", type=float, help="of the part with little memory (600; --quick: for two)")
    parser.add_argument("--quick", action="store_true", help="small networks, two epochs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.slot_mib = options.slot_mib or (None if options.quick else SLOT_MIB)
    return options


def _name(device: torch.device) -> str:
    if device.type != "cuda":
        return f"this CPU, PyTorch {torch.__version__}"
    facts = torch.cuda.get_device_properties(device)
    return f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, PyTorch {torch.__version__}"


def _done(part: Callable[[], object]) -> bool:
    """Run a part; one that fails (out of memory, say) is told and costs no other."""
    try:
        part()
    except RuntimeError as error:
        print(f"FAILED: {error}", flush=True)
        return False
    return True


def _ceilings(table: Table, device: torch.device, size: int) -> None:
    """What the device can at most: TFLOP/s of its own matrix products, GB/s of its memory."""
    for name, dtype in (("full", torch.float32), ("tf32", torch.float32), ("bfloat16", torch.bfloat16)):
        with matrix_units(cast(Precision, name)):
            table.add(f"products of matrices, {name}, TFLOP/s", value=products_per_second(device, dtype, size))
    table.add("memory, GB/s", value=copied_per_second(device, size // 8))


def _timed(table: Table, part: str, engine: Engine, fleet: Fleet, tickers: int | None = None) -> Results:
    """Train to early stopping and show what it took, beside the loops where there are some."""
    fleet.results(engine, tickers=1, max_epochs=1)
    if fleet.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(fleet.device)
    started = time.perf_counter()
    results = fleet.results(engine, tickers=tickers)
    seconds = time.perf_counter() - started
    each = 1000 * seconds / sum(result.epochs_run for result in results.values())
    loops = [float(row["ms a ticker-epoch"] or 0) for row in table.rows if row["part"] in LOOPS]
    peak = torch.cuda.max_memory_reserved(fleet.device) / 2**20 if fleet.device.type == "cuda" else None
    numbers = {"seconds": seconds, "ms a ticker-epoch": each, "peak MiB": peak}
    # The faster of the two loops: nobody shall call it unfair.
    table.add(part, len(results), **numbers, **({"times the loop": min(loops) / each} if loops else {}))
    return results


def _stack(table: Table, precision: Precision, fleet: Fleet, loop: Results) -> None:
    """The fleet in one arithmetic; and its best validation losses minus the loop's, whose dropout is another."""
    stack = _timed(table, f"stacked {precision}", Stacked(Machine(fleet.device, precision)), fleet)
    found = [stack[name].best_val_loss - result.best_val_loss for name, result in loop.items() if name in stack]
    if len(found) > 1:
        error = statistics.stdev(found) / len(found) ** 0.5
        part = f"  validation loss, stacked {precision} minus loop"
        table.add(part, len(found), value=statistics.fmean(found), **{"standard error": error})


def _slot(table: Table, fleet: Fleet, mebibytes: float | None) -> None:
    """With little memory: as many stacks as it takes, and the same losses."""
    family, machine = Ldtm(fleet.config), Machine(fleet.device)
    layout = layout_of(family)
    assert layout is not None
    longest = max((family.parts(history) for history in fleet.histories), key=lambda parts: len(parts.train))
    each = bytes_per_ticker(layout, longest, family.recipe, machine.dtype)
    memory = int(mebibytes * 2**20) if mebibytes else int(2.5 * each / USABLE_SHARE)
    results = _timed(table, f"stacked tf32 in {memory / 2**20:.0f} MiB", Stacked(machine, memory=memory), fleet)
    table.add("  stacks that it took", value=len(chunk_sizes(len(results), each, memory)))


def _parity(table: Table, fleet: Fleet) -> None:
    """Without dropout, five epochs, two tickers: the worst relative difference from the loop on the CPU in float32."""
    recipe = {"dropout": 0.0, "max_epochs": 5}
    expected = fleet.results(OneByOne(torch.device("cpu")), tickers=2, **recipe)
    for precision in PRECISIONS:
        stack = fleet.results(Stacked(Machine(fleet.device, precision)), tickers=2, **recipe)
        off = max(abs(stack[name].best_val_loss / each.best_val_loss - 1) for name, each in expected.items())
        table.add(f"validation loss off the CPU's, {precision}", len(expected), value=off)


def _repeated(table: Table, fleet: Fleet) -> None:
    """Whether the same seed gives the same bytes, and what the others in a stack change for the first ticker."""
    engine = Stacked(Machine(fleet.device))
    first, second = (fleet.results(engine, tickers=8, max_epochs=3) for _ in range(2))
    alone = fleet.results(engine, tickers=1, max_epochs=3)
    table.add("the same bytes again", len(first), value=sum(first[n].weights == second[n].weights for n in first))
    ((name, result),) = alone.items()
    table.add("validation loss off, alone", 1, value=abs(result.best_val_loss / first[name].best_val_loss - 1))


if __name__ == "__main__":
    main()
