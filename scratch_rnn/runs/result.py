"""What one model did in a run: what all that is written, printed or drawn of the model is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.data.mnist import CLASSES
from scratch_rnn.runs import quoted

SCRATCH = "scratch_rnn"
OF_EPOCHS = ("history", "seconds", "batch_losses")


@dataclass(eq=False)
class Result:
    """What one model did, from its first epoch to its test, under its name.

    Whoever shows several models takes their Results: what belongs to one of them cannot come under the name
    of another, as it could from lists side by side.

    name           stands in tables and figures; in lower case, in names of files
    history        as `fit` returns it: any of loss, accuracy, val_loss and val_accuracy, one value an epoch
    seconds        of each epoch
    batch_losses   of the batches of the first epoch, each batch by itself
    scores         mean loss and metrics of the test
    probabilities  (N, 10) of the test's digits
    """

    name: str
    history: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    probabilities: Array = field(default_factory=lambda: np.empty((0, CLASSES)))

    def add_epoch(self, logs: dict[str, float], seconds: float) -> None:
        """Append an epoch's numbers and its time."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.seconds.append(seconds)

    def training(self) -> dict[str, Any]:
        """Return what its epochs have left, as JSON can hold it."""
        return {name: getattr(self, name) for name in OF_EPOCHS}

    def restore(self, training: dict[str, Any]) -> None:
        """Take over what `training` returned."""
        for name in OF_EPOCHS:
            setattr(self, name, training[name])

    def epoch(self, number: int) -> dict[str, float]:
        """Return the numbers of one epoch, counted from 0, by name."""
        return {name: values[number] for name, values in self.history.items()}

    @property
    def answers(self) -> Array:
        """The likeliest class of each digit of the test, int (N,)."""
        return np.asarray(self.probabilities).argmax(axis=1)

    @property
    def seconds_per_epoch(self) -> float:
        """The time of an epoch, as it is quoted."""
        return quoted.median(self.seconds)
