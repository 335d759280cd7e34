"""What truncated backpropagation through time costs in accuracy, and how wrong its gradient is.

For each cell and each number of steps k that the gradient goes back: the test accuracy after training with
`bptt_steps=k` from the same weights, on the same batches, by the second tutorial's recipe, Adam, cut to 3
epochs; and the relative error ‖g_k - g‖ / ‖g‖ of the truncated gradient g_k of the recurrent layer's weights
against the full one g, on 1,000 test digits, at the weights before training and at those that full
backpropagation through time reached.

    python benchmarks/truncation.py

prints the table, writes results/truncation.json and draws docs/figures/truncation.png. About five minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from drawing import truncation
from interleave import FIGURES, RESULTS, digits, write
from rich.console import Console
from rich.progress import track
from rich.table import Table

from scratch_rnn.commands.options import natural_int, positive_int
from scratch_rnn.data.mnist import Split
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.style import save
from scratch_rnn.training.model import Sequential

STEPS = (1, 2, 4, 7, 14, 21, 28)
DIGITS = 1000


def main() -> None:
    """Train, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--epochs", type=positive_int, default=3, help="default: 3")
    parser.add_argument("--seed", type=natural_int, default=1, help="default: 1")
    parser.add_argument("--data", default="auto", help="as for scratch-rnn train (default: auto)")
    arguments = parser.parse_args()
    train, test = digits(parser, arguments.data)
    results = {}
    for cell in CELLS:
        recipe = Recipe(cell=cell, optimizer="adam", epochs=arguments.epochs, seed=arguments.seed)
        results[CELLS[cell].__name__] = measured(recipe, train, test)
    Console().print(as_table(results))
    write(RESULTS / "truncation.json", {"epochs": arguments.epochs, "seed": arguments.seed, "cells": results})
    save(truncation(results), FIGURES / "truncation.png")


def measured(recipe: Recipe, train: Split, test: Split) -> dict[str, dict[int, float]]:
    """Return by k: test accuracy, and the relative error of the gradient before and after training."""
    shape = train[0].shape[1:]
    untrained = recipe.build_model(shape)
    accuracy = {}
    for steps in track(STEPS, description=recipe.cell):
        model = recipe.build_model(shape)
        model.layers[0].bptt_steps = steps
        model.fit(*train, recipe.batch_size, recipe.epochs, verbose=0)
        accuracy[steps] = model.evaluate(*test, 1000)["accuracy"]
    x, y = test[0][:DIGITS], test[1][:DIGITS]
    return {
        "accuracy": accuracy,
        "error before training": gradient_errors(untrained, x, y),
        "error after training": gradient_errors(model, x, y),  # the last one: k = T
    }


def gradient_errors(model: Sequential, x: np.ndarray, y: np.ndarray) -> dict[int, float]:
    """Return by k the relative error of the truncated gradient of the recurrent layer's weights."""
    full = truncated_gradient(model, x, y, None)
    return {
        steps: float(np.linalg.norm(truncated_gradient(model, x, y, steps) - full) / np.linalg.norm(full))
        for steps in STEPS
    }


def truncated_gradient(model: Sequential, x: np.ndarray, y: np.ndarray, steps: int | None) -> np.ndarray:
    """Return the gradient of the recurrent layer's weights as one vector, in float64."""
    other: Any = model.astype("float64")
    other.layers[0].bptt_steps = steps
    _, gradients = other.loss_and_gradients(x, y)
    return np.concatenate([g.ravel() for g in gradients[: len(other.layers[0].weights)]])


def as_table(results: dict[str, dict[str, dict[int, float]]]) -> Table:
    """Return a row for each k, three columns for each cell."""
    table = Table(title="test accuracy; relative error of the gradient before and after training")
    table.add_column("k", justify="right")
    for cell in results:
        table.add_column(cell, justify="right")
    for steps in STEPS:
        cells = (
            f"{result['accuracy'][steps]:.2%}; {result['error before training'][steps]:.2g}, "
            f"{result['error after training'][steps]:.2g}"
            for result in results.values()
        )
        table.add_row(str(steps), *cells)
    return table


if __name__ == "__main__":
    main()
