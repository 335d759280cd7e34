"""Checking gradients against numbers that need no derivation.

Three methods, each of which asks how a scalar f changes with its arrays:

    complex      f(x + ih) has the imaginary part h f'(x), and nothing is subtracted: with h = 1e-200 the
                 error is rounding alone (Squire and Trapp 1998), (N2). f has to compute with complex numbers.
    central      (f(x + h) - f(x - h)) / 2h, (N1), needs nothing but f. Its error has a floor: a small h loses
                 digits to the subtraction, a large one to the third derivative of f.
    directional  the complex step along one random direction for each array: a single number stands for all
                 its entries. Cheap on big models; it does not tell which entry is wrong.

The relative error (N3) is |a - n| / max(|a|, |n|, floor), a analytic and n numeric. A number below the floor
counts as if it were the floor: it is what is left of larger numbers that cancelled, and so is its error. The
floor is 1e-3 in float64: an entry of 3e-4, the sum of terms of 0.5, was seen to be off by 1.1e-12 of itself,
one rounding of its terms. NaN and infinity fail, and so does a gradient of another shape or dtype than its
array.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.checks.windows import in_windows, truncated
from scratch_rnn.layers import Recurrent, place
from scratch_rnn.layers.base import Layer, parts_of
from scratch_rnn.layers.place import Place
from scratch_rnn.training.engines import is_of_the_library
from scratch_rnn.training.model import Sequential

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

DRAWS_OF_ITS_OWN = "two calls of forward differ: take random numbers from layers.place.generator()"
LOSES_IMAGINARY_PARTS = (
    "central differences agree: the function loses imaginary parts (abs, norm, real buffers); "
    "take method='central'"
)


@dataclass(frozen=True)
class ArrayCheck:
    """The verdict on the gradient of one array.

    index, analytic, numeric and error are those of the worst entry; with the directional method they are
    those of the direction, without an index. `problem` says what kept the entries from being compared.
    """

    name: str
    shape: tuple[int, ...]
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    problem: str
    passed: bool


@dataclass(frozen=True)
class Report:
    """The verdicts on all arrays of one check."""

    title: str
    method: str
    tolerance: float
    floor: float
    checks: list[ArrayCheck]

    @property
    def passed(self) -> bool:
        """Whether every array passed; a report on nothing did not."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def worst(self) -> ArrayCheck:
        """The check with the largest error, one that failed first."""
        return max(self.checks, key=lambda check: (not check.passed, np.nan_to_num(check.error, nan=np.inf)))

    def to_json(self) -> str:
        """Return the report as JSON, with null for NaN and infinity, for which JSON has no word."""
        checks = [
            {
                key: None if isinstance(value, float) and not np.isfinite(value) else value
                for key, value in row.items()
            }
            for row in map(asdict, self.checks)
        ]
        head = {
            "title": self.title,
            "method": self.method,
            "tolerance": self.tolerance,
            "floor": self.floor,
            "passed": self.passed,
        }
        return json.dumps(head | {"checks": checks}, indent=2, allow_nan=False)

    def __str__(self) -> str:
        """One line per array: name, shape, worst entry, both numbers, error, verdict."""
        lines = [f"{self.title}: {self.method}, tolerance {self.tolerance:g} above a floor of {self.floor:g}"]
        for check in self.checks:
            where = "" if check.index is None else f" at {list(check.index)}"
            numbers = check.problem or f"analytic {check.analytic:.10g}, numeric {check.numeric:.10g}{where}"
            verdict = "ok" if check.passed else "WRONG"
            lines.append(
                f"  {verdict:5}  {check.name:24} {check.shape!s:12} error {check.error:.1e}  {numbers}"
            )
        return "\n".join(lines)


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
) -> Report:
    """Check gradients of a function of one's own.

    function   (arrays by name) -> real scalar; for the complex step and the directional check it has to take
               complex128 arrays and compute with them all the way: no abs, no .real, no comparison of parts
    arrays     float32 or float64 arrays by name, at which the gradients were taken; not changed
    gradients  the gradient of the function for each array, by the same names

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
            checks.append(ArrayCheck(name, array.shape, None, nan, nan, nan, problem, False))
        else:
            check = _compare(name, array.shape, *probe.numbers(name, analytic), tolerance, floor)
            checks.append(check if check.passed else probe.second_opinion(check))
    return Report(title, method, tolerance, floor, checks)


def check_layer(
    layer: Layer,
    x: Array,
    initial_state: Sequence[Array] | None = None,
    mask: Array | None = None,
    *,
    method: str = "complex",
    seed: int = 0,
    training: bool = False,
    **options: Any,
) -> Report:
    """Check the backward pass of a layer, or of a whole Sequential without its loss.

    The scalar is a random projection of the output and of every final state, so that no entry of any of them
    can be wrong unnoticed. Checked are every weight, the input and every initial state, that a second call of
    `backward` gives the same and leaves its arguments as they are, and that neither it nor `forward` keeps
    anything on the layer, which threads share: what belongs to one call belongs in its tape.

    x, initial_state, mask and training are those of `forward`; a layer with states that is given none is
    checked at random ones. With `training` what is drawn at random is the same in all calls; a layer of your
    own takes its generator from `scratch_rnn.layers.place.generator()`. options are those of
    `check_function`. The layer is not changed.

    The gradient of a layer with `bptt_steps` ends where (K1) says, and so does the complex step's, because
    each window begins from the real part of the state. Raises ValueError for such a layer with central
    differences, TypeError for what is no layer, such as a class.
    """
    if not isinstance(layer, Layer):
        found = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        raise TypeError(f"expected a layer, such as LSTM(4), not {found}")
    if method == "central" and truncated(layer):
        raise ValueError("central differences cannot check bptt_steps: use the complex or directional method")
    rng = np.random.default_rng(seed)
    subject = _Subject(layer, np.asarray(x), initial_state, mask, training, rng)
    gradients = subject.gradients()
    report = check_function(
        subject.projected,
        subject.arrays,
        gradients,
        method=method,
        seed=seed,
        **{"title": layer.name, **options},
    )
    return replace(report, checks=[subject.checked_for_side_effects(check) for check in report.checks])


def check_loss(
    model: Sequential, x: Array, y: Array, *, method: str = "complex", seed: int = 0, **options: Any
) -> Report:
    """Check `model.loss_and_gradients`: the gradient of the mean loss of a batch for every weight.

    x and y are those of `fit`; the model has to be compiled. options are those of `check_function`.
    """
    _, gradients = model.loss_and_gradients(x, y)
    names = model.weight_names
    if method == "central" and truncated(model):
        raise ValueError("central differences cannot check bptt_steps: use the complex or directional method")

    copies = _copies(model)

    def loss(values: Arrays) -> Any:
        other = copies(np.result_type(*values.values()))
        other.set_weights(list(values.values()))
        return other.mean_loss(x, y)

    return check_function(
        loss,
        dict(zip(names, model.get_weights(), strict=True)),
        dict(zip(names, gradients, strict=True)),
        method=method,
        seed=seed,
        **{"title": model.name, **options},
    )


def sweep_steps(layer: Layer, x: Array, steps: Sequence[float], *, seed: int = 0) -> dict[str, list[float]]:
    """Return how wrong numeric derivatives of a layer are for each step: what explains the tolerances.

    The derivative along one random direction of all arrays is compared with the analytic one in float64. The
    result has the relative errors of central differences computed in "float32" and in "float64", and of the
    complex step ("complex128"); NaN or infinite where a step is too small for the dtype.
    """
    rng = np.random.default_rng(seed)
    subject = _Subject(layer.astype("float64"), np.asarray(x), None, None, False, rng)
    direction = {name: rng.normal(size=array.shape) for name, array in subject.arrays.items()}
    analytic = sum((gradient * direction[name]).sum() for name, gradient in subject.gradients().items())

    def moved(dtype: str, change: complex) -> Any:
        arrays = {name: array + change * direction[name] for name, array in subject.arrays.items()}
        return subject.projected({name: array.astype(dtype) for name, array in arrays.items()})

    def error(dtype: str, step: float) -> float:
        if dtype == "complex128":
            numeric = moved(dtype, 1j * step).imag / step
        else:
            forward, backward = (moved(dtype, sign * step) for sign in (1, -1))
            numeric = (forward - backward) / (2 * step)
        return float(abs(numeric - analytic) / abs(analytic))

    return {dtype: [error(dtype, step) for step in steps] for dtype in ("float32", "float64", "complex128")}


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
        return replace(check, problem=LOSES_IMAGINARY_PARTS) if right and not other else check

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


class _Subject:
    """A layer or model as a function of its weights, input and initial states, and as its own derivative."""

    def __init__(
        self,
        layer: Any,
        x: Array,
        initial_state: Sequence[Array] | None,
        mask: Array | None,
        training: bool,
        rng: np.random.Generator,
    ) -> None:
        if x.dtype.kind not in "biufc":
            raise ValueError(f"x is {x.dtype}, expected numbers")
        if not layer.built:
            layer.build(x.shape)
        self.layer = _stateless(layer.astype(layer.dtype))
        self.copies = _copies(self.layer)
        self.options: dict[str, Any] = {"training": True} if training else {}
        if mask is not None:
            self.options["mask"] = mask
        self.state_names = [f"initial {name}" for name in getattr(layer, "state_names", ())]
        if self.state_names:
            self.layer.return_state = True
        if initial_state is not None and len(initial_state) != len(self.state_names):
            wanted = len(self.state_names)
            raise ValueError(f"layer {layer.name!r} has {wanted} states, but {len(initial_state)} were given")
        if initial_state is None:
            sizes = layer.state_sizes if self.state_names else ()
            initial_state = [rng.normal(size=(len(x), size)).astype(layer.dtype) for size in sizes]
        weights = dict(zip(layer.weight_names, layer.get_weights(), strict=True))
        states = dict(zip(self.state_names, map(np.asarray, initial_state), strict=True))
        self.arrays = {**weights, "input": x.astype(layer.dtype), **states}
        self.held = _held(self.layer)
        outputs, again = (self._run(self.layer, self.arrays)[0] for _ in range(2))
        self.differ = not all(map(np.array_equal, outputs, again, repeat(True)))
        self.projections = [rng.normal(size=output.shape) for output in outputs]

    def gradients(self) -> Arrays:
        """Return what `backward` says of the projection, by the names of the arrays; call it twice."""
        _, tape = self._run(self.layer, self.arrays)
        given = [projection.astype(self.layer.dtype) for projection in self.projections]
        kept = [array.copy() for array in given]
        first = {name: np.array(gradient) for name, gradient in self._backward(given, tape).items()}
        self.overwritten = not all(map(np.array_equal, given, kept))
        second = self._backward(kept, tape)
        self.changed = {
            name for name in first if not np.array_equal(first[name], second[name], equal_nan=True)
        }
        held = _held(self.layer)
        self.kept = [name for name in held if held[name] != self.held.get(name)]
        return first

    def _backward(self, projections: list[Array], tape: Any) -> dict[str, Array]:
        own = len(projections) - len(self.state_names)  # outputs; a layer may have two
        dstates = projections[own:]
        of_states = {"state_gradient": dstates} if dstates else {}
        dy: Any = projections[0] if own == 1 else tuple(projections[:own])
        gradients = self.layer.backward(dy, tape, **of_states)
        values = [*gradients.weights, gradients.inputs, *gradients.initial_state]
        return dict(zip(self.arrays, values, strict=True))

    def checked_for_side_effects(self, check: ArrayCheck) -> ArrayCheck:
        """Return the verdict on an array, failed where backward has a side effect that touches it."""
        problem = f"changes {self.kept[0]}, which threads share" if self.kept else ""
        problem = "dy overwritten" if self.overwritten else problem
        problem = DRAWS_OF_ITS_OWN if self.differ else problem
        if check.name in self.changed:
            problem = "second call differs"
        if problem:
            return replace(check, problem=problem, passed=False)
        return replace(check, problem="") if truncated(self.layer) else check  # windows lose them on purpose

    def projected(self, arrays: Arrays) -> Any:
        """Return Σ projection * output over the output and all final states."""
        outputs, _ = self._run(self.copies(np.result_type(*arrays.values())), arrays)
        return sum((p * output).sum() for p, output in zip(self.projections, outputs, strict=True))

    def _run(self, layer: Any, arrays: Arrays) -> tuple[tuple[Array, ...], Any]:
        layer.set_weights([arrays[name] for name in layer.weight_names])
        states = [arrays[name] for name in self.state_names]
        given = {"initial_state": states} if states else {}
        with place.at(Place(key=(0, 0, 0))):
            y, tape = layer.forward(arrays["input"], **given, **self.options)
        return (y if isinstance(y, tuple) else (y,)), tape


def _copies(layer: Layer) -> Callable[[np.dtype[Any]], Any]:
    """Return a function that gives a copy of a layer or model in another dtype, for a numeric derivative.

    Of the library's own layers, which keep nothing from one call to the next, it is the same one each time.
    """

    def copied(dtype: np.dtype[Any]) -> Layer:
        return in_windows(layer.astype(dtype))

    return lru_cache(copied) if all(map(is_of_the_library, parts_of(layer))) else copied


def _stateless(layer: Any) -> Any:
    """Return a layer that keeps no states from one call to the next."""
    for part in parts_of(layer):
        if isinstance(part, Recurrent):
            part.stateful = False
    return layer


def _held(layer: Layer) -> dict[str, Any]:
    """Return a fingerprint of everything that a layer, or each layer of a model, holds, by its name."""
    return {
        f"{part.name}.{name}": _fingerprint(value)
        for part in parts_of(layer)
        for name, value in vars(part).items()
    }


def _fingerprint(value: Any) -> Any:
    """Return bytes that change with the value, with the state of a generator too; nobody ever reads them."""
    try:
        return pickle.dumps(value)
    except Exception:  # of what cannot be pickled, such as a function inside another
        return id(value)


def _mismatch(array: Array, gradient: Array) -> str:
    """Return what keeps a gradient from being compared, or nothing."""
    if gradient.shape != array.shape:
        return f"gradient has shape {gradient.shape}"
    return f"gradient is {gradient.dtype}, not {array.dtype}" if gradient.dtype != array.dtype else ""


def _compare(
    name: str, shape: tuple[int, ...], analytic: Array, numeric: Array, tolerance: float, floor: float
) -> ArrayCheck:
    analytic, numeric = np.asarray(analytic, np.float64), np.asarray(numeric, np.float64)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
        error = np.abs(analytic - numeric) / scale
    index = tuple(int(i) for i in np.unravel_index(np.argmax(error), error.shape))  # NaN counts as largest
    worst = float(error[index])
    return ArrayCheck(
        name,
        shape,
        index if analytic.shape == shape else None,
        float(analytic[index]),
        float(numeric[index]),
        worst,
        "",
        worst <= tolerance,  # False for NaN
    )
