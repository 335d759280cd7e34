"""Rows and labels in the form that the twin of a scratch_rnn model takes."""

from __future__ import annotations

import copy

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import RandomAffine
from scratch_rnn.layers.place import Place, at
from scratch_rnn.training.losses import SparseCategoricalCrossentropy
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.shards import slices


def scaled(model: Sequential, x: Array) -> Array:
    """Return rows in the model's dtype, uint8 scaled to [0, 1] as the model does it."""
    floats = x.astype(model.dtype)
    if x.dtype == np.uint8:
        floats /= model.dtype.type(255)
    return floats


def moved(model: Sequential, x: Array, step: int) -> Array:
    """Return scaled rows, the batch of a step of training, as the RandomAffine moves them that the model
    begins with: the same pictures as in the model's own training. Without one they stay as they are.
    """
    x = scaled(model, x)
    if not _moves(model):
        return x
    parts = []
    for rows in slices(len(x), model.shard_rows):
        with at(Place((model._draws_seed, step, rows.start), rows.start, len(x))):
            parts.append(model.layers[0].forward(x[rows], training=True)[0])
    return np.concatenate(parts)


def without_moving(model: Sequential) -> Sequential:
    """Return the model without the RandomAffine that it begins with: what is trained on `moved` rows."""
    if not _moves(model):
        return model
    rest = copy.copy(model)
    rest.layers = model.layers[1:]
    return rest


def _moves(model: Sequential) -> bool:
    return type(model.layers[0]) is RandomAffine


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
