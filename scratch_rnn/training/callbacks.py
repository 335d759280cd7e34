"""What `fit`, `evaluate` and `predict` call while they run: Keras's hooks; and the History of `fit`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

Logs = dict[str, Any]


class Callback:
    """Base class: override the hooks that are needed. `model` and `params` are set before the first call, and
    `model.history` is the History of the running training.

    `params` holds epochs, steps (batches per epoch) and samples (training rows), both None where nobody knows
    them yet. Logs hold the means over the epoch so far, loss and the metrics. After a training batch they
    also hold batch_loss, which is that batch's alone; after an epoch val_loss and so on; after a batch of
    `predict` its outputs; where something begins, nothing. An override may leave out `logs`. To end the
    training after the running batch, set `self.model.stop_training = True`.

    `state_names` are the attributes that must survive an interruption of the training: BackupAndRestore keeps
    them. They hold None, numbers, texts, arrays, or lists or dicts of these.

    `weights_at_most` promises that the hooks of the training batches change nothing of what computes but
    weights. They then do not keep `fit` from computing on processes, where it is left open.
    """

    state_names: tuple[str, ...] = ()
    weights_at_most = False
    model: Any  # the Sequential; its module imports this one
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        """Take the model that is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the size of what begins."""
        self.params = params

    def set_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Take all callbacks of what begins, in the order in which they are called."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once after the last epoch, with its logs; not after an exception."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after each epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch, counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch, whose weights are then updated."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before each evaluation, those of `fit` included."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after each evaluation, with what it found."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of an evaluation; batches are then no longer computed side by side."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of an evaluation; batches are then no longer computed side by side."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before each prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after each prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of a prediction; batches are then no longer computed side by side."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of a prediction; batches are then no longer computed side by side."""


class History(Callback):
    """Records every epoch: its number in `epoch`, its duration, validation included, in `seconds`, and in
    `history` a list for each name of the logs; `workers` says what computed the last one, as "2 processes".
    """

    state_names = ("history", "epoch", "seconds", "workers")

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.workers = ""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.seconds.append(self.model.running.seconds)
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


def checked_callbacks(callbacks: Sequence[Callback] | None) -> list[Callback]:
    """Return the callbacks of a list. Raises TypeError for anything else."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Sequence):
        raise TypeError("callbacks must be a list: write [callback]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be objects of subclasses of Callback, not {callback!r}")
    return list(callbacks)


def checked_verbose(verbose: Any) -> int:
    """Return 0, 1 or 2; "auto", Keras's default, is 1. Raises ValueError for anything else."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    if isinstance(verbose, (int, np.integer)) and 0 <= verbose <= 2:
        return int(verbose)
    raise ValueError(f"verbose must be 'auto', 0, 1 or 2, not {verbose!r:.60}")


def prepare(callbacks: Sequence[Callback], model: Any, params: dict[str, Any]) -> None:
    """Tell every callback its model, its params and the others."""
    for callback in callbacks:
        callback.set_model(model)
        callback.set_params(params)
        callback.set_callbacks(callbacks)


def call(callbacks: Sequence[Callback], hook: str, *arguments: Any) -> None:
    """Call the hook of that name of every callback in turn."""
    for callback in callbacks:
        tell(getattr(callback, hook), *arguments)


def tell(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function makes of as many of the arguments as it takes."""
    plain = getattr(function, "__func__", function)
    return function(*arguments[: _most_arguments(plain) - (plain is not function)])  # less one for self


def listens(callback: Callback, *hooks: str) -> bool:
    """Return whether a callback has one of these hooks of its own."""
    methods = ((getattr(callback, hook), getattr(Callback, hook)) for hook in hooks)
    return any(getattr(own, "__func__", own) is not default for own, default in methods)


@lru_cache(maxsize=1024)
def _most_arguments(function: Callable[..., Any]) -> int:
    """Return how many arguments a function takes by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some of Python's own do not say
        return len(("self", "batch", "logs"))
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return len(("self", "batch", "logs"))
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in by_position for parameter in parameters)
