"""A cell of one's own: derive its backward pass yourself.

The minimal gated unit (Zhou et al. 2016) has one gate, f, which both forgets and resets. Forward, with a
row for each sample:

    f = sigmoid(x_t @ W_f + h_prev @ U_f + b_f)      (X1)
    m = f * h_prev                                   (X2)
    g = tanh(x_t @ W_g + m @ U_g + b_g)              (X3)
    h = (1 - f) * h_prev + f * g                     (X4)

Where is f used, and where h_prev? Numbers (X5) to (X11) are this exercise's own. The numbers that yours are
compared with agree with the complex step.
"""

import numpy as np


def own_cell(dh, h_prev, f, g, U_f, U_g):
    """Return dh_prev (B, H), dz_f (B, H) and dz_g (B, H), the gradients of what enters sigmoid and tanh.

    dh (B, H): the gradient that reaches h.
    h_prev, f, g (B, H): the state before, the gate and the candidate.
    U_f, U_g (H, H): the recurrent weights.
    """
    dg = dh * f  # (X5)
    dz_g = dg * (1 - g**2)  # (X6)
    dm = dz_g @ U_g.T  # (X7)
    df = dh * (g - h_prev) + dm * h_prev  # (X8)
    dz_f = df * f * (1 - f)  # (X9)
    dh_prev = dh * (1 - f) + dm * f  # (X10)
    dh_prev += dz_f @ U_f.T  # (X11)
    return dh_prev, dz_f, dz_g


HINTS = {
    "X5": ("In (X4) g stands in one product.", "R1: dh times the other factor of g."),
    "X6": ("g is a tanh.", "R2 with (A1): times 1 - y^2, y being g itself."),
    "X7": ("In (X3) m stands in the product m @ U_g.", "R3 with rows: dz_g times U_g transposed."),
    "X8": (
        "f is used three times: twice in (X4), once with a minus, and in (X2).",
        "R1 for each of the three, R4 adds them up.",
    ),
    "X9": ("f is a sigmoid.", "R2 with (A2): df times y (1 - y), y being f itself."),
    "X10": ("h_prev is used three times; here those in (X4) and (X2).", "R1 for each, R4 adds them up."),
    "X11": ("The third is in (X1).", "R3 with rows, added by R4: dz_f times U_f transposed."),
}

MISTAKES = [
    ("update-gate-swapped", "f and 1 - f are swapped", "dg = dh * (1 - f)  # (X5)"),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(g), as if g were a pre-activation",
        "dz_g = dg * (1 - np.tanh(g) ** 2)  # (X6)",
    ),
    ("activation-for-its-derivative", "g stands where 1 - g^2 belongs", "dz_g = dg * g  # (X6)"),
    ("activation-left-out", "the derivative of tanh is missing", "dz_g = dg  # (X6)"),
    (
        "derivative-of-the-sigmoid",
        "y (1 - y) is the derivative of the sigmoid; g is a tanh",
        "dz_g = dg * g * (1 - g)  # (X6)",
    ),
    ("kernel-not-transposed", "U_g stands where its transpose belongs", "dm = dz_g @ U_g  # (X7)"),
    ("one-use-forgotten", "the use of f in (X2) is missing", "df = dh * (g - h_prev)  # (X8)"),
    ("one-use-forgotten", "the use of f in 1 - f is missing", "df = dh * g + dm * h_prev  # (X8)"),
    (
        "wrong-sign",
        "the sign is wrong: g comes with a plus, h_{t-1} with a minus",
        "df = dh * (h_prev - g) + dm * h_prev  # (X8)",
    ),
    ("activation-for-its-derivative", "f stands where f (1 - f) belongs", "dz_f = df * f  # (X9)"),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; f is a sigmoid",
        "dz_f = df * (1 - f**2)  # (X9)",
    ),
    ("update-gate-swapped", "f and 1 - f are swapped", "dh_prev = dh * f + dm * f  # (X10)"),
    (
        "way-through-the-candidate-forgotten",
        "the way through m is missing",
        "dh_prev = dh * (1 - f)  # (X10)",
    ),
    ("direct-way-forgotten", "the way of h_{t-1} past the candidate is missing", "dh_prev = dm * f  # (X10)"),
    ("reset-gate-left-out", "the gate's factor in (X2) is missing", "dh_prev = dh * (1 - f) + dm  # (X10)"),
    (
        "factor-before-the-product",
        "f is multiplied in before the product with U_g, not after it: * and @ go from left to right",
        "dh_prev = dh * (1 - f) + (f * dz_g) @ U_g.T  # (X10)",
    ),
    ("kernel-not-transposed", "U_f stands where its transpose belongs", "dh_prev += dz_f @ U_f  # (X11)"),
    (
        "not-accumulated",
        "= stands where += belongs: the parts before are lost",
        "dh_prev = dz_f @ U_f.T  # (X11)",
    ),
]
