"""How the time of a training step grows with the sequence, units and batch, beside Keras.

LSTM and Dense(10), RMSprop, float32; what is not varied is 28 rows, 128 units, batches of 128, all cores.
Sequences longer than a digit are its rows over and over.

    python benchmarks/scaling.py

prints the tables, writes results/scaling.json and draws docs/figures/scaling.png. About ten minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import contestants as c
import drawing
from interleave import FIGURES, RESULTS, in_turn, milliseconds, write
from rich.console import Console
from rich.table import Table

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.commands.options import positive_int
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import save

LIBRARIES = {SCRATCH: c.scratch_rnn, KERAS: c.keras}
SIZES: dict[str, tuple[int, ...]] = {
    "time": (28, 56, 112, 224, 448, 784),
    "units": (32, 64, 128, 256, 512),
    "batch": (1, 8, 32, 64, 128, 256, 512, 1024),
}
TITLES = {"time": "timesteps T", "units": "units H", "batch": "batch B"}
WORK = 20 * 28 * 128**2 * 128  # timesteps, units², samples: about as much in every round
FEWEST_STEPS = 10  # of one fit, which begins by making its tapes: 0.5 MB a timestep, paid once


def main() -> None:
    """Measure, print the tables, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    rounds = parser.parse_args().rounds
    results = {axis: measured(axis, sizes, LIBRARIES, rounds) for axis, sizes in SIZES.items()}
    for axis, result in results.items():
        Console().print(as_table(axis, middle(result)))
    write(RESULTS / "scaling.json", {"axes": results})
    panels = {TITLES[axis]: middle(result) for axis, result in results.items()}
    rounds = {TITLES[axis]: result["milliseconds"] for axis, result in results.items()}
    title = "One training step of an LSTM: each round a dot, lines through the medians"
    save(drawing.scaling(panels, title, rounds), FIGURES / "scaling.png")


def measured(axis: str, sizes: tuple[int, ...], libraries: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return milliseconds a step for each library and size, every round."""
    settings = {size: setting(axis, size) for size in sizes}
    entrants = {
        f"{name} {size}": (prepare, {"setting": settings[size]})
        for name, prepare in libraries.items()
        for size in sizes
    }
    alike = [[f"{name} {size}" for name in libraries] for size in sizes]
    seconds = in_turn(entrants, rounds, warm_up=2, title=axis, alike=alike)
    times: dict[str, dict[int, list[float]]] = {
        name: {size: milliseconds(seconds[f"{name} {size}"], settings[size].steps) for size in sizes}
        for name in libraries
        if f"{name} {sizes[0]}" in seconds
    }
    return {"milliseconds": times}


def middle(result: dict[str, Any]) -> dict[str, dict[int, float]]:
    """Return the medians of what was measured for each library and size."""
    return {
        name: {size: median(rounds) for size, rounds in times.items()}
        for name, times in result["milliseconds"].items()
    }


def setting(axis: str, size: int) -> c.Setting:
    """Return the setting with that size, and steps enough to make every round about equally long."""
    chosen = c.Setting().but(**{axis: size})
    work = chosen.time * max(chosen.units, 32) ** 2 * max(chosen.batch, 16)
    return chosen.but(steps=int(min(200, max(FEWEST_STEPS, WORK // work))))


def as_table(axis: str, result: dict[str, dict[int, float]]) -> Table:
    """Return a row for each size, with the time for each timestep where those are what grows."""
    table = Table(title=f"milliseconds a step over {axis}")
    for name in (axis, *result, *(f"{name}, µs / T" for name in result if axis == "time")):
        table.add_column(name, justify="right")
    for size in next(iter(result.values())):
        times = [values[size] for values in result.values()]
        shares = [f"{1000 * value / size:.0f}" for value in times if axis == "time"]
        table.add_row(str(size), *(f"{value:.2f}" for value in times), *shares)
    return table


if __name__ == "__main__":
    main()
