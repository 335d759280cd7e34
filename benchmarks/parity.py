"""How closely the losses of the first 100 batches follow Keras, for each cell, dtype and several seeds.

The batches are those with which `scratch-rnn compare` begins: full MNIST, batches of 128, RMSprop. In float32
both libraries round differently, and training amplifies that; so the same weights and batches are also
trained in float64, and each library's float32 losses are compared with its own float64 ones. Where Keras
departs from itself as far as scratch_rnn departs from Keras, rounding is all there is.

    python benchmarks/parity.py --seeds 5

prints the table and writes results/parity.json.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from interleave import RESULTS, digits, result_file
from rich.console import Console
from rich.table import Table

from keras_reference.backend import import_keras
from keras_reference.comparison import FIRST_BATCHES, KERAS, SCRATCH, largest_relative_difference
from scratch_rnn.commands.options import positive_int
from scratch_rnn.data.mnist import Split
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.training.samples import split_row

COLUMNS = {
    "float32": "float32:\nscratch_rnn\nand Keras",
    "float64": "float64:\nscratch_rnn\nand Keras",
    SCRATCH: "scratch_rnn:\nfloat32\nand float64",
    KERAS: "Keras:\nfloat32\nand float64",
}


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--seeds", type=positive_int, default=5, help="how many seeds, from 0 (default: 5)")
    parser.add_argument("--data", default="auto", help="as for scratch-rnn compare (default: auto)")
    parser.add_argument("--out", type=result_file, default=RESULTS / "parity.json")
    arguments = parser.parse_args()
    keras, console = import_keras(), Console()
    train, _ = digits(parser, arguments.data)
    rows: list[dict[str, Any]] = []
    for cell in CELLS:
        for seed in range(arguments.seeds):
            rows.append({"cell": cell, "seed": seed, **differences(cell, seed, train)})
            console.print(rows[-1])
    console.print(as_table(rows))
    versions = {"numpy": np.__version__, "keras": keras.__version__, "backend": keras.config.backend()}
    arguments.out.write_text(json.dumps({"versions": versions, "rows": rows}, indent=2) + "\n")


def differences(cell: str, seed: int, train: Split) -> dict[str, float]:
    """Return the largest relative differences over the first batches of one run."""
    losses = {}
    weights = None
    for dtype in ("float32", "float64"):
        recipe = Recipe(cell=cell, seed=seed, dtype=dtype)
        losses[dtype], weights = first_losses(recipe, train, weights)
    return {
        "float32": largest_relative_difference(losses["float32"][SCRATCH], losses["float32"][KERAS]),
        "float64": largest_relative_difference(losses["float64"][SCRATCH], losses["float64"][KERAS]),
        SCRATCH: largest_relative_difference(losses["float32"][SCRATCH], losses["float64"][SCRATCH]),
        KERAS: largest_relative_difference(losses["float32"][KERAS], losses["float64"][KERAS]),
    }


def first_losses(
    recipe: Recipe, train: Split, weights: list[np.ndarray] | None
) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    """Train a pair on the first batches; return each model's losses, and the weights that both began with."""
    from keras_reference.side_by_side import train_side_by_side
    from keras_reference.twin import build_twin

    x, y = train
    rows = first_rows(len(x), recipe)
    model = recipe.build_model(x.shape[1:])
    if weights is not None:
        model.set_weights(weights)
    weights = model.get_weights()
    twin = build_twin(model, (None, *x.shape[1:]))
    trained = train_side_by_side(
        model, twin, (x[rows], y[rows]), None, epochs=1, batch_size=recipe.batch_size, seed=recipe.seed
    )
    return {name: trained[name].batch_losses for name in (SCRATCH, KERAS)}, weights


def first_rows(count: int, recipe: Recipe) -> np.ndarray:
    """Return which rows, of `count` with those for validation, the first batches of `compare` are made of.

    They are laid out so that the order in which `train_side_by_side` takes them, by the same seed, is that
    of `compare`.
    """
    order = np.random.default_rng(recipe.seed).permutation(split_row(count, recipe.validation_split))
    rows = order[: FIRST_BATCHES * recipe.batch_size]
    laid_out = np.empty_like(rows)
    laid_out[np.random.default_rng(recipe.seed).permutation(len(rows))] = rows
    return laid_out


def as_table(rows: list[dict[str, Any]]) -> Table:
    """Return a row for each cell and seed."""
    table = Table(title=f"largest relative difference of the losses of the first {FIRST_BATCHES} batches")
    for name in ("cell", "seed", *COLUMNS.values()):
        table.add_column(name, justify="left" if name == "cell" else "right")
    for row in rows:
        table.add_row(row["cell"], str(row["seed"]), *(f"{row[name]:.1e}" for name in COLUMNS))
    return table


if __name__ == "__main__":
    main()
