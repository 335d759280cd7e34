"""The figures of adding.py and pixels.py: what a training reached over its steps or its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from long_memory import CELLS
from matplotlib import rc_context
from matplotlib.figure import Figure

from scratch_rnn.inside.figures import CELL_COLOURS
from scratch_rnn.style import FAINT, INK, PURPLE, STYLE, WIDTH

COLOURS = {cell: CELL_COLOURS.get(cell, PURPLE) for cell in CELLS}  # the IRNN's is purple


@rc_context(STYLE)
def adding(
    errors: Mapping[int, Mapping[str, Sequence[float]]], every: int, baseline: float, learned: float
) -> Figure:
    """Draw a panel for each length: each cell's validation error, measured every so many steps."""
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharey=True, squeeze=False).ravel()
    for axes, (length, cells) in zip(grid, errors.items(), strict=False):
        axes.axhline(baseline, color=INK, linewidth=1, linestyle="--", label="the answer is always 1")
        axes.axhline(learned, color=FAINT, linewidth=1, linestyle=":", label="counts as learned")
        for cell, values in cells.items():
            steps = [every * number for number in range(1, len(values) + 1)]
            axes.semilogy(steps, values, color=COLOURS[cell], linewidth=1.6, label=cell)
            size = 10 - 2 * list(COLOURS).index(cell)  # of those that end at one place each is seen
            axes.plot(steps[-1:], values[-1:], "o", color=COLOURS[cell], markersize=size)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(title=f"T = {length}", xlabel="training steps", xlim=(0, None))
        axes.grid(color=FAINT, alpha=0.25)
        axes.set_ylabel("validation error" if axes in grid[::2] else "")
    for axes in grid[len(errors) :]:
        axes.remove()
    _legend(figure)
    return figure


@rc_context(STYLE)
def pixels(accuracies: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """Draw a panel for each order of the pixels: each cell's accuracy on its batches over the minutes."""
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    grid = figure.subplots(1, len(accuracies), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (order, cells) in zip(grid, accuracies.items(), strict=True):
        axes.axhline(10, color=INK, linewidth=1, linestyle="--", label="always the same digit")
        for cell, pairs in cells.items():
            minutes, shares = [pair[0] for pair in pairs], [100 * pair[1] for pair in pairs]
            axes.plot(minutes, shares, color=COLOURS[cell], linewidth=1.6, label=cell)
            axes.plot(minutes[-1:], shares[-1:], "o", color=COLOURS[cell], markersize=5)
        axes.set(title=f"Pixels {order}", xlabel="minutes of training", xlim=(0, None), ylim=(0, 102))
        axes.grid(color=FAINT, alpha=0.25)
    grid[0].set_ylabel("accuracy on 100 batches")
    grid[0].yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    """Name below the panels what their lines are, each once."""
    named = (axes.get_legend_handles_labels() for axes in figure.axes)
    lines = {label: line for handles, labels in named for line, label in zip(handles, labels, strict=True)}
    columns = len(lines) if len(lines) < 5 else 3
    figure.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=columns)
