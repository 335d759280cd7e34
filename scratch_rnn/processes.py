"""Processes over the shards of a batch in `fit`, in place of the threads of parallel.py.

The threads of one process wait for each other between any two operations, because they share Python's lock
(where Python is built with one). Processes share none. They are forked, so each begins as a copy of this one,
with its model and its data. For each batch only the weights go to them and their gradients come back, through
memory that all of them share. The shards are those of the threads and are added in the same order, so the
results are the same, bit for bit.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Numbered = list[tuple[int, Any]]  # items or results, each with the number of its item

PATIENCE = 0.002  # seconds to poll before going to sleep: to wake up again takes some 0.1 ms


def check_available(processes: int) -> None:
    """Raise ValueError for more than one process where they cannot be forked."""
    if processes == 1:
        return
    if sys.platform != "linux":  # Windows has no fork; Apple's frameworks may crash in a forked process
        raise ValueError(f"processes must be 1 outside of Linux, not {processes}: take threads")
    if multiprocessing.current_process().daemon:
        raise ValueError(f"processes must be 1 in a daemonic process, as a Pool's are, not {processes}")


class Team:
    """This process and its helpers, which map `function` over the shards of a batch.

    function  returns a dataclass whose list `gradients` holds an array like each of the weights
    weights   what changes between two batches; all else that `function` reads is, in a helper, as it was when
              the helper was forked
    most      how many items `map` will get, at most
    """

    def __init__(
        self, processes: int, function: Callable[[Any], Any], weights: list[Array], most: int
    ) -> None:
        self._processes = min(processes, most)
        self._function = function
        self._weights = weights
        self._shared_weights = _shared_like(weights)
        self._shared_gradients = [_shared_like(weights) for _ in range(most)]
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Team:
        try:
            with _interrupt_deferred():
                while len(self._helpers) < self._processes - 1:
                    self._helpers.append(_Helper(self._compute_share))
        except BaseException:  # Ctrl-C, or no memory for one more: those that are there already must go
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with _interrupt_deferred():
            for helper in self._helpers:
                helper.kill()
            while self._helpers:
                self._helpers.pop().close()

    def map(self, items: Sequence[Any]) -> list[Any]:
        """Return [function(item) for item in items]; their gradients last until the next call.

        Item k is computed by process k modulo their number; this one is 0. Raises OSError where a helper is
        gone. After an exception the team is of no use any more.
        """
        numbered = list(enumerate(items))
        own, *others = [numbered[k :: self._processes] for k in range(min(self._processes, len(items)))]
        _copy(self._weights, to=self._shared_weights)
        for helper, share in zip(self._helpers, others, strict=False):
            helper.ask(share)
        results = {number: self._function(item) for number, item in own}
        for helper, share in zip(self._helpers, others, strict=False):
            results |= self._results(helper, share)
        return [results[number] for number in range(len(items))]

    def _results(self, helper: _Helper, share: Numbered) -> dict[int, Any]:
        """Return the results of the helper, which has computed this share of the items."""
        answer = helper.answer()
        if answer is None:  # it raised something: most likely it will here too, and the traceback shows where
            return {number: self._function(item) for number, item in share}
        return {
            number: replace(result, gradients=self._shared_gradients[number]) for number, result in answer
        }

    def _compute_share(self, share: Numbered) -> Numbered:
        """In a helper: return the results of these items, their gradients left in the shared memory."""
        _copy(self._shared_weights, to=self._weights)
        results = [(number, self._function(item)) for number, item in share]
        for number, result in results:
            _copy(result.gradients, to=self._shared_gradients[number])
        return [(number, replace(result, gradients=[])) for number, result in results]


class _Helper:
    """A process forked from this one, and our end of the pipe to it."""

    def __init__(self, compute: Callable[[Numbered], Numbered]) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(compute, theirs, self._ours), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self._ours.close()  # a helper that has begun notices, and ends
            raise
        finally:
            theirs.close()

    def ask(self, share: Numbered) -> None:
        with self._gone_is_an_error():
            self._ours.send(share)

    def answer(self) -> Numbered | None:
        """Return what was asked for, or None where computing it raised an exception."""
        with self._gone_is_an_error():
            return _receive(self._ours)

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


def _serve(compute: Callable[[Numbered], Numbered], ours: Connection, theirs: Connection) -> None:
    """Live as a helper: answer until the process that asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is sent to all processes; one handles it
    theirs.close()
    # A share that warns is given up: the process that asked computes it again, and the warning is seen there.
    warnings.simplefilter("error", append=True)
    with suppress(EOFError, OSError):
        while True:
            share = _receive(ours)
            try:
                answer = compute(share)
            except BaseException:
                answer = None
            ours.send(answer)


def _receive(connection: Connection) -> Any:
    """Return what comes next, polling for a while before going to sleep."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    until = time.perf_counter() + PATIENCE
    while not waiting.poll(0) and time.perf_counter() < until:
        os.sched_yield()
    return connection.recv()


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Let Ctrl-C wait until the end: in one of the finalizers that run meanwhile it would be lost."""
    if threading.current_thread() is not threading.main_thread():  # where it is never raised
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if received:
            signal.raise_signal(signal.SIGINT)


def _shared_like(arrays: list[Array]) -> list[Array]:
    """Return new arrays of these shapes and dtypes, in memory that forked processes share."""
    return [np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype).reshape(array.shape) for array in arrays]


def _copy(arrays: list[Array], to: list[Array]) -> None:
    for array, target in zip(arrays, to, strict=True):
        target[...] = array
