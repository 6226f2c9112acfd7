"""Whether training in bfloat16 gives models as good as in float32: tickers and seeds in pairs, to early stopping.

    python -m benchmarks.arithmetic                                        4 tickers, 2 seeds: minutes
    python -m benchmarks.arithmetic --tickers 102 --json arithmetic.json   the whole fleet

Both arithmetics of a pair have the same windows, initial weights, batches and dropout. Shown are the differences of
the best validation loss and of the test loss, bfloat16 minus float32, beside those that another seed makes.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import torch

from benchmarks.prices import SHARED, histories_of
from benchmarks.report import Row, report
from ldtm_platform.fleet.native.choice import find_kernel
from ldtm_platform.fleet.native.kernel import KernelPrecision
from ldtm_platform.fleet.results import Trained
from ldtm_platform.fleet.ticker import Place, train_ticker
from ldtm_platform.models.ldtm.family import Ldtm

PRECISIONS: tuple[KernelPrecision, ...] = ("float32", "bfloat16")
Losses = tuple[float, float]
Results = Mapping[tuple[str, str, int], Losses]


def main() -> None:
    """Train every pair and print the table."""
    options = _options()
    prices = None if options.simulated or not options.prices.is_file() else options.prices
    cache, seeds = Path(tempfile.gettempdir()) / "ldtm-benchmark-kernel", range(options.seeds)
    places = {name: Place(torch.device("cpu"), find_kernel(name, cache)) for name in PRECISIONS}
    results: dict[tuple[str, str, int], Losses] = {}
    for history in histories_of(prices, options.tickers, date(2025, 10, 31)):
        for seed in seeds:
            for name, place in places.items():
                result = train_ticker(Ldtm(), history, seed=seed, place=place)
                if isinstance(result, Trained):
                    results[history.ticker, name, seed] = (result.best_val_loss, result.test.loss or math.nan)
        told = " ".join(f"{results[key][0]:.4f}" for key in results if key[0] == history.ticker)
        print(f"{history.ticker}: best validation losses {told}", flush=True)
    title = (
        f"Losses of {len({key[0] for key in results})} tickers, {options.seeds} seeds, {prices or 'simulated prices'}"
    )
    report(title, _differences(results, seeds), options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--prices", type=Path, default=SHARED, help="a Parquet file of daily bars, adjusted for splits")
    parser.add_argument("--simulated", action="store_true", help="simulated prices, whatever else is there")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _differences(results: Results, seeds: Sequence[int]) -> list[Row]:
    """A row a comparison and loss."""
    tickers = dict.fromkeys(ticker for ticker, _, _ in results)
    pairs = {
        "bfloat16 - float32": [((t, "bfloat16", s), (t, "float32", s)) for t in tickers for s in seeds],
        "float32, next seed": [((t, "float32", s + 1), (t, "float32", s)) for t in tickers for s in seeds[:-1]],
    }
    rows: list[Row] = []
    for name, keys in pairs.items():
        for number, loss in enumerate(("validation", "test")):
            known = [(results[a][number], results[b][number]) for a, b in keys if a in results and b in results]
            if len(known) > 1:
                rows.append({"difference": name, "loss": loss, **_statistics(known)})
    return rows


def _statistics(pairs: Sequence[tuple[float, float]]) -> dict[str, float | int]:
    differences = [left - right for left, right in pairs]
    spread = statistics.stdev(differences)
    return {
        "pairs": len(pairs),
        "mean": statistics.fmean(differences),
        "standard error": spread / len(pairs) ** 0.5,
        "median": statistics.median(differences),
        "spread": spread,
        "mean loss": statistics.fmean(right for _, right in pairs),
    }


if __name__ == "__main__":
    main()
