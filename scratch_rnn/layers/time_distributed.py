"""One layer at every timestep: TimeDistributed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Gradients, Layer, Shape, parts_of
from scratch_rnn.layers.wrapper import Wrapper


@dataclass(frozen=True)
class TimeDistributedTape:
    """The tape of the layer inside, for which every timestep of a sample is a sample."""

    layer: TimeDistributed = field(repr=False)
    inside: Any
    time: int


class TimeDistributed(Wrapper):
    """Calls a layer for each timestep of x (B, T, ...) alone, always with the same weights, as in Keras.

    `Dense` does so by itself on (B, T, D); this takes any layer that has no state between its calls: the rows
    of a picture may each be read by a recurrent layer, say. A mask is handed on, not to the layer inside.
    Raises TypeError for what is no layer.
    """

    def __init__(self, layer: Layer, *, name: str | None = None) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed takes a layer, such as Dense(10), not {layer!r}")
        if any(_has_states(part) for part in (layer, *parts_of(layer))):
            raise ValueError(
                f"layer {layer.name!r} returns or keeps states: TimeDistributed has no use for them"
            )
        if getattr(layer, "merge_mode", "") is None:
            raise ValueError(
                f"layer {layer.name!r} has merge_mode=None: TimeDistributed takes one array from it"
            )
        super().__init__(layer, name=name)

    @property
    def layer(self) -> Layer:
        """The layer inside."""
        inside: Layer = self.layers[0]
        return inside

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        self._build_layers(self._inside(input_shape), rng)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, time, *_ = input_shape
        return (batch, time, *self.layer.compute_output_shape(self._inside(input_shape))[1:])

    def forward(
        self, x: Array, *, training: bool = False, tape: TimeDistributedTape | None = None
    ) -> tuple[Array, TimeDistributedTape]:
        """Return y (B, T, ...) and the tape; an earlier one is used again."""
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        batch, time = self.compute_output_shape(x.shape)[:2]  # raises where x does not fit
        inside = None if tape is None else tape.inside
        y, inside = self.layer.forward(_folded(x), training=training, tape=inside)
        return y.reshape(batch, time, *y.shape[1:]), TimeDistributedTape(self, inside, int(time or 0))

    def backward(
        self, dy: Array | None, tape: TimeDistributedTape, *, input_gradient: bool = True
    ) -> Gradients:
        """Return the gradients from dy, like y."""
        if not isinstance(tape, TimeDistributedTape) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        inside = self.layer.backward(
            None if dy is None else _folded(np.asarray(dy)), tape.inside, input_gradient=input_gradient
        )
        dx = inside.inputs
        if dx is not None:
            dx = dx.reshape(-1, tape.time, *dx.shape[1:])
        return Gradients(dx, (), inside.weights)

    def _inside(self, shape: Shape) -> Shape:
        """Return the shape of what the layer inside gets, of an input of this shape."""
        if len(shape) < 3:
            raise ValueError(f"layer {self.name!r} needs inputs (batch, time, ...), not {shape}")
        batch, time, *others = shape
        return (None if batch is None or time is None else batch * time, *others)


def _folded(x: Array) -> Array:
    """Return (B * T, ...) of (B, T, ...)."""
    return x.reshape(-1, *x.shape[2:])


def _has_states(layer: Layer) -> bool:
    """Return whether a layer gives back or keeps states."""
    return getattr(layer, "return_state", False) or getattr(layer, "stateful", False)
