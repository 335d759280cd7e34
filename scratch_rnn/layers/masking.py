"""Masking: timesteps that hold nothing but a given value are skipped by the layers above."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers.unweighted import Unweighted


class Masking(Unweighted):
    """Masks the timesteps whose features all equal `mask_value`: they become zero, and are skipped above.

    x (B, T, D). Argument and meaning are Keras's. Raises ValueError for what is no finite number: no entry
    equals NaN, and it would mask nothing.
    """

    def __init__(
        self, mask_value: float = 0.0, *, dtype: DTypeLike = "float32", name: str | None = None
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        self.mask_value = _checked(mask_value)

    def factors(self, x: Array, training: bool) -> Array | None:
        return self.compute_mask(x, None)[..., np.newaxis]

    def compute_mask(self, x: Array, mask: Array | None) -> Array:
        """Return where a timestep counts, bool (B, T)."""
        return (np.asarray(x).real != self.mask_value).any(axis=-1)


def _checked(value: Any) -> float:
    """Return a number as Python's: in float64, as NumPy's are compared, 0.1 is another than in float32."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (number and np.isfinite(float(value))):
        raise ValueError(f"mask_value must be a finite number, not {value!r}")
    return float(value)
