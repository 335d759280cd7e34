"""The loop over time, forward and backward: written once, shared by SimpleRNN, GRU and LSTM.

Notation, here and in every cell: B batch, T time, D features, H units. We stand at timestep t: h_prev and
c_prev come from t-1. z are the pre-activations, in G blocks of H rows. A d before a name is the gradient of
the loss with respect to it: dh is that of h_t, dz that of z, and dstate has those of all states of a cell,
(dh,) or (dh, dc).

Inside the loop arrays are time-major and **one sample is one column**: x_t is (D, B), h_t is (H, B), the
pre-activations are (G*H, B). So the equations read as on paper, z = Wᵀ x_t + b + Uᵀ h_prev, and
each gate is one contiguous block of rows, which is faster than a gate that is a slice of every row.

x_t, a row of ones and h_prev lie in one array, `joined`, and the weights in one matrix, so that one product
per step gives the pre-activations of all gates (the GRU needs more: its reset gate acts inside the sum):

    (T1)  z = matrixᵀ joined_t,   matrix = [kernel; bias; recurrent_kernel],   joined_t = [x_t; 1; h_prev]

h_t is written straight into joined_{t+1}.

Backward, four rules are enough:

    (R1)  y = a ⊙ b           da = dy ⊙ b,   db = dy ⊙ a
    (R2)  y = f(z)            dz = dy ⊙ f'(z)
    (R3)  y = Wᵀ x            dx = W dy,     dW = x dyᵀ, summed over the batch by the product itself
    (R4)  a is used twice     its two gradients add up

(T2) h_t is used twice, for the output y_t and in step t+1. So dh is the part from y_t plus the part carried
back from t+1; step t+1 has to come first, and the loop runs backwards. (T3) The weights are used in every
step, so their gradients are sums over time: dmatrix = Σ_t joined_t dz_tᵀ. They are added up in the loop,
while dz_t is at hand: to keep every dz_t for one large product afterwards gains little and slows long
sequences down. (T4) is the gradient of the input, dx_t = W dz_t; (T5) what a cell carries back, U dz_t.
The candidate of the GRU is the exception to (T1), (T3) and (T5).

docs/bptt.md derives all of it; its equations have the numbers that stand here and in the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array, outer_sum
from scratch_rnn.layers.base import Gradients
from scratch_rnn.layers.carry import carried, cuts
from scratch_rnn.layers.masks import StepBackward, masked, masked_backward
from scratch_rnn.layers.recurrent_base import RecurrentBase
from scratch_rnn.layers.tape import Tape

Watch = Callable[[Any, tuple[Array, ...]], None]


class Recurrent(RecurrentBase):
    """Base of the recurrent layers: the loop. Its options and weights are those of RecurrentWeights.

    A cell is a subclass with `step_class`, `step` and `step_backward`; docs/new_cell.md shows how to write
    one.
    """

    # What a cell supplies ------------------------------------------------------------------------------

    def step(self, s: Any) -> None:
        """Compute h_t (and c_t) and whatever `step_backward` will read, in place; s holds step t's arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no step(self, s)")

    def step_backward(self, s: Any, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        """Fill in s.dz from dstate, dh_t (and what is carried of dc_t); return what is carried back.

        Gradients of states are (H, B) each; those returned are new arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step_backward(self, s, dstate)")

    def add_weight_gradients(self, s: Any) -> None:
        """Add to s.dmatrix, which is like `matrix`, what step t contributes: joined_t dz_tᵀ."""
        outer_sum(s.joined, s.dz, out=s.summand)  # (T3), one summand
        s.dmatrix += s.summand  # (T3)

    # The loop over time --------------------------------------------------------------------------------

    def forward(
        self,
        x: Array,
        initial_state: Sequence[Array | None] | None = None,
        mask: Array | None = None,
        training: bool = False,
        tape: Tape | None = None,
    ) -> tuple[Any, Tape]:
        """Run the sequence x (B, T, D) and return (y, tape).

        y              (B, H), or (B, T, H) with return_sequences; with return_state (y, h) or (y, h, c).
                       In the order of processing: with go_backwards y[:, 0] belongs to the last row of x
        initial_state  (h,) or (h, c), each (B, H); zeros without it
        mask           (B, T) bool: a step that is False carries the state on and repeats the last output,
                       which before a sample's first unmasked step is zero
        training       whether dropout acts
        tape           one from an earlier call, whose memory is used again where it fits; what that call left
                       in it is lost

        Raises ValueError for a shape or dtype that does not fit. No argument is changed, except the tape.
        """
        tape = self._start(x, initial_state, mask, tape, training)
        self.run(tape.blank_steps(), tape.masked)
        return self._outputs(tape, tape.hidden_states()), tape

    def run(self, steps: Iterable[Any], with_mask: bool = False) -> None:
        """Go forward through the timesteps, each with its record."""
        step = masked(self.step, self.state_names) if with_mask else self.step
        for s in steps:
            step(s)  # (T1) and the cell: h_t from x_t and h_{t-1}

    def outputs(self, x: Array, **options: Any) -> Any:
        """Return the y of `forward` alone, where no backward pass will follow.

        Without a mask all timesteps use the memory of one in turn, which fits into the processor's cache.
        """
        if options or type(self).forward is not Recurrent.forward:  # a subclass does something else there
            return super().outputs(x, **options)
        x = self._checked_input(x)
        tape = self._start(x[:, :1], None, None, self._spare_tapes.take())
        h: list[Array] = []
        self.run(tape.rolled(self._processing_order(x), h if self.return_sequences else None))
        y = self._outputs(tape, np.stack(h) if self.return_sequences else tape.states[0][1:])
        self._spare_tapes.put(tape)
        return y

    def backward(
        self,
        dy: Array | None,
        tape: Tape,
        state_gradient: Sequence[Array | None] | None = None,
        input_gradient: bool = True,
        watch: Watch | None = None,
    ) -> Gradients:
        """Backpropagation through time: return the gradients of all that went into `forward`.

        dy              like y without the states, in the same order; None for zeros
        state_gradient  gradients of the final states, like initial_state; None, as a whole or one, for zeros
        input_gradient  False leaves out that of x, which the first layer of a model does not need
        watch           called after each step backward with its s, which later steps overwrite, and copies of
                        the gradients that reached it, (H, B) each: all of dh_t, and what is carried of dc_t

        Raises ValueError for a shape, dtype or tape that does not fit. May be called twice on one tape.
        """
        dstate = self._final_state_gradient(state_gradient, tape)
        dh_own = self._output_gradient(dy, tape)
        dx = self._new_input_gradient(tape) if input_gradient else None
        step_backward = masked_backward(self.step_backward) if tape.masked else self.step_backward
        if watch is not None:
            step_backward = watched(step_backward, watch)
        steps = tape.steps
        ends = cuts(len(steps), self.bptt_steps)
        tape.clear_sums()
        for t in reversed(range(len(steps))):
            s = steps[t]
            if dh_own[t] is not None:  # the loss sees the output of this step
                dh_carried, *dc_carried = dstate
                dh = dh_own[t] + dh_carried  # (T2)
                dstate = (dh, *dc_carried)
            dstate = step_backward(s, dstate)  # the cell: dz_t, and (T5) what is carried back
            self.add_weight_gradients(s)  # (T3)
            if dx is not None:
                np.matmul(s.kernel, s.dz, out=dx[t])  # (T4)
            dstate = carried(dstate, t, ends)
        return Gradients(
            None if dx is None else self._input_gradient(dx, tape),
            tuple(d.T.copy() for d in dstate),
            self._with_own(tape.dmatrix.copy(), [total.copy() for total in tape.own_gradients]),
        )

    # One step alone ------------------------------------------------------------------------------------

    def single_step(self, x_t: Array, state: Sequence[Array | None] | None = None) -> Any:
        """Run one timestep, x_t (B, D), from a state, (h,) or (h, c), each (B, H); return the step's record.

        A sample is a row of these, as in `forward`, and a column of all that follows. The record has every
        array of the step under the name that it has in the equations: s.h, in an LSTM s.f, s.c ... Go on with
        `step_backward(s, (dh, dc))`, gradients (H, B) each, which fills in s.dz and its parts, and
        `add_weight_gradients(s)`, which leaves those of the weights in s.dmatrix.

        Raises ValueError for a shape or dtype that does not fit.
        """
        x_t = np.asarray(x_t)
        self._check_shape(x_t.shape, "one timestep of the input", (None, self.features))
        _, tape = self.forward(x_t[:, np.newaxis], state)
        tape.clear_sums()
        return tape.steps[0]


def watched(step_backward: StepBackward, watch: Watch) -> StepBackward:
    """Return a step backward that tells `watch` each time what gradients have reached it."""

    def watched_step_backward(s: Any, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        reached = tuple(d.copy() for d in dstate)
        carried_back = step_backward(s, dstate)
        watch(s, reached)
        return carried_back

    return watched_step_backward
