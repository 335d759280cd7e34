"""Milliseconds for a training step on one core and on all: scratch_rnn on threads and processes, and Keras.

128 units and Dense(10), batches of 128 digits of 28 rows, RMSprop, float32. Whether scratch_rnn's threads
wait for each other depends on Python: try one with the interpreter's lock and one without it (3.14t).

    python benchmarks/cores.py

prints the table, writes results/cores/ and the version of Python, and draws docs/figures/cores.png of all
versions measured so far. About ten minutes.
"""

from __future__ import annotations

import argparse
import platform
import sys
import sysconfig
from typing import Any

import contestants as c
import drawing
from interleave import FIGURES, RESULTS, in_turn, milliseconds, write
from rich.console import Console
from rich.table import Table
from tables import runs_of

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import save
from scratch_rnn.training.threads import available_cores


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--rounds", type=positive_int, default=5, help="that count (default: 5)")
    steps = c.STEPS_OF_AN_EPOCH
    add("--steps", type=positive_int, default=steps, help=f"in each round (default: an epoch, {steps})")
    arguments = parser.parse_args()
    results = {}
    for cell in CELLS:
        contestants = entrants(c.Setting(cell=cell, steps=arguments.steps))
        seconds = in_turn(contestants, arguments.rounds, warm_up=1, title=cell)
        results[cell] = {name: milliseconds(values, arguments.steps) for name, values in seconds.items()}
    Console().print(as_table(results))
    write(
        RESULTS / "cores" / f"{python().replace(' ', '-')}.json",
        {"name": python(), "steps": arguments.steps, "milliseconds": results},
    )
    draw()


def entrants(setting: c.Setting) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return who takes part, by name."""
    cores = available_cores()
    settings = {"one thread": setting.but(threads=1), f"{cores} threads": setting.but(threads=cores)}
    processes = {f"{cores} processes": setting.but(processes=cores)} if sys.platform == "linux" else {}
    ours = {f"{SCRATCH}, {how}": (c.scratch_rnn, {"setting": s}) for how, s in (settings | processes).items()}
    return ours | {f"{KERAS}, {how}": (c.keras, {"setting": s}) for how, s in settings.items()}


def as_table(results: dict[str, dict[str, list[float]]]) -> Table:
    """Return a row for each contestant, a column for each cell: the medians."""
    table = Table(title=f"milliseconds a step, Python {python()}")
    for name in ("", *results):
        table.add_column(name, justify="right" if name else "left")
    for name in next(iter(results.values())):
        table.add_row(name, *(f"{median(rounds[name]):.1f}" for rounds in results.values()))
    return table


def draw() -> None:
    """Draw what each version of Python measured, every round as a point and the medians as bars."""
    panels = {
        cell_class.__name__: {
            f"{name} (Python {run['name']})": rounds
            for run in runs_of("cores")
            for name, rounds in run["milliseconds"][cell].items()
        }
        for cell, cell_class in CELLS.items()
    }
    save(drawing.contest(panels, "Milliseconds a step, on one core and on all"), FIGURES / "cores.png")


def python() -> str:
    """Return the version of Python, and whether it is a build without the lock."""
    free = " free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return platform.python_version() + free


if __name__ == "__main__":
    main()
