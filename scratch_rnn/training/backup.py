"""Going on after an interruption: the callback that keeps what training needs in a file, epoch by epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training import saving
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.running import Running

RUNNING, STATE = "running/", "state/"  # begin the names of arrays: of the epoch, and of the callbacks


class BackupAndRestore(Callback):
    """Writes all that training needs to a file after each epoch, and goes on from the file where it is there.

    As in Keras: after an interruption call the same `fit` of the same model again, with this callback again.
    It trains what is left and ends with the weights and the history, to the bit, of a training that was never
    interrupted. With `save_freq`, a number of batches, it writes within the epochs too. When all epochs are
    done the file is removed, unless `delete_checkpoint` is False.

    Of the other callbacks it keeps what they name in `state_names`. It sees that after they have done their
    part, so they stand before it in the list.

    Raises ValueError for another `save_freq`; when the training begins, for a file that is damaged or of
    another model or another `fit`, for a callback with `state_names` that stands after it, and for data that
    come batch by batch, which cannot be asked to go on from anywhere.
    """

    weights_at_most = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        *,
        delete_checkpoint: bool = True,
    ) -> None:
        self.path, self.delete_checkpoint = Path(path), delete_checkpoint
        self.batches = None if save_freq == "epoch" else positive_integer(save_freq, "save_freq")

    def set_callbacks(self, callbacks: Sequence[Callback]) -> None:
        place = list(callbacks).index(self)
        for late in callbacks[place:]:
            if late.state_names:
                raise ValueError(
                    f"{type(late).__name__} must stand before BackupAndRestore, which keeps its state"
                )
        self.kept = [callback for callback in callbacks[:place] if callback.state_names]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.params["samples"] is None:
            raise ValueError("BackupAndRestore needs arrays: batches of an iterable cannot be taken up again")
        if not self.path.exists():
            return
        done, arrays = saving.restore(self.model, self.path)
        if not done.keys() >= {"callbacks", "params", "stopped"}:
            raise ValueError(f"{self.path} is no backup of a fit: compare wrote it, or save")
        self._restore_callbacks(done["callbacks"], _named(arrays, STATE))
        if self.model.history.epoch:
            self.model.initial_epoch = self.model.history.epoch[-1] + 1
        self.model.stop_training = done["stopped"]
        if running := _named(arrays, RUNNING):
            self._check_same(done["params"])
            self.model.running = Running.of(running)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        done = batch + 1
        within = done < self.params["steps"] and not self.model.stop_training  # else the epoch ends here
        if self.batches and done % self.batches == 0 and within:
            self._save(self.model.running.arrays)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._save({})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)

    def _save(self, running: dict[str, Array]) -> None:
        arrays = {f"{RUNNING}{name}": array for name, array in running.items()}
        states = [[type(kept).__name__, _packed(_state(kept), arrays)] for kept in self.kept]
        done = {"params": self.params, "stopped": self.model.stop_training, "callbacks": states}
        saving.save(self.model, self.path, done, arrays)

    def _restore_callbacks(self, saved: list[Any], arrays: dict[str, Array]) -> None:
        """Give the callbacks their states. Raises ValueError where they are others than before."""
        theirs, ours = [name for name, _ in saved], [type(kept).__name__ for kept in self.kept]
        if theirs != ours:
            raise ValueError(
                f"{self.path} has the states of {_listed(theirs)}, but the callbacks before BackupAndRestore "
                f"are {_listed(ours)}: give the same ones, or remove the file"
            )
        for kept, (_, state) in zip(self.kept, saved, strict=True):
            for name, value in _unpacked(state, arrays).items():
                setattr(kept, name, value)

    def _check_same(self, params: dict[str, int]) -> None:
        """Raise ValueError where the batches of this fit are not those of which some are done."""
        ours, theirs = ((p["samples"], p["steps"]) for p in (self.params, params))
        if ours != theirs:
            raise ValueError(
                f"{self.path} is of an epoch of {theirs[0]} rows in {theirs[1]} batches, but this one is of "
                f"{ours[0]} in {ours[1]}: take the same rows and the same batch_size, or remove the file"
            )


def _state(callback: Callback) -> dict[str, Any]:
    return {name: getattr(callback, name) for name in callback.state_names}


def _packed(value: Any, arrays: dict[str, Array]) -> Any:
    """Return a value as JSON can hold it; each array in it is put among `arrays`, and named in its place."""
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"{STATE}{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {STATE: name.removeprefix(STATE)}
    if isinstance(value, dict):
        return {name: _packed(each, arrays) for name, each in value.items()}
    return [_packed(each, arrays) for each in value] if isinstance(value, (list, tuple)) else value


def _unpacked(value: Any, arrays: dict[str, Array]) -> Any:
    """Return the value that `_packed` made this of."""
    if isinstance(value, dict):
        if STATE in value:
            return arrays[value[STATE]][()]  # of no dimensions: the number
        return {name: _unpacked(each, arrays) for name, each in value.items()}
    return [_unpacked(each, arrays) for each in value] if isinstance(value, list) else value


def _named(arrays: dict[str, Array], start: str) -> dict[str, Array]:
    """Return the arrays whose names begin so, by what follows."""
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
