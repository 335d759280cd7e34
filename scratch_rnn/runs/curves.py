"""Learning curves: of twins, which nearly coincide, and of trainings of any kind side by side.

Both functions return a matplotlib Figure of its own; no global state of matplotlib is touched and no display
is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from scratch_rnn.runs.result import Result
from scratch_rnn.style import BROAD_COLOUR, FAINT, INK, MANY_COLOURS, MODEL_COLOURS, STYLE, WIDTH
from scratch_rnn.training.callbacks import History

CURVES = ("accuracy", "loss", "val_accuracy", "val_loss")
MARKERS = "os^Dv"  # so that curves differ by more than their colour
HEIGHT = 3.7  # of a row of panels, in inches
STRIP = 1.3  # of a strip with differences
PANELS_IN_A_ROW = 3
VALIDATION = "val_"

# ---------------------------------------------------------------- trainings side by side


@rc_context(STYLE)
def learning_curves(histories: History | Result | Mapping[str, History | Result], title: str = "") -> Figure:
    """Draw what `fit` returned: a panel for the loss and for each metric, training dashed, validation solid.

    Args:
        histories: a History, or several by the names that the legend shows. Those of Keras and Results of
            runs will do, too.
        title: of the whole figure.

    Returns:
        The figure; `figure.savefig("curves.png")` writes it, and a notebook shows it.

    Raises:
        TypeError: something else than a History.
        ValueError: there is no epoch to draw.
    """
    named = histories if isinstance(histories, Mapping) else {"": histories}
    curves_of = {name: _checked(name, history) for name, history in named.items()}
    metrics = _metrics(curves_of)
    if not metrics:
        raise ValueError("expected a history with one epoch at least, found none")
    figure = _figure(len(metrics))
    for axes, metric in zip(_panels(figure, len(metrics)), metrics, strict=True):
        for place, (name, values) in enumerate(curves_of.items()):
            first = _first_epoch(named[name])
            for key, dashed in ((metric, True), (f"{VALIDATION}{metric}", False)):
                _draw_curve(axes, values.get(key, ()), first, **_looks(place, dashed))
        _finish_panel(axes, metric)
    figure.suptitle(title)
    names = {name: _looks(place, dashed=False) for place, name in enumerate(curves_of) if name}
    _draw_legend(figure, names, any(key.startswith(VALIDATION) for of in curves_of.values() for key in of))
    return figure


def _checked(name: str, history: Any) -> dict[str, list[float]]:
    """Return the lists of a history by their names."""
    values = getattr(history, "history", None)
    if not isinstance(values, dict):
        of = f" of {name!r}" if name else ""
        raise TypeError(f"expected the History{of} that fit returns, or a dict of such by name: {history!r}")
    return values


def _metrics(curves_of: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
    """Return what there is to draw, the loss last, without that of the validation."""
    keys = [key for values in curves_of.values() for key, numbers in values.items() if len(numbers)]
    metrics = dict.fromkeys(key.removeprefix(VALIDATION) for key in keys)
    return sorted(metrics, key=lambda metric: metric == "loss")


def _first_epoch(history: Any) -> int:
    """Return the number, from 1, of the first epoch: `fit` may have begun with `initial_epoch`."""
    epochs = getattr(history, "epoch", None)
    return epochs[0] + 1 if isinstance(epochs, list) and epochs else 1


def _looks(place: int, dashed: bool) -> dict[str, Any]:
    colour = MANY_COLOURS[place % len(MANY_COLOURS)]
    return {
        "color": colour,
        "linewidth": 1.4,
        "linestyle": (0, (6, 3)) if dashed else "-",
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 4.5,
        "markeredgewidth": 1.1,
        "markerfacecolor": "white" if dashed else colour,
    }


def _figure(panels: int) -> Figure:
    rows, columns = -(-panels // PANELS_IN_A_ROW), min(panels, PANELS_IN_A_ROW)
    return Figure(figsize=(max(1.5, columns) / 2 * WIDTH, rows * HEIGHT), layout="constrained")


def _panels(figure: Figure, panels: int) -> list[Axes]:
    """Return so many panels in rows; what is left of the last row stays empty."""
    rows, columns = -(-panels // PANELS_IN_A_ROW), min(panels, PANELS_IN_A_ROW)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[panels:]:
        axes.remove()
    return grid[:panels]


# ---------------------------------------------------------------- twins


@rc_context(STYLE)
def curves(results: Sequence[Result], title: str) -> Figure:
    """Draw accuracy and loss over the epochs, training dashed and validation solid.

    Twins follow each other so closely that one line would hide the other. So the first of several
    models is a broad pale line, and those after it are thin lines on top. Of two over the same epochs a
    strip below shows the first less the second, for which the curves are too coarse.

    Args:
        results: of each model, with its history.
        title: of the whole figure.

    Raises:
        ValueError: there is no history, a history is empty, or its lists differ in length.
    """
    for result in results:
        _check_history(result)
    metrics = [metric for metric in ("accuracy", "loss") if any(metric in r.history for r in results)]
    if not metrics:
        raise ValueError("expected a history with accuracy or loss, of one model at least, found none")
    pair = _is_pair(results)
    heights = [HEIGHT - 0.5, STRIP] if pair else [HEIGHT]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    above, *below = figure.subplots(len(heights), len(metrics), squeeze=False, height_ratios=heights)
    for axes, metric in zip(above, metrics, strict=True):
        for place, result in enumerate(results):
            training, validation = (result.history.get(name, ()) for name in (metric, f"val_{metric}"))
            _draw_curve(axes, training, **_line_style(place, len(results), dashed=True))
            _draw_curve(axes, validation, **_line_style(place, len(results)))
        _finish_panel(axes, metric)
    for strip, axes, metric in zip(below[0] if pair else (), above, metrics, strict=False):
        _draw_difference(strip, results, metric)
        strip.set(xlim=axes.get_xlim(), xticks=axes.get_xticks())
        axes.set_xlabel("")
    figure.suptitle(title)
    models = {result.name: _line_style(place, len(results)) for place, result in enumerate(results)}
    _draw_legend(figure, models, any(key.startswith(VALIDATION) for r in results for key in r.history))
    return figure


def _is_pair(results: Sequence[Result]) -> bool:
    """Whether there are two, with the same curves over the same epochs."""
    lengths = [{key: len(values) for key, values in r.history.items() if key in CURVES} for r in results]
    return len(lengths) == 2 and lengths[0] == lengths[1]


def _draw_difference(axes: Axes, results: Sequence[Result], metric: str) -> None:
    """Draw in how much the first model's curves of a metric differ from the second's, zero in the middle."""
    first, second = results
    share = 100 if "accuracy" in metric else 1
    axes.axhline(0, color=FAINT, linewidth=0.8)
    for key, dashed in ((metric, True), (f"{VALIDATION}{metric}", False)):
        if key in first.history:
            pairs = zip(first.history[key], second.history[key], strict=True)
            _draw_curve(
                axes,
                [share * (one - other) for one, other in pairs],
                color=INK,
                linewidth=1.2,
                **_kind(dashed),
            )
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    largest = float(np.abs(drawn[np.isfinite(drawn)]).max()) or 1.0  # zero is always among them
    axes.set_ylim(-1.25 * largest, 1.25 * largest)
    axes.set_title(f"{first.name} − {second.name}{', points' if share > 1 else ''}")
    axes.set_xlabel("epoch")
    axes.grid(axis="y")


def _kind(dashed: bool) -> dict[str, Any]:
    """How a line of training or of validation looks, whatever its colour."""
    return {
        "linestyle": (0, (6, 3)) if dashed else "-",
        "marker": "o",
        "markersize": 4,
        "markerfacecolor": "white" if dashed else INK,
    }


def _check_history(result: Result) -> None:
    shapes = {key: np.shape(values) for key, values in result.history.items() if key in CURVES}
    if any(len(shape) != 1 or shape == (0,) for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(
            f"{result.name}: expected one value an epoch in each list of the history, found {shapes}"
        )


def _draw_curve(axes: Axes, values: Sequence[float], first: int = 1, **style: Any) -> None:
    if len(values):
        few = {} if len(values) <= 20 else {"marker": ""}
        axes.plot(np.arange(first, first + len(values)), values, **style | few)


def _line_style(place: int, models: int, dashed: bool = False) -> dict[str, Any]:
    broad = place == 0 and models > 1
    colour = BROAD_COLOUR if broad else _colour(place)
    return {
        "color": colour,
        "linewidth": 5 if broad else 1.4,
        "linestyle": (0, (2, 1) if broad else (6, 3)) if dashed else "-",
        "dash_capstyle": "butt",
        "marker": "o",
        "markersize": 9 if broad else 4,
        "markeredgewidth": 2.5 if broad else 1.1,
        "markerfacecolor": "white" if dashed else colour,  # a single epoch has no line to tell them apart
    }


def _finish_panel(axes: Axes, metric: str) -> None:
    axes.set_title(metric.replace("_", " ").capitalize())
    axes.set_xlabel("epoch")
    axes.grid(axis="y")
    epochs = np.concatenate([np.asarray(line.get_xdata()) for line in axes.lines])
    first, last = epochs.min(), epochs.max()
    ticks = MaxNLocator(10, integer=True).tick_values(first, last)
    axes.set_xticks([tick for tick in ticks if first <= tick <= last])
    if "accuracy" in metric:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.5g} %")


def _draw_legend(figure: Figure, models: Mapping[str, dict[str, Any]], validation: bool) -> None:
    """Say what the looks of each model are, by name, and which lines are of training and of validation."""
    handles = [Line2D([], [], label=name, **style) for name, style in models.items()]
    grey: dict[str, Any] = {"color": FAINT, "marker": "o", "markersize": 4}
    handles.append(Line2D([], [], label="training", linestyle="--", markerfacecolor="white", **grey))
    if validation:
        handles.append(Line2D([], [], label="validation", **grey))
    columns = min(len(handles), 6)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=3.5)


def _colour(place: int) -> str:
    return MODEL_COLOURS[place % len(MODEL_COLOURS)]
