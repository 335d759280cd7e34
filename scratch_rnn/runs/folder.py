"""A run's folder: what it holds, and when each file is written.

    recipe.json             at the start: what was asked for, and the size of the images
    history.json            after each epoch, for each model
    scratch_rnn.weights.npz, keras.weights.npz     after each epoch, in one format and order
    curves.png, predictions.png, confusion.png     at the end
    report.html             then, by `scratch-rnn compare`: all of it on one page
    summary.json            last of all: a folder without it holds an unfinished run
    inspect-.../            by `scratch-rnn inspect`: a network's inside

Every file appears whole or not at all. `scratch-rnn compare --cell all` makes a folder a cell, and when all
are finished a report.html beside them that compares the cells.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.files import atomic, unused
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training.model import Sequential


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the message says what was saved."""


class Run:
    """A folder that a training run writes to."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self.recipe = recipe

    @contextmanager
    def saying_what_is_saved(self) -> Iterator[None]:
        """Turn Ctrl-C into an Interrupted that says what the folder holds by then.

        A run that ends before its first epoch, for whatever reason, leaves no folder behind.
        """
        try:
            yield
        except BaseException as error:
            saved = self._saved()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(f"interrupted: {saved}") from None
            raise

    def _saved(self) -> str:
        path = self.folder / "history.json"
        if not path.is_file():
            self.remove_if_empty()
            return f"no epoch of {self.folder} was finished and nothing is saved of it"
        histories = json.loads(path.read_text(encoding="utf-8"))
        epochs = ", ".join(f"{name} {len(history['loss'])}" for name, history in histories.items())
        return f"weights and history are saved in {self.folder} (epochs finished: {epochs})"

    def remove_if_empty(self) -> None:
        """Remove the folder of a run that has no epoch yet."""
        if not (self.folder / "history.json").is_file():
            (self.folder / "recipe.json").unlink(missing_ok=True)
            with suppress(OSError):  # somebody has put something else into it
                self.folder.rmdir()

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file; JSON has no word for NaN and infinity: they become null."""
        with atomic(self.folder / name) as path:
            path.write_text(json.dumps(_finite(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def save_epoch(self, trained: Iterable[tuple[Result, Sequential]]) -> None:
        """Write what an epoch changed: each model's history, and its weights, from a network that has them.

        Raises ValueError, after writing, where a loss is not finite: from there on nothing can be learned.
        """
        results = []
        for result, network in trained:
            network.save_weights(self.folder / f"{result.name.lower()}.weights.npz")
            results.append(result)
        self.write_json("history.json", {result.name: result.history for result in results})
        for result in results:
            losses = result.history["loss"]
            if not math.isfinite(losses[-1]):
                raise ValueError(
                    f"the training of {result.name} diverged: its loss is {losses[-1]} after epoch "
                    f"{len(losses)}; take a smaller learning rate ({self.folder} holds the history)"
                )

    def save_figures(self, results: Sequence[Result], images: Array, labels: Array) -> None:
        """Draw curves.png, predictions.png and confusion.png of models tested on these images and labels."""
        from scratch_rnn.runs import figures
        from scratch_rnn.style import save

        title = str(self.recipe)
        rows = figures.choose_examples(labels, results)
        save(figures.curves(results, title), self.folder / "curves.png")
        save(figures.predictions(images, labels, results, title, rows=rows), self.folder / "predictions.png")
        save(figures.confusion(labels, results, title), self.folder / "confusion.png")


def create_runs(
    out: str | os.PathLike[str], recipes: list[Recipe], image_shape: tuple[int, int]
) -> list[Run]:
    """Make the folder `out`, or take an empty one, for a recipe; for several, a folder a cell inside it.

    Each gets its recipe.json. Raises FileExistsError for a folder that holds something, so that no run is
    ever written over; OSError for one that cannot be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file: name a new folder for the run")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: name a new folder, so that nothing in it is lost")
    folders = [out] if len(recipes) == 1 else [out / recipe.cell for recipe in recipes]
    runs = [Run(folder, recipe) for folder, recipe in zip(folders, recipes, strict=True)]
    for run in runs:
        run.folder.mkdir(parents=True, exist_ok=True)
        run.write_json("recipe.json", run.recipe.to_dict() | {"image_shape": list(image_shape)})
    return runs


@contextmanager
def removing_empty_runs(runs: list[Run]) -> Iterator[None]:
    """Where an error or Ctrl-C ends several runs, remove the folders of those that have no epoch yet."""
    try:
        yield
    except BaseException:
        for run in runs:
            run.remove_if_empty()
        if len(runs) > 1:
            with suppress(OSError):  # one of them has begun
                runs[0].folder.parent.rmdir()
        raise


def new_folder(command: str, recipes: list[Recipe]) -> Path:
    """Return a folder below runs/ that does not exist yet, named after command, cell and time."""
    cell = recipes[0].cell if len(recipes) == 1 else "all"
    return unused(Path("runs", f"{command}-{cell}-{datetime.now():%Y%m%d-%H%M%S}"))


def run_folders(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the folder of a run or, where it holds runs of several cells, theirs in the order of CELLS.

    Raises FileNotFoundError where there is neither.
    """
    folder = _existing(folder)
    if (folder / "recipe.json").is_file():
        return [folder]
    inner = [folder / cell for cell in CELLS if (folder / cell / "recipe.json").is_file()]
    if not inner:
        raise FileNotFoundError(f"{folder} is not the folder of a run: it has no recipe.json")
    return inner


def _existing(folder: str | os.PathLike[str]) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist, or is no folder: name the folder of a run")
    return folder


def load_run(folder: str | os.PathLike[str]) -> tuple[Recipe, Sequential]:
    """Return the recipe of a run and its scratch_rnn model with the weights that it reached.

    Raises FileNotFoundError for a folder that holds no run, ValueError for a run whose files do not fit.
    """
    folder = _existing(folder)
    if not (folder / "recipe.json").is_file():
        inner = sorted(path.parent.name for path in folder.glob("*/recipe.json"))
        hint = f"; it holds the runs {', '.join(inner)}: name one of them" if inner else ""
        raise FileNotFoundError(f"{folder} is not the folder of a run: it has no recipe.json{hint}")
    weights = folder / "scratch_rnn.weights.npz"
    if not weights.is_file():
        raise FileNotFoundError(f"{folder} has no scratch_rnn.weights.npz, the weights that every run saves")
    try:
        values = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        height, width = values.pop("image_shape")
        recipe = Recipe.from_dict(values)
        model = recipe.build_model((height, width))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{folder / 'recipe.json'} is damaged: {error!r}") from error
    model.load_weights(weights)
    if not all(np.isfinite(weight).all() for weight in model.weights):
        raise ValueError(
            f"{weights} holds NaN or infinity: that training diverged; take a smaller learning rate"
        )
    return recipe, model


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
