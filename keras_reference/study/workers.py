"""The processes that work through the jobs of a study: as many of this machine, or those of an MPI run.

Each process has one thread. It ends after some jobs, because Keras keeps about 150 MB of each, and one that
the system ends, for want of memory, costs its job alone. concurrent.futures.ProcessPoolExecutor can do
neither on every Python: it has `max_tasks_per_child` from 3.11 on and may hang with it
(github.com/python/cpython/issues/115634), and one process that dies breaks all of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from keras_reference.study.jobs import Job, Terms, run_job
from scratch_rnn.training.threads import interrupt_deferred

JOBS_OF_A_PROCESS = 5
# What the libraries below Keras ask for the number of their threads, when a job imports them.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Failed:
    """What comes of a job that has failed: the reason, in one line."""

    reason: str


Outcome = dict[str, Any] | Failed


class Engine:
    """What a study asks of those who compute its jobs.

    workers  how many jobs it computes at a time
    """

    workers = 1

    def run(self, jobs: Sequence[Job], terms: Terms) -> Iterator[tuple[Job, Outcome]]:
        """Yield each job with what came of it, as they finish; whoever stops asking stops the work."""
        raise NotImplementedError


# ---------------------------------------------------------------- one process


class Worker:
    """A process that computes one job after the other, and a new one after some of them."""

    def __init__(self) -> None:
        self._process: Any = None
        self.pipe: Any = None
        self._left = 0

    def begin(self, job: Job, terms: Terms) -> Connection:
        """Hand over a job; return the pipe through which its outcome comes."""
        if self._left == 0:
            self.end()
            self._start()
        self._left -= 1
        with suppress(BrokenPipeError):  # the process has died: `outcome` says so
            self.pipe.send((job, terms))
        return self.pipe

    def outcome(self) -> Outcome:
        """Return what came of the job that was begun, after waiting for it."""
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            self._left = 0
            return Failed(f"its process ended with {self._process.exitcode}: is there enough memory?")

    def end(self) -> None:
        """End the process at once, whatever it does: it writes nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.pipe.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of threads
        self.pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with interrupt_deferred(), deaf_to_ctrl_c():
            process.start()
            self._process = process
        theirs.close()
        self._left = JOBS_OF_A_PROCESS


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Let a process that begins meanwhile never hear Ctrl-C, which a terminal sends to all."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else the first process has it begin, and that unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """Compute jobs until the parent has no more of them, or is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in THREADS:
        os.environ[name] = "1"
    warnings.simplefilter("ignore")  # the parent has loaded the same digits, and shown what there is to show
    with suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send(attempt(*pipe.recv()))


def _end_with_parent() -> None:
    """End this process with its parent, even where that is killed: nobody would have the result."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def attempt(job: Job, terms: Terms) -> Outcome:
    """Return what came of a job, also where it fails."""
    try:
        return run_job(job, terms)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {' '.join(str(error).split())}")


# ---------------------------------------------------------------- this machine


class Processes(Engine):
    """So many processes of this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, jobs: Sequence[Job], terms: Terms) -> Iterator[tuple[Job, Outcome]]:
        left, idle = deque(jobs), [Worker() for _ in range(min(self.workers, len(jobs)))]
        workers, busy = list(idle), dict[Any, tuple[Worker, Job]]()
        try:
            while left or busy:
                while left and idle:
                    worker, job = idle.pop(), left.popleft()
                    busy[worker.begin(job, terms)] = worker, job
                for pipe in wait(list(busy)):
                    worker, job = busy.pop(pipe)
                    idle.append(worker)
                    yield job, worker.outcome()
        finally:
            for worker in workers:
                worker.end()


# ---------------------------------------------------------------- MPI


class Ranks(Engine):
    """The ranks of an MPI run beside the first, each with a process that computes: mpi4py.futures."""

    def __init__(self, executor: Any, workers: int) -> None:
        self.executor, self.workers = executor, workers

    def run(self, jobs: Sequence[Job], terms: Terms) -> Iterator[tuple[Job, Outcome]]:
        from concurrent.futures import as_completed

        futures = {self.executor.submit(_in_own_process, job, terms): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            self.executor.shutdown(wait=False, cancel_futures=True)


_worker = Worker()  # of this rank


def _in_own_process(job: Job, terms: Terms) -> Outcome:
    _worker.begin(job, terms)
    return _worker.outcome()


@contextmanager
def engine(name: str, workers: int) -> Iterator[Engine | None]:
    """Provide the engine of that name, "processes" or "mpi"; None on a rank that only computes, afterwards.

    `workers` is the number of processes; of an MPI run mpiexec decides it. Raises ModuleNotFoundError where
    mpi4py is missing, ValueError where there is no rank to compute.
    """
    if name == "processes":
        yield Processes(workers)
        return
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPICommExecutor
    except ImportError as error:
        raise ModuleNotFoundError(
            f'--engine mpi needs mpi4py ({error}): pip install "scratch_rnn[mpi]"', name=error.name
        ) from error
    ranks = MPI.COMM_WORLD.Get_size()
    if ranks < 2:
        raise ValueError(
            "--engine mpi takes two ranks or more, one of which hands out the jobs: start it with "
            "mpiexec -n N scratch-rnn study --engine mpi"
        )
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:  # the other ranks compute in here
        yield None if executor is None else Ranks(executor, ranks - 1)
