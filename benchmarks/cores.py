"""Milliseconds for a training step on one core and on all, as threads and as processes: scratch_rnn alone.

128 units and Dense(10), batches of 128 digits of 28 rows, RMSprop, float32. Whether threads wait for each
other depends on Python: try one with the interpreter's lock and one that is built without it (3.14t).

    python benchmarks/cores.py

prints the table and writes results/cores/ and the version of Python. About five minutes.
"""

from __future__ import annotations

import argparse
import platform
import sys
import sysconfig

import contestants as c
from interleave import RESULTS, in_turn, medians, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import positive_int
from scratch_rnn.parallel import available_cores
from scratch_rnn.recipe import CELLS


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    steps = c.STEPS_OF_AN_EPOCH
    add("--steps", type=positive_int, default=steps, help=f"in each round (default: an epoch, {steps})")
    arguments = parser.parse_args()
    milliseconds = {}
    for cell in CELLS:
        settings = settings_of(cell, arguments.steps)
        entrants = {name: (c.scratch_rnn, {"setting": setting}) for name, setting in settings.items()}
        seconds = in_turn(entrants, arguments.rounds, warm_up=2, title=cell)
        milliseconds[cell] = {
            name: [1000 * value / arguments.steps for value in values] for name, values in seconds.items()
        }
    middle = {cell: medians(rounds) for cell, rounds in milliseconds.items()}
    table = Table(title=f"milliseconds a step, Python {python()}")
    for name in ("cell", *middle["lstm"]):
        table.add_column(name, justify="left" if name == "cell" else "right")
    for cell, values in middle.items():
        table.add_row(cell, *(f"{value:.1f}" for value in values.values()))
    Console().print(table)
    write(
        RESULTS / "cores" / f"{python().replace(' ', '-')}.json",
        {"name": python(), "milliseconds": milliseconds, "medians": middle},
    )


def settings_of(cell: str, steps: int) -> dict[str, c.Setting]:
    """Return what is compared, by name."""
    setting, cores = c.Setting(cell=cell, steps=steps), available_cores()
    settings = {"one thread": setting.but(threads=1), f"{cores} threads": setting.but(threads=cores)}
    if sys.platform == "linux":
        settings[f"{cores} processes"] = setting.but(processes=cores)
    return settings


def python() -> str:
    """Return the version of Python, and whether it is a build without the lock."""
    free = " free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return platform.python_version() + free


if __name__ == "__main__":
    main()
