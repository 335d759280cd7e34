"""scratch-rnn train: the NumPy network alone."""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import add_recipe_options, recipes_from
from scratch_rnn.data.mnist import Split, load_mnist
from scratch_rnn.runs.folder import Run, create_runs, new_folder, removing_empty_runs
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.model import Sequential, split_row

NAME = "scratch_rnn"


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "train",
        help="train the NumPy network alone",
        description="Train the NumPy network alone on MNIST rows.",
    )
    add_recipe_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train one model for each cell that was asked for."""
    console = Console()
    recipes = recipes_from(arguments)
    train, test = load_mnist(recipes[0].data)
    split_row(len(train[0]), recipes[0].validation_split)  # raises for too few, before anything is written
    image_shape = train[0].shape[1:]
    models = [recipe.build_model(image_shape, arguments.threads, arguments.processes) for recipe in recipes]
    runs = create_runs(arguments.out or new_folder("train", recipes), recipes, image_shape)
    with removing_empty_runs(runs):
        for model, run in zip(models, runs, strict=True):
            train_one(model, run, train, test, console)


def train_one(model: Sequential, run: Run, train: Split, test: Split, console: Console) -> None:
    """Train one model, show its results and leave them in the run's folder."""
    recipe = run.recipe
    console.print(f"[bold]{recipe}[/bold], {model.count_params():,} weights", soft_wrap=True)
    with run.saying_what_is_saved():
        history = model.fit(
            *train,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            validation_split=recipe.validation_split,
            callbacks=[_EpochSaver(run)],
        )
        scores = model.evaluate(*test, batch_size=recipe.batch_size)
        probabilities = {NAME: model.predict(test[0], batch_size=recipe.batch_size)}
        run.save_figures({NAME: history.history}, *test, probabilities)
        seconds = statistics.median(history.seconds)
        summary = {"recipe": recipe.to_dict(), "test": {NAME: scores}, "seconds_per_epoch": {NAME: seconds}}
        run.write_json("summary.json", summary)
    console.print(_summary_table(scores, seconds))
    console.print(
        f"figures, weights, history and summary.json are in {run.folder}", soft_wrap=True, highlight=False
    )


class _EpochSaver(Callback):
    """Saves history and weights after each epoch."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.run.save_epoch({NAME: self.model.history.history}, {NAME: self.model})


def _summary_table(scores: Logs, seconds: float) -> Table:
    table = Table(show_header=False)
    table.add_row("test accuracy", f"{scores['accuracy']:.2%}")
    table.add_row("test loss", f"{scores['loss']:.4f}")
    table.add_row("seconds per epoch (median)", f"{seconds:.1f}")
    return table
