"""How exact the gradients are, and how closely training follows Keras: the worst errors, for each cell.

In float64 throughout, with every option of a cell, and with errors as the tests of them define them:

    complex step    every entry of every gradient, small layers, weights of size 0.5
    central         the same by central differences, step 1e-5
    directional     28 rows of 28 pixels, 128 units, a random direction for each array
    Keras           the gradients of all weights of LSTM(128) and Dense(10), or its like, for 128 real digits,
                    relative to the largest entry of each
    losses, weights 200 steps of the default recipe's optimizer on real digits, both relative

    python benchmarks/gradients.py

prints the table and writes results/gradients.json. About two minutes.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version

import numpy as np
from interleave import RESULTS, result_file
from rich.console import Console
from rich.table import Table

from keras_reference.backend import import_keras
from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn import load_mnist
from scratch_rnn.checks.gradient_check import check_layer
from scratch_rnn.checks.variants import random_check, variants
from scratch_rnn.data.mnist import Split
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe

COLUMNS = ("complex", "central", "directional", "Keras", "losses", "weights")
STEPS = 200


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--out", type=result_file, default=RESULTS / "gradients.json")
    arguments = parser.parse_args()
    import_keras()
    digits, _ = load_mnist("sample")
    rows = {cell: {**numeric_errors(cell), **keras_errors(cell, digits)} for cell in CELLS}
    Console().print(as_table(rows))
    versions = {name: version(name) for name in ("numpy", "keras", "tensorflow")}
    arguments.out.write_text(json.dumps({"versions": versions, "rows": rows}, indent=2) + "\n")


def numeric_errors(cell: str) -> dict[str, float]:
    """Return the worst relative error of any gradient against each kind of numeric derivative."""
    errors = {
        method: max(
            random_check(layer, method=method).worst.error
            for layer, _ in variants(cell, 4, "float64", method)
        )
        for method in ("complex", "central")
    }
    x = np.random.default_rng(0).normal(size=(2, 28, 28))
    real_shape = CELLS[cell](128, dtype="float64", seed=0)
    return errors | {"directional": check_layer(real_shape, x, method="directional").worst.error}


def keras_errors(cell: str, digits: Split) -> dict[str, float]:
    """Return how far gradients, and the losses and weights of some training, are from those of Keras."""
    from keras_reference.gradients import twin_loss_and_gradients
    from keras_reference.side_by_side import train_side_by_side
    from keras_reference.twin import build_twin

    recipe = Recipe(cell=cell, dtype="float64")
    x, y = digits
    model = recipe.build_model(x.shape[1:])
    twin = build_twin(model, (None, *x.shape[1:]))
    batch = x[: recipe.batch_size], y[: recipe.batch_size]
    _, ours = model.loss_and_gradients(*batch)
    _, theirs = twin_loss_and_gradients(model, twin, *batch)
    order = np.arange(STEPS * recipe.batch_size) % len(x)
    records = train_side_by_side(
        model, twin, (x[order], y[order]), None, epochs=1, batch_size=recipe.batch_size, seed=recipe.seed
    )
    losses = [np.array(records[name].batch_losses) for name in (SCRATCH, KERAS)]
    return {
        "Keras": largest_difference(ours, theirs),
        "losses": float(np.max(np.abs(losses[0] - losses[1]) / losses[1])),
        "weights": largest_difference(model.get_weights(), twin.get_weights()),
    }


def largest_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """Return the largest difference between two lists of arrays, relative to each array's largest entry."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True))


def as_table(rows: dict[str, dict[str, float]]) -> Table:
    """Return a row for each cell."""
    table = Table(title="worst relative errors, float64")
    for name in ("cell", *COLUMNS):
        table.add_column(name, justify="left" if name == "cell" else "right")
    for cell, row in rows.items():
        table.add_row(cell, *(f"{row[name]:.1e}" for name in COLUMNS))
    return table


if __name__ == "__main__":
    main()
