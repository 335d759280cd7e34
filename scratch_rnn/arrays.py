"""What all modules mean by an array, and how the memory of one begins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

CACHE_LINE = 64  # bytes


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return np.empty(shape, dtype), but one whose memory begins where a line of the processor's cache does.

    NumPy's own begins anywhere. Vectors of 64 bytes then lie across two lines each, and arrays of the size of
    a gate, which lie in the cache, take longer to write.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)
