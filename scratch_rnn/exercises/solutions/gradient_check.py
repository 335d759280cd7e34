"""A gradient check of one's own.

f is any function of one array whose value is one number, and `gradient` what somebody says its gradient at
x is. Compare it with numbers that need no derivation: central differences with step h, for which the lines
are here. The complex step in place of them is right too, because f takes complex arrays. A gradient with
NaN in it must not pass.
"""

import numpy as np


def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-6, floor=1e-3):
    """Return `numeric`, `error` and `passed`.

    x: the array; it is not changed.  gradient: an array of the same shape.
    numeric: the derivatives by differences, an array.
    error: the largest relative error of all entries, one number: how far the two numbers of an entry are
        apart, over their size. The size is that of the larger one, without its sign, but at least the floor.
    passed: whether the error is within the tolerance, True or False.
    """
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] = x[index] + h
        above = f(moved)
        moved[index] = x[index] - h
        below = f(moved)
        numeric[index] = (above - below) / (2 * h)  # (N1)
    size = np.maximum(np.maximum(abs(gradient), abs(numeric)), floor)  # (N3)
    error = (abs(gradient - numeric) / size).max()  # (N3)
    passed = bool(error <= tolerance)  # (N3)
    return numeric, error, passed


HINTS = {
    "N1": (
        "Two values of f, one on each side of x.",
        "Their difference over the distance between the two points.",
    ),
    "N3": (
        "The difference, over the size of the numbers themselves.",
        "size: the larger of the two numbers, without signs, and at least the floor. passed: ask whether the "
        "error is small, not whether it is large: NaN compares False.",
    ),
}

MISTAKES = [
    (
        "half-the-distance",
        "divided by h: the two points are 2 h apart",
        "numeric[index] = (above - below) / h  # (N1)",
    ),
    (
        "forward-difference",
        "a forward difference: its error is of size h, not h^2",
        "numeric[index] = (above - f(x)) / h  # (N1)",
    ),
    (
        "backward-difference",
        "a backward difference: its error is of size h, not h^2",
        "numeric[index] = (f(x) - below) / h  # (N1)",
    ),
    (
        "wrong-sign",
        "the sign of the difference is wrong",
        "numeric[index] = (below - above) / (2 * h)  # (N1)",
    ),
    (
        "absolute-error",
        "the error is absolute: with small gradients it passes anything",
        "error = abs(gradient - numeric).max()  # (N3)",
    ),
    ("absolute-error", "the size is always 1, so the error is absolute", "size = np.ones(x.shape)  # (N3)"),
    ("relative-to-one", "relative to one of the two alone", "size = np.maximum(abs(numeric), floor)  # (N3)"),
    (
        "relative-to-one",
        "relative to one of the two alone",
        "size = np.maximum(abs(gradient), floor)  # (N3)",
    ),
    ("floor-forgotten", "the floor is missing", "size = np.maximum(abs(gradient), abs(numeric))  # (N3)"),
    (
        "relative-to-the-sum",
        "relative to the sum of both, which halves the error",
        "size = np.maximum(abs(gradient) + abs(numeric), floor)  # (N3)",
    ),
    (
        "relative-to-the-sum",
        "relative to the sum of both, which halves the error; and the floor is missing",
        "size = abs(gradient) + abs(numeric)  # (N3)",
    ),
    (
        "sign-of-the-size",
        "without abs: the size of a number below zero counts as the floor",
        "size = np.maximum(np.maximum(gradient, numeric), floor)  # (N3)",
    ),
    (
        "relative-to-their-difference",
        "relative to |a + n|: opposite signs explode, equal signs hide",
        "size = np.maximum(abs(gradient + numeric), floor)  # (N3)",
    ),
    (
        "sign-of-the-error",
        "without abs: an error below zero is not seen",
        "error = ((gradient - numeric) / size).max()  # (N3)",
    ),
    (
        "mean-error",
        "the mean error hides one wrong entry among many right ones",
        "error = (abs(gradient - numeric) / size).mean()  # (N3)",
    ),
    (
        "smallest-error",
        "the smallest error stands where the largest belongs",
        "error = (abs(gradient - numeric) / size).min()  # (N3)",
    ),
    (
        "nan-passes",
        "NaN passes: it compares False with everything, so ask error <= tolerance",
        "passed = not error > tolerance  # (N3)",
    ),
    (
        "nan-is-skipped",
        "NaN is skipped, and a gradient with NaN passes",
        "error = np.nanmax(abs(gradient - numeric) / size)  # (N3)",
    ),
    ("upside-down", "True where the error is too large", "passed = bool(error > tolerance)  # (N3)"),
]
