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

Both have `Bidirectional` for two layers that differ in nothing but their weights, side by side (concat), the
forward one first. TimeDistributed(Dense) is its Dense. Dropout, Masking and RandomAffine have no weights.

In a model each name begins with that of the layer: lstm.weight_ih_l0, lstm.W, dense.weight, dense.W. So a
state_dict of modules with the layers' names, and the initializers of an ONNX graph that `scratch-rnn export`
has written, go into a model as they are:

    from_pytorch(model, module.state_dict())
    from_onnx(model, {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    Masking,
    RandomAffine,
    SimpleRNN,
    TimeDistributed,
)
from scratch_rnn.layers.activations import Activation, ReLU, Sigmoid, Tanh
from scratch_rnn.layers.wrapper import Wrapper

Weights = dict[str, Array]
Orders = Mapping[type[Layer], Sequence[int]]  # in which a library has the gates, by their places in Keras
Convert = Callable[[Any], Weights]
Back = Callable[[Any, Weights], list[Array]]

PYTORCH: Orders = {SimpleRNN: (0,), GRU: (1, 0, 2), LSTM: (0, 1, 2, 3)}
ONNX: Orders = {SimpleRNN: (0,), GRU: (0, 1, 2), LSTM: (0, 3, 1, 2)}
WITHOUT_WEIGHTS = (Dropout, Masking, RandomAffine)
REVERSE = "_reverse"  # ends PyTorch's names of the weights that read from the end


def to_pytorch(part: Any) -> Weights:
    """Return copies of the weights of a layer, or of all layers of a model, as a state_dict has them.

    Those of a model's layer begin with its name: lstm.weight_ih_l0. Raises ValueError for a layer that
    PyTorch does not have.
    """
    return _named(part, _to_pytorch)


def from_pytorch(part: Any, state: Mapping[str, Any]) -> None:
    """Copy a state_dict of arrays, or of what NumPy can make arrays of, into a built layer or model.

    Raises ValueError, and changes nothing, where a name is missing or too many, or a shape does not fit.
    """
    _fill(part, state, _to_pytorch, _from_pytorch)


def to_onnx(part: Any) -> Weights:
    """Return copies of the weights of a layer, or of all layers of a model, as ONNX's operators take them.

    Those of a model's layer begin with its name: lstm.W. Without a bias there is no B. A Dense has W (D, U)
    and B (U,). Raises ValueError for a layer that ONNX does not have.
    """
    return _named(part, _to_onnx)


def from_onnx(part: Any, weights: Mapping[str, Any]) -> None:
    """Copy arrays by name, such as the initializers of a graph, into a built layer or model.

    Raises ValueError, and changes nothing, where a name is missing or too many, or a shape does not fit.
    """
    _fill(part, weights, _to_onnx, _from_onnx)


# A layer or a model ------------------------------------------------------------------------------------


def _is_model(part: Any) -> bool:
    """Return whether it is made of layers with names of their own."""
    return hasattr(part, "layers") and not isinstance(part, Wrapper)


def _named(part: Any, convert: Convert) -> Weights:
    """Return what `convert` makes of a layer, or of all layers of a model, there behind their names."""
    if not _is_model(part):
        return convert(part)
    return {f"{layer.name}.{name}": a for layer in part.layers for name, a in convert(layer).items()}


def _fill(part: Any, given: Mapping[str, Any], convert: Convert, back: Back) -> None:
    """Copy arrays with the names and shapes that `convert` gives into a layer or a model."""
    like = _named(part, convert)
    if set(given) != set(like):
        raise ValueError(
            f"expected the arrays {', '.join(like)}, found {', '.join(map(str, given)) or 'none'}"
        )
    arrays = {name: np.asarray(given[name]) for name in like}
    for name, array in arrays.items():
        if array.shape != like[name].shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {like[name].shape}")
    if not _is_model(part):
        part.set_weights(back(part, arrays))
        return
    weights = []
    for layer in part.layers:
        weights += back(layer, {name: arrays[f"{layer.name}.{name}"] for name in convert(layer)})
    part.set_weights(weights)


# One layer ---------------------------------------------------------------------------------------------


def _to_pytorch(layer: Any) -> Weights:
    if type(layer) in WITHOUT_WEIGHTS:
        return {}
    if type(layer) is Bidirectional:
        forward, backward = map(_to_pytorch, _both(layer, "PyTorch"))
        return forward | {f"{name}{REVERSE}": array for name, array in backward.items()}
    if _is_dense(layer, "PyTorch"):
        kernel, *bias = layer.get_weights()
        return {"weight": kernel.T.copy()} | ({"bias": bias[0]} if bias else {})
    kernel, recurrent, biases = _gates(layer, _order(layer, PYTORCH, "PyTorch"))
    weights = {"weight_ih_l0": kernel.T.copy(), "weight_hh_l0": recurrent.T.copy()}
    return weights | dict(zip(("bias_ih_l0", "bias_hh_l0"), biases, strict=False))


def _from_pytorch(layer: Any, state: Weights) -> list[Array]:
    """Return the weights of a layer in Keras's order."""
    if type(layer) in WITHOUT_WEIGHTS:
        return []
    if type(layer) is Bidirectional:
        backward = {name.removesuffix(REVERSE): a for name, a in state.items() if name.endswith(REVERSE)}
        forward = {name: state[name] for name in backward}
        pair = zip(layer.layers, (forward, backward), strict=True)
        return [weight for each, own in pair for weight in _from_pytorch(each, own)]
    if _is_dense(layer, "PyTorch"):
        return [state["weight"].T, *([state["bias"]] if "bias" in state else [])]
    biases = [state[name] for name in ("bias_ih_l0", "bias_hh_l0") if name in state]
    return _back(layer, PYTORCH, state["weight_ih_l0"].T, state["weight_hh_l0"].T, biases)


def _to_onnx(layer: Any) -> Weights:
    if type(layer) in WITHOUT_WEIGHTS:
        return {}
    if type(layer) is Bidirectional:
        forward, backward = map(_to_onnx, _both(layer, "ONNX"))
        return {name: np.concatenate([array, backward[name]]) for name, array in forward.items()}
    if _is_dense(layer, "ONNX"):
        return dict(zip("WB", layer.get_weights(), strict=False))
    kernel, recurrent, biases = _gates(layer, _order(layer, ONNX, "ONNX"))
    weights = {"W": kernel.T[np.newaxis].copy(), "R": recurrent.T[np.newaxis].copy()}
    return weights | ({"B": np.concatenate(biases)[np.newaxis]} if biases else {})


def _from_onnx(layer: Any, weights: Weights) -> list[Array]:
    if type(layer) in WITHOUT_WEIGHTS:
        return []
    if type(layer) is Bidirectional:
        halves = ({name: array[k : k + 1] for name, array in weights.items()} for k in (0, 1))
        pair = zip(layer.layers, halves, strict=True)
        return [weight for each, own in pair for weight in _from_onnx(each, own)]
    if _is_dense(layer, "ONNX"):
        return list(weights.values())
    biases = np.split(weights["B"][0], 2) if "B" in weights else []
    return _back(layer, ONNX, weights["W"][0].T, weights["R"][0].T, list(biases))


def _is_dense(layer: Any, library: str) -> bool:
    """Return whether it is a Dense, or one at every timestep; raise ValueError for another layer there."""
    if type(layer) is not TimeDistributed:
        return type(layer) is Dense
    if type(layer.layer) is not Dense:
        inside = type(layer.layer).__name__
        raise ValueError(f"{library} has TimeDistributed of Dense alone: layer {layer.name!r} has {inside}")
    return True


def _both(layer: Any, library: str) -> list[Any]:
    """Return the two layers of a Bidirectional; raise ValueError where a library has no such pair."""
    if unlike := _unlike(layer):
        raise ValueError(
            f"{library} has Bidirectional for two layers alike, side by side: layer {layer.name!r} {unlike}"
        )
    return list(layer.layers)


def _unlike(layer: Any) -> str:
    """Return in words what else a Bidirectional is than two layers alike, side by side; else nothing."""
    forward, backward = layer.layers
    if layer.merge_mode != "concat":
        return f"has merge_mode {layer.merge_mode!r}"
    if forward.go_backwards:
        return "begins with the layer that goes backwards"
    if type(forward) is not type(backward):
        return f"is made of {type(forward).__name__} and {type(backward).__name__}"
    names = ("units", "use_bias", "reset_after", "activation", "recurrent_activation")
    other = [name for name in names if _option(forward, name) != _option(backward, name)]
    return f"has two of other {other[0]}" if other else ""


def _option(layer: Any, name: str) -> Any:
    """Return an option so that two of the same meaning are equal."""
    value = getattr(layer, name, None)
    return type(value) if isinstance(value, Activation) else value


def _order(layer: Any, orders: Orders, library: str) -> Sequence[int]:
    """Return in which order a library has the gates; raise ValueError where it has no such layer."""
    if type(layer) not in orders:
        known = ", ".join(each.__name__ for each in orders)
        raise ValueError(
            f"{library} has no {type(layer).__name__}, which layer {layer.name!r} is: it has {known}, Dense"
        )
    if library == "PyTorch" and not getattr(layer, "reset_after", True):
        raise ValueError(f"PyTorch has no GRU that resets before the product: layer {layer.name!r} does")
    phi = (Tanh, ReLU) if type(layer) is SimpleRNN else (Tanh,)
    sigma = getattr(layer, "recurrent_activation", None)
    if type(layer.activation) not in phi or type(sigma) not in (Sigmoid, type(None)):
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


def _back(layer: Any, orders: Orders, kernel: Array, recurrent: Array, biases: list[Array]) -> list[Array]:
    """Return weights with the gates in Keras's order again, and one bias where the layer has one."""
    order = np.argsort(orders[type(layer)]).tolist()
    weights = [kernel, recurrent]
    if biases:
        weights.append(np.stack(biases) if len(layer.bias_shape) == 2 else np.sum(biases, axis=0))
    return [_reordered(weight, order) for weight in weights]
