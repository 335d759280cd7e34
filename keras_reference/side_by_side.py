"""Training a scratch_rnn model and its Keras twin on the same batches, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_reference.comparison import KERAS, SCRATCH
from keras_reference.keras_side import KerasSide, evaluate_twin, predict_twin
from keras_reference.sides import ScratchSide, Split, Watcher, train_sides
from scratch_rnn.runs.result import Result
from scratch_rnn.training.model import Sequential

__all__ = [
    "KERAS",
    "SCRATCH",
    "Watcher",
    "evaluate_twin",
    "predict_twin",
    "train_side_by_side",
    "train_sides",
]


def train_side_by_side(
    scratch: Sequential,
    twin: keras.Sequential,
    train: Split,
    validation: Split | None,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    watchers: Sequence[Watcher] = (),
) -> dict[str, Result]:
    """Train both models: each epoch first the scratch model, then its twin, on the same batches.

    train, validation  x (N, ...) uint8 or float, y (N,) integer labels; validation may be None
    seed               decides the order of the rows, a new one for each epoch

    Returns the Result of each model by name. Epoch times include validation and, in the first epoch of the
    twin, the time that Keras takes to compile its graph.
    """
    sides = ScratchSide(scratch), KerasSide(scratch, twin)
    train_sides(sides, train, validation, epochs=epochs, batch_size=batch_size, seed=seed, watchers=watchers)
    return {side.result.name: side.result for side in sides}
