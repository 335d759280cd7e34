"""Peephole LSTM (Gers and Schmidhuber 2000): i and f also see c_{t-1}, and o sees c_t, each unit its own."""

import numpy as np

from scratch_rnn.layers import LSTM
from scratch_rnn.layers.lstm import LSTMStep
from scratch_rnn.layers.tape import weight


class PeepholeStep(LSTMStep):
    peephole, dpeephole = weight("peephole", 3)
    p_i, p_f, p_o = peephole


class PeepholeLSTM(LSTM):
    step_class = PeepholeStep

    def step(self, s):
        sigma, phi = self.recurrent_activation, self.activation
        np.matmul(s.matrix.T, s.joined, out=s.z)
        s.z_i += s.p_i * s.c_prev
        s.z_f += s.p_f * s.c_prev
        sigma(s.z_i_and_f, out=s.i_and_f)
        phi(s.z_g, out=s.g)
        np.add(s.f * s.c_prev, s.i * s.g, out=s.c)
        s.z_o += s.p_o * s.c
        sigma(s.z_o, out=s.o)
        np.multiply(s.o, phi(s.c, out=s.phi_c), out=s.h)

    def step_backward(self, s, dstate):
        dh, dc_carried = dstate
        dz_o = dh * s.phi_c * self.recurrent_activation.derivative(s.o)
        dh_prev, dc_prev = super().step_backward(s, (dh, dc_carried + s.p_o * dz_o))
        return dh_prev, dc_prev + s.p_i * s.dz_i + s.p_f * s.dz_f

    def add_weight_gradients(self, s):
        super().add_weight_gradients(s)
        seen = np.concatenate([s.dz_i * s.c_prev, s.dz_f * s.c_prev, s.dz_o * s.c])
        s.dpeephole += seen.sum(axis=1, keepdims=True)
