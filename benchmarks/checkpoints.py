"""What checkpoint_every saves of memory and costs in time: digits read pixel by pixel, T = 784.

A forward and a backward pass of LSTM(128) over 64 sequences of 784 numbers, float32, on one thread, with
`checkpoint_every=k` and without. For each: the bytes of the tape, the peak of all that Python and NumPy take
meanwhile (tracemalloc), and the seconds of the processor, round by round, in turn, with the memory of an
earlier tape, as in training. Before the clock starts all gradients have to be the same bits.

    python benchmarks/checkpoints.py

prints the table, writes results/checkpoints.json and draws docs/figures/checkpoints.png. Two minutes.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import ways
from interleave import FIGURES, RESULTS, take_turns, write
from terminal import show
from threadpoolctl import threadpool_limits

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import LSTM
from scratch_rnn.layers.tape import Tape
from scratch_rnn.style import save

TIME, BATCH, UNITS = 784, 64, 128
EVERY = (None, 392, 112, 56, 28, 14, 7, 2)
MEGABYTE = 2**20

Passes = Callable[..., tuple[list[np.ndarray], Tape]]


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=5, help="default: 5")
    rounds = parser.parse_args().rounds
    passes = {name_of(every): there_and_back(every) for every in EVERY}
    check_bits(passes)
    peaks = {name: peak(run) for name, run in passes.items()}
    tapes = {name: run()[1] for name, run in passes.items()}
    contestants = {name: partial(cpu_seconds, partial(run, tapes[name])) for name, run in passes.items()}
    seconds = take_turns(contestants, rounds, warm_up=0)
    results = {
        name: {"seconds": seconds[name], "peak MiB": peaks[name], "tape MiB": tape.nbytes / MEGABYTE}
        for name, tape in tapes.items()
    }
    show(ways.checkpoint_rows(results), f"LSTM({UNITS}), {TIME} timesteps, {BATCH} sequences")
    write(RESULTS / "checkpoints.json", {"T": TIME, "B": BATCH, "H": UNITS, "k": results})
    save(ways.checkpoints(results), FIGURES / "checkpoints.png")


def name_of(every: int | None) -> str:
    """Return what k is called."""
    return "none" if every is None else str(every)


def there_and_back(every: int | None) -> Passes:
    """Return a function that makes both passes, on an earlier tape if given; it returns (gradients, tape)."""
    layer = LSTM(UNITS, seed=0, checkpoint_every=every)
    x = np.random.default_rng(0).random((BATCH, TIME, 1), dtype="float32")
    dy = np.random.default_rng(1).normal(size=(BATCH, UNITS)).astype("float32")
    layer.build(x.shape)

    def run(tape: Tape | None = None) -> tuple[list[np.ndarray], Tape]:
        with threadpool_limits(1):
            _, tape = layer.forward(x, tape=tape)
            return layer.backward(dy, tape, input_gradient=False).weights, tape

    return run


def check_bits(passes: dict[str, Passes]) -> None:
    """Raise RuntimeError where one of them has other gradients."""
    expected, *others = (run()[0] for run in passes.values())
    for found in others:
        if any(a.tobytes() != b.tobytes() for a, b in zip(expected, found, strict=True)):
            raise RuntimeError("checkpoints have changed a gradient")


def cpu_seconds(run: Callable[[], Any]) -> float:
    """Return the seconds that the processor has worked on it, whatever else it does meanwhile."""
    start = time.process_time()
    run()
    return time.process_time() - start


def peak(run: Callable[[], Any]) -> float:
    """Return the most that it has taken at once, in MiB."""
    tracemalloc.start()
    run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / MEGABYTE


if __name__ == "__main__":
    main()
