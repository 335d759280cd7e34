"""What is wrong with a gradient, in words, from its numbers and the right ones.

A wrong gradient seldom is noise: a sum that should be a mean leaves a factor, a forgotten minus a sign, a
mistake in one gate the columns of that gate. What can be told from the two arrays alone is told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from scratch_rnn.arrays import Array

MOST_SHOWN = 4  # so many single columns are listed
MOST_FACTOR = 10_000
FLOAT32 = (1e-9, 1e-5)  # what float32 leaves out of a gradient, relative to its largest entry


@dataclass(frozen=True)
class Known:
    """What is known of the arrays beside their numbers.

    columns  for arrays by name, whose the columns of their last axis are: {"forget gate": range(4, 8), ...}
    sizes    numbers that may have become a factor, by what they count: {"samples": 3, "timesteps": 5}
    """

    columns: Mapping[str, Mapping[str, range]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


NOTHING = Known()


def error_of(analytic: Array, numeric: Array, floor: float) -> Array:
    """Return the relative error of each entry, (N3), like them; NaN where one of the two is not finite."""
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
        return np.asarray(np.abs(analytic - numeric) / scale)


def finding(
    name: str, given: Array, right: Array, tolerance: float, floor: float, known: Known = NOTHING
) -> tuple[str, str]:
    """Return what is wrong with the given gradient of an array: its pattern and that in words.

    The pattern is "not finite", "zeros", "factor", "transpose", "float32" or "entries"; both are empty where
    it is right. given and right have one shape; tolerance and floor are those of the check, (N3).
    """
    wrong = ~(error_of(given, right, floor) <= tolerance)
    if not wrong.any():
        return "", ""
    if not np.isfinite(given).all():
        return "not finite", f"{np.sum(~np.isfinite(given))} of {given.size} entries are not finite"
    if not given.any():
        return "zeros", "all zeros"
    factor = common_factor(given, right, tolerance, floor)
    if factor is not None:
        return "factor", f"each entry {in_words(factor, tolerance, known)}"
    if is_transpose(given, right, tolerance, floor):
        return "transpose", "the transpose of the right one"
    if off := float32_digits(given, right, tolerance):
        return "float32", f"right to float32 only: off by {off:.0e} of the largest entry"
    return "entries", places(name, given, right, wrong, tolerance, floor, known)


# Patterns --------------------------------------------------------------------------------------------------


def common_factor(given: Array, right: Array, tolerance: float, floor: float) -> float | None:
    """Return the number, other than 1 and 0, by which every entry differs; None where there is none.

    One entry alone differs by some number from any other: then that has to be whole, or one over a whole one.
    """
    given, right = np.ravel(given), np.ravel(right)
    size = float(right @ right)
    if not size or not np.isfinite(size):
        return None
    factor = float(given @ right) / size
    fits = bool((error_of(given, factor * right, floor) <= 10 * tolerance).all())
    if not fits or not factor or abs(factor - 1) <= 10 * tolerance:
        return None
    seen = np.sum(np.abs(right) > floor) > 1
    simple = as_fraction(factor, tolerance)
    return (
        factor if seen or (simple is not None and 1 in (abs(simple.numerator), simple.denominator)) else None
    )


def as_fraction(factor: float, tolerance: float) -> Fraction | None:
    """Return m, 1/m or a fraction with a small denominator that a factor is; else None."""
    near = max(1e-9, 10 * tolerance) * abs(factor)
    candidates = [Fraction(round(factor)), Fraction(factor).limit_denominator(9)]
    if 1 <= round(1 / abs(factor)) <= MOST_FACTOR:
        candidates.append(Fraction(1 if factor > 0 else -1, round(1 / abs(factor))))
    return next((f for f in candidates if f and abs(f - factor) <= near), None)


def in_words(factor: float, tolerance: float, known: Known = NOTHING) -> str:
    """Return "is 1/5 of what it should be (5 timesteps: ...)" and the like."""
    fraction = as_fraction(factor, tolerance)
    if fraction is None:
        return f"is {factor:.4g} times what it should be"
    if fraction == -1:
        return "has the wrong sign"
    if abs(fraction) < 1 or fraction.denominator > 1:
        return f"is {fraction} of what it should be{_reason(1 / fraction, 'a mean for a sum?', known)}"
    return f"is {fraction} times what it should be{_reason(fraction, 'a sum for a mean?', known)}"


def _reason(number: Fraction, question: str, known: Known) -> str:
    """Return what of the sizes a factor may come from."""
    sizes = {f"{size} {what}": size for what, size in known.sizes.items() if size > 1}
    if len(sizes) == 2:
        sizes[" times ".join(sizes)] = int(np.prod(list(sizes.values())))
    found = " or ".join(what for what, size in sizes.items() if size == abs(number))
    return f" ({found}: {question})" if found else ""


def is_transpose(given: Array, right: Array, tolerance: float, floor: float) -> bool:
    """Return whether a square matrix is the transpose of the other."""
    square = given.ndim == 2 and given.shape[0] == given.shape[1] > 1
    return square and bool((error_of(given.T, right, floor) <= 10 * tolerance).all())


def float32_digits(given: Array, right: Array, tolerance: float) -> float | None:
    """Return the largest error relative to the largest entry, where it is one of float32; else None."""
    off = float(np.abs(given - right).max() / np.abs(right).max()) if right.any() else 0.0
    return off if tolerance <= FLOAT32[0] <= off <= FLOAT32[1] else None


# Places ----------------------------------------------------------------------------------------------------


def places(
    name: str, given: Array, right: Array, wrong: Array, tolerance: float, floor: float, known: Known
) -> str:
    """Return how many entries are wrong and where, and what they have in common."""
    count = (
        f"{wrong.sum()} of {wrong.size} entries wrong"
        if not wrong.all()
        else f"all {wrong.size} entries wrong"
    )
    shared = common_factor(given[wrong], right[wrong], tolerance, floor) if wrong.sum() > 2 else None
    common = "" if shared is None else f"; each of them {in_words(shared, tolerance, known)}"
    zeros = "; each of them is zero" if not given[wrong].any() else ""
    where = gates(wrong, known.columns.get(name, {})) or lines(wrong, known.sizes.get("timesteps"))
    return f"{count}{where and ', '}{where}{common}{zeros}"


def entries_by_gate(wrong: Array, columns: Mapping[str, range]) -> dict[str, int]:
    """Return how many entries are wrong in the columns of each gate that has any."""
    counts = {gate: int(wrong[..., of_gate].sum()) for gate, of_gate in columns.items()}
    return {gate: count for gate, count in counts.items() if count}


def gates(wrong: Array, columns: Mapping[str, range]) -> str:
    """Return the gates in whose columns all wrong entries are, nothing where that is every gate."""
    touched = list(entries_by_gate(wrong, columns))
    if not touched or len(touched) == len(columns):
        return ""
    if len(touched) == 1:
        (gate,) = touched
        return f"all in the columns of the {gate}, {_span(columns[gate])}"
    return f"all in the columns of {_and(touched)}"


def lines(wrong: Array, timesteps: int | None = None) -> str:
    """Return the columns, rows or timesteps in which all wrong entries are, if those are not all.

    Columns and rows are counted from 0, as indices are; timesteps from 1, as in docs/bptt.md.
    """
    for axis, what, first in _axes(wrong.shape, timesteps):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        found = np.flatnonzero(wrong.any(axis=others)) + first
        if len(found) < wrong.shape[axis] and (_is_span(found) or len(found) <= MOST_SHOWN):
            plural = "s" if len(found) > 1 else ""
            return f"all in {what}{plural} {_span(found) if _is_span(found) else _and(map(str, found))}"
    return ""


def _axes(shape: tuple[int, ...], timesteps: int | None) -> list[tuple[int, str, int]]:
    """Return axes, what they are called and from what they are counted, those that tell most first."""
    last = (len(shape) - 1, "column", 0)
    if len(shape) == 3 and shape[1] == timesteps:
        return [(1, "timestep", 1), last]
    return [last, (0, "row", 0)] if len(shape) == 2 else [last] if shape else []


def _is_span(found: Array) -> bool:
    return bool(len(found) == found[-1] - found[0] + 1)


def _span(found: Sequence[int] | Array) -> str:
    return f"{found[0]} to {found[-1]}" if len(found) > 1 else f"{found[0]}"


def _and(words: object) -> str:
    *first, last = list(words)  # type: ignore[call-overload]
    return f"{', '.join(first)} and {last}" if first else str(last)
