"""A scratch_rnn model and its twin in another library, from a recipe to the summary of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from keras_reference.comparison import Comparison
from keras_reference.conditions import conditions
from keras_reference.live_table import LiveTable
from keras_reference.references import twin_side
from keras_reference.report import NAME as REPORT
from keras_reference.report import write_report
from keras_reference.sides import ScratchSide, Side, Split, Watcher, train_sides
from scratch_rnn.runs.folder import FIGURES, Run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training import saving
from scratch_rnn.training.model import Sequential


class Pair:
    """Both models of a recipe, with the same initial weights, for images (H, W).

    `threads`, `processes` and `engine` are those of the scratch_rnn model; its twin takes all cores. `digits`
    says how many there are to train on and to validate, for a schedule. Raises ValueError for a recipe that
    the other library has no counterpart of.
    """

    def __init__(
        self,
        recipe: Recipe,
        image_shape: tuple[int, int],
        threads: int | None = None,
        processes: int | None = None,
        digits: int | None = None,
        engine: str | None = None,
    ) -> None:
        self.recipe = recipe
        self.asked_for = {"threads": threads, "processes": processes, "engine": engine}
        self.model = recipe.build_model(image_shape, threads, processes, digits, engine)
        self.scratch = ScratchSide(self.model)
        self.reference = twin_side(recipe.reference, self.model, (None, *image_shape))
        self.digits = {"train_digits": 0, "validation_digits": 0}
        self.workers = ""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, in the order in which they train and are shown."""
        return self.scratch, self.reference

    @property
    def results(self) -> tuple[Result, Result]:
        """What both have done so far."""
        return self.scratch.result, self.reference.result

    def train(
        self, train: Split, validation: Split, run: Run, console: Console, save_every: int | None = None
    ) -> None:
        """Train both, show it live, and save histories, weights and state after each epoch.

        With `save_every` the state is saved within the epochs too, after so many batches each time. Where a
        state is there they go on from it. Raises ValueError for one that is damaged.
        """
        self.digits = {"train_digits": len(train[0]), "validation_digits": len(validation[0])}
        if run.state.is_file():
            self._restore(run.state)
            if not any(side.within_epoch for side in self.sides):
                run.save_epoch(self.trained())  # a kill may have come before these files
        names = self.scratch.result.name, self.reference.result.name
        with LiveTable(console, names, self.recipe.epochs) as table:
            table.show_done(self.results)
            train_sides(
                self.sides,
                train,
                validation,
                epochs=self.recipe.epochs,
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                watchers=[table, _Saver(self, run, save_every)],
            )

    def trained(self) -> Iterator[tuple[Result, Sequential]]:
        """Yield each result, and a scratch_rnn model with the weights of the model that it is of."""
        return ((side.result, side.network()) for side in self.sides)

    def save(self, path: Path) -> None:
        """Write what both models need to train on to one file, which appears whole or not at all."""
        done = {side.result.name: side.result.training() for side in self.sides}
        arrays = {f"{side.result.name}/{n}": a for side in self.sides for n, a in side.state().items()}
        saving.save(self.model, path, {"results": done, "workers": self._workers()}, arrays)

    def _restore(self, path: Path) -> None:
        done, arrays = saving.restore(self.model, path)
        try:
            self.workers = done["workers"]
            for side in self.sides:
                side.result.restore(done["results"][side.result.name])
                start = f"{side.result.name}/"
                side.restore({n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)})
        except KeyError as error:
            raise ValueError(
                f"{path} is no state of scratch-rnn compare: it has no {error}; perhaps train wrote it"
            ) from error

    def _workers(self) -> str:
        """Return what computed the last epoch of the scratch_rnn model."""
        return self.model.history.workers if self.model.history else self.workers

    def conclude(self, test: Split, run: Run) -> dict[str, Any]:
        """Test both models, and write the summary; return it."""
        for side in self.sides:
            side.test(*test, self.recipe.batch_size)
        comparison = Comparison(self.scratch.result, self.reference.result, labels=test[1])
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
        found = conditions(("scratch_rnn", "numpy", *self.reference.packages))
        return {**found, **self.reference.conditions, **self.asked_for, "workers": self._workers()}


class _Saver(Watcher):
    """Saves state, histories and weights of both models whenever the second in turn ends an epoch.

    The state alone also after every so many batches of either, where `every` says so.
    """

    def __init__(self, pair: Pair, run: Run, every: int | None) -> None:
        self.pair, self.run, self.every = pair, run, every

    def on_batch(self, result: Result, epoch: int, batch: int, batches: int, logs: dict[str, float]) -> None:
        if self.every and (batch + 1) % self.every == 0 and batch + 1 < batches:
            self.pair.save(self.run.state)

    def on_epoch(self, result: Result, epoch: int) -> None:
        if result is self.pair.results[-1]:
            self.pair.save(self.run.state)
            self.run.save_epoch(self.pair.trained())
