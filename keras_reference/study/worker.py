"""A process that computes jobs for the thread that keeps it, and can be ended when they are not wanted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from keras_reference.study.jobs import Job, Terms, run_job

JOBS_OF_A_PROCESS = 5  # for Keras keeps about 150 MB of each
PAUSE = 0.1  # seconds between two looks whether the study is over
GRACE = 5.0  # seconds that a process which has closed its pipe may take to end
# What the libraries below Keras ask for the number of their threads, when a job imports them.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Failed:
    """What comes of a job that has failed: the reason, in one line."""

    reason: str


Outcome = dict[str, Any] | Failed


class Worker:
    """A process that computes one job after the other, and a new one after some of them.

    over  says whether the study has ended: then nobody wants what is still computed
    """

    _one_at_a_time = threading.Lock()  # multiprocessing asks for the ends of all children when it starts one

    def __init__(self, over: Callable[[], bool]) -> None:
        self._over = over
        self._process: Any = None
        self._pipe: Any = None
        self._left = 0

    def compute(self, job: Job, terms: Terms) -> Outcome:
        """Return what came of a job, after waiting for it; a process that dies costs this job alone."""
        try:
            if self._left == 0:
                self._renew()
            self._left -= 1
            self._pipe.send((job, terms))
            while not self._pipe.poll(PAUSE):
                if self._over():
                    self.close()
                    return Failed("the study has ended")
            outcome: Outcome = self._pipe.recv()
        except (EOFError, ConnectionError):  # the process has died
            return Failed(f"its process {self._death()}")
        except OSError as error:
            return Failed(f"this system gives no process to compute it: {error}")
        return outcome

    def close(self) -> None:
        """End the process at once, whatever it does: it writes nothing."""
        self._left = 0
        if self._process is not None:
            with self._one_at_a_time:
                self._process.kill()
                self._process.join()
            self._pipe.close()
            self._process = None

    def _renew(self) -> None:
        self.close()
        context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of threads
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with theirs, _deaf_to_ctrl_c(), self._one_at_a_time:
            process.start()
        self._process, self._left = process, JOBS_OF_A_PROCESS

    def _death(self) -> str:
        """Return how the process has died, and be ready to begin another."""
        with self._one_at_a_time:
            self._process.join(GRACE)
            status = self._process.exitcode
        self.close()
        if status is None or status >= 0:
            return f"ended with status {status}"
        name = signal.Signals(-status).name
        return f"was ended by {name}" + (": is there enough memory?" if name == "SIGKILL" else "")


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
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


# ---------------------------------------------------------------- in the process


def _serve(pipe: Connection) -> None:
    """Compute jobs until the parent has no more of them, or is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an MPI rank, which ignores it, would pass that on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in THREADS:
        os.environ[name] = "1"
    warnings.simplefilter("ignore")  # the parent has loaded the same digits, and shown what there is to show
    with suppress(EOFError, ConnectionError):
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
