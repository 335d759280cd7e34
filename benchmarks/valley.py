"""The paths of the optimizers down a narrow valley, each from the same start.

The loss is (x² + 25 y²) / 2: along x, the floor of the valley, it falls 25 times less steeply than down its
walls, along y. Nothing is measured here and nothing is random: the numbers are the same everywhere.

    python benchmarks/valley.py

prints what is left of the loss after 10, 20 and 30 steps, in this valley and in one that is turned by 45
degrees, and draws docs/figures/valley.png. A second.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from interleave import FIGURES
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from scratch_rnn import SGD, Adagrad, Adam, Nadam, RMSprop
from scratch_rnn.style import BLUE, FAINT, INK, PALE, STYLE, save
from scratch_rnn.training.optimizer_base import Optimizer

CURVATURES = np.array([1.0, 25.0])  # along x and along y
START = np.array([-4.0, 1.0])
STEPS = 30
SHOWN = (10, 20, 30)

OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "gradient descent, rate 0.07": lambda: SGD(0.07),
    "momentum 0.8, rate 0.05": lambda: SGD(0.05, momentum=0.8),
    "Nesterov 0.8, rate 0.05": lambda: SGD(0.05, momentum=0.8, nesterov=True),
    "Adagrad, rate 0.2": lambda: Adagrad(0.2),
    "RMSprop, rate 0.2": lambda: RMSprop(0.2),
    "Adam, rate 0.2": lambda: Adam(0.2),
    "Nadam, rate 0.2": lambda: Nadam(0.2),
}


def main() -> None:
    """Print the table, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=plain).parse_args()
    Console().print(as_table())
    save(drawn({name: path(make()) for name, make in OPTIMIZERS.items()}), FIGURES / "valley.png")


def path(optimizer: Optimizer, degrees: float = 0.0) -> np.ndarray:
    """Return the points (STEPS + 1, 2) that it comes to, START first, in a valley turned by so much.

    They are given along the floor and across it, as if the valley had not been turned.
    """
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    weights = turn @ START
    points = [START]
    for _ in range(STEPS):
        gradient = turn @ (CURVATURES * (turn.T @ weights))
        optimizer.apply([gradient], [weights])
        points.append(turn.T @ weights)
    return np.array(points)


def share_left(points: np.ndarray) -> np.ndarray:
    """Return for points (..., 2) their loss as a share of that at the start: shape (...)."""
    return (CURVATURES * points**2).sum(axis=-1) / (CURVATURES * START**2).sum()


def as_table() -> Table:
    """Return a row for each optimizer: what is left of the loss after so many steps."""
    table = Table(title="what is left of the loss after so many steps")
    table.add_column("optimizer and its learning rate")
    for steps in SHOWN:
        table.add_column(f"{steps}", justify="right")
    table.add_column(f"{STEPS}, turned by 45°", justify="right")
    for name, make in OPTIMIZERS.items():
        left = [*share_left(path(make()))[list(SHOWN)], share_left(path(make(), 45))[-1]]
        table.add_row(name, *map(in_percent, left))
    return table


def in_percent(share: float) -> str:
    """Return a share in percent, to two digits."""
    return f"{100 * share:.2g} %"


@rc_context(STYLE)
def drawn(paths: dict[str, np.ndarray]) -> Figure:
    """Draw a panel for each path, narrow enough for a phone."""
    figure = Figure(figsize=(4.2, 0.5 + 0.88 * len(paths)), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(len(paths), 1, sharex=True), paths.items(), strict=True):
        _draw(axes, points)
        axes.set_title(name)
        axes.set_title(f"{in_percent(share_left(points)[-1])} left", loc="right", fontweight="bold")
        axes.set_ylabel("y", rotation=0, labelpad=0)
    axes.set_xlabel(f"x     ({STEPS} steps from the circle, + is the minimum)")
    return figure


def _draw(axes: Axes, points: np.ndarray) -> None:
    x, y = np.meshgrid(np.linspace(-4.6, 1.6, 200), np.linspace(-1.5, 1.5, 100))
    heights = share_left(np.stack([x, y], axis=-1))
    axes.contour(x, y, heights, levels=[0.02, 0.2, 0.6, 1.2], colors=PALE, linewidths=1)
    axes.plot(0, 0, "+", color=INK, markersize=9)
    axes.plot(points[:, 0], points[:, 1], ".-", color=BLUE, linewidth=1, markersize=4)
    axes.plot(*points[0], "o", color=BLUE, markersize=6)
    axes.set(xlim=(-4.6, 1.6), ylim=(-1.5, 1.5), xticks=[-4, -2, 0], yticks=[-1, 1])
    for side in axes.spines.values():
        side.set_visible(True)
        side.set_color(FAINT)


if __name__ == "__main__":
    main()
