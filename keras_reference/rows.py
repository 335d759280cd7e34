"""Rows and labels in the form that the twin of a scratch_rnn model takes."""

from __future__ import annotations

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.losses import SparseCategoricalCrossentropy
from scratch_rnn.training.model import Sequential


def scaled(model: Sequential, x: Array) -> Array:
    """Return rows in the model's dtype, uint8 scaled to [0, 1] as the model does it."""
    floats = x.astype(model.dtype)
    if x.dtype == np.uint8:
        floats /= model.dtype.type(255)
    return floats


def labels_for(model: Sequential, y: Array) -> Array:
    """Return integer labels (N,) in the form that the counterpart of the model's loss takes."""
    return y if isinstance(model.loss, SparseCategoricalCrossentropy) else one_hot(model, y)


def one_hot(model: Sequential, y: Array) -> Array:
    """Return integer labels (N,) as rows (N, K) of zeros and a one, in the model's dtype.

    For a single output, K = 1, they stay 0 and 1: (N, 1).
    """
    classes = model.layers[-1].units  # type: ignore[attr-defined]
    if classes == 1:
        return y.astype(model.dtype)[:, np.newaxis]
    return np.eye(classes, dtype=model.dtype)[y]
