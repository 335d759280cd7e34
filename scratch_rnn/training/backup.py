"""Going on after an interruption: the callback that keeps what training needs in a file, epoch by epoch."""

from __future__ import annotations

import os
from pathlib import Path

from scratch_rnn.training import saving
from scratch_rnn.training.callbacks import Callback, Logs

RECORDED = ("history", "epoch", "seconds", "workers")  # of a History


class BackupAndRestore(Callback):
    """Writes all that training needs to a file after each epoch, and goes on from the file where it is there.

    As in Keras: after an interruption call the same `fit` of the same model again, with this callback again.
    It trains the epochs that are left and ends with the weights and the history, to the bit, of a training
    that was never interrupted. When all epochs are done the file is removed, unless `delete` is False.

    Raises ValueError, when the training begins, for a file that is damaged or of another model.
    """

    def __init__(self, path: str | os.PathLike[str], delete: bool = True) -> None:
        self.path, self.delete = Path(path), delete

    def on_train_begin(self) -> None:
        if not self.path.exists():
            return
        done, _ = saving.restore(self.model, self.path)
        if not done.keys() >= set(RECORDED):
            raise ValueError(f"{self.path} is no backup of a fit: compare wrote it, or save")
        for name in RECORDED:
            setattr(self.model.history, name, done[name])
        self.model.initial_epoch = done["epoch"][-1] + 1

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        saving.save(self.model, self.path, {name: getattr(self.model.history, name) for name in RECORDED})

    def on_train_end(self) -> None:
        if self.delete:
            self.path.unlink(missing_ok=True)
