"""Weights as PyTorch and ONNX name, shape and order them: NumPy in, NumPy out, without either of them.

For D features, H units and G gates:

                scratch_rnn, Keras           PyTorch                         ONNX
    kernel      (D, G H)                     weight_ih_l0 (G H, D)           W (1, G H, D)
    recurrent   (H, G H)                     weight_hh_l0 (G H, H)           R (1, G H, H)
    bias        (G H,), in the GRU (2, G H)  bias_ih_l0, bias_hh_l0 (G H,)   B (1, 2 G H), both in one
    LSTM        i f c o                      i f g o, which is the same      i o f c
    GRU         z r h                        r z n                           z r h
    Dense       (D, U), (U,)                 weight (U, D), bias (U,)        W (D, U), B (U,), for x W + B

PyTorch and ONNX have two biases everywhere, which they add up; where scratch_rnn has one it becomes the first
and the second is zero, and the sum of both comes back. A GRU with `reset_after` is PyTorch's, and ONNX's with
linear_before_reset = 1; without it there is none in PyTorch. The formulas are those of the documentation of
torch.nn.LSTM, GRU and RNN, and of the operators LSTM, GRU and RNN of ONNX.

In a model each name begins with that of the layer: lstm.weight_ih_l0, lstm.W, dense.weight, dense.W. So a
state_dict of modules with the layers' names, and the initializers of an ONNX graph that `scratch-rnn export`
has written, go into a model as they are:

    from_pytorch(model, module.state_dict())
    from_onnx(model, {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import GRU, LSTM, Dense, Layer, SimpleRNN
from scratch_rnn.layers.activations import ReLU, Sigmoid, Tanh

Weights = dict[str, Array]
Orders = Mapping[type[Layer], Sequence[int]]  # in which a library has the gates, by their places in Keras

PYTORCH: Orders = {SimpleRNN: (0,), GRU: (1, 0, 2), LSTM: (0, 1, 2, 3)}
ONNX: Orders = {SimpleRNN: (0,), GRU: (0, 1, 2), LSTM: (0, 3, 1, 2)}


def to_pytorch(part: Any) -> Weights:
    """Return copies of the weights of a layer, or of all layers of a model, as a state_dict has them.

    Those of a model's layer begin with its name: lstm.weight_ih_l0. Raises ValueError for a layer that
    PyTorch does not have.
    """
    if hasattr(part, "layers"):
        return {f"{layer.name}.{name}": a for layer in part.layers for name, a in to_pytorch(layer).items()}
    if type(part) is Dense:
        kernel, *bias = part.get_weights()
        return {"weight": kernel.T.copy()} | ({"bias": bias[0]} if bias else {})
    kernel, recurrent, biases = _gates(part, _order(part, PYTORCH, "PyTorch"))
    weights = {"weight_ih_l0": kernel.T.copy(), "weight_hh_l0": recurrent.T.copy()}
    return weights | dict(zip(("bias_ih_l0", "bias_hh_l0"), biases, strict=False))


def from_pytorch(part: Any, state: Mapping[str, Any]) -> None:
    """Copy a state_dict of arrays, or of what NumPy can make arrays of, into a built layer or model.

    Raises ValueError, and changes nothing, where a name is missing or too many, or a shape does not fit.
    """
    _fill(part, state, to_pytorch(part), _from_pytorch)


def to_onnx(part: Any) -> Weights:
    """Return copies of the weights of a layer, or of all layers of a model, as ONNX's operators take them.

    Those of a model's layer begin with its name: lstm.W. Without a bias there is no B. A Dense has W (D, U)
    and B (U,). Raises ValueError for a layer that ONNX does not have.
    """
    if hasattr(part, "layers"):
        return {f"{layer.name}.{name}": a for layer in part.layers for name, a in to_onnx(layer).items()}
    if type(part) is Dense:
        return dict(zip("WB", part.get_weights(), strict=False))
    kernel, recurrent, biases = _gates(part, _order(part, ONNX, "ONNX"))
    weights = {"W": kernel.T[np.newaxis].copy(), "R": recurrent.T[np.newaxis].copy()}
    return weights | ({"B": np.concatenate(biases)[np.newaxis]} if biases else {})


def from_onnx(part: Any, weights: Mapping[str, Any]) -> None:
    """Copy arrays by name, such as the initializers of a graph, into a built layer or model.

    Raises ValueError, and changes nothing, where a name is missing or too many, or a shape does not fit.
    """
    _fill(part, weights, to_onnx(part), _from_onnx)


# One layer ---------------------------------------------------------------------------------------------


def _order(layer: Any, orders: Orders, library: str) -> Sequence[int]:
    """Return in which order a library has the gates; raise ValueError where it has no such layer."""
    if type(layer) not in orders:
        raise ValueError(f"{library} has no {type(layer).__name__}: export one of the library's own layers")
    if library == "PyTorch" and not getattr(layer, "reset_after", True):
        raise ValueError(f"PyTorch has no GRU that resets before the product: layer {layer.name!r} does")
    known = (Tanh, ReLU) if type(layer) is SimpleRNN else (Tanh,)
    sigma = getattr(layer, "recurrent_activation", None)
    if type(layer.activation) not in known or type(sigma) not in (Sigmoid, type(None)):
        raise ValueError(f"{library} has no {type(layer).__name__} with the activations of {layer.name!r}")
    return orders[type(layer)]


def _gates(layer: Any, order: Sequence[int]) -> tuple[Array, Array, list[Array]]:
    """Return kernel, recurrent kernel and both biases, none without `use_bias`, with their gates in order."""
    kernel, recurrent, *bias = (_reordered(weight, order) for weight in layer.get_weights())
    if not bias:
        return kernel, recurrent, []
    return kernel, recurrent, list(bias[0]) if bias[0].ndim == 2 else [bias[0], np.zeros_like(bias[0])]


def _reordered(weight: Array, order: Sequence[int]) -> Array:
    blocks = np.split(weight, len(order), axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


def _from_pytorch(layer: Any, state: Mapping[str, Array]) -> list[Array]:
    """Return the weights of a layer in Keras's order."""
    if type(layer) is Dense:
        return [state["weight"].T, *([state["bias"]] if layer.use_bias else [])]
    biases = [state[name] for name in ("bias_ih_l0", "bias_hh_l0") if name in state]
    return _back(layer, PYTORCH, state["weight_ih_l0"].T, state["weight_hh_l0"].T, biases)


def _from_onnx(layer: Any, weights: Mapping[str, Array]) -> list[Array]:
    if type(layer) is Dense:
        return list(weights.values())
    biases = np.split(weights["B"][0], 2) if "B" in weights else []
    return _back(layer, ONNX, weights["W"][0].T, weights["R"][0].T, list(biases))


def _back(layer: Any, orders: Orders, kernel: Array, recurrent: Array, biases: list[Array]) -> list[Array]:
    """Return weights with the gates in Keras's order again, and one bias where the layer has one."""
    order = np.argsort(orders[type(layer)]).tolist()
    weights = [kernel, recurrent]
    if biases:
        weights.append(np.stack(biases) if len(layer.bias_shape) == 2 else np.sum(biases, axis=0))
    return [_reordered(weight, order) for weight in weights]


def _fill(part: Any, given: Mapping[str, Any], like: Weights, back: Any) -> None:
    """Copy arrays with the names and shapes of `like` into a layer or a model."""
    if set(given) != set(like):
        raise ValueError(
            f"expected the arrays {', '.join(like)}, found {', '.join(map(str, given)) or 'none'}"
        )
    arrays = {name: np.asarray(given[name]) for name in like}
    for name, array in arrays.items():
        if array.shape != like[name].shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {like[name].shape}")
    if not hasattr(part, "layers"):
        part.set_weights(back(part, arrays))
        return
    weights = []
    for layer in part.layers:
        start = f"{layer.name}."
        own = {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
        weights += back(layer, own)
    part.set_weights(weights)
