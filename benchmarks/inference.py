"""Forecast 103 tickers from checkpoints on disk: one process a ticker, a loop that loads each anew, the product's way.

    python -m benchmarks.inference
    python -m benchmarks.inference --tickers 20 --processes 3 --json out.json

One process a ticker is measured on a few and multiplied. Everything reads the same files and gives the same closes.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import polars as pl
import torch
from safetensors.torch import load_file
from untrained import untrained

from benchmarks.prices import histories_of
from benchmarks.report import best_of, report
from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.models.base import Forecast, History
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.models.weights import weights_of

FAMILY = Ldtm()
ROWS = "rows.parquet"


def main() -> None:
    """Prepare the files, measure every way, print the table."""
    options = _options()
    if options.child:
        print(len(_cold(options.child, options.only)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tickers = _prepare(folder, options.tickers)
        share = len(tickers) / options.processes
        apart = best_of(1, lambda: [_process(folder, only) for only in tickers[: options.processes]]) * share
        cold = best_of(3, lambda: _process(folder, None))
        histories, versions = _read(folder)
        loop = best_of(3, lambda: [_one_by_one(folder, history, versions) for history in histories])
        store = CheckpointStore(folder)
        models = {ticker: FAMILY.model(store.load(version).weights) for ticker, version in versions.items()}
        session = histories[0].through
        warm = best_of(5, lambda: predict_fleet(FAMILY, histories, models, session=session))
    ways = {
        f"one process a ticker ({options.processes} measured)": apart,
        "one process, each checkpoint loaded for its ticker": loop,
        "the product, cold: Python, torch, files, forecasts": cold,
        "the product, warm: models loaded before": warm,
    }
    rows = [{"way": way, "seconds": each, "times faster": apart / each} for way, each in ways.items()]
    report(f"Inference of {len(tickers)} tickers", rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=103)
    parser.add_argument("--processes", type=int, default=5, help="how many one-ticker processes are measured")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", help=argparse.SUPPRESS)
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


def _read(folder: Path) -> tuple[list[History], dict[str, str]]:
    """The newest windows and each ticker's version."""
    frames = pl.read_parquet(folder / ROWS).partition_by("ticker", maintain_order=True)
    histories = [History(frame["ticker"][0], frame.drop("ticker")) for frame in frames]
    store = CheckpointStore(folder)
    return histories, {each.ticker: store.versions(each.ticker, FAMILY.name)[-1] for each in histories}


def _cold(folder: Path, only: str | None) -> list[Forecast]:
    """The whole job of a fresh process."""
    histories, versions = _read(folder)
    store = CheckpointStore(folder)
    asked = [history for history in histories if only in (None, history.ticker)]
    models = {each.ticker: FAMILY.model(store.load(versions[each.ticker]).weights) for each in asked}
    results = predict_fleet(FAMILY, asked, models, session=asked[0].through)
    return [result for result in results if isinstance(result, Forecast)]


def _one_by_one(folder: Path, history: History, versions: dict[str, str]) -> None:
    network = FAMILY.network().eval()
    path = folder / FAMILY.name / history.ticker / versions[history.ticker] / "weights.safetensors"
    network.load_state_dict(load_file(path))
    with torch.no_grad():
        network(FAMILY.question(history).inputs)


def _process(folder: Path, only: str | None) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.inference",
        "--child",
        str(folder),
        *(["--only", only] if only else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if not int(done.stdout):
        raise SystemExit(f"{' '.join(command)} gave no forecast:\n{done.stderr}")


if __name__ == "__main__":
    main()
