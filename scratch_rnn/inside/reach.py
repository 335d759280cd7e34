"""The figure of how far gradients reach: their size at each row and what a step multiplies them by.

Like all figures of a network's inside it counts rows from 1 and returns a matplotlib Figure of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scratch_rnn.layers import CELLS
from scratch_rnn.style import BLUE, FAINT, GREEN, ORANGE, PURPLE, SKY, STYLE, WIDTH

CELL_COLOURS = dict(zip((cell.__name__ for cell in CELLS.values()), (ORANGE, GREEN, BLUE), strict=True))
FACTORS = {"SimpleRNN": "φ′", "GRU": "u", "LSTM": "f"}  # of `inside.local_factors`
FLOOR = 1e-30  # gradients below it count as vanished: they have no place on a logarithmic scale

Norms = Mapping[str, Mapping[str, np.ndarray]]  # by cell and state (T,)
Growth = Mapping[str, np.ndarray]  # by cell (T,)


@rc_context(STYLE)
def reach(before: Norms, after: Norms, title: str, direct: tuple[Growth, Growth] | None = None) -> Figure:
    """Draw the size of dL/dh_t, and of dL/dc_t where there is one, over the rows, logarithmically.

    Args:
        before: for each cell what `inside.gradient_reach` says of the untrained network: h, perhaps c, (T,).
        after: the same for the trained one, in the same order.
        title: of the whole figure.
        direct: of both networks what `inside.direct_growth` says, for each cell (T,); drawn below.

    Raises:
        ValueError: there is no cell, or the two do not hold the same ones.
    """
    if not before or list(before) != list(after):
        raise ValueError(
            f"expected the same cells before and after training, found {[*before]} and {[*after]}"
        )
    figure = Figure(figsize=(WIDTH, 3.9 if direct is None else 5.6), layout="constrained")
    heights = [1] if direct is None else [1.7, 1]
    panels = figure.subplots(len(heights), 2, sharex=True, sharey="row", squeeze=False, height_ratios=heights)
    colours = _cell_colours(before)
    dashes = _dashes(name for norms in before.values() for name in norms)
    for axes, name, cells in zip(
        panels[0], ("Before training", "After training"), (before, after), strict=True
    ):
        for cell, norms in cells.items():
            _draw_reach(axes, norms, colours[cell], dashes)
        axes.set(title=name, yscale="log")
    panels[0, 0].set_ylabel("size of the gradient at row t")
    if direct is not None:
        for axes, of_cells in zip(panels[1], direct, strict=True):
            _draw_direct(axes, of_cells, colours)
        named = ", ".join(f"{FACTORS.get(cell, 'factor')} ({cell})" for cell in before)
        panels[1, 0].set(ylabel="growth by it alone", title=f"Factor of step t: {named}")
    for axes in panels[-1]:
        axes.set_xlabel("row t")
        axes.set_xticks(row_ticks(len(next(iter(before.values()))["h"])))
    for axes in panels.flat:
        axes.grid(axis="y")
    figure.suptitle(title)
    _reach_legend(figure, colours, dashes)
    return figure


def _draw_reach(axes: Axes, norms: Mapping[str, np.ndarray], colour: str, dashes: Mapping[str, Any]) -> None:
    for name, values in norms.items():
        shown = np.asarray(values, dtype=float)
        shown = np.where(shown > FLOOR, shown, np.nan)
        rows = np.arange(1, len(shown) + 1)
        axes.plot(rows, shown, color=colour, linestyle=dashes[name], linewidth=1.8)


def _draw_direct(axes: Axes, growth: Growth, colours: Mapping[str, str]) -> None:
    for cell, values in growth.items():
        axes.plot(np.arange(1, len(values) + 1), values, color=colours[cell], linewidth=1.8)
    axes.set_ylim(0, 1.05)


def _cell_colours(cells: Iterable[str]) -> dict[str, str]:
    """Return a colour for each cell: always the same for one of the library, one that is left for another."""
    cells = list(cells)
    others = (PURPLE, SKY, *CELL_COLOURS.values())
    left = cycle([colour for colour in others if colour not in map(CELL_COLOURS.get, cells)])
    return {cell: CELL_COLOURS[cell] if cell in CELL_COLOURS else next(left) for cell in cells}


def _dashes(names: Iterable[str]) -> dict[str, Any]:
    """Return a line style for each state: solid for h, which every cell has."""
    others = cycle([(0, (4, 2)), (0, (1, 1)), (0, (6, 2, 1, 2))])
    return {name: "-" if name == "h" else next(others) for name in dict.fromkeys(names)}


def _reach_legend(figure: Figure, colours: Mapping[str, str], dashes: Mapping[str, Any]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=1.8, label=cell) for cell, colour in colours.items()]
    handles += [
        Line2D([], [], color=FAINT, linewidth=1.8, linestyle=style, label=f"‖dL/d{name}‖")
        for name, style in dashes.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=3)


def row_ticks(rows: int) -> list[int]:
    """Row 1, the last one, and round numbers between that are not too near to either."""
    step = next((step for step in (1, 2, 5, 7, 10, 20, 50, 100) if rows <= 6 * step), -(-rows // 6))
    between = [tick for tick in range(step, rows, step) if tick - 1 >= step / 2 and rows - tick >= step / 2]
    return [1, *between, rows] if rows > 1 else [1]
