"""Processes over the shards of a batch in `fit`, in place of the threads of parallel.py.

The threads of one process share Python's lock, and wait for each other between any two operations. Processes
share none. They are forked, so each begins as a copy of this one, with its model and its data. For each batch
only the weights go to them and their gradients come back, through memory that all of them share. Shards, and
the order in which their results are added, are those of the threads: so are the bits.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Numbered = list[tuple[int, Any]]  # items or results, each with the number of its item

PATIENCE = 0.002  # seconds to stay awake for an answer; a process that sleeps is late by a tenth of that


def check_available(processes: int) -> None:
    """Raise ValueError for more than one process where they cannot be forked."""
    if processes == 1:
        return
    if sys.platform != "linux":  # Windows has no fork, and what macOS itself runs on does not survive one
        raise ValueError(f"processes must be 1 outside of Linux, not {processes}: take threads")
    if multiprocessing.current_process().daemon:
        raise ValueError(f"processes must be 1 in a daemonic process, as a Pool's are, not {processes}")


class Team:
    """This process and its helpers, which map `function` over the shards of a batch, `most` at a time.

    function  returns a dataclass whose list `gradients` holds an array like each of the weights
    weights   what changes between two batches; all else that `function` reads is, in a helper, as it was when
              the helper was forked
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
            while len(self._helpers) < self._processes - 1:
                self._helpers.append(_Helper(self._help))
        except BaseException:  # Ctrl-C, or no memory for one more: those that are there already must go
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            helper.end()

    def map(self, items: Sequence[Any]) -> list[Any]:
        """Return [function(item) for item in items]; their gradients last until the next call.

        Item k is computed by process k modulo their number; this one is 0. Raises OSError where a helper is
        gone.
        """
        numbered = list(enumerate(items))
        busy = self._helpers[: len(items) - 1]
        _copy(self._weights, to=self._shared_weights)
        for first, helper in enumerate(busy, start=1):
            helper.ask(numbered[first :: self._processes])
        results = {number: self._function(item) for number, item in numbered[:: self._processes]}
        for first, helper in enumerate(busy, start=1):
            results |= self._results(helper, numbered[first :: self._processes])
        return [results[number] for number in range(len(items))]

    def _results(self, helper: _Helper, share: Numbered) -> dict[int, Any]:
        """Return the results of the helper, which has computed this share of the items."""
        answer = helper.answer()
        if answer is None:  # the function raised: it will here too, and its traceback shows where
            return {number: self._function(item) for number, item in share}
        return {
            number: replace(result, gradients=self._shared_gradients[number]) for number, result in answer
        }

    def _help(self, numbered: Numbered) -> Numbered:
        """In a helper: return the results of these items, without their gradients, which memory shares."""
        _copy(self._shared_weights, to=self._weights)
        results = [(number, self._function(item)) for number, item in numbered]
        for number, result in results:
            _copy(result.gradients, to=self._shared_gradients[number])
        return [(number, replace(result, gradients=[])) for number, result in results]


class _Helper:
    """A process forked from this one, and the pipe to it."""

    def __init__(self, compute: Callable[[Numbered], Numbered]) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(compute, other_end, self._connection), daemon=True
        )
        with _interrupt_blocked():
            self._process.start()
        other_end.close()

    def ask(self, numbered: Numbered) -> None:
        with self._gone_is_an_error():
            self._connection.send(numbered)

    def answer(self) -> Numbered | None:
        """Return what was asked for, or None where computing it raised an exception."""
        with self._gone_is_an_error():
            return _receive(self._connection)

    def end(self) -> None:
        self._process.kill()  # it has nothing that could be lost
        self._process.join()
        self._connection.close()

    @contextmanager
    def _gone_is_an_error(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            self._process.join()
            raise OSError(
                f"a process that computed part of a batch has ended (exit code {self._process.exitcode}), "
                "perhaps for want of memory: take processes=1"
            ) from error


def _serve(compute: Callable[[Numbered], Numbered], connection: Connection, other_end: Connection) -> None:
    """Live as a helper: answer until the process that asks is gone."""
    other_end.close()
    with suppress(EOFError, OSError):
        while True:
            numbered = _receive(connection)
            try:
                answer = compute(numbered)
            except Exception:
                answer = None
            connection.send(answer)


def _receive(connection: Connection) -> Any:
    """Return what comes next, having stayed awake for a while to see it come."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    until = time.perf_counter() + PATIENCE
    while not waiting.poll(0) and time.perf_counter() < until:
        os.sched_yield()
    return connection.recv()


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Keep Ctrl-C waiting, and from processes forked meanwhile for ever: a terminal sends it to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _shared_like(arrays: list[Array]) -> list[Array]:
    """Return new arrays of these shapes and dtypes, in memory that forked processes share."""
    return [np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype).reshape(array.shape) for array in arrays]


def _copy(arrays: list[Array], to: list[Array]) -> None:
    for array, target in zip(arrays, to, strict=True):
        target[...] = array
