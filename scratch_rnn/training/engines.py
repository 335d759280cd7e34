"""Which engine computes an epoch: as the user says; where that is left open, processes if safe and faster."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterable
from typing import Any

from scratch_rnn.layers.activations import Activation
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training.callbacks import Callback, listens
from scratch_rnn.training.processes import check_available, obstacle
from scratch_rnn.training.shards import Batches
from scratch_rnn.training.threads import available_cores
from scratch_rnn.training.world import connect

ENGINES = ("threads", "processes", "mpi")

WORTH_A_FORK = 16  # batches: an epoch of fewer gains less than the time that it takes to fork


def workers(engine: str | None, threads: int | None, processes: int | None) -> tuple[int, int | None]:
    """Return on how many threads, and on how many processes, None: as `fit` finds it best, to compute.

    Raises ValueError for an engine that does not exist or cannot be had here, for a number that is out of
    range and for one that belongs to another engine; ImportError where MPI is not installed.
    """
    if engine not in (None, *ENGINES):
        raise ValueError(f"unknown engine {engine!r}: use one of {', '.join(ENGINES)}")
    if processes is not None:
        processes = positive_integer(processes, "processes")
        if processes > 1 and engine in ("threads", "mpi"):
            raise ValueError(f"processes={processes} is not for engine={engine!r}: leave one of them out")
    elif engine == "processes":
        processes = available_cores()
    elif engine is not None or threads is not None:
        processes = 1
    check_available(processes or 1)
    if engine == "mpi":
        connect()
    if threads is None:
        return 1 if engine == "mpi" else available_cores(), processes
    return positive_integer(threads, "threads"), processes


def processes_for(batches: Batches, parts: Iterable[Any], callbacks: Iterable[Callback]) -> int:
    """Return on how many processes to compute these batches; 1 means threads.

    parts      the layers, the loss, the metrics and the optimizer. One that is not the library's own may keep
               a state, which no process would see of another
    callbacks  one that changes more than weights between two batches would change it in one process alone
    """
    safe = (
        obstacle() is None
        and threading.current_thread() is threading.main_thread()
        and has_a_lock()
        and not jax_computes()
        and all(map(is_of_the_library, parts))
        and not any(getattr(part, "stateful", False) for part in parts)
        and all(map(changes_weights_at_most, callbacks))
    )
    return min(available_cores(), len(batches.shards(0))) if safe and len(batches) >= WORTH_A_FORK else 1


def has_a_lock() -> bool:
    """Return whether the threads of this Python wait for each other; where not, they are as fast."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def jax_computes() -> bool:
    """Return whether JAX has begun to compute in this process: from then on it warns of every fork.

    Keras loads it where it is installed, and that alone does no harm.
    """
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(getattr(bridge, "backends_are_initialized", lambda: True)())


def is_of_the_library(part: Any) -> bool:
    """Return whether scratch_rnn defines an object or a function, and all layers and activations in it."""
    layers = getattr(part, "layers", [])
    inside = (value for value in getattr(part, "__dict__", {}).values() if isinstance(value, Activation))
    defined = part if inspect.isfunction(part) else type(part)
    return _package(defined) == _package(Callback) and all(map(is_of_the_library, [*layers, *inside]))


def changes_weights_at_most(callback: Callback) -> bool:
    """Return whether a callback has no hooks between batches, or says so."""
    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    return callback.weights_at_most or not listens(callback, *hooks)


def in_words(threads: int, processes: int) -> str:
    """Return what shares the work: 2 processes, 1 thread."""
    if processes > 1:
        return f"{processes} processes"
    return "1 thread" if threads == 1 else f"{threads} threads"


def _package(defined: Any) -> str:
    return str(defined.__module__).partition(".")[0]
