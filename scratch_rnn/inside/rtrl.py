"""Real-time recurrent learning (Williams and Zipser 1989): the gradient of BPTT, computed forwards.

s_t are all states of a sample below each other, h_t or, in an LSTM, h_t and c_t: S numbers. θ are all N
weights in one vector. The influence matrix says what a weight, used in all steps so far, does to a state:

    (F1)  P_t = ds_t/dθ, (S, N),   P_0 = 0
    (F2)  P_t = J_t P_{t-1} + F_t,   J_t = ∂s_t/∂s_{t-1}, (S, S),   F_t = ∂s_t/∂θ at a fixed s_{t-1}, (S, N)
    (F3)  dL/dθ = Σ_t P_tᵀ ds_t,   ds_t being what the loss says at step t itself: nothing is carried back

J_t and F_t come from backward passes of one step, so that nothing is derived anew and every cell will do:

    (F4)  row j of J_t and F_t: the gradients of the state before and of the weights, from the unit vector e_j

(F2) takes S²N multiplications a step; the memory is that of P_t, however long the sequence is. The code is
made to be read, not to be fast.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.recurrent import Recurrent

States = Sequence[Array]  # (h,) or (h, c)


def rtrl(
    layer: Recurrent, x: Array, dy: Array, states: States | None = None, dstates: States | None = None
) -> list[Array]:
    """Return the gradients of the weights as `layer.backward` does, in the order of `layer.weights`.

    x        (B, T, D), in the order in which the layer reads it
    dy       (B, T, H), the gradient of the loss with respect to every h_t: zeros where it does not see it
    states   the initial states, (B, H) each; zeros without them
    dstates  the gradients of the final states, (B, H) each; zeros without them

    Without dropout, and with `bptt_steps` the whole gradient all the same. Raises ValueError for an array
    that does not fit the layer.
    """
    total = np.zeros(layer.count_params(), layer.dtype)
    own = np.zeros((*dy.shape[:2], sum(layer.state_sizes)), layer.dtype)  # ds_t
    own[..., : layer.units] = dy  # h_t is the output, and stands first in s_t
    if dstates is not None:
        own[:, -1] += np.concatenate(dstates, axis=1)
    for b, ds in enumerate(own):
        start = None if states is None else [state[b : b + 1] for state in states]
        for influence, ds_t in zip(influences(layer, x[b], start), ds, strict=True):
            total += influence.T @ ds_t  # (F3)
    parts = np.split(total, np.cumsum([weight.size for weight in layer.weights])[:-1])
    return [part.reshape(weight.shape) for part, weight in zip(parts, layer.weights, strict=True)]


def influences(layer: Recurrent, x: Array, states: States | None = None) -> Iterator[Array]:
    """Yield P_t (S, N) after each timestep of one sample, x (T, D), from states (1, H) each.

    It is all that a loss of that moment needs for its gradient: there is no way back, and no tape.
    """
    influence = np.zeros((sum(layer.state_sizes), layer.count_params()), layer.dtype)  # (F1)
    for x_t in x:
        jacobian, immediate, states = one_step(layer, x_t, states)
        influence = jacobian @ influence + immediate  # (F2)
        yield influence


def one_step(
    layer: Recurrent, x_t: Array, states: States | None = None
) -> tuple[Array, Array, tuple[Array, ...]]:
    """Return J_t (S, S), F_t (S, N) and the new states, (1, H) each, of one step of one sample, x_t (D,)."""
    alone: Any = copy.copy(layer)  # the same weights
    alone.return_sequences, alone.return_state, alone.stateful = False, True, False
    (_, *new), tape = alone.forward(x_t[np.newaxis, np.newaxis], states)
    jacobian, immediate = [], []
    for e_j in np.eye(sum(layer.state_sizes), dtype=layer.dtype):
        dstates = np.split(e_j[np.newaxis], len(layer.state_names), axis=1)
        back = alone.backward(None, tape, dstates, input_gradient=False)
        jacobian.append(np.concatenate(back.initial_state, axis=1)[0])  # (F4)
        immediate.append(np.concatenate([dweight.ravel() for dweight in back.weights]))  # (F4)
    return np.array(jacobian), np.array(immediate), tuple(new)
