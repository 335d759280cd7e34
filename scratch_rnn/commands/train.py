"""scratch-rnn train: the NumPy network alone."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.beginning import begin
from scratch_rnn.commands.cells import compare_cells
from scratch_rnn.commands.options import add_recipe_options, positive_int
from scratch_rnn.commands.terminal import say
from scratch_rnn.data.mnist import Split
from scratch_rnn.runs.folder import FIGURES, Run, removing_empty_runs
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import SCRATCH, Result
from scratch_rnn.training.backup import BackupAndRestore
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.progress import epoch_line
from scratch_rnn.training.stopping import EarlyStopping


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "train",
        help="train the NumPy network alone",
        description="Train the NumPy network alone on MNIST rows.",
    )
    add_recipe_options(parser)
    parser.add_argument(
        "--patience",
        type=positive_int,
        metavar="EPOCHS",
        help="end after so many epochs without a lower validation loss, with the best weights",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train one model for each cell that was asked for."""
    console = Console()
    runs, train, test = begin(arguments, "train")
    with removing_empty_runs(runs):
        for run in runs:
            if run.finished:
                say(console, f"{run.folder} is finished")
                continue
            model = run.recipe.build_model(
                train[0].shape[1:], arguments.threads, arguments.processes, len(train[0]), arguments.engine
            )
            train_one(model, run, train, test, console, arguments.save_every)
    if len(runs) > 1:
        compare_cells(runs, console)


def train_one(
    model: Sequential, run: Run, train: Split, test: Split, console: Console, save_every: int | None = None
) -> None:
    """Train one model, show its results and leave them in the run's folder.

    With `save_every` the state is saved within the epochs too, after so many batches each time.
    """
    recipe, result = run.recipe, Result(SCRATCH)
    backup = BackupAndRestore(run.state, save_every or "epoch", delete_checkpoint=False)
    console.print(f"[bold]{recipe}[/bold], {model.count_params():,} weights", soft_wrap=True)
    with run.saying_what_is_saved():
        history = model.fit(
            *train,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            validation_split=recipe.validation_split,
            callbacks=[*_stopping(recipe), backup, _EpochSaver(run, result, console)],
        )
        run.save_epoch([(result, model)])  # the best weights, where the training has ended with these
        result.scores = model.evaluate(*test, batch_size=recipe.batch_size)
        result.probabilities = model.predict(test[0], batch_size=recipe.batch_size)
        run.write_json("summary.json", _summary(run, result, history.workers))
        console.print(_summary_table(result, history.workers))
        with run.saying_what_is_missing(*FIGURES):
            run.save_figures([result], *test)
        run.state.unlink(missing_ok=True)
    say(console, f"figures, weights, history and summary.json are in {run.folder}")


def _stopping(recipe: Recipe) -> list[Callback]:
    """Return what ends the training early, if anything."""
    if recipe.patience is None:
        return []
    return [EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True)]


class _EpochSaver(Callback):
    """Notes each epoch in the result, and saves history and weights; shows the epochs of a resumed run."""

    def __init__(self, run: Run, result: Result, console: Console) -> None:
        self.run, self.result, self.console = run, result, console

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if done := self.model.history.history:  # the run is resumed
            self.result.history = {name: list(values) for name, values in done.items()}
            self.result.seconds = list(self.model.history.seconds)
            self._show_what_is_done()
            if self.model.running is None:
                self.run.save_epoch([(self.result, self.model)])  # a kill may have come before these files

    def _show_what_is_done(self) -> None:
        for epoch, seconds in enumerate(self.result.seconds):
            line = epoch_line(epoch, self.params["epochs"], seconds, self.result.epoch(epoch))
            self.console.print(line, soft_wrap=True, highlight=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.result.add_epoch(logs or {}, self.model.history.seconds[-1])
        self.run.save_epoch([(self.result, self.model)])


def _summary(run: Run, result: Result, workers: str) -> dict[str, Any]:
    return {
        "recipe": run.recipe.to_dict(),
        "test": {result.name: result.scores},
        "seconds_per_epoch": {result.name: result.seconds_per_epoch},
        "workers": workers,
    }


def _summary_table(result: Result, workers: str) -> Table:
    table = Table(show_header=False)
    table.add_row("test accuracy", f"{result.scores['accuracy']:.2%}")
    table.add_row("test loss", f"{result.scores['loss']:.4f}")
    table.add_row("seconds per epoch (median)", f"{result.seconds_per_epoch:.1f}")
    table.add_row("computed on", workers)
    return table
