"""scratch-rnn compare: train the NumPy network and its twin side by side, and say how they compare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from keras_reference.references import REFERENCES, import_reference
from keras_reference.tables import summary_table, table_of_cells
from scratch_rnn.commands.beginning import begin
from scratch_rnn.commands.options import add_recipe_options
from scratch_rnn.commands.terminal import say
from scratch_rnn.data.mnist import Split
from scratch_rnn.runs.folder import Run, read_recipe, removing_empty_runs, run_folders
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training.samples import split_row

if TYPE_CHECKING:
    from keras_reference.pair import Pair


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands. The twin's library is imported only when it runs."""
    parser = commands.add_parser(
        "compare",
        help="train the NumPy network and its Keras twin side by side",
        description="Train the NumPy network and its twin in Keras or PyTorch on the same MNIST rows, from "
        "the same weights, on the same batches, and compare them.",
    )
    add_recipe_options(parser)
    parser.add_argument(
        "--reference",
        choices=REFERENCES,
        help=f"library of the twin (default: {Recipe.reference}); pytorch has no counterpart of rmsprop",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compare the two libraries for each cell that was asked for."""
    from keras_reference.pair import Pair
    from keras_reference.report import write_report_of_cells

    console = Console()
    import_reference(_reference(arguments))
    runs, train, test = begin(arguments, "compare")
    done: list[tuple[dict[str, Any], Sequence[Result]]] = []
    with removing_empty_runs(runs):
        for run in runs:
            if run.finished:
                say(console, f"{run.folder} is finished")
                done.append(run.read())
                continue
            pair = Pair(
                run.recipe,
                train[0].shape[1:],
                arguments.threads,
                arguments.processes,
                len(train[0]),
                arguments.engine,
            )
            summary = compare(pair, run, train, test, console, arguments.save_every)
            done.append((summary, pair.results))
    if len(done) > 1:
        folder = runs[0].folder.parent
        write_report_of_cells(folder, done)
        console.print(table_of_cells([summary for summary, _ in done]))
        say(console, f"report.html in {folder} compares the cells")


def _reference(arguments: argparse.Namespace) -> str:
    """Return the library that the options ask for, or with which the run that is resumed has begun."""
    if arguments.resume:
        recipe, _ = read_recipe(run_folders(arguments.resume)[0])
        return recipe.reference
    return arguments.reference or Recipe.reference


def compare(
    pair: Pair, run: Run, train: Split, test: Split, console: Console, save_every: int | None = None
) -> dict[str, Any]:
    """Train one pair, show how the two compare, leave everything in the run's folder; return the summary.

    With `save_every` the state is saved within the epochs too, after so many batches each time.
    """
    (x, y), recipe = train, run.recipe
    split = split_row(len(x), recipe.validation_split)
    console.print(f"[bold]{recipe}[/bold], {pair.model.count_params():,} weights", soft_wrap=True)
    console.print(f"{split:,} digits to train on, {len(x) - split:,} to validate, {len(test[0]):,} to test")
    with run.saying_what_is_saved():
        pair.train((x[:split], y[:split]), (x[split:], y[split:]), run, console, save_every)
        summary = pair.conclude(test, run)
        console.print(summary_table(summary))
        pair.draw(test, run, summary)
        run.state.unlink(missing_ok=True)
    say(console, f"report.html, figures, weights, history and summary.json are in {run.folder}")
    return summary
