"""A page that plays how a network reads a digit, row by row, and how the gradient comes back.

matplotlib draws the frames and makes the player; the page holds everything and asks for nothing from the
network.
"""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from scratch_rnn.files import atomic
from scratch_rnn.inside.figures import (
    FLOOR,
    SIGNED,
    draw_digit,
    draw_map,
    quantities,
    unit_order,
    unit_scale,
)
from scratch_rnn.inside.reading import Reading
from scratch_rnn.style import BLUE, FAINT, PALE, RED, STYLE, axes_at

PAGE = Path(__file__).with_name("player.html")
SIZE = 9.2, 5.5  # inches
MILLISECONDS = 500  # a frame; the player's + and - change it
# matplotlib drops frames above its limit, 20 MB, with no more than a line in a log: none may be lost.
FRAMES: Any = {"savefig.dpi": 100, "animation.embed_limit": 200}


def save_player(reading: Reading, title: str, path: str | os.PathLike[str]) -> None:
    """Write the page to `path`, an .html file, whole or not at all. Raises OSError where it cannot be."""
    with atomic(path) as unfinished:
        unfinished.write_text(page(reading, title), encoding="utf-8")


def page(reading: Reading, title: str) -> str:
    """Return the page: T frames forward, a row each, then T back."""
    rows = len(reading.image)
    with rc_context(STYLE | FRAMES):
        stage = _Stage(reading)
        animation = FuncAnimation(
            stage.figure,
            stage.show,
            frames=2 * rows,
            interval=MILLISECONDS,
            cache_frame_data=False,
        )
        player = animation.to_jshtml(default_mode="once")
    # Its buttons' signs come from a font on the network; the page's style has signs of its own.
    player = re.sub(r"<link[^>]*>", "", player)
    template = Template(PAGE.read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), target=reading.target, rows=rows, player=player)


class _Stage:
    """The figure, and what changes in it from frame to frame. Lengths are in inches."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.rows = len(reading.image)
        self.quantities = quantities(reading)
        self.figure = Figure(figsize=SIZE)
        self.head = self.figure.text(0.45 / SIZE[0], 1 - 0.3 / SIZE[1], "", size=12, weight="bold")
        self._build_maps()
        self._build_strips()
        self._build_belief()

    def _build_maps(self) -> None:
        """The upper row: the digit, the states so far, the gradients so far and their sizes."""
        top, height = 0.85, 2.3
        axes = [
            axes_at(self.figure, left, top, width, height)
            for left, width in ((0.5, height), (3.0, 2.2), (5.4, 2.2), (7.8, 1.15))
        ]
        draw_digit(axes[0], self.reading.image)
        self.unread = self._add(axes[0], Rectangle((0.5, 0.5), 0, 0, color=BLUE, alpha=0.3, linewidth=0))
        order = unit_order(self.reading.gates["h"])
        self.h, divided = unit_scale(self.reading.gates["h"][:, order])
        self.dh = _each_row_to_one(self.reading.gradients["h"][:, order])
        self.h_map = _empty_map(axes[1], self.h, f"h, state after row t{divided}")
        self.dh_map = _empty_map(axes[2], self.dh, "dL/dh, each row ÷ its largest")
        self._build_norms(axes[3])
        self.marks = [
            self._add(a, Rectangle((0, 0), 1, 1, fill=False, edgecolor=RED, linewidth=1.5)) for a in axes
        ]

    def _build_norms(self, axes: Axes) -> None:
        norms = self.reading.reach["h"]
        self.norms = np.where(norms > FLOOR, norms, np.nan)
        ends = _decades(self.norms)
        axes.set(xscale="log", xlim=ends, ylim=(self.rows + 0.5, 0.5), yticks=[])
        axes.set_title("‖dL/dh‖", size=9)
        axes.set_xticks(ends, [f"{end:g}" for end in ends])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(labelsize=7.5)
        axes.grid(axis="x")
        (self.norm_line,) = axes.plot([], [], color=BLUE, marker="o", markersize=3)

    def _build_strips(self) -> None:
        """Below at the left: every gate and state of the row, a strip each, gates first."""
        self.strips = []
        pitch = min(0.5, 1.5 / len(self.quantities))
        for place, quantity in enumerate(self.quantities):
            axes = axes_at(self.figure, 1.75, 3.8 + pitch * place, 3.45, 0.8 * pitch)
            image = draw_map(axes, quantity.values[:1], quantity.colours, quantity.lowest, 1)
            axes.set(xticks=[], yticks=[])
            axes.text(-0.02, 0.5, quantity.label, transform=axes.transAxes, ha="right", va="center", size=8)
            self.strips.append((image, quantity.values))
        self._title(0.5, 3.7, f"gates and states in row t, {self.h.shape[1]} units")

    def _build_belief(self) -> None:
        """Below at the right: what the network would say if the digit ended here."""
        classes = self.reading.belief.shape[1]
        axes = axes_at(self.figure, 5.7, 3.8, 3.25, 1.2)
        self.bars = axes.bar(range(classes), np.zeros(classes), color=BLUE)
        axes.set(xlim=(-0.6, classes - 0.4), xticks=range(classes), ylim=(0, 1.02))
        axes.set_yticks((0, 0.5, 1), ("0", "½", "1"))
        axes.grid(axis="y")
        axes.axvspan(self.reading.target - 0.5, self.reading.target + 0.5, color=PALE, zorder=0)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0, labelsize=8)
        self._title(5.4, 3.7, "belief, had the digit ended at row t")

    def _title(self, left: float, top: float, words: str) -> None:
        self.figure.text(left / SIZE[0], 1 - top / SIZE[1], words, size=9)

    @staticmethod
    def _add(axes: Axes, patch: Rectangle) -> Rectangle:
        axes.add_patch(patch)
        return patch

    def show(self, frame: int) -> None:
        """Bring the figure to a frame: 0 to T - 1 forward, T to 2 T - 1 back from the last row."""
        back = frame >= self.rows
        row = 2 * self.rows - 1 - frame if back else frame
        self._show_head(row, back)
        self._show_row(row)
        read = np.arange(self.rows)[:, np.newaxis] <= (self.rows if back else row)
        came_back = np.arange(self.rows)[:, np.newaxis] >= (row if back else self.rows)
        self.h_map.set_data(np.where(read, self.h, np.nan))
        self.dh_map.set_data(np.where(came_back, self.dh, np.nan))
        reached = np.flatnonzero(came_back)
        self.norm_line.set_data(self.norms[reached], reached + 1)
        unread = 0 if back else self.rows - 1 - row
        self.unread.set_bounds(0.5, self.rows + 0.5 - unread, self.reading.image.shape[1], unread)

    def _show_head(self, row: int, back: bool) -> None:
        if back:
            words = f"Back, row {row + 1}: ‖dL/dh‖ = {self.reading.reach['h'][row]:.2g}"
        else:
            p = self.reading.belief[row]
            words = f"Forward, row {row + 1}: the answer would be {p.argmax()}, with {p.max():.0%}"
        self.head.set_text(words)

    def _show_row(self, row: int) -> None:
        for image, values in self.strips:
            image.set_data(values[row : row + 1])
        for bar, probability in zip(self.bars, self.reading.belief[row], strict=True):
            bar.set_height(float(probability))
        for mark in self.marks:
            low, high = mark.axes.get_xlim()  # type: ignore[union-attr]
            mark.set_bounds(low, row + 0.5, high - low, 1)


def _empty_map(axes: Axes, values: np.ndarray, title: str) -> AxesImage:
    image = draw_map(axes, np.full_like(values, np.nan), SIGNED, -1, 1)
    axes.set_facecolor("#F4F4F4")
    axes.set_title(title, size=9)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{values.shape[1]} units", labelpad=2, color=FAINT, size=8)
    return image


def _decades(values: np.ndarray) -> tuple[float, float]:
    """Return powers of ten that have all the values between them; NaN does not count."""
    logarithms = np.log10(values[np.isfinite(values)])
    if not len(logarithms):
        return 0.1, 1.0
    low = np.floor(logarithms.min())
    return 10.0**low, 10.0 ** max(np.ceil(logarithms.max()), low + 1)


def _each_row_to_one(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(axis=1, keepdims=True)
    return values / np.where(largest > 0, largest, 1)
