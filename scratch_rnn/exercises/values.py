"""Numbers and arrays: copied, compared, and told from other things."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_data(value: Any) -> bool:
    """Return whether a value is a number, an array, or a list or tuple of such."""
    if isinstance(value, (list, tuple)):
        return all(map(is_data, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, (int, float, complex))


def kept(value: Any) -> Any:
    """Return a copy of arrays, and of lists and tuples of them; other things themselves."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(kept(entry) for entry in value) if type(value) in (list, tuple) else value
    return value


def same(a: Any, b: Any) -> bool:
    """Return whether two things are the same numbers, NaN included."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if np.shape(a) != np.shape(b) or np.asarray(a).dtype.kind not in "biufc":
            return a is b
        return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc"))
    return a is b or bool(a == b)


def alike(a: Any, b: Any) -> bool:
    """Return whether two values have the same shape, or lists the same shapes."""
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        both = isinstance(a, (list, tuple)) and isinstance(b, (list, tuple))
        return both and len(a) == len(b) and all(map(alike, a, b))
    return np.shape(a) == np.shape(b)


def close(a: Any, b: Any, tolerance: float) -> bool:
    """Return whether two values agree entry by entry; where one is not finite, neither is the other."""
    if not alike(a, b):
        return False
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return all(close(one, other, tolerance) for one, other in zip(a, b, strict=True))
    return bool(np.all(agreeing(a, b, tolerance)))


def agreeing(a: Any, b: Any, tolerance: float) -> np.ndarray:
    """Return for each entry whether a agrees with b."""
    try:
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype.kind == "b" or b.dtype.kind == "b":
            return np.asarray(a == b)
        if a.dtype == np.float32 and b.dtype != np.float32:
            return np.zeros(b.shape, bool)
        with np.errstate(all="ignore"):
            near = abs(a - b) <= tolerance * np.maximum(abs(b), 1)
        return np.where(np.isfinite(b), near, ~np.isfinite(a))
    except TypeError:  # things that are no numbers
        return np.zeros(np.shape(b), bool)
