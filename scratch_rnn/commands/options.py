"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import EXTRAS, OPTIMIZERS, RECIPES, SCHEDULES, Recipe
from scratch_rnn.training.engines import ENGINES

# What --quick changes in a recipe. Small batches, for 5,400 digits make few large ones: then some nine of ten
# answers are right with every cell. Adam, for RMSprop in small batches lets rounding drive the twins apart.
QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 32, "optimizer": "adam", "data": "sample"}


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a Recipe, and those that say where and how it runs."""
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        help="what the options below change (default: default; best: see docs/best.md)",
    )
    add_field_options(parser)
    add = parser.add_argument
    add(
        "--threads",
        type=positive_int,
        help="that scratch_rnn trains on; results do not depend on it (default: all cores, on threads or "
        "processes, whichever is faster)",
    )
    add(
        "--processes",
        type=positive_int,
        help="the same with processes; above 1 on Linux only",
    )
    add(
        "--engine",
        choices=ENGINES,
        help="what --threads or --processes says by a number; mpi: all ranks that mpiexec has started, as in "
        "mpiexec -n 4 scratch-rnn train --engine mpi (docs/training.md)",
    )
    add("--out", type=path, metavar="DIR", help="new folder for the results (default: in runs/)")
    add("--quick", action="store_true", help="a short run on the digits that ship with the package")
    add(
        "--save-every",
        type=positive_int,
        metavar="N",
        help="save what --resume needs after every N batches too (default: after each epoch)",
    )
    add(
        "--resume",
        type=path,
        metavar="RUN",
        help="go on with a run that was interrupted; it ends as if it had not been, to the bit",
    )


def add_field_options(parser: argparse.ArgumentParser, *without: str) -> None:
    """Add an option for each field of a Recipe that has one, but for some."""
    for name, (words, checks) in recipe_options().items():
        if name not in without:
            default, quick = getattr(Recipe, name), f", with --quick {QUICK[name]}" if name in QUICK else ""
            known = f" (default: {as_word(default)}{quick})" if default is not None else ""
            parser.add_argument(option_of(name), help=f"{words}{known}", **checks)


def check_resume_alone(arguments: argparse.Namespace) -> None:
    """Raise ValueError where --resume stands beside options that decide what its run has decided."""
    others = ("recipe", "out", "quick")
    given = [*asked_for(arguments), *(name for name in others if getattr(arguments, name))]
    if given:
        options = ", ".join(map(option_of, given))
        raise ValueError(f"--resume goes on with what its run was asked for: leave out {options}")


def recipe_options() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return for each field of a Recipe that has an option what it means, and how its value is checked."""
    rates = ", ".join(f"{optimizer().learning_rate:g} for {name}" for name, optimizer in OPTIMIZERS.items())  # type: ignore[call-arg]
    data = (
        "auto: MNIST from the cache or the network; sample: the 6,000 + 1,000 digits that ship with the "
        "package; PATH: a folder of IDX files or an .npz"
    )
    return {
        "cell": ("all: the three in turn", {"choices": [*CELLS, "all"]}),
        "units": ("of each recurrent layer", {"type": positive_int}),
        "layers": ("recurrent layers, stacked", {"type": positive_int}),
        "optimizer": ("that changes the weights", {"choices": list(OPTIMIZERS)}),
        "learning_rate": (f"default: {rates}", {"type": positive_float}),
        "epochs": ("how often all training digits are seen", {"type": positive_int}),
        "batch_size": ("digits for each change of the weights", {"type": positive_int}),
        "seed": ("of weights and row order", {"type": natural_int}),
        "data": (data, {"type": data_source, "metavar": "auto|sample|PATH"}),
        "dtype": ("of all computations", {"choices": ["float32", "float64"]}),
        "shard_rows": (
            "digits of a batch that one core computes at a time: fewer keep more cores busy, and change the "
            "last bits of the results",
            {"type": positive_int},
        ),
        "bidirectional": ("each recurrent layer reads from both ends", YES_OR_NO),
        "dropout": ("rate of a dropout behind each recurrent layer", {"type": rate_of_dropout}),
        "recurrent_dropout": ("rate of the dropout of their states", {"type": rate_of_dropout}),
        "augment": ("move each digit a little, in each step anew", YES_OR_NO),
        "schedule": ("of the learning rate, over all epochs", {"choices": list(SCHEDULES)}),
        "base_batch": (
            "batch size that the learning rate is for: with a batch of k times as many digits it rises to k "
            "times in the first five epochs (Goyal et al. 2017)",
            {"type": positive_int},
        ),
    }


def option_of(name: str) -> str:
    """Return the option for a field of a Recipe: --batch-size for batch_size."""
    return f"--{name.replace('_', '-')}"


def recipes_from(arguments: argparse.Namespace) -> list[Recipe]:
    """Return the recipe that the options ask for, or those of all three cells."""
    named = RECIPES[arguments.recipe or "default"]
    recipe = replace(Recipe(), **(named | (QUICK if arguments.quick else {}) | asked_for(arguments)))
    return [replace(recipe, cell=cell) for cell in (CELLS if recipe.cell == "all" else [recipe.cell])]


def asked_for(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say of a recipe; not all commands have an option for each of its fields."""
    given = {field.name: getattr(arguments, field.name, None) for field in fields(Recipe)}
    return {name: value for name, value in given.items() if value is not None}


def options_of(recipe: Recipe) -> dict[str, str]:
    """Return the options that ask for this recipe, and their values.

    None is left to a default that may change one day, except for the optimizer's own learning rate. What is
    off is left out.
    """
    values = {name: getattr(recipe, name) for name in recipe_options()}
    on = {name: value for name, value in values.items() if EXTRAS.get(name, ...) != value}
    return {option_of(name): as_word(value) for name, value in on.items() if value is not None}


def as_word(value: Any) -> str:
    """Return a value as it is written on the command line."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def yes_or_no(text: str) -> bool:
    """Parse yes or no."""
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"{text!r} is not yes or no")
    return text == "yes"


YES_OR_NO: dict[str, Any] = {"type": yes_or_no, "nargs": "?", "const": True, "metavar": "yes|no"}


def data_source(text: str) -> str:
    """Parse what `load_mnist` takes: auto, sample, or a path, which is made absolute."""
    return text if text in ("auto", "sample") else str(path(text).absolute())


def path(text: str) -> Path:
    """Parse a path; an empty one, perhaps an unset variable of the shell, is none."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path")
    return Path(text)


def check_new_figure(figure: Path, option: str) -> None:
    """Raise OSError or ValueError where a figure cannot be written to that path without losing something."""
    check_new_file(figure, option, ".png", ".pdf", ".svg")


def check_new_file(file: Path, option: str, *suffixes: str) -> None:
    """Do the same for any file whose name ends in one of the suffixes."""
    if file.exists():
        raise FileExistsError(f"{option} {file} exists already: name a new file, so that nothing is lost")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"{option} {file}: its folder does not exist")
    if file.suffix not in suffixes:
        *others, last = suffixes
        allowed = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{option} {file}: the name must end in {allowed}")


def positive_int(text: str) -> int:
    """Parse a whole number above zero."""
    return _parsed(text, int, lambda value: value > 0, "a whole number above zero")


def natural_int(text: str) -> int:
    """Parse a whole number, zero or above."""
    return _parsed(text, int, lambda value: value >= 0, "a whole number, zero or above")


def positive_float(text: str) -> float:
    """Parse a finite number above zero."""
    return _parsed(text, float, lambda value: value > 0 and math.isfinite(value), "a number above zero")


def rate_of_dropout(text: str) -> float:
    """Parse a number from 0 to below 1."""
    return _parsed(text, float, lambda value: 0 <= value < 1, "a number, at least 0 and below 1")


def _parsed(text, parse, fits, expected):  # type: ignore[no-untyped-def]
    try:
        value = parse(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return value
