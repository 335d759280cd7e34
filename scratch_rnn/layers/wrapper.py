"""Base of the layers that are made of other layers: their weights, one layer's after the other's."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Layer, Shape


class Wrapper(Layer):
    """A layer whose weights are those of `layers`, which have its dtype and are built with it."""

    def __init__(self, *layers: Layer, name: str | None) -> None:
        super().__init__(dtype=layers[0].dtype, name=name)
        self.layers: list[Any] = list(layers)
        self.built = all(layer.built for layer in layers)

    @property
    def weight_names(self) -> list[str]:
        """`layer/weight`, such as forward_lstm/kernel."""
        return [f"{layer.name}/{name}" for layer in self.layers for name in layer.weight_names]

    def _weights(self) -> list[Array]:
        return [weight for layer in self.layers for weight in layer.weights]

    def _cast_weights(self) -> None:
        for layer in self.layers:
            layer.dtype = self.dtype
            layer._cast_weights()

    def _build_layers(self, input_shape: Shape, rng: np.random.Generator | None) -> None:
        """Make the weights of those that have none yet."""
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape, rng)
        self.built = True
