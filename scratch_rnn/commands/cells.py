"""What ends a run of `scratch-rnn train --cell all`: the cells beside each other, in a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.terminal import say
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.result import SCRATCH, Result

HEADINGS = ("test\naccuracy", "test\nloss", "training\naccuracy", "validation\naccuracy", "s per\nepoch")
CURVES = "curves.png"  # in the folder that holds those of the cells


def compare_cells(runs: Sequence[Run], console: Console) -> None:
    """Print a row for each finished run, and draw the learning curves of all in one figure.

    Raises OSError where the figure cannot be written, or a file of a run cannot be read.
    """
    from scratch_rnn.runs.curves import learning_curves
    from scratch_rnn.style import save

    folder, recipe = runs[0].folder.parent, runs[0].recipe
    table, results = _table(), {}
    for run in runs:
        summary, (result,) = run.read()
        name = CELLS[run.recipe.cell].__name__
        results[name] = result
        table.add_row(name, *_numbers(summary, result))
    console.print(table)
    layers = f"{recipe.layers} layers of " if recipe.layers > 1 else ""
    save(learning_curves(results, f"{layers}{recipe.units} units, {recipe.training}"), folder / CURVES)
    say(console, f"{CURVES} in {folder} compares the cells")


def _table() -> Table:
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("")
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _numbers(summary: dict[str, Any], result: Result) -> list[str]:
    """Return what stands under the HEADINGS; accuracies in training and validation are the last epoch's."""
    scores, seconds = summary["test"][SCRATCH], summary["seconds_per_epoch"][SCRATCH]
    last = [f"{result.history[name][-1]:.2%}" for name in ("accuracy", "val_accuracy")]
    return [f"{scores['accuracy']:.2%}", f"{scores['loss']:.4f}", *last, f"{seconds:.1f}"]
