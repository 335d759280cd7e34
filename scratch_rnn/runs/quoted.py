"""What is quoted of times that were measured again and again: medians, ratios of medians, and their range.

On a shared machine a mean follows the slowest rounds, and a ratio says something only of times that were
taken in turn, in one run. `compare`, its report and the benchmarks quote by these functions alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Times = Sequence[float]


def median(times: Times) -> float:
    """Return the middle one of the times, or the mean of the two in the middle."""
    return float(statistics.median(times))


def medians(times: Mapping[str, Times]) -> dict[str, float]:
    """Return the median of each contestant's times."""
    return {name: median(of_one) for name, of_one in times.items()}


def fastest(times: Mapping[str, Times]) -> str:
    """Return the name of the contestant with the least median."""
    return min(times, key=lambda name: median(times[name]))


def ratio(ours: Times, theirs: Times) -> float:
    """Return our median over theirs: below 1 where ours is the faster one."""
    return median(ours) / median(theirs)


def ratio_with_range(ours: Times, theirs: Times) -> str:
    """Return as text the ratio, and between which values it lay from round to round, as they took turns."""
    each = [our / their for our, their in zip(ours, theirs, strict=True)]
    return f"{ratio(ours, theirs):.2f} ({min(each):.2f} to {max(each):.2f})"


def share(floor: Times, ours: Times) -> float:
    """Return which share of our time the floor takes: 1 where nothing but the floor's work is done."""
    return ratio(floor, ours)
