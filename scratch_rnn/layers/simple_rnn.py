"""The simple recurrent layer.

    (S1)  h_t = φ(Wᵀ x_t + b + Uᵀ h_{t-1})

Elman (1990), "Finding structure in time". φ is tanh by default; the notation is that of recurrent.py.
"""

from __future__ import annotations

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.tape import Step, work


class SimpleRNNStep(Step):
    """Timestep t of a SimpleRNN."""

    z = Step.h  # h_t is written over its pre-activation,
    derivative = dz = work()  # and dz_t over φ'(z_t)


class SimpleRNN(Recurrent):
    """h_t = φ(Wᵀ x_t + b + Uᵀ h_{t-1}).

    kernel W (D, H), recurrent_kernel U (H, H), bias b (H,). All options are those of `RecurrentWeights`.
    """

    step_class = SimpleRNNStep

    def step(self, s: SimpleRNNStep) -> None:
        phi = self.activation
        np.matmul(s.matrix.T, s.joined, out=s.z)  # (T1)
        phi(s.z, out=s.h)  # (S1)

    def step_backward(self, s: SimpleRNNStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        phi = self.activation
        (dh,) = dstate
        phi.derivative(s.h, out=s.derivative)  # (S2): φ'(z_t)
        np.multiply(dh, s.derivative, out=s.dz)  # (S2)
        dh_prev = s.recurrent_kernel @ s.dz  # (T5)
        return (dh_prev,)
