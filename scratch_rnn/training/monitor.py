"""What callbacks that wait for a value to become better have in common."""

from __future__ import annotations

import warnings
from typing import Any

from scratch_rnn.training import metrics
from scratch_rnn.training.callbacks import Callback, Logs
from scratch_rnn.training.ranges import in_range

LARGER_IS_BETTER = (metrics.accuracy, metrics.binary_accuracy)
SMALLER_IS_BETTER = (metrics.mean_squared_error, metrics.mean_absolute_error)


class Monitor(Callback):
    """Base class of callbacks that compare one value of the logs, `monitor`, with the `best` so far.

    mode       "min": smaller values are better; "max": larger ones; "auto": as it is with the loss and the
               library's own metrics
    min_delta  a value counts as better only if it is better by more than that

    Raises ValueError for another mode or a number that is none, TypeError for a `monitor` that is no text;
    ValueError when the training begins, where "auto" cannot tell. (Keras takes other modes for "auto".)
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0, best: float | None = None) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', not {mode!r}")
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a value in the logs, not {monitor!r}")
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(in_range(min_delta, "min_delta"))
        self.best = None if best is None else in_range(best, "the value to begin with")

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._sign = self._direction()

    def is_better(self, value: float, than: float | None) -> bool:
        """Return whether a value is better; any is better than none."""
        return than is None or self._sign * value - self.min_delta > self._sign * than

    def value(self, logs: Logs | None) -> float | None:
        """Return the value to compare, or warn and return None where the logs do not have it."""
        logs = logs or {}
        if self.monitor not in logs:
            names = ", ".join(logs) or "nothing"
            warnings.warn(
                f"{type(self).__name__} waits for {self.monitor!r}, but the logs have {names}", stacklevel=2
            )
        return logs.get(self.monitor)

    def _direction(self) -> int:
        """Return 1 where larger values are better, -1 where smaller ones are."""
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        name = self.monitor.removeprefix("val_")
        metric = dict(self.model.metrics).get(name)
        if metric in LARGER_IS_BETTER:
            return 1
        if metric in SMALLER_IS_BETTER or name == "loss":
            return -1
        raise ValueError(
            f"{type(self).__name__} cannot tell whether {self.monitor!r} should rise or fall: give it "
            "mode='max' or mode='min'"
        )
