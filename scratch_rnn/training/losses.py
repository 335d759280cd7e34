"""Loss functions with Keras's names, defaults and formulas.

`values` gives one loss per sample (for sequences: per sample and timestep); the loss of a batch is their
mean. `gradient` is that of the *sum* of the values; whoever takes the mean divides both by the same number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.labels import one_hot

EPSILON = 1e-7  # Keras's backend.epsilon(): bare probabilities are clipped to [1e-7, 1 - 1e-7]


class Loss:
    """A loss function of labels and predictions. `name` is Keras's name of it."""

    name = "loss"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the losses, one for each row of y_pred (..., K): shape (...)."""
        raise NotImplementedError

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the gradient of the sum of `values` with respect to y_pred, like y_pred."""
        raise NotImplementedError

    def __call__(self, y_true: Array, y_pred: Array) -> Any:
        """Return the mean of `values`."""
        return self.values(y_true, y_pred).mean()


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """-Σ_k y_k log p_k, from probabilities or, with `from_logits`, from what enters the softmax, (C1).

    Labels are one-hot (..., K) or integers (...). A model whose last layer is softmax uses the logits by
    itself: log p = z - log Σ exp z cannot overflow, and the gradient is p - y, (C2), for labels that sum to
    one. Bare probabilities are divided by their sum and clipped, as in Keras; where clipped, the gradient is
    zero.
    """

    from_logits: bool = False
    name = "categorical_crossentropy"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        targets = one_hot(y_true, y_pred)
        if self.from_logits:
            return -(targets * _log_softmax(y_pred)).sum(axis=-1)
        return self._values_of_probabilities(targets, y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        targets = one_hot(y_true, y_pred)
        if self.from_logits:
            return np.exp(_log_softmax(y_pred)) * targets.sum(axis=-1, keepdims=True) - targets
        return self._gradient_of_probabilities(targets, y_pred)

    def _values_of_probabilities(self, targets: Array, p: Array) -> Array:
        return -(targets * np.log(_clip(p / p.sum(axis=-1, keepdims=True)))).sum(axis=-1)

    def _gradient_of_probabilities(self, targets: Array, p: Array) -> Array:
        total = p.sum(axis=-1, keepdims=True)
        q = p / total
        dq = -targets / _clip(q) * _within_clip(q)
        return (dq - (dq * q).sum(axis=-1, keepdims=True)) / total


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """The same loss; Keras's name for integer labels. Both names take both kinds of labels here.

    They differ on bare probabilities only: this one clips first and divides by the sum afterwards.
    """

    name = "sparse_categorical_crossentropy"

    def _values_of_probabilities(self, targets: Array, p: Array) -> Array:
        return -(targets * _log_softmax(np.log(_clip(p)))).sum(axis=-1)

    def _gradient_of_probabilities(self, targets: Array, p: Array) -> Array:
        clipped = _clip(p)
        total = clipped.sum(axis=-1, keepdims=True)
        return (targets.sum(axis=-1, keepdims=True) / total - targets / clipped) * _within_clip(p)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (y - p)² over the last axis. Raises ValueError for labels of another shape than y_pred."""

    name = "mean_squared_error"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.square(_difference(y_true, y_pred)).mean(axis=-1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return 2 * _difference(y_true, y_pred) / y_pred.dtype.type(y_pred.shape[-1])


_BY_NAME: dict[str, Loss] = {
    "categorical_crossentropy": CategoricalCrossentropy(),
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy(),
    "mean_squared_error": MeanSquaredError(),
    "mse": MeanSquaredError(),
}


def get(identifier: str | Loss) -> Loss:
    """Return the loss of that name; a Loss is returned as it is. Raises ValueError for an unknown name."""
    if isinstance(identifier, Loss):
        return identifier
    if identifier not in _BY_NAME:
        raise ValueError(f"unknown loss {identifier!r}: use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[identifier]


def on_logits(loss: Loss) -> Loss | None:
    """Return the form of a cross-entropy that takes logits, or None for a loss that has no such form.

    A subclass has none: what it computes from probabilities is its own.
    """
    if type(loss) not in (CategoricalCrossentropy, SparseCategoricalCrossentropy):
        return None
    assert isinstance(loss, CategoricalCrossentropy)
    return replace(loss, from_logits=True)


def _difference(y_true: Array, y_pred: Array) -> Array:
    if y_true.shape != y_pred.shape:
        raise ValueError(f"labels have shape {y_true.shape}, expected {y_pred.shape}, like the predictions")
    return y_pred - y_true


def _log_softmax(z: Array) -> Array:
    shifted = z - z.real.max(axis=-1, keepdims=True)  # exp cannot overflow
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _clip(p: Array) -> Array:
    return np.minimum(np.maximum(p, EPSILON), 1 - EPSILON)  # like np.clip, and fit for complex numbers


def _within_clip(p: Array) -> Array:
    return (p >= EPSILON) & (p <= 1 - EPSILON)
