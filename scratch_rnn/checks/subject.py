"""A layer or model as a function of all that its gradients are taken of, and as its own derivative."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.checks.numeric import Arrays
from scratch_rnn.checks.report import ArrayCheck
from scratch_rnn.checks.windows import in_windows, truncated
from scratch_rnn.layers import Recurrent, place
from scratch_rnn.layers.base import Layer, parts_of
from scratch_rnn.layers.place import Place
from scratch_rnn.training.engines import is_of_the_library

DRAWS_OF_ITS_OWN = "two calls of forward differ: take random numbers from layers.place.generator()"


class Subject:
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
        self.copies = copies_of(self.layer)
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


def copies_of(layer: Layer) -> Callable[[np.dtype[Any]], Any]:
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
