"""The gated recurrent unit, in both of its forms.

    (G1)  u = σ(W_uᵀ x_t + b_u + U_uᵀ h_{t-1} + b'_u)          update gate: how much is kept
    (G2)  r = σ(W_rᵀ x_t + b_r + U_rᵀ h_{t-1} + b'_r)          reset gate: how much the candidate sees of it
    (G3)  g = φ(W_gᵀ x_t + b_g + r ⊙ p)                        candidate, reset_after=True,
          p = U_gᵀ h_{t-1} + b'_g                              and its projected past
    (G4)  g = φ(W_gᵀ x_t + b_g + U_gᵀ m),  m = r ⊙ h_{t-1}     candidate, reset_after=False
    (G5)  h_t = u ⊙ h_{t-1} + (1 - u) ⊙ g                      hidden state

(G4) is Cho et al. (2014). (G3), Keras's default, resets after the product, so that all products with h_{t-1}
can be one; p then needs a bias b' of its own, and Keras gives u and r one as well. Without reset_after there
is no b'. In (G5) u keeps the past, as in Keras; some texts swap u and 1 - u.

The columns of the weights are in Keras's order z, r, h. Keras calls the update gate z and the candidate h;
here z is a pre-activation and h the hidden state. The notation is that of recurrent.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array, outer_sum
from scratch_rnn.layers import activations
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.tape import Step, kept, work


class GRUStep(Step):
    """Timestep t of a GRU, in blocks of H. Of two names for a block the right one overwrites the left."""

    z = kept(3)
    z_u, z_r, z_g = u, r, g = z
    z_u_and_r = u_and_r = z[:2]
    p = m = kept()  # p of (G3), m of (G4): no layer has both
    dz = work(3)
    du, dr, dg = dz_u, dz_r, dz_g = dz
    du_and_dr = dz_u_and_r = dz[:2]
    dp = work()
    derivatives = work(3)
    derivative_u_and_r, derivative_g = derivatives[:2], derivatives[2:]
    matrix_of_u_and_r, summand_of_u_and_r = Step.matrix[:2], Step.summand[:2]
    input_weights_of_g, past_weights_of_g = Step.input_weights[2:], Step.past_weights[2:]
    input_summand_of_g, past_summand_of_g = Step.input_summand[2:], Step.past_summand[2:]
    recurrent_kernel_of_u_and_r, recurrent_kernel_of_g = Step.recurrent_kernel[:2], Step.recurrent_kernel[2:]


class GRU(Recurrent):
    """Gated recurrent unit.

    kernel (D, 3 H), recurrent_kernel (H, 3 H), in the order z, r, h; bias (2, 3 H), b first and then b', with
    `reset_after` (the default), (3 H,) without it. `recurrent_activation` is σ of the equations above,
    `activation` is φ. All other options are those of `RecurrentWeights`.
    """

    step_class = GRUStep
    gates = {"u": "update gate", "r": "reset gate"}
    signals = {"g": "candidate", "h": "hidden state"}

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
        self.recurrent_activation = activations.for_cell(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """(2, 3 H) with reset_after, (3 H,) without."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def step(self, s: GRUStep) -> None:
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.matrix_of_u_and_r.T, s.joined, out=s.z_u_and_r)  # (T1) of u and r
        sigma(s.z_u_and_r, out=s.u_and_r)  # (G1), (G2)
        np.matmul(s.input_weights_of_g.T, s.inputs, out=s.z_g)  # (G3), (G4): W_gᵀ x_t + b_g
        if self.reset_after:
            np.matmul(s.past_weights_of_g.T, s.past, out=s.p)  # (G3): p
            s.z_g += s.r * s.p  # (G3): r ⊙ p
        else:
            np.multiply(s.r, s.h_prev, out=s.m)  # (G4): m
            s.z_g += s.past_weights_of_g.T @ s.m  # (G4): U_gᵀ m
        phi(s.z_g, out=s.g)  # (G3), (G4)
        np.add(s.u * s.h_prev, (1 - s.u) * s.g, out=s.h)  # (G5)

    def step_backward(self, s: GRUStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        (dh,) = dstate
        # Back through h_t = u ⊙ h_{t-1} + (1 - u) ⊙ g
        np.multiply(dh, s.h_prev - s.g, out=s.du)  # (G6)
        np.multiply(dh, 1 - s.u, out=s.dg)  # (G7)
        dh_prev = dh * s.u  # (G8), the first of four parts
        # Through φ, then to r and to h_{t-1}
        phi.derivative(s.g, out=s.derivative_g)  # (G9): φ'(z_g)
        np.multiply(s.dg, s.derivative_g, out=s.dz_g)  # (G9)
        if self.reset_after:
            np.multiply(s.dz_g, s.p, out=s.dr)  # (G10)
            np.multiply(s.dz_g, s.r, out=s.dp)  # (G11)
            dh_prev += s.recurrent_kernel_of_g @ s.dp  # (G12)
        else:
            dm = s.recurrent_kernel_of_g @ s.dz_g  # (G13)
            np.multiply(dm, s.h_prev, out=s.dr)  # (G14)
            dh_prev += dm * s.r  # (G15)
        # Through the two σ to h_{t-1}
        sigma.derivative(s.u_and_r, out=s.derivative_u_and_r)  # (G16): σ'(z_u), σ'(z_r)
        np.multiply(s.du_and_dr, s.derivative_u_and_r, out=s.dz_u_and_r)  # (G16)
        dh_prev += s.recurrent_kernel_of_u_and_r @ s.dz_u_and_r  # (G17)
        return (dh_prev,)

    def add_weight_gradients(self, s: GRUStep) -> None:
        """Add to s.dmatrix what step t contributes, in three products, because g is computed by two."""
        outer_sum(s.joined, s.dz_u_and_r, out=s.summand_of_u_and_r)  # (T3) of u and r
        outer_sum(s.inputs, s.dz_g, out=s.input_summand_of_g)  # (G18): W_g, b_g
        past, dpast = (s.past, s.dp) if self.reset_after else (s.m, s.dz_g)
        outer_sum(past, dpast, out=s.past_summand_of_g)  # (G18): U_g, with (G3) b'_g too
        s.dmatrix += s.summand  # (T3)
