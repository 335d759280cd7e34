"""How training amplifies rounding: two networks that begin one unit in the last place apart, batch by batch.

An LSTM(64) is trained for ten epochs on the digits in the package, in float64, by the default recipe but in
batches of 32. Beside it, on the same batches, train the same network with every entry of its kernel moved up
to the next number that float64 has, and the Keras twin of the unmoved one. Followed is the difference of
their losses, batch by batch.

    python benchmarks/rounding.py

prints the table, writes results/rounding.json and draws docs/figures/rounding.png. Without Keras the twin is
left out. About two minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
from drawing import rounding
from interleave import FIGURES, RESULTS, write
from terminal import show

from keras_reference.comparison import KERAS, SCRATCH
from keras_reference.sides import ScratchSide, Side, Watcher, train_sides
from scratch_rnn import load_mnist
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.style import save
from scratch_rnn.training.model import Sequential

RECIPE = Recipe(units=64, batch_size=32, dtype="float64", data="sample")
MOVED = f"{SCRATCH}, moved by one unit in the last place"


class BatchLosses(Watcher):
    """The loss of every batch, by the name of the result."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def on_batch(self, result: Result, epoch: int, batch: int, batches: int, logs: dict[str, float]) -> None:
        self.of.setdefault(result.name, []).append(logs["batch_loss"])


def main() -> None:
    """Train, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=plain).parse_args()
    losses = measured(RECIPE)
    show(as_rows(losses, RECIPE.epochs), "losses of the batches")
    write(RESULTS / "rounding.json", {"epochs": RECIPE.epochs, "losses": losses})
    save(rounding(differences(losses), losses[SCRATCH], RECIPE.epochs), FIGURES / "rounding.png")


def measured(recipe: Recipe) -> dict[str, list[float]]:
    """Return the loss of every batch of the network, of the moved one and, with Keras, of the twin."""
    train, _ = load_mnist(recipe.data)
    shape = train[0].shape[1:]
    model, watcher = recipe.build_model(shape), BatchLosses()
    sides = [ScratchSide(model), moved_side(recipe.build_model(shape)), *twin_side(model, shape)]
    train_sides(
        sides,
        train,
        None,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        watchers=[watcher],
    )
    return watcher.of


def moved_side(model: Sequential) -> Side:
    """Return the side of a model whose kernel is moved up by one unit in the last place, entry by entry."""
    kernel = model.weights[0]
    kernel[...] = np.nextafter(kernel, np.inf)
    side = ScratchSide(model)
    side.result.name = MOVED
    return side


def twin_side(model: Sequential, shape: tuple[int, ...]) -> list[Side]:
    """Return the side of the model's twin, if Keras is installed."""
    try:
        from keras_reference.keras_side import KerasSide
        from keras_reference.twin import build_twin
    except ImportError as error:
        print(f"{KERAS}: skipped, {error.name} is not installed")
        return []
    return [KerasSide(model, build_twin(model, (None, *shape)))]


def differences(losses: dict[str, list[float]]) -> dict[str, np.ndarray]:
    """Return the absolute difference from the network's own loss, batch by batch, for the others."""
    own = np.array(losses[SCRATCH])
    return {name: np.abs(np.array(of) - own) for name, of in losses.items() if name != SCRATCH}


def as_rows(losses: dict[str, list[float]], epochs: int) -> list[list[str]]:
    """Return the table, its head first: a row for each epoch."""
    means = np.reshape(losses[SCRATCH], (epochs, -1)).mean(axis=1)
    largest = {name: of.reshape(epochs, -1).max(axis=1) for name, of in differences(losses).items()}
    rows = [["epoch", "mean loss", *(f"largest difference, {name}" for name in largest)]]
    for epoch, mean in enumerate(means):
        rows.append([str(epoch + 1), f"{mean:.2f}", *(f"{of[epoch]:.0e}" for of in largest.values())])
    return rows


if __name__ == "__main__":
    main()
