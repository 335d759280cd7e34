"""Callbacks that end the training before its last epoch."""

from __future__ import annotations

import math

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import natural_number
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.monitor import Monitor
from scratch_rnn.training.ranges import in_range


class EarlyStopping(Monitor):
    """Ends the training when a value has not become better for some epochs; as in Keras.

    monitor               the name of the value in the logs
    min_delta             by how much it has to become better
    patience              how many epochs it may stay as it is; the next one is the last
    verbose               1 says so when it ends the training
    mode                  "min", "max", or "auto", which knows the loss and the library's own metrics
    baseline              what the value has to be better than, too
    restore_best_weights  whether the model gets the weights of the best epoch in the end
    start_from_epoch      the first epoch that counts

    Raises ValueError for another mode or a number that cannot be; when the training begins, where "auto"
    cannot tell.
    """

    state_names = ("best", "best_epoch", "best_weights", "stopped_epoch", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose = natural_number(patience, "patience"), verbose
        self.baseline = None if baseline is None else in_range(baseline, "baseline")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = natural_number(start_from_epoch, "start_from_epoch")
        self.best_weights: list[Array] | None = None
        self.best_epoch = self.stopped_epoch = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = self.best_weights = None
        self.best_epoch = self.stopped_epoch = self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_better(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            best = f"no better than in epoch {self.best_epoch + 1}"
            print(f"epoch {self.stopped_epoch + 1}: {self.monitor} is {best}, training ends")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        """Note that this epoch is the best."""
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()


class TerminateOnNaN(Callback):
    """Ends the training after a batch whose loss is NaN or infinite; with `raise_error` by a RuntimeError,
    so that nothing is done that follows the last epoch."""

    weights_at_most = True  # it changes nothing at all

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss is {loss} after batch {batch}")
        print(f"batch {batch}: the loss is {loss}, which ends the training")
        self.model.stop_training = True
