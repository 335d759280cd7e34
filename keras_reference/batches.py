"""Batches in the form that the Keras twin of a scratch_rnn model takes."""

from __future__ import annotations

import math

import keras
import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.losses import SparseCategoricalCrossentropy
from scratch_rnn.training.model import Sequential


class Batches(keras.utils.PyDataset):
    """Rows in their order, batch by batch, as the twin of a scratch_rnn model takes them.

    uint8 is scaled to [0, 1] as scratch_rnn does it, and labels become one-hot where the loss wants that.
    """

    def __init__(self, scratch: Sequential, x: Array, y: Array, batch_size: int) -> None:
        super().__init__()
        self.x, self.y, self.batch_size = x, keras_labels(scratch, y), batch_size
        self.dtype = scratch.dtype

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        x = self.x[rows].astype(self.dtype)
        if self.x.dtype == np.uint8:
            x /= self.dtype.type(255)
        return x, self.y[rows]


def keras_labels(model: Sequential, y: Array) -> Array:
    """Return integer labels (N,) in the form that Keras's counterpart of the model's loss takes."""
    if isinstance(model.loss, SparseCategoricalCrossentropy):
        return y
    classes = model.layers[-1].units  # type: ignore[attr-defined]
    return np.eye(classes, dtype=model.dtype)[y]
