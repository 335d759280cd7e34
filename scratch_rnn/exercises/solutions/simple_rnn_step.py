"""One step of a SimpleRNN, forward.

h_t = tanh(W^T x_t + b + U^T h_{t-1}) for a column; here a sample is a row, so the products turn round. z is
what enters the tanh.
"""

import numpy as np


def simple_rnn_step(x_t, h_prev, W, U, b):
    """Return h (B, H).

    x_t (B, D): the input.  h_prev (B, H): the state before.
    W (D, H), U (H, H), b (H,): the weights.
    """
    z = x_t @ W + h_prev @ U + b  # (T1)
    h = np.tanh(z)  # (S1)
    return h


HINTS = {
    "T1": (
        "Three terms: input, state before, bias. The shapes tell the order.",
        "A row times a matrix: x_t @ W is (B, H), and so is the term of the state; b is added to every row.",
    ),
    "S1": ("One function, entry by entry.", "np.tanh of the pre-activation z."),
}

MISTAKES = [
    ("bias-loaded-twice", "the bias is added twice", "z = x_t @ W + h_prev @ U + 2 * b  # (T1)"),
    ("bias-forgotten", "the bias is missing", "z = x_t @ W + h_prev @ U  # (T1)"),
    (
        "state-forgotten",
        "the state before is missing: this is a layer without a memory",
        "z = x_t @ W + b  # (T1)",
    ),
    (
        "kernel-not-transposed",
        "with rows it is U, not its transpose, that the state meets",
        "z = x_t @ W + h_prev @ U.T + b  # (T1)",
    ),
    ("activation-forgotten", "the tanh is missing", "h = z  # (S1)"),
    ("wrong-activation", "the sigmoid stands where tanh belongs", "h = 1 / (1 + np.exp(-z))  # (S1)"),
]
