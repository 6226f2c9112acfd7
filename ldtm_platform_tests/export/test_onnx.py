"""ONNX files of champions: equal to PyTorch by ticker and as a fleet, whole or not there, missing ones named."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import sqlalchemy as sa
import torch
from numpy.typing import NDArray

from ldtm_platform.export import models
from ldtm_platform.export.models import ExportDiffers, export_models
from ldtm_platform.export.onnx_graph import OUTPUTS, WINDOWS, fleet_graph, network_graph, run_graph, ticker_graph
from ldtm_platform.models.base import UnusableWeights
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.models.weights import weights_of
from ldtm_platform_tests.stages.fleet import END, bring_up, train

FAMILY = Ldtm()
GRAPH = (30, 11)


def weights(seed: int) -> bytes:
    torch.manual_seed(seed)
    return weights_of(FAMILY.network())


def torch_outputs(held: bytes, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        outputs: NDArray[np.float32] = FAMILY.model(held).network(torch.from_numpy(windows)).numpy()
    return outputs


def test_a_tickers_graph_answers_as_its_network_whatever_the_batch() -> None:
    held = weights(1)
    graph = ticker_graph(network_graph(FAMILY, GRAPH), held, {"ticker": "AAA"})
    onnx.checker.check_model(graph)
    assert {each.key: each.value for each in graph.metadata_props} == {"ticker": "AAA"}
    for batch in (1, 2, 7):
        windows = np.random.default_rng(batch).random((batch, *GRAPH), dtype=np.float32)
        assert run_graph(graph, windows) == pytest.approx(torch_outputs(held, windows), abs=1e-6)


def test_the_fleets_graph_answers_as_every_ticker_by_itself_in_their_order() -> None:
    held = {name: weights(seed) for seed, name in enumerate(("BBB", "AAA", "C.C"))}
    graphs = {name: ticker_graph(network_graph(FAMILY, GRAPH), each, {}) for name, each in held.items()}
    fleet = fleet_graph(graphs)
    onnx.checker.check_model(fleet)
    assert [fleet.graph.input[0].name, fleet.graph.output[0].name] == [WINDOWS, OUTPUTS]
    assert {each.key: each.value for each in fleet.metadata_props} == {"tickers": "BBB AAA C.C"}
    windows = np.random.default_rng(0).random((3, *GRAPH), dtype=np.float32)
    apart = [torch_outputs(each, windows[[row]])[0] for row, each in enumerate(held.values())]
    assert run_graph(fleet, windows) == pytest.approx(np.stack(apart), abs=1e-6)


def test_weights_of_another_network_are_refused() -> None:
    other = weights_of(Ldtm(LdtmConfig(hidden=8)).network())
    with pytest.raises(UnusableWeights, match=r"lack lstm\.weight_ih_l0 \(512, 11\)"):
        ticker_graph(network_graph(FAMILY, GRAPH), other, {})


def test_champions_are_written_and_those_without_one_are_named(engine: sa.Engine, tmp_path: Path) -> None:
    bring_up(engine, ["AAPL", "MSFT"])
    train(engine, tmp_path / "store", ["AAPL"])
    said: list[str] = []
    store, folder = CheckpointStore(tmp_path / "store"), tmp_path / "onnx"
    missing = export_models(engine, store, FAMILY, ["AAPL", "MSFT"], folder, session=END, say=said.append)
    assert missing == {"MSFT": "no champion: train it"}
    assert sorted(path.name for path in folder.iterdir()) == ["AAPL.onnx", "fleet.onnx"]
    assert said == ["AAPL.onnx", "fleet.onnx: 1 tickers"]
    facts = {each.key: each.value for each in onnx.load(folder / "AAPL.onnx").metadata_props}
    assert facts["version"].startswith("ldtm-AAPL-20240731-")
    assert facts["outputs"] == "next_day next_monday one_month"


def test_a_graph_that_is_off_its_network_is_not_written(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up(engine, ["AAPL"])
    train(engine, tmp_path / "store", ["AAPL"])
    monkeypatch.setattr(models, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(ExportDiffers, match=r"AAPL\.onnx is .* off its network"):
        export_models(
            engine, CheckpointStore(tmp_path / "store"), FAMILY, ["AAPL"], tmp_path / "onnx", session=END, say=print
        )
    assert list((tmp_path / "onnx").iterdir()) == []
