"""Milliseconds for a training step on one, two and more of MPI's ranks, on one machine.

LSTM(128) and Dense(10), batches of 128 digits, where nothing else is said; RMSprop, float32. Each number of
ranks is a program of its own, started once; they train in turn, and those that wait sleep. A round is an
epoch whose data all ranks have, as all epochs of a `fit` but the first are.

    python benchmarks/ranks.py

prints the table and writes results/ranks.json. About a minute. More ranks than cores wait for each other.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import contestants as c
from interleave import RESULTS, milliseconds, take_turns, write
from terminal import show

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.training.company import run_on_rank_0
from scratch_rnn.training.threads import available_cores

Times = dict[str, list[float]]

SIZES = ("units", "time", "batch", "steps")  # of a setting, each with an option


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--cell", choices=list(CELLS), default="lstm", help="(default: lstm)")
    add("--units", type=positive_int, default=128, help="of it (default: 128)")
    add("--time", type=positive_int, default=28, help="rows of each digit (default: 28)")
    add("--batch", type=positive_int, default=128, help="digits in a batch (default: 128)")
    add("--rounds", type=positive_int, default=15, help="that count (default: 15)")
    add("--steps", type=positive_int, default=40, help="in each round (default: 40)")
    add("--as-rank", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    setting = c.Setting(
        arguments.cell, arguments.units, arguments.batch, arguments.time, steps=arguments.steps
    )
    if arguments.as_rank:
        run_on_rank_0(lambda: answer(setting))
        return
    times = measured(setting, arguments.rounds)
    show(as_rows(times), "steps on MPI's ranks")
    said = {name: getattr(setting, name) for name in SIZES}
    write(RESULTS / "ranks.json", {"cell": setting.cell, **said, "milliseconds": times})


def measured(setting: c.Setting, rounds: int) -> Times:
    """Return the milliseconds of a step, round by round, on each number of ranks up to that of the cores."""
    with ExitStack() as stack:
        programs = {
            f"{ranks} rank{'s' * (ranks > 1)}": stack.enter_context(started(ranks, setting))
            for ranks in range(1, available_cores() + 1)
        }
        seconds = take_turns(programs, rounds, warm_up=1, title="ranks")
    return {name: milliseconds(values, setting.steps) for name, values in seconds.items()}


@contextmanager
def started(ranks: int, setting: c.Setting) -> Iterator[Callable[[], float]]:
    """Provide a program on so many ranks, which trains for an epoch when called and returns the seconds."""
    sizes = [f"--{name}={getattr(setting, name)}" for name in SIZES]
    options = ["--cell", setting.cell, *sizes, "--as-rank"]
    with program(ranks, [__file__, *options]) as ask:
        yield lambda: float(ask())


@contextmanager
def program(ranks: int, arguments: list[str]) -> Iterator[Callable[[], str]]:
    """Start a Python program on so many ranks, and end it; provide what asks it for a line.

    It raises RuntimeError where the program has ended by itself.
    """
    command = ["mpiexec", "-n", str(ranks), sys.executable, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask() -> str:
            with suppress(BrokenPipeError):  # it is gone: then there is no answer, either
                print("measure", file=asked, flush=True)
            if not (line := answers.readline()):
                raise RuntimeError(f"it has ended before its time: {' '.join(command)}")
            return line

        yield ask
        with suppress(BrokenPipeError):
            asked.close()


def answer(setting: c.Setting) -> None:
    """On rank 0: train whenever there is a line to read, and write how many seconds an epoch took."""
    recipe = Recipe(cell=setting.cell, units=setting.units)
    model = recipe.build_model((setting.time, setting.features), engine="mpi")
    x, y = c.rows(setting)
    for _ in sys.stdin:
        seconds = model.fit(x, y, batch_size=setting.batch, epochs=2, verbose=0).seconds
        print(seconds[-1], flush=True)


def as_rows(times: Times) -> list[list[str]]:
    """Return a head and a row for each number of ranks: how many times as fast as one in each round."""
    rows = [["", "ms a step, median", "times as fast as one rank", "least", "most"]]
    (_, alone), *_ = times.items()
    for name, values in times.items():
        ratios = [one / value for one, value in zip(alone, values, strict=True)]
        numbers = (median(ratios), min(ratios), max(ratios))
        rows.append([name, f"{median(values):.1f}", *(f"{number:.2f}" for number in numbers)])
    return rows


if __name__ == "__main__":
    main()
