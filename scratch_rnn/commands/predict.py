"""scratch-rnn predict: what a trained network says of an image, or of a test digit."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from scratch_rnn.arrays import Array
from scratch_rnn.commands.digits import Digits, load_digits
from scratch_rnn.commands.doubts import doubts, is_sure
from scratch_rnn.commands.options import check_new_figure, natural_int, path
from scratch_rnn.commands.terminal import draw_prediction, say
from scratch_rnn.files import unused
from scratch_rnn.runs.folder import load_run, read_recipe
from scratch_rnn.runs.recipe import Recipe
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
    parser.add_argument(
        "--json",
        action="store_true",
        help="print an object for each picture, and draw a figure with --figure only",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print and draw the predictions."""
    if not arguments.images and arguments.test_index is None:
        raise ValueError("nothing to predict: name image files, or a test digit with --test-index N")
    if arguments.figure is not None:
        check_new_figure(arguments.figure, "--figure")
    recipe, model = load_run(arguments.folder)
    _, image_shape = read_recipe(arguments.folder)
    digits = load_digits(recipe, arguments.images, arguments.test_index, image_shape)
    probabilities = model.predict(digits.images)
    if arguments.json:
        print(json.dumps(_as_objects(arguments, digits, probabilities), indent=2))
        if arguments.figure:
            _draw(digits, probabilities, recipe, arguments.figure)
        return
    console = Console()
    _print(digits, probabilities, console)
    drawn = arguments.figure or unused(arguments.folder / f"predict-{_stem(digits.names)}", ".png")
    _draw(digits, probabilities, recipe, drawn)
    say(console, f"drawn in {drawn}")


def _as_objects(arguments: argparse.Namespace, digits: Digits, probabilities: Array) -> list[dict[str, Any]]:
    """Return what is printed with --json."""
    files: list[str | None] = [str(path) for path in arguments.images]
    return [
        {
            "file": file,
            "test_index": arguments.test_index,
            "label": _label(digits, row),
            "digit": int(of_each.argmax()),
            "probabilities": [float(probability) for probability in of_each],
            "sure": is_sure(of_each),
            "parts": parts,
            "doubts": doubts(of_each, parts),
        }
        for row, (file, of_each, parts) in enumerate(
            zip(files or [None], probabilities, digits.parts, strict=True)
        )
    ]


def _print(digits: Digits, probabilities: Array, console: Console) -> None:
    """Print each digit, what the network says of it, and what speaks against that."""
    for row, (name, of_each) in enumerate(zip(digits.names, probabilities, strict=True)):
        console.print(draw_prediction(_grey(digits.images[row]), of_each, name, _label(digits, row)))
        for doubt in doubts(of_each, digits.parts[row]):
            console.print(f"? {doubt}", style="bold yellow", highlight=False)


def _draw(digits: Digits, probabilities: Array, recipe: Recipe, path: Path) -> None:
    """Draw the same as a figure."""
    from scratch_rnn.runs import figures
    from scratch_rnn.style import save

    result = Result(SCRATCH, probabilities=probabilities)
    notes = ["\n".join(doubts(*each)) for each in zip(probabilities, digits.parts, strict=True)]
    figure = figures.predictions(
        digits.images, digits.labels, [result], str(recipe), digits.names, notes=notes
    )
    save(figure, path)


def _label(digits: Digits, row: int) -> int | None:
    return None if digits.labels is None else int(digits.labels[row])


def _grey(digit: np.ndarray) -> np.ndarray:
    """Return the digit as uint8, 0 to 255; data of one's own may be floats in [0, 1]."""
    return digit if digit.dtype == np.uint8 else np.rint(255 * digit).astype(np.uint8)


def _stem(names: list[str]) -> str:
    """Return three for three.png, and three-and-2-more where it is the first of several."""
    stem = Path(names[0]).stem
    return stem if len(names) == 1 else f"{stem}-and-{len(names) - 1}-more"
