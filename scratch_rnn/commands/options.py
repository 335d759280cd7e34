"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from scratch_rnn.runs.recipe import CELLS, OPTIMIZERS, Recipe

QUICK_EPOCHS = 3


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a Recipe, and those that say where and how it runs."""
    default = Recipe()
    add = parser.add_argument
    known = "(default: %(default)s)"
    add("--cell", choices=[*CELLS, "all"], default=default.cell, help=f"all: the three in turn {known}")
    add("--units", type=positive_int, default=default.units, help=f"of each recurrent layer {known}")
    add("--layers", type=positive_int, default=default.layers, help=f"recurrent layers, stacked {known}")
    add("--optimizer", choices=list(OPTIMIZERS), default=default.optimizer, help=known)
    add("--learning-rate", type=positive_float, help=f"default: {_learning_rates()}")
    add("--epochs", type=positive_int, help=f"default: {default.epochs}, with --quick {QUICK_EPOCHS}")
    add("--batch-size", type=positive_int, default=default.batch_size, help=known)
    add("--seed", type=natural_int, default=default.seed, help=f"of weights and row order {known}")
    add(
        "--data",
        type=lambda text: str(path(text)),
        metavar="auto|sample|PATH",
        help="auto: MNIST from the cache or the network; sample: the 6,000 + 1,000 digits that ship with the "
        "package; PATH: a folder of IDX files or an .npz (default: auto, with --quick sample)",
    )
    add("--dtype", choices=["float32", "float64"], default=default.dtype, help=known)
    add(
        "--threads",
        type=positive_int,
        help="of scratch_rnn; results do not depend on it (default: all cores)",
    )
    add(
        "--processes",
        type=positive_int,
        default=1,
        help="above 1, scratch_rnn trains on that many processes in place of threads: faster, with the same "
        f"results, on Linux only {known}",
    )
    add("--out", type=path, metavar="DIR", help="new folder for the results (default: in runs/)")
    add("--quick", action="store_true", help="a short run on the digits that ship with the package")


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


def options_of(recipe: Recipe) -> dict[str, str]:
    """Return the options that ask for this recipe, and their values.

    None is left to a default that may change one day, except for the optimizer's own learning rate.
    """
    return {
        f"--{name.replace('_', '-')}": str(value)
        for name, value in recipe.to_dict().items()
        if name != "validation_split" and value is not None
    }


def path(text: str) -> Path:
    """Parse a path; an empty one, perhaps an unset variable of the shell, is none."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path")
    return Path(text)


def check_new_figure(figure: Path, option: str) -> None:
    """Raise OSError or ValueError where a figure cannot be written to that path without losing something."""
    if figure.exists():
        raise FileExistsError(f"{option} {figure} exists already: name a new file, so that nothing is lost")
    if not figure.parent.is_dir():
        raise FileNotFoundError(f"{option} {figure}: its folder does not exist")
    if figure.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{option} {figure}: the name must end in .png, .pdf or .svg")


def _learning_rates() -> str:
    """Return each optimizer's own learning rate, in words."""
    rates = {name: optimizer().learning_rate for name, optimizer in OPTIMIZERS.items()}  # type: ignore[call-arg]
    return ", ".join(f"{rate:g} for {name}" for name, rate in rates.items())


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
