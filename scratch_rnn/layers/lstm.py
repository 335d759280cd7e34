"""The long short-term memory layer.

    (L1)  i = σ(W_iᵀ x_t + b_i + U_iᵀ h_{t-1})      input gate: how much is written
    (L2)  f = σ(W_fᵀ x_t + b_f + U_fᵀ h_{t-1})      forget gate: how much is kept
    (L3)  g = φ(W_gᵀ x_t + b_g + U_gᵀ h_{t-1})      candidate: what is written
    (L4)  o = σ(W_oᵀ x_t + b_o + U_oᵀ h_{t-1})      output gate: how much is shown
    (L5)  c_t = f ⊙ c_{t-1} + i ⊙ g                 cell state
    (L6)  h_t = o ⊙ φ(c_t)                          hidden state

Hochreiter and Schmidhuber (1997); the forget gate is by Gers, Schmidhuber and Cummins (2000). The columns of
the weights are in Keras's order i, f, c, o; Keras calls the candidate c, but c_t is the cell state. σ is the
sigmoid and φ tanh by default; the notation is that of recurrent.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import activations, initializers
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.tape import Step, kept, state, work


class LSTMStep(Step):
    """Timestep t of an LSTM, in blocks (H, B). Of two names for a block the right one overwrites the left."""

    z = kept(4)
    z_i, z_f, z_g, z_o = i, f, g, o = z
    z_i_and_f = i_and_f = z[:2]  # neighbours, so that one call of σ serves both
    c_prev, c = state()
    phi_c = kept()  # φ(c_t)
    difgo = dz = work(4)
    di, df, dg, do = dz_i, dz_f, dz_g, dz_o = dz
    derivatives = work(4)  # σ'(z_i), σ'(z_f), φ'(z_g), σ'(z_o)
    derivative_i_and_f, derivative_g, derivative_o = derivatives[:2], derivatives[2:3], derivatives[3:]
    dphi_c = work()
    derivative_c = dc = work()


class LSTM(Recurrent):
    """Long short-term memory: kernel (D, 4 H), recurrent_kernel (H, 4 H), bias (4 H,), in order i, f, c, o.

    `recurrent_activation` is σ, `activation` is φ. `unit_forget_bias` starts b_f at one, whatever
    `bias_initializer` says: it remembers before it has learned to. The other options: `RecurrentWeights`.
    """

    step_class = LSTMStep
    state_names = ("h", "c")
    gates = {"i": "input gate", "f": "forget gate", "o": "output gate"}
    signals = {"g": "candidate", "c": "cell state", "h": "hidden state"}

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, **options)
        self.recurrent_activation = activations.for_cell(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        if unit_forget_bias:
            self.bias_initializer = initializers.UnitForgetBias(self.bias_initializer, units)

    def step(self, s: LSTMStep) -> None:
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.matrix.T, s.joined, out=s.z)  # (T1)
        sigma(s.z_i_and_f, out=s.i_and_f)  # (L1), (L2)
        phi(s.z_g, out=s.g)  # (L3)
        sigma(s.z_o, out=s.o)  # (L4)
        np.multiply(s.f, s.c_prev, out=s.c)  # (L5): f ⊙ c_{t-1}
        s.c += s.i * s.g  # (L5)
        phi(s.c, out=s.phi_c)  # (L6): φ(c_t)
        np.multiply(s.o, s.phi_c, out=s.h)  # (L6)

    def step_backward(self, s: LSTMStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        dh, dc_carried = dstate
        # Back through h_t = o ⊙ φ(c_t); c_t is used in c_{t+1} too, and the two gradients add up.
        np.multiply(dh, s.phi_c, out=s.do)  # (L7)
        phi.derivative(s.phi_c, out=s.derivative_c)  # (L8): φ'(c_t)
        np.multiply(dh, s.o, out=s.dphi_c)  # (L8): dh ⊙ o
        np.multiply(s.dphi_c, s.derivative_c, out=s.dc)  # (L8): dh ⊙ o ⊙ φ'(c_t)
        s.dc += dc_carried  # (L8)
        # Back through c_t = f ⊙ c_{t-1} + i ⊙ g
        np.multiply(s.dc, s.c_prev, out=s.df)  # (L9)
        np.multiply(s.dc, s.g, out=s.di)  # (L10)
        np.multiply(s.dc, s.i, out=s.dg)  # (L11)
        dc_prev = s.dc * s.f  # (L12)
        sigma.derivative(s.i_and_f, out=s.derivative_i_and_f)  # (L13): σ'(z_i), σ'(z_f)
        phi.derivative(s.g, out=s.derivative_g)  # (L14): φ'(z_g)
        sigma.derivative(s.o, out=s.derivative_o)  # (L13): σ'(z_o)
        np.multiply(s.difgo, s.derivatives, out=s.dz)  # (L13), (L14)
        dh_prev = s.recurrent_kernel @ s.dz  # (L15): the sum of four, for h_{t-1} is used four times
        return dh_prev, dc_prev
