"""scratch-rnn predict: what a trained network says of an image, or of a test digit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from scratch_rnn.commands.digits import load_digits
from scratch_rnn.commands.options import check_new_figure, natural_int, path
from scratch_rnn.commands.terminal import draw_prediction, say
from scratch_rnn.files import unused
from scratch_rnn.runs.folder import load_run, read_recipe
from scratch_rnn.runs.result import SCRATCH, Result


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "predict",
        help="show what a trained network says of an image or a test digit",
        description="Draw digits and the ten probabilities that a run's NumPy network gives them.",
    )
    parser.add_argument("folder", type=path, metavar="RUN", help="folder of a run of train or compare")
    parser.add_argument(
        "images", type=path, nargs="*", metavar="IMAGE", help="image files with one digit each"
    )
    parser.add_argument("--test-index", type=natural_int, metavar="N", help="a digit of the run's test set")
    parser.add_argument(
        "--figure", type=path, metavar="FILE", help="new file for the figure (default: in the run's folder)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print and draw the predictions."""
    from scratch_rnn.runs import figures
    from scratch_rnn.style import save

    if not arguments.images and arguments.test_index is None:
        raise ValueError("nothing to predict: name image files, or a test digit with --test-index N")
    if arguments.figure is not None:
        check_new_figure(arguments.figure, "--figure")
    recipe, model = load_run(arguments.folder)
    _, image_shape = read_recipe(arguments.folder)
    names, digits, labels = load_digits(recipe, arguments.images, arguments.test_index, image_shape)
    result = Result(SCRATCH, probabilities=model.predict(digits))
    console = Console()
    for row, name in enumerate(names):
        label = None if labels is None else int(labels[row])
        console.print(draw_prediction(_grey(digits[row]), result.probabilities[row], name, label))
    drawn = arguments.figure or unused(arguments.folder / f"predict-{_stem(names)}", ".png")
    figure = figures.predictions(digits, labels, [result], str(recipe), names)
    save(figure, drawn)
    say(console, f"drawn in {drawn}")


def _grey(digit: np.ndarray) -> np.ndarray:
    """Return the digit as uint8, 0 to 255; data of one's own may be floats in [0, 1]."""
    return digit if digit.dtype == np.uint8 else np.rint(255 * digit).astype(np.uint8)


def _stem(names: list[str]) -> str:
    """Return three for three.png, and three-and-2-more where it is the first of several."""
    stem = Path(names[0]).stem
    return stem if len(names) == 1 else f"{stem}-and-{len(names) - 1}-more"
