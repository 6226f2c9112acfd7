"""Trained networks as ONNX, for whoever serves them without PyTorch: one ticker, or the whole fleet as one graph.

The network of a family is exported once; a ticker's graph is that one with the ticker's own weights in it. Inputs and
outputs are those of the network (models/ldtm/windows.py says how a window is scaled and an output unscaled).
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper
from safetensors.numpy import load

from ldtm_platform.models.base import UnusableWeights
from ldtm_platform.models.network_family import NetworkFamily

WINDOWS, OUTPUTS = "windows", "scaled_closes"


@cache
def network_graph(family: NetworkFamily, window: tuple[int, int]) -> onnx.ModelProto:
    """The family's network with weights of no meaning: (batch, *window) float32 -> (batch, horizons) float32."""
    with torch.random.fork_rng():
        network = family.network().eval()
    with _quiet():
        # Unoptimised, the weights keep their names; a batch of one would be taken for a constant.
        program = torch.onnx.export(
            network,
            (torch.zeros(2, *window),),
            dynamo=True,
            optimize=False,
            verbose=False,
            input_names=[WINDOWS],
            output_names=[OUTPUTS],
            dynamic_shapes=({0: "batch"},),
        )
    if program is None:
        raise RuntimeError("PyTorch's exporter gave no graph")
    return program.model_proto


def ticker_graph(graph: onnx.ModelProto, weights: bytes, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The graph with a ticker's weights (safetensors); `facts` are kept in its metadata. Raises UnusableWeights."""
    own, state = onnx.ModelProto(), load(weights)
    own.CopyFrom(graph)
    for parameter in own.graph.initializer:
        value = state.get(parameter.name)
        if value is None or tuple(value.shape) != tuple(parameter.dims):
            raise UnusableWeights(f"the weights lack {parameter.name} {tuple(parameter.dims)}: train the ticker again")
        parameter.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), parameter.name))
    helper.set_model_props(own, dict(facts))
    return own


def fleet_graph(graphs: Mapping[str, onnx.ModelProto]) -> onnx.ModelProto:
    """All tickers' graphs as one: (tickers, *window) -> (tickers, horizons), in the mapping's order, a window each.

    The tickers' names are in the metadata, joined by spaces.
    """
    nodes: list[Any] = []
    weights: list[Any] = []
    singles = {ticker: _for_one_window(graph) for ticker, graph in graphs.items()}
    for number, (ticker, graph) in enumerate(singles.items()):
        own = compose.add_prefix(graph, f"{ticker}/").graph
        row = numpy_helper.from_array(np.array([number], dtype=np.int64), f"{ticker}/row")
        nodes += [helper.make_node("Gather", [WINDOWS, row.name], [own.input[0].name], axis=0), *own.node]
        weights += [row, *own.initializer]
    nodes.append(helper.make_node("Concat", [f"{ticker}/{OUTPUTS}" for ticker in graphs], [OUTPUTS], axis=0))
    first = next(iter(singles.values()))
    ends = [
        helper.make_tensor_value_info(end.name, TensorProto.FLOAT, [len(graphs), *_shape(end)[1:]])
        for end in (first.graph.input[0], first.graph.output[0])
    ]
    whole = helper.make_graph(nodes, "fleet", ends[:1], ends[1:], weights)
    model = helper.make_model(whole, opset_imports=first.opset_import, ir_version=first.ir_version)
    helper.set_model_props(model, {"tickers": " ".join(graphs)})
    return model


def run_graph(model: onnx.ModelProto, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What onnxruntime makes of the windows."""
    session = ort.InferenceSession(model.SerializeToString(), _options(), providers=["CPUExecutionProvider"])
    outputs: NDArray[np.float32] = session.run([OUTPUTS], {WINDOWS: windows})[0]
    return outputs


def _for_one_window(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph for a batch of one, with everything done that can be done beforehand.

    So 21 operations of a ticker are left of 140: a session of the whole fleet opens in a second, not in a minute.
    """
    single = onnx.ModelProto()
    single.CopyFrom(graph)
    for end in (*single.graph.input, *single.graph.output):
        end.type.tensor_type.shape.dim[0].Clear()
        end.type.tensor_type.shape.dim[0].dim_value = 1
    # Shapes that were inferred for any batch.
    del single.graph.value_info[:]
    with TemporaryDirectory() as folder:
        options = _options()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = f"{folder}/folded.onnx"
        ort.InferenceSession(single.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _options() -> Any:  # noqa: ANN401 - onnxruntime is untyped
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def _shape(end: Any) -> list[int]:  # noqa: ANN401 - onnx's messages are untyped
    return [dimension.dim_value for dimension in end.type.tensor_type.shape.dim]


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporter warns of what it lacks and of its own internals."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
