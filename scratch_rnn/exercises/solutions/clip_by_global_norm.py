"""Gradient clipping, by the global norm.

A batch whose gradient is huge can wreck the weights. So all gradients are scaled by one factor, where their
norm, taken over all entries of all arrays as if they were one vector, is above c; then it is c. The
direction stays. A gradient that is small already stays as it is.
"""

import numpy as np


def clip_by_global_norm(gradients, c):
    """Return a list of the clipped gradients; those that were given are not changed.

    gradients: a list of arrays of any shapes.  c: a number above zero.
    """
    norm = np.sqrt(sum((g**2).sum() for g in gradients))  # (V1)
    factor = min(1, c / norm)  # (V2)
    clipped = [factor * g for g in gradients]  # (V2)
    return clipped


HINTS = {
    "V1": (
        "One number for all arrays together.",
        "The root of the sum of the squares of all entries of all arrays.",
    ),
    "V2": ("Every array gets the same factor.", "c over the norm where the norm is above c, else 1."),
}

MISTAKES = [
    ("norm-not-rooted", "the square root is missing", "norm = sum((g**2).sum() for g in gradients)  # (V1)"),
    (
        "sum-of-norms",
        "the norms of the arrays are added; it is their squares that add up",
        "norm = sum(np.sqrt((g**2).sum()) for g in gradients)  # (V1)",
    ),
    (
        "largest-entry",
        "the largest entry stands where the norm belongs",
        "norm = max(abs(g).max() for g in gradients)  # (V1)",
    ),
    (
        "largest-norm",
        "the largest norm of one array stands where that of all belongs",
        "norm = max(np.sqrt((g**2).sum()) for g in gradients)  # (V1)",
    ),
    (
        "first-array-alone",
        "the norm of the first array alone",
        "norm = np.sqrt((gradients[0] ** 2).sum())  # (V1)",
    ),
    (
        "sum-of-sizes",
        "the sizes of the entries are added, not their squares",
        "norm = sum(abs(g).sum() for g in gradients)  # (V1)",
    ),
    (
        "mean-square",
        "the mean of the squares stands where their sum belongs",
        "norm = np.sqrt(sum((g**2).mean() for g in gradients))  # (V1)",
    ),
    (
        "scaled-up",
        "small gradients are scaled up: the factor may not be above 1",
        "factor = c / norm  # (V2)",
    ),
    ("upside-down", "norm / c stands where c / norm belongs", "factor = min(1, norm / c)  # (V2)"),
    ("scaled-to-one", "c is missing: the norm becomes 1, not c", "factor = min(1, 1 / norm)  # (V2)"),
    (
        "larger-for-smaller",
        "the larger of the two numbers stands where the smaller belongs",
        "factor = max(1, c / norm)  # (V2)",
    ),
    (
        "by-value",
        "this clips each entry by its value, which changes the direction",
        "clipped = [np.clip(g, -c, c) for g in gradients]  # (V2)",
    ),
    (
        "by-the-norm-of-each",
        "each array is clipped by its own norm, which changes the direction of the whole",
        "clipped = [g * min(1, c / np.sqrt((g**2).sum())) for g in gradients]  # (V2)",
    ),
    ("not-clipped", "nothing is clipped", "clipped = [1.0 * g for g in gradients]  # (V2)"),
]
