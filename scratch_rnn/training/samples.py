"""Samples as a model can take them: their inputs, labels and weights, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training import losses
from scratch_rnn.training.ranges import in_range
from scratch_rnn.training.weighting import checked_weights, weighted


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs x (N, ...), labels y (N, ...) and, where they do not all count 1, a weight for each loss."""

    x: Array
    y: Array
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Samples:
        """Return the samples of some rows: a slice, or an array of indices."""
        weights = None if self.weights is None else self.weights[rows]
        return Samples(self.x[rows], self.y[rows], weights)

    def weighted(self, loss: losses.Loss) -> losses.Loss:
        """Return the loss of these samples, as much as each of them counts."""
        return weighted(loss, self.weights)


def checked_inputs(model: Any, x: Array) -> Array:
    """Return x as an array that a model can take, unscaled yet; a model without weights gets them.

    Raises ValueError for a dtype or a shape that does not fit, for NaN and for infinity.
    """
    x = _array(x, "x")
    if x.ndim < 2 or not len(x):
        raise ValueError(f"x has shape {x.shape}, expected (samples, ...) with at least one sample")
    if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
        raise ValueError(f"x is {x.dtype}, expected float, or uint8, which is scaled to [0, 1]")
    largest = np.finfo(model.dtype).max
    if x.size and not (-largest <= x.min() and x.max() <= largest):  # False for NaN too
        row = int(np.argmin((np.abs(x.reshape(len(x), -1)) <= largest).all(axis=1)))
        raise ValueError(
            f"x has NaN or infinite entries, or some that {model.dtype} cannot hold, first in row {row}"
        )
    if not model.built:
        model.build((None, *x.shape[1:]))
    model.compute_output_shape(x.shape)  # raises where x does not fit a layer
    return x


def checked_samples(
    model: Any,
    x: Array,
    y: Array,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Samples:
    """Return samples that fit the model, its loss and each other, or raise ValueError."""
    x, y = model.checked_inputs(x), _array(y, "y")
    if len(y.shape) == 0 or len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows, but y has shape {y.shape}: they must have as many")
    outputs = model.compute_output_shape(x.shape)
    y = model.loss.checked(y, outputs, model.dtype)
    weights = checked_weights(sample_weight, class_weight, y, outputs)
    return Samples(x, y, None if weights is None else weights.astype(model.dtype))


def _array(given: Any, name: str) -> Array:
    """Return what is given as an array; raise ValueError where its rows have several lengths."""
    try:
        return np.asarray(given)
    except ValueError as error:
        raise ValueError(
            f"{name} must be one array, but its rows have several lengths: pad them to one length, and let a "
            "Masking layer mark the padding"
        ) from error


def split_row(count: int, validation_split: float) -> int:
    """Return the first row of the validation data, as Keras computes it; `count` where there is none.

    Raises ValueError for a share that is out of range or leaves no rows on one side.
    """
    in_range(validation_split, "validation_split", least=0, below=1)
    split = int(count * (1 - validation_split))
    if validation_split and split in (0, count):
        raise ValueError(
            f"{count} rows are too few: validation_split={validation_split} leaves no rows on one side"
        )
    return split
