"""One step of a GRU, backward, in Keras's form: reset after the product.

Forward it was u = sigmoid(...), r = sigmoid(...), p = h_prev @ U_g + b'_g, g = tanh(x_t @ W_g + b_g + r *
p) and h = u * h_prev + (1 - u) * g; what enters the gates is x_t @ W_u + h_prev @ U_u and biases, and so
for r. A sample is a row. h_prev is used four times, so its gradient has four parts.
"""

import numpy as np


def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    """Return dh_prev (B, H), dz_u (B, H), dz_r (B, H), dz_g (B, H) and dp (B, H).

    dh (B, H): the gradient that reaches h.
    h_prev, u, r, g, p (B, H): the state before, update gate, reset gate, candidate and projected past.
    U_u, U_r, U_g (H, H): the recurrent weights.
    """
    du = dh * (h_prev - g)  # (G6)
    dg = dh * (1 - u)  # (G7)
    dh_prev = dh * u  # (G8)
    dz_g = dg * (1 - g**2)  # (G9)
    dr = dz_g * p  # (G10)
    dp = dz_g * r  # (G11)
    dh_prev += dp @ U_g.T  # (G12)
    dz_u = du * u * (1 - u)  # (G16)
    dz_r = dr * r * (1 - r)  # (G16)
    dh_prev += dz_u @ U_u.T + dz_r @ U_r.T  # (G17)
    return dh_prev, dz_u, dz_r, dz_g, dp


HINTS = {
    "G6": (
        "h = u * h_prev + (1 - u) * g: u stands in both products, once with a minus.",
        "R1 for each product, R4 adds them: dh times (the one's partner less the other's).",
    ),
    "G7": ("h = u * h_prev + (1 - u) * g: g stands in one product.", "R1: dh times the other factor of g."),
    "G8": ("h = u * h_prev + (1 - u) * g: so does h_prev, here.", "R1: dh times the other factor of h_prev."),
    "G9": ("g is a tanh.", "R2 with (A1): dg times 1 - y^2, y being g itself."),
    "G10": ("What enters the tanh contains r * p.", "R1: dz_g times the other factor of r."),
    "G11": ("What enters the tanh contains r * p.", "R1: dz_g times the other factor of p."),
    "G12": ("p = h_prev @ U_g + a bias.", "R3 with rows, added by R4: dp times U_g transposed."),
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
        "dh_prev = dh_prev  # (G12)",
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
    (
        "reset-before-for-after",
        "h_{t-1} stands where p belongs: that is the other form of the GRU",
        "dr = dz_g * h_prev  # (G10)",
    ),
    ("factors-swapped", "r stands where p belongs: R1 wants the other factor", "dr = dz_g * r  # (G10)"),
    ("factors-swapped", "p stands where r belongs: R1 wants the other factor", "dp = dz_g * p  # (G11)"),
    ("reset-gate-left-out", "the reset gate is missing", "dp = dz_g  # (G11)"),
    ("pre-activation-skipped", "dg stands where dz_g belongs", "dr = dg * p  # (G10)"),
    ("pre-activation-skipped", "dg stands where dz_g belongs", "dp = dg * r  # (G11)"),
    (
        "reset-gate-left-out",
        "dz_g stands where dp belongs: the reset gate is missing",
        "dh_prev += dz_g @ U_g.T  # (G12)",
    ),
    ("kernel-not-transposed", "U_g stands where its transpose belongs", "dh_prev += dp @ U_g  # (G12)"),
    (
        "not-accumulated",
        "= stands where += belongs: the parts before are lost",
        "dh_prev = dp @ U_g.T  # (G12)",
    ),
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
