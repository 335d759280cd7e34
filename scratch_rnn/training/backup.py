"""Going on after an interruption: the callback that keeps what training needs in a file, epoch by epoch."""

from __future__ import annotations

import os
from pathlib import Path

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training import saving
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.running import Running

RECORDED = ("history", "epoch", "seconds", "workers")  # of a History


class BackupAndRestore(Callback):
    """Writes all that training needs to a file after each epoch, and goes on from the file where it is there.

    As in Keras: after an interruption call the same `fit` of the same model again, with this callback again.
    It trains what is left and ends with the weights and the history, to the bit, of a training that was never
    interrupted. With `save_freq`, a number of batches, it writes within the epochs too. When all epochs are
    done the file is removed, unless `delete_checkpoint` is False.

    Raises ValueError for another `save_freq`; when the training begins, for a file that is damaged or of
    another model or another `fit`.
    """

    weights_at_most = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        delete_checkpoint: bool = True,
    ) -> None:
        self.path, self.delete_checkpoint = Path(path), delete_checkpoint
        self.batches = None if save_freq == "epoch" else positive_integer(save_freq, "save_freq")

    def on_train_begin(self) -> None:
        if not self.path.exists():
            return
        done, running = saving.restore(self.model, self.path)
        if not done.keys() >= set(RECORDED):
            raise ValueError(f"{self.path} is no backup of a fit: compare wrote it, or save")
        for name in RECORDED:
            setattr(self.model.history, name, done[name])
        if done["epoch"]:
            self.model.initial_epoch = done["epoch"][-1] + 1
        if running:
            self._check_same(done["params"])
            self.model.running = Running.of(running)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        done = batch + 1
        if self.batches and done % self.batches == 0 and done < self.params["steps"]:
            self._save(self.model.running.arrays)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._save({})

    def on_train_end(self) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)

    def _save(self, running: dict[str, Array]) -> None:
        done = {name: getattr(self.model.history, name) for name in RECORDED}
        saving.save(self.model, self.path, done | {"params": self.params}, running)

    def _check_same(self, params: dict[str, int]) -> None:
        """Raise ValueError where the batches of this fit are not those of which some are done."""
        ours, theirs = ((p["samples"], p["steps"]) for p in (self.params, params))
        if ours != theirs:
            raise ValueError(
                f"{self.path} is of an epoch of {theirs[0]} rows in {theirs[1]} batches, but this one is of "
                f"{ours[0]} in {ours[1]}: take the same rows and the same batch_size, or remove the file"
            )
