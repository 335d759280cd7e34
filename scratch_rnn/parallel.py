"""Threads over shards of a batch in `fit`, over whole batches in `evaluate` and `predict`.

NumPy releases the interpreter's lock inside products and large element-wise operations, so shards of one
batch run side by side on plain threads. BLAS is held to one thread meanwhile: its own threads would fight
with ours. The shards are cut by a fixed size, never by the number of threads, and their results are added in
a fixed order, so a run gives the same bits on one thread as on sixteen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """What the shards of one call share: a `map` in the order of its items, and spare tapes."""

    def __init__(self, pool: ThreadPoolExecutor | None) -> None:
        self._pool = pool
        self._spare: list[Any] = []

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return [function(item) for item in items], computed on the threads."""
        return list(map(function, items) if self._pool is None else self._pool.map(function, items))

    @contextmanager
    def lend(self, new: Callable[[], Any]) -> Iterator[Any]:
        """Lend what only one shard at a time may use, such as its tapes; `new` makes the first ones."""
        try:
            lent = self._spare.pop()
        except IndexError:
            lent = new()
        yield lent
        self._spare.append(lent)


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Provide that many threads, with BLAS held to one thread each until the end."""
    with _controller().limit(limits=1, user_api="blas"):
        if threads == 1:
            yield Workers(None)
        else:
            with ThreadPoolExecutor(threads) as pool:
                yield Workers(pool)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
