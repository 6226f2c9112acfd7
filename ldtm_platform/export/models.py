"""Champions written to a folder as ONNX files, each checked against PyTorch on the ticker's newest window."""

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import sqlalchemy as sa
import torch
from numpy.typing import NDArray

from ldtm_platform.export.onnx_graph import fleet_graph, network_graph, run_graph, ticker_graph
from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.base import HistoryError, UnusableWeights
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform.models.store import CheckpointDamaged, CheckpointStore
from ldtm_platform.stages.histories import read_histories
from ldtm_platform.warehouse import reads

LARGEST_DIFFERENCE = 1e-5
FLEET = "fleet"


class ExportDiffers(RuntimeError):
    """A graph does not compute what its network computes; no file was written for it."""


def export_models(
    engine: sa.Engine,
    store: CheckpointStore,
    family: NetworkFamily,
    tickers: Sequence[str],
    folder: Path,
    *,
    session: date,
    say: Callable[[str], None],
) -> dict[str, str]:
    """Write TICKER.onnx for each champion and fleet.onnx for all of them; returns why some are missing, by ticker.

    Files are whole or not there. Raises ExportDiffers when a graph and its network are further apart than 1e-5.
    """
    folder.mkdir(parents=True, exist_ok=True)
    versions = dict(reads.champions(engine, session, family.name).select("ticker", "version").rows())
    graphs: dict[str, onnx.ModelProto] = {}
    windows: list[NDArray[np.float32]] = []
    expected: list[NDArray[np.float32]] = []
    missing = {ticker: "no champion: train it" for ticker in tickers if ticker not in versions}
    asked = [ticker for ticker in tickers if ticker in versions]
    for history in read_histories(engine, asked, through=session, last=family.window_rows):
        ticker, version = history.ticker, versions[history.ticker]
        try:
            history.require(family.window_rows)
            history.check()
            weights = store.load(version).weights
            window = family.question(history).inputs
            graph = network_graph(family, tuple(window.shape[1:]))
            graphs[ticker] = ticker_graph(graph, weights, _facts(ticker, version))
            with torch.inference_mode():
                answer = family.model(weights).network(window).numpy()
        except (HistoryError, CheckpointDamaged, UnusableWeights) as reason:
            missing[ticker] = str(reason)
            continue
        windows.append(window.numpy())
        expected.append(answer)
        _write(folder / f"{ticker}.onnx", graphs[ticker], windows[-1], answer)
        say(f"{ticker}.onnx")
    if graphs:
        _write(folder / f"{FLEET}.onnx", fleet_graph(graphs), np.concatenate(windows), np.concatenate(expected))
        say(f"{FLEET}.onnx: {len(graphs)} tickers")
    return missing


def _facts(ticker: str, version: str) -> dict[str, str]:
    return {
        "ticker": ticker,
        "version": version,
        "features": " ".join(FEATURES),
        "outputs": " ".join(HORIZONS),
        "scaling": "inputs (x-min)/(max-min+1e-8) by feature over the window; close = output*(max-min+1e-8)+min",
    }


def _write(path: Path, model: onnx.ModelProto, windows: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Check, then write beside the place and rename into it."""
    apart = float(np.abs(run_graph(model, windows) - expected).max())
    if not apart <= LARGEST_DIFFERENCE:
        raise ExportDiffers(f"{path.name} is {apart:.2g} off its network: no file was written; report this as a defect")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(model.SerializeToString())
    partial.replace(path)
