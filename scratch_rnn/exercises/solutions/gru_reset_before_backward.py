"""One step of a GRU, backward, in the paper's form: reset before the product.

Forward it was u = sigmoid(...), r = sigmoid(...), m = r * h_prev, g = tanh(x_t @ W_g + m @ U_g + b_g) and h
= u * h_prev + (1 - u) * g; what enters the gates is x_t @ W_u + h_prev @ U_u + b_u, and so for r. A sample
is a row. h_prev is used four times, so its gradient has four parts.
"""

import numpy as np


def gru_reset_before_backward(dh, h_prev, u, r, g, U_u, U_r, U_g):
    """Return dh_prev (B, H), dz_u (B, H), dz_r (B, H) and dz_g (B, H).

    dh (B, H): the gradient that reaches h.
    h_prev, u, r, g (B, H): the state before, update gate, reset gate and candidate.
    U_u, U_r, U_g (H, H): the recurrent weights.
    """
    du = dh * (h_prev - g)  # (G6)
    dg = dh * (1 - u)  # (G7)
    dh_prev = dh * u  # (G8)
    dz_g = dg * (1 - g**2)  # (G9)
    dm = dz_g @ U_g.T  # (G13)
    dr = dm * h_prev  # (G14)
    dh_prev += dm * r  # (G15)
    dz_u = du * u * (1 - u)  # (G16)
    dz_r = dr * r * (1 - r)  # (G16)
    dh_prev += dz_u @ U_u.T + dz_r @ U_r.T  # (G17)
    return dh_prev, dz_u, dz_r, dz_g


HINTS = {
    "G6": (
        "h = u * h_prev + (1 - u) * g: u stands in both products, once with a minus.",
        "R1 for each product, R4 adds them: dh times (the one's partner less the other's).",
    ),
    "G7": ("h = u * h_prev + (1 - u) * g: g stands in one product.", "R1: dh times the other factor of g."),
    "G8": ("h = u * h_prev + (1 - u) * g: so does h_prev, here.", "R1: dh times the other factor of h_prev."),
    "G9": ("g is a tanh.", "R2 with (A1): dg times 1 - y^2, y being g itself."),
    "G13": ("m went into the product m @ U_g.", "R3 with rows: dz_g times U_g transposed."),
    "G14": ("m = r * h_prev: r is a factor.", "R1: dm times the other factor of r."),
    "G15": ("m = r * h_prev: so is h_prev.", "R1, added by R4: dm times the other factor of h_prev."),
    "G16": ("u and r are sigmoids.", "R2 with (A2): the gradient of the gate times y (1 - y)."),
    "G17": (
        "h_prev went into both gates, each with weights of its own.",
        "R3 with rows, added by R4: each dz times its own U, transposed.",
    ),
}

MISTAKES = [
    (
        "way-through-the-candidate-forgotten",
        "the way to h_{t-1} through the candidate is missing",
        "dh_prev = dh_prev  # (G15)",
    ),
    (
        "update-gate-of-the-wrong-sign",
        "the sign is wrong: h_{t-1} comes with a plus, g with a minus",
        "du = dh * (g - h_prev)  # (G6)",
    ),
    ("one-use-of-two", "u stands in two products; only the first is counted", "du = dh * h_prev  # (G6)"),
    ("update-gate-swapped", "u and 1 - u are swapped", "dg = dh * u  # (G7)\ndh_prev = dh * (1 - u)  # (G8)"),
    (
        "direct-way-forgotten",
        "the way of h_{t-1} past the candidate is missing",
        "dh_prev = np.zeros_like(dh)  # (G8)",
    ),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(g), as if g were a pre-activation",
        "dz_g = dg * (1 - np.tanh(g) ** 2)  # (G9)",
    ),
    ("activation-for-its-derivative", "g stands where 1 - g^2 belongs", "dz_g = dg * g  # (G9)"),
    (
        "derivative-of-the-sigmoid",
        "y (1 - y) is the derivative of the sigmoid; g is a tanh",
        "dz_g = dg * g * (1 - g)  # (G9)",
    ),
    ("activation-left-out", "the derivative of tanh is missing", "dz_g = dg  # (G9)"),
    ("kernel-not-transposed", "U_g stands where its transpose belongs", "dm = dz_g @ U_g  # (G13)"),
    ("pre-activation-skipped", "dg stands where dz_g belongs", "dm = dg @ U_g.T  # (G13)"),
    (
        "reset-before-for-after",
        "h_{t-1} U_g, p, stands where h_{t-1} belongs: that is the other form of the GRU",
        "dr = dz_g * (h_prev @ U_g)  # (G14)",
    ),
    ("factors-swapped", "r stands where h_{t-1} belongs: R1 wants the other factor", "dr = dm * r  # (G14)"),
    (
        "factors-swapped",
        "h_{t-1} stands where r belongs: R1 wants the other factor",
        "dh_prev += dm * h_prev  # (G15)",
    ),
    (
        "factor-before-the-product",
        "r is multiplied in before the product with U_g, not after it: * and @ go from left to right",
        "dh_prev += (r * dz_g) @ U_g.T  # (G15)",
    ),
    ("reset-gate-left-out", "the reset gate is missing", "dh_prev += dm  # (G15)"),
    ("not-accumulated", "= stands where += belongs: the parts before are lost", "dh_prev = dm * r  # (G15)"),
    (
        "activation-for-its-derivative",
        "y stands where y (1 - y) belongs",
        "dz_u = du * u  # (G16)",
    ),
    (
        "activation-for-its-derivative",
        "y stands where y (1 - y) belongs",
        "dz_r = dr * r  # (G16)",
    ),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; this gate is a sigmoid",
        "dz_u = du * (1 - u**2)  # (G16)",
    ),
    (
        "derivative-of-tanh",
        "1 - y^2 is the derivative of tanh; this gate is a sigmoid",
        "dz_r = dr * (1 - r**2)  # (G16)",
    ),
    (
        "kernel-not-transposed",
        "U stands where its transpose belongs",
        "dh_prev += dz_u @ U_u + dz_r @ U_r  # (G17)",
    ),
    (
        "wrong-gate",
        "the weights of the two gates are swapped",
        "dh_prev += dz_u @ U_r.T + dz_r @ U_u.T  # (G17)",
    ),
    ("one-gate-of-two", "the reset gate's part is missing", "dh_prev += dz_u @ U_u.T  # (G17)"),
    ("one-gate-of-two", "the update gate's part is missing", "dh_prev += dz_r @ U_r.T  # (G17)"),
    (
        "not-accumulated",
        "= stands where += belongs: the parts before are lost",
        "dh_prev = dz_u @ U_u.T + dz_r @ U_r.T  # (G17)",
    ),
]
