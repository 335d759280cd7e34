"""The simple recurrent layer.

    (S1)  h_t = φ(Wᵀ x_t + b + Uᵀ h_{t-1})

Elman (1990), "Finding structure in time". φ is tanh by default; the notation is that of recurrent.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scratch_rnn.layers.base import Array
from scratch_rnn.layers.recurrent import Recurrent, Tape


@dataclass(slots=True)
class SimpleRNNStep:
    """Timestep t of the tape; every array is a view."""

    matrix: Array  # (D + 1 + H, H)  [W; b; U]
    recurrent_kernel: Array  # (H, H)  U
    joined: Array  # (D + 1 + H, B)  [x_t; 1; h_{t-1}]
    h: Array  # (H, B)
    dz: Array  # (H, B)
    summand: Array  # (D + 1 + H, H)


class SimpleRNNTape(Tape):
    """Nothing beside `joined` and `dz`: about T * B * (D + 1 + H) numbers."""

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        super().__init__(layer, time, batch)
        (h,) = self.states
        weights, work = (layer.matrix, layer.recurrent_kernel), (self.dz, self.summand)
        self.steps = [SimpleRNNStep(*weights, self.joined[t], h[t + 1], *work) for t in range(time)]


class SimpleRNN(Recurrent):
    """h_t = φ(Wᵀ x_t + b + Uᵀ h_{t-1}).

    kernel W (D, H), recurrent_kernel U (H, H), bias b (H,). All options are those of `Recurrent`.
    """

    gates = ("h",)
    tape_class = SimpleRNNTape

    def step(self, s: SimpleRNNStep) -> None:
        np.matmul(s.matrix.T, s.joined, out=s.h)  # (T1)
        self.activation(s.h, out=s.h)  # (S1)

    def step_backward(self, s: SimpleRNNStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        (dh,) = dstate
        self.activation.derivative(s.h, out=s.dz)  # (S2): φ'(z_t)
        s.dz *= dh  # (S2)
        dh_prev = s.recurrent_kernel @ s.dz  # (T5)
        return (dh_prev,)
