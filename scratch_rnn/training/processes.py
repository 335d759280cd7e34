"""Processes over the shards of a batch, in place of the threads of threads.py.

The threads of one process wait for each other between any two operations, because they share Python's lock
(where Python is built with one). Processes share none. They are forked, so each begins as a copy of this one,
with its model and its data. For each batch only its number and the weights go to them and their results come
back, all arrays through memory that the processes share. The shards are those of the threads and are added in
the same order, so the results are the same, bit for bit.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.shards import BatchResult, Engine, Function, Items, Memory
from scratch_rnn.training.threads import interrupt_deferred, single_threaded_blas

if TYPE_CHECKING:
    from typing_extensions import Self

Share = dict[int, Any]  # the items that one process computes, by their number in the batch
Results = dict[int, BatchResult]

DONE, FAILED = b"done", b"failed"  # a helper's answers

PATIENCE = 0.002  # seconds to poll before going to sleep: to wake up again takes some 0.1 ms


def check_available(processes: int) -> None:
    """Raise ValueError for more than one process where they cannot be forked."""
    if processes > 1 and (where := obstacle()):
        raise ValueError(f"processes must be 1 {where}, not {processes}: take threads")


def obstacle() -> str | None:
    """Return where we are, if no processes can be forked there."""
    if sys.platform != "linux":  # Windows has no fork; Apple's frameworks may crash in a forked process
        return "outside of Linux"
    if multiprocessing.current_process().daemon:
        return "in a daemonic process, as a Pool's are"
    return None


class Processes(Engine):
    """This process and its helpers, which compute the shards of one batch after another.

    function  takes a shard and a memory, and returns a BatchResult
    items     takes the number of a batch and returns its shards; no batch has more than batch 0
    weights   what changes between two batches; all else that `function` and `items` read is, in a helper, as
              it was when the helper was forked
    like      a BatchResult with arrays of the shapes and dtypes of the results
    """

    def __init__(
        self, processes: int, function: Function, items: Items, weights: list[Array], like: BatchResult
    ) -> None:
        super().__init__(function, items)
        most = len(items(0))
        self._processes = min(processes, most)
        self._weights = weights
        self._shared_weights = _shared_like(weights)
        self._shared_results = [_shared_like(like.arrays) for _ in range(most)]
        self._helpers: list[_Helper] = []
        self._memory: Memory = {}  # of this process; a helper's begins as a copy
        self._blas = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._blas.enter_context(single_threaded_blas())
            with interrupt_deferred():
                for number in range(1, self._processes):
                    self._helpers.append(_Helper(partial(self._compute_share, number)))
        except BaseException:  # Ctrl-C, or no memory for one more: those that are there already must go
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with self._blas, interrupt_deferred():
            for helper in self._helpers:
                helper.kill()
            while self._helpers:
                self._helpers.pop().close()

    def map(self, batch: int = 0) -> list[BatchResult]:
        """Return the results of the batch's shards, in their order; they last until the next call.

        Shard k is computed by process k modulo their number; this one is 0. Raises OSError where a helper is
        gone. After an exception the engine is of no use any more.
        """
        own, *others = self._shares(batch)
        asked = [(helper, share) for helper, share in zip(self._helpers, others, strict=True) if share]
        _copy(self._weights, to=self._shared_weights)
        for helper, _ in asked:
            helper.ask(batch)
        results = self._computed(own)
        for helper, share in asked:
            if helper.wait():
                results |= {number: BatchResult.of(self._shared_results[number]) for number in share}
            else:  # it raised something: most likely it will here too, and the traceback shows where
                results |= self._computed(share)
        return [results[number] for number in range(len(results))]

    def _shares(self, batch: int) -> list[Share]:
        """Return the share of each process."""
        numbered = list(enumerate(self.items(batch)))
        return [dict(numbered[first :: self._processes]) for first in range(self._processes)]

    def _computed(self, share: Share) -> Results:
        return {number: self.function(item, self._memory) for number, item in share.items()}

    def _compute_share(self, process: int, batch: int) -> None:
        """In a helper, `process`: leave the results of its share of this batch in the shared memory."""
        _copy(self._shared_weights, to=self._weights)
        for number, result in self._computed(self._shares(batch)[process]).items():
            _copy(result.arrays, to=self._shared_results[number])


class _Helper:
    """A process forked from this one, and our end of the pipe to it."""

    def __init__(self, compute: Callable[[int], None]) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(compute, theirs, self._ours), daemon=True)
        try:
            with warnings.catch_warnings():
                # Python 3.12 advises against a fork beside threads, whose locks a helper does not use.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._process.start()
        except BaseException:
            self._ours.close()  # a helper that has begun notices, and ends
            raise
        finally:
            theirs.close()

    def ask(self, batch: int) -> None:
        """Have it compute its share of this batch."""
        with self._gone_is_an_error():
            self._ours.send_bytes(str(batch).encode())

    def wait(self) -> bool:
        """Wait until it has computed its share; return False where it raised an exception instead."""
        with self._gone_is_an_error():
            return _receive(self._ours) == DONE

    def kill(self) -> None:
        self._process.kill()  # it has given all that it had to give

    def close(self) -> None:
        self._process.join()
        self._process.close()
        self._ours.close()

    @contextmanager
    def _gone_is_an_error(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            self._process.join(timeout=1)
            raise OSError(
                f"a process that computed part of a batch has ended (exit code {self._process.exitcode}), "
                "perhaps for want of memory: take processes=1"
            ) from error


def _serve(compute: Callable[[int], None], ours: Connection, theirs: Connection) -> None:
    """Live as a helper: answer until the process that asks is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all processes, perhaps; one handles it
        signal.signal(number, signal.SIG_IGN)
    theirs.close()
    # A share that warns is given up: the process that asked computes it again, and the warning is seen there.
    warnings.simplefilter("error", append=True)
    with suppress(EOFError, OSError):
        while True:
            batch = int(_receive(ours))
            try:
                compute(batch)
            except BaseException:
                ours.send_bytes(FAILED)
            else:
                ours.send_bytes(DONE)


def _receive(connection: Connection) -> bytes:
    """Return what comes next, polling for a while before going to sleep.

    Messages are bytes: objects would be pickled, which takes longer than all the rest of it.
    """
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    until = time.perf_counter() + PATIENCE
    while not waiting.poll(0) and time.perf_counter() < until:
        os.sched_yield()
    return connection.recv_bytes()


def _shared_like(arrays: list[Array]) -> list[Array]:
    """Return new arrays of these shapes and dtypes, in memory that forked processes share."""
    return [np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype).reshape(array.shape) for array in arrays]


def _copy(arrays: list[Array], to: list[Array]) -> None:
    for array, target in zip(arrays, to, strict=True):
        target[...] = array
