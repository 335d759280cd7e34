"""Samples that count more than others: sample_weight and class_weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.losses import Loss
from scratch_rnn.training.ranges import is_finite


@dataclass(frozen=True, eq=False)
class Weighted(Loss):
    """A loss whose values are multiplied by weights, one for each of them. Their mean is still divided by how
    many there are, not by the sum of the weights, as in Keras."""

    loss: Loss
    weights: Array

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return self.loss.values(y_true, y_pred) * self.weights

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return self.loss.gradient(y_true, y_pred) * self.weights[..., np.newaxis]


def weighted(loss: Loss, weights: Array | None) -> Loss:
    """Return a loss of which each value counts as its weight says, where there are weights."""
    return loss if weights is None else Weighted(loss, weights)


def checked_weights(
    sample_weight: Any, class_weight: Mapping[int, float] | None, y: Array, outputs: tuple[int, ...]
) -> Array | None:
    """Return one weight for each loss of outputs (..., K), shape (...), or None where none are given.

    sample_weight  (N,), one for each sample, or (...), one for each loss; a last axis of 1 is no matter
    class_weight   a dict from labels to weights; a label that is not in it counts 1

    Raises ValueError where both are given or one does not fit, TypeError for a class_weight that is no dict.
    """
    if sample_weight is None and class_weight is None:
        return None
    if class_weight is None:
        return _of_samples(np.asarray(sample_weight), outputs[:-1])
    if sample_weight is not None:
        raise ValueError("give sample_weight or class_weight, not both")
    return _of_classes(class_weight, _labels(y, outputs), outputs[-1])


def _of_samples(weights: Array, shape: tuple[int, ...]) -> Array:
    if weights.dtype.kind not in "biuf" or not np.isfinite(weights).all():
        raise ValueError(f"sample_weight must be finite numbers, but it is {weights.dtype} or has others")
    given = weights.shape
    if weights.ndim > 1 and weights.ndim > len(shape) and given[-1] == 1:
        weights = weights[..., 0]
    if weights.shape not in (shape, shape[:1]):
        expected = " or ".join(map(str, dict.fromkeys([shape[:1], shape])))
        raise ValueError(f"sample_weight has shape {given}, expected {expected}")
    missing = len(shape) - weights.ndim
    return np.broadcast_to(weights.reshape(weights.shape + (1,) * missing), shape)


def _of_classes(class_weight: Mapping[int, float], labels: Array, classes: int) -> Array:
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be a dict such as {{0: 1.0, 1: 5.0}}, not {class_weight!r}")
    for label, weight in class_weight.items():
        if not isinstance(label, (int, np.integer)) or label < 0 or (classes > 1 and label >= classes):
            raise ValueError(f"class_weight has the label {label!r}, which is none of the model's classes")
        if not is_finite(weight):
            raise ValueError(f"class_weight must be finite numbers, but that of {label} is {weight!r}")
    weights = np.ones(labels.shape)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights


def _labels(y: Array, outputs: tuple[int, ...]) -> Array:
    """Return the labels of y, integers or one-hot rows, for such outputs."""
    return y.argmax(axis=-1) if y.shape == outputs and outputs[-1] > 1 else y.reshape(outputs[:-1])
