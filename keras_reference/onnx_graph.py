"""A scratch_rnn network as an ONNX graph, which onnxruntime computes without any of this code.

    x (N, T, D)  Transpose  (T, N, D)  RNN, GRU or LSTM, one a layer  (N, H)  MatMul, Add, Softmax  (N, 10)

A recurrent operator takes time first. It gives Y (T, 1, N, H), all outputs, which the next one reads, and
Y_h (1, N, H), the last output; the 1 is the number of directions, and Squeeze removes it. The initializers
are the weights alone, named, shaped and ordered as by `scratch_rnn.interop.to_onnx`, and `from_onnx` reads
them back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import (
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor_value_info,
    set_model_props,
)

from scratch_rnn.arrays import Array
from scratch_rnn.interop import to_onnx
from scratch_rnn.layers import GRU, LSTM, Dense, SimpleRNN
from scratch_rnn.layers.activations import Linear, ReLU, Sigmoid, Softmax, Tanh
from scratch_rnn.training.model import Sequential

OPSET, IR_VERSION = 12, 7  # those of ONNX 1.7, of 2020: what reads less is hardly in use any more
CELLS = {SimpleRNN: "RNN", GRU: "GRU", LSTM: "LSTM"}
ACTIVATIONS = {Linear: "Identity", Tanh: "Tanh", Sigmoid: "Sigmoid", ReLU: "Relu", Softmax: "Softmax"}


def onnx_model(model: Sequential, image_shape: tuple[int, int], note: str = "") -> ModelProto:
    """Return an ONNX model with the input x float32 (N, T, D) and the output probabilities, float32 (N, U).

    N is free, `image_shape` is (T, D), and `note` says what x has to be. float64 weights are rounded to
    float32, because onnxruntime computes recurrent operators in nothing else. `bptt_steps` changes no output
    and leaves no trace. Raises ValueError for a layer or an activation that ONNX does not have, for a layer
    that goes backwards, and for a weight that float32 cannot hold.
    """
    weights = {name: _float32(name, weight) for name, weight in to_onnx(model).items()}
    output_shape = model.compute_output_shape((None, *image_shape))
    nodes = [make_node("Transpose", ["x"], ["time_major"], perm=[1, 0, 2])]
    for layer in model.layers:
        below = nodes[-1].output[0]
        nodes += _dense(layer, below) if isinstance(layer, Dense) else _recurrent(layer, below)
    if len(output_shape) == 3:  # every timestep has an output
        nodes.append(make_node("Transpose", [nodes[-1].output[0]], ["batch_major"], perm=[1, 0, 2]))
    nodes[-1].output[0] = "probabilities"
    graph = make_graph(
        nodes,
        model.name,
        [make_tensor_value_info("x", TensorProto.FLOAT, ["N", *image_shape], note)],
        [make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", *output_shape[1:]])],
        [numpy_helper.from_array(weight, name) for name, weight in weights.items()],
    )
    made = make_model(
        graph, producer_name="scratch_rnn", opset_imports=[make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    set_model_props(made, {"input": note})
    return made


def _recurrent(layer: Any, x: str) -> list[NodeProto]:
    """Return the nodes that read x (T, N, D) and give (T, N, H) with `return_sequences`, else (N, H)."""
    if layer.go_backwards:
        raise ValueError(f"layer {layer.name!r} goes backwards, and ONNX has its outputs in another order")
    options: dict[str, Any] = {"hidden_size": layer.units}
    if isinstance(layer, SimpleRNN):
        options["activations"] = [ACTIVATIONS[type(layer.activation)]]
    if isinstance(layer, GRU):
        options["linear_before_reset"] = int(layer.reset_after)
    every, last, name = f"{layer.name}.Y", f"{layer.name}.Y_h", layer.name
    inputs = [x, f"{name}.W", f"{name}.R", *[f"{name}.B"] * layer.use_bias]
    outputs, axis = ([every], 1) if layer.return_sequences else (["", last], 0)
    return [
        make_node(CELLS[type(layer)], inputs, outputs, name=name, **options),
        make_node("Squeeze", outputs[-1:], [f"{name}.h"], axes=[axis]),
    ]


def _dense(layer: Dense, x: str) -> list[NodeProto]:
    """Return the nodes that read x (..., D) and give (..., U)."""
    if type(layer.activation) not in ACTIVATIONS:
        raise ValueError(f"ONNX has no activation like that of {layer.name!r}")
    name, operator = layer.name, ACTIVATIONS[type(layer.activation)]
    nodes = [make_node("MatMul", [x, f"{name}.W"], [f"{name}.product"])]
    if layer.use_bias:
        nodes.append(make_node("Add", [f"{name}.product", f"{name}.B"], [f"{name}.z"]))
    options: dict[str, Any] = {"axis": -1} if operator == "Softmax" else {}
    return [*nodes, make_node(operator, [nodes[-1].output[0]], [f"{name}.y"], **options)]


def _float32(name: str, weight: Array) -> Array:
    with np.errstate(over="ignore"):
        rounded = weight.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError(f"{name} has numbers that float32 cannot hold, and ONNX files are float32 here")
    return rounded
