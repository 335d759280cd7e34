"""One step of an LSTM, backward.

Forward it was z = x_t @ W + h_prev @ U + b, cut into z_i, z_f, z_g, z_o; i, f, o are the sigmoids of theirs
and g is the tanh of its own; c = f * c_prev + i * g and h = o * tanh(c). A sample is a row. What comes back
to c from the step after is dc_carried; c also acts through h.
"""

import numpy as np


def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    """Return dh_prev (B, H), dc_prev (B, H) and dz (B, 4H), in the order i, f, g, o.

    dh, dc_carried (B, H): the gradients that reach h and, from the step after, c.
    c_prev, i, f, g, o, c (B, H): the cell state before, the gates, the candidate, the cell state.
    U (H, 4H): the recurrent weights, in the order i, f, g, o.
    """
    do = dh * np.tanh(c)  # (L7)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried  # (L8)
    df = dc * c_prev  # (L9)
    di = dc * g  # (L10)
    dg = dc * i  # (L11)
    dc_prev = dc * f  # (L12)
    dz_i = di * i * (1 - i)  # (L13)
    dz_f = df * f * (1 - f)  # (L13)
    dz_o = do * o * (1 - o)  # (L13)
    dz_g = dg * (1 - g**2)  # (L14)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T  # (L15)
    return dh_prev, dc_prev, dz


HINTS = {
    "L7": ("h = o * tanh(c): o stands in one product.", "R1: dh times the other factor."),
    "L8": (
        "c is used twice: in h = o * tanh(c), and in the step after.",
        "R1 and R2 through the product and the tanh; then R4: add what is carried.",
    ),
    "L9": ("c = f * c_prev + i * g: f stands in one product.", "R1: dc times the other factor of f."),
    "L10": ("c = f * c_prev + i * g: i stands in one product.", "R1: dc times the other factor of i."),
    "L11": ("c = f * c_prev + i * g: g stands in one product.", "R1: dc times the other factor of g."),
    "L12": ("c = f * c_prev + i * g: so does c_prev.", "R1: dc times the other factor of c_prev. No matrix."),
    "L13": (
        "i, f and o are sigmoids of their pre-activations.",
        "R2 with (A2): the gradient of the gate times y (1 - y), y the gate itself.",
    ),
    "L14": ("g is a tanh.", "R2 with (A1): times 1 - y^2, y being g itself."),
    "L15": (
        "h_prev went into all four pre-activations, by one product.",
        "R3 with rows: dz times U transposed, which adds the four parts up.",
    ),
}

MISTAKES = [
    ("activation-forgotten", "the tanh of c is missing", "do = dh * c  # (L7)"),
    ("factors-swapped", "o stands where tanh(c) belongs: R1 wants the other factor", "do = dh * o  # (L7)"),
    (
        "derivative-of-an-output",
        "the derivative is taken at tanh(c) in place of c",
        "dc = dh * o * (1 - np.tanh(np.tanh(c)) ** 2) + dc_carried  # (L8)",
    ),
    (
        "cell-state-for-its-activation",
        "1 - c^2: c is not the output of the tanh, tanh(c) is",
        "dc = dh * o * (1 - c**2) + dc_carried  # (L8)",
    ),
    ("activation-left-out", "the derivative of tanh is missing", "dc = dh * o + dc_carried  # (L8)"),
    (
        "activation-for-its-derivative",
        "tanh(c) stands where its derivative belongs",
        "dc = dh * o * np.tanh(c) + dc_carried  # (L8)",
    ),
    (
        "cell-gradient-not-added",
        "what is carried from the step after is missing",
        "dc = dh * o * (1 - np.tanh(c) ** 2)  # (L8)",
    ),
    ("own-gradient-dropped", "the way through h is missing", "dc = dc_carried  # (L8)"),
    (
        "carried-gradient-squashed",
        "the carried part goes through the derivative of tanh too; it comes to c itself",
        "dc = (dh * o + dc_carried) * (1 - np.tanh(c) ** 2)  # (L8)",
    ),
    (
        "output-gate-left-out",
        "the output gate is missing",
        "dc = dh * (1 - np.tanh(c) ** 2) + dc_carried  # (L8)",
    ),
    ("cell-state-off-by-one", "c_t stands where c_{t-1} belongs", "df = dc * c  # (L9)"),
    (
        "input-gate-for-candidate",
        "i stands where g belongs: R1 wants the other factor",
        "di = dc * i  # (L10)",
    ),
    ("factors-swapped", "g stands where i belongs: R1 wants the other factor", "dg = dc * g  # (L11)"),
    ("factors-swapped", "f stands where c_{t-1} belongs: R1 wants the other factor", "df = dc * f  # (L9)"),
    (
        "factors-swapped",
        "c_{t-1} stands where f belongs: R1 wants the other factor",
        "dc_prev = dc * c_prev  # (L12)",
    ),
    ("forget-gate-left-out", "the forget gate is missing", "dc_prev = dc  # (L12)"),
    ("wrong-gate", "i stands where f belongs", "dc_prev = dc * i  # (L12)"),
    (
        "own-gradient-dropped",
        "dc_carried stands where dc belongs: the way through h is lost",
        "dc_prev = dc_carried * f  # (L12)",
    ),
    (
        "activation-for-its-derivative",
        "y stands where y (1 - y) belongs",
        "dz_i = di * i  # (L13)",
    ),
    (
        "activation-for-its-derivative",
        "y stands where y (1 - y) belongs",
        "dz_f = df * f  # (L13)",
    ),
    (
        "activation-for-its-derivative",
        "y stands where y (1 - y) belongs",
        "dz_o = do * o  # (L13)",
    ),
    ("activation-for-its-derivative", "g stands where 1 - g^2 belongs", "dz_g = dg * g  # (L14)"),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; this gate is a sigmoid",
        "dz_i = di * (1 - i**2)  # (L13)",
    ),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; this gate is a sigmoid",
        "dz_f = df * (1 - f**2)  # (L13)",
    ),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; this gate is a sigmoid",
        "dz_o = do * (1 - o**2)  # (L13)",
    ),
    (
        "derivative-of-the-sigmoid",
        "y (1 - y) is the derivative of the sigmoid; g is a tanh",
        "dz_g = dg * g * (1 - g)  # (L14)",
    ),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(g), as if g were a pre-activation",
        "dz_g = dg * (1 - np.tanh(g) ** 2)  # (L14)",
    ),
    ("activation-left-out", "the derivative of tanh is missing", "dz_g = dg  # (L14)"),
    ("activation-left-out", "the derivative of the sigmoid is missing", "dz_f = df  # (L13)"),
    (
        "wrong-order",
        "Keras's order is i, f, g, o: here g and o are swapped",
        "dz = np.hstack([dz_i, dz_f, dz_o, dz_g])",
    ),
    (
        "wrong-order",
        "Keras's order is i, f, g, o: here f and i are swapped",
        "dz = np.hstack([dz_f, dz_i, dz_g, dz_o])",
    ),
    (
        "one-gate-of-four",
        "only the forget gate's part reaches h_{t-1}; all four pre-activations used it",
        "dh_prev = dz_f @ np.split(U, 4, axis=1)[1].T  # (L15)",
    ),
]
