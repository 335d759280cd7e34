"""The command line: scratch-rnn, or python -m scratch_rnn."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from typing import Any, NoReturn, TextIO


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to read on, and exit with 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")


def build_parser() -> Parser:
    """Return the parser of all commands, those of other packages included.

    What takes time to import is imported in here: `main` answers Ctrl-C meanwhile.
    """
    from importlib.metadata import entry_points, version

    from scratch_rnn.commands import exercise, gradcheck, inspect, predict, train

    parser = Parser(
        prog="scratch-rnn",
        description="Train NumPy recurrent networks with hand-written backpropagation through time on MNIST.",
    )
    parser.add_argument("--version", action="version", version=f"scratch-rnn {version('scratch_rnn')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for point in entry_points(group="scratch_rnn.commands"):
        point.load()(commands)
    train.add_command(commands)
    predict.add_command(commands)
    inspect.add_command(commands)
    gradcheck.add_command(commands)
    exercise.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 where a check failed, 2 for bad input, 130 after Ctrl-C."""
    try:
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's: the loss tells if a training diverges
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?" instead
        with ending_as_by_ctrl_c(), redirect_stdout(sys.stdout and Patient(sys.stdout)):
            status = int(run(parsed(argv)) or 0)
            if sys.stdout:  # None where the caller has closed it
                sys.stdout.flush()
            return status
    except KeyboardInterrupt as interruption:
        print(f"\nscratch-rnn: {str(interruption) or 'interrupted: nothing was saved'}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError, MemoryError, Warning) as error:
        print(f"scratch-rnn: {_one_line(error)}", file=sys.stderr)
        return 2


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments. Of several of us that mpiexec has started one alone says what is wrong there."""
    from scratch_rnn.training.world import started_as_helper

    if not started_as_helper():
        return build_parser().parse_args(argv)
    with redirect_stdout(io.StringIO()) as nobody_reads, redirect_stderr(nobody_reads):
        return build_parser().parse_args(argv)


def run(arguments: argparse.Namespace) -> Any:
    """Run a command; on several of MPI's ranks it is rank 0 that runs it, and the others help."""
    from scratch_rnn.training.world import check_alone

    if getattr(arguments, "engine", None) == "mpi":
        from scratch_rnn.training.company import run_on_rank_0

        return run_on_rank_0(partial(arguments.run, arguments))
    if getattr(arguments, "jobs_on", None) != "mpi":  # a study hands out whole trainings
        shares = hasattr(arguments, "engine") or hasattr(arguments, "jobs_on")
        check_alone("add --engine mpi, and they share it" if shares else "start it without mpiexec")
    return arguments.run(arguments)


class Patient:
    """A stream that goes on where its reader, such as `head`, has gone: the work does not end with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or do nothing where nobody reads."""
        with self._nobody_may_read():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, or do nothing where nobody reads."""
        with self._nobody_may_read():
            self._stream.flush()

    @contextmanager
    def _nobody_may_read(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def ending_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, with which systems ask a program to end, do what Ctrl-C does: what there is is saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory: take fewer units or rows"
    return " ".join(str(error).split())


def _show_warning(message: Any, category: type[Warning], *details: Any) -> None:
    """Show a warning so that nobody can overlook it, and without the line of code that raised it."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    Console(stderr=True).print(Panel(Text(str(message)), title=category.__name__, border_style="bold yellow"))
