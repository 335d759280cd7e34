"""Figures and rows of tables of other ways to the gradient: forwards.py, checkpoints.py, jacobians.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scratch_rnn.inside.figures import CELL_COLOURS
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import BLUE, FAINT, ORANGE, STYLE, WIDTH

WAYS = {"RTRL": BLUE, "BPTT": ORANGE}
RANK_LINES = {"largest": "-", "median": (0, (4, 2)), "smallest": (0, (1, 1.5))}
SHOWN = (1, 14, 21, 27)  # rows of a digit in the table
ROUNDING = 1e-15  # times the largest: a smaller singular value is rounding


def size(count: float) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"


def forward_rows(results: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> list[list[str]]:
    """Return the table of forwards.py, its head first."""
    rows = [["", "ms, RTRL", "ms, BPTT", "times as long", "kept, RTRL", "kept, BPTT"]]
    for axis, sizes in results.items():
        for number, cost in sizes.items():
            forwards, backwards = (1000 * median(cost["seconds"][way]) for way in WAYS)
            kept = (size(cost["bytes"][way]) for way in WAYS)
            times = [f"{forwards:.3g}", f"{backwards:.3g}", f"{forwards / backwards:.0f}"]
            rows.append([f"{number} {axis}", *times, *kept])
    return rows


def checkpoint_rows(results: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return the table of checkpoints.py, its head first."""
    rows = [["k", "tape, MiB", "peak, MiB", "CPU seconds", "time"]]
    full = median(results["none"]["seconds"])
    for name, result in results.items():
        seconds = median(result["seconds"])
        tape, peak = (f"{result[what]:.1f}" for what in ("tape MiB", "peak MiB"))
        rows.append([name, tape, peak, f"{seconds:.2f}", f"{seconds / full:.2f}"])
    return rows


def jacobian_rows(results: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> list[list[str]]:
    """Return the table of jacobians.py, its head first: largest and median of some rows of a digit."""
    rows = [["largest / median", *(f"row {t}" for t in SHOWN)]]
    for cell, values in results.items():
        for when, ranks in values.items():
            entries = (f"{ranks['largest'][t - 1]:.2g} / {ranks['median'][t - 1]:.2g}" for t in SHOWN)
            rows.append([f"{cell}, {when}", *entries])
    return rows


@rc_context(STYLE)
def forwards(results: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> Figure:
    """Draw time and memory of both ways, over the units and over the timesteps."""
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    grid = figure.subplots(2, 2, sharey="row", sharex="col")
    for (above, below), (axis, sizes) in zip(grid.T, results.items(), strict=True):
        numbers = [int(number) for number in sizes]
        for way, colour in WAYS.items():
            style = {"color": colour, "marker": "o", "markersize": 4, "label": way}
            above.loglog(numbers, [1000 * median(cost["seconds"][way]) for cost in sizes.values()], **style)
            below.loglog(numbers, [cost["bytes"][way] / 1e6 for cost in sizes.values()], **style)
        above.set_title(f"over the {axis}")
        below.set_xlabel(axis)
        below.set_xticks(numbers, [str(number) for number in numbers])
        for axes in (above, below):
            axes.minorticks_off()
            axes.grid(color=FAINT, alpha=0.25)
    grid[0, 0].set_ylabel("milliseconds a gradient")
    grid[1, 0].set_ylabel("megabytes kept")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle("The same gradient, forwards and backwards")
    return figure


@rc_context(STYLE)
def checkpoints(results: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw for each k the peak of memory, and the time, each round a dot and the median a bar."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    peaks = [result["peak MiB"] for result in results.values()]
    seconds = [median(result["seconds"]) for result in results.values()]
    titles = "Peak of memory, MiB", "Seconds of the processor, there and back"
    for axes, title, heights in zip(panels, titles, (peaks, seconds), strict=True):
        axes.bar(list(results), heights, 0.7, color=BLUE, alpha=0.35)
        axes.set(title=title, xlabel="checkpoint_every", ylim=(0, 1.1 * max(heights)))
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
    for place, (peak, second) in enumerate(zip(peaks, seconds, strict=True)):
        panels[0].text(place, peak + 0.01 * max(peaks), f"{peak:.3g}", ha="center", va="bottom")
        panels[1].text(place, 0.03 * max(seconds), f"{second:.2f}", ha="center", va="bottom")
    panels[1].set_ylim(0, 1.05 * max(max(result["seconds"]) for result in results.values()))
    for name, result in results.items():
        panels[1].plot([name] * len(result["seconds"]), result["seconds"], ".", color=BLUE, markersize=4)
    return figure


@rc_context(STYLE)
def jacobians(results: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Figure:
    """Draw the singular values of ∂s_T/∂s_t over the rows, a panel for before training and one for after."""
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    whens = list(next(iter(results.values())))
    panels = figure.subplots(1, len(whens), sharey=True)
    for axes, when in zip(panels, whens, strict=True):
        for cell, values in results.items():
            _draw_ranks(axes, values[when], CELL_COLOURS[cell])
        axes.axhline(1, color=FAINT, linewidth=0.8)
        axes.set(title=when.capitalize(), xlabel="row t", yscale="log", ylim=(1e-16, 1e4))
        axes.set_xticks([1, 7, 14, 21, 28])
        axes.grid(axis="y")
    panels[0].set_ylabel("singular value of ∂s₂₈/∂s at row t")
    cells = [Line2D([], [], color=CELL_COLOURS[cell], label=cell) for cell in results]
    ranks = [Line2D([], [], color=FAINT, linestyle=style, label=rank) for rank, style in RANK_LINES.items()]
    figure.legend(handles=[*cells, *ranks], loc="outside lower center", ncols=6, handlelength=2.5)
    figure.suptitle("How much a change of the state at row t is stretched on its way to the last")
    return figure


def _draw_ranks(axes: Axes, ranks: Mapping[str, Sequence[float]], colour: str) -> None:
    largest = np.array(ranks["largest"])
    for rank, style in RANK_LINES.items():
        values = np.array(ranks[rank])
        shown = np.where(values > ROUNDING * largest, values, np.nan)
        axes.plot(np.arange(1, len(values) + 1), shown, color=colour, linestyle=style, linewidth=1.6)
