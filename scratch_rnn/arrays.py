"""What all modules mean by an array, and how the memory of one begins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

CACHE_LINE = 64  # bytes


def outer_sum(a: Array, b: Array, out: Array) -> Array:
    """Return a bᵀ, written into `out`, of a (M, B) and b (N, B): the sum over B samples of outer products.

    For a single sample NumPy's matmul takes some ten times as long as the multiplication that it comes to.
    """
    return np.multiply(a, b.T, out=out) if a.shape[1] == 1 else np.matmul(a, b.T, out=out)


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return np.empty(shape, dtype), but one whose memory begins where a line of the processor's cache does.

    NumPy's own begins anywhere. Vectors of 64 bytes then lie across two lines each, and arrays of the size of
    a gate, which lie in the cache, take longer to write.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)
