"""What all figures have in common: colours, matplotlib's settings, how a figure is placed and saved."""

from __future__ import annotations

import os
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratch_rnn.files import atomic

WIDTH = 8.0  # inches

# Okabe and Ito's colours, which stay apart for colour-blind eyes.
ORANGE, BLUE, PURPLE, SKY = "#E69F00", "#0072B2", "#CC79A7", "#56B4E9"
GREEN, RED = "#009E73", "#D55E00"
MANY_COLOURS = (ORANGE, GREEN, BLUE, PURPLE, RED, SKY)  # of as many lines; the cells' in their order first
MODEL_COLOURS = (ORANGE, BLUE, PURPLE, SKY)
BROAD_COLOUR = "#F5CF85"  # orange, so pale that a line on top is seen
INK, FAINT, PALE = "#222222", "#767676", "#E8E8E8"

STYLE: Any = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a file's or a model's name is a dollar sign
    "axes.edgecolor": FAINT,
    "axes.facecolor": "white",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
}


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write `figure` to `path` whole or not at all, in the format of the suffix, by default PNG.

    Raises:
        OSError: the file cannot be written; whatever was there is left as it was.
        ValueError: matplotlib cannot write such a format.
    """
    try:
        with atomic(path) as unfinished:
            figure.savefig(unfinished, format=unfinished.suffix[1:] or "png")
    except OSError as error:
        reason = f"the figure was not written: {error.strerror or error}"
        raise OSError(error.errno, reason, os.fspath(path)) from error


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the upper left corner of the figure."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
