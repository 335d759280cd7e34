"""The two models that train side by side, behind one small interface, each with what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_reference.batches import Batches
from keras_reference.comparison import KERAS
from keras_reference.twin import Twin, floatx_of, weights_from_keras
from scratch_rnn.arrays import Array
from scratch_rnn.runs.result import SCRATCH, Result
from scratch_rnn.training.callbacks import Callback
from scratch_rnn.training.model import Sequential

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
    """A model of one library, and in `result` all that it has done."""

    def __init__(self, name: str) -> None:
        self.result = Result(name)

    def train_epoch(
        self, train: Split, validation: Split | None, batch_size: int, watchers: Sequence[Watcher] = ()
    ) -> None:
        """Train for one more epoch, on the rows in their order, and note its numbers."""
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
        """Train for an epoch; return its numbers, validation included, and its seconds."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """Return what the training needs to go on, beside what the scratch_rnn model's own file holds."""
        return {}

    def restore(self, state: dict[str, Array]) -> None:
        """Take over what `state` returned; it may hold other arrays too."""

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

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        history = self.model.fit(
            *train,
            batch_size=batch_size,
            shuffle=False,
            verbose=0,
            validation_data=validation,
            callbacks=[_ScratchHooks(on_batch)],
        )
        return {name: values[-1] for name, values in history.history.items()}, history.seconds[-1]

    def evaluate(self, x: Array, y: Array, batch_size: int) -> Logs:
        return self.model.evaluate(x, y, batch_size)

    def predict(self, x: Array, batch_size: int) -> Array:
        return self.model.predict(x, batch_size)

    def network(self) -> Sequential:
        return self.model


class KerasSide(Side):
    """The Keras twin of a scratch_rnn model, which says what the twin's inputs and labels look like."""

    def __init__(self, model: Sequential, twin: Twin) -> None:
        super().__init__(KERAS)
        self.model, self.twin = model, twin

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        hooks = _KerasHooks(on_batch)
        with floatx_of(self.model):
            history = self.twin.fit(
                Batches(self.model, *train, batch_size),
                shuffle=False,
                verbose=0,
                validation_data=validation and Batches(self.model, *validation, batch_size),
                callbacks=[hooks],
            )
        return _without_batch_loss({name: v[-1] for name, v in history.history.items()}), hooks.seconds

    def state(self) -> dict[str, Array]:
        return {
            f"{KERAS}/{number}": np.asarray(variable) for number, variable in enumerate(self._variables())
        }

    def restore(self, state: dict[str, Array]) -> None:
        for number, variable in enumerate(self._variables()):
            variable.assign(state[f"{KERAS}/{number}"])

    def _variables(self) -> list[Any]:
        """Return weights and the optimizer's variables, which Keras makes when it first needs them."""
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


def evaluate_twin(scratch: Sequential, twin: Twin, x: Array, y: Array, batch_size: int) -> Logs:
    """Return the twin's mean loss and metrics over all rows, by name."""
    return KerasSide(scratch, twin).evaluate(x, y, batch_size)


def predict_twin(scratch: Sequential, twin: Twin, x: Array, batch_size: int) -> Array:
    """Return the twin's outputs for all rows."""
    return KerasSide(scratch, twin).predict(x, batch_size)


class _ScratchHooks(Callback):
    weights_at_most = True

    def __init__(self, on_batch: OnBatch) -> None:
        self.on_batch = on_batch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.on_batch(batch, self.params["steps"], logs)


class _KerasHooks(keras.callbacks.Callback):
    """Hands on each batch, and times the epoch as scratch_rnn's History does."""

    def __init__(self, on_batch: OnBatch) -> None:
        super().__init__()
        self.on_batch = on_batch
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seconds = time.perf_counter() - self._started

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        self.on_batch(batch, self.params["steps"], numbers)


def _without_batch_loss(logs: dict[str, Any]) -> Logs:
    """Return the numbers that scratch_rnn has too: without the loss of the last batch alone."""
    return {name: float(value) for name, value in logs.items() if not name.endswith("batch_loss")}
