"""The figure of a gradient check: how wrong numeric derivatives are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratch_rnn.arrays import Array
from scratch_rnn.style import MODEL_COLOURS, STYLE, WIDTH

ZERO = 1e-17  # where an error of zero is drawn, which has no logarithm


@rc_context(STYLE)
def step_sweep(steps: Sequence[float], errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the relative error of numeric derivatives over the step size, both logarithmic.

    Args:
        steps: (N,), above zero.
        errors: what `sweep_steps` returns: for each dtype (N,).
        title: of the whole figure.

    Raises:
        ValueError: the lengths differ.
    """
    names = {
        "float32": "central differences, float32",
        "float64": "central differences, float64",
        "complex128": "complex step",
    }
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    for place, (dtype, values) in enumerate(errors.items()):
        if len(values) != len(steps):
            raise ValueError(f"{dtype}: expected {len(steps)} errors, one for each step, found {len(values)}")
        shown = np.maximum(np.asarray(values, dtype=float), ZERO)
        axes.loglog(steps, shown, color=MODEL_COLOURS[place], marker="o", markersize=3.5, label=names[dtype])
        _mark_zeros(axes, np.asarray(steps)[shown == ZERO], MODEL_COLOURS[place])
    axes.set(xlabel="step h", ylabel="relative error", ylim=(1e-18, 100))
    axes.grid()
    figure.suptitle(title)
    figure.legend(loc="outside lower center", ncols=len(errors))
    return figure


def _mark_zeros(axes: Axes, steps: Array, colour: str) -> None:
    """Draw the errors of zero hollow, and say that they are zero."""
    if steps.size:
        axes.scatter(steps, np.full(steps.shape, ZERO), s=16, facecolors="white", edgecolors=colour, zorder=3)
        axes.annotate("no error at all", (steps.max(), ZERO), (8, -3), textcoords="offset points")
