"""A page that plays how a network reads a digit, row by row, and how the gradient comes back.

matplotlib draws the frames and makes the player; the page holds everything and asks for nothing from the
network.
"""

from __future__ import annotations

import base64
import io
import json
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
from PIL import Image

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
SIZE = 3.9, 6.55  # inches: upright, as a phone is held, whose width shows 9 points large enough
LEFT, RIGHT = (
    0.42,
    2.15,
)  # where the two columns begin: a unit stands at the same place in all of the right one
SIDE, ACROSS = 1.55, 1.6  # how wide they are: of 128 units each has two pixels
MILLISECONDS = 500  # a frame; the player's + and - change it
SHADES = [min(255, (value + 4) // 8 * 8) for value in range(256)]  # eight in one: a third of the bytes less
# matplotlib drops frames above its limit, 20 MB, with no more than a line in a log: none may be lost.
FRAMES: Any = {"savefig.dpi": 160, "animation.embed_limit": 200}


def save_player(reading: Reading, title: str, path: str | os.PathLike[str]) -> None:
    """Write the page to `path`, an .html file, whole or not at all. Raises OSError where it cannot be."""
    with atomic(path) as unfinished:
        unfinished.write_text(page(reading, title), encoding="utf-8")


def page(reading: Reading, title: str) -> str:
    """Return the page: T frames forward, a row each, then T back. It opens where all rows have been read."""
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
    player = re.sub(r"data:image/png;base64,([^\"]+)", lambda found: _smaller(found[1]), player)
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        target=reading.target,
        rows=rows,
        player=player,
        words=json.dumps([stage.words(frame).replace("\n", " ") for frame in range(2 * rows)]),
        id=re.search(r'id="_anim_img(\w+)"', player)[1],  # type: ignore[index]
    )


def _smaller(data: str) -> str:
    """Return a frame, a PNG in base 64, as a WebP without loss but for its shades: a quarter of the bytes."""
    frame = Image.open(io.BytesIO(base64.b64decode(data.replace("\\\n", "")))).convert("RGB")
    file = io.BytesIO()
    frame.point(SHADES * 3).save(file, "WEBP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


class _Stage:
    """The figure, and what changes in it from frame to frame. Lengths are in inches."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.rows = len(reading.image)
        self.quantities = quantities(reading)
        self.figure = Figure(figsize=SIZE)
        self.head = self.figure.text(
            0.1 / SIZE[0], 1 - 0.07 / SIZE[1], "", size=10, weight="bold", va="top", linespacing=1.25
        )
        self._build_states()
        self._build_strips(top=2.68, height=1.2)
        self._build_gradients(top=4.15)
        self._build_belief(top=5.7)

    def _build_states(self) -> None:
        """Above: the digit, and level with it the states so far."""
        top = 0.7
        digit = axes_at(self.figure, LEFT, top, SIDE, SIDE)
        draw_digit(digit, self.reading.image)
        self.unread = self._add(digit, Rectangle((0.5, 0.5), 0, 0, color=BLUE, alpha=0.3, linewidth=0))
        self.order = unit_order(self.reading.gates["h"])
        self.h, divided = unit_scale(self.reading.gates["h"][:, self.order])
        states = axes_at(self.figure, RIGHT, top, ACROSS, SIDE)
        self.h_map = _empty_map(states, self.h, f"h, state after row t{divided}")
        self.marks = [self._mark(digit), self._mark(states)]

    def _build_strips(self, top: float, height: float) -> None:
        """Below the states: every gate and state of the row, a strip each, gates first."""
        self.strips = []
        pitch = min(0.3, height / len(self.quantities))
        for place, quantity in enumerate(self.quantities):
            axes = axes_at(self.figure, RIGHT, top + pitch * place, ACROSS, 0.8 * pitch)
            image = draw_map(axes, quantity.values[:1], quantity.colours, quantity.lowest, 1)
            axes.set(xticks=[], yticks=[])
            axes.text(-0.04, 0.5, quantity.label, transform=axes.transAxes, ha="right", va="center", size=8.5)
            self.strips.append((image, quantity.values))
        self._title(RIGHT, top - 0.06, "gates, states of row t")

    def _build_gradients(self, top: float) -> None:
        """Below these: the gradients so far, each unit below its state, and level with them their sizes."""
        height = 1.1
        self.dh = _each_row_to_one(self.reading.gradients["h"][:, self.order])
        sizes = axes_at(self.figure, LEFT, top, SIDE, height)
        gradients = axes_at(self.figure, RIGHT, top, ACROSS, height)
        self.dh_map = _empty_map(gradients, self.dh, "dL/dh, row ÷ its largest")
        self._build_norms(sizes)
        self.marks += [self._mark(sizes), self._mark(gradients)]

    def _build_norms(self, axes: Axes) -> None:
        norms = self.reading.reach["h"]
        self.norms = np.where(norms > FLOOR, norms, np.nan)
        ends = _decades(self.norms)
        axes.set(xscale="log", xlim=ends, ylim=(self.rows + 0.5, 0.5), yticks=[])
        axes.set_title("‖dL/dh‖ in row t", size=8.5)
        axes.set_xticks(ends, [f"{end:g}" for end in ends])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(labelsize=8)
        axes.grid(axis="x")
        (self.norm_line,) = axes.plot([], [], color=BLUE, marker="o", markersize=2.5)

    def _build_belief(self, top: float) -> None:
        """At the foot: what the network would say if the digit ended here."""
        classes = self.reading.belief.shape[1]
        axes = axes_at(self.figure, LEFT, top, RIGHT + ACROSS - LEFT, 0.65)
        self.bars = axes.bar(range(classes), np.zeros(classes), color=BLUE)
        axes.set(xlim=(-0.6, classes - 0.4), xticks=range(classes), ylim=(0, 1.02))
        axes.set_yticks((0, 0.5, 1), ("0", "½", "1"))
        axes.grid(axis="y")
        axes.axvspan(self.reading.target - 0.5, self.reading.target + 0.5, color=PALE, zorder=0)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0, labelsize=8.5)
        self._title(LEFT, top - 0.06, "belief, had the digit ended at row t")

    def _title(self, left: float, top: float, words: str) -> None:
        self.figure.text(left / SIZE[0], 1 - top / SIZE[1], words, size=8.5)

    def _mark(self, axes: Axes) -> Rectangle:
        """The frame of the row, which `show` moves."""
        return self._add(axes, Rectangle((0, 0), 1, 1, fill=False, edgecolor=RED, linewidth=1.5))

    @staticmethod
    def _add(axes: Axes, patch: Rectangle) -> Rectangle:
        axes.add_patch(patch)
        return patch

    def show(self, frame: int) -> None:
        """Bring the figure to a frame: 0 to T - 1 forward, T to 2 T - 1 back from the last row."""
        row, back = self._row(frame)
        self.head.set_text(self.words(frame))
        self._show_row(row)
        read = np.arange(self.rows)[:, np.newaxis] <= (self.rows if back else row)
        came_back = np.arange(self.rows)[:, np.newaxis] >= (row if back else self.rows)
        self.h_map.set_data(np.where(read, self.h, np.nan))
        self.dh_map.set_data(np.where(came_back, self.dh, np.nan))
        reached = np.flatnonzero(came_back)
        self.norm_line.set_data(self.norms[reached], reached + 1)
        unread = 0 if back else self.rows - 1 - row
        self.unread.set_bounds(0.5, self.rows + 0.5 - unread, self.reading.image.shape[1], unread)

    def _row(self, frame: int) -> tuple[int, bool]:
        """Return which row a frame shows, and whether it is one of those that come back."""
        back = frame >= self.rows
        return (2 * self.rows - 1 - frame if back else frame), back

    def words(self, frame: int) -> str:
        """Return what a frame shows in words, in two lines."""
        row, back = self._row(frame)
        if back:
            return f"Back, row {row + 1} of {self.rows}:\n‖dL/dh‖ = {self.reading.reach['h'][row]:.2g}"
        p = self.reading.belief[row]
        return f"Forward, row {row + 1} of {self.rows}:\nthe answer would be {p.argmax()}, with {p.max():.0%}"

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
    axes.set_title(title, size=8.5)
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
