"""Layers without weights, whose output has the shape of their input: Dropout and Masking."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Gradients, Layer, Shape


@dataclass(frozen=True)
class Factors:
    """The tape of a layer that multiplies its input, entry by entry, by what does not depend on weights.

    factors  what x was multiplied by, of a shape that broadcasts to that of x; None for one
    """

    layer: Layer = field(repr=False)
    shape: Shape
    factors: Array | None


class Weightless(Layer):
    """Base of the layers that have no weights."""

    @property
    def weight_names(self) -> list[str]:
        return []

    def _weights(self) -> list[Array]:
        return []

    def _cast_weights(self) -> None:
        """There are none."""


class Unweighted(Weightless):
    """Base of the layers y = x ⊙ m, (O1). A subclass returns m, or None for ones, from `factors`."""

    def factors(self, x: Array, training: bool) -> Array | None:
        """Return m, of a shape that broadcasts to that of x."""
        raise NotImplementedError

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        if len(input_shape) < 2:
            raise ValueError(f"layer {self.name!r} needs inputs (batch, ...), not {input_shape}")
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(
        self, x: Array, *, training: bool = False, tape: Factors | None = None
    ) -> tuple[Array, Factors]:
        """Return y, like x, and the tape; an earlier tape changes nothing."""
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        x = self._cast(x, "the input", x.shape)
        factors = self.factors(x, training)
        return x if factors is None else x * factors, Factors(self, x.shape, factors)

    def backward(self, dy: Array | None, tape: Factors, *, input_gradient: bool = True) -> Gradients:
        """Return the gradients from dy, like y."""
        if not isinstance(tape, Factors) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        dy = self._cast(dy, "the gradient of the output", tape.shape)
        return Gradients(dy if tape.factors is None else dy * tape.factors, (), [])  # (O2)
