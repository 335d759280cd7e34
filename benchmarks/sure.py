"""From which probability on an answer of a trained network can be relied on: the SURE of scratch-rnn predict.

Each cell is trained by the default recipe, cut to 5 epochs, and answers the test digits. Of every threshold,
in steps of a twentieth: the share of digits whose answer is less probable, the share of all mistakes that are
among them, and how many of the other answers are right. The threshold that `predict` takes is the least from
which on these are right 99 times in 100 with every cell.

    python benchmarks/sure.py

prints the table and writes results/sure.json. About five minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from interleave import RESULTS, digits, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.arrays import Array
from scratch_rnn.commands.options import natural_int, positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe

THRESHOLDS = tuple(twentieth / 20 for twentieth in range(8, 20))
RIGHT = 0.99  # of the answers that count as sure

Shares = dict[str, float]


def main() -> None:
    """Train, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--epochs", type=positive_int, default=5, help="default: 5")
    parser.add_argument("--seed", type=natural_int, default=1, help="default: 1")
    parser.add_argument("--data", default="auto", help="as for scratch-rnn train (default: auto)")
    arguments = parser.parse_args()
    train, (x, y) = digits(parser, arguments.data)
    cells = {}
    for cell in CELLS:
        recipe = Recipe(cell=cell, epochs=arguments.epochs, seed=arguments.seed)
        model = recipe.build_model(x.shape[1:])
        model.fit(*train, recipe.batch_size, recipe.epochs, validation_split=recipe.validation_split)
        cells[CELLS[cell].__name__] = shares(model.predict(x, 1000), y)
    least = chosen(cells)
    Console().print(as_table(cells))
    print(f"sure from {least:g} on")
    content = {"epochs": arguments.epochs, "seed": arguments.seed, "right": RIGHT, "sure": least}
    write(RESULTS / "sure.json", {**content, "cells": {cell: list(s.items()) for cell, s in cells.items()}})


def shares(probabilities: Array, labels: Array) -> dict[float, Shares]:
    """Return by threshold the shares of all answers, of all mistakes, and of right ones among the sure."""
    highest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = {}
    for threshold in THRESHOLDS:
        unsure = highest < threshold
        found[threshold] = {
            "unsure": float(unsure.mean()),
            "mistakes": float(unsure[~right].mean()),
            "right": float(right[~unsure].mean()),
        }
    return found


def chosen(cells: Mapping[str, Mapping[float, Shares]]) -> float:
    """Return the least threshold from which on the sure answers of every cell are right often enough."""
    good = [t for t in THRESHOLDS if all(of[t]["right"] >= RIGHT for of in cells.values())]
    return min(good, default=float("nan"))


def as_table(cells: Mapping[str, Mapping[float, Shares]]) -> Table:
    """Return a row for each threshold, a column for each cell."""
    table = Table(title="answers below; of all mistakes; right of those above")
    table.add_column("threshold", justify="right")
    for cell in cells:
        table.add_column(cell, justify="right")
    for threshold in THRESHOLDS:
        of_all = (of[threshold] for of in cells.values())
        texts = (f"{of['unsure']:.1%}; {of['mistakes']:.0%}; {of['right']:.2%}" for of in of_all)
        table.add_row(f"{threshold:g}", *texts)
    return table


if __name__ == "__main__":
    main()
