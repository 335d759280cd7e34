"""Callbacks that change the learning rate between epochs. The optimizer takes it from the next batch on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratch_rnn.layers.base import natural_number
from scratch_rnn.training.callbacks import Callback, Logs, tell
from scratch_rnn.training.monitor import Monitor
from scratch_rnn.training.ranges import in_range


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch to schedule(epoch, learning rate); as in Keras.

    schedule  a function of the epoch, counted from 0, and of the present rate, or of the epoch alone
    verbose   1 says each time what the rate is

    The logs of an epoch, and the history, then have its `learning_rate`. Raises TypeError for
    what is no function, ValueError in `fit` for one that gives no float.
    """

    state_names = ("epoch",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                f"schedule must be a function of the epoch and the learning rate, not {schedule!r}"
            )
        self.schedule, self.verbose = schedule, verbose
        self.epoch: int | None = None  # for which the rate is set

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch == self.epoch:  # which began before an interruption, and now goes on
            return
        rate = self._scheduled(epoch)
        self.model.optimizer.learning_rate = rate
        self.epoch = epoch
        if self.verbose:
            print(f"epoch {epoch + 1}: learning rate {rate:.4g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        _log_rate(self, logs)

    def _scheduled(self, epoch: int) -> float:
        rate = tell(self.schedule, epoch, self.model.optimizer.learning_rate)
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(f"the schedule of the learning rate must give a float, not {rate!r}")
        return float(rate)


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by a factor when a value no longer becomes better; as in Keras.

    monitor    the name of the value in the logs
    factor     below 1
    patience   after how many epochs
    verbose    1 says so each time
    mode       "min", "max", or "auto", which knows the loss and the library's own metrics
    min_delta  by how much the value has to become better
    cooldown   for how many epochs after a change nothing is waited for
    min_lr     below which the rate never falls

    The logs of an epoch, and the history, then have its `learning_rate`. Raises ValueError for a number or a
    mode that cannot be; when the training begins, where "auto" cannot tell. TypeError then for an optimizer
    whose rate follows a schedule.
    """

    state_names = ("best", "cooldown_counter", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = in_range(factor, "factor", least=0, below=1)
        self.patience, self.verbose = natural_number(patience, "patience"), verbose
        self.cooldown = natural_number(cooldown, "cooldown")
        self.min_lr = in_range(min_lr, "min_lr", least=0)
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        # A rate that follows a schedule cannot be set: better say so now than after some epochs.
        optimizer.learning_rate = optimizer.learning_rate
        self.best = None
        self.cooldown_counter = self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        _log_rate(self, logs)
        value = self.value(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        if optimizer.learning_rate <= self.min_lr:
            return
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"epoch {epoch + 1}: learning rate {optimizer.learning_rate:.4g}")


def _log_rate(callback: Callback, logs: Logs | None) -> None:
    """Add the learning rate of an epoch to its logs and, once, to the history, which has them already."""
    rate = callback.model.optimizer.learning_rate
    if logs is not None and "learning_rate" not in logs:
        logs["learning_rate"] = rate
        callback.model.history.history.setdefault("learning_rate", []).append(rate)
