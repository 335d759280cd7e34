"""A scratch_rnn network as an ONNX graph, which onnxruntime computes without any of this code.

    x (N, T, D)  Transpose  (T, N, D)  RNN, GRU or LSTM, one a layer  (N, H)  MatMul, Add, Softmax  (N, 10)

A recurrent operator takes time first. It gives Y (T, 1, N, H), all outputs, which the next one reads, and
Y_h (1, N, H), the last output; the 1 is the number of directions, and Squeeze removes it. Where there are
two, Split and Concat first put them side by side, (T, 1, N, 2 H) or (1, N, 2 H); the last output of each
direction is its own. The initializers are the weights alone, named, shaped and ordered as by
`scratch_rnn.interop.to_onnx`, and `from_onnx` reads them back.
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

from keras_reference.predicting import computing
from scratch_rnn.arrays import Array
from scratch_rnn.interop import to_onnx
from scratch_rnn.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN
from scratch_rnn.layers.activations import Linear, ReLU, Sigmoid, Softmax, Tanh
from scratch_rnn.training.model import Sequential

OPSET, IR_VERSION = 12, 7  # those of ONNX 1.7, of 2020: what reads less is hardly in use any more
CELLS = {SimpleRNN: "RNN", GRU: "GRU", LSTM: "LSTM"}
ACTIVATIONS = {Linear: "Identity", Tanh: "Tanh", Sigmoid: "Sigmoid", ReLU: "Relu", Softmax: "Softmax"}


def onnx_model(model: Sequential, image_shape: tuple[int, int], note: str = "") -> ModelProto:
    """Return an ONNX model with the input x float32 (N, T, D) and the output probabilities, float32 (N, U).

    N is free, `image_shape` is (T, D), and `note` says what x has to be. float64 weights are rounded to
    float32, because onnxruntime computes recurrent operators in nothing else. What acts in training alone,
    such as Dropout and `bptt_steps`, leaves no trace. Raises ValueError for a layer or an activation that
    ONNX does not have, for one that goes backwards or is stateful, and for a weight that float32 cannot hold.
    """
    weights = {name: _float32(name, weight) for name, weight in to_onnx(model).items()}
    output_shape = model.compute_output_shape((None, *image_shape))
    nodes = [make_node("Transpose", ["x"], ["time_major"], perm=[1, 0, 2])]
    for name, layer in computing(model, "ONNX"):
        below = nodes[-1].output[0]
        nodes += _dense(name, layer, below) if isinstance(layer, Dense) else _recurrent(layer, below)
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
    both, name = isinstance(layer, Bidirectional), layer.name
    one = layer.forward_layer if both else layer
    if one.go_backwards:
        raise ValueError(f"layer {name!r} goes backwards, and ONNX has its outputs in another order")
    options: dict[str, Any] = {"hidden_size": one.units}
    if both:
        options["direction"] = "bidirectional"
    if isinstance(one, SimpleRNN):
        options["activations"] = [ACTIVATIONS[type(one.activation)]] * (1 + both)
    if isinstance(one, GRU):
        options["linear_before_reset"] = int(one.reset_after)
    inputs = [x, f"{name}.W", f"{name}.R", *[f"{name}.B"] * one.use_bias]
    outputs, directions = ([f"{name}.Y"], 1) if layer.return_sequences else (["", f"{name}.Y_h"], 0)
    nodes = [make_node(CELLS[type(one)], inputs, outputs, name=name, **options)]
    if both:
        nodes += _side_by_side(name, outputs[-1], directions)
    return [*nodes, make_node("Squeeze", nodes[-1].output[-1:], [f"{name}.h"], axes=[directions])]


def _side_by_side(name: str, y: str, directions: int) -> list[NodeProto]:
    """Return the nodes that put the outputs y of two directions, which that axis counts, into one of them."""
    each = [f"{name}.forward", f"{name}.backward"]
    return [
        make_node("Split", [y], each, axis=directions),
        make_node("Concat", each, [f"{name}.both"], axis=directions + 2),
    ]


def _dense(name: str, layer: Dense, x: str) -> list[NodeProto]:
    """Return the nodes that read x (..., D) and give (..., U)."""
    if type(layer.activation) not in ACTIVATIONS:
        raise ValueError(f"ONNX has no activation like that of {name!r}")
    operator = ACTIVATIONS[type(layer.activation)]
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
