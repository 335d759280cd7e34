"""Numbers that have to lie within bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def in_range(
    value: float,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value`; raise ValueError naming it where it is not a finite number within the bounds."""
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    if (
        not is_finite(value)
        or (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    ):
        wanted = " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
        raise ValueError(
            f"{name} must be {f'a number {wanted}' if wanted else 'a finite number'}, not {value!r}"
        )
    return float(value)


def is_finite(value: Any) -> bool:
    """Return whether a value is a real number that a float can hold."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    try:
        return number and math.isfinite(value)
    except OverflowError:  # a whole number of more than three hundred digits
        return False
