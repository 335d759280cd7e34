"""Figures of the benchmarks, in the library's style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from scratch_rnn.inside.figures import CELL_COLOURS
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import BLUE, FAINT, GREEN, INK, MODEL_COLOURS, ORANGE, PURPLE, RED, SKY, STYLE, WIDTH

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
    panels: Mapping[str, Mapping[str, Mapping[float, float]]],
    title: str,
    rounds: Mapping[str, Mapping[str, Mapping[float, Sequence[float]]]] | None = None,
) -> Figure:
    """Draw a panel for each key: for each contestant its number over the size, both logarithmic.

    `rounds` has all that the numbers are medians of; they are drawn as pale dots.
    """
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
            for size, times in (rounds[name][contestant] if rounds else {}).items():
                colour = MODEL_COLOURS[place % len(MODEL_COLOURS)]
                axes.plot([size] * len(times), times, ".", color=colour, alpha=0.4, zorder=1)
        sizes = sorted({size for values in contestants.values() for size in values})
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes], rotation=45 if len(sizes) > 6 else 0)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set(title=name, ylabel="milliseconds a step" if axes is grid[0][0] else "")
        axes.grid(color=FAINT, alpha=0.25)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title)
    return figure


@rc_context(STYLE)
def workers(
    counted: Mapping[str, Mapping[str, Mapping[int, float]]],
    measured: Mapping[str, Mapping[str, Mapping[int, float]]],
) -> Figure:
    """Draw a panel for each key: milliseconds over the workers, counted (lines) and measured (crosses)."""
    figure = scaling(counted, "Milliseconds a step over the workers: lines are counted, crosses measured")
    for axes, series in zip(figure.axes, measured.values(), strict=True):
        for place, values in enumerate(series.values()):
            colour = MODEL_COLOURS[place % len(MODEL_COLOURS)]
            axes.plot(list(values), list(values.values()), "x", color=colour, markersize=8)
    return figure


@rc_context(STYLE)
def roofline(
    limits: Mapping[str, Any],
    cells: Mapping[str, Mapping[str, Mapping[str, float]]],
    at_limits: Mapping[str, Any],
) -> Figure:
    """Draw each part of a timestep under the processor's limits, and beside it what the parts add up to.

    `cells` has for each cell and part the flops, bytes and seconds of a timestep, `at_limits` the seconds
    that the limits allow.
    """
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    parts = list(dict.fromkeys(part for found in cells.values() for part in found))
    colours = dict(zip(parts, (BLUE, PURPLE, ORANGE, SKY, GREEN, RED), strict=True))
    _draw_limits(left, limits)
    for marker, (cell, found) in zip(MARKERS, cells.items(), strict=False):
        left.plot([], [], marker, color=FAINT, label=cell)
        for part, one in found.items():
            place = one["flops"] / one["bytes"], 1e-9 * one["flops"] / one["seconds"]
            left.plot(*place, marker, color=colours[part], markersize=5)
    bars = {
        f"{cell}{how}": seconds
        for cell, found in cells.items()
        for how, seconds in (
            ("", {part: one["seconds"] for part, one in found.items()}),
            (" at the limits", at_limits[cell]),
        )
    }
    for place, seconds in enumerate(bars.values()):
        reached = 0.0
        for part, value in seconds.items():
            right.barh(
                place, 1e6 * value, left=reached, color=colours[part], label=part if not place else None
            )
            reached += 1e6 * value
    right.set(title="Microseconds a timestep", yticks=range(len(bars)), yticklabels=bars)
    right.invert_yaxis()
    right.tick_params(axis="y", length=0)
    left.legend(loc="lower right")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle("What the parts of a timestep cost, and what the processor allows")
    return figure


def _draw_limits(axes: Axes, limits: Mapping[str, Any]) -> None:
    """Draw the roofs: the best rate of products, and how fast numbers come from caches and from memory."""
    best, reach = limits["GFLOP/s"], (0.03, 60)
    axes.loglog(reach, (best, best), color=INK, linewidth=1)
    axes.text(reach[0] * 1.15, best * 1.1, f"a large product: {best:.0f} GFLOP/s", color=INK)
    for line, (name, rate) in zip(("-", "--"), limits["GB/s"].items(), strict=True):
        reached = (reach[0], best / rate), (reach[0] * rate, best)
        axes.loglog(*reached, line, color=FAINT, linewidth=1, label=f"{name}: {rate:.0f} GB/s")
    axes.set(title="GFLOP/s over operations a byte", xlim=reach, ylim=(0.2, 2 * best))


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
    figure.suptitle("Truncated backpropagation through time: what k steps back are worth")
    return figure


@rc_context(STYLE)
def rounding(differences: Mapping[str, Any], losses: Sequence[float], epochs: int) -> Figure:
    """Draw the difference of each batch's loss from the first network's, and that loss, logarithmically."""
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    at = (np.arange(len(losses)) + 1) / len(losses) * epochs
    axes.semilogy(at, losses, color=FAINT, linewidth=1, label="the loss itself")
    for (name, values), marker, colour in zip(differences.items(), MARKERS, (ORANGE, BLUE), strict=False):
        shown = np.where(np.asarray(values) > 0, values, np.nan)  # zero has no logarithm
        axes.semilogy(at, shown, marker, color=colour, markersize=2.5, label=name)
    axes.set(xlabel="epoch", ylabel="loss of a batch, difference", xlim=(0, epochs))
    axes.set_xticks(range(epochs + 1))
    axes.grid(axis="y")
    figure.suptitle("Training amplifies rounding: losses of LSTM(64) in float64")
    figure.legend(loc="outside lower center", ncols=3)
    return figure
