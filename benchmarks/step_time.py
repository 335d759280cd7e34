"""Milliseconds for a training step: scratch_rnn beside Keras, PyTorch and JAX, on all cores.

128 units and Dense(10), batches of 128 digits of 28 rows, RMSprop, loss and accuracy kept, float32.
scratch_rnn takes part as a plain `fit` runs, on Linux on processes, and on threads. One more contestant makes
only the step's matrix products, in scratch_rnn's shapes, on threads: a floor for NumPy code.

    python benchmarks/step_time.py

prints the table, adds the run to results/step_time/ and draws docs/figures/step_time.png of all runs there.
About half an hour: a round is a whole epoch, so that what an epoch costs once, such as forking, counts as
much as in real training.
"""

from __future__ import annotations

import argparse
from typing import Any

import contestants as c
import drawing
from interleave import FIGURES, RESULTS, in_turn, milliseconds, write
from rich.console import Console
from rich.table import Table
from tables import PRODUCTS, PYTORCH, THREADS, step_times

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.commands.options import positive_int
from scratch_rnn.files import unused
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median, ratio, share
from scratch_rnn.style import save
from scratch_rnn.training.threads import available_cores


def main() -> None:
    """Measure, print the tables, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--cell", choices=[*CELLS, "all"], default="all", help="default: all")
    add("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    steps = c.STEPS_OF_AN_EPOCH
    add("--steps", type=positive_int, default=steps, help=f"in each round (default: an epoch, {steps})")
    arguments = parser.parse_args()
    results = {}
    for cell in CELLS if arguments.cell == "all" else [arguments.cell]:
        seconds = in_turn(
            entrants(c.Setting(cell=cell, steps=arguments.steps)), arguments.rounds, warm_up=2, title=cell
        )
        rounds = {name: milliseconds(values, arguments.steps) for name, values in seconds.items()}
        results[cell] = {"milliseconds": rounds}
        Console().print(as_table(cell, rounds))
    if arguments.cell == "all":
        write(unused(RESULTS / "step_time" / "run", ".json"), {"steps": arguments.steps, "cells": results})
        draw()


def entrants(setting: c.Setting) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return who takes part, by name."""
    return {
        SCRATCH: (c.scratch_rnn, {"setting": setting}),
        THREADS: (c.scratch_rnn, {"setting": setting.but(threads=available_cores())}),
        KERAS: (c.keras, {"setting": setting}),
        f"{KERAS} unrolled": (c.keras, {"setting": setting, "unroll": True}),
        f"{KERAS} jit_compile": (c.keras, {"setting": setting, "jit_compile": True}),
        PYTORCH: (c.pytorch, {"setting": setting}),
        "JAX": (c.jax, {"setting": setting}),
        PRODUCTS: (c.products, {"setting": setting}),
    }


def as_table(cell: str, rounds: dict[str, list[float]]) -> Table:
    """Return a row for each contestant, the fastest first; `rounds` are its milliseconds a step."""
    table = Table(title=f"{cell}: milliseconds a training step")
    ours = (SCRATCH, THREADS)
    for name in ("contestant", "median", "least", "most", *ours):
        table.add_column(name, justify="left" if name == "contestant" else "right")
    for name in sorted(rounds, key=lambda name: median(rounds[name])):
        times = [median(rounds[name]), min(rounds[name]), max(rounds[name])]
        compared = [compared_with(name, rounds, own) for own in ours]
        table.add_row(name, *(f"{time:.1f}" for time in times), *compared)
    return table


def compared_with(name: str, rounds: dict[str, list[float]], ours: str) -> str:
    """Return which part of a contestant's time ours is, or which share of the floor ours reaches."""
    if name == PRODUCTS:
        return f"{share(rounds[PRODUCTS], rounds[ours]):.0%} of this floor"
    return f"{ratio(rounds[ours], rounds[name]):.2f} of it"


def draw() -> None:
    """Draw every round of all runs as a point, and the medians as bars."""
    panels = {cell_class.__name__: step_times(cell) for cell, cell_class in CELLS.items()}
    save(drawing.contest(panels, "Milliseconds a training step"), FIGURES / "step_time.png")


if __name__ == "__main__":
    main()
