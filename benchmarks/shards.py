"""What shards of fewer rows cost on one thread, and what a batch gains by them on more cores.

A shard is what one worker computes at a time. Its rows are fixed, because the results depend on them in the
last bit: smaller ones keep more cores busy, but each operation on them costs more a row. Steps on up to 16
workers are counted: the shards of the worker that has most of them, one after the other, and what only one
process does, the sum of the gradients, the optimizer and the weights' way to the helpers. Beside them stand
steps that were measured, on as many processes as this machine has cores for.

    python benchmarks/shards.py

prints the table, writes results/shards.json and draws docs/figures/shards.png. About six minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import contestants as c
import drawing
import numpy as np
from interleave import FIGURES, RESULTS, in_turn, milliseconds, take_turns, write
from terminal import show

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median, medians
from scratch_rnn.style import save
from scratch_rnn.training.shards import Batches, BatchResult, total
from scratch_rnn.training.threads import available_cores, single_threaded_blas

ROWS, WORKERS, BATCH = (8, 16, 32, 64), (1, 2, 4, 8, 16), 128
ALONE = ("sum of two gradients", "optimizer", "weights to the helpers")  # what is not divided
REPEATS = 10  # of a shard, in a round
STEPS = 60  # of training, in a round

Times = dict[str, list[float]]
Panels = dict[str, dict[str, dict[int, float]]]


def main() -> None:
    """Measure, count, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    rounds = parser.parse_args().rounds
    results, steps = {}, {}
    for cell in CELLS:
        results[cell] = measured(c.Setting(cell=cell), rounds)
        steps[cell] = measured_steps(c.Setting(cell=cell, steps=STEPS), rounds)
    show(as_rows(results), f"shards of a batch of {BATCH} on one thread, and a step counted from them")
    write(RESULTS / "shards.json", {"milliseconds": results, "steps": steps})
    save(drawing.workers(*panels(results, steps)), FIGURES / "shards.png")


def measured(setting: c.Setting, rounds: int) -> Times:
    """Return the milliseconds of a shard of each size, and of what is not divided, on one thread."""
    with single_threaded_blas():
        seconds = take_turns(work(setting), rounds, warm_up=2, title=f"{setting.cell}, shards")
    return {name: milliseconds(values, REPEATS) for name, values in seconds.items()}


def measured_steps(setting: c.Setting, rounds: int) -> Times:
    """Return the milliseconds of a step with shards of each size, on as many processes as there are cores."""
    cores = [workers for workers in WORKERS if workers <= available_cores()]
    entrants = {
        step_name(rows, workers): (
            c.scratch_rnn,
            {"setting": setting.but(shard_rows=rows, threads=1, processes=workers)},
        )
        for rows in ROWS
        for workers in cores
    }
    seconds = in_turn(entrants, rounds, warm_up=2, title=f"{setting.cell}, steps")
    return {name: milliseconds(values, setting.steps) for name, values in seconds.items()}


def step_name(rows: int, workers: int) -> str:
    """Return what a measured step is called."""
    return f"{rows} rows, {workers} processes"


def panels(results: dict[str, Times], steps: dict[str, Times]) -> tuple[Panels, Panels]:
    """Return for each cell and size of a shard the milliseconds of a step over the workers.

    First those that are counted, then those that were measured.
    """
    count, measure = {}, {}
    for cell, times in results.items():
        title, medians_of_steps = CELLS[cell].__name__, medians(steps[cell])
        count[title] = {series(rows): counted(times, rows) for rows in ROWS}
        measure[title] = {
            series(rows): {
                workers: medians_of_steps[name]
                for workers in WORKERS
                if (name := step_name(rows, workers)) in medians_of_steps
            }
            for rows in ROWS
        }
    return count, measure


def series(rows: int) -> str:
    """Return the label of a line."""
    return f"shards of {rows} rows"


def work(setting: c.Setting) -> dict[str, Callable[[], float]]:
    """Return what is measured, by name: each returns the seconds that it took REPEATS times."""
    model = c.scratch_model(setting)
    x, y = c.rows(setting.but(steps=1))
    weights, results = model.weights, []
    timed: dict[str, Callable[[], None]] = {}
    for rows in ROWS:
        (shard,) = Batches(x[:rows], y[:rows], np.arange(rows), rows).shards(0)
        memory: dict[str, Any] = {}
        results.append(model._shard_gradients(shard, memory))
        timed[f"{rows} rows"] = partial(model._shard_gradients, shard, memory)
    copies = [weight.copy() for weight in weights]
    timed[ALONE[0]] = partial(total, [BatchResult(1, one.sums, one.gradients) for one in results[:2]])
    timed[ALONE[1]] = partial(model.optimizer.apply, results[0].gradients, weights)
    timed[ALONE[2]] = lambda: [np.copyto(copy, weight) for copy, weight in zip(copies, weights, strict=True)]
    return {name: partial(seconds_of, function) for name, function in timed.items()}


def seconds_of(function: Callable[[], Any]) -> float:
    """Return how long REPEATS calls took."""
    start = time.perf_counter()
    for _ in range(REPEATS):
        function()
    return time.perf_counter() - start


def counted(times: Times, rows: int) -> dict[int, float]:
    """Return for each number of workers the milliseconds of a step with shards of so many rows."""
    middle, shards = medians(times), BATCH // rows
    alone = (shards - 1) * middle[ALONE[0]] + middle[ALONE[1]] + middle[ALONE[2]]
    return {workers: -(-shards // workers) * middle[f"{rows} rows"] + alone for workers in WORKERS}


def as_rows(results: dict[str, Times]) -> list[list[str]]:
    """Return the head of a table, and a row for each cell and size of a shard: its cost, and the steps."""
    steps = [f"step, {workers} worker{'s' * (workers > 1)}" for workers in WORKERS]
    rows = [["milliseconds", "rows", "a shard", "64 rows", "undivided", *steps]]
    for cell, times in results.items():
        for size in ROWS:
            shard, step = median(times[f"{size} rows"]), counted(times, size)
            undivided = step[1] - BATCH // size * shard
            numbers = (shard, shard * 64 / size, undivided, *step.values())
            rows.append([CELLS[cell].__name__, f"{size}", *(f"{number:.2f}" for number in numbers)])
    return rows


if __name__ == "__main__":
    main()
