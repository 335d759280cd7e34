"""Wrong backward passes found in public from-scratch code, to be put into a layer on purpose.

Most of them passed the tests that came with them: weights were tiny, tolerances absolute, biases zero, and
only some of the arrays were checked. `scratch_rnn.checks` finds each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratch_rnn.layers import GRU, LSTM, Recurrent, SimpleRNN

EVERY_CELL = (SimpleRNN, GRU, LSTM)  # and cells of the user's own


@dataclass(frozen=True)
class Bug:
    """A mistake: its name, what it does, the cells that can have it, and the wrong cell made of a right one.

    `option` names what a layer has to be given before it can have the mistake.
    """

    name: str
    description: str
    cells: tuple[type[Recurrent], ...]
    option: str | None
    plant: Callable[[Any], Any]

    def fits(self, layer: Any) -> bool:
        """Return whether the layer can have this mistake."""
        cells = Recurrent if self.cells == EVERY_CELL else self.cells
        return isinstance(layer, cells) and (self.option is None or bool(getattr(layer, self.option)))


BUGS: dict[str, Bug] = {}


def inject(layer: Recurrent, name: str) -> Recurrent:
    """Return a copy of a layer whose backward pass has the bug of that name.

    Raises ValueError for an unknown name and for a layer that cannot have the bug.
    """
    if name not in BUGS:
        raise ValueError(f"unknown bug {name!r}: use one of {', '.join(BUGS)}")
    bug = BUGS[name]
    if not bug.fits(layer):
        cells = ", ".join(cell.__name__ for cell in bug.cells)
        needed = f" with {bug.option}" if bug.option else ""
        raise ValueError(f"{name} is a bug of {cells}{needed}, not of this {type(layer).__name__}")
    return _as(bug.plant(type(layer)), layer)


def _as(cell: Any, layer: Recurrent) -> Any:
    """Return a copy of a layer, of another class."""
    other = cell.__new__(cell)
    other.__dict__.update(vars(layer.astype(layer.dtype)))
    return other


def _bug(
    description: str, cells: tuple[type[Recurrent], ...] = EVERY_CELL, option: str | None = None
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter the decorated function, which makes a wrong subclass of a cell, into the catalogue."""

    def enter(plant: Callable[[Any], Any]) -> Callable[[Any], Any]:
        name = plant.__name__.replace("_", "-")
        BUGS[name] = Bug(name, description, cells, option, plant)
        return plant

    return enter


# Time ------------------------------------------------------------------------------------------------------


@_bug("the carried gradients stay zero: no gradient through time at all")
def carried_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return tuple(np.zeros_like(d) for d in super().step_backward(s, dstate))

    return Wrong


@_bug("Uᵀ where U belongs, in the carried gradient; with rows, dz @ U for dz @ U.T", (SimpleRNN,))
def kernel_not_transposed(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            super().step_backward(s, dstate)
            return (self.recurrent_kernel.T @ s.dz,)

    return Wrong


@_bug("the gradient of the final states never enters the loop")
def final_state_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, tape: Any, state_gradient: Any = None, **options: Any) -> Any:
            return super().backward(dy, tape, None, **options)

    return Wrong


@_bug("the gradient of the initial states is not handed out")
def initial_state_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(*arguments, **options)
            return replace(gradients, initial_state=tuple(np.zeros_like(d) for d in gradients.initial_state))

    return Wrong


@_bug("dx leaves out the paths through later states, while the weights' gradients are right")
def input_gradient_of_one_step(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            self.past_is_dropped = False
            right = super().backward(*arguments, **options)
            self.past_is_dropped = True
            return replace(right, inputs=super().backward(*arguments, **options).inputs)

        def step_backward(self, s: Any, dstate: Any) -> Any:
            carried = super().step_backward(s, dstate)
            return tuple(np.zeros_like(d) for d in carried) if self.past_is_dropped else carried

    return Wrong


@_bug("divided by T in the gradient and not in the loss: a constant factor, mistaken for lack of precision")
def averaged_over_time(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, tape: Any, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(dy, tape, *arguments, **options)
            return replace(gradients, weights=[dw / len(tape.steps) for dw in gradients.weights])

    return Wrong


@_bug("truncation after k + 1 steps in place of k", option="bptt_steps")
def one_step_too_far(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            self.bptt_steps += 1
            try:
                return super().backward(*arguments, **options)
            finally:
                self.bptt_steps -= 1

    return Wrong


@_bug("b added twice, as if it were both of a framework's two biases; its gradient counts one of them")
def bias_loaded_twice(cell: Any) -> Any:
    class Wrong(cell):
        def _start(self, *arguments: Any) -> Any:
            tape = super()._start(*arguments)
            if self.use_bias:
                tape.joined[:, self.features] = 2  # the row of ones that meets the bias
            return tape

        def add_weight_gradients(self, s: Any) -> None:
            if self.use_bias:
                s.joined[self.features] = 1
            super().add_weight_gradients(s)

    return Wrong


# Gates -----------------------------------------------------------------------------------------------------


@_bug("the derivative of tanh taken of tanh(h), as if h were a pre-activation", (SimpleRNN,))
def derivative_of_an_output(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, h=np.tanh(s.h)), dstate)

    return Wrong


@_bug("dz_f = f df in place of f (1 - f) df: the activation where its derivative belongs", (LSTM,))
def activation_for_its_derivative(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            _, dc_prev = super().step_backward(s, dstate)
            s.dz_f /= 1 - s.f
            return self.recurrent_kernel @ s.dz, dc_prev

    return Wrong


@_bug("c_t where c_{t-1} belongs, in the gradient of the forget gate", (LSTM,))
def cell_state_off_by_one(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, c_prev=s.c), dstate)

    return Wrong


@_bug("u and 1 - u swapped, in the backward pass alone", (GRU,))
def update_gate_swapped(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, u=1 - s.u), dstate)

    return Wrong


# Memory ----------------------------------------------------------------------------------------------------


@_bug("a generic backward pass that leaves the gradient of the weights unwritten")
def weight_gradient_unwritten(cell: Any) -> Any:
    class Wrong(cell):
        def add_weight_gradients(self, s: Any) -> None:
            pass

    return Wrong


@_bug("accumulators not reset between calls: the second batch adds to the first")
def accumulator_not_reset(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(*arguments, **options)
            before = getattr(self, "accumulated", [0] * len(gradients.weights))
            self.accumulated = [old + new for old, new in zip(before, gradients.weights, strict=True)]
            return replace(gradients, weights=self.accumulated)

    return Wrong


@_bug("the upstream gradient overwritten in place")
def upstream_gradient_overwritten(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(dy, *arguments, **options)
            dy *= 0.5
            return gradients

    return Wrong


@_bug("what forward kept is changed by backward: a second call differs")
def tape_overwritten(cell: Any) -> Any:
    class Wrong(cell):
        def add_weight_gradients(self, s: Any) -> None:
            super().add_weight_gradients(s)
            s.joined *= 0.5

    return Wrong


@_bug("float32 buffers inside a float64 computation")
def float32_buffers(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return tuple(d.astype(np.float32).astype(d.dtype) for d in super().step_backward(s, dstate))

    return Wrong
