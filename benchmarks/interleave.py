"""Timing contestants in turn, each in a process of its own, so that a noisy machine is noisy for all of them.

A contestant is a function that prepares something and returns the work that is to be timed. Before the clock
starts all show first results of it, which have to be equal: who does other work is not timed. Every round
times each contestant once, in an order that changes from round to round; the first rounds warm up and do not
count. What is quoted are medians, and ratios of medians from one run: on a shared machine nothing else means
much.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.progress import track

from keras_reference.conditions import conditions
from scratch_rnn.data.mnist import Split, load_mnist
from scratch_rnn.files import atomic

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).parents[1] / "docs" / "figures"
PACKAGES = ("numpy", "tensorflow", "keras", "torch", "jax")
NOT_NEEDED = {"tensorflow", "keras", "torch", "jax", "jaxlib"}  # a contestant without its own is skipped
TOLERANCE = 1e-5  # relative, of first results in float32


@dataclass(frozen=True)
class Work:
    """What a contestant has prepared: `run` is timed, once a round.

    `first_results` gives numbers that all who do the same work agree on; None for the floor, which has none.
    """

    run: Callable[[], Any]
    first_results: Callable[[], Sequence[float]] | None = None


Prepare = Callable[..., Work]


class Contestant:
    """A process that prepares once and then times its work whenever it is asked to.

    `missing` names the package that it lacks, if it lacks one; `first_results` are those of its work. Raises
    RuntimeError, with the traceback, where the work fails.
    """

    def __init__(self, prepare: Prepare, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        # Not daemonic: such a process could not fork the helpers of scratch_rnn.
        self._process = context.Process(target=_serve, args=(other_end, prepare, options))
        self._process.start()
        other_end.close()
        self.missing: str | None = self._answer()
        self.first_results: Sequence[float] | None = None if self.missing else self._answer()

    def seconds(self) -> float:
        """Let it work once; return how long that took."""
        self._connection.send("work")
        return float(self._answer())

    def _answer(self) -> Any:
        answer = self._connection.recv()
        if isinstance(answer, Failure):
            raise RuntimeError(answer.traceback)
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()


@dataclass(frozen=True)
class Failure:
    """What went wrong in a contestant's process."""

    traceback: str


def _serve(connection: Connection, prepare: Prepare, options: Mapping[str, Any]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow's log; what matters goes through the connection
    try:
        work = prepare(**options)
        first_results = work.first_results() if work.first_results else None
        connection.send(None)  # nothing is missing
        connection.send(first_results)
        while connection.recv():
            connection.send(seconds_of(work.run))
    except EOFError:
        pass  # the other end is closed: all rounds are done
    except ModuleNotFoundError as error:
        connection.send(error.name if error.name in NOT_NEEDED else Failure(traceback.format_exc()))
    except Exception:
        connection.send(Failure(traceback.format_exc()))


def seconds_of(run: Callable[[], Any]) -> float:
    """Return how long it takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def in_turn(
    contestants: Mapping[str, tuple[Prepare, dict[str, Any]]],
    rounds: int,
    warm_up: int,
    title: str,
    alike: Iterable[Iterable[str]] | None = None,
) -> dict[str, list[float]]:
    """Return the seconds of each round for each contestant by name; those that lack a package are named.

    `alike` are the names of those that do the same work, group by group; without it all of them do. Raises
    ValueError, before anything is timed, where one's first results say that it does not.
    """
    with ExitStack() as stack:
        running = {}
        for name, (prepare, options) in contestants.items():
            contestant = stack.enter_context(closing(Contestant(prepare, **options)))
            if contestant.missing:
                print(f"{name}: skipped, {contestant.missing} is not installed")
            else:
                running[name] = contestant
        for group in [contestants] if alike is None else alike:
            check_same_work({name: running[name].first_results for name in group if name in running})
        return take_turns({name: each.seconds for name, each in running.items()}, rounds, warm_up, title)


def check_same_work(first_results: Mapping[str, Sequence[float] | None]) -> None:
    """Raise ValueError, naming the contestant and the numbers, where they are not those of the first one."""
    shown = [(name, results) for name, results in first_results.items() if results is not None]
    for name, results in shown[1:]:
        reference, expected = shown[0]
        if len(results) != len(expected):
            raise ValueError(
                f"{name} does other work than {reference}: it has {len(results)} first results, "
                f"{reference} has {len(expected)}"
            )
        for number, (ours, theirs) in enumerate(zip(results, expected, strict=True), start=1):
            if not math.isclose(ours, theirs, rel_tol=TOLERANCE):
                raise ValueError(
                    f"{name} does other work than {reference}: of its first results number {number} is "
                    f"{ours:.8g}, that of {reference} {theirs:.8g}"
                )


def take_turns(
    contestants: Mapping[str, Callable[[], float]], rounds: int, warm_up: int, title: str = ""
) -> dict[str, list[float]]:
    """Call each contestant once a round, in a new order each time; return what they gave, round by round.

    The first rounds, as many as `warm_up` says, come on top of `rounds` and are dropped.
    """
    given: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = random.Random(0).shuffle
    for number in track(range(warm_up + rounds), description=title):
        shuffle(order)
        for name in order:
            value = contestants[name]()
            if number >= warm_up:
                given[name].append(value)
    return given


def milliseconds(seconds: Sequence[float], times: int) -> list[float]:
    """Return each round's milliseconds for one of the steps, or repetitions, that it is made of."""
    return [1000 * value / times for value in seconds]


def result_file(text: str) -> Path:
    """Parse the path of a file to write, before hours of work go into it: its folder has to exist."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of {text!r} does not exist")
    return path


def digits(parser: argparse.ArgumentParser, data: str) -> tuple[Split, Split]:
    """Return what `load_mnist` does; end with one line where it cannot."""
    try:
        return load_mnist(data)
    except (OSError, ValueError) as error:
        parser.error(f"--data: {error}")


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the conditions and the measurements as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as unfinished:
        text = json.dumps(conditions(PACKAGES) | dict(content), indent=2)
        unfinished.write_text(f"{text}\n", encoding="utf-8")
    print(f"written to {path}")
