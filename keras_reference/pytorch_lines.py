"""A network in PyTorch as Python writes it: its modules, and what is computed with them, line by line."""

from __future__ import annotations

from typing import Any

from keras_reference.predicting import computing
from scratch_rnn.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN
from scratch_rnn.layers.activations import Linear, ReLU, Sigmoid, Softmax, Tanh
from scratch_rnn.training.model import Sequential

CLASSES = {SimpleRNN: "RNN", GRU: "GRU", LSTM: "LSTM", Dense: "Linear"}
ENDINGS = {Linear: "", Tanh: ".tanh()", Sigmoid: ".sigmoid()", ReLU: ".relu()", Softmax: ".softmax(-1)"}


def modules(model: Sequential) -> dict[str, str]:
    """Return by layer the PyTorch module that its weights fit. Raises ValueError where there is none."""
    return {name: _module(layer) for name, layer in computing(model, "PyTorch")}


def expressions(model: Sequential) -> list[str]:
    """Return what to compute one after the other, each time of the y before, with `modules` in `module`."""
    return [line for name, layer in computing(model, "PyTorch") for line in _expressions(name, layer)]


def _module(layer: Any) -> str:
    both = isinstance(layer, Bidirectional)
    one = layer.forward_layer if both else layer
    if type(one) not in CLASSES or (isinstance(one, Dense) and type(one.activation) not in ENDINGS):
        raise ValueError(f"PyTorch has no counterpart of layer {layer.name!r} ({type(layer).__name__})")
    arguments = [f"{one.features}", f"{one.units}"]
    arguments += [] if one.use_bias else ["bias=False"]
    if not isinstance(one, Dense):
        arguments += ['nonlinearity="relu"'] if type(one.activation) is ReLU else []
        arguments += ["batch_first=True", *["bidirectional=True"] * both]
    return f"torch.nn.{CLASSES[type(one)]}({', '.join(arguments)})"


def _expressions(name: str, layer: Any) -> list[str]:
    if isinstance(layer, Dense):
        return [f"module.{name}(y){ENDINGS[type(layer.activation)]}"]
    if isinstance(layer, Bidirectional):
        h = layer.forward_layer.units
        last = f"torch.cat([y[:, -1, :{h}], y[:, 0, {h}:]], -1)"  # of each direction its own
        return [f"module.{name}(y)[0]", *([] if layer.return_sequences else [last])]
    x = "y.flip(1)" if layer.go_backwards else "y"
    return [f"module.{name}({x})[0]{'' if layer.return_sequences else '[:, -1]'}"]
