"""Milliseconds for a training step: scratch_rnn beside Keras, PyTorch and JAX, on all cores.

128 units and Dense(10), batches of 128 digits of 28 rows, RMSprop, loss and accuracy kept, float32. One more
contestant makes only the step's matrix products, in scratch_rnn's shapes and threads: no NumPy code can be
faster than that floor.

    python benchmarks/step_time.py

prints the table, writes results/step_time.json and draws docs/figures/step_time.png. About eight minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import contestants as c
import drawing
from interleave import FIGURES, RESULTS, in_turn, medians, write
from rich.console import Console
from rich.table import Table

from scratch_rnn import figures
from scratch_rnn.commands.options import positive_int
from scratch_rnn.recipe import CELLS

SCRATCH, PRODUCTS, PYTORCH = "scratch_rnn", "products alone", "PyTorch"
KERAS = ("Keras", "Keras unrolled", "Keras jit_compile")


def main() -> None:
    """Measure, print the tables, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--cell", choices=[*CELLS, "all"], default="all", help="default: all")
    add("--rounds", type=positive_int, default=9, help="that count (default: 9)")
    add("--steps", type=positive_int, default=40, help="in each round (default: 40)")
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
    return {
        SCRATCH: (c.scratch_rnn, {"setting": setting}),
        "Keras": (c.keras, {"setting": setting}),
        "Keras unrolled": (c.keras, {"setting": setting, "unroll": True}),
        "Keras jit_compile": (c.keras, {"setting": setting, "jit_compile": True}),
        PYTORCH: (c.pytorch, {"setting": setting}),
        "JAX": (c.jax, {"setting": setting}),
        PRODUCTS: (c.products, {"setting": setting}),
    }


def ratios(rounds: dict[str, list[float]]) -> dict[str, float]:
    """Return scratch_rnn's median over that of each other; and its share of the floor."""
    middle = medians(rounds)
    result = {name: middle[SCRATCH] / value for name, value in middle.items() if name != PRODUCTS}
    if keras := [result[name] for name in KERAS if name in result]:
        result["best Keras"] = max(keras)
    result["share of the floor"] = middle[PRODUCTS] / middle[SCRATCH]
    return result


def as_table(cell: str, result: dict[str, Any]) -> Table:
    """Return a row for each contestant, the fastest first."""
    table = Table(title=f"{cell}: milliseconds a training step")
    for name in ("contestant", "median", "least", "most", "scratch_rnn is"):
        table.add_column(name, justify="left" if name == "contestant" else "right")
    for name, median in sorted(result["medians"].items(), key=lambda item: item[1]):
        rounds, ratio = result["milliseconds"][name], result["ratios"].get(name)
        share = f"{result['ratios']['share of the floor']:.0%} of this floor"
        table.add_row(
            name,
            f"{median:.1f}",
            f"{min(rounds):.1f}",
            f"{max(rounds):.1f}",
            share if ratio is None else f"{ratio:.2f} of it",
        )
    return table


def draw(results: dict[str, Any]) -> None:
    """Draw every round as a point, and the medians as bars."""
    panels = {CELLS[cell].__name__: result["milliseconds"] for cell, result in results.items()}
    figures.save(drawing.contest(panels, "Milliseconds a training step"), FIGURES / "step_time.png")


if __name__ == "__main__":
    main()
