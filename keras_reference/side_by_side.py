"""Training a scratch_rnn model and its Keras twin on the same batches, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_reference.comparison import KERAS, SCRATCH
from keras_reference.twin import Twin, floatx_of
from scratch_rnn.arrays import Array
from scratch_rnn.training.callbacks import Callback
from scratch_rnn.training.losses import SparseCategoricalCrossentropy
from scratch_rnn.training.model import Sequential

Split = tuple[Array, Array]


class Batches(keras.utils.PyDataset):
    """Rows in their order, batch by batch, in the form that the twin of a scratch_rnn model takes.

    uint8 is scaled to [0, 1] as scratch_rnn does it, and labels become one-hot where the loss wants that.
    """

    def __init__(self, scratch: Sequential, x: Array, y: Array, batch_size: int) -> None:
        super().__init__()
        self.x, self.y, self.batch_size = x, keras_labels(scratch, y), batch_size
        self.dtype = scratch.dtype

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index: int) -> Split:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        x = self.x[rows].astype(self.dtype)
        if self.x.dtype == np.uint8:
            x /= self.dtype.type(255)
        return x, self.y[rows]


@dataclass
class Record:
    """What one of the two models did, epoch by epoch; `batch_losses` are those of the first epoch."""

    history: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)

    def add_epoch(self, logs: dict[str, float], seconds: float) -> None:
        """Append one epoch."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.seconds.append(seconds)


class Watcher:
    """Told what happens while a pair trains. Override what is needed; the methods here do nothing."""

    def on_batch(self, model: str, epoch: int, batch: int, batches: int, logs: dict[str, float]) -> None:
        """Called after each batch of the model of that name, with the means over the epoch so far."""

    def on_epoch(self, model: str, epoch: int, record: Record) -> None:
        """Called after each epoch of the model of that name."""


def train_side_by_side(
    scratch: Sequential,
    twin: Twin,
    train: Split,
    validation: Split | None,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    watchers: Sequence[Watcher] = (),
) -> dict[str, Record]:
    """Train both models: each epoch first the scratch model, then its twin, on the same batches.

    train, validation  x (N, ...) uint8 or float, y (N,) integer labels; validation may be None
    seed               decides the order of the rows, a new one for each epoch

    Returns a Record for each model by name. Epoch times include validation and, in the first epoch of the
    twin, the time that Keras takes to compile its graph.
    """
    records = {SCRATCH: Record(), KERAS: Record()}
    rng = np.random.default_rng(seed)
    x, y = train
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        train_epoch(scratch, twin, (x[order], y[order]), validation, batch_size, epoch, records, watchers)
    return records


def train_epoch(
    scratch: Sequential,
    twin: Twin,
    train: Split,
    validation: Split | None,
    batch_size: int,
    epoch: int,
    records: dict[str, Record],
    watchers: Sequence[Watcher] = (),
) -> None:
    """Train both models for one epoch on the rows in their order, and add it to the records."""
    history: Any = scratch.fit(
        *train,
        batch_size=batch_size,
        shuffle=False,
        verbose=0,
        validation_data=validation,
        callbacks=[_ScratchHooks(epoch, records[SCRATCH], watchers)],
    )
    _note_epoch(SCRATCH, epoch, history.history, history.seconds[-1], records, watchers)
    hooks = _KerasHooks(epoch, records[KERAS], watchers)
    with floatx_of(scratch):
        history = twin.fit(
            Batches(scratch, *train, batch_size),
            shuffle=False,
            verbose=0,
            validation_data=validation and Batches(scratch, *validation, batch_size),
            callbacks=[hooks],
        )
    _note_epoch(KERAS, epoch, history.history, hooks.seconds, records, watchers)


def evaluate_twin(scratch: Sequential, twin: Twin, x: Array, y: Array, batch_size: int) -> dict[str, float]:
    """Return the twin's mean loss and metrics over all rows, by name."""
    with floatx_of(scratch):
        logs = twin.evaluate(Batches(scratch, x, y, batch_size), verbose=0, return_dict=True)
    return {name: float(value) for name, value in logs.items() if name != "batch_loss"}


def predict_twin(scratch: Sequential, twin: Twin, x: Array, batch_size: int) -> Array:
    """Return the twin's outputs for all rows."""
    with floatx_of(scratch):
        unused = np.zeros(len(x), int)
        return np.asarray(twin.predict(Batches(scratch, x, unused, batch_size), verbose=0))


def keras_labels(model: Sequential, y: Array) -> Array:
    """Return integer labels (N,) in the form that Keras's counterpart of the model's loss takes."""
    if isinstance(model.loss, SparseCategoricalCrossentropy):
        return y
    classes = model.layers[-1].units  # type: ignore[attr-defined]
    return np.eye(classes, dtype=model.dtype)[y]


class _ScratchHooks(Callback):
    def __init__(self, epoch: int, record: Record, watchers: Sequence[Watcher]) -> None:
        self.epoch, self.record, self.watchers = epoch, record, watchers

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        _note_batch(SCRATCH, self.epoch, batch, self.params["steps"], logs, self.record, self.watchers)


class _KerasHooks(keras.callbacks.Callback):
    def __init__(self, epoch: int, record: Record, watchers: Sequence[Watcher]) -> None:
        super().__init__()
        self.epoch, self.record, self.watchers = epoch, record, watchers
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seconds = time.perf_counter() - self._started  # as History has them for scratch_rnn

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        _note_batch(KERAS, self.epoch, batch, self.params["steps"], numbers, self.record, self.watchers)


def _note_batch(
    model: str,
    epoch: int,
    batch: int,
    batches: int,
    logs: dict[str, float],
    record: Record,
    watchers: Sequence[Watcher],
) -> None:
    if epoch == 0:
        record.batch_losses.append(logs["batch_loss"])
    for watcher in watchers:
        watcher.on_batch(model, epoch, batch, batches, logs)


def _note_epoch(
    model: str,
    epoch: int,
    history: dict[str, list[float]],
    seconds: float,
    records: dict[str, Record],
    watchers: Sequence[Watcher],
) -> None:
    logs = {name: values[-1] for name, values in history.items() if not name.endswith("batch_loss")}
    records[model].add_epoch(logs, seconds)
    for watcher in watchers:
        watcher.on_epoch(model, epoch, records[model])
