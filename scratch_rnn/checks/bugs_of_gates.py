"""Bugs of a single step: a factor, a sign or a term of one gate, in SimpleRNN, LSTM or GRU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratch_rnn.checks.bug import bug
from scratch_rnn.checks.bugs_of_time import GITHUB
from scratch_rnn.layers import GRU, LSTM, SimpleRNN

NOTEBOOK = (
    f"{GITHUB}nicklashansen/rnn_lstm_from_scratch/blob/0a292c427d4698a15995a515ba44bbe89aa9fdb7/"
    "RNN_LSTM_from_scratch.ipynb"
)

# SimpleRNN -------------------------------------------------------------------------------------------------


@bug(
    "the derivative of tanh taken of tanh(h), as if h were a pre-activation",
    "S2",
    wrong="dz = dh * (1 - np.tanh(h) ** 2)",
    right="dz = dh * (1 - h**2)",
    cells=(SimpleRNN,),
    seen=f"{GITHUB}kjpou1/rnn_lstm_from_scratch/blob/0c0d841a7b8cca7156ea4e1dfb91545a3626e727/"
    "src/models/lstm_model.py",
)
def derivative_of_an_output(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, h=np.tanh(s.h)), dstate)

    return Wrong


@bug(
    "the way back through tanh left out: dz = dh",
    "S2",
    wrong="dz = dh",
    right="dz = dh * (1 - h**2)",
    cells=(SimpleRNN,),
)
def activation_left_out(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            (s.dz[...],) = dstate
            return (s.recurrent_kernel @ s.dz,)

    return Wrong


# LSTM ------------------------------------------------------------------------------------------------------


@bug(
    "dz_f = f df in place of f (1 - f) df: the activation where its derivative belongs",
    "L13",
    wrong="dz_f = df * f",
    right="dz_f = df * f * (1 - f)",
    cells=(LSTM,),
    seen=NOTEBOOK,
)
def activation_for_its_derivative(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            _, dc_prev = super().step_backward(s, dstate)
            s.dz_f /= 1 - s.f
            return self.recurrent_kernel @ s.dz, dc_prev

    return Wrong


@bug(
    "c_t where c_{t-1} belongs, in the gradient of the forget gate",
    "L9",
    wrong="df = dc * c",
    right="df = dc * c_prev",
    cells=(LSTM,),
    seen=NOTEBOOK,
)
def cell_state_off_by_one(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, c_prev=s.c), dstate)

    return Wrong


@bug(
    "what is carried of dc is not added: c_t counts only through h_t",
    "L8",
    wrong="dc = dh * o * (1 - phi_c**2)",
    right="dc = dh * o * (1 - phi_c**2) + dc_carried",
    cells=(LSTM,),
)
def cell_gradient_not_added(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            dh, dc_carried = dstate
            return super().step_backward(s, (dh, np.zeros_like(dc_carried)))

    return Wrong


@bug(
    "the output gate left out of dc",
    "L8",
    wrong="dc = dh * (1 - phi_c**2) + dc_carried",
    right="dc = dh * o * (1 - phi_c**2) + dc_carried",
    cells=(LSTM,),
)
def output_gate_left_out(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            dh, dc_carried = dstate
            left_out = dh * (1 - s.o) * self.activation.derivative(s.phi_c)
            return super().step_backward(s, (dh, dc_carried + left_out))

    return Wrong


@bug(
    "the derivative of tanh(c) written with c in place of tanh(c)",
    "L8",
    wrong="dc = dh * o * (1 - c**2) + dc_carried",
    right="dc = dh * o * (1 - phi_c**2) + dc_carried",
    cells=(LSTM,),
)
def cell_state_for_its_activation(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            dh, dc_carried = dstate
            phi = self.activation
            off = dh * s.o * (phi.derivative(s.c) - phi.derivative(s.phi_c))
            return super().step_backward(s, (dh, dc_carried + off))

    return Wrong


@bug(
    "i where g belongs, in the gradient of the input gate",
    "L10",
    wrong="di = dc * i",
    right="di = dc * g",
    cells=(LSTM,),
)
def input_gate_for_candidate(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            _, dc_prev = super().step_backward(s, dstate)
            np.multiply(s.dc * s.i, self.recurrent_activation.derivative(s.i), out=s.dz_i)
            return s.recurrent_kernel @ s.dz, dc_prev

    return Wrong


@bug(
    "the forget gate left out of what is carried back along the cell state",
    "L12",
    wrong="dc_prev = dc",
    right="dc_prev = dc * f",
    cells=(LSTM,),
)
def forget_gate_left_out(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            dh_prev, _ = super().step_backward(s, dstate)
            return dh_prev, s.dc.copy()

    return Wrong


# GRU -------------------------------------------------------------------------------------------------------


@bug(
    "u and 1 - u swapped, in the backward pass alone",
    "G7",
    wrong="dg, dh_prev = dh * u, dh * (1 - u)",
    right="dg, dh_prev = dh * (1 - u), dh * u",
    cells=(GRU,),
)
def update_gate_swapped(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return super().step_backward(replace(s, u=1 - s.u), dstate)

    return Wrong


@bug(
    "du of the wrong sign: g - h_{t-1} where h_{t-1} - g belongs",
    "G6",
    wrong="du = dh * (g - h_prev)",
    right="du = dh * (h_prev - g)",
    cells=(GRU,),
)
def update_gate_of_the_wrong_sign(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            (dh_prev,) = super().step_backward(s, dstate)
            right = s.recurrent_kernel_of_u_and_r @ s.dz_u_and_r
            s.dz_u *= -1
            return (dh_prev - right + s.recurrent_kernel_of_u_and_r @ s.dz_u_and_r,)

    return Wrong


@bug(
    "the direct way from h_t to h_{t-1} forgotten, the one without a matrix",
    "G8",
    wrong="dh_prev = 0",
    right="dh_prev = dh * u",
    cells=(GRU,),
)
def direct_way_forgotten(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            (dh,), (dh_prev,) = dstate, super().step_backward(s, dstate)
            return (dh_prev - dh * s.u,)

    return Wrong


@bug(
    "the way to h_{t-1} through the candidate forgotten; without reset_after, that is dm r of (G15)",
    "G12",
    wrong="dh_prev += 0",
    right="dh_prev += U_g @ dp",
    cells=(GRU,),
)
def way_through_the_candidate_forgotten(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            (dh_prev,) = super().step_backward(s, dstate)
            u_g = s.recurrent_kernel_of_g
            return (dh_prev - (u_g @ s.dp if self.reset_after else (u_g @ s.dz_g) * s.r),)

    return Wrong


@bug(
    "the reset gate left out on the way back; without reset_after, r of (G15)",
    "G11",
    wrong="dp = dz_g",
    right="dp = dz_g * r",
    cells=(GRU,),
)
def reset_gate_left_out(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            (dh_prev,) = super().step_backward(s, dstate)
            u_g = s.recurrent_kernel_of_g
            if not self.reset_after:
                return (dh_prev + (u_g @ s.dz_g) * (1 - s.r),)
            dh_prev += u_g @ (s.dz_g - s.dp)
            s.dp[...] = s.dz_g
            return (dh_prev,)

    return Wrong
