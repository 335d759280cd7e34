"""The gated recurrent unit, in both of its forms.

    (G1)  u = σ(W_uᵀ x_t + b_u + U_uᵀ h_{t-1} + b'_u)          update gate: how much is kept
    (G2)  r = σ(W_rᵀ x_t + b_r + U_rᵀ h_{t-1} + b'_r)          reset gate: how much the candidate sees of it
    (G3)  g = φ(W_gᵀ x_t + b_g + r ⊙ (U_gᵀ h_{t-1} + b'_g))    candidate, reset_after=True
    (G4)  g = φ(W_gᵀ x_t + b_g + U_gᵀ (r ⊙ h_{t-1}))           candidate, reset_after=False
    (G5)  h_t = u ⊙ h_{t-1} + (1 - u) ⊙ g                      hidden state

(G4) is Cho et al. (2014). (G3), Keras's default, resets after the product, so that all products with h_{t-1}
can be one; the bracket then needs a bias b' of its own, and Keras gives u and r one as well. Without
reset_after there is no b'. In (G5) u keeps the past, as in Keras; some texts swap u and 1 - u.

The columns of the weights are in Keras's order z, r, h. Keras calls the update gate z and the candidate h;
here z is a pre-activation and h the hidden state. The notation is that of recurrent.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn.layers import activations
from scratch_rnn.layers.base import Array, aligned_empty
from scratch_rnn.layers.recurrent import Recurrent, Tape, elementwise_activation


@dataclass(slots=True)
class GRUStep:
    """Timestep t of the tape; every array is a view, of shape (H, B) where nothing else is said."""

    of_u_and_r: Array  # (D + 2 + H, 2 H)  the columns of u and r in [W; b; b'; U]
    input_of_g: Array  # (D + 1, H)  the columns of g in [W; b]
    past_of_g: Array  # (1 + H, H)  those in [b'; U]; (H, H) where there is no b'
    recurrent_of_u_and_r: Array  # (H, 2 H)  the columns of u and r in U
    recurrent_of_g: Array  # (H, H)  those of g
    joined: Array  # (D + 2 + H, B)  [x_t; 1; 1; h_{t-1}]; (D + 1 + H, B) where there is no b'
    x: Array  # (D + 1, B)  [x_t; 1], what meets W and b
    past: Array  # (1 + H, B)  [1; h_{t-1}], what meets b' and U; (H, B) where there is no b'
    h_prev: Array
    u_and_r: Array  # (2 H, B)  the pre-activations z and, later in their place, u and r; likewise g
    u: Array
    r: Array
    g: Array
    projected: Array  # the bracket of (G3); empty with (G4)
    reset_h: Array  # r ⊙ h_{t-1} of (G4); empty with (G3)
    h: Array
    dz: Array  # (3 H, B)  the gradients of the gates and, later in their place, of z
    du_and_dr: Array  # (2 H, B)
    du: Array
    dr: Array
    dg: Array
    dproduct: Array  # the gradient of the product with U_g
    summand: Array  # like [W; b; b'; U]


class GRUTape(Tape):
    """About T * B * (D + 2 + 5 H) numbers: beside `joined` = [x_t; 1; 1; h_{t-1}] and `dz`

    gates      (T, 3 H, B)  u, r, g after their activations
    projected  (T, H, B)    U_gᵀ h_{t-1} + b'_g of (G3); (T, 0, B) with (G4)
    reset_h    (T, H, B)    r ⊙ h_{t-1} of (G4); (T, 0, B) with (G3)
    dproduct   (H, B)       the gradient of one step's product with U_g, overwritten by the next
    """

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        super().__init__(layer, time, batch)
        assert isinstance(layer, GRU)
        (h,) = self.states
        units, input_rows, after = layer.units, layer.input_rows, layer.reset_after
        self.gates = aligned_empty((time, 3 * units, batch), layer.dtype)
        self.projected = aligned_empty((time, units if after else 0, batch), layer.dtype)
        self.reset_h = aligned_empty((time, 0 if after else units, batch), layer.dtype)
        of_u_and_r, of_g = np.split(layer.matrix, [2 * units], axis=1)
        input_of_g, past_of_g = np.split(of_g, [input_rows])
        recurrent_of_u_and_r, recurrent_of_g = np.split(layer.recurrent_kernel, [2 * units], axis=1)
        self.dproduct = aligned_empty((units, batch), layer.dtype)
        du, dr, dg = np.split(self.dz, 3)
        for t in range(time):
            u, r, g = np.split(self.gates[t], 3)
            self.steps.append(
                GRUStep(
                    of_u_and_r=of_u_and_r,
                    input_of_g=input_of_g,
                    past_of_g=past_of_g,
                    recurrent_of_u_and_r=recurrent_of_u_and_r,
                    recurrent_of_g=recurrent_of_g,
                    joined=self.joined[t],
                    x=self.joined[t, :input_rows],
                    past=self.joined[t, input_rows:],
                    h_prev=h[t],
                    u_and_r=self.gates[t, : 2 * units],
                    u=u,
                    r=r,
                    g=g,
                    projected=self.projected[t],
                    reset_h=self.reset_h[t],
                    h=h[t + 1],
                    dz=self.dz,
                    du_and_dr=self.dz[: 2 * units],
                    du=du,
                    dr=dr,
                    dg=dg,
                    dproduct=self.dproduct,
                    summand=self.summand,
                )
            )


class GRU(Recurrent):
    """Gated recurrent unit.

    kernel (D, 3 H), recurrent_kernel (H, 3 H), in the order z, r, h; bias (2, 3 H), b first and then b', with
    `reset_after` (the default), (3 H,) without it. `recurrent_activation` is σ of the equations above,
    `activation` is φ. All other options are those of `Recurrent`.
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
        self.recurrent_activation = elementwise_activation(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """(2, 3 H) with reset_after, (3 H,) without."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def input_rows(self) -> int:
        """How many rows of the matrix meet x_t and the first 1; the others meet the past."""
        return self.kernel.shape[0] + int(self.use_bias)

    def step(self, s: GRUStep) -> None:
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.of_u_and_r.T, s.joined, out=s.u_and_r)  # (T1) of u and r
        sigma(s.u_and_r, out=s.u_and_r)  # (G1), (G2)
        np.matmul(s.input_of_g.T, s.x, out=s.g)  # (T1) of g, without the past
        if self.reset_after:
            np.matmul(s.past_of_g.T, s.past, out=s.projected)  # (G3), the bracket p
            s.g += s.r * s.projected  # (G3)
        else:
            np.multiply(s.r, s.h_prev, out=s.reset_h)  # (G4), the product m
            s.g += s.past_of_g.T @ s.reset_h  # (G4)
        phi(s.g, out=s.g)  # (G3) or (G4)
        np.add(s.u * s.h_prev, (1 - s.u) * s.g, out=s.h)  # (G5)

    def step_backward(self, s: GRUStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        (dh,) = dstate
        # Back through h_t = u ⊙ h_{t-1} + (1 - u) ⊙ g
        np.multiply(dh, s.h_prev - s.g, out=s.du)  # (G6)
        np.multiply(dh, 1 - s.u, out=s.dg)  # (G7)
        dh_prev = dh * s.u  # (G8), the first of four parts
        # Through φ, then to r and to h_{t-1}. The gradient of a gate becomes, in its place, that of its z.
        phi.backward(s.dg, s.g, out=s.dg)  # (G9)
        if self.reset_after:
            np.multiply(s.dg, s.projected, out=s.dr)  # (G10)
            np.multiply(s.dg, s.r, out=s.dproduct)  # (G11)
            dh_prev += s.recurrent_of_g @ s.dproduct  # (G12)
        else:
            s.dproduct[...] = s.dg  # (G18) asks for it
            dreset_h = s.recurrent_of_g @ s.dproduct  # (G13)
            np.multiply(dreset_h, s.h_prev, out=s.dr)  # (G14)
            dh_prev += dreset_h * s.r  # (G15)
        sigma.backward(s.du_and_dr, s.u_and_r, out=s.du_and_dr)  # (G16)
        dh_prev += s.recurrent_of_u_and_r @ s.du_and_dr  # (G17)
        return (dh_prev,)

    def add_weight_gradients(self, s: GRUStep, dmatrix: Array) -> None:
        """Add to dmatrix what step t contributes, (G18): three products, because g is computed by two.

        all rows of u, r   meet joined and receive dz
        W and b of g       meet [x_t; 1] and receive dz
        U and b' of g      meet [1; h_{t-1}] (G3) or r ⊙ h_{t-1} (G4) and receive dproduct
        """
        gates, rows, past = len(s.du_and_dr), len(s.x), s.past if self.reset_after else s.reset_h
        np.matmul(s.joined, s.du_and_dr.T, out=s.summand[:, :gates])  # (T3) of u and r
        np.matmul(s.x, s.dg.T, out=s.summand[:rows, gates:])  # (G18)
        np.matmul(past, s.dproduct.T, out=s.summand[rows:, gates:])  # (G18)
        dmatrix += s.summand
