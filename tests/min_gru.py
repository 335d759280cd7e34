"""minGRU (Feng et al. 2024, "Were RNNs all we needed?"): gates that do not see the state.

u = σ(W_uᵀ x_t + b_u),  g = W_gᵀ x_t + b_g,  h_t = (1 - u) ⊙ h_{t-1} + u ⊙ g
"""

import numpy as np

from scratch_rnn.layers import Recurrent
from scratch_rnn.layers.activations import Sigmoid
from scratch_rnn.layers.tape import Step, kept, work


class MinGRUStep(Step):
    z = kept(2)
    z_u, z_g = u, g = z
    dz = work(2)
    du, dg = dz_u, dz_g = dz
    derivative_u = work()


class MinGRU(Recurrent):
    step_class = MinGRUStep
    recurrent = False
    gates = {"u": "update gate"}
    signals = {"g": "candidate", "h": "hidden state"}
    sigma = Sigmoid()

    def step(self, s):
        np.matmul(s.matrix.T, s.joined, out=s.z)
        self.sigma(s.z_u, out=s.u)
        np.add((1 - s.u) * s.h_prev, s.u * s.g, out=s.h)

    def step_backward(self, s, dstate):
        (dh,) = dstate
        np.multiply(dh, s.u, out=s.dg)
        np.multiply(dh, s.g - s.h_prev, out=s.du)
        self.sigma.derivative(s.u, out=s.derivative_u)
        np.multiply(s.du, s.derivative_u, out=s.dz_u)
        return (dh * (1 - s.u),)
