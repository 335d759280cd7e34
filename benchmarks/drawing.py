"""Figures of the benchmarks, in the library's style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from scratch_rnn.inside.figures import CELL_COLOURS
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import BLUE, FAINT, INK, MODEL_COLOURS, ORANGE, STYLE, WIDTH

OURS = "scratch_rnn"
MARKERS = "os^D"


@rc_context(STYLE)
def contest(panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Draw a panel for each key: a row per contestant, each round a dot, the median a bar with its number."""
    rows = max(len(contestants) for contestants in panels.values())
    figure = Figure(figsize=(WIDTH, 0.9 + len(panels) * (0.4 + 0.24 * rows)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False)
    for axes, (name, contestants) in zip(grid[:, 0], panels.items(), strict=True):
        _draw_contest(axes, contestants)
        axes.set_title(name)
    figure.suptitle(title)
    return figure


def _draw_contest(axes: Axes, contestants: Mapping[str, Sequence[float]]) -> None:
    slowest_first = sorted(contestants, key=lambda name: -median(contestants[name]))
    reach = 1.12 * max(max(rounds) for rounds in contestants.values())
    for place, name in enumerate(slowest_first):
        middle = median(contestants[name])
        colour = ORANGE if OURS in name.replace("-", "_") else BLUE
        axes.barh(place, middle, height=0.62, color=colour, alpha=0.35, linewidth=0)
        axes.plot(contestants[name], [place] * len(contestants[name]), ".", color=colour, markersize=4)
        shown = f"{middle:.3g}" if middle < 1000 else f"{middle:.0f}"
        axes.text(1.01 * reach, place, shown, va="center", color=INK)
    axes.set(xlim=(0, reach), yticks=range(len(slowest_first)), yticklabels=slowest_first)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


@rc_context(STYLE)
def scaling(
    panels: Mapping[str, Mapping[str, Mapping[float, float]]], title: str, unit: str = "milliseconds a step"
) -> Figure:
    """Draw a panel for each key: for each contestant its number over the size, both logarithmic."""
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)
    for axes, (name, contestants) in zip(grid[0], panels.items(), strict=True):
        for place, (contestant, values) in enumerate(contestants.items()):
            axes.loglog(
                list(values),
                list(values.values()),
                color=MODEL_COLOURS[place % len(MODEL_COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                markersize=4,
                label=contestant,
            )
        sizes = sorted({size for values in contestants.values() for size in values})
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes], rotation=45 if len(sizes) > 6 else 0)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set(title=name, ylabel=unit if axes is grid[0][0] else "")
        axes.grid(color=FAINT, alpha=0.25)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title)
    return figure


@rc_context(STYLE)
def truncation(results: Mapping[str, Mapping[str, Mapping[int, float]]]) -> Figure:
    """Draw for each cell accuracy and gradient error over the number of steps that the gradient goes back."""
    panels = {
        "accuracy": "Test accuracy",
        "error before training": "Gradient error, untrained",
        "error after training": "Gradient error, trained",
    }
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True)
    for axes, (quantity, title) in zip(grid, panels.items(), strict=True):
        for place, (cell, result) in enumerate(results.items()):
            values = {steps: 100 * value for steps, value in result[quantity].items()}
            style = {"color": CELL_COLOURS[cell], "marker": MARKERS[place], "markersize": 4, "label": cell}
            axes.semilogx(list(values), list(values.values()), **style)
        axes.set_xticks(list(values), [str(steps) for steps in values])
        axes.minorticks_off()
        axes.set(title=title, xlabel="steps k that the gradient goes back", ylim=(-3, 103))
        axes.grid(color=FAINT, alpha=0.25)
    grid[0].yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure
