"""The numbers that a gradient is compared with, from a function that is called and not derived.

The three methods and the error are explained in gradient_check.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.checks.findings import NOTHING, Known, error_of, finding
from scratch_rnn.checks.report import ArrayCheck, Report

Arrays = Mapping[str, Array]
Function = Callable[[Arrays], Any]

METHODS = ("complex", "central", "directional")
STEPS = {"complex": 1e-200, "central": 1e-5, "directional": 1e-200}
# What rounding leaves of correct gradients, by method and by the dtype in which they were computed.
TOLERANCES = {
    "float64": {"complex": 1e-12, "central": 1e-6, "directional": 1e-11},
    "float32": {"complex": 1e-3, "central": 1e-3, "directional": 1e-3},
}
FLOORS = {
    "float64": {"complex": 1e-3, "central": 1e-3, "directional": 1e-3},
    "float32": {"complex": 1e-2, "central": 1e-2, "directional": 1e-2},
}

LOSES_IMAGINARY_PARTS = (
    "central differences agree: the function loses imaginary parts (abs, norm, real buffers); "
    "take method='central'"
)


def check_function(
    function: Function,
    arrays: Arrays,
    gradients: Arrays,
    *,
    method: str = "complex",
    tolerance: float | None = None,
    floor: float | None = None,
    step: float | None = None,
    seed: int = 0,
    title: str = "function",
    known: Known = NOTHING,
) -> Report:
    """Check gradients of a function of one's own.

    function   (arrays by name) -> real scalar; for the complex step and the directional check it has to take
               complex128 arrays and compute with them all the way: no abs, no .real, no comparison of parts
    arrays     float32 or float64 arrays by name, at which the gradients were taken; not changed
    gradients  the gradient of the function for each array, by the same names
    known      what the columns of arrays are and what they count, for findings in words

    tolerance, floor and step have defaults for each method and dtype. Raises ValueError for an unknown method
    and for names that differ, TypeError for a function that returns anything else than one number.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: use one of {', '.join(METHODS)}")
    if set(arrays) != set(gradients):
        raise ValueError(
            f"arrays {sorted(arrays)} and gradients {sorted(gradients)} must have the same names"
        )
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"array {name!r} must be a NumPy array, not {type(array).__name__}")
    dtype = "float32" if any(array.dtype == np.float32 for array in arrays.values()) else "float64"
    tolerance = TOLERANCES[dtype][method] if tolerance is None else tolerance
    floor = FLOORS[dtype][method] if floor is None else floor
    probe = _Probe(
        function, arrays, method, STEPS[method] if step is None else step, np.random.default_rng(seed)
    )
    checks = []
    for name, array in arrays.items():
        analytic = np.asarray(gradients[name])
        problem = _mismatch(array, analytic)
        if problem:
            nan = float("nan")
            checks.append(
                ArrayCheck(name, array.shape, None, nan, nan, nan, problem, False, _turned(array, analytic))
            )
        else:
            check = _compare(name, array.shape, *probe.numbers(name, analytic), tolerance, floor, known)
            checks.append(check if check.passed else probe.second_opinion(check))
    return Report(title, method, tolerance, floor, checks)


class _Probe:
    """Numeric derivatives of a function at given arrays, which it holds in double precision."""

    def __init__(
        self, function: Function, arrays: Arrays, method: str, step: float, rng: np.random.Generator
    ) -> None:
        dtype = np.float64 if method == "central" else np.complex128
        self.values = {name: np.array(array, dtype) for name, array in arrays.items()}
        self.function, self.method, self.step, self.rng = function, method, step, rng

    def numbers(self, name: str, analytic: Array) -> tuple[Array, Array]:
        """Return the numbers to compare for one array: all its entries, or one direction."""
        if self.method == "directional":
            direction = self.rng.normal(size=analytic.shape)
            return np.asarray(np.sum(analytic * direction)), self._derivative(name, ..., direction)
        numeric = np.empty(analytic.shape)
        for index in np.ndindex(analytic.shape):
            numeric[index] = self._derivative(name, index, 1.0)
        return analytic, numeric

    def second_opinion(self, check: ArrayCheck) -> ArrayCheck:
        """Return a check that failed, with that as its problem where central differences find it right."""
        if self.method != "complex" or check.index is None:
            return check
        values = {name: array.real for name, array in self.values.items()}
        central = _Probe(self.function, values, "central", STEPS["central"], self.rng)
        numeric = central._derivative(check.name, check.index, 1.0)
        right, other = (np.isclose(numeric, given, 1e-4, 1e-8) for given in (check.analytic, check.numeric))
        return replace(check, problem=LOSES_IMAGINARY_PARTS, finding="") if right and not other else check

    def _derivative(self, name: str, index: Any, direction: Any) -> Any:
        if self.method != "central":
            return self._moved(name, index, 1j * self.step * direction).imag / self.step
        forward, backward = (self._moved(name, index, sign * self.step * direction) for sign in (1, -1))
        return (forward - backward) / (2 * self.step)

    def _moved(self, name: str, index: Any, change: Any) -> Any:
        """Return the function's value with some entries of one array moved."""
        array = self.values[name]
        before = array[index].copy()
        array[index] += change
        try:
            value = self.function(self.values)
        finally:
            array[index] = before
        if np.ndim(value) or not np.issubdtype(np.asarray(value).dtype, np.number):
            found = f"an array of shape {np.shape(value)}" if np.ndim(value) else type(value).__name__
            raise TypeError(f"the function must return one number, such as a sum, not {found}")
        return value


def _mismatch(array: Array, gradient: Array) -> str:
    """Return what keeps a gradient from being compared, or nothing."""
    if gradient.shape != array.shape:
        return f"gradient has shape {gradient.shape}"
    return f"gradient is {gradient.dtype}, not {array.dtype}" if gradient.dtype != array.dtype else ""


def _turned(array: Array, gradient: Array) -> str:
    """Return what a gradient's shape says of it."""
    turned = array.ndim > 1 and gradient.shape == array.shape[::-1]
    return "the shape of the transpose" if turned and gradient.shape != array.shape else ""


def _compare(
    name: str,
    shape: tuple[int, ...],
    analytic: Array,
    numeric: Array,
    tolerance: float,
    floor: float,
    known: Known,
) -> ArrayCheck:
    """Return the verdict on an array, or on one direction of it, which tells nothing of single entries."""
    analytic, numeric = np.asarray(analytic, np.float64), np.asarray(numeric, np.float64)
    error = error_of(analytic, numeric, floor)
    index = tuple(int(i) for i in np.unravel_index(np.argmax(error), error.shape))  # NaN counts as largest
    entries = analytic.shape == shape
    return ArrayCheck(
        name,
        shape,
        index if entries else None,
        float(analytic[index]),
        float(numeric[index]),
        float(error[index]),
        "",
        bool(error[index] <= tolerance),  # False for NaN
        finding(name, analytic, numeric, tolerance, floor, known)[1] if entries else "",
    )
