"""Bugs of the loop over time, which every cell can have: what is carried, added up and handed out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratch_rnn.checks.bug import bug
from scratch_rnn.layers import SimpleRNN

GITHUB = "https://github.com/"
ML_FROM_SCRATCH = (
    f"{GITHUB}eriklindernoren/ML-From-Scratch/blob/0c1e547ea467cf977f40daed70b1696fbb200126/"
    "mlfromscratch/deep_learning/layers.py"
)
DEEP_LEARNING_FROM_SCRATCH_2 = (
    f"{GITHUB}oreilly-japan/deep-learning-from-scratch-2/blob/39c84ac7829faa72b03a3d180ecf2993996e0906/"
    "common/time_layers.py"
)


@bug(
    "the carried gradients stay zero: no gradient through time at all",
    "T5",
    wrong="dh_prev = U @ dz",
    right="dh_carried = U @ dz",
    seen=f"{GITHUB}CaptainE/RNN-LSTM-in-numpy/issues/1",
)
def carried_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return tuple(np.zeros_like(d) for d in super().step_backward(s, dstate))

    return Wrong


class Alone(np.ndarray):
    """An array to which nothing can be added."""

    def __add__(self, other: Any) -> Any:
        return np.array(self)


@bug(
    "dh set to the output's own gradient, where that has to be added to what is carried",
    "T2",
    wrong="dh = dy[t]",
    right="dh = dy[t] + dh_carried",
)
def output_gradient_assigned(cell: Any) -> Any:
    class Wrong(cell):
        def _output_gradient(self, dy: Any, tape: Any) -> Any:
            own = super()._output_gradient(dy, tape)
            return [None if d is None else d.view(Alone) for d in own]

    return Wrong


@bug(
    "Uᵀ where U belongs, in the carried gradient; with rows, dz @ U for dz @ U.T",
    "T5",
    wrong="dh_carried = U.T @ dz",
    right="dh_carried = U @ dz",
    cells=(SimpleRNN,),
    seen=f"{GITHUB}vzhou842/rnn-from-scratch/blob/4aa2a8c64c08046c4c84618b9aeaf6735f8d5e2b/rnn.py",
)
def kernel_not_transposed(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            super().step_backward(s, dstate)
            return (self.recurrent_kernel.T @ s.dz,)

    return Wrong


@bug(
    "the gradient of the final states never enters the loop",
    "T2",
    wrong="dh_carried = zeros",
    right="dh_carried = state_gradient",
    seen=DEEP_LEARNING_FROM_SCRATCH_2,
)
def final_state_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, tape: Any, state_gradient: Any = None, **options: Any) -> Any:
            return super().backward(dy, tape, None, **options)

    return Wrong


@bug(
    "the gradient of the initial states is not handed out",
    "T5",
    wrong="return dx, dM",
    right="return dx, dM, dh_carried",
    seen=DEEP_LEARNING_FROM_SCRATCH_2,
)
def initial_state_gradient_dropped(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(*arguments, **options)
            return replace(gradients, initial_state=tuple(np.zeros_like(d) for d in gradients.initial_state))

    return Wrong


@bug(
    "dx leaves out the paths through later states, while the weights' gradients are right",
    "T4",
    wrong="dx[t] = W @ dz_own  # from dy[t] alone",
    right="dx[t] = W @ dz",
    seen=ML_FROM_SCRATCH,
)
def input_gradient_of_one_step(cell: Any) -> Any:
    class Wrong(cell):
        bptt_steps: int | None

        def backward(self, *arguments: Any, **options: Any) -> Any:
            right, kept = super().backward(*arguments, **options), self.bptt_steps
            try:
                self.bptt_steps = 1  # each step stands alone
                return replace(right, inputs=super().backward(*arguments, **options).inputs)
            finally:
                self.bptt_steps = kept

    return Wrong


@bug(
    "the weights' gradient assigned at each step, not added up: that of the first timestep is left",
    "T3",
    wrong="dM = joined[t] @ dz.T",
    right="dM += joined[t] @ dz.T",
)
def weight_gradient_assigned(cell: Any) -> Any:
    class Wrong(cell):
        def add_weight_gradients(self, s: Any) -> None:
            s.dmatrix *= 0
            super().add_weight_gradients(s)

    return Wrong


@bug(
    "divided by T in the gradient and not in the loss: a constant factor, mistaken for lack of precision",
    "T3",
    wrong="dM += joined[t] @ dz.T / T",
    right="dM += joined[t] @ dz.T",
)
def averaged_over_time(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, tape: Any, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(dy, tape, *arguments, **options)
            return replace(gradients, weights=[dw / len(tape.steps) for dw in gradients.weights])

    return Wrong


@bug(
    "truncation after k + 1 steps in place of k",
    "K1",
    wrong="ends = range(T - (k + 1), 0, -(k + 1))",
    right="ends = range(T - k, 0, -k)",
    option="bptt_steps",
    seen=ML_FROM_SCRATCH,
)
def one_step_too_far(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            self.bptt_steps += 1
            try:
                return super().backward(*arguments, **options)
            finally:
                self.bptt_steps -= 1

    return Wrong


@bug(
    "b added twice, as if it were both of a framework's two biases; its gradient counts one of them",
    "T1",
    wrong="z = W.T @ x + b + U.T @ h_prev + b",
    right="z = W.T @ x + b + U.T @ h_prev",
    seen=f"{GITHUB}ddbourgin/numpy-ml/blob/422735eebe66de45fb9ae2092031274e4429a67a/"
    "numpy_ml/neural_nets/tests/torch_models.py",
)
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
