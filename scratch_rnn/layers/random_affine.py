"""Random shifts, rotations, sizes and slants of pictures, drawn anew in each step of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers import place
from scratch_rnn.layers.base import Gradients, Shape
from scratch_rnn.layers.unweighted import Weightless


@dataclass(frozen=True)
class Samples:
    """Where each pixel of y comes from: four neighbours in x, and how much each counts.

    places   int (4, B, T * D), in the flattened picture with a border of one pixel
    weights  (4, B, T * D)
    """

    layer: RandomAffine = field(repr=False)
    shape: Shape
    places: Array | None
    weights: Array | None


class RandomAffine(Weightless):
    """In training moves each picture (T, D) a little; without `training` nothing happens.

    shift     at most so many pixels, in both directions
    rotation  at most so many degrees, about the middle
    zoom      larger or smaller by at most this share, in both directions alike or not
    shear     slanted by at most so many pixels sideways for each pixel of height

    All four are uniform and independent, and each sample of a batch has its own. Pixels are interpolated
    bilinearly; what comes from outside is zero. Not in Keras as one layer: RandomTranslation, RandomRotation,
    RandomZoom and RandomShear one after another interpolate four times. Raises ValueError for a negative
    number.
    """

    def __init__(
        self,
        shift: float = 0.0,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shear: float = 0.0,
        *,
        seed: int | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, seed=seed)
        self.shift, self.rotation = _checked(shift, "shift", 1e3), _checked(rotation, "rotation", 180)
        self.zoom, self.shear = _checked(zoom, "zoom", 0.9), _checked(shear, "shear", 10)

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_shape(input_shape, "the input", (None, None, None))
        return input_shape

    def forward(
        self, x: Array, *, training: bool = False, tape: Samples | None = None
    ) -> tuple[Array, Samples]:
        """Return y, like x (B, T, D), and the tape; an earlier one changes nothing."""
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        x = self._cast(x, "the input", x.shape)
        if not training:
            return x, Samples(self, x.shape, None, None)
        places, weights = _neighbours(self._drawn(len(x)), x.shape, self.dtype)
        bordered = np.pad(x, ((0, 0), (1, 1), (1, 1))).reshape(len(x), (x.shape[1] + 2) * (x.shape[2] + 2))
        taken = np.take_along_axis(bordered[np.newaxis], places, axis=2)
        return (taken * weights).sum(axis=0).reshape(x.shape), Samples(self, x.shape, places, weights)

    def backward(self, dy: Array | None, tape: Samples, *, input_gradient: bool = True) -> Gradients:
        """Return the gradients from dy, like y: each pixel of x gets back what it has given."""
        if not isinstance(tape, Samples) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        dy = self._cast(dy, "the gradient of the output", tape.shape)
        if not input_gradient or tape.places is None or tape.weights is None:
            return Gradients(dy if input_gradient else None, (), [])
        batch, time, features = dy.shape
        dx = np.zeros((batch, (time + 2) * (features + 2)), self.dtype)
        samples = np.arange(batch)[:, np.newaxis]
        for places, weights in zip(tape.places, tape.weights, strict=True):
            np.add.at(dx, (samples, places), weights * dy.reshape(batch, -1))
        return Gradients(dx.reshape(batch, time + 2, features + 2)[:, 1:-1, 1:-1].copy(), (), [])

    def _drawn(self, batch: int) -> Array:
        """Return for each sample the matrix (2, 3) that takes a pixel's place in y to its place in x."""
        rng = place.generator(self.seed)
        uniform = rng.uniform(-1, 1, (6, batch))
        angle = np.deg2rad(self.rotation) * uniform[0]
        shear = self.shear * uniform[1]
        heights, widths = 1 + self.zoom * uniform[2:4]
        shifts = self.shift * uniform[4:]
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [cos / heights, -sin / widths, shifts[0]]
        columns = [(sin + shear * cos) / heights, (cos - shear * sin) / widths, shifts[1]]
        return np.array([rows, columns]).transpose(2, 0, 1)


def _neighbours(matrices: Array, shape: Shape, dtype: Any) -> tuple[Array, Array]:
    """Return the places and weights of `Samples` for pictures of this shape (B, T, D)."""
    _, time, features = (int(size or 0) for size in shape)
    middle = np.array([(time - 1) / 2, (features - 1) / 2])
    rows, columns = np.indices((time, features)).reshape(2, -1) - middle[:, np.newaxis]
    grid = np.stack([rows, columns, np.ones_like(rows)])
    row, column = (matrices @ grid + middle[:, np.newaxis]).transpose(1, 0, 2)  # (B, T * D) each
    row, column = np.clip(row, -1, time), np.clip(column, -1, features)  # the border is all there is outside
    top, left = np.floor(row), np.floor(column)
    below, right = row - top, column - left
    top, left = top.astype(np.intp) + 1, left.astype(np.intp) + 1  # in the picture with its border
    places, weights = [], []
    for down, share_of_row in ((0, 1 - below), (1, below)):
        for along, share_of_column in ((0, 1 - right), (1, right)):
            inside = np.minimum(top + down, time + 1), np.minimum(left + along, features + 1)
            places.append(inside[0] * (features + 2) + inside[1])
            weights.append((share_of_row * share_of_column).astype(dtype))
    return np.stack(places), np.stack(weights)


def _checked(value: Any, name: str, most: float) -> float:
    """Return a number from zero to `most`; raise ValueError where it is none."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and 0 <= value <= most):
        raise ValueError(f"{name} must be a number from 0 to {most:g}, not {value!r}")
    return float(value)
