"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from scratch_rnn.recipe import CELLS, OPTIMIZERS, Recipe

QUICK_EPOCHS = 3


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a Recipe, --out and --quick."""
    default = Recipe()
    parser.add_argument(
        "--cell",
        choices=[*CELLS, "all"],
        default=default.cell,
        help="recurrent layer; all: the three in turn",
    )
    parser.add_argument("--units", type=positive_int, default=default.units, help="units of each layer")
    parser.add_argument(
        "--layers", type=positive_int, default=default.layers, help="recurrent layers, stacked"
    )
    parser.add_argument("--optimizer", choices=list(OPTIMIZERS), default=default.optimizer)
    parser.add_argument("--learning-rate", type=positive_float, help="default: the optimizer's")
    parser.add_argument("--epochs", type=positive_int, help=f"default: {default.epochs}")
    parser.add_argument("--batch-size", type=positive_int, default=default.batch_size)
    parser.add_argument("--seed", type=natural_int, default=default.seed, help="of weights and row order")
    parser.add_argument(
        "--data",
        metavar="auto|sample|PATH",
        help="auto: MNIST from the cache or the network; sample: the 6,000 + 1,000 digits that ship with the "
        "package; PATH: a folder of IDX files or an .npz (default: auto)",
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default=default.dtype)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder for the results (default: in runs/)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"the sample and {QUICK_EPOCHS} epochs, where nothing else is said",
    )


def recipes_from(arguments: argparse.Namespace) -> list[Recipe]:
    """Return the recipe that the options ask for, or those of all three cells."""
    epochs = QUICK_EPOCHS if arguments.quick else Recipe().epochs
    data = arguments.data or ("sample" if arguments.quick else "auto")
    return [
        Recipe(
            cell=cell,
            units=arguments.units,
            layers=arguments.layers,
            optimizer=arguments.optimizer,
            learning_rate=arguments.learning_rate,
            epochs=arguments.epochs or epochs,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            data=data if data in ("auto", "sample") else str(Path(data).absolute()),
            dtype=arguments.dtype,
        )
        for cell in (CELLS if arguments.cell == "all" else [arguments.cell])
    ]


def positive_int(text: str) -> int:
    """Parse a whole number above zero."""
    return _parsed(text, int, lambda value: value > 0, "a whole number above zero")


def natural_int(text: str) -> int:
    """Parse a whole number, zero or above."""
    return _parsed(text, int, lambda value: value >= 0, "a whole number, zero or above")


def positive_float(text: str) -> float:
    """Parse a finite number above zero."""
    return _parsed(text, float, lambda value: value > 0 and math.isfinite(value), "a number above zero")


def _parsed(text, parse, fits, expected):  # type: ignore[no-untyped-def]
    try:
        value = parse(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return value
