"""Forecast 103 tickers from checkpoints on disk: one process a ticker, a loop that loads each anew, the product's way.

    python -m benchmarks.inference
    python -m benchmarks.inference --tickers 20 --processes 3 --json out.json

One process a ticker is measured on a few and multiplied. Everything reads the same files and gives the same closes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file

from benchmarks.fleet_inference import ROWS, load, read
from benchmarks.prices import histories_of
from benchmarks.report import best_of, report
from benchmarks.untrained import untrained
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.models.weights import weights_of

FAMILY = Ldtm()


def main() -> None:
    """Prepare the files, measure every way, print the table."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "models", Path(name) / "cache"
        tickers = _prepare(folder, options.tickers)
        histories, versions = read(folder)
        # The kernel is compiled once a machine: here, before anything is measured.
        family, models = serving_family(FAMILY.name, "auto", cache), load(folder, cache, versions)
        some = tickers[: options.processes]
        _require_equal([_plain(folder, versions[each], each)[0] for each in some], _fleet(folder, cache, *some))
        share = len(tickers) / options.processes
        apart = best_of(3, lambda: [_plain(folder, versions[each], each) for each in some]) * share
        ours = best_of(3, lambda: [_fleet(folder, cache, each) for each in some]) * share
        cold = best_of(3, lambda: _fleet(folder, cache))
        loop = best_of(3, lambda: _one_by_one(folder, histories, versions))
        torch_models = {ticker: FAMILY.model(CheckpointStore(folder).load(v).weights) for ticker, v in versions.items()}
        session = histories[0].through
        warm_torch = best_of(5, lambda: predict_fleet(FAMILY, histories, torch_models, session=session))
        # Fresh rows each time, as a backfill reads them: a history remembers what was reckoned from it.
        fresh = iter([read(folder)[0] for _ in range(5)])
        warm = best_of(5, lambda: predict_fleet(family, next(fresh), models, session=session))
    ways = {
        f"one process a ticker, plain PyTorch ({options.processes} measured)": apart,
        f"one process a ticker, the product's ({options.processes} measured)": ours,
        "one process, each checkpoint loaded for its ticker": loop,
        "the product, cold: Python, files, forecasts": cold,
        "PyTorch, warm: models loaded before": warm_torch,
        "the product, warm: models loaded before": warm,
    }
    rows = [{"way": way, "seconds": each, "times faster": apart / each} for way, each in ways.items()]
    report(f"Inference of {len(tickers)} tickers", rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=103)
    parser.add_argument("--processes", type=int, default=5, help="how many one-ticker processes are measured")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _prepare(folder: Path, count: int) -> list[str]:
    """Checkpoints of untrained networks and the newest window of each ticker; returns the tickers."""
    histories = histories_of(None, count, date(2023, 12, 29))
    store = CheckpointStore(folder)
    for seed, history in enumerate(histories):
        torch.manual_seed(seed)
        weights = weights_of(FAMILY.network())
        store.save(weights, untrained(FAMILY, history, weights, seed))
    rows = [each.frame.tail(FAMILY.window_rows).with_columns(ticker=pl.lit(each.ticker)) for each in histories]
    pl.concat(rows).write_parquet(folder / ROWS)
    return [history.ticker for history in histories]


def _one_by_one(folder: Path, histories: Sequence[History], versions: dict[str, str]) -> None:
    for history in histories:
        network = FAMILY.network().eval()
        path = folder / FAMILY.name / history.ticker / versions[history.ticker] / "weights.safetensors"
        network.load_state_dict(load_file(path))
        with torch.no_grad():
            network(FAMILY.question(history).inputs)


def _plain(folder: Path, version: str, ticker: str) -> list[list[float]]:
    weights = folder / FAMILY.name / ticker / version / "weights.safetensors"
    return _closes("plain_inference.py", str(weights), str(folder / ROWS), ticker)


def _fleet(folder: Path, cache: Path, *tickers: str) -> list[list[float]]:
    return _closes("fleet_inference.py", str(folder), str(cache), *tickers)


def _closes(script: str, *arguments: str) -> list[list[float]]:
    """What a fresh process forecasts: a line a ticker, a close a horizon."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [[float(close) for close in line.split()] for line in done.stdout.splitlines()]


def _require_equal(plain: list[list[float]], ours: list[list[float]]) -> None:
    if not (ours and np.allclose(plain, ours, rtol=1e-6, atol=0)):
        raise SystemExit(f"the ways differ:\n{plain}\n{ours}")


if __name__ == "__main__":
    main()
