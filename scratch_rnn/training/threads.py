"""Threads over the items of a batch.

NumPy releases the interpreter's lock inside products and large element-wise operations, so shards of one
batch run side by side on plain threads. BLAS is held to one thread meanwhile: its own threads would fight
with ours.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from scratch_rnn.training.shards import Engine, Function, Items, Memory

if TYPE_CHECKING:
    from typing_extensions import Self

Item = TypeVar("Item")


class Threads(Engine):
    """That many threads, the calling one included, with BLAS held to one thread each meanwhile."""

    def __init__(self, threads: int, function: Function, items: Items) -> None:
        super().__init__(function, items)
        self._memories: list[Memory] = [{} for _ in range(threads)]
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # after Ctrl-C in here all is put back
            stack.enter_context(single_threaded_blas())
            if len(self._memories) > 1:
                self._pool = stack.enter_context(ThreadPoolExecutor(len(self._memories) - 1))
                stack.enter_context(short_switch_interval())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def map(self, batch: int = 0) -> list[Any]:
        """Return the results of the batch's items, in their order.

        The calling thread works too: the weights that it has just updated are in its core's cache.
        """
        left = deque(enumerate(self.items(batch)))
        results: list[Any] = [None] * len(left)
        own, *others = self._memories[: max(1, len(left))]
        helpers = [self._begin(left, results, other) for other in others]
        self._work(left, results, own)
        for helper in helpers:
            helper.result()
        return results

    def _begin(self, left: deque[tuple[int, Any]], results: list[Any], memory: Memory) -> Future[None]:
        """Have one more thread work; raise OSError where the system has none to give."""
        assert self._pool is not None
        try:
            return self._pool.submit(self._work, left, results, memory)
        except RuntimeError as error:
            left.clear()  # those that have begun end
            raise OSError(
                f"this system gives no {len(self._memories)} threads ({error}): take fewer with threads=..."
            ) from error

    def _work(self, left: deque[tuple[int, Any]], results: list[Any], memory: Memory) -> None:
        """Compute one item after the other until none is left."""
        try:
            for number, item in _taken_from(left):
                results[number] = self.function(item, memory)
        finally:
            left.clear()  # after an error or Ctrl-C nobody needs the others


def _taken_from(items: deque[Item]) -> Iterator[Item]:
    """Take one item after the other until none is left; several threads may do so at once."""
    with suppress(IndexError):
        while True:
            yield items.popleft()


def single_threaded_blas() -> Any:
    """Return the context in which NumPy's products run on the thread that asks for them alone."""
    return _controller().limit(limits=1, user_api="blas")


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Let a thread that waits for the interpreter's lock ask again at once, in place of sleeping.

    The lock is free again in microseconds, but to wake a sleeping thread takes tens of them.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@contextmanager
def interrupt_deferred() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the end: in a finalizer, or a function that C calls back, they would
    be lost; between two messages of several processes, one would wait for another for ever."""
    if threading.current_thread() is not threading.main_thread():  # where they are never raised
        yield
        return
    received: list[int] = []
    numbers = signal.SIGINT, signal.SIGTERM
    before = [(number, signal.signal(number, lambda n, _: received.append(n))) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


@contextmanager
def interrupt_ignored() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM: on ranks whose rank 0 hears them too, and where the work ends already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    with interrupt_deferred():  # it looks for libraries in such a function
        return ThreadpoolController()
