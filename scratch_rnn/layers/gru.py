"""The gated recurrent unit, in both of its forms.

    (G1)  z = σ(W_zᵀ x_t + b_z + U_zᵀ h_{t-1})                update gate: how much is kept
    (G2)  r = σ(W_rᵀ x_t + b_r + U_rᵀ h_{t-1})                reset gate: how much of it the candidate sees
    (G3)  g = φ(W_hᵀ x_t + b_h + r ⊙ (U_hᵀ h_{t-1} + b'_h))   candidate, reset_after=True
    (G4)  g = φ(W_hᵀ x_t + b_h + U_hᵀ (r ⊙ h_{t-1}))          candidate, reset_after=False
    (G5)  h_t = z ⊙ h_{t-1} + (1 - z) ⊙ g                     hidden state

(G4) is Cho et al. (2014); (G3), Keras's default, resets after the product, so that all products with
h_{t-1} can be one. That needs a second bias b' inside the bracket, and Keras gives z and r one as well.
In (G5) z keeps the past, as in Keras; some texts swap z and 1 - z. The order of the gates is Keras's:
z, r, h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn import activations
from scratch_rnn.layers.base import Array
from scratch_rnn.layers.recurrent import Recurrent, Tape, elementwise


@dataclass(slots=True)
class GRUStep:
    """Timestep t of the tape; every array is a view, of shape (H, B) where nothing else is said."""

    x: Array  # (D + 1, B)  [x_t; 1]
    past: Array  # (1 + H, B)  [1; h_{t-1}], the rows that meet the recurrent weights; (H, B) without b'
    h_prev: Array
    gates: Array  # (3 H, B)  pre-activations, and in their place the gates z, r, g
    z_and_r: Array  # (2 H, B)
    z: Array
    r: Array
    g: Array
    recurrent: Array  # U_hᵀ h_{t-1} + b'_h of (G3), or r ⊙ h_{t-1} of (G4)
    h: Array
    dz: Array  # (3 H, B)  on the side of the inputs
    dz_z_and_r: Array  # (2 H, B)
    dz_z: Array
    dz_r: Array
    dz_g: Array
    drecurrent: Array  # the gradient that the product with U_h receives


class GRUTape(Tape):
    """T * B * (D + 2 + 9 H) numbers: beside `joined`, whose rows are [x_t; 1; 1; h_{t-1}], and `dz`

    gates       (T, 3 H, B)  z, r, g after their activations
    recurrent   (T, H, B)    U_hᵀ h_{t-1} + b'_h of (G3), or r ⊙ h_{t-1} of (G4)
    drecurrent  (T, H, B)    the gradient that the product with U_h receives, filled by backward
    """

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        super().__init__(layer, time, batch)
        assert isinstance(layer, GRU)
        (h,) = self.states
        units, input_rows = layer.units, layer.input_rows
        self.gates = np.empty((time, 3 * units, batch), layer.dtype)
        self.recurrent = np.empty((time, units, batch), layer.dtype)
        self.drecurrent = np.empty((time, units, batch), layer.dtype)
        for t in range(time):
            z, r, g = np.split(self.gates[t], 3)
            dz_z, dz_r, dz_g = np.split(self.dz[t], 3)
            self.steps.append(
                GRUStep(
                    x=self.joined[t, :input_rows],
                    past=self.joined[t, input_rows:],
                    h_prev=h[t],
                    gates=self.gates[t],
                    z_and_r=self.gates[t, : 2 * units],
                    z=z,
                    r=r,
                    g=g,
                    recurrent=self.recurrent[t],
                    h=h[t + 1],
                    dz=self.dz[t],
                    dz_z_and_r=self.dz[t, : 2 * units],
                    dz_z=dz_z,
                    dz_r=dz_r,
                    dz_g=dz_g,
                    drecurrent=self.drecurrent[t],
                )
            )


class GRU(Recurrent):
    """Gated recurrent unit, with Keras's arguments, weights, gate order and defaults.

    kernel (D, 3 H), recurrent_kernel (H, 3 H), gates in the order z, r, h; bias (2, 3 H), that of the inputs
    first, with `reset_after` (the default), (3 H,) without it. `recurrent_activation` is σ of the equations
    above, `activation` is φ. All other options are those of `Recurrent`.
    """

    gates = ("z", "r", "h")
    tape_class = GRUTape

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        *,
        reset_after: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, **options)
        self.recurrent_activation = elementwise(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """(2, 3 H) with reset_after, (3 H,) without."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def input_rows(self) -> int:
        """How many rows of the matrix meet [x_t; 1]; the others meet [1; h_{t-1}] (or h_{t-1} alone)."""
        return self.features + int(self.use_bias)

    @property
    def input_matrix(self) -> Array:
        """[kernel; bias] (D + 1, 3 H), a view of the matrix."""
        return self.matrix[: self.input_rows]

    @property
    def recurrent_matrix(self) -> Array:
        """[second bias; recurrent_kernel] (1 + H, 3 H), a view of the matrix."""
        return self.matrix[self.input_rows :]

    def step(self, s: GRUStep) -> None:
        h = 2 * self.units  # where the candidate's columns begin
        np.matmul(self.input_matrix.T, s.x, out=s.gates)
        s.z_and_r += self.recurrent_matrix[:, :h].T @ s.past
        self.recurrent_activation(s.z_and_r, out=s.z_and_r)  # (G1), (G2)
        if self.reset_after:
            np.matmul(self.recurrent_matrix[:, h:].T, s.past, out=s.recurrent)
            s.g += s.r * s.recurrent  # (G3)
        else:
            s.recurrent[...] = s.r * s.h_prev
            s.g += self.recurrent_kernel[:, h:].T @ s.recurrent  # (G4)
        self.activation(s.g, out=s.g)
        s.h[...] = s.z * s.h_prev + (1 - s.z) * s.g  # (G5)

    def step_backward(self, s: GRUStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        (dh,) = dstate
        h = 2 * self.units
        u_z_and_r, u_h = self.recurrent_kernel[:, :h], self.recurrent_kernel[:, h:]
        s.dz_g[...] = self.activation.backward(dh * (1 - s.z), s.g)  # g of (G5) through φ
        s.dz_z[...] = self.recurrent_activation.backward(dh * (s.h_prev - s.g), s.z)  # z of (G5) through (G1)
        dh_prev = dh * s.z  # h_{t-1} of (G5)
        if self.reset_after:
            dr = s.dz_g * s.recurrent  # r of (G3)
            s.drecurrent[...] = s.dz_g * s.r  # the bracket of (G3)
            dh_prev += u_h @ s.drecurrent
        else:
            s.drecurrent[...] = s.dz_g
            dreset = u_h @ s.dz_g  # r ⊙ h_{t-1} of (G4)
            dr = dreset * s.h_prev
            dh_prev += dreset * s.r
        s.dz_r[...] = self.recurrent_activation.backward(dr, s.r)  # r through (G2)
        dh_prev += u_z_and_r @ s.dz_z_and_r  # h_{t-1} of (G1) and (G2)
        return (dh_prev,)

    def matrix_gradient(self, tape: GRUTape) -> Array:
        """As for every cell, but the columns of U_h receive `drecurrent`, and in (G4) meet r ⊙ h_{t-1}."""
        h, past = 2 * self.units, tape.joined[:-1, self.input_rows :]
        over_time_and_batch = ((0, 2), (0, 2))
        gradient = np.empty_like(self.matrix)
        gradient[: self.input_rows] = np.tensordot(
            tape.joined[:-1, : self.input_rows], tape.dz, over_time_and_batch
        )
        gradient[self.input_rows :, :h] = np.tensordot(past, tape.dz[:, :h], over_time_and_batch)
        gradient[self.input_rows :, h:] = np.tensordot(
            past if self.reset_after else tape.recurrent, tape.drecurrent, over_time_and_batch
        )
        return gradient
