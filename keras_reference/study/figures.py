"""Figures of a study: the curves of all runs, and how the test accuracies and their differences lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from scratch_rnn.layers import CELLS
from scratch_rnn.style import BROAD_COLOUR, FAINT, INK, MODEL_COLOURS, PALE, STYLE, WIDTH

HEIGHT, TITLE = 3.5, 0.4  # of a row of panels, and of what stands above, in inches
NARROW = 5.4  # inches, the width of a figure of one panel or two
BINS = 24  # over the height of a panel: dots of one bin stand beside each other
STEP, REACH = 0.07, 0.3  # between two of them, and at most from the middle; models are 1 apart

Row = dict[str, Any]  # of a summary.json
Runs = Sequence[dict[str, Any]]  # as `run_job` returns them


@rc_context(STYLE)
def curves(runs_of: dict[str, Runs], title: str) -> Figure:
    """Draw each run's accuracy on the validation digits over the epochs, thin, and the mean of all, thick.

    Args:
        runs_of: the runs of each cell, a panel a cell. Without validation the accuracy in training is drawn.
        title: of the whole figure.

    Raises:
        ValueError: there is no run to draw.
    """
    figure, (panels,) = _panels(1, len(runs_of))
    models = list(next(iter(runs_of.values()))[0]["models"])
    for axes, (cell, runs) in zip(panels, runs_of.items(), strict=True):
        for place, model in enumerate(models):
            _draw_runs(axes, [run["models"][model]["history"] for run in runs], place, len(models))
        axes.set_title(f"{CELLS[cell].__name__}, {_count(len(runs))}")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(_percent)
        axes.grid(axis="y")
    history = next(iter(runs_of.values()))[0]["models"][models[0]]["history"]
    panels[0].set_ylabel("validation accuracy" if "val_accuracy" in history else "training accuracy")
    figure.suptitle(title)
    looks = {model: _mean_line(place, len(models)) for place, model in enumerate(models)}
    handles = [Line2D([], [], label=f"{model}, mean", **look) for model, look in looks.items()]
    handles.append(Line2D([], [], label="one run", color=FAINT, linewidth=0.6))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=3)
    return figure


def _draw_runs(axes: Axes, histories: list[dict[str, list[float]]], place: int, models: int) -> None:
    name = "val_accuracy" if "val_accuracy" in histories[0] else "accuracy"
    values = 100 * np.array([history[name] for history in histories], dtype=float)
    epochs = np.arange(1, values.shape[1] + 1)
    marker = "o" if len(epochs) == 1 else ""  # which has no line, nor a scale
    if marker:
        axes.set_xlim(0.5, 1.5)
    thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45, "marker": marker, "markersize": 3}
    axes.plot(epochs, values.T, color=MODEL_COLOURS[place], zorder=2 + place, **thin)
    axes.plot(epochs, values.mean(axis=0), marker=marker, zorder=4 + place, **_mean_line(place, models))


def _mean_line(place: int, models: int) -> dict[str, Any]:
    """Of twins the first is a broad pale line, so that the other can be seen on it."""
    broad = place == 0 and models > 1
    return {"color": BROAD_COLOUR if broad else MODEL_COLOURS[place], "linewidth": 5 if broad else 2}


@rc_context(STYLE)
def accuracies(rows: Sequence[Row], margin: float, title: str) -> Figure:
    """Draw every run's test accuracy as a dot, both libraries beside each other, below the differences.

    Args:
        rows: of summary.json, one a cell, a column each.
        margin: within which differences count as none, in points; a grey band.
        title: of the whole figure.
    """
    paired = any("pairs" in row for row in rows)
    figure, panels = _panels(1 + paired, len(rows))
    for axes, row in zip(panels[0], rows, strict=True):
        for place, (model, values) in enumerate(row["accuracies"].items()):
            spread = row["spread"][model]
            _draw_dots(axes, place, values, MODEL_COLOURS[place])
            _draw_mean(axes, place, spread["mean"], spread["sd"] or 0, spread["sd"] or 0)
        models = list(row["accuracies"])
        axes.set(xlim=(-0.5, len(models) - 0.3), xticks=range(len(models)), xticklabels=models)
        axes.set_title(f"{CELLS[row['cell']].__name__}, {_count(len(row['seeds']))}")
        axes.yaxis.set_major_formatter(_percent)
    panels[0][0].set_ylabel("test accuracy")
    if paired:
        for axes, row in zip(panels[1], rows, strict=True):
            _draw_differences(axes, row, margin)
        panels[1][0].set_ylabel("scratch_rnn minus Keras, points")
    for axes in figure.axes:
        axes.grid(axis="y")
        axes.tick_params(axis="x", length=0)
    figure.suptitle(title)
    _legend(figure, margin, paired)
    return figure


def _draw_differences(axes: Axes, row: Row, margin: float) -> None:
    axes.axhspan(-margin, margin, color=PALE, zorder=0)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set(xlim=(-0.5, 0.7), xticks=[])
    if "pairs" in row:
        pairs = row["pairs"]
        _draw_dots(axes, 0, pairs["differences"], INK)
        _draw_mean(axes, 0, pairs["mean"], pairs["mean"] - pairs["low"], pairs["high"] - pairs["mean"])


def _draw_dots(axes: Axes, place: float, values: Sequence[float], colour: str) -> None:
    axes.plot(place + beside(values), values, "o", color=colour, markersize=4, alpha=0.8, markeredgewidth=0)


def _draw_mean(axes: Axes, place: float, mean: float, below: float, above: float) -> None:
    look: dict[str, Any] = {"color": INK, "capsize": 3, "markersize": 6, "linewidth": 1.2}
    axes.errorbar(place + REACH + 0.12, mean, [[below], [above]], fmt="_", **look)


def beside(values: Sequence[float]) -> np.ndarray:
    """Return how far each of the dots (N,) stands to the side, so that those of like values are all seen."""
    numbers = np.asarray(values, dtype=float)
    width = np.ptp(numbers) / BINS or 1.0
    bins = np.floor((numbers - numbers.min()) / width)
    aside = np.zeros(len(numbers))
    for number in np.unique(bins):
        (alike,) = np.nonzero(bins == number)
        places = np.arange(len(alike)) - (len(alike) - 1) / 2
        aside[alike] = places * min(STEP, REACH / max(places.max(), 1e-9))
    return aside


def _legend(figure: Figure, margin: float, paired: bool) -> None:
    handles: list[Any] = [
        Line2D([], [], label="one run", color=FAINT, marker="o", markersize=4, linestyle=""),
        Line2D([], [], label="mean and standard deviation", color=INK, marker="_", linestyle=""),
    ]
    if paired:
        handles[1].set_label("mean; above, standard deviation, below, 95 % interval")
        handles.append(Patch(color=PALE, label=f"± {margin:g} points"))
    wide = figure.get_figwidth() > NARROW
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) if wide else 1)


def _panels(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with rows of panels; those below the first have one scale."""
    if not columns:
        raise ValueError("expected one run at least, found none")
    size = (max(NARROW, WIDTH / 3 * columns), TITLE + HEIGHT * (1 if rows == 1 else 0.8 * rows))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid[1:].flat:
        axes.sharey(grid[1, 0]) if axes is not grid[1, 0] else None
    return figure, [list(row) for row in grid]


def _percent(value: float, _: Any) -> str:
    return f"{value:.5g} %"


def _count(runs: int) -> str:
    return f"{runs} {'seed' if runs == 1 else 'seeds'}"
