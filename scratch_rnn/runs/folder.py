"""A run's folder: what it holds, and when each file is written.

    recipe.json             at the start: what was asked for, and the size of the images
    state.npz               after each epoch: all that --resume needs; removed when the run is finished
    history.json            after each epoch, for each model
    scratch_rnn.weights.npz, keras.weights.npz     after each epoch, in one format and order
    summary.json            after the test: a folder without it holds an unfinished run
    curves.png, predictions.png, confusion.png     then, for a picture can fail and the numbers are there
    report.html             last, by `scratch-rnn compare`: all of it on one page
    inspect-.../            by `scratch-rnn inspect`: a network's inside

Every file appears whole or not at all. With `--cell all` there is a folder a cell, and when all are finished
beside them what compares the cells: a report.html by `compare`, a curves.png by `train`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.files import unfinished, unused, write_json
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training.model import Sequential

RUNS = Path("runs")  # where runs are that were not told where
STATE = "state.npz"
FIGURES = ("curves.png", "predictions.png", "confusion.png")
ATTEMPTS = 9  # to find a folder that no other run takes at the same moment


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the message says what was saved."""


class Run:
    """A folder that a training run writes to."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self.recipe = recipe

    def claim(self, image_shape: tuple[int, int]) -> None:
        """Make the folder, where it is not there yet, and write its recipe.json.

        Raises FileExistsError where another run has done so first.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        content = self.recipe.to_dict() | {"image_shape": list(image_shape)}
        try:
            self.write_json("recipe.json", content, new=True)
        except FileExistsError:
            raise FileExistsError(f"another run has just taken {self.folder}: name a new folder") from None

    @property
    def state(self) -> Path:
        """The file with all that the training needs to go on."""
        return self.folder / STATE

    @property
    def begun(self) -> bool:
        """Whether an epoch of it is saved."""
        return self.state.is_file() or (self.folder / "history.json").is_file()

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do: the state is removed last of all."""
        return (self.folder / "summary.json").is_file() and not self.state.is_file()

    def read(self) -> tuple[dict[str, Any], list[Result]]:
        """Return the summary of a finished run, and of each model the result as far as epochs go."""
        names = ("summary.json", "history.json")
        summary, histories = (json.loads((self.folder / name).read_text(encoding="utf-8")) for name in names)
        return summary, [Result(name, history) for name, history in histories.items()]

    def reopen(self, image_shape: tuple[int, int]) -> None:
        """Get ready to go on: claim a folder that is gone, remove what a kill has left half-written.

        Raises ValueError for a run that cannot be gone on with.
        """
        if not (self.folder / "recipe.json").is_file():
            self.claim(image_shape)
        elif self.begun and not self.state.is_file() and not self.finished:
            raise ValueError(f"{self.folder} has no {STATE}: the version that made it cannot be resumed from")
        for leftover in unfinished(self.folder):
            leftover.unlink(missing_ok=True)

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
        if not self.begun:
            self.remove_if_empty()
            return f"no epoch of {self.folder} was finished and nothing is saved of it"
        if not path.is_file():
            return f"--resume {self.folder} goes on"
        histories = json.loads(path.read_text(encoding="utf-8"))
        epochs = ", ".join(f"{name} {len(history['loss'])}" for name, history in histories.items())
        return (
            f"weights and history are saved in {self.folder} (epochs finished: {epochs}); "
            f"--resume {self.folder} goes on"
        )

    def remove_if_empty(self) -> None:
        """Remove the folder of a run that has no epoch yet."""
        if not self.begun:
            (self.folder / "recipe.json").unlink(missing_ok=True)
            with suppress(OSError):  # somebody has put something else into it
                self.folder.rmdir()
                if self.folder.parent == RUNS:  # it was the first
                    RUNS.rmdir()

    def write_json(self, name: str, content: Any, new: bool = False) -> None:
        """Write a JSON file; JSON has no word for NaN and infinity: they become null.

        Raises FileExistsError, with `new`, where it is there already.
        """
        write_json(self.folder / name, content, new)

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

    @contextmanager
    def saying_what_is_missing(self, *names: str) -> Iterator[None]:
        """Where one of these pictures or pages fails, say which are missing, and that the numbers are not.

        Raises OSError, ValueError and ImportError as OSError.
        """
        try:
            yield
        except (OSError, ValueError, ImportError) as error:
            missing = ", ".join(name for name in names if not (self.folder / name).is_file())
            reason = f"{missing} could not be made ({error}); all else, summary.json too, is in {self.folder}"
            raise OSError(reason) from error

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
    for number, run in enumerate(runs):
        with removing_empty_runs(runs[:number]):
            run.claim(image_shape)
    return runs


def reopen_runs(folder: str | os.PathLike[str]) -> tuple[list[Run], tuple[int, int]]:
    """Return the run of a folder, or those of all cells where it holds such, and the size of their images.

    A cell that has no folder any more, because Ctrl-C came before it began, gets one again. Raises
    FileNotFoundError for a folder that holds no run, ValueError for a damaged recipe or a finished run.
    """
    folders = run_folders(folder)
    recipe, image_shape = read_recipe(folders[0])
    if folders == [Path(folder)]:
        runs = [Run(folders[0], recipe)]
    else:
        runs = [Run(Path(folder, cell), replace(recipe, cell=cell)) for cell in CELLS]
    if all(run.finished for run in runs):
        raise ValueError(f"{folder} is finished: there is nothing to resume")
    for run in runs:
        run.reopen(image_shape)
    return runs, image_shape


def create_new_runs(command: str, recipes: list[Recipe], image_shape: tuple[int, int]) -> list[Run]:
    """Do the same in a folder below runs/ that no other run has, even if several begin at once."""
    for _ in range(ATTEMPTS):
        with suppress(FileExistsError):
            return create_runs(new_folder(command, recipes), recipes, image_shape)
    return create_runs(new_folder(command, recipes), recipes, image_shape)


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
    return unused(RUNS / f"{command}-{cell}-{datetime.now():%Y%m%d-%H%M%S}")


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
    recipe, image_shape = read_recipe(folder)
    with _damaged(folder / "recipe.json"):
        model = recipe.build_model(image_shape)
    model.load_weights(weights)
    if not all(np.isfinite(weight).all() for weight in model.weights):
        raise ValueError(
            f"{weights} holds NaN or infinity: that training diverged; take a smaller learning rate"
        )
    return recipe, model


def read_recipe(folder: str | os.PathLike[str]) -> tuple[Recipe, tuple[int, int]]:
    """Return the recipe of a run, and the size (H, W) of its images.

    Raises ValueError for a recipe.json that is damaged.
    """
    path = Path(folder, "recipe.json")
    with _damaged(path):
        values = json.loads(path.read_text(encoding="utf-8"))
        height, width = values.pop("image_shape")
        return Recipe.from_dict(values), (height, width)


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Say of whatever is wrong with what a file says that the file is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error
