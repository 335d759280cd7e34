"""The chain rule, on one unit and three steps.

h_t = tanh(w x_t + u h_{t-1}) for t = 1, 2, 3, and the loss is L = h_3. All of them are single numbers.
delta_t is the gradient of the loss with respect to what enters the tanh of step t. Find dL/du and dL/dw:
both weights are used three times.
"""

import numpy as np


def one_unit(x_1, x_2, x_3, h_0, w, u):
    """Return h_3, dL/du and dL/dw."""
    h_1 = np.tanh(w * x_1 + u * h_0)  # (U1)
    h_2 = np.tanh(w * x_2 + u * h_1)  # (U1)
    h_3 = np.tanh(w * x_3 + u * h_2)  # (U1)
    delta_3 = 1 - h_3**2  # (U2)
    delta_2 = (1 - h_2**2) * u * delta_3  # (U3)
    delta_1 = (1 - h_1**2) * u * delta_2  # (U4)
    du = delta_3 * h_2 + delta_2 * h_1 + delta_1 * h_0  # (U5)
    dw = delta_3 * x_3 + delta_2 * x_2 + delta_1 * x_1  # (U6)
    return h_3, du, dw


HINTS = {
    "U1": ("The formula stands in the task.", "np.tanh of w times this step's x plus u times the h before."),
    "U2": (
        "L is h_3 itself.",
        "R2: dL/dh_3 = 1, times the derivative of tanh, written through its output h_3.",
    ),
    "U3": (
        "h_2 acts on L through step 3 alone.",
        "R3 with numbers: times u, what met h_2 in step 3; then R2.",
    ),
    "U4": ("As (U3), one step earlier.", "R3: times u, what met h_1 in step 2; then R2 with h_1."),
    "U5": (
        "u is used in every step.",
        "R1 and R4: for each step delta_t times the h that u met; add them up.",
    ),
    "U6": (
        "w is used in every step.",
        "R1 and R4: for each step delta_t times the x that w met; add them up.",
    ),
}

MISTAKES = [
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "delta_3 = 1 - np.tanh(h_3) ** 2  # (U2)",
    ),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "delta_2 = (1 - np.tanh(h_2) ** 2) * u * delta_3  # (U3)",
    ),
    (
        "derivative-of-an-output",
        "the derivative is taken of tanh(h), as if h were a pre-activation",
        "delta_1 = (1 - np.tanh(h_1) ** 2) * u * delta_2  # (U4)",
    ),
    (
        "activation-for-its-derivative",
        "the activation stands where its derivative belongs",
        "delta_3 = h_3  # (U2)",
    ),
    (
        "activation-for-its-derivative",
        "the activation stands where its derivative belongs",
        "delta_2 = h_2 * u * delta_3  # (U3)",
    ),
    ("activation-left-out", "the derivative of tanh is missing", "delta_3 = 1.0  # (U2)"),
    ("activation-left-out", "the derivative of tanh is missing", "delta_2 = u * delta_3  # (U3)"),
    (
        "wrong-weight",
        "w stands where u belongs: the way from step to step goes through u",
        "delta_2 = (1 - h_2**2) * w * delta_3  # (U3)",
    ),
    ("carried-gradient-dropped", "only the last use of u is counted", "du = delta_3 * h_2  # (U5)"),
    ("carried-gradient-dropped", "only the last use of w is counted", "dw = delta_3 * x_3  # (U6)"),
    (
        "hidden-state-off-by-one",
        "h_t stands where h_{t-1} belongs: u meets the state before",
        "du = delta_3 * h_3 + delta_2 * h_2 + delta_1 * h_1  # (U5)",
    ),
    (
        "initial-state-forgotten",
        "the term of the first step, with h_0, is missing",
        "du = delta_3 * h_2 + delta_2 * h_1  # (U5)",
    ),
    (
        "averaged-over-time",
        "the sum over time is divided by the number of steps",
        "du = (delta_3 * h_2 + delta_2 * h_1 + delta_1 * h_0) / 3  # (U5)",
    ),
]
