"""Numbers that have to lie within bounds."""

from __future__ import annotations

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
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and np.isfinite(value)
    if (
        not number
        or (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    ):
        wanted = " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
        raise ValueError(f"{name} must be a number {wanted}, not {value!r}")
    return float(value)
