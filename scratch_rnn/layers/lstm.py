"""The long short-term memory layer.

    (L1)  i = σ(W_iᵀ x_t + b_i + U_iᵀ h_{t-1})      input gate: how much is written
    (L2)  f = σ(W_fᵀ x_t + b_f + U_fᵀ h_{t-1})      forget gate: how much is kept
    (L3)  g = φ(W_cᵀ x_t + b_c + U_cᵀ h_{t-1})      candidate: what is written
    (L4)  o = σ(W_oᵀ x_t + b_o + U_oᵀ h_{t-1})      output gate: how much is shown
    (L5)  c_t = f ⊙ c_{t-1} + i ⊙ g                 cell state
    (L6)  h_t = o ⊙ φ(c_t)                          hidden state

Hochreiter and Schmidhuber (1997); the forget gate is by Gers, Schmidhuber and Cummins (2000). The order of
the gates is Keras's: i, f, c, o. σ is the sigmoid and φ tanh by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn import activations
from scratch_rnn.layers.base import Array
from scratch_rnn.layers.recurrent import Recurrent, Tape, elementwise


@dataclass(slots=True)
class LSTMStep:
    """Timestep t of the tape; every array is a view, of shape (H, B) where nothing else is said."""

    joined: Array  # (D + 1 + H, B)  [x_t; 1; h_{t-1}]
    z: Array  # (4 H, B)  pre-activations, and in their place the gates i, f, g, o
    i_and_f: Array  # (2 H, B)  neighbours in z, so that one σ serves both
    i: Array
    f: Array
    g: Array
    o: Array
    c_prev: Array
    c: Array
    activated_c: Array  # φ(c_t)
    h: Array
    dz: Array  # (4 H, B)
    dz_i: Array
    dz_f: Array
    dz_g: Array
    dz_o: Array


class LSTMTape(Tape):
    """T * B * (D + 1 + 11 H) numbers: beside `joined` and `dz`

    gates        (T, 4 H, B)  i, f, g, o after their activations
    c            (T+1, H, B)  cell states, the initial one first
    activated_c  (T, H, B)    φ(c_t)
    """

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        super().__init__(layer, time, batch)
        (h,) = self.states
        units = layer.units
        self.gates = np.empty((time, 4 * units, batch), layer.dtype)
        self.c = np.empty((time + 1, units, batch), layer.dtype)
        self.activated_c = np.empty((time, units, batch), layer.dtype)
        self.states = (h, self.c)
        for t in range(time):
            i, f, g, o = np.split(self.gates[t], 4)
            dz_i, dz_f, dz_g, dz_o = np.split(self.dz[t], 4)
            self.steps.append(
                LSTMStep(
                    joined=self.joined[t],
                    z=self.gates[t],
                    i_and_f=self.gates[t, : 2 * units],
                    i=i,
                    f=f,
                    g=g,
                    o=o,
                    c_prev=self.c[t],
                    c=self.c[t + 1],
                    activated_c=self.activated_c[t],
                    h=h[t + 1],
                    dz=self.dz[t],
                    dz_i=dz_i,
                    dz_f=dz_f,
                    dz_g=dz_g,
                    dz_o=dz_o,
                )
            )


class LSTM(Recurrent):
    """Long short-term memory, with Keras's arguments, weights, gate order and defaults.

    kernel (D, 4 H), recurrent_kernel (H, 4 H), bias (4 H,), gates in the order i, f, c, o.
    `recurrent_activation` is σ of the equations above, `activation` is φ; `unit_forget_bias` starts b_f at
    one, so that the cell remembers before it has learned to. All other options are those of `Recurrent`.
    """

    gates = ("i", "f", "c", "o")
    state_names = ("h", "c")
    tape_class = LSTMTape

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
        self.recurrent_activation = elementwise(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _initial_bias(self, rng: np.random.Generator) -> Array:
        bias = super()._initial_bias(rng).copy()
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias

    def step(self, s: LSTMStep) -> None:
        np.matmul(self.matrix.T, s.joined, out=s.z)
        self.recurrent_activation(s.i_and_f, out=s.i_and_f)  # (L1), (L2)
        self.activation(s.g, out=s.g)  # (L3)
        self.recurrent_activation(s.o, out=s.o)  # (L4)
        s.c[...] = s.f * s.c_prev + s.i * s.g  # (L5)
        self.activation(s.c, out=s.activated_c)
        s.h[...] = s.o * s.activated_c  # (L6)

    def step_backward(self, s: LSTMStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        dh, dc = dstate
        dc = dc + self.activation.backward(dh * s.o, s.activated_c)  # c_t acts on c_{t+1} and on h_t
        s.dz_i[...] = self.recurrent_activation.backward(dc * s.g, s.i)  # i of (L5) through (L1)
        s.dz_f[...] = self.recurrent_activation.backward(dc * s.c_prev, s.f)  # f of (L5) through (L2)
        s.dz_g[...] = self.activation.backward(dc * s.i, s.g)  # g of (L5) through (L3)
        s.dz_o[...] = self.recurrent_activation.backward(dh * s.activated_c, s.o)  # o of (L6) through (L4)
        dh_prev = self.recurrent_kernel @ s.dz  # h_{t-1} of (L1) to (L4), summed over the gates
        dc_prev = dc * s.f  # c_{t-1} of (L5)
        return dh_prev, dc_prev
