"""Pixels that nobody has scaled, which a model would take as they are and hardly learn from."""

from __future__ import annotations

import warnings

import numpy as np

from scratch_rnn.arrays import Array

# Whole numbers that are all darker than BRIGHT may be counts, or greys of another scale.
BRIGHT, WHITE = 128, 255


def warn_of_unscaled(*inputs: Array) -> None:
    """Warn, once and in the line of the caller's caller, where one of some inputs (N, rows, ...) looks so."""
    for x in inputs:
        if _unscaled_pixels(x):
            found = f"x is {x.dtype} with whole numbers from {x.min():g} to {x.max():g}"
            advice = "divide by 255, or pass uint8, which is scaled to [0, 1]"
            message = (
                f"{found}, which look like pixels that are not scaled and are taken as they are: {advice}"
            )
            warnings.warn(message, UserWarning, stacklevel=3)
            return


def _unscaled_pixels(x: Array) -> bool:
    """Whether x holds whole numbers from 0 to 255, bright ones among them, in another dtype than uint8."""
    if x.dtype == np.uint8 or x.ndim < 3 or not x.size:
        return False
    if x.min() < 0 or not BRIGHT <= x.max() <= WHITE:
        return False
    return x.dtype.kind in "iu" or all((row == np.rint(row)).all() for row in x)  # ends at the first fraction
