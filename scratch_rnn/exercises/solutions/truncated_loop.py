"""Truncated backpropagation through time.

The backward loop of a SimpleRNN once more, of which only dz is asked for. It cuts the sequence, from its
end, into windows of k steps: a gradient that reaches the beginning of a window goes no further. t counts
the timesteps from 0, so after step t, dh_carried is about to be handed to the state h[:, t]; that state
begins a window where t is T - k, T - 2k, ... The initial state, h[:, 0], is no border: what reaches it is
handed out.
"""

import numpy as np


def truncated_loop(dy, h, U, k):
    """Return dz (B, T, H) and dh_0 (B, H).

    dy (B, T, H): what the loss says to each output.  h (B, T + 1, H): the states, the initial one first.
    U (H, H): the recurrent weights.  k: the steps in a window, 1 or more.
    """
    B, T, H = dy.shape
    dz = np.zeros((B, T, H))
    dh_carried = np.zeros((B, H))
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried  # (T2)
        dz[:, t] = dh * (1 - h[:, t + 1] ** 2)  # (S2)
        dh_carried = dz[:, t] @ U.T  # (T5)
        border = (T - t) % k == 0 and t > 0  # (K1)
        if border:
            dh_carried = np.zeros((B, H))
    dh_0 = dh_carried
    return dz, dh_0


HINTS = {
    "T2": (
        "Each state is used twice: as an output, and by the step after it.",
        "R4: own part plus carried part.",
    ),
    "S2": ("The state that this step has made is h[:, t + 1].", "R2: dh times the derivative (A1) of tanh."),
    "T5": ("h_{t-1} went into h_{t-1} @ U.", "R3 with rows: dz of this step times U transposed."),
    "K1": (
        "Count from the end: k steps are done when t = T - k.",
        "True where T - t is a multiple of k, but not at t = 0.",
    ),
}

MISTAKES = [
    (
        "one-step-too-far",
        "windows of k + 1 steps in place of k",
        "border = (T - t) % (k + 1) == 0 and t > 0  # (K1)",
    ),
    (
        "one-step-too-short",
        "windows of k - 1 steps in place of k",
        "border = (T - t) % max(k - 1, 1) == 0 and t > 0  # (K1)",
    ),
    (
        "cut-one-step-late",
        "each cut comes one step late: the first window has k + 1 steps",
        "border = (T - t) % k == 1 % k and t > 0 and T - t > 1  # (K1)",
    ),
    (
        "cut-one-step-early",
        "each cut comes one step early: the first window has k - 1 steps",
        "border = (T - t + 1) % k == 0 and t > 0  # (K1)",
    ),
    (
        "windows-from-the-beginning",
        "the windows are counted from the beginning; they end with the sequence",
        "border = t % k == 0 and t > 0  # (K1)",
    ),
    (
        "initial-state-gradient-dropped",
        "the gradient of the initial state is cut off, too",
        "border = (T - t) % k == 0  # (K1)",
    ),
    (
        "cut-once",
        "one window alone: the cut at T - 2k and those before are missing",
        "border = T - t == k and t > 0  # (K1)",
    ),
    (
        "cut-once",
        "one window alone: the cut at T - 2k and those before are missing, and t = 0 may be one",
        "border = t == T - k  # (K1)",
    ),
    ("never-cut", "nothing is cut", "border = False  # (K1)"),
    (
        "carried-gradient-dropped",
        "cut at every step: no gradient goes through time",
        "border = t > 0  # (K1)",
    ),
    (
        "output-gradient-assigned",
        "the carried gradient is missing: no gradient goes through time",
        "dh = dy[:, t]  # (T2)",
    ),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "dz[:, t] = dh * (1 - np.tanh(h[:, t + 1]) ** 2)  # (S2)",
    ),
    (
        "activation-for-its-derivative",
        "the activation stands where its derivative belongs",
        "dz[:, t] = dh * h[:, t + 1]  # (S2)",
    ),
    (
        "hidden-state-off-by-one",
        "h_{t-1} stands where h_t belongs",
        "dz[:, t] = dh * (1 - h[:, t] ** 2)  # (S2)",
    ),
    ("kernel-not-transposed", "U stands where U transposed belongs", "dh_carried = dz[:, t] @ U  # (T5)"),
    (
        "pre-activation-skipped",
        "dh is carried on without its way through tanh",
        "dh_carried = dh @ U.T  # (T5)",
    ),
    (
        "hidden-state-off-by-one",
        "dh belongs to the state that the first step made; the one before it gets dh_carried",
        "dh_0 = dh",
    ),
    (
        "forwards-in-time",
        "the loop runs forwards: step t needs what step t + 1 hands back",
        "for t in range(T):",
    ),
]
