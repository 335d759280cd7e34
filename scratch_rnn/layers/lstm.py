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

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn.layers import activations
from scratch_rnn.layers.base import Array, aligned_empty
from scratch_rnn.layers.recurrent import Recurrent, Tape, elementwise_activation


@dataclass(slots=True)
class LSTMStep:
    """Timestep t of the tape; every array is a view, of shape (H, B) where nothing else is said."""

    matrix: Array  # (D + 1 + H, 4 H)  [W; b; U]
    recurrent_kernel: Array  # (H, 4 H)  U
    joined: Array  # (D + 1 + H, B)  [x_t; 1; h_{t-1}]
    gates: Array  # (4 H, B)  the pre-activations z and, later in their place, i, f, g, o
    i_and_f: Array  # (2 H, B)  neighbours, so that one call of σ serves both
    i: Array
    f: Array
    g: Array
    o: Array
    c_prev: Array
    c: Array
    activated_c: Array  # φ(c_t)
    h: Array
    dz: Array  # (4 H, B)  the gradients of the gates and, later in their place, of z
    di: Array
    df: Array
    dg: Array
    do: Array
    dc: Array
    summand: Array  # (D + 1 + H, 4 H)
    derivatives: Array  # (4 H, B)  σ' and φ' of the gates' pre-activations
    derivative_i_and_f: Array  # (2 H, B)
    derivative_g: Array
    derivative_o: Array


class LSTMTape(Tape):
    """About T * B * (D + 1 + 7 H) numbers: beside `joined` and `dz`

    gates        (T, 4 H, B)  i, f, g, o after their activations
    c            (T+1, H, B)  cell states, the initial one first
    activated_c  (T, H, B)    φ(c_t)
    derivatives  (4 H, B)     those of one step's activations, overwritten by the next
    dc           (H, B)       the gradient of c_t, overwritten likewise
    """

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        super().__init__(layer, time, batch)
        (h,) = self.states
        units = layer.units
        self.gates = aligned_empty((time, 4 * units, batch), layer.dtype)
        self.c = aligned_empty((time + 1, units, batch), layer.dtype)
        self.activated_c = aligned_empty((time, units, batch), layer.dtype)
        self.states = (h, self.c)
        self.derivatives = aligned_empty((4 * units, batch), layer.dtype)
        self.dc = aligned_empty((units, batch), layer.dtype)
        di, df, dg, do = np.split(self.dz, 4)
        derivative_i_and_f, derivative_g, derivative_o = np.split(self.derivatives, [2 * units, 3 * units])
        for t in range(time):
            i, f, g, o = np.split(self.gates[t], 4)
            self.steps.append(
                LSTMStep(
                    matrix=layer.matrix,
                    recurrent_kernel=layer.recurrent_kernel,
                    joined=self.joined[t],
                    gates=self.gates[t],
                    i_and_f=self.gates[t, : 2 * units],
                    i=i,
                    f=f,
                    g=g,
                    o=o,
                    c_prev=self.c[t],
                    c=self.c[t + 1],
                    activated_c=self.activated_c[t],
                    h=h[t + 1],
                    dz=self.dz,
                    di=di,
                    df=df,
                    dg=dg,
                    do=do,
                    dc=self.dc,
                    summand=self.summand,
                    derivatives=self.derivatives,
                    derivative_i_and_f=derivative_i_and_f,
                    derivative_g=derivative_g,
                    derivative_o=derivative_o,
                )
            )


class LSTM(Recurrent):
    """Long short-term memory.

    kernel (D, 4 H), recurrent_kernel (H, 4 H), bias (4 H,), in the order i, f, c, o.
    `recurrent_activation` is σ of the equations above, `activation` is φ. `unit_forget_bias`, on by default
    as in Keras, starts b_f at one whatever `bias_initializer` says: the cell remembers before it has learned
    to. All other options are those of `Recurrent`.
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
        self.recurrent_activation = elementwise_activation(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _initial_bias(self, rng: np.random.Generator) -> Array:
        bias = super()._initial_bias(rng).copy()
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias

    def step(self, s: LSTMStep) -> None:
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.matrix.T, s.joined, out=s.gates)  # (T1), the z of all four
        sigma(s.i_and_f, out=s.i_and_f)  # (L1), (L2)
        phi(s.g, out=s.g)  # (L3)
        sigma(s.o, out=s.o)  # (L4)
        np.multiply(s.f, s.c_prev, out=s.c)  # (L5): f ⊙ c_{t-1}
        s.c += s.i * s.g  # (L5)
        phi(s.c, out=s.activated_c)  # (L6): φ(c_t)
        np.multiply(s.o, s.activated_c, out=s.h)  # (L6)

    def step_backward(self, s: LSTMStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        dh, dc_carried = dstate
        # Back through h_t = o ⊙ φ(c_t). c_t is used twice, here and in c_{t+1}: the two gradients add up.
        np.multiply(dh, s.activated_c, out=s.do)  # (L7)
        phi.derivative(s.activated_c, out=s.dc)  # (L8): φ'(c_t)
        s.dc *= dh * s.o  # (L8): dh ⊙ o ⊙ φ'(c_t)
        s.dc += dc_carried  # (L8)
        # Back through c_t = f ⊙ c_{t-1} + i ⊙ g
        np.multiply(s.dc, s.c_prev, out=s.df)  # (L9)
        np.multiply(s.dc, s.g, out=s.di)  # (L10)
        np.multiply(s.dc, s.i, out=s.dg)  # (L11)
        dc_prev = s.dc * s.f  # (L12)
        # Through the activations: the gradient of a gate becomes, in its place, that of its pre-activation.
        sigma.derivative(s.i_and_f, out=s.derivative_i_and_f)  # (L13) of i and f
        sigma.derivative(s.o, out=s.derivative_o)  # (L13) of o
        phi.derivative(s.g, out=s.derivative_g)  # (L14)
        s.dz *= s.derivatives  # (L13), (L14)
        # h_{t-1} is used four times, and one product adds the four gradients up.
        dh_prev = s.recurrent_kernel @ s.dz  # (L15)
        return dh_prev, dc_prev
