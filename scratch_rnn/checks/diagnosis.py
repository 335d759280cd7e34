"""What is wrong with somebody's own gradients of a standard cell, from their numbers alone.

The layer computes the right ones, and with each known bug the wrong ones that it would give. Other numbers
are described as far as two arrays tell: which entries of which gate, a factor, a sign, another layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.checks.columns import known_of, letters
from scratch_rnn.checks.findings import Known, entries_by_gate, error_of, finding
from scratch_rnn.checks.known_bugs import BUGS, inject
from scratch_rnn.layers import Recurrent

Named = dict[str, Array]

# What the rounding of right code leaves, relative to the entry, and to the largest entry of its array for
# entries below a share of that.
TOLERANCES = {"float64": 1e-9, "float32": 1e-3}
FLOORS = {"float64": 1e-3, "float32": 1e-2}
CALLS = 2  # some bugs show in the second call of backward only


@dataclass(frozen=True)
class ArrayDiagnosis:
    """What is said of one array: whether it is right, and how many entries are wrong, of which gates.

    pattern  "shape", "layout", or what `findings.finding` calls what all wrong entries have in common
    finding  that in words
    """

    name: str
    shape: tuple[int, ...]
    right: bool
    wrong_entries: int
    gates: dict[str, int]
    pattern: str
    finding: str


@dataclass(frozen=True)
class Diagnosis:
    """What is said of all arrays.

    bugs     names of the known bugs that give just these numbers
    order    letters of the gates in the order in which their columns were given, where it is another one
    finding  what the arrays say together of where the mistake is
    """

    title: str
    arrays: list[ArrayDiagnosis]
    bugs: list[str]
    order: str
    finding: str

    @property
    def right(self) -> bool:
        """Whether every array is right, and in the layer's own layout."""
        return not self.order and all(array.right for array in self.arrays)

    def __str__(self) -> str:
        """A line for each array, and what is wrong with it; then the known bugs, two lines of code each."""
        lines = [f"{self.title}: {'right' if self.right else 'wrong'}"]
        for array in self.arrays:
            lines.append(f"  {'ok' if array.right else 'WRONG':5}  {array.name:16} {array.shape}")
            lines += [f"         {array.finding}"] if array.finding else []
        lines += [f"  the columns are those of {self.order}"] if self.order else []
        lines += [f"  {self.finding}"] if self.finding else []
        for name in self.bugs:
            lines += [f"{name}: {BUGS[name].description}", BUGS[name].lines]
        if not self.bugs and any(array.pattern == "entries" for array in self.arrays):
            lines.append("no bug of the catalogue gives these numbers")
        return "\n".join(lines)


def diagnose(
    layer: Recurrent,
    x: Array,
    dy: Array,
    gradients: Mapping[str, Array],
    *,
    initial_state: Sequence[Array] | None = None,
    mask: Array | None = None,
    state_gradient: Sequence[Array] | None = None,
) -> Diagnosis:
    """Say what is wrong with gradients that somebody's own code has computed for a SimpleRNN, GRU or LSTM.

    layer      built, with the weights of that code, by `set_weights`, and its options
    x, dy      what that code was given: the input (B, T, D) and the gradient of the output, like y
    gradients  what it computed, some or all of "kernel", "recurrent_kernel", "bias", "input", "initial h" and
               "initial c" (of an LSTM); in float64, for float32 tells little

    initial_state, mask and state_gradient are those of `forward` and `backward`. The layer is not changed.
    Raises TypeError for what is no recurrent layer, ValueError for one without weights, for unknown names and
    for numbers that are none. Whether one timestep fails already, the code itself has to tell: give it one.
    """
    if not isinstance(layer, Recurrent):
        raise TypeError(f"expected a recurrent layer, such as LSTM(4), not {type(layer).__name__}")
    layer = _plain(layer)
    call = _Call(np.asarray(x, np.float64), dy, initial_state, mask, state_gradient)
    right = call.gradients(layer)[0]
    given = _checked(gradients, right, layer)
    judge = _Judge("float32" if _any_float32(gradients) else "float64", known_of(layer, call.x.shape))
    arranged, order, bugs = _best_arrangement(layer, call, given, right, judge)
    arrays = [
        judge.diagnosis(name, np.shape(gradients[name]), array, right[name])
        for name, array in arranged.items()
    ]
    together = _together(arrays, arranged, right, judge, layer)
    return Diagnosis(layer.name, arrays, bugs, order, together)


# The layer's own gradients ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Call:
    """What the other code was given."""

    x: Array
    dy: Array
    initial_state: Sequence[Array] | None
    mask: Array | None
    state_gradient: Sequence[Array] | None

    def gradients(self, layer: Any) -> list[Named]:
        """Return the gradients of each of several calls of `backward`, by name."""
        _, tape = layer.forward(self.x, self.initial_state, self.mask)
        dy = np.array(self.dy, np.float64)
        names = [*layer.weight_names, "input", *(f"initial {name}" for name in layer.state_names)]
        calls = []
        for _ in range(CALLS):
            found = layer.backward(dy, tape, self.state_gradient)
            arrays = [*found.weights, found.inputs, *found.initial_state]
            calls.append({name: array.copy() for name, array in zip(names, arrays, strict=True)})
        return calls


def _plain(layer: Any) -> Any:
    """Return a copy in float64 that keeps no states."""
    if not layer.built:
        raise ValueError(f"layer {layer.name!r} has no weights yet: give it those of the gradients")
    layer = layer.astype("float64")
    layer.stateful = False
    return layer


def _checked(gradients: Mapping[str, Array], right: Named, layer: Recurrent) -> Named:
    """Return the gradients that were given, as arrays in float64 of the layer's own shapes where possible."""
    if not gradients or not set(gradients) <= set(right):
        raise ValueError(
            f"gradients of {sorted(gradients)} were given: give some of {', '.join(right)}, which are those "
            f"of layer {layer.name!r}"
        )
    arrays = {}
    for name in filter(gradients.__contains__, right):
        array = np.asarray(gradients[name])
        if array.dtype.kind not in "fiu":
            raise ValueError(f"the gradient of {name} is {array.dtype}, expected real numbers")
        arrays[name] = _reshaped(array.astype(np.float64), right[name].shape)
    return arrays


def _reshaped(array: Array, shape: tuple[int, ...]) -> Array:
    """Return an array that was given as a column or transposed in the shape that it should have."""
    if array.shape == shape:
        return array
    if array.ndim == 2 and array.shape == shape[::-1]:
        return array.T
    return array.reshape(shape) if array.size == int(np.prod(shape)) else array


def _layout(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Return what is wrong with the layout of an array."""
    if given == shape:
        return ""
    return f"transposed, {shape} is expected" if given == shape[::-1] else f"of another shape than {shape}"


def _any_float32(gradients: Mapping[str, Array]) -> bool:
    return any(np.asarray(array).dtype == np.float32 for array in gradients.values())


# Judging ---------------------------------------------------------------------------------------------------


class _Judge:
    """Which entries count as wrong, and what is said of them."""

    def __init__(self, dtype: str, known: Known) -> None:
        self.tolerance, self.share, self.known = TOLERANCES[dtype], FLOORS[dtype], known

    def floor(self, right: Array) -> float:
        """Below it entries are compared absolutely, (N3)."""
        return float(self.share * np.abs(right).max(initial=0)) or self.share

    def wrong(self, given: Array, right: Array) -> Array:
        """Return which entries are wrong, like them; NaN is."""
        return ~(error_of(given, right, self.floor(right)) <= self.tolerance)

    def diagnosis(self, name: str, shape: tuple[int, ...], given: Array, right: Array) -> ArrayDiagnosis:
        """Return what is said of an array that came in some shape and was brought to that of `right`."""
        if given.shape != right.shape:
            said = f"shape {shape}, expected {right.shape}"
            return ArrayDiagnosis(name, shape, False, right.size, {}, "shape", said)
        wrong = self.wrong(given, right)
        pattern, said = finding(name, given, right, self.tolerance, self.floor(right), self.known)
        layout = _layout(shape, right.shape)
        gates = entries_by_gate(wrong, self.known.columns.get(name, {}))
        words = "; ".join(filter(None, [layout, said]))
        pattern = pattern or ("layout" if layout else "")
        return ArrayDiagnosis(name, shape, not pattern, int(wrong.sum()), gates, pattern, words)

    def same(self, given: Named, right: Named) -> bool:
        """Return whether all arrays given are those of `right`."""
        return not any(
            array.shape != right[name].shape or self.wrong(array, right[name]).any()
            for name, array in given.items()
        )


def _best_arrangement(
    layer: Any, call: _Call, given: Named, right: Named, judge: _Judge
) -> tuple[Named, str, list[str]]:
    """Return the arrays with their columns in the layer's order, that in which they came, and known bugs."""
    arrangements = list(_arrangements(layer, given))
    for arranged, order in arrangements:
        if judge.same(arranged, right):
            return arranged, order, []
    wrong = _numbers_of_bugs(layer, call, {name: right[name] for name in given}, judge)
    for arranged, order in arrangements:
        bugs = [name for name, calls in wrong.items() if any(judge.same(arranged, each) for each in calls)]
        if bugs:
            return arranged, order, bugs
    return *arrangements[0], []


def _arrangements(layer: Any, given: Named) -> Iterator[tuple[Named, str]]:
    """Yield the arrays as they are, and as they would be had their columns come in another order of gates."""
    yield given, ""
    blocks = letters(layer)
    columns = len(blocks) * layer.units
    weights = [
        name
        for name in ("kernel", "recurrent_kernel", "bias")
        if name in given and given[name].shape[-1:] == (columns,)
    ]
    for order in permutations(range(len(blocks))) if weights else ():
        if list(order) == sorted(order):
            continue
        moved = np.concatenate([np.arange(layer.units) + layer.units * order.index(k) for k in sorted(order)])
        arranged = given | {name: given[name][..., moved] for name in weights}
        ours = ", ".join(blocks)
        yield arranged, f"{', '.join(blocks[k] for k in order)}, where the layer has {ours}"


def _numbers_of_bugs(layer: Any, call: _Call, right: Named, judge: _Judge) -> dict[str, list[Named]]:
    """Return the gradients of each known bug that the layer can have, of those calls that it makes wrong."""
    numbers = {}
    for name, bug in BUGS.items():
        if bug.fits(layer):
            calls = call.gradients(inject(layer, name))
            numbers[name] = [each for each in calls if not judge.same(right, each)]
    return numbers


def _together(arrays: Sequence[ArrayDiagnosis], given: Named, right: Named, judge: _Judge, layer: Any) -> str:
    """Return what the gradients of input and weights say together of where the mistake is."""
    wrong = [array.name for array in arrays if array.wrong_entries]
    if not wrong:
        return ""
    if len(arrays) > 1 and len({array.finding for array in arrays}) == 1 and arrays[0].pattern == "factor":
        return "all of them are wrong in one way: look at dy, from which all are made"
    if wrong == ["bias"] and judge.same({"bias": given["bias"]}, {"bias": 2 * right["bias"]}):
        return "the bias is counted twice"
    if {array.pattern for array in arrays} <= {"", "layout", "shape", "factor", "float32"}:
        return ""
    if "input" not in given or given["input"].shape != right["input"].shape:
        return "with the gradient of the input more can be said: whether the mistake is in what is carried"
    steps = given["input"].shape[1]
    if "input" not in wrong:
        return "the input's gradient is right, so dz is: look at how the others are made of it"
    if steps == 1:
        return "one timestep: the mistake is not in what is carried between timesteps"
    last = 0 if layer.go_backwards else steps - 1
    if judge.wrong(given["input"], right["input"])[:, last].any():
        return f"input: wrong at timestep {last + 1}, the first on the way back: the step itself is wrong"
    return f"input: right at timestep {last + 1}, the first on the way back: what is carried is wrong"
