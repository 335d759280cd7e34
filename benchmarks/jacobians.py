"""The singular values of ∂s_T/∂s_t over the rows of a digit, before and after training.

Each cell, 128 units, is trained on the 6,000 digits in the package, with Adam in batches of 32, as by
`scratch-rnn compare --quick`. Then, for some test digits and each row t, the largest, the median and the
smallest singular value of the Jacobian of the last state with respect to that at row t; written is, of each,
the median over the digits. s is h, and in the LSTM h and c.

    python benchmarks/jacobians.py

prints some of them, writes results/jacobians.json and draws docs/figures/jacobians.png. Three minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
import ways
from interleave import FIGURES, RESULTS, write
from rich.progress import track
from terminal import show

from scratch_rnn.commands.options import natural_int, positive_int
from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.inside import singular_values
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.style import save
from scratch_rnn.training.model import Sequential

RANKS = ("largest", "median", "smallest")

Values = dict[str, dict[str, list[float]]]  # before and after training, by rank, one for each row


def main() -> None:
    """Train, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--digits", type=positive_int, default=10, help="default: 10")
    parser.add_argument("--epochs", type=positive_int, default=4, help="default: 4")
    parser.add_argument("--seed", type=natural_int, default=1, help="default: 1")
    arguments = parser.parse_args()
    results = {}
    for cell in track(CELLS):
        recipe = Recipe(
            cell=cell, optimizer="adam", batch_size=32, epochs=arguments.epochs, seed=arguments.seed
        )
        results[CELLS[cell].__name__] = measured(recipe, arguments.digits)
    show(ways.jacobian_rows(results), "largest / median singular value of ∂s_28/∂s_t")
    write(RESULTS / "jacobians.json", vars(arguments) | {"cells": results})
    save(ways.jacobians(results), FIGURES / "jacobians.png")


def measured(recipe: Recipe, digits: int) -> Values:
    """Return the singular values of an untrained and of the trained model."""
    (x, y), (x_test, _) = load_mnist("sample")
    model = recipe.build_model(x.shape[1:])
    values = {"before training": by_rank(model, x_test[:digits])}
    model.fit(x, y, recipe.batch_size, recipe.epochs, verbose=0)
    return values | {"after training": by_rank(model, x_test[:digits])}


def by_rank(model: Sequential, x: np.ndarray) -> dict[str, list[float]]:
    """Return for each row the largest, the median and the smallest, of each the median over the digits."""
    values = np.median(singular_values(model, x), axis=0)  # (T, S), the largest first
    columns = values[:, 0], np.median(values, axis=1), values[:, -1]
    return dict(zip(RANKS, (column.tolist() for column in columns), strict=True))


if __name__ == "__main__":
    main()
