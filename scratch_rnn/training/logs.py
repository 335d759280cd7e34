"""Callbacks that pass on what `fit` tells them: into a file, or to functions."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scratch_rnn.training.callbacks import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of every epoch to a CSV file, a line each, as Keras does.

    filename   the file; lines that it had are gone when the first epoch has ended, except with `append`
    separator  what stands between two values
    append     whether new lines follow those that are there

    The first epoch decides on the columns: epoch, and the names of its logs in alphabetical order. A value
    that a later epoch lacks is NA. In a training that goes on after an interruption (BackupAndRestore) the
    file does, too: each epoch is there once. Raises ValueError for a separator that is not one character;
    OSError, before the first epoch, where the file cannot be written.
    """

    state_names = ("keys", "length")

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            raise ValueError(
                f"separator must be one character, and no quote or end of a line, not {separator!r}"
            )
        self.filename, self.separator, self.append = Path(os.fsdecode(filename)), separator, append
        self.keys: list[str] | None = None
        self.length: int | None = None  # of what is written and stays, in bytes

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.filename.open("a").close()
        self.keys = self.length = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        with self.filename.open("ab") as file:
            if self.length is None:
                self.length = file.tell() if self.append else 0
            file.truncate(min(self.length, file.tell()))
        with self.filename.open("a", newline="", encoding="utf-8") as text:
            writer = csv.writer(text, delimiter=self.separator)
            if self.keys is None:
                self.keys = _columns(logs)
                if not self.length:
                    writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(logs.get(key, "NA") for key in self.keys)])
        self.length = self.filename.stat().st_size


class LambdaCallback(Callback):
    """A callback made of functions: each is called in place of the hook whose name it is given by.

    They take what the hook takes, without `self`, and may leave out the logs. Callbacks with functions for
    training batches keep `fit` on threads, where the engine is left open: they may change anything. Raises
    TypeError for a name that no hook has, and for what is no function.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> None:
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in hooks.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                raise TypeError(f"a callback has no hook {name!r}")
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be a function, not {function!r}")
        vars(self).update({name: function for name, function in hooks.items() if function is not None})


def _columns(logs: Logs) -> list[str]:
    """Return the columns for such logs, those of a validation that may come later included."""
    keys = sorted(logs)
    validated = any(key.startswith("val_") for key in keys)
    return keys if validated else [*keys, *(f"val_{key}" for key in keys)]
