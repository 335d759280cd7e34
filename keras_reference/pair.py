"""A scratch_rnn model and its Keras twin, from a recipe to the summary of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from keras_reference.comparison import Comparison
from keras_reference.conditions import conditions
from keras_reference.live_table import LiveTable
from keras_reference.report import NAME as REPORT
from keras_reference.report import write_report
from keras_reference.side_by_side import train_sides
from keras_reference.sides import KerasSide, ScratchSide, Side, Split, Watcher
from keras_reference.twin import build_twin
from scratch_rnn.runs.folder import FIGURES, Run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training import saving
from scratch_rnn.training.model import Sequential


class Pair:
    """Both models of a recipe, with the same initial weights, for images (H, W).

    `threads` and `processes` are those of the scratch_rnn model; Keras takes all cores.
    """

    def __init__(
        self,
        recipe: Recipe,
        image_shape: tuple[int, int],
        threads: int | None = None,
        processes: int | None = None,
    ) -> None:
        self.recipe = recipe
        self.asked_for = {"threads": threads, "processes": processes}
        self.model = recipe.build_model(image_shape, threads, processes)
        self.scratch = ScratchSide(self.model)
        self.keras = KerasSide(self.model, build_twin(self.model, (None, *image_shape)))
        self.digits = {"train_digits": 0, "validation_digits": 0}
        self.workers = ""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, in the order in which they train and are shown."""
        return self.scratch, self.keras

    @property
    def results(self) -> tuple[Result, Result]:
        """What both have done so far."""
        return self.scratch.result, self.keras.result

    def train(self, train: Split, validation: Split, run: Run, console: Console) -> None:
        """Train both, show it live, and save histories, weights and state after each epoch.

        Where a state is there they go on from it. Raises ValueError for one that is damaged.
        """
        self.digits = {"train_digits": len(train[0]), "validation_digits": len(validation[0])}
        if run.state.is_file():
            self._restore(run.state)
            run.save_epoch(self.trained())  # a kill may have come before these files
        with LiveTable(console) as table:
            train_sides(
                self.sides,
                train,
                validation,
                epochs=self.recipe.epochs,
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                watchers=[table, _Saver(self, run)],
            )

    def trained(self) -> Iterator[tuple[Result, Sequential]]:
        """Yield each result, and a scratch_rnn model with the weights of the model that it is of."""
        return ((side.result, side.network()) for side in self.sides)

    def save(self, path: Path) -> None:
        """Write what both models need to train on to one file, which appears whole or not at all."""
        done = {side.result.name: side.result.training() for side in self.sides}
        arrays = {name: array for side in self.sides for name, array in side.state().items()}
        saving.save(self.model, path, {"results": done, "workers": self._workers()}, arrays)

    def _restore(self, path: Path) -> None:
        done, arrays = saving.restore(self.model, path)
        try:
            self.workers = done["workers"]
            for side in self.sides:
                side.result.restore(done["results"][side.result.name])
                side.restore(arrays)
        except KeyError as error:
            raise ValueError(f"{path} is no state of scratch-rnn compare: it has no {error}") from error

    def _workers(self) -> str:
        """Return what computed the last epoch of the scratch_rnn model."""
        return self.model.history.workers if self.model.history else self.workers

    def conclude(self, test: Split, run: Run) -> dict[str, Any]:
        """Test both models, and write the summary; return it."""
        for side in self.sides:
            side.test(*test, self.recipe.batch_size)
        comparison = Comparison(scratch=self.scratch.result, keras=self.keras.result, labels=test[1])
        summary = self._summary(comparison)
        run.write_json("summary.json", summary)
        return summary

    def draw(self, test: Split, run: Run, summary: dict[str, Any]) -> None:
        """Draw the figures, and write the report that shows them. Raises OSError where one cannot be made."""
        with run.saying_what_is_missing(*FIGURES, REPORT):
            run.save_figures(self.results, *test)
            write_report(run.folder, summary, self.results)

    def _summary(self, comparison: Comparison) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_dict(),
            "weights": self.model.count_params(),
            **self.digits,
            "test_digits": len(comparison.labels),
            **comparison.numbers(),
            "conditions": self._conditions(),
        }

    def _conditions(self) -> dict[str, Any]:
        backend = keras.config.backend()
        found = conditions(("scratch_rnn", "numpy", "keras", backend))
        return {**found, "backend": backend, **self.asked_for, "workers": self._workers()}


class _Saver(Watcher):
    """Saves state, histories and weights of both models whenever the second in turn ends an epoch."""

    def __init__(self, pair: Pair, run: Run) -> None:
        self.pair, self.run = pair, run

    def on_epoch(self, result: Result, epoch: int) -> None:
        if result is self.pair.results[-1]:
            self.pair.save(self.run.state)
            self.run.save_epoch(self.pair.trained())
