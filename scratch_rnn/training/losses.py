"""Loss functions with Keras's names, defaults and formulas.

`values` gives one loss per sample (for sequences: per sample and timestep); the loss of a batch is their
mean. `gradient` is that of the *sum* of the values; whoever takes the mean divides both by the same number.

p are probabilities and z, the logits, what enters the softmax or sigmoid that makes them. Equations (C1) to
(C7) are those of docs/bptt.md, section 7, which says why z is the better place to begin the way back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.activations import Activation, Sigmoid, Softmax
from scratch_rnn.training.labels import checked_labels, checked_targets, one_hot
from scratch_rnn.training.ranges import in_range

EPSILON = 1e-7  # Keras's backend.epsilon(): bare probabilities are clipped to [1e-7, 1 - 1e-7]


class Loss:
    """A loss function of labels and predictions. `name` is Keras's name of it.

    `joins` is the class of the activation with which it is differentiated in one, or None. Such a loss is a
    dataclass with a field `from_logits`: where that is True it takes what enters the activation.
    """

    name = "loss"
    joins: type[Activation] | None = None

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the losses, one for each row of y_pred (..., K): shape (...)."""
        raise NotImplementedError

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the gradient of the sum of `values` with respect to y_pred, like y_pred."""
        raise NotImplementedError

    def checked(self, y: Array, output_shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        """Return y as the loss takes it for outputs (..., K) of this dtype, or raise ValueError."""
        return checked_targets(y, output_shape, dtype)

    def __call__(self, y_true: Array, y_pred: Array) -> Any:
        """Return the mean of `values`."""
        return self.values(y_true, y_pred).mean()


def joined(loss: Loss, activation: Activation) -> Loss | None:
    """Return the loss of what enters the activation, or None where the two are not differentiated in one.

    A subclass, of either, is another function: it counts only where it declares `joins` itself.
    """
    if vars(type(loss)).get("joins") is not type(activation):
        return None
    return replace(loss, from_logits=True)  # type: ignore[type-var]


# Cross-entropies -----------------------------------------------------------------------------------------


class _Crossentropy(Loss):
    """What the two names of the cross-entropy of several classes have in common, (C1)."""

    from_logits: bool

    def values(self, y_true: Array, y_pred: Array) -> Array:
        targets = self._targets(y_true, y_pred)
        if self.from_logits:
            return -(targets * _log_softmax(y_pred)).sum(axis=-1)  # (C1)
        return self._values_of_probabilities(targets, y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        targets = self._targets(y_true, y_pred)
        if self.from_logits:
            p = np.exp(_log_softmax(y_pred))
            return p * targets.sum(axis=-1, keepdims=True) - targets  # (C2), where labels sum to one
        return self._gradient_of_probabilities(targets, y_pred)

    def checked(self, y: Array, output_shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        return checked_labels(y, output_shape)

    def _targets(self, y_true: Array, y_pred: Array) -> Array:
        return one_hot(y_true, y_pred)

    def _values_of_probabilities(self, targets: Array, p: Array) -> Array:
        raise NotImplementedError

    def _gradient_of_probabilities(self, targets: Array, p: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class CategoricalCrossentropy(_Crossentropy):
    """-Σ_k y_k log p_k, from probabilities or, with `from_logits`, from what enters the softmax, (C1).

    Labels are one-hot (..., K) or integers (...). A model whose last layer is softmax uses the logits by
    itself: log p = z - log Σ exp z, after the largest z is subtracted, so that exp cannot overflow, and the
    gradient is p - y, (C2), for labels that sum to one. Bare probabilities are divided by their sum and
    clipped, as in Keras; where clipped, the gradient is zero. `label_smoothing` takes that share of each
    label and spreads it evenly over all classes, (C3).
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    name = "categorical_crossentropy"
    joins = Softmax

    def __post_init__(self) -> None:
        _check_smoothing(self)

    def _targets(self, y_true: Array, y_pred: Array) -> Array:
        return smoothed(one_hot(y_true, y_pred), self.label_smoothing, y_pred.shape[-1])

    def _values_of_probabilities(self, targets: Array, p: Array) -> Array:
        return -(targets * np.log(_clip(p / p.sum(axis=-1, keepdims=True)))).sum(axis=-1)

    def _gradient_of_probabilities(self, targets: Array, p: Array) -> Array:
        total = p.sum(axis=-1, keepdims=True)
        q = p / total
        dq = -targets / _clip(q) * _within_clip(q)  # of -y log q
        return (dq - (dq * q).sum(axis=-1, keepdims=True)) / total  # p_k is in every q_j, through the sum


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(_Crossentropy):
    """The same loss; Keras's name for integer labels. Both names take both kinds of labels here.

    They differ on bare probabilities only: this one clips first and divides by the sum afterwards. And, as in
    Keras, this one has no label_smoothing.
    """

    from_logits: bool = False
    name = "sparse_categorical_crossentropy"
    joins = Softmax

    def _values_of_probabilities(self, targets: Array, p: Array) -> Array:
        return -(targets * _log_softmax(np.log(_clip(p)))).sum(axis=-1)  # of clipped p: log(p_k / Σ p_j)

    def _gradient_of_probabilities(self, targets: Array, p: Array) -> Array:
        clipped = _clip(p)
        total = clipped.sum(axis=-1, keepdims=True)
        return (targets.sum(axis=-1, keepdims=True) / total - targets / clipped) * _within_clip(p)


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """The mean of -y log p - (1 - y) log(1 - p) over the last axis, whose entries are independent, (C4).

    p are probabilities or, with `from_logits`, what enters the sigmoid. Labels are 0, 1 or between, of the
    shape of y_pred. A model whose last layer is sigmoid uses the logits by itself: log(1 + exp z) - y z, in a
    form in which exp cannot overflow, and the gradient is p - y over the number of entries, (C5). Bare
    probabilities are clipped, as in Keras; where clipped, the gradient is zero. `label_smoothing` s
    makes of y (1 - s) y + s/2.

    Raises ValueError for labels of another shape, and for some outside [0, 1], which Keras lets pass.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    name = "binary_crossentropy"
    joins = Sigmoid

    def __post_init__(self) -> None:
        _check_smoothing(self)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        targets = self.targets(y_true, y_pred)
        if self.from_logits:
            return (_softplus(y_pred) - targets * y_pred).mean(axis=-1)  # (C4), its second form
        p = _clip(y_pred)
        return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=-1)  # (C4)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        targets = self.targets(y_true, y_pred)
        if self.from_logits:
            return (Sigmoid()(y_pred) - targets) / _entries(y_pred)  # (C5)
        p = _clip(y_pred)
        return (p - targets) / (p * (1 - p)) * _within_clip(y_pred) / _entries(y_pred)

    def checked(self, y: Array, output_shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        y = super().checked(y, output_shape, dtype)
        outside = y.real[(y.real < 0) | (y.real > 1)]  # complex in the complex step
        if outside.size:
            raise ValueError(f"{self.name} takes labels from 0 to 1, but there is {outside[0]:g}")
        return y

    def targets(self, y_true: Array, y_pred: Array) -> Array:
        """Return labels of the shape of y_pred, smoothed."""
        _check_same_shape(y_true, y_pred)
        return smoothed(y_true.astype(y_pred.dtype, copy=False), self.label_smoothing, 2)


# Errors --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (y - p)² over the last axis, (C6). Raises ValueError for labels of another shape than p."""

    name = "mean_squared_error"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.square(_difference(y_true, y_pred)).mean(axis=-1)  # (C6)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return 2 * _difference(y_true, y_pred) / _entries(y_pred)  # (C6)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """The mean of |y - p| over the last axis, (C7); its gradient at y = p, where there is a kink, is zero.

    Raises ValueError for labels of another shape than p.
    """

    name = "mean_absolute_error"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return _absolute(_difference(y_true, y_pred)).mean(axis=-1)  # (C7)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return np.sign(_difference(y_true, y_pred)) / _entries(y_pred)  # (C7)


# What they are made of -----------------------------------------------------------------------------------


def _check_smoothing(loss: Any) -> None:
    """Make label_smoothing a Python float, or raise ValueError: NumPy's would lift float32 to float64."""
    value = in_range(loss.label_smoothing, "label_smoothing", least=0, most=1)
    object.__setattr__(loss, "label_smoothing", value)  # for the dataclasses are frozen


def smoothed(targets: Any, smoothing: float, classes: int) -> Any:
    """Return the targets with that share of each spread evenly over all classes."""
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets  # (C3)


def _check_same_shape(y_true: Array, y_pred: Array) -> None:
    if y_true.shape != y_pred.shape:
        raise ValueError(f"labels have shape {y_true.shape}, expected {y_pred.shape}, like the predictions")


def _difference(y_true: Array, y_pred: Array) -> Array:
    _check_same_shape(y_true, y_pred)
    return y_pred - y_true


def _entries(y_pred: Array) -> Any:
    """Return over how many entries of the last axis a mean is taken, as a number of their dtype."""
    return y_pred.dtype.type(y_pred.shape[-1])


def _log_softmax(z: Array) -> Array:
    """Return log p = z - log Σ exp z; a number that is taken from all z alike changes nothing in it."""
    shifted = z - z.real.max(axis=-1, keepdims=True)  # exp cannot overflow
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _softplus(z: Array) -> Array:
    """Return log(1 + exp z) = max(z, 0) + log(1 + exp -|z|), so that exp cannot overflow."""
    positive = z.real >= 0
    return np.where(positive, z, 0) + np.log1p(np.exp(np.where(positive, -z, z)))


def _absolute(x: Array) -> Array:
    return x * np.sign(x.real)  # like np.abs, and fit for the complex step


def _clip(p: Array) -> Array:
    return np.minimum(np.maximum(p, EPSILON), 1 - EPSILON)  # like np.clip, and fit for complex numbers


def _within_clip(p: Array) -> Array:
    return (p >= EPSILON) & (p <= 1 - EPSILON)


# By name -----------------------------------------------------------------------------------------------


_BY_NAME: dict[str, Loss] = {
    "categorical_crossentropy": CategoricalCrossentropy(),
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy(),
    "binary_crossentropy": BinaryCrossentropy(),
    "mean_squared_error": MeanSquaredError(),
    "mse": MeanSquaredError(),
    "mean_absolute_error": MeanAbsoluteError(),
    "mae": MeanAbsoluteError(),
}


def get(identifier: str | Loss) -> Loss:
    """Return the loss of that name; a Loss is returned as it is. Raises ValueError for an unknown name."""
    if isinstance(identifier, Loss):
        return identifier
    if identifier not in _BY_NAME:
        raise ValueError(f"unknown loss {identifier!r}: use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[identifier]
