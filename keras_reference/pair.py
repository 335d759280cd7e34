"""A scratch_rnn model and its Keras twin, from a recipe to the summary of a run."""

from __future__ import annotations

import statistics
from typing import Any

import keras
from rich.console import Console

from keras_reference.comparison import (
    FIRST_BATCHES,
    KERAS,
    SCRATCH,
    agreement,
    largest_relative_difference,
)
from keras_reference.conditions import conditions
from keras_reference.live_table import LiveTable
from keras_reference.report import write_report
from keras_reference.side_by_side import (
    Array,
    Record,
    Split,
    Watcher,
    evaluate_twin,
    predict_twin,
    train_side_by_side,
)
from keras_reference.twin import build_twin, weights_from_keras
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.recipe import Recipe


class Pair:
    """Both models of a recipe, with the same initial weights, for images (H, W).

    `threads` and `processes` are those of the scratch_rnn model; Keras takes all cores.
    """

    def __init__(
        self,
        recipe: Recipe,
        image_shape: tuple[int, int],
        threads: int | None = None,
        processes: int = 1,
    ) -> None:
        self.recipe = recipe
        self.image_shape = image_shape
        self.scratch = recipe.build_model(image_shape, threads, processes)
        self.twin = build_twin(self.scratch, (None, *image_shape))
        self.digits = {"train_digits": 0, "validation_digits": 0}
        self.records: dict[str, Record] = {}

    def train(self, train: Split, validation: Split, run: Run, console: Console) -> None:
        """Train both, show it live, and save histories and weights after each epoch."""
        self.digits = {"train_digits": len(train[0]), "validation_digits": len(validation[0])}
        with LiveTable(console) as table:
            self.records = train_side_by_side(
                self.scratch,
                self.twin,
                train,
                validation,
                epochs=self.recipe.epochs,
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                watchers=[table, _Saver(self, run)],
            )

    def conclude(self, test: Split, run: Run) -> dict[str, Any]:
        """Test both models, draw the figures, write the report and the summary; return the summary."""
        (x, y), size = test, self.recipe.batch_size
        scores = {
            SCRATCH: self.scratch.evaluate(x, y, size),
            KERAS: evaluate_twin(self.scratch, self.twin, x, y, size),
        }
        probabilities = {
            SCRATCH: self.scratch.predict(x, size),
            KERAS: predict_twin(self.scratch, self.twin, x, size),
        }
        seconds = {name: record.seconds for name, record in self.records.items()}
        summary = self._summary(y, scores, probabilities)
        run.save_figures(self.histories, x, y, probabilities)
        write_report(run.folder, summary, self.histories, seconds)
        run.write_json("summary.json", summary)
        return summary

    @property
    def histories(self) -> dict[str, dict[str, list[float]]]:
        """The history of each model by name, one value an epoch in each list."""
        return {name: record.history for name, record in self.records.items()}

    def _summary(
        self, labels: Array, scores: dict[str, dict[str, float]], probabilities: dict[str, Array]
    ) -> dict[str, Any]:
        seconds = {name: statistics.median(record.seconds) for name, record in self.records.items()}
        batch_losses = [self.records[name].batch_losses[:FIRST_BATCHES] for name in (SCRATCH, KERAS)]
        return {
            "recipe": self.recipe.to_dict(),
            "weights": self.scratch.count_params(),
            **self.digits,
            "test_digits": len(labels),
            "test": scores,
            **agreement(labels, probabilities[SCRATCH], probabilities[KERAS]),
            "first_batches": len(batch_losses[0]),
            "first_batch_losses_differ": largest_relative_difference(*batch_losses),
            "seconds_per_epoch": seconds,
            "ratio_of_seconds": seconds[SCRATCH] / seconds[KERAS],
            "conditions": self._conditions(),
        }

    def _conditions(self) -> dict[str, Any]:
        backend = keras.config.backend()
        found = conditions(("scratch_rnn", "numpy", "keras", backend))
        workers = {"threads": self.scratch.threads, "processes": self.scratch.processes}
        return {**found, "backend": backend, **workers}


class _Saver(Watcher):
    """Saves both histories and both models' weights whenever the twin, the second in turn, ends an epoch."""

    def __init__(self, pair: Pair, run: Run) -> None:
        self.pair, self.run = pair, run
        self.twin_weights = pair.recipe.build_model(pair.image_shape)
        self.histories: dict[str, dict[str, list[float]]] = {}

    def on_epoch(self, model: str, epoch: int, record: Record) -> None:
        self.histories[model] = record.history
        if model == KERAS:
            weights_from_keras(self.pair.twin, self.twin_weights)
            self.run.save_epoch(self.histories, {SCRATCH: self.pair.scratch, "keras": self.twin_weights})
