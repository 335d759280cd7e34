"""Milliseconds for a training step: scratch_rnn beside Keras, PyTorch and JAX, on all cores.

128 units and Dense(10), batches of 128 digits of 28 rows, RMSprop, loss and accuracy kept, float32.
scratch_rnn takes part on threads, its default, and, on Linux, on processes. One more contestant makes only
the step's matrix products, in scratch_rnn's shapes, on threads: a floor for NumPy code.

    python benchmarks/step_time.py

prints the table, writes results/step_time.json and draws docs/figures/step_time.png. About twenty minutes: a
round is a whole epoch, so that what an epoch costs once, such as forking, counts as much as in real training.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import contestants as c
import drawing
from interleave import FIGURES, RESULTS, in_turn, medians, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.style import save
from scratch_rnn.training.threads import available_cores

SCRATCH, PROCESSES = "scratch_rnn", "scratch_rnn, processes"
PRODUCTS, PYTORCH = "products alone", "PyTorch"
KERAS = ("Keras", "Keras unrolled", "Keras jit_compile")


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
        rounds = {
            name: [1000 * value / arguments.steps for value in values] for name, values in seconds.items()
        }
        results[cell] = {"milliseconds": rounds, "medians": medians(rounds), "ratios": ratios(rounds)}
        Console().print(as_table(cell, results[cell]))
    if arguments.cell == "all":
        write(RESULTS / "step_time.json", {"steps": arguments.steps, "cells": results})
        draw(results)


def entrants(setting: c.Setting) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return who takes part, by name."""
    scratch = {SCRATCH: (c.scratch_rnn, {"setting": setting})}
    if sys.platform == "linux":
        scratch[PROCESSES] = (c.scratch_rnn, {"setting": setting.but(processes=available_cores())})
    return scratch | {
        "Keras": (c.keras, {"setting": setting}),
        "Keras unrolled": (c.keras, {"setting": setting, "unroll": True}),
        "Keras jit_compile": (c.keras, {"setting": setting, "jit_compile": True}),
        PYTORCH: (c.pytorch, {"setting": setting}),
        "JAX": (c.jax, {"setting": setting}),
        PRODUCTS: (c.products, {"setting": setting}),
    }


def ratios(rounds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the medians of scratch_rnn, on threads and on processes, over that of each contestant.

    For the floor it is the other way round: the share of it that scratch_rnn reaches.
    """
    middle = medians(rounds)
    result = {}
    for ours in (name for name in (SCRATCH, PROCESSES) if name in middle):
        over = {name: middle[ours] / value for name, value in middle.items() if name != PRODUCTS}
        if keras := [over[name] for name in KERAS if name in over]:
            over["best Keras"] = max(keras)
        over["share of the floor"] = middle[PRODUCTS] / middle[ours]
        result[ours] = over
    return result


def as_table(cell: str, result: dict[str, Any]) -> Table:
    """Return a row for each contestant, the fastest first."""
    table = Table(title=f"{cell}: milliseconds a training step")
    for name in ("contestant", "median", "least", "most", *result["ratios"]):
        table.add_column(name, justify="left" if name == "contestant" else "right")
    all_over = result["ratios"].values()
    for name, median in sorted(result["medians"].items(), key=lambda item: item[1]):
        rounds = result["milliseconds"][name]
        if name == PRODUCTS:
            compared = [f"{over['share of the floor']:.0%} of this floor" for over in all_over]
        else:
            compared = [f"{over[name]:.2f} of it" for over in all_over]
        table.add_row(name, f"{median:.1f}", f"{min(rounds):.1f}", f"{max(rounds):.1f}", *compared)
    return table


def draw(results: dict[str, Any]) -> None:
    """Draw every round as a point, and the medians as bars."""
    panels = {CELLS[cell].__name__: result["milliseconds"] for cell, result in results.items()}
    save(drawing.contest(panels, "Milliseconds a training step"), FIGURES / "step_time.png")


if __name__ == "__main__":
    main()
