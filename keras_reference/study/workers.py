"""The engine of a study: an executor of concurrent.futures on this machine, of mpi4py.futures on many.

Each of its threads, or ranks, keeps a process of its own, in which its jobs run (worker.py), and only waits
for it. A thread cannot compute them itself: what a job sets, such as how many threads BLAS takes, Keras's
session and its random numbers, belongs to a whole process; nobody can end a thread at Ctrl-C; and where a job
takes too much memory the system ends the process, which is to cost that job alone.

concurrent.futures.ProcessPoolExecutor would not do either: one process that dies breaks all of it, and with
`max_tasks_per_child`, which it has from Python 3.11 on, it may hang
(github.com/python/cpython/issues/115634).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

from keras_reference.study.jobs import Job, Terms
from keras_reference.study.worker import Outcome, Worker
from scratch_rnn.training.threads import available_cores, interrupt_deferred, interrupt_ignored
from scratch_rnn.training.world import World, connect, refuse


class Engine:
    """Computes the jobs of a study by an executor, so many at a time."""

    def __init__(self, executor: Executor, workers: int) -> None:
        self.executor, self.workers = executor, workers

    def run(self, jobs: Sequence[Job], terms: Terms) -> Iterator[tuple[Job, Outcome]]:
        """Yield each job with what came of it, as they finish; they begin in their order."""
        futures = {self.executor.submit(_in_own_process, job, terms): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


_own = threading.local()  # .worker: the one of this thread, in which an executor calls what follows


def _in_own_process(job: Job, terms: Terms) -> Outcome:
    worker: Worker = _own.worker
    return worker.compute(job, terms)


@contextmanager
def engine(name: str, workers: int | None = None) -> Iterator[Engine | None]:
    """Provide the engine of that name, "processes" or "mpi"; None on a rank that computes, when all is done.

    When the block ends, jobs that are not done are ended, too.

    Args:
        name: "processes" of this machine, or "mpi" for those of all ranks but the first.
        workers: how many processes, None: one a core. Of an MPI run mpiexec decides it.

    Raises:
        ImportError: MPI is asked for and not installed.
        ValueError: it has no rank to compute, or is told how many workers to take.
    """
    if name == "processes":
        with _on_this_machine(workers or available_cores()) as found:
            yield found
        return
    if workers is not None:
        refuse(f"--workers {workers} is for this machine: with --engine mpi, mpiexec -n decides it")
    world = connect()
    if world.size < 2:
        raise ValueError(
            "--engine mpi takes two ranks or more, one of which hands out the jobs: start it with "
            "mpiexec -n N scratch-rnn study --engine mpi"
        )
    if world.rank > 0:
        _compute_on_this_rank(world)
        yield None
        return
    with _on_the_other_ranks(world) as found:
        yield found


@contextmanager
def _on_this_machine(workers: int) -> Iterator[Engine]:
    over = threading.Event()
    with ExitStack() as begun:

        def begin() -> None:
            _own.worker = begun.enter_context(closing(Worker(over.is_set)))

        with _ending(ThreadPoolExecutor(workers, initializer=begin), over.set) as executor:
            yield Engine(executor, workers)


@contextmanager
def _on_the_other_ranks(world: World) -> Iterator[Engine]:
    """On rank 0: provide the engine."""
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    ranks = MPICommExecutor(MPI.COMM_WORLD, root=0)
    with _ending(ranks, lambda: world.all_are_here().Wait()) as executor:
        yield Engine(executor, world.size - 1)


def _compute_on_this_rank(world: World) -> None:
    """On another rank: compute until the study is over; rank 0 alone hears what asks to end it."""
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    with interrupt_ignored(), world.together():
        over = world.all_are_here()
        with closing(Worker(over.Test)) as _own.worker, MPICommExecutor(MPI.COMM_WORLD, root=0):
            pass  # it computes when it begins
        over.Wait()


@contextmanager
def _ending(context: AbstractContextManager[Any], tell: Callable[[], Any]) -> Iterator[Executor]:
    """Provide a context's executor; in the end call off what has not begun, and tell those that compute."""
    with ExitStack() as stack:
        with interrupt_deferred():
            executor = stack.enter_context(context)
            stack.callback(tell)
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        try:
            yield executor
        finally:
            with interrupt_ignored():  # a second Ctrl-C would hide what is said of the first
                stack.close()
