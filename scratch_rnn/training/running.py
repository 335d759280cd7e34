"""An epoch under way: what of it is done, so that it can be gone on with from there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.shards import BatchResult

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(eq=False)
class Running:
    """How far an epoch has come.

    order    int (N,), its rows in the order in which they are trained on
    batches  how many of its batches are done
    sums     float64 (1 + number of metrics,), over those batches: of the losses, then of each metric
    count    how many losses were added up
    started  when it began, on the clock of time.perf_counter
    """

    order: Array
    batches: int = 0
    sums: Array = field(default_factory=lambda: np.zeros(1))
    count: int = 0
    started: float = field(default_factory=lambda: time.perf_counter())

    def add(self, batch: BatchResult) -> None:
        """Count one more batch."""
        self.sums, self.count = self.sums + batch.sums, self.count + batch.count
        self.batches += 1

    @property
    def seconds(self) -> float:
        """How long it has been running, what an interruption took left out."""
        return time.perf_counter() - self.started

    @property
    def arrays(self) -> dict[str, Array]:
        """All of it as arrays, for a file."""
        done = np.array([self.batches, self.count])
        return {"order": self.order, "done": done, "sums": self.sums, "seconds": np.array(self.seconds)}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Self:
        """Return the epoch whose `arrays` these are, going on now. Raises KeyError where one is missing."""
        batches, count = arrays["done"].tolist()
        started = time.perf_counter() - float(arrays["seconds"])
        return cls(arrays["order"], batches, arrays["sums"], count, started)
