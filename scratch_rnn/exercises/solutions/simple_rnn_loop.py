"""The loop over time of a SimpleRNN, backward.

Forward, for every timestep, h_t = tanh(x_t @ W + h_{t-1} @ U + b), with a row for each sample. All states
are kept in h, which begins with the initial one: x[:, t] met h[:, t] and gave h[:, t + 1], t from 0. Each
of these outputs acts on the loss directly, dy, and through the step after it; the last one also as the
final state.
"""

import numpy as np


def simple_rnn_loop(dy, dh_final, x, h, W, U):
    """Return dx (B, T, D), dh_0 (B, H), dW (D, H), dU (H, H) and db (H,).

    dy (B, T, H): what the loss says to each output.  dh_final (B, H): what it says to the final state.
    x (B, T, D): the inputs.  h (B, T + 1, H): the states, the initial one first.
    W (D, H), U (H, H): the weights.
    """
    T = x.shape[1]
    dx = np.zeros_like(x)
    dW = np.zeros_like(W)
    dU = np.zeros_like(U)
    db = np.zeros(U.shape[1])
    dh_carried = dh_final  # (T2)
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried  # (T2)
        dz = dh * (1 - h[:, t + 1] ** 2)  # (S2)
        dW += x[:, t].T @ dz  # (T3)
        dU += h[:, t].T @ dz  # (T3)
        db += dz.sum(axis=0)  # (T3)
        dx[:, t] = dz @ W.T  # (T4)
        dh_carried = dz @ U.T  # (T5)
    dh_0 = dh_carried  # (T5)
    return dx, dh_0, dW, dU, db


HINTS = {
    "T2": (
        "Each state is used twice: as an output, and by the step after it. The last one as final state.",
        "R4: add the own part, dy of this timestep, and the carried one. It begins with the final state's.",
    ),
    "S2": ("The state that this step has made is h[:, t + 1].", "R2: dh times the derivative (A1) of tanh."),
    "T3": ("Every step uses the same weights.", "R3 for each step, and R4: the steps' parts add up, so +=."),
    "T4": ("x_t went into x_t @ W.", "R3 with rows: dz times W transposed."),
    "T5": (
        "h_{t-1} went into h_{t-1} @ U. What step 1 hands back belongs to the initial state.",
        "R3 with rows: dz times U transposed, handed to the step before; in the end to dh_0.",
    ),
}

MISTAKES = [
    (
        "final-state-gradient-dropped",
        "what comes from the final state never enters the loop",
        "dh_carried = np.zeros_like(dh_final)  # (T2)",
    ),
    (
        "output-gradient-assigned",
        "the carried gradient is missing: no gradient goes through time",
        "dh = dy[:, t]  # (T2)",
    ),
    ("own-gradient-dropped", "the own part, dy of this timestep, is missing", "dh = dh_carried  # (T2)"),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "dz = dh * (1 - np.tanh(h[:, t + 1]) ** 2)  # (S2)",
    ),
    (
        "activation-for-its-derivative",
        "the activation stands where its derivative belongs",
        "dz = dh * h[:, t + 1]  # (S2)",
    ),
    ("hidden-state-off-by-one", "h_{t-1} stands where h_t belongs", "dz = dh * (1 - h[:, t] ** 2)  # (S2)"),
    (
        "weight-gradient-assigned",
        "= stands where += belongs: the last step's part alone is kept",
        "dW = x[:, t].T @ dz  # (T3)",
    ),
    (
        "weight-gradient-assigned",
        "= stands where += belongs: the last step's part alone is kept",
        "dU = h[:, t].T @ dz  # (T3)",
    ),
    (
        "weight-gradient-assigned",
        "= stands where += belongs: the last step's part alone is kept",
        "db = dz.sum(axis=0)  # (T3)",
    ),
    (
        "hidden-state-off-by-one",
        "h_t stands where h_{t-1} belongs: U met the state before",
        "dU += h[:, t + 1].T @ dz  # (T3)",
    ),
    (
        "averaged-over-time",
        "divided by T in the gradient and not in the loss",
        "dW += x[:, t].T @ dz / T  # (T3)\n"
        "dU += h[:, t].T @ dz / T  # (T3)\n"
        "db += dz.sum(axis=0) / T  # (T3)",
    ),
    (
        "averaged-over-the-batch",
        "the mean over the batch stands where the sum belongs",
        "db += dz.mean(axis=0)  # (T3)",
    ),
    (
        "weight-gradient-unwritten",
        "the gradient of the weights was left at zero",
        "dW += np.zeros_like(W)  # (T3)\ndU += np.zeros_like(U)  # (T3)\ndb += np.zeros_like(db)  # (T3)",
    ),
    (
        "input-gradient-of-one-step",
        "dx leaves out the ways through later states",
        "dx[:, t] = (dy[:, t] * (1 - h[:, t + 1] ** 2)) @ W.T  # (T4)",
    ),
    ("kernel-not-transposed", "U stands where U transposed belongs", "dh_carried = dz @ U  # (T5)"),
    (
        "carried-gradient-dropped",
        "nothing is carried to the step before",
        "dh_carried = np.zeros_like(dh)  # (T5)",
    ),
    (
        "pre-activation-skipped",
        "dh is carried on without its way through tanh",
        "dh_carried = dh @ U.T  # (T5)",
    ),
    (
        "carried-too-often",
        "the carried gradient adds up over all later steps; each step hands on its own alone",
        "dh_carried = dh_carried + dz @ U.T  # (T5)",
    ),
    (
        "initial-state-gradient-dropped",
        "the gradient of the initial state is not handed out",
        "dh_0 = np.zeros_like(dh_carried)  # (T5)",
    ),
    (
        "hidden-state-off-by-one",
        "dh belongs to the state that the first step made; the one before it gets dh_carried",
        "dh_0 = dh  # (T5)",
    ),
    (
        "forwards-in-time",
        "the loop runs forwards: step t needs what step t + 1 hands back",
        "for t in range(T):",
    ),
]
