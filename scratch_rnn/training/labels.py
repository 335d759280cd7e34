"""Labels: integers, one for each output row, or one-hot rows; and targets, which are like the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array


def one_hot(labels: Array, y_pred: Array) -> Array:
    """Return labels as an array like y_pred (..., K): integer labels (...) become rows of zeros and a one.

    Raises ValueError for labels of another shape or out of range.
    """
    labels = checked_labels(np.asarray(labels), y_pred.shape)
    if labels.shape == y_pred.shape:
        return labels.astype(y_pred.dtype, copy=False)
    targets = np.zeros_like(y_pred)
    np.put_along_axis(targets, labels[..., np.newaxis].astype(np.intp), 1, axis=-1)
    return targets


def checked_labels(y: Array, output_shape: tuple[int | None, ...]) -> Array:
    """Return y as integers (...) or one-hot rows (..., K) for outputs (..., K), or raise ValueError."""
    classes = output_shape[-1]
    assert classes is not None
    if y.shape == output_shape:
        if y.dtype.kind not in "biufc" or not np.isfinite(y).all():
            raise ValueError("one-hot labels must be finite numbers")
        return y
    if y.shape == (*output_shape[:-1], 1):
        y = y[..., 0]
    if y.shape != output_shape[:-1]:
        expected = f"integer labels {output_shape[:-1]} or one-hot rows {output_shape}"
        raise ValueError(f"y has shape {y.shape}, expected {expected}")
    if y.dtype.kind not in "iu":  # NumPy calls timedelta64 a kind of integer
        raise ValueError(f"labels must be integers or one-hot rows, not {y.dtype} {y.shape}")
    if y.min() < 0 or y.max() >= classes:
        wrong = int(y.min() if y.min() < 0 else y.max())
        raise ValueError(f"label {wrong} is out of range: the model's classes are 0 to {classes - 1}")
    return y


def checked_targets(y: Array, output_shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
    """Return y in this dtype and of the shape of the outputs, or raise ValueError.

    For outputs (..., 1) it may lack the last axis.
    """
    if y.shape == output_shape[:-1] and output_shape[-1] == 1:
        y = y[..., np.newaxis]
    if y.shape != output_shape:
        raise ValueError(f"y has shape {y.shape}, but the model's output has {output_shape}")
    if not np.can_cast(y.dtype, dtype, "same_kind") or not np.isfinite(y).all():
        raise ValueError(f"y must be finite numbers, but it is {y.dtype} or has NaN or infinite entries")
    return y.astype(dtype, copy=False)
