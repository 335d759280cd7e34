"""The Keras layer that corresponds to a scratch_rnn layer: same options; its weights are set later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_reference.layer_norm_cell import LayerNormLSTMCell
from scratch_rnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    LayerNormLSTM,
    Masking,
    Recurrent,
    SimpleRNN,
    TimeDistributed,
)
from scratch_rnn.layers.activations import Activation, Linear, ReLU, Sigmoid, Softmax, Tanh
from scratch_rnn.layers.place import number_of


def keras_layer(layer: Layer) -> keras.layers.Layer:
    """Return the Keras layer with the same options.

    Raises ValueError for a layer or an activation that Keras has no counterpart of. A subclass has none, even
    of a layer that has one: what it computes is its own.
    """
    if type(layer) not in _COUNTERPARTS:
        raise ValueError(f"layer {layer.name!r} ({type(layer).__name__}) has no counterpart in Keras")
    return _COUNTERPARTS[type(layer)](layer)


def _common(layer: Layer) -> dict[str, Any]:
    return {"dtype": layer.dtype.name, "name": layer.name}


def _seed(layer: Layer) -> int | None:
    """Return the seed of what is drawn in a layer, small enough for TensorFlow."""
    return None if layer.seed is None else number_of(layer.seed) % 2**31


def _dense(layer: Dense) -> keras.layers.Layer:
    activation = keras_activation(layer.activation)
    return keras.layers.Dense(layer.units, activation, use_bias=layer.use_bias, **_common(layer))


def _dropout(layer: Dropout) -> keras.layers.Layer:
    return keras.layers.Dropout(layer.rate, layer.noise_shape, seed=_seed(layer), **_common(layer))


def _masking(layer: Masking) -> keras.layers.Layer:
    return keras.layers.Masking(layer.mask_value, **_common(layer))


def _time_distributed(layer: TimeDistributed) -> keras.layers.Layer:
    return keras.layers.TimeDistributed(keras_layer(layer.layer), **_common(layer))


def _bidirectional(layer: Bidirectional) -> keras.layers.Layer:
    units = [each.units for each in layer.layers]
    if len(set(units)) > 1:
        raise ValueError(
            f"layer {layer.name!r} puts {units[0]} and {units[1]} units side by side, and Keras takes them "
            "for the same number"
        )
    forward, backward = map(keras_layer, layer.layers)
    return keras.layers.Bidirectional(forward, layer.merge_mode, backward_layer=backward, **_common(layer))


def _simple_rnn(layer: SimpleRNN) -> keras.layers.Layer:
    return keras.layers.SimpleRNN(**_cell(layer), **_loop(layer))


def _gru(layer: GRU) -> keras.layers.Layer:
    gates = keras_activation(layer.recurrent_activation)
    options = {"recurrent_activation": gates, "reset_after": layer.reset_after}
    return keras.layers.GRU(**_cell(layer), **_loop(layer), **options)


def _lstm(layer: LSTM) -> keras.layers.Layer:
    gates = keras_activation(layer.recurrent_activation)
    return keras.layers.LSTM(**_cell(layer), **_loop(layer), recurrent_activation=gates)


def _layer_norm_lstm(layer: LayerNormLSTM) -> keras.layers.Layer:
    """Return the loop of Keras around a cell that is not Keras's own."""
    if layer.dropout or layer.recurrent_dropout:
        raise ValueError(
            f"layer {layer.name!r} has dropout, which its counterpart in Keras does not: leave it out"
        )
    phi, sigma = keras_activation(layer.activation), keras_activation(layer.recurrent_activation)
    cell = LayerNormLSTMCell(layer.units, phi, sigma, dtype=layer.dtype.name)
    return keras.layers.RNN(cell, **_loop(layer))


def _cell(layer: Any) -> dict[str, Any]:
    """Return the options of a recurrent layer that act within a timestep."""
    return {
        "units": layer.units,
        "activation": keras_activation(layer.activation),
        "use_bias": layer.use_bias,
        "dropout": layer.dropout,
        "recurrent_dropout": layer.recurrent_dropout,
        "seed": _seed(layer),
    }


def _loop(layer: Recurrent) -> dict[str, Any]:
    """Return those that act around it."""
    if layer.bptt_steps is not None:
        raise ValueError(
            f"layer {layer.name!r} has bptt_steps, and Keras has no counterpart of it: leave it out"
        )
    names = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
    return {name: getattr(layer, name) for name in names} | _common(layer)


def keras_activation(activation: Activation) -> str:
    """Return Keras's name of an activation; raise ValueError where it has none."""
    if type(activation) not in (Linear, Tanh, Sigmoid, ReLU, Softmax):
        raise ValueError(f"activation {activation.name!r} has no counterpart in Keras")
    return activation.name


_COUNTERPARTS: dict[type[Layer], Callable[[Any], keras.layers.Layer]] = {
    Dense: _dense,
    Dropout: _dropout,
    Masking: _masking,
    TimeDistributed: _time_distributed,
    Bidirectional: _bidirectional,
    SimpleRNN: _simple_rnn,
    GRU: _gru,
    LSTM: _lstm,
    LayerNormLSTM: _layer_norm_lstm,
}
