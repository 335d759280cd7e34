"""MPI's ranks over the shards of a batch, in place of threads and of processes on one machine.

Rank 0 runs the whole program; the others help it: for each batch they get its number and the weights, compute
their shards, and take part in the sum of the results, which ends on rank 0. It goes along the tree of
shards.py, so the bits are those of threads, whatever the number of ranks. What helpers need to know of an
epoch they are told when it begins, and they get the data once for each `fit`: only rank 0 has to have them.
company.py says how the other ranks get there.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.shards import Batches, BatchResult, Engine, Function, Shard
from scratch_rnn.training.threads import Threads, interrupt_deferred
from scratch_rnn.training.tree import owners, sum_over_ranks
from scratch_rnn.training.world import Packed, connect

if TYPE_CHECKING:
    from typing_extensions import Self

Data = tuple[Array, Array, Array | None]
NO_MORE = -1  # in place of a batch's number: the epoch is over


@dataclass(frozen=True)
class Epoch:
    """What helpers are told of an epoch.

    batches    without their arrays
    gradients  whether they are trained on; else they are validated on, and have losses and metrics alone
    data       the number of their arrays among those that were sent
    arrays     shape and dtype of x, y and the weights of samples, which follow; None: they were sent before
    shapes     of the model's weights
    """

    batches: Batches
    gradients: bool
    data: int
    arrays: list[tuple[tuple[int, ...], str]] | None
    shapes: list[tuple[int, ...]]


class Session:
    """What lasts from one `fit` to the next, or within one, on this rank.

    commands  whether helpers wait for a model, for they do not run the program of rank 0
    leads     whether rank 0 is in a fit
    open      on rank 0, what computes the epoch that the others have been told of
    data      what all ranks have of it: x, y and weights of samples, to train on and to validate on
    """

    def __init__(self) -> None:
        self.commands = self.leads = False
        self.open: Ranks | None = None
        self.data: list[Data] = []

    def number_of(self, data: Data) -> int:
        """Return the number of these very arrays, that of the next ones where they are new."""
        for number, known in enumerate(self.data):
            if all(a is b for a, b in zip(data, known, strict=True)):
                return number
        return len(self.data)


SESSION = Session()


class Ranks(Engine):
    """All ranks, each of which makes one at the beginning of an epoch; a context manager.

    threads   on which each rank computes its shards
    function  takes a shard and a memory, and returns a BatchResult
    batches   of the epoch
    weights   what changes between two batches
    like      a BatchResult with arrays of the shapes and dtypes of the results; those of a validation have
              no gradients
    """

    def __init__(
        self, threads: int, function: Function, batches: Batches, weights: list[Array], like: BatchResult
    ) -> None:
        super().__init__(function, self._own_shards)
        self._world, self._batches, self._weights = connect(), batches, weights
        self._gradients, self._stack = bool(like.gradients), ExitStack()
        self._threads = Threads(threads, function, self._own_shards)
        head = np.zeros(1, np.int64)  # of an order a batch's number, of a parcel whether it holds a result
        self._order, self._parcel = Packed([head, *weights]), Packed([head, *like.arrays])

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._threads)
            if self._world.rank == 0:
                stack.callback(self.end_epoch)
                with interrupt_deferred():
                    self._tell_of_epoch()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def end_epoch(self) -> None:
        """On rank 0: have the others no longer wait for batches of this epoch, if they do."""
        if SESSION.open is self:
            with interrupt_deferred():
                self._ask(NO_MORE)
                SESSION.open = None

    def total(self, batch: int = 0) -> BatchResult:
        """On rank 0: return the sum of the results of the batch's shards.

        Where one of them raised an exception or a warning, most likely it will here too: rank 0 then computes
        all of them, and it is seen where it comes from.
        """
        with interrupt_deferred(), self._world.together():
            self._ask(batch)
            result = self._summed(batch)
        if result is not None:
            return result
        with Threads(1, self.function, self._batches.shards) as alone:
            return alone.total(batch)

    def serve(self) -> None:
        """On another rank: compute the shards of one batch after another until rank 0 has no more."""
        head, *weights = self._order.arrays
        while True:
            self._world.share(self._order.buffer)
            if head[0] == NO_MORE:
                return
            for weight, new in zip(self._weights, weights, strict=True):
                weight[...] = new
            with warnings.catch_warnings():
                warnings.simplefilter("error", append=True)  # rank 0 computes it again, and warns
                self._summed(int(head[0]))

    @property
    def workers(self) -> str:
        """What shares the work, in words."""
        return f"{self._world.size} MPI rank{'s' * (self._world.size > 1)}"

    def _tell_of_epoch(self) -> None:
        """On rank 0: let the others know the batches and, where they have not got them yet, their arrays."""
        batches, nothing = self._batches, np.empty(0)
        data = batches.x, batches.y, batches.weights
        number = SESSION.number_of(data)
        new = [np.ascontiguousarray(array) for array in data if array is not None]
        described = [(array.shape, array.dtype.str) for array in new]
        known = number < len(SESSION.data)
        empty = replace(batches, x=nothing, y=nothing, weights=None)
        shapes = [weight.shape for weight in self._weights]
        self._world.tell(Epoch(empty, self._gradients, number, None if known else described, shapes))
        if not known:
            for array in new:
                self._world.share(array)
            SESSION.data.append(data)
        SESSION.open = self

    def _ask(self, batch: int) -> None:
        self._order.put([np.array([batch]), *self._weights])
        self._world.share(self._order.buffer)

    def _own_shards(self, batch: int) -> list[Shard]:
        shards = self._batches.shards(batch)
        owner = owners(len(shards), self._world.size)
        return [shard for shard, rank in zip(shards, owner, strict=True) if rank == self._world.rank]

    def _summed(self, batch: int) -> BatchResult | None:
        """Compute this rank's shards and take part in the sum; None on rank 0 where a rank has failed."""
        rank, owner = self._world.rank, owners(len(self._batches.shards(batch)), self._world.size)
        numbers = [number for number, its_rank in enumerate(owner) if its_rank == rank]
        try:
            results: list[BatchResult | None] = [*self._threads.map(batch)]
        except BaseException:  # the others must not wait for it in vain
            results = [None] * len(numbers)
        own = dict(zip(numbers, results, strict=True))
        return sum_over_ranks(own, owner, rank, _sum_if_both, self._send, self._receive)

    def _send(self, result: BatchResult | None, rank: int) -> None:
        self._parcel.arrays[0][0] = result is not None
        if result is not None:
            self._parcel.put([self._parcel.arrays[0], *result.arrays])
        self._world.send(self._parcel.buffer, rank)

    def _receive(self, rank: int) -> BatchResult | None:
        """Return what a rank sends; it lasts until it sends more."""
        self._world.receive(self._parcel.buffer, rank)
        sent, *arrays = self._parcel.arrays
        return BatchResult.of(arrays) if sent[0] else None


def _sum_if_both(a: BatchResult | None, b: BatchResult | None) -> BatchResult | None:
    return None if a is None or b is None else a + b
