"""What `Sequential.fit` calls while it runs: Keras's hooks, and the History it returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Logs = dict[str, float]


class Callback:
    """Base class: override the hooks that are needed. `model` and `params` are set before the first call, and
    `model.history` is the History of the running training.

    `params` holds epochs, steps (batches per epoch) and samples (training rows). Logs hold the means over the
    epoch so far, loss and the metrics. After a batch they also hold batch_loss, which is that batch's alone;
    after an epoch val_loss and so on. To end the training after the running epoch, set
    `self.model.stop_training = True`.

    `weights_at_most` promises that the hooks of the batches change nothing of what computes but weights. They
    then do not keep `fit` from computing on processes, where it is left open.
    """

    weights_at_most = False
    model: Any  # the Sequential; its module imports this one
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
    """Records every epoch: its number in `epoch`, its duration, validation included, in `seconds`, and in
    `history` a list for each name of the logs; `workers` says what computed the last one, as "2 processes".
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.workers = ""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.seconds.append(self.model.running.seconds)
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


def prepare(callbacks: Iterable[Callback], model: Any, params: dict[str, int]) -> None:
    """Tell every callback its model and params. Raises TypeError for what is no callback."""
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be objects of subclasses of Callback, not {callback!r}")
        callback.model, callback.params = model, params


def call(callbacks: Iterable[Callback], hook: str, *arguments: Any) -> None:
    """Call the hook of that name of every callback in turn."""
    for callback in callbacks:
        getattr(callback, hook)(*arguments)
