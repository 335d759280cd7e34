"""Metrics: one value per sample, whose mean Keras reports under the same name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.labels import one_hot

Metric = Callable[[Array, Array], Array]


def accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return True where the largest entry of y_pred (..., K) stands at the label: shape (...).

    Labels are one-hot (..., K) or integers (...). A single output, K = 1, is a probability of label 1: it
    counts above 0.5, as in Keras.
    """
    if y_pred.shape[-1] == 1:
        return (y_pred > 0.5)[..., 0] == y_true.reshape(y_pred.shape[:-1])
    labels = y_true.argmax(axis=-1) if y_true.shape == y_pred.shape else y_true.reshape(y_pred.shape[:-1])
    return y_pred.argmax(axis=-1) == labels


def binary_accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return the share of the last axis where y_pred is above 0.5 just where y_true is 1, not 0.

    Integer labels of more than one output count as one-hot rows.
    """
    rows = y_true.reshape(y_pred.shape) if y_true.size == y_pred.size else one_hot(y_true, y_pred)
    return ((y_pred > 0.5) == rows).mean(axis=-1)


def mean_squared_error(y_true: Array, y_pred: Array) -> Array:
    """Return the mean of (y_true - y_pred)² over the last axis; integer labels count as one-hot rows."""
    return np.square(y_pred - one_hot(y_true, y_pred)).mean(axis=-1)


def mean_absolute_error(y_true: Array, y_pred: Array) -> Array:
    """Return the mean of |y_true - y_pred| over the last axis; integer labels count as one-hot rows."""
    return np.abs(y_pred - one_hot(y_true, y_pred)).mean(axis=-1)


_BY_NAME: dict[str, Metric] = {
    "accuracy": accuracy,
    "acc": accuracy,
    "categorical_accuracy": accuracy,
    "sparse_categorical_accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mae": mean_absolute_error,
}


NAMES = frozenset(_BY_NAME)


def get(identifier: str | Metric) -> tuple[str, Metric]:
    """Return (name, function) of a metric given by name or as a function (y_true, y_pred) -> values.

    Raises ValueError for a name that does not exist.
    """
    if callable(identifier):
        return getattr(identifier, "__name__", "metric"), identifier
    if identifier not in _BY_NAME:
        raise ValueError(f"unknown metric {identifier!r}: use one of {', '.join(_BY_NAME)}, or a function")
    return identifier, _BY_NAME[identifier]
