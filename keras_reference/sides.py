"""The models that train side by side, behind one small interface, each with what came of it.

`Side` is what a comparison asks of a library; keras_side.py and pytorch_side.py are its twins of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.runs.result import SCRATCH, Result
from scratch_rnn.training.callbacks import Callback
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.running import Running

Split = tuple[Array, Array]
Logs = dict[str, float]
OnBatch = Callable[[int, int, Logs], None]  # the batch, how many there are, the means of the epoch so far


class Watcher:
    """Told what happens while a pair trains. Override what is needed; the methods here do nothing."""

    def on_batch(self, result: Result, epoch: int, batch: int, batches: int, logs: Logs) -> None:
        """Called after each batch of the model with that result, with the means over the epoch so far."""

    def on_epoch(self, result: Result, epoch: int) -> None:
        """Called after each epoch of the model with that result, which holds the epoch's numbers by then."""


class Side:
    """A model of one library, and in `result` all that it has done.

    packages    whose versions its numbers depend on
    conditions  what else they depend on, by name
    """

    packages: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.result = Result(name)
        self.conditions: dict[str, Any] = {}

    def train_epoch(
        self, train: Split, validation: Split | None, batch_size: int, watchers: Sequence[Watcher] = ()
    ) -> None:
        """Train for one more epoch, or what is left of it, on the rows in their order; note its numbers."""
        epoch = len(self.result.seconds)

        def note(batch: int, batches: int, logs: Logs) -> None:
            if epoch == 0:
                self.result.batch_losses.append(logs["batch_loss"])
            for watcher in watchers:
                watcher.on_batch(self.result, epoch, batch, batches, logs)

        self.result.add_epoch(*self.fit(train, validation, batch_size, note))
        for watcher in watchers:
            watcher.on_epoch(self.result, epoch)

    def test(self, x: Array, y: Array, batch_size: int) -> None:
        """Note scores and probabilities."""
        self.result.scores = self.evaluate(x, y, batch_size)
        self.result.probabilities = self.predict(x, batch_size)

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        """Train for an epoch, or what is left of it; return its numbers, validation included, and seconds."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """Return what the training needs to go on, also within an epoch, beside the scratch_rnn model."""
        raise NotImplementedError

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take over what `state` returned. Raises KeyError where something is missing."""
        raise NotImplementedError

    @property
    def within_epoch(self) -> bool:
        """Whether some batches of an epoch are done and others are left."""
        raise NotImplementedError

    def evaluate(self, x: Array, y: Array, batch_size: int) -> Logs:
        """Return mean loss and metrics by name."""
        raise NotImplementedError

    def predict(self, x: Array, batch_size: int) -> Array:
        """Return the outputs for all rows."""
        raise NotImplementedError

    def network(self) -> Sequential:
        """Return a scratch_rnn model with this model's weights."""
        raise NotImplementedError


class ScratchSide(Side):
    """The scratch_rnn model itself."""

    def __init__(self, model: Sequential) -> None:
        super().__init__(SCRATCH)
        self.model = model
        self.running: Running | None = None  # what `fit` is to go on with

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        history = self.model.fit(
            *train,
            batch_size=batch_size,
            shuffle=False,
            verbose=0,
            validation_data=validation,
            callbacks=[_ScratchHooks(on_batch, self.running)],
        )
        self.running = None
        return {name: values[-1] for name, values in history.history.items()}, history.seconds[-1]

    def state(self) -> dict[str, Array]:
        return self.model.running.arrays if self.model.running else {}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.running = Running.of(state) if state else None

    @property
    def within_epoch(self) -> bool:
        return self.running is not None

    def evaluate(self, x: Array, y: Array, batch_size: int) -> Logs:
        return self.model.evaluate(x, y, batch_size)

    def predict(self, x: Array, batch_size: int) -> Array:
        return self.model.predict(x, batch_size)

    def network(self) -> Sequential:
        return self.model


def train_sides(
    sides: Sequence[Side],
    train: Split,
    validation: Split | None,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    watchers: Sequence[Watcher] = (),
) -> None:
    """Train models in turn, each epoch on the same batches; their results tell what came of it.

    train, validation  x (N, ...) uint8 or float, y (N,) integer labels; validation may be None
    seed               decides the order of the rows, a new one for each epoch

    Models that have trained before, as their results say, train what is left.
    """
    rng = np.random.default_rng(seed)
    x, y = train
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        shuffled = x[order], y[order]
        for side in sides:
            if len(side.result.seconds) <= epoch:
                side.train_epoch(shuffled, validation, batch_size, watchers)


class _ScratchHooks(Callback):
    weights_at_most = True

    def __init__(self, on_batch: OnBatch, running: Running | None) -> None:
        self.on_batch, self.running = on_batch, running

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.model.running = self.running

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_batch(batch, self.params["steps"], logs or {})
