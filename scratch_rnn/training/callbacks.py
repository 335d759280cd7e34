"""What `Sequential.fit` calls while it runs: Keras's hooks, and the History it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scratch_rnn.training.model import Sequential

Logs = dict[str, float]


class Callback:
    """Base class: override the hooks that are needed. `model` and `params` are set before the first call.

    `params` holds epochs, steps (batches per epoch) and samples (training rows). Logs hold the means over the
    epoch so far, loss and the metrics. After a batch they also hold batch_loss, which is that batch's alone;
    after an epoch val_loss and so on. To end the training after the running epoch, set
    `self.model.stop_training = True`.
    """

    model: Sequential
    params: dict[str, int]

    def on_train_begin(self) -> None:
        """Called once before the first epoch."""

    def on_train_end(self) -> None:
        """Called once after the last epoch; not after an exception."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Called before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after each epoch and its validation."""

    def on_train_batch_begin(self, batch: int) -> None:
        """Called before each batch, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after each batch, whose weights are then updated."""


class History(Callback):
    """Records the logs of every epoch: `history` has a list for each name, `epoch` the epochs' numbers."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


class CallbackList(Callback):
    """Passes every call on to each of its callbacks in turn."""

    def __init__(self, callbacks: list[Callback], model: Sequential) -> None:
        self.callbacks = callbacks
        self.model = model

    def on_train_begin(self) -> None:
        for callback in self.callbacks:
            callback.model = self.model
            callback.params = self.params
            callback.on_train_begin()

    def on_train_end(self) -> None:
        for callback in self.callbacks:
            callback.on_train_end()

    def on_epoch_begin(self, epoch: int) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)
