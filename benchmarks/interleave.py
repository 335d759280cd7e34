"""Timing contestants in turn, each in a process of its own, so that a noisy machine is noisy for all of them.

A contestant is a function that prepares something and returns what is to be timed. Every round times each
contestant once, in an order that changes from round to round; the first rounds warm up and do not count. What
is quoted are medians, and ratios of medians from one run: on a shared machine nothing else means much.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.progress import track

from keras_reference.conditions import conditions
from scratch_rnn.data.mnist import Split, load_mnist

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).parents[1] / "docs" / "figures"
PACKAGES = ("numpy", "tensorflow", "keras", "torch", "jax")

Prepare = Callable[..., Callable[[], Any]]


class Contestant:
    """A process that prepares once and then times its work whenever it is asked to.

    `missing` names the package that it lacks, if it lacks one. Raises RuntimeError, with the traceback, where
    the work fails.
    """

    def __init__(self, prepare: Prepare, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        # Not daemonic: such a process could not fork the helpers of scratch_rnn.
        self._process = context.Process(target=_serve, args=(other_end, prepare, options))
        self._process.start()
        other_end.close()
        self.missing: str | None = self._answer()

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
        connection.send(None)
        while connection.recv():
            started = time.perf_counter()
            work()
            connection.send(time.perf_counter() - started)
    except ModuleNotFoundError as error:
        connection.send(error.name)
    except EOFError:
        pass  # the other end is closed: all rounds are done
    except Exception:
        connection.send(Failure(traceback.format_exc()))


def in_turn(
    contestants: Mapping[str, tuple[Prepare, dict[str, Any]]], rounds: int, warm_up: int, title: str
) -> dict[str, list[float]]:
    """Return the seconds of each round for each contestant by name; those that lack a package are named."""
    with ExitStack() as stack:
        running = {}
        for name, (prepare, options) in contestants.items():
            contestant = stack.enter_context(closing(Contestant(prepare, **options)))
            if contestant.missing:
                print(f"{name}: skipped, {contestant.missing} is not installed")
            else:
                running[name] = contestant
        seconds: dict[str, list[float]] = {name: [] for name in running}
        order = list(running)
        shuffle = random.Random(0).shuffle
        for number in track(range(warm_up + rounds), description=title):
            shuffle(order)
            for name in order:
                took = running[name].seconds()
                if number >= warm_up:
                    seconds[name].append(took)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each contestant's rounds."""
    return {name: statistics.median(values) for name, values in seconds.items()}


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
    """Write the conditions and the measurements as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(conditions(PACKAGES) | dict(content), indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")
