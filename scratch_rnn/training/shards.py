"""A batch in parts: shards of some rows, the result of each, and the engines that compute them side by side.

Shards are cut by a given size, never by the number of workers, and their results are added in a fixed order,
that of a tree. So a run gives the same bits on one thread as on sixteen, and on processes and MPI's ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.place import Place
from scratch_rnn.training.losses import Loss
from scratch_rnn.training.weighting import weighted

if TYPE_CHECKING:
    from typing_extensions import Self

SHARD_ROWS = 64  # unless the user says otherwise: fewer cost more a row (benchmarks/README.md)

Memory = dict[str, Any]  # what a worker keeps from one item to the next, such as its tapes
Function = Callable[[Any, Memory], Any]
Items = Callable[[int], Sequence[Any]]


class Engine:
    """Computes function(item, memory) for all items of a batch, side by side; a context manager.

    function  of an item, and of a dict in which the worker that calls it may keep what it wants
    items     takes the number of a batch and returns its items
    """

    def __init__(self, function: Function, items: Items) -> None:
        self.function, self.items = function, items

    def map(self, batch: int = 0) -> list[Any]:
        """Return the results of the batch's items, in their order; they last until the next call."""
        raise NotImplementedError

    def total(self, batch: int = 0) -> Any:
        """Return the sum of the results of the batch's items, always added in the same order."""
        return total(self.map(batch))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the workers."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Data in batches: batch k has the rows order[k * batch_size : (k + 1) * batch_size] of x and y.

    A worker computes `shard_rows` of them at a time; results depend on that number in their last bits.
    `seed` and `first_step`, the number of batch 0 among the steps of training, decide what layers draw.
    Where there are weights, they are those of the losses, one for each.
    """

    x: Array
    y: Array
    order: Array
    batch_size: int
    shard_rows: int = SHARD_ROWS
    seed: int = 0
    first_step: int = 0
    weights: Array | None = None

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def numbers(self, done: int) -> Iterable[int]:
        """Return the numbers of the batches that are left when so many are done."""
        return range(done, len(self))

    def shards(self, batch: int) -> list[Shard]:
        """Return the shards of a batch."""
        rows = self.order[batch * self.batch_size : (batch + 1) * self.batch_size]
        parts = slices(len(rows), self.shard_rows)
        return [Shard(self, rows[part], self._place(batch, part.start, len(rows))) for part in parts]

    def _place(self, batch: int, first: int, batch_rows: int) -> Place:
        return Place((self.seed, self.first_step + batch, first), first, batch_rows)


@dataclass(frozen=True, eq=False)
class Shard:
    """Some rows of a batch, and their place in the training."""

    data: Batches
    rows: Array
    place: Place

    def gathered(self) -> tuple[Array, Array]:
        """Return copies of these rows of x and y: the work of the thread or process that wants them."""
        return self.data.x[self.rows], self.data.y[self.rows]

    def weighted(self, loss: Loss) -> Loss:
        """Return the loss of these rows, as much as each of them counts."""
        weights = self.data.weights
        return weighted(loss, None if weights is None else weights[self.rows])


@dataclass(frozen=True)
class BatchResult:
    """What one pass over a batch, or a part of it, gives.

    count      number of losses that were added up: one per row, for sequences one per row and timestep
    sums       float64 (1 + number of metrics,): the sum of the losses, then of each metric
    gradients  one for each weight, of the sum of the losses divided by the `size` of the whole batch; empty
               where not asked for
    left_out   number of losses that a mask has left out
    """

    count: int
    sums: Array
    gradients: list[Array]
    left_out: int = 0

    def __add__(self, other: BatchResult) -> BatchResult:
        gradients = [a + b for a, b in zip(self.gradients, other.gradients, strict=True)]
        count, left_out = self.count + other.count, self.left_out + other.left_out
        return BatchResult(count, self.sums + other.sums, gradients, left_out)

    @property
    def size(self) -> int:
        """The number of losses, those that are left out too."""
        return self.count + self.left_out

    @property
    def mean_loss(self) -> float:
        """The mean of the losses that count, in float64; zero where none does."""
        return float(self.sums[0] / max(self.count, 1))

    @property
    def gradients_of_mean(self) -> list[Array]:
        """The gradient of `mean_loss` for each weight, where this is a whole batch."""
        if not self.left_out:
            return self.gradients
        share = self.size / max(self.count, 1)
        return [gradient * gradient.dtype.type(share) for gradient in self.gradients]

    @property
    def arrays(self) -> list[Array]:
        """All of it as arrays, for processes to share."""
        return [np.array([self.count, self.left_out]), self.sums, *self.gradients]

    @classmethod
    def of(cls, arrays: list[Array]) -> BatchResult:
        """The result whose `arrays` these are."""
        counts, sums, *gradients = arrays
        count, left_out = counts.tolist()
        return cls(count, sums, gradients, left_out)


def total(results: Sequence[BatchResult]) -> BatchResult:
    """Return the sum of the results, always added in the same order: that of a tree, cut by `middle`."""
    if len(results) == 1:
        return results[0]
    cut = middle(len(results))
    return total(results[:cut]) + total(results[cut:])


def middle(count: int) -> int:
    """Return where a sum of `count` terms, 2 or more, is cut in two: at the largest power of two below it.

    So each half is the sum of neighbours, which whoever holds them can add before the others are there.
    """
    return 1 << (count - 1).bit_length() - 1


def slices(count: int, size: int) -> list[slice]:
    """Return 0 to `count` in parts of `size`, the last one perhaps smaller."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
