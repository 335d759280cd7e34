"""The Keras twin of a model, as one of the two that train side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_reference.batches import Batches
from keras_reference.comparison import KERAS
from keras_reference.sides import Logs, OnBatch, Side, Split
from keras_reference.twin import floatx_of, weights_from_keras
from scratch_rnn.arrays import Array
from scratch_rnn.training.model import Sequential


class KerasSide(Side):
    """The Keras twin of a scratch_rnn model, which says what the twin's inputs and labels look like."""

    def __init__(self, model: Sequential, twin: keras.Sequential) -> None:
        super().__init__(KERAS)
        self.packages = ("keras", keras.config.backend())
        self.conditions = {"backend": keras.config.backend()}
        self.model, self.twin = model, twin
        self.batches, self.began, self.seconds = 0, 0.0, 0.0  # how many of an epoch are done, and its times
        self.running: list[Array] = []  # the metrics that `fit` is to go on with

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        x, y = (array[self.batches * batch_size :] for array in train)
        step = len(self.result.seconds) * -(-len(train[0]) // batch_size) + self.batches
        if self.running:
            self.evaluate(x[:1], y[:1], 1)  # makes the metrics, as Keras does where they are first needed
        with floatx_of(self.model):
            history = self.twin.fit(
                Batches(self.model, x, y, batch_size, step),
                shuffle=False,
                verbose=0,
                validation_data=validation and Batches(self.model, *validation, batch_size),
                callbacks=[_KerasHooks(self, on_batch)],
            )
        self.batches, self.running = 0, []
        return _without_batch_loss({name: v[-1] for name, v in history.history.items()}), self.seconds

    def state(self) -> dict[str, Array]:
        arrays = {str(number): np.asarray(value) for number, value in enumerate(self._variables())}
        if not self.batches:
            return arrays
        metrics = {f"metric/{n}": np.asarray(value) for n, value in enumerate(self.twin.metrics_variables)}
        seconds = time.perf_counter() - self.began
        return arrays | metrics | {"batches": np.array(self.batches), "seconds": np.array(seconds)}

    def restore(self, state: Mapping[str, Array]) -> None:
        for number, variable in enumerate(self._variables()):
            variable.assign(state[str(number)])
        if "batches" in state:
            self.batches = int(state["batches"])
            self.began = time.perf_counter() - float(state["seconds"])
            self.running = [state[f"metric/{n}"] for n in range(sum("metric/" in name for name in state))]

    @property
    def within_epoch(self) -> bool:
        return self.batches > 0

    def _variables(self) -> list[Any]:
        """Return weights and the optimizer's variables, which Keras makes when it first needs them."""
        if hasattr(self.twin, "jax_state_sync"):  # while it trains, JAX's backend keeps them elsewhere
            self.twin.jax_state_sync()
        if not self.twin.optimizer.built:
            self.twin.optimizer.build(self.twin.trainable_variables)
        return [*self.twin.variables, *self.twin.optimizer.variables]

    def evaluate(self, x: Array, y: Array, batch_size: int) -> Logs:
        with floatx_of(self.model):
            batches = Batches(self.model, x, y, batch_size)
            return _without_batch_loss(self.twin.evaluate(batches, verbose=0, return_dict=True))

    def predict(self, x: Array, batch_size: int) -> Array:
        with floatx_of(self.model):
            batches = Batches(self.model, x, np.zeros(len(x), int), batch_size)  # labels are not used
            return np.asarray(self.twin.predict(batches, verbose=0))

    def network(self) -> Sequential:
        copy = self.model.astype(self.model.dtype)
        weights_from_keras(self.twin, copy)
        return copy


def evaluate_twin(scratch: Sequential, twin: keras.Sequential, x: Array, y: Array, batch_size: int) -> Logs:
    """Return the twin's mean loss and metrics over all rows, by name."""
    return KerasSide(scratch, twin).evaluate(x, y, batch_size)


def predict_twin(scratch: Sequential, twin: keras.Sequential, x: Array, batch_size: int) -> Array:
    """Return the twin's outputs for all rows."""
    return KerasSide(scratch, twin).predict(x, batch_size)


class _KerasHooks(keras.callbacks.Callback):
    """Hands on each batch, and times the epoch as scratch_rnn's History does."""

    def __init__(self, side: KerasSide, on_batch: OnBatch) -> None:
        super().__init__()
        self.side, self.on_batch, self.done = side, on_batch, side.batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin the epoch's time; in one that goes on, let the metrics go on, which Keras has just reset."""
        if not self.done:
            self.side.began = time.perf_counter()
        if self.side.running:
            for variable, value in zip(self.side.twin.metrics_variables, self.side.running, strict=True):
                variable.assign(value)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.side.seconds = time.perf_counter() - self.side.began

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.side.batches = self.done + batch + 1
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        self.on_batch(self.done + batch, self.done + self.params["steps"], numbers)


def _without_batch_loss(logs: dict[str, Any]) -> Logs:
    """Return the numbers that scratch_rnn has too: without the loss of the last batch alone."""
    return {name: float(value) for name, value in logs.items() if not name.endswith("batch_loss")}
