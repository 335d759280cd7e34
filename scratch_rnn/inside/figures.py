"""Figures of a network's inside: how far gradients reach, and what happens while it reads one digit.

They look like those of a training run, and like there every function returns a matplotlib Figure of its own.
Rows are counted from 1, downwards, and lie at the same height in all panels of a figure. `reach` has a file
of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from scratch_rnn.inside.reach import CELL_COLOURS, FLOOR, reach, row_ticks
from scratch_rnn.inside.reading import Reading, answers
from scratch_rnn.style import BLUE, FAINT, INK, RED, STYLE, WIDTH, axes_at

__all__ = [
    "CELL_COLOURS",
    "FLOOR",
    "Quantity",
    "belief",
    "draw_digit",
    "draw_map",
    "gates",
    "quantities",
    "reach",
    "saliency",
    "unit_order",
    "unit_scale",
]

BAND = 2.5  # inches from a row of panels of gates to the next

SHARE = LinearSegmentedColormap.from_list("share", ["white", "#9DC6E3", BLUE, "#00263D"])  # from 0 to 1
SIGNED = LinearSegmentedColormap.from_list("signed", ["#003B5C", BLUE, "white", RED, "#6E2C00"])
ZERO_TO_ONE = "0", "½", "1"  # what stands beside the colours of SHARE


# ---------------------------------------------------------------- what it believes


@rc_context(STYLE)
def belief(reading: Reading, title: str) -> Figure:
    """Draw a digit and, row by row, the probabilities that the network would give if it ended there.

    At the right stands the likeliest class, beside the row from which on it is that.
    """
    side, classes = 3.4, reading.belief.shape[1]
    figure = Figure(figsize=(WIDTH, 4.6))
    _draw_head(figure, title)
    draw_digit(axes_at(figure, 0.55, 0.7, side, side), reading.image)
    axes = axes_at(figure, 4.25, 0.7, 2.75, side)
    image = draw_map(axes, reading.belief, SHARE, 0, 1)
    axes.set_xticks(np.arange(classes) + 1, [str(number) for number in range(classes)])
    axes.set(title="belief, had it ended at row t", xlabel="class", yticks=[])
    _write_answers(axes, reading.belief)
    _draw_scale(figure, image, 7.5, 0.7, side, ZERO_TO_ONE)
    return figure


def _write_answers(axes: Axes, probabilities: np.ndarray) -> None:
    """Write each answer beside the row from which on it holds: the last, and others where there is room."""
    rows, classes = probabilities.shape
    line = rows / 28  # how many rows a line of words is high
    axes.text(classes + 0.7, 0.5 - 0.6 * line, "answer", size=7.5, color=FAINT)
    spans = answers(probabilities)
    last = spans[-1][0]
    free = 0.0
    for first, _, said in spans:
        if first == last or free <= first <= last - line:
            free = first + line
            axes.text(classes + 0.9, first + 1, str(said), va="center", size=7.5, weight="bold")


# ---------------------------------------------------------------- what it computes


@dataclass(frozen=True)
class Quantity:
    """A gate or a signal with all that is drawn of it, so that no figure can put it together wrongly."""

    label: str  # its name, what it is called and, where its values were divided, by what
    values: np.ndarray  # (T, H), from `lowest` to 1, units in the order of `unit_order`
    colours: Colormap
    lowest: int
    words: tuple[str, str, str]  # for `lowest`, the middle and 1


def quantities(reading: Reading) -> list[Quantity]:
    """Return what is drawn of each gate and then of each signal, all with their units in one order."""
    order = unit_order(reading.gates["h"])
    shown = []
    for scale, names in (
        ((SHARE, 0, ZERO_TO_ONE), reading.cell.gates),
        ((SIGNED, -1, ("−1", "0", "+1")), reading.cell.signals),
    ):
        for name, called in names.items():
            values, divided = unit_scale(reading.gates[name][:, order])
            shown.append(Quantity(f"{name}  {called}{divided}", values, *scale))
    return shown


@rc_context(STYLE)
def gates(reading: Reading, title: str) -> Figure:
    """Draw gates and states of all units over the rows, gates above and states below, beside the digit.

    A column is a unit, at the same place in all panels: sorted by the row at which |h| is largest.
    """
    bands = [list(band) for _, band in groupby(quantities(reading), lambda quantity: quantity.lowest)]
    across = max(map(len, bands))
    width = (4.8 - 0.15 * across) / across
    figure = Figure(figsize=(WIDTH, 0.6 + BAND * len(bands)))
    _draw_head(figure, title)
    for number, band in enumerate(bands):
        top = 0.7 + BAND * number
        draw_digit(axes_at(figure, 0.55, top, 1.85, 1.85), reading.image)
        for place, quantity in enumerate(band):
            axes = axes_at(figure, 2.7 + (width + 0.15) * place, top, width, 1.85)
            image = _draw_quantity(axes, quantity)
        _draw_scale(figure, image, 7.5, top, 1.85, band[0].words)
    order = "units are sorted by the row in which they are most active, in all panels alike"
    figure.text(2.7 / WIDTH, 0.1 / figure.get_figheight(), order, color=INK)
    return figure


def _draw_quantity(axes: Axes, quantity: Quantity) -> AxesImage:
    image = draw_map(axes, quantity.values, quantity.colours, quantity.lowest, 1)
    axes.set_title(quantity.label, size=9)
    axes.set(xticks=[], yticks=[], xlabel=f"{quantity.values.shape[1]} units")
    return image


def unit_scale(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Divide values beyond -1 to 1, as of a cell state, by the largest; return them and words that say so."""
    largest = float(np.abs(values).max())
    return (values / largest, f" ÷ {largest:.2g}") if largest > 1 else (values, "")


def unit_order(h: ArrayLike) -> np.ndarray:
    """Return the units of h (T, H) by the row at which |h| is largest, int (H,)."""
    size = np.abs(np.asarray(h, dtype=float))
    rows = np.arange(len(size))[:, np.newaxis]
    centre = (rows * size).sum(axis=0) / np.maximum(size.sum(axis=0), np.finfo(float).tiny)
    return np.lexsort((centre, size.argmax(axis=0)))


# ---------------------------------------------------------------- what it looks at


@rc_context(STYLE)
def saliency(reading: Reading, title: str) -> Figure:
    """Draw a digit, the gradient of the answer's logit at each pixel, and its size by row.

    The gradient is local: it tells what a small change of a pixel would do to the logit, the others left as
    they are, and not which pixels the answer depends on.
    """
    side = 2.75
    figure = Figure(figsize=(WIDTH, 3.95))
    _draw_head(figure, title)
    draw_digit(axes_at(figure, 0.55, 0.7, side, side), reading.image)
    largest = float(np.abs(reading.saliency).max()) or 1.0
    axes = axes_at(figure, 3.45, 0.7, side, side)
    image = draw_map(axes, reading.saliency, SIGNED, -largest, largest, square=True)
    _draw_outline(axes, reading.image)
    axes.set(title=f"gradient of the logit of {reading.answer}", xticks=[], yticks=[])
    axes.set_xlabel("a slightly brighter pixel speaks ...")
    _draw_row_sizes(axes_at(figure, 6.3, 0.7, 0.65, side), np.abs(reading.saliency).sum(axis=1))
    _draw_scale(figure, image, 7.1, 0.7, side, ("against it", "0", "for it"))
    caution = "a local gradient: what small changes would do, not what the answer depends on"
    figure.text(0.55 / WIDTH, 0.1 / figure.get_figheight(), caution, color=INK)
    return figure


def _draw_row_sizes(axes: Axes, sizes: np.ndarray) -> None:
    axes.barh(np.arange(1, len(sizes) + 1), sizes, height=0.8, color=FAINT)
    axes.set(ylim=(len(sizes) + 0.5, 0.5), xticks=[], yticks=[])
    axes.set_title("size by row", size=9)
    axes.spines[["left", "bottom"]].set_visible(False)


def _draw_outline(axes: Axes, image: np.ndarray) -> None:
    """The edge of the digit's ink, at half its strength."""
    rows, columns = np.arange(1, len(image) + 1), np.arange(1, image.shape[1] + 1)
    half = 0.5 * float(image.max())
    if half > image.min():  # an image of one shade has no edge
        axes.contour(columns, rows, image, levels=[half], colors=[INK], linewidths=0.8)


# ---------------------------------------------------------------- parts


def _draw_head(figure: Figure, title: str) -> None:
    figure.suptitle(title, y=1 - 0.08 / figure.get_figheight(), va="top")


def draw_digit(axes: Axes, image: np.ndarray) -> AxesImage:
    """Draw an image (T, D), black being 0, with its rows counted at the left."""
    drawn = draw_map(axes, image, "gray", 0, None, square=True)
    axes.set(xticks=[], ylabel="row t")
    axes.set_yticks(row_ticks(len(image)))
    return drawn


def draw_map(
    axes: Axes,
    values: np.ndarray,
    colours: str | Colormap,
    lowest: float,
    largest: float | None,
    square: bool = False,
) -> AxesImage:
    """Draw values (T, N) as colours. Rows and columns count from 1: rows are level with the digit's."""
    down, across = values.shape
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=2, labelsize=7.5)
    return axes.imshow(
        values,
        cmap=colours,
        vmin=lowest,
        vmax=largest,
        # Of an image wider than high, equal sides would make rows lower than those of its neighbours.
        aspect="equal" if square and down >= across else "auto",
        interpolation="nearest",
        extent=(0.5, across + 0.5, down + 0.5, 0.5),
    )


def _draw_scale(
    figure: Figure, image: AxesImage, left: float, top: float, height: float, words: tuple[str, str, str]
) -> None:
    """What the colours mean: the lowest, the middle and the highest value in words."""
    axes = axes_at(figure, left, top + 0.2 * height, 0.1, 0.6 * height)
    bar = figure.colorbar(image, cax=axes)
    low, high = image.get_clim()
    bar.set_ticks([low, (low + high) / 2, high], labels=list(words))
    bar.outline.set_visible(False)
    axes.tick_params(length=0, pad=3, labelsize=7.5)
