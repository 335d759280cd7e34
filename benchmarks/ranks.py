"""Milliseconds for a training step on one, two and more of MPI's ranks, on one machine.

LSTM(128) and Dense(10), batches of 128 digits of 28 rows, RMSprop, float32. Each number of ranks is a program
of its own, started once; they train in turn, and those that wait sleep. A round is an epoch whose data all
ranks have, as all epochs of a `fit` but the first are.

    python benchmarks/ranks.py

prints the table and writes results/ranks.json. About two minutes. More ranks than cores wait for each other.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import contestants as c
from interleave import RESULTS, milliseconds, take_turns, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.training.company import run_on_rank_0
from scratch_rnn.training.threads import available_cores

Times = dict[str, list[float]]


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--cell", choices=list(CELLS), default="lstm", help="(default: lstm)")
    add("--rounds", type=positive_int, default=9, help="that count (default: 9)")
    add("--steps", type=positive_int, default=40, help="in each round (default: 40)")
    add("--as-rank", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    setting = c.Setting(cell=arguments.cell, steps=arguments.steps)
    if arguments.as_rank:
        run_on_rank_0(lambda: answer(setting))
        return
    times = measured(setting, arguments.rounds)
    Console().print(as_table(times))
    write(RESULTS / "ranks.json", {"cell": setting.cell, "steps": setting.steps, "milliseconds": times})


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
def started(ranks: int, setting: c.Setting) -> Iterator[Program]:
    """Provide a program on so many ranks, and end it."""
    options = ["--cell", setting.cell, "--steps", str(setting.steps), "--as-rank"]
    command = ["mpiexec", "-n", str(ranks), sys.executable, __file__, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Program(process.stdin, process.stdout)
        process.stdin.close()


class Program:
    """Another program, which trains for an epoch when it is asked to and answers with the seconds."""

    def __init__(self, asked: IO[str], answers: IO[str]) -> None:
        self.asked, self.answers = asked, answers

    def __call__(self) -> float:
        print("train", file=self.asked, flush=True)
        return float(self.answers.readline())


def answer(setting: c.Setting) -> None:
    """On rank 0: train whenever there is a line to read, and write how many seconds an epoch took."""
    recipe = Recipe(cell=setting.cell, units=setting.units)
    model = recipe.build_model((setting.time, setting.features), engine="mpi")
    x, y = c.rows(setting)
    for _ in sys.stdin:
        seconds = model.fit(x, y, batch_size=setting.batch, epochs=2, verbose=0).seconds
        print(seconds[-1], flush=True)


def as_table(times: Times) -> Table:
    """Return a row for each number of ranks: the median, and how many times as fast as one in each round."""
    table = Table(title="milliseconds a step on MPI's ranks")
    for name in ("", "median", "times one rank", "least", "most"):
        table.add_column(name, justify="right" if name else "left")
    (_, alone), *_ = times.items()
    for name, values in times.items():
        ratios = [one / value for one, value in zip(alone, values, strict=True)]
        numbers = (median(ratios), min(ratios), max(ratios))
        table.add_row(name, f"{median(values):.1f}", *(f"{number:.2f}" for number in numbers))
    return table


if __name__ == "__main__":
    main()
