"""Threads over shards of a batch in `fit`, over whole batches in `evaluate` and `predict`.

NumPy releases the interpreter's lock inside products and large element-wise operations, so shards of one
batch run side by side on plain threads. BLAS is held to one thread meanwhile: its own threads would fight
with ours. The shards are cut by a fixed size, never by the number of threads, and their results are added in
a fixed order, so a run gives the same bits on one thread as on sixteen.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """What the shards of one call share: a `map` in the order of its items, and spare tapes."""

    def __init__(self, pool: ThreadPoolExecutor | None, helpers: int = 0) -> None:
        self._pool = pool
        self._helpers = helpers
        self._spare: list[Any] = []

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return [function(item) for item in items], computed on the calling thread and its helpers.

        The calling thread works too: the weights that it has just updated are in its core's cache.
        """
        left = deque(enumerate(items))
        count = len(left)
        results: dict[int, Result] = {}

        def work() -> None:
            try:
                for number, item in _taken_from(left):
                    results[number] = function(item)
            finally:
                left.clear()  # after an error or Ctrl-C nobody needs the others

        helpers = min(self._helpers, count - 1)
        pending = [self._pool.submit(work) for _ in range(helpers)] if self._pool else []
        work()
        for helper in pending:
            helper.result()
        return [results[number] for number in range(count)]

    @contextmanager
    def lend(self, new: Callable[[], Any]) -> Iterator[Any]:
        """Lend what only one shard at a time may use, such as its tapes; `new` makes the first ones."""
        try:
            lent = self._spare.pop()
        except IndexError:
            lent = new()
        yield lent
        self._spare.append(lent)


def _taken_from(items: deque[Item]) -> Iterator[Item]:
    """Take one item after the other until none is left; several threads may do so at once."""
    with suppress(IndexError):
        while True:
            yield items.popleft()


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Provide that many threads, the calling one included, with BLAS held to one thread each meanwhile."""
    with _controller().limit(limits=1, user_api="blas"):
        if threads == 1:
            yield Workers(None)
        else:
            with ThreadPoolExecutor(threads - 1) as pool, _impatient_threads():
                yield Workers(pool, threads - 1)


@contextmanager
def _impatient_threads() -> Iterator[None]:
    """Let a thread that waits for the interpreter's lock ask again at once, in place of sleeping.

    The lock is free again in microseconds, but to wake a sleeping thread takes tens of them.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
