"""A scratch_rnn model and its Keras twin, from a recipe to the summary of a run."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console

from keras_reference.comparison import Comparison
from keras_reference.conditions import conditions
from keras_reference.live_table import LiveTable
from keras_reference.report import write_report
from keras_reference.side_by_side import train_sides
from keras_reference.sides import KerasSide, ScratchSide, Side, Split, Watcher
from keras_reference.twin import build_twin
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result


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

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, in the order in which they train and are shown."""
        return self.scratch, self.keras

    @property
    def results(self) -> tuple[Result, Result]:
        """What both have done so far."""
        return self.scratch.result, self.keras.result

    def train(self, train: Split, validation: Split, run: Run, console: Console) -> None:
        """Train both, show it live, and save histories and weights after each epoch."""
        self.digits = {"train_digits": len(train[0]), "validation_digits": len(validation[0])}
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

    def conclude(self, test: Split, run: Run) -> dict[str, Any]:
        """Test both models, draw the figures, write the report and the summary; return the summary."""
        for side in self.sides:
            side.test(*test, self.recipe.batch_size)
        comparison = Comparison(scratch=self.scratch.result, keras=self.keras.result, labels=test[1])
        summary = self._summary(comparison)
        run.save_figures(self.results, *test)
        write_report(run.folder, summary, self.results)
        run.write_json("summary.json", summary)
        return summary

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
        history = self.model.history
        workers = history.workers if history else ""
        return {**found, "backend": backend, **self.asked_for, "workers": workers}


class _Saver(Watcher):
    """Saves both histories and both models' weights whenever the second in turn ends an epoch."""

    def __init__(self, pair: Pair, run: Run) -> None:
        self.pair, self.run = pair, run

    def on_epoch(self, result: Result, epoch: int) -> None:
        if result is self.pair.results[-1]:
            self.run.save_epoch((side.result, side.network()) for side in self.pair.sides)
