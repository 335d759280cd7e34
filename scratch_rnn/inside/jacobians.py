"""What a state still does to the last one: the Jacobians between them, and their singular values.

    (J1)  ∂s_T/∂s_t = J_T J_{T-1} ... J_{t+1},   J_t = ∂s_t/∂s_{t-1}

s_t is h_t or, in an LSTM, h_t and c_t below each other, S numbers. BPTT multiplies by these matrices and
never makes one: what it carries back from ds_T to s_t is (∂s_T/∂s_t)ᵀ ds_T. From a unit vector it is a row:

    (J2)  row j of ∂s_T/∂s_t is what is carried back to s_t from the unit vector e_j at s_T

So one backward pass, of a batch of S times the same sample, each with another unit vector, gives all of them.
"""

from __future__ import annotations

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.inside.reading import last_recurrent
from scratch_rnn.training.model import Sequential


def state_jacobians(model: Sequential, sequence: Array) -> Array:
    """Return ∂s_T/∂s_t of the last recurrent layer for one sequence (T, D), float64 (T, S, S).

    Entry t - 1 is that of row t; the last is the identity. In an LSTM the first H rows and columns are those
    of h, the others those of c. With `bptt_steps` they are zero where the gradient ends.

    Raises ValueError for a model of another kind and for a sequence that does not fit.
    """
    layer, x = last_recurrent(model.astype("float64"), np.asarray(sequence)[np.newaxis])
    units = np.eye(sum(layer.state_sizes))
    _, tape = layer.forward(np.repeat(x, len(units), axis=0))
    rows: list[Array] = []  # from T to 1; a sample, which is a column in the loop, is a row of the matrix
    layer.backward(
        None,
        tape,
        np.split(units, len(layer.state_names), axis=1),
        input_gradient=False,
        watch=lambda s, dstate: rows.append(np.concatenate([d.T for d in dstate], axis=1)),  # (J2)
    )
    return np.array(rows[::-1])


def singular_values(model: Sequential, x: Array) -> Array:
    """Return the singular values of `state_jacobians`, largest first, for each sequence of x: (B, T, S).

    They say by how much a small change of the state at row t is stretched, in the best direction and in the
    others, on its way to the end; and by how much a gradient is on its way back. What is below 1e-16 times
    the largest is rounding. Raises ValueError as `state_jacobians` does.
    """
    values = [np.linalg.svd(state_jacobians(model, one), compute_uv=False) for one in np.asarray(x)]
    return np.array(values)
