"""The LSTM with layer normalization (Ba, Kiros and Hinton 2016, equations 20 to 22 of the supplement).

    (Y1)  n(a) = (a - mean a) / sqrt(var a + ε)                   over the entries of one sample's a
    (Y2)  z = γ_x ⊙ n(Wᵀ x_t) + γ_h ⊙ n(Uᵀ h_{t-1}) + b           in place of (T1)
    (Y3)  h_t = o ⊙ φ(γ_c ⊙ n(c_t) + β_c)                         in place of (L6)

The gates, the candidate and c_t are (L1) to (L5), from this z. In the paper the first two n have biases of
their own, which add to b and are left out. n is taken over all four gates at once, as there. The notation is
that of recurrent.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array, outer_sum
from scratch_rnn.layers import activations
from scratch_rnn.layers.lstm import LSTM
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.tape import Step, kept, state, weight, work

EPSILON = 1e-3  # of Keras's LayerNormalization


def unit_forget(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return zeros (4 H, 1), and ones for the forget gate: it remembers before it has learned to."""
    return np.repeat([0.0, 1.0, 0.0, 0.0], shape[0] // 4)[:, np.newaxis]


class LayerNormLSTMStep(Step):
    """Timestep t, in blocks (H, B). Of two names for a block the right one overwrites the left."""

    gamma_x, dgamma_x = weight("kernel_gamma", 4, "ones")
    gamma_h, dgamma_h = weight("recurrent_gamma", 4, "ones")
    b, db = weight("gate_bias", 4, unit_forget)
    gamma_c, dgamma_c = weight("state_gamma", 1, "ones")
    beta_c, dbeta_c = weight("state_beta")
    from_x = kept(4)  # Wᵀ x_t
    from_h = kept(4)  # Uᵀ h_{t-1}
    z = kept(4)
    z_i, z_f, z_g, z_o = i, f, g, o = z
    z_i_and_f = i_and_f = z[:2]
    c_prev, c = state()
    phi_c = kept()  # φ(γ_c ⊙ n(c_t) + β_c)
    difgo = dgates = work(4)  # dgates: the gradient of z
    di, df, dg, do = difgo
    derivatives = work(4)
    derivative_i_and_f, derivative_g, derivative_o = derivatives[:2], derivatives[2:3], derivatives[3:]
    dz = work(4)  # the gradient of Wᵀ x_t, which (T4) takes
    dfrom_h = work(4)
    dv = work()  # v = γ_c ⊙ n(c_t) + β_c
    dc = work()


class LayerNormLSTM(Recurrent):
    """LSTM with layer normalization: kernel (D, 4 H), recurrent_kernel (H, 4 H), in order i, f, c, o.

    Behind them γ_x, γ_h and b, (4 H, 1) each, and γ_c and β_c, (H, 1) each. b_f begins at one, as in `LSTM`.
    `recurrent_activation` is σ, `activation` is φ. The other options: `RecurrentWeights`; `use_bias` is
    False, because b stands outside of the product. Not in Keras; ε is that of its LayerNormalization.
    """

    step_class = LayerNormLSTMStep
    state_names = LSTM.state_names
    gates = LSTM.gates
    signals = LSTM.signals

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        **options: Any,
    ) -> None:
        super().__init__(units, activation, **{"use_bias": False, **options})
        if self.use_bias:
            raise ValueError("use_bias must be False: LayerNormLSTM has a bias of its own, gate_bias")
        self.recurrent_activation = activations.for_cell(recurrent_activation)

    def step(self, s: LayerNormLSTMStep) -> None:
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.input_weights.T, s.inputs, out=s.from_x)  # (Y2): Wᵀ x_t
        np.matmul(s.past_weights.T, s.past, out=s.from_h)  # (Y2): Uᵀ h_{t-1}
        np.add(s.gamma_x * normed(s.from_x), s.gamma_h * normed(s.from_h), out=s.z)  # (Y2)
        s.z += s.b  # (Y2)
        sigma(s.z_i_and_f, out=s.i_and_f)  # (L1), (L2)
        phi(s.z_g, out=s.g)  # (L3)
        sigma(s.z_o, out=s.o)  # (L4)
        np.add(s.f * s.c_prev, s.i * s.g, out=s.c)  # (L5)
        phi(s.gamma_c * normed(s.c) + s.beta_c, out=s.phi_c)  # (Y3)
        np.multiply(s.o, s.phi_c, out=s.h)  # (Y3)

    def step_backward(self, s: LayerNormLSTMStep, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        dh, dc_carried = dstate
        # Back through h_t = o ⊙ φ(γ_c ⊙ n(c_t) + β_c)
        np.multiply(dh, s.phi_c, out=s.do)  # (L7)
        np.multiply(dh * s.o, phi.derivative(s.phi_c), out=s.dv)  # (Y4)
        np.add(normed_backward(s.gamma_c * s.dv, s.c), dc_carried, out=s.dc)  # (Y5), (Y6)
        # Back through c_t = f ⊙ c_{t-1} + i ⊙ g
        np.multiply(s.dc, s.c_prev, out=s.df)  # (L9)
        np.multiply(s.dc, s.g, out=s.di)  # (L10)
        np.multiply(s.dc, s.i, out=s.dg)  # (L11)
        dc_prev = s.dc * s.f  # (L12)
        sigma.derivative(s.i_and_f, out=s.derivative_i_and_f)  # (L13)
        phi.derivative(s.g, out=s.derivative_g)  # (L14)
        sigma.derivative(s.o, out=s.derivative_o)  # (L13)
        np.multiply(s.difgo, s.derivatives, out=s.dgates)  # (L13), (L14)
        # Through the two n to x_t and h_{t-1}
        s.dz[...] = normed_backward(s.gamma_x * s.dgates, s.from_x)  # (Y6)
        s.dfrom_h[...] = normed_backward(s.gamma_h * s.dgates, s.from_h)  # (Y6)
        dh_prev = s.recurrent_kernel @ s.dfrom_h  # (T5)
        return dh_prev, dc_prev

    def add_weight_gradients(self, s: LayerNormLSTMStep) -> None:
        """Add what step t contributes: to s.dmatrix in two products, and to the gradients of γ, b and β."""
        outer_sum(s.inputs, s.dz, out=s.input_summand)  # (T3) of W
        outer_sum(s.past, s.dfrom_h, out=s.past_summand)  # (T3) of U
        s.dmatrix += s.summand  # (T3)
        s.dgamma_x += over_samples(s.dgates * normed(s.from_x))  # (Y7)
        s.dgamma_h += over_samples(s.dgates * normed(s.from_h))  # (Y7)
        s.dgamma_c += over_samples(s.dv * normed(s.c))  # (Y7)
        s.db += over_samples(s.dgates)  # (Y7)
        s.dbeta_c += over_samples(s.dv)  # (Y7)


def normed(a: Array) -> Array:
    """Return n(a) of (R, B), over the rows, (Y1)."""
    return _centred(a) * _scale(a)


def normed_backward(dn: Array, a: Array) -> Array:
    """Return the gradient of a from that of n(a), both (R, B), (Y6)."""
    n = normed(a)
    own_mean, along_n = dn.mean(axis=0), (dn * n).mean(axis=0)
    return _scale(a) * (dn - own_mean - n * along_n)


def over_samples(d: Array) -> Array:
    """Return the sum over the batch, (R, 1) of (R, B)."""
    return d.sum(axis=1, keepdims=True)


def _centred(a: Array) -> Array:
    return a - a.mean(axis=0)


def _scale(a: Array) -> Array:
    """Return 1 / sqrt(var a + ε) of each sample, (B,)."""
    variance = np.square(_centred(a)).mean(axis=0)
    return 1 / np.sqrt(variance + EPSILON)
