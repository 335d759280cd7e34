"""Dropout: in training some entries are left out, at random (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers import place
from scratch_rnn.layers.base import Shape
from scratch_rnn.layers.unweighted import Unweighted


class Dropout(Unweighted):
    """In training each entry is zero with probability `rate`, and else divided by 1 - rate.

    So the mean of an entry stays; without `training` nothing happens. An axis whose size in `noise_shape` is
    1 shares one draw: (None, 1, None) drops a feature in all timesteps or in none. None stands for the size
    of x. In `fit` what is drawn depends on the model's seed, or the layer's own, the step and the rows alone.

    Arguments and meaning are Keras's, but `rate` must be below 1. Raises ValueError for one out of range, and
    for another `noise_shape`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Shape | None = None,
        *,
        seed: int | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, seed=seed)
        self.rate = checked_rate(rate, "rate")
        self.noise_shape = None if noise_shape is None else _checked_noise_shape(noise_shape)

    def factors(self, x: Array, training: bool) -> Array | None:
        if not (training and self.rate):
            return None
        return kept_entries(self.rate, self._noise_shape(x.shape), self.dtype, place.generator(self.seed))

    def _noise_shape(self, shape: Shape) -> tuple[int, ...]:
        wanted = shape if self.noise_shape is None else self.noise_shape
        fits = len(wanted) == len(shape) and all(
            w in (None, 1, s) for w, s in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"noise_shape of layer {self.name!r} is {wanted}, but the input has shape {shape}: each must "
                "be 1, None or the size of the input"
            )
        return tuple(s if w is None else w for w, s in zip(wanted, shape, strict=True))  # type: ignore[misc]


def kept_entries(rate: float, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Array:
    """Return what dropout multiplies by: 0 with probability `rate`, and else 1 / (1 - rate)."""
    kept = rng.random(shape, np.float32) >= rate  # in float64 the same entries
    return kept.astype(dtype) / np.dtype(dtype).type(1 - rate)


def _checked_noise_shape(noise_shape: Any) -> Shape:
    sizes = tuple(noise_shape) if isinstance(noise_shape, (tuple, list)) else ("none",)
    if not all(size is None or (isinstance(size, (int, np.integer)) and size > 0) for size in sizes):
        raise ValueError(f"noise_shape must be a tuple such as (None, 1, None), not {noise_shape!r}")
    return tuple(None if size is None else int(size) for size in sizes)


def checked_rate(rate: Any, name: str) -> float:
    """Return the rate of a dropout; raise ValueError where it is no number from 0 to below 1."""
    number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    if not (number and 0 <= rate < 1):
        raise ValueError(f"{name} must be a number, at least 0 and below 1, not {rate!r}")
    return float(rate)
