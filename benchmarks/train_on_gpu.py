"""Train a fleet as stacks on one device, beside the loop that takes ticker after ticker there: times and quality.

    python -m benchmarks.train_on_gpu                                    simulated prices, the first GPU
    python -m benchmarks.train_on_gpu --prices daily.parquet             real ones: ticker, date, open .. volume
    python -m benchmarks.train_on_gpu --device cpu --tickers 3 --quick   a small run of every part, anywhere

Prints a table under the device's name, and writes the numbers as JSON where --json says. Times include everything
from histories in memory to scored weights.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import torch

from benchmarks.prices import histories_of
from ldtm_platform.fleet.device import resolve_device
from ldtm_platform.fleet.engine import Engine, OneByOne
from ldtm_platform.fleet.results import Trained
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.products import Precision
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm

PRECISIONS: tuple[Precision, ...] = ("full", "tf32", "bfloat16")
SMALL_MEMORY = 600 * 2**20
Row = dict[str, str | int | float]


def main() -> None:
    """Run every part and print the table."""
    options = _options()
    device = resolve_device(options.device)
    histories = histories_of(options.prices, options.tickers, options.through)
    config = LdtmConfig(hidden=16, head_hidden=8, max_epochs=2) if options.quick else LdtmConfig()
    family = Ldtm(replace(config, max_epochs=options.epochs or config.max_epochs))
    rows: list[Row] = []
    _show(rows, **_place(device, histories))
    _parity(rows, config, histories[:2], device)
    loop = _timed(rows, "loop", OneByOne(device), family, histories[: options.loop], device)
    for precision in PRECISIONS:
        stack = _timed(rows, f"stacked {precision}", Stacked(Machine(device, precision)), family, histories, device)
        _beside(rows, precision, stack, loop)
    small = Stacked(Machine(device), memory=SMALL_MEMORY)
    _timed(rows, "stacked tf32 in 600 MiB", small, family, histories, device)
    _repeated(rows, config, histories[:8], device)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--prices", type=Path, help="a Parquet file of daily bars, adjusted for splits")
    parser.add_argument("--through", type=date.fromisoformat, default=date(2025, 10, 31))
    parser.add_argument("--tickers", type=int, default=102)
    parser.add_argument("--loop", type=int, default=8, help="how many of them the loop trains too, for comparison")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's 100")
    parser.add_argument("--quick", action="store_true", help="small networks, two epochs")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _place(device: torch.device, histories: Sequence[History]) -> Row:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    rows = [history.rows for history in histories]
    place: Row = {"part": "device", "name": name, "torch": torch.__version__, "day": f"{datetime.now(UTC):%Y-%m-%d}"}
    return place | {"tickers": len(rows), "rows_least": min(rows), "rows_most": max(rows)}


def _parity(rows: list[Row], config: LdtmConfig, histories: Sequence[History], device: torch.device) -> None:
    """Without dropout, five epochs: how far each precision is from the loop in float32 on the CPU."""
    family = Ldtm(replace(config, dropout=0.0, max_epochs=5))
    expected = _trained(OneByOne(torch.device("cpu")), family, histories)
    for precision in PRECISIONS:
        stack = _trained(Stacked(Machine(device, precision)), family, histories)
        off = {ticker: abs(stack[ticker].best_val_loss / expected[ticker].best_val_loss - 1) for ticker in expected}
        _show(rows, part=f"parity {precision}", worst_relative_validation_loss=max(off.values()))


def _timed(
    rows: list[Row], part: str, engine: Engine, family: Ldtm, histories: Sequence[History], device: torch.device
) -> dict[str, Trained]:
    """Train to early stopping and show what it took."""
    # What a process pays once (loading kernels and libraries) is not the fleet's.
    _trained(engine, Ldtm(replace(family.settings, max_epochs=1)), histories[:1])
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    results = _trained(engine, family, histories)
    seconds = time.perf_counter() - started
    epochs = sum(result.epochs_run for result in results.values())
    row: Row = {"part": part, "tickers": len(results), "seconds": seconds, "ticker_epochs": epochs}
    row["ms_per_ticker_epoch"] = 1000 * seconds / epochs
    if device.type == "cuda":
        row["peak_mib"] = torch.cuda.max_memory_reserved(device) / 2**20
    _show(rows, **row)
    return results


def _beside(rows: list[Row], precision: str, stack: dict[str, Trained], loop: dict[str, Trained]) -> None:
    """Speed, and best validation losses, stack minus loop, paired by ticker; each has its own dropout."""
    milliseconds = {str(row["part"]): float(row.get("ms_per_ticker_epoch", 0)) for row in rows}
    differences = [stack[ticker].best_val_loss - result.best_val_loss for ticker, result in loop.items()]
    spread = statistics.stdev(differences) if len(differences) > 1 else 0.0
    _show(
        rows,
        part=f"beside the loop, {precision}",
        times_faster=milliseconds["loop"] / milliseconds[f"stacked {precision}"],
        tickers=len(differences),
        mean_difference=statistics.fmean(differences),
        standard_error=spread / len(differences) ** 0.5,
        loop_mean=statistics.fmean(result.best_val_loss for result in loop.values()),
    )


def _repeated(rows: list[Row], config: LdtmConfig, histories: Sequence[History], device: torch.device) -> None:
    """Whether the same seed gives the same bytes, and what the others in a stack change for the first ticker."""
    family, engine = Ldtm(replace(config, max_epochs=3)), Stacked(Machine(device))
    first, second = (_trained(engine, family, histories) for _ in range(2))
    alone = _trained(engine, family, histories[:1])
    ticker = histories[0].ticker
    _show(
        rows,
        part="repeated",
        same_bytes=sum(first[name].weights == second[name].weights for name in first),
        tickers=len(first),
        alone_relative_difference=abs(alone[ticker].best_val_loss / first[ticker].best_val_loss - 1),
    )


def _trained(engine: Engine, family: Ldtm, histories: Sequence[History]) -> dict[str, Trained]:
    results = list(engine.train(family, histories, seed=0))
    return {result.ticker: result for result in results if isinstance(result, Trained)}


def _show(rows: list[Row], **row: str | int | float) -> None:
    rows.append(row)
    values = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items())
    print("  ".join(values).removeprefix("part "), flush=True)


if __name__ == "__main__":
    main()
