"""The callback that saves a model while it is trained, the best one alone or each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training import saving
from scratch_rnn.training.callbacks import Logs
from scratch_rnn.training.monitor import Monitor


class ModelCheckpoint(Monitor):
    """Saves the model after each epoch, or after every so many batches, for `load_model`; as in Keras.

    filepath                 the file, written whole or not at all, in a folder that is made where there is
                             none; "{epoch:02d}-{val_loss:.2f}.npz" takes the epoch, counted from 1, and any
                             value of the logs; with a number as `save_freq` also {batch}
    monitor, mode            what makes a model the best: see EarlyStopping
    verbose                  1 says what is saved
    save_best_only           whether to save only when `monitor` is better than ever
    save_weights_only        whether to save the weights alone, for `model.load_weights`
    save_freq                "epoch", or a number of batches
    initial_value_threshold  what `monitor` has to be better than at first

    Raises ValueError for another mode or `save_freq`; when the training begins, for a model that cannot be
    saved and where mode "auto" cannot tell; when it saves, for a name that the logs do not have. OSError
    where the file cannot be written.
    """

    state_names = ("best", "batches")
    weights_at_most = True  # it changes nothing at all

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, best=initial_value_threshold)
        self.filepath, self.verbose = os.fsdecode(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq if save_freq == "epoch" else positive_integer(save_freq, "save_freq")
        self.batches = 0  # since the last time

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.save_weights_only:
            saving.check(self.model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        if self.batches == self.save_freq:
            self.batches = 0
            self._save_if_asked(logs or {}, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save_if_asked(logs or {})

    def _save_if_asked(self, logs: Logs, **batch: int) -> None:
        path = self._path({**batch, **logs})
        if not self.save_best_only:
            self._save(path)
        elif (value := self.value(logs)) is None or self.is_better(value, self.best):
            self._save(path)
            self.best = self.best if value is None else value

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"epoch {self.epoch + 1}: saved to {path}")

    def _path(self, values: dict[str, Any]) -> Path:
        """Return the name of the file for these values."""
        values["epoch"] = self.epoch + 1
        try:
            return Path(self.filepath.format(**values))
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            names = ", ".join(sorted(values))
            raise ValueError(
                f"filepath {self.filepath!r} cannot be filled in ({error!r}) from {names}"
            ) from None
