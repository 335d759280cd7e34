"""The cell of LayerNormLSTM for Keras, which has none; Keras differentiates it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("scratch_rnn")
class LayerNormLSTMCell(keras.layers.Layer):
    """(Y1) to (Y3) of scratch_rnn/layers/layer_norm_lstm.py; a sample is a row. Weights in the same order."""

    def __init__(self, units: int, activation: str, recurrent_activation: str, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.state_size, self.output_size = units, [units, units], units
        self.activation, self.recurrent_activation = activation, recurrent_activation

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        gates = 4 * self.units
        shapes = {
            "kernel": (input_shape[-1], gates),
            "recurrent_kernel": (self.units, gates),
            "kernel_gamma": (gates, 1),
            "recurrent_gamma": (gates, 1),
            "gate_bias": (gates, 1),
            "state_gamma": (self.units, 1),
            "state_beta": (self.units, 1),
        }
        for name, shape in shapes.items():
            setattr(self, name, self.add_weight(shape=shape, name=name))

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return the output and the states of one timestep."""
        h, c = states
        sigma, phi = (keras.activations.get(name) for name in (self.recurrent_activation, self.activation))
        from_x, from_h = ops.matmul(inputs, self.kernel), ops.matmul(h, self.recurrent_kernel)
        z = _normed(from_x) * _row(self.kernel_gamma) + _normed(from_h) * _row(self.recurrent_gamma)
        i, f, g, o = ops.split(z + _row(self.gate_bias), 4, axis=-1)
        c = sigma(f) * c + sigma(i) * phi(g)
        h = sigma(o) * phi(_normed(c) * _row(self.state_gamma) + _row(self.state_beta))
        return h, [h, c]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        names = ("units", "activation", "recurrent_activation")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _row(weight: Any) -> Any:
    return ops.transpose(weight)


def _normed(a: Any) -> Any:
    centred = a - ops.mean(a, axis=-1, keepdims=True)
    return centred / ops.sqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + 1e-3)
