"""What commands print: a line as it is, and a digit with what a model says of it, in colours or without."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from rich.bar import Bar
from rich.color import Color
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

BAR_WIDTH = 24


def say(console: Console, line: str) -> None:
    """Print a line with a path in it: whole, with no bracket taken for markup and no :x: for a sign."""
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def draw_digit(image: np.ndarray) -> Text:
    """Draw an image with two pixels a character, one above the other.

    The characters alone give a picture in black and white; colours, where there are any, add the greys.

    Args:
        image: uint8 (H, W), 28 x 28 for MNIST; 0 is black.

    Returns:
        (H + 1) // 2 lines of W characters.

    Raises:
        ValueError: the image is not such.
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.size == 0 or image.dtype != np.uint8:
        raise ValueError(f"expected an image uint8 (H, W), found {image.dtype} {image.shape}")
    pixels = np.pad(image, ((0, len(image) % 2), (0, 0))).tolist()
    lines = [
        Text.assemble(*map(_two_pixels, above, below))
        for above, below in zip(pixels[::2], pixels[1::2], strict=True)
    ]
    return Text("\n").join(lines)


def _two_pixels(above: int, below: int) -> tuple[str, Style]:
    """A character that is right about bright and dark by itself, and its colours."""
    if above >= 128 and below >= 128:
        return "█", _style((above + below) // 2, 0)
    if above < 128 and below < 128:
        return " ", _style(0, (above + below) // 2)
    return ("▀", _style(above, below)) if above > below else ("▄", _style(below, above))


def _style(front: int, back: int) -> Style:
    return Style(color=Color.from_rgb(front, front, front), bgcolor=Color.from_rgb(back, back, back))


def draw_probabilities(probabilities: ArrayLike, label: int | None = None) -> Table:
    """Draw a bar for the probability of each class; the largest is marked, where known as right or wrong.

    Args:
        probabilities: (classes,), from 0 to 1.
        label: the right class.

    Raises:
        ValueError: the probabilities or the label are not such.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.ndim != 1 or not ((probabilities > -1e-3) & (probabilities < 1 + 1e-3)).all():
        raise ValueError(f"expected probabilities (classes,) from 0 to 1, found {probabilities}")
    if probabilities.size == 0 or label not in (None, *range(probabilities.size)):
        raise ValueError(f"expected a label of {probabilities.size} classes, found {label}")
    table = Table.grid(padding=(0, 1))
    best = int(probabilities.argmax())
    for number, probability in enumerate(probabilities.tolist()):
        mark, style = _mark(number, best, label)
        bar = Bar(1, 0, probability, width=BAR_WIDTH, color=style or "bright_black")
        percent = Text(f"{100 * probability:5.1f} %")
        table.add_row(str(number), bar, percent, mark, style=f"bold {style}" if number == best else "")
    return table


def _mark(number: int, best: int, label: int | None) -> tuple[str, str]:
    """The word beside the bar of a class, and its colour; the words say all that the colours say."""
    if number != best:
        return ("← label", "") if number == label else ("", "")
    if label is None:
        return "◀", "cyan"
    return ("✓ right", "green") if best == label else ("✗ wrong", "red")


def draw_prediction(
    image: np.ndarray, probabilities: ArrayLike, title: str, label: int | None = None
) -> RenderableType:
    """Draw a digit and the probabilities of its classes side by side, under a title; 73 columns wide.

    Arguments and errors are those of `draw_digit` and `draw_probabilities`.
    """
    table = Table.grid(padding=(0, 3))
    table.add_column(vertical="middle")
    table.add_column(vertical="middle")
    table.add_row(draw_digit(image), draw_probabilities(probabilities, label))
    return Group(Text(title, style="bold"), table)
