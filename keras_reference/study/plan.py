"""What a study is to train: recipes by name, and of each which cells with which seeds."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_reference.study.jobs import Job
from scratch_rnn.commands.options import QUICK, as_word, asked_for, option_of, recipe_options
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import RECIPES, Recipe

MARGIN = 0.3  # points of accuracy, within which two means count as equal
MOST_SEEDS = 100_000
NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class Series:
    """A recipe, whose own cell and seed do not count, and the seeds of each cell that is trained by it."""

    recipe: Recipe
    seeds: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Plan:
    """All series by name; whether Keras twins are trained, too; the margin of equivalence in points."""

    series: dict[str, Series]
    keras: bool = False
    margin: float = MARGIN

    def jobs(self) -> Iterator[Job]:
        """Yield all jobs, the cells of a series in turn, so that an unfinished study has some of each."""
        for name, series in self.series.items():
            for seed in sorted(set().union(*series.seeds.values())):
                for cell in CELLS:
                    if seed in series.seeds.get(cell, ()):
                        yield Job(name, replace(series.recipe, cell=cell, seed=seed))

    def recipes(self) -> list[Recipe]:
        """Return the recipe of every series with every cell of it."""
        return [replace(series.recipe, cell=cell) for series in self.series.values() for cell in series.seeds]


def plan_from(arguments: argparse.Namespace) -> Plan:
    """Return the study that a file or the options describe.

    Raises ValueError and OSError for a file that is none, and for options beside it that it decides.
    """
    if arguments.file is not None:
        _check_file_alone(arguments)
        return read_plan(arguments.file)
    names = list(dict.fromkeys(arguments.recipe or ["default"]))
    changes = (QUICK if arguments.quick else {}) | asked_for(arguments)
    cells = changes.pop("cell", [Recipe.cell])
    seeds = dict.fromkeys(CELLS if "all" in cells else cells, arguments.seeds or parse_seeds("0:5"))
    series = {name: Series(replace(Recipe(), **RECIPES[name] | changes), seeds) for name in names}
    return Plan(series, arguments.keras, arguments.margin or MARGIN)


def _check_file_alone(arguments: argparse.Namespace) -> None:
    others = ("recipe", "seeds", "keras", "margin", "quick")
    given = [*asked_for(arguments), *(name for name in others if getattr(arguments, name))]
    if given:
        options = ", ".join(map(option_of, given))
        raise ValueError(f"{arguments.file} says what is trained: leave out {options}, or change the file")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of "0:40", which is 0 to 39, or of a list such as "1,5,7". Raises ValueError."""
    if any(len(number) > 9 for number in re.findall("[0-9]+", text)):
        raise ValueError(f"{text!r} has a number that is no seed: take nine digits at most")
    if span := re.fullmatch(r"([0-9]+):([0-9]+)", text):
        if int(span[2]) - int(span[1]) > MOST_SEEDS:
            raise ValueError(f"{text!r} names more seeds than anyone trains: take {MOST_SEEDS:,} at most")
        seeds = tuple(range(int(span[1]), int(span[2])))
    elif re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        seeds = tuple(dict.fromkeys(map(int, text.split(","))))
    else:
        seeds = ()
    if not seeds:
        raise ValueError(f"{text!r} names no seeds: write 0:40 for 0 to 39, or a list such as 1,5,7")
    return seeds


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Return what `parse_seeds` takes: 0:40 where they follow each other, else a list."""
    first, last = min(seeds), max(seeds)
    return f"{first}:{last + 1}" if list(seeds) == [*range(first, last + 1)] else ",".join(map(str, seeds))


# ---------------------------------------------------------------- study files


def read_plan(path: Path) -> Plan:
    """Return the study that a JSON file describes.

        {"keras": true, "margin": 0.3, "recipes": {
            "adam": {"optimizer": "adam", "epochs": 3, "seeds": {"gru": "0:20", "simple_rnn": "0:40"}}}}

    A recipe has a name of its own and what it changes of the default recipe, by the names of the options; one
    whose name the library knows, such as best, changes that. Raises OSError where the file cannot be read,
    ValueError where it says something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once_each)
    except RecursionError as error:
        raise ValueError(f"{path} is no JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    try:
        return _plan(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, of which Python would keep the last of several entries of one name."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands twice in one object")
    return dict(pairs)


def _plan(content: Any) -> Plan:
    values = _checked(content, "a study", {"recipes": dict}, {"keras": bool, "margin": (int, float)})
    margin = values.get("margin", MARGIN)
    if isinstance(margin, bool) or not (0 < margin < math.inf):
        raise ValueError(f"the margin is to be a number above zero, not {margin!r}")
    if not values["recipes"]:
        raise ValueError('"recipes" is empty: name one at least')
    series = {name: _series(name, of_one) for name, of_one in values["recipes"].items()}
    return Plan(series, values.get("keras", False), float(margin))


def _series(name: str, content: Any) -> Series:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} names no recipe: take up to 64 small letters and digits, with - or _ between them"
        )
    options = {field: object for field in recipe_options() if field not in ("cell", "seed")}
    values = _checked(content, f"recipe {name!r}", {"seeds": dict}, options)
    seeds = {cell: _seeds(cell, text) for cell, text in values.pop("seeds").items()}
    if not seeds:
        raise ValueError(f"recipe {name!r} has no seeds: name those of one cell at least")
    changes = {field: _value(f"recipe {name!r}", field, value) for field, value in values.items()}
    return Series(replace(Recipe(), **RECIPES.get(name, {}) | changes), seeds)


def _seeds(cell: str, text: Any) -> tuple[int, ...]:
    if cell not in CELLS:
        raise ValueError(f"unknown cell {cell!r}: use one of {', '.join(CELLS)}")
    if not isinstance(text, str):
        raise ValueError(f'the seeds of {cell} are to be a text such as "0:40", not {text!r}')
    return parse_seeds(text)


def _value(where: str, field: str, value: Any) -> Any:
    """Return a field's value after the check that its option makes."""
    _, checks = recipe_options()[field]
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{where}: {field} cannot be {value!r}")
    text = as_word(value)
    if "choices" in checks and text not in checks["choices"]:
        raise ValueError(f"{where}: {field} {value!r} is none of {', '.join(checks['choices'])}")
    try:
        return checks.get("type", str)(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{where}: {field} {error}") from error


def _checked(content: Any, what: str, needed: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return a dict that has all entries that are needed, and none that is not known, of these types."""
    if not isinstance(content, dict) or not needed.keys() <= content.keys():
        raise ValueError(f"{what} is an object with {', '.join(map(repr, needed))}")
    types = needed | known
    for name, value in content.items():
        if name not in types:
            raise ValueError(f"{what} has no {name!r}: use {', '.join(types)}")
        if not isinstance(value, types[name]):
            raise ValueError(f"{what}: {name!r} cannot be {value!r}")
    return dict(content)
