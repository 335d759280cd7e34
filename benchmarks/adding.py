"""The adding problem: which cell remembers two numbers until the end of a long sequence?

A sequence has two features: a number drawn from [0, 1], and a marker, which is 1 at one timestep of the first
half and at one of the second half, else 0. After the last timestep the network is to say the sum of the two
marked numbers. To say 1 whatever comes has a mean squared error of 1/6 = 0.167, the variance of the sum.
Hochreiter and Schmidhuber (1997) posed it, Le, Jaitly and Hinton (2015) trained the IRNN on it.

Each cell is trained at each length with the rates of a short list, from the largest on, with Adam and
clipping, on batches that are drawn as they are needed. A training ends when the error on 1,000 validation
sequences is below 0.01, which counts as learned and is what is reported, or when its steps are over; then
comes the next rate. Where none has learned, the one with the smallest last validation error is reported. The
test error is that on 10,000 other sequences.

    python benchmarks/adding.py

trains what is missing in results/adding, a file for each cell and length, from short to long; prints the
table and draws docs/figures/adding.png. It can be interrupted and started again: trainings that had not
ended then begin anew. Half an hour on two free cores.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import curves
import numpy as np
from interleave import FIGURES, RESULTS, write
from long_memory import CELLS, done, finite
from terminal import show

from scratch_rnn import GRU, LSTM, Adam, Callback, Dense, Sequential
from scratch_rnn.arrays import Array
from scratch_rnn.commands.options import positive_int
from scratch_rnn.style import save
from scratch_rnn.training.callbacks import Logs
from scratch_rnn.training.threads import available_cores

LENGTHS = (50, 100, 200, 400)
RATES = (0.01, 0.001, 0.0001)
UNITS, BATCH, CLIPNORM = 64, 64, 1.0
STEPS, EVERY = 3000, 100  # at most, with one rate; and after how many of them it is validated
LEARNED, BASELINE = 0.01, 1 / 6  # mean squared errors
VALIDATION, TEST = 1000, 10_000  # sequences
SEED = 1
JOBS = {f"{cell}-{length}": (cell, length) for length in LENGTHS for cell in CELLS}
KEEPS = {GRU: "u", LSTM: "f"}  # the gate that multiplies the state of the timestep before
FOLDER = RESULTS / "adding"


def main() -> None:
    """Train what is missing, print the table, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, choices=LENGTHS, metavar="T")
    parser.add_argument(
        "--workers", type=positive_int, default=available_cores(), help="processes (default: one a core)"
    )
    arguments = parser.parse_args()
    there = done(FOLDER, JOBS)
    missing = {name: job for name, job in JOBS.items() if name not in there and job[1] in arguments.lengths}
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        names = {pool.submit(reported, *job): name for name, job in missing.items()}
        for future in as_completed(names):
            write(FOLDER / f"{names[future]}.json", future.result())
    results = done(FOLDER, JOBS)
    show(rows(results), "test error, steps, rate")
    show(gate_rows(results), "share of the state that a step keeps")
    save(curves.adding(validation_errors(results), EVERY, BASELINE, LEARNED), FIGURES / "adding.png")


def sequences(rng: np.random.Generator, count: int, length: int) -> tuple[Array, Array]:
    """Return x float32 (count, length, 2), numbers and markers, and y float32 (count, 1), what is asked."""
    x = np.zeros((count, length, 2), "float32")
    x[:, :, 0] = rng.random((count, length))
    which, half = np.arange(count), length // 2
    first, second = rng.integers(0, half, count), rng.integers(half, length, count)
    x[which, first, 1] = x[which, second, 1] = 1
    return x, (x[which, first, 0] + x[which, second, 0])[:, np.newaxis]


def batches(length: int) -> Iterator[tuple[Array, Array]]:
    """Yield batch after batch to train on, without end, and the same ones each time."""
    rng = np.random.default_rng((SEED, 0))
    while True:
        yield sequences(rng, BATCH, length)


def held_out(length: int) -> dict[str, tuple[Array, Array]]:
    """Return the sequences to validate and to test on."""
    counts = {"validation": VALIDATION, "test": TEST}
    return {
        name: sequences(np.random.default_rng((SEED, part)), count, length)
        for part, (name, count) in enumerate(counts.items(), start=1)
    }


class UntilLearned(Callback):
    """Ends the training where the validation error is small enough, or no number any more."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        error = (logs or {})["val_loss"]
        self.model.stop_training = error < LEARNED or not math.isfinite(error)


def trained(cell: str, length: int, rate: float) -> dict[str, Any]:
    """Return what came of a training: errors of every 100 steps, None where they were no number."""
    data = held_out(length)
    model = Sequential([CELLS[cell](UNITS), Dense(1)], seed=SEED)
    model.compile(Adam(rate, global_clipnorm=CLIPNORM), "mse", threads=1)
    started = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # states that explode are one of the results
        history = model.fit(
            batches(length),
            epochs=STEPS // EVERY,
            steps_per_epoch=EVERY,
            validation_data=data["validation"],
            callbacks=[UntilLearned()],
            verbose=0,
        )
        test = model.evaluate(*data["test"], 1000)["loss"]
    errors = {"training": history.history["loss"], "validation": history.history["val_loss"]}
    found = {"cell": cell, "length": length, "rate": rate, "weights": model.count_params()}
    found |= {name: [finite(error) for error in those] for name, those in errors.items()}
    found |= {"test": finite(test), "steps": EVERY * len(history.epoch)}
    found["kept"] = kept(model.layers[0], data["validation"][0])
    return found | {"seconds": time.perf_counter() - started}


def kept(layer: Any, x: Array) -> dict[str, float] | None:
    """Return how much of its state a unit keeps where no number is marked; None without gates.

    That is the mean of the GRU's update gate or the LSTM's forget gate over those timesteps: "most" of the
    unit that keeps most, "mean" of all units.
    """
    if type(layer) not in KEEPS:
        return None
    _, tape = layer.forward(x)
    gate = np.stack([getattr(s, KEEPS[type(layer)]) for s in tape.steps])  # (T, H, B)
    units = gate.transpose(2, 0, 1)[x[:, :, 1] == 0].mean(axis=0)
    return {"most": float(units.max()), "mean": float(units.mean())}


def reported(cell: str, length: int) -> dict[str, Any]:
    """Return the training that is reported, and of all that were made the last validation error."""
    trials: list[dict[str, Any]] = []
    for rate in RATES:
        trials.append(trained(cell, length, rate))
        if last_error(trials[-1]) < LEARNED:
            break
    tried = {str(trial["rate"]): trial["validation"][-1] for trial in trials}
    return min(trials, key=last_error) | {"tried": tried}


def last_error(result: dict[str, Any]) -> float:
    """Return the last validation error of a training; infinity where it was no number."""
    error = result["validation"][-1]
    return math.inf if error is None else float(error)


def validation_errors(results: dict[str, dict[str, Any]]) -> dict[int, dict[str, list[float]]]:
    """Return by length and cell the validation errors that are numbers."""
    found: dict[int, dict[str, list[float]]] = {}
    for result in results.values():
        errors = [error for error in result["validation"] if error is not None]
        found.setdefault(result["length"], {})[result["cell"]] = errors
    return found


def rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a heading, and for each cell what it reached at each length."""
    table = [["", *(f"T = {length}" for length in LENGTHS)]]
    for cell in CELLS:
        names = [f"{cell}-{length}" for length in LENGTHS]
        table.append([cell, *(entry(results[name]) if name in results else "" for name in names)])
    return table


def gate_rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a heading, and for each gated cell that has learned how much of its state a step keeps."""
    table = [["", *(f"T = {length}" for length in LENGTHS)]]
    for cell in ("GRU", "LSTM"):
        found = [results.get(f"{cell}-{length}") for length in LENGTHS]
        gates = [result["kept"] if result and last_error(result) < LEARNED else None for result in found]
        for what, title in {"most": "the unit that keeps most", "mean": f"mean of {UNITS} units"}.items():
            table.append([f"{cell}, {title}", *(f"{gate[what]:.4f}" if gate else "" for gate in gates)])
    return table


def entry(result: dict[str, Any]) -> str:
    """Return what the table says of a training."""
    test = "exploded" if result["test"] is None else f"{result['test']:.3f}"
    if last_error(result) < LEARNED:
        return f"{test} after {result['steps']:,} steps, rate {result['rate']:g}"
    return f"not learned: {test}"


if __name__ == "__main__":
    main()
