"""One step of a SimpleRNN, backward.

Forward it was z = x_t @ W + h_prev @ U + b and h = tanh(z), with a row for each sample. Given the gradient
of the loss with respect to h, find that of everything that went into the step. dz is the gradient of the
loss with respect to z, and so on.
"""

import numpy as np


def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    """Return dx_t (B, D), dh_prev (B, H), dW (D, H), dU (H, H) and db (H,).

    dh (B, H): the gradient of the loss with respect to h.
    x_t (B, D), h_prev (B, H), h (B, H): what the step read and gave.
    W (D, H), U (H, H): the weights.
    """
    dz = dh * (1 - h**2)  # (S2)
    dx_t = dz @ W.T  # (T4)
    dh_prev = dz @ U.T  # (T5)
    dW = x_t.T @ dz  # (T3)
    dU = h_prev.T @ dz  # (T3)
    db = dz.sum(axis=0)  # (T3)
    return dx_t, dh_prev, dW, dU, db


HINTS = {
    "S2": (
        "h = tanh(z): a function, entry by entry.",
        "R2: dh times the derivative (A1), written through h.",
    ),
    "T4": (
        "x_t went into the product x_t @ W.",
        "R3 with rows: dz times W transposed; the shape must be (B, D).",
    ),
    "T5": (
        "h_prev went into the product h_prev @ U.",
        "R3 with rows: forward U, backward U transposed. U is square, so the wrong one runs as well.",
    ),
    "T3": (
        "Each weight met something: W met x_t, U met h_prev, b a one in each row.",
        "R3: what it met, transposed, times dz. That adds up the samples; for b it is the sum of the rows.",
    ),
}

MISTAKES = [
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "dz = dh * (1 - np.tanh(h) ** 2)  # (S2)",
    ),
    (
        "activation-for-its-derivative",
        "the activation stands where its derivative belongs",
        "dz = dh * h  # (S2)",
    ),
    (
        "derivative-of-the-sigmoid",
        "h (1 - h) is the derivative of the sigmoid, not of tanh",
        "dz = dh * h * (1 - h)  # (S2)",
    ),
    ("activation-left-out", "the derivative of tanh is missing", "dz = dh  # (S2)"),
    ("hidden-state-off-by-one", "h_{t-1} stands where h_t belongs", "dz = dh * (1 - h_prev**2)  # (S2)"),
    ("kernel-not-transposed", "U stands where U transposed belongs", "dh_prev = dz @ U  # (T5)"),
    (
        "hidden-state-off-by-one",
        "h_t stands where h_{t-1} belongs: U met the state before",
        "dU = h.T @ dz  # (T3)",
    ),
    ("transposed", "this is the transpose of what it should be", "dU = dz.T @ h_prev  # (T3)"),
    (
        "weight-gradient-unwritten",
        "the gradient of the weights was left at zero",
        "dW = np.zeros_like(W)  # (T3)",
    ),
    (
        "weight-gradient-unwritten",
        "the gradient of the weights was left at zero",
        "dU = np.zeros_like(U)  # (T3)",
    ),
    (
        "weight-gradient-unwritten",
        "the gradient of the weights was left at zero",
        "db = np.zeros(U.shape[1])  # (T3)",
    ),
    (
        "averaged-over-the-batch",
        "the mean over the batch stands where the sum belongs",
        "db = dz.mean(axis=0)  # (T3)",
    ),
    (
        "averaged-over-the-batch",
        "the mean over the batch stands where the sum belongs",
        "dW = x_t.T @ dz / len(dz)  # (T3)",
    ),
    (
        "averaged-over-the-batch",
        "the mean over the batch stands where the sum belongs",
        "dU = h_prev.T @ dz / len(dz)  # (T3)",
    ),
    ("pre-activation-skipped", "dh stands where dz belongs", "dh_prev = dh @ U.T  # (T5)"),
    ("pre-activation-skipped", "dh stands where dz belongs", "dU = h_prev.T @ dh  # (T3)"),
]
