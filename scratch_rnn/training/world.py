"""The processes that mpiexec has started, its ranks: rank 0 tells, the others hear. Needs mpi4py and an MPI.

MPI is started when somebody asks for it first, and ends with Python.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from scratch_rnn.arrays import Array

PATIENCE = 0.002  # seconds to poll before going to sleep, as in processes.py
PAUSE = 0.002  # seconds to sleep at most between two looks, and a twentieth of the time so far
ALIGNED = 64  # bytes, at a multiple of which each array begins
NOT_THERE = "the engine mpi needs mpi4py and an MPI: pip install 'scratch_rnn[mpi]'"
# Where a rank finds its number before MPI has begun: MPICH, Intel MPI and MS-MPI; Open MPI; Slurm.
NUMBERS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # likewise the number of all


class World:
    """All ranks, seen from one of them: number `rank` of `size`."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        self._ranks = mpi.COMM_WORLD.Dup()  # so that no other library's messages get in between
        self.rank: int = self._ranks.Get_rank()
        self.size: int = self._ranks.Get_size()

    def tell(self, message: Any) -> None:
        """On rank 0: have all others hear a message, any object that can be pickled."""
        text = np.frombuffer(pickle.dumps(message), np.uint8).copy()
        self.share(np.array([text.size], np.int64))
        self.share(text)

    def hear(self) -> Any:
        """Return what rank 0 tells."""
        size = np.empty(1, np.int64)
        self.share(size)
        text = np.empty(int(size[0]), np.uint8)
        self.share(text)
        return pickle.loads(text.tobytes())

    def share(self, array: Array) -> None:
        """Have a contiguous array hold on all ranks what it holds on rank 0; each passes it on to others."""
        self._wait(self._ranks.Ibcast(self._bytes(array), root=0))

    def send(self, array: Array, rank: int) -> None:
        """Send the contents of a contiguous array to a rank that receives them."""
        self._wait(self._ranks.Isend(self._bytes(array), dest=rank))

    def receive(self, array: Array, rank: int) -> None:
        """Fill a contiguous array with what a rank sends."""
        self._wait(self._ranks.Irecv(self._bytes(array), source=rank))

    def all_are_here(self) -> Any:
        """Return a request that is done when all ranks have asked for one; none has to wait meanwhile."""
        return self._ranks.Ibarrier()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What goes wrong within ends the program on all ranks: they depend on each other there."""
        try:
            yield
        except BaseException as error:
            self.end(error)

    def end(self, why: BaseException) -> NoReturn:
        """End the program on all ranks, with one line: this one cannot go on, and the others wait for it."""
        print(f"rank {self.rank} of {self.size}: {' '.join(str(why).split()) or repr(why)}", file=sys.stderr)
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPICH would say it once more
        self._ranks.Abort(2)
        raise SystemExit(2)  # never reached

    def _bytes(self, array: Array) -> list[Any]:
        return [array.reshape(-1).view(np.uint8), self._mpi.BYTE]

    def _wait(self, request: Any) -> None:
        """Wait, polling for a while before going to sleep: rank 0 may want all cores for something else."""
        began = time.perf_counter()
        while not request.Test():
            waited = time.perf_counter() - began
            if waited > PATIENCE:
                time.sleep(min(waited / 20, PAUSE))
            elif hasattr(os, "sched_yield"):
                os.sched_yield()


class Packed:
    """Arrays of given shapes and dtypes in one piece of memory, `buffer`, so that they travel together."""

    def __init__(self, like: list[Array]) -> None:
        starts = np.cumsum([0, *(-(-array.nbytes // ALIGNED) * ALIGNED for array in like)])
        self.buffer = np.zeros(int(starts[-1]), np.uint8)
        self.arrays = [
            self.buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
            for start, array in zip(starts, like, strict=False)
        ]

    def put(self, arrays: list[Array]) -> None:
        """Copy arrays of these shapes into it."""
        for target, array in zip(self.arrays, arrays, strict=True):
            target[...] = array


@lru_cache(maxsize=1)
def connect() -> World:
    """Return the world that this process is a part of; alone it is the only rank.

    Raises ImportError without mpi4py or without an MPI.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"{NOT_THERE} ({error})") from error
    return World(MPI)


def started_as_helper() -> bool:
    """Return whether mpiexec has started this process, as another rank than the first; MPI need not run."""
    return any(os.environ.get(name, "0") != "0" for name in NUMBERS)


def check_alone(advice: str) -> None:
    """Refuse to work, with that advice, where mpiexec has started several processes that would all do it."""
    sizes = (os.environ.get(name, "") for name in SIZES)
    if (processes := max(int(size) if size.isdecimal() else 1 for size in sizes)) > 1:
        refuse(f"mpiexec has started {processes} processes, each of which would do the whole work: {advice}")


def refuse(message: str) -> NoReturn:
    """Raise ValueError on one of the processes that mpiexec has started; the others end."""
    if started_as_helper():
        raise SystemExit(2)
    raise ValueError(message)
