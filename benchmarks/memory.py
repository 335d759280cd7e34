"""Peak memory of a training run on all of MNIST, scratch_rnn beside Keras; and the bytes of a tape.

Each run is a process of its own, as a user would write it: load the digits, one epoch of LSTM(128) in batches
of 128. What is quoted is the largest resident set of the process, with two processes the sum of both. (Linux;
without the two processes, macOS.)

    python benchmarks/memory.py

prints the table, writes results/memory.json and draws docs/figures/memory.png. About two minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial

import drawing
from interleave import FIGURES, RESULTS, take_turns, write
from rich.console import Console
from rich.table import Table

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median, ratio
from scratch_rnn.style import save

MEGABYTE = 2**20

PEAK = """
import resource, sys
scale = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
"""
PEAK_WITH_HELPER = """
import resource
kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN  # what both share counts twice
print(sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * 1024)
"""
PROCESSES = f"{SCRATCH}, 2 processes"
RUNS = {
    SCRATCH: """
from scratch_rnn import LSTM, Dense, Sequential, load_mnist
(x, y), _ = load_mnist()
model = Sequential([LSTM(128), Dense(10, "softmax")])
model.compile("rmsprop", "sparse_categorical_crossentropy", ["accuracy"], processes=1)
model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
""",
    PROCESSES: """
from scratch_rnn import LSTM, Dense, Sequential, load_mnist
(x, y), _ = load_mnist()
model = Sequential([LSTM(128), Dense(10, "softmax")])
model.compile("rmsprop", "sparse_categorical_crossentropy", ["accuracy"], processes=2)
model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
""",
    KERAS: """
import keras
from scratch_rnn import load_mnist
(x, y), _ = load_mnist()
x = x.astype("float32") / 255
model = keras.Sequential([keras.Input((28, 28)), keras.layers.LSTM(128), keras.layers.Dense(10, "softmax")])
model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
""",
}


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=3, help="default: 3")
    rounds = parser.parse_args().rounds
    runs = [name for name in RUNS if name != PROCESSES or sys.platform == "linux"]
    peaks = take_turns({name: partial(peak, name) for name in runs}, rounds, warm_up=0)
    tapes = {cell: tape_bytes(cell) for cell in CELLS}
    Console().print(
        as_table(peaks), f"{SCRATCH} needs {ratio(peaks[SCRATCH], peaks[KERAS]):.2f} of {KERAS}'s"
    )
    Console().print(f"bytes of a tape for 128 digits, 128 units: {tapes}")
    write(RESULTS / "memory.json", {"MiB": peaks, "tape_bytes": tapes})
    save(drawing.contest({"MiB": peaks}, "Peak memory of a training run"), FIGURES / "memory.png")


def peak(name: str) -> float:
    """Return the peak of that run, in MiB."""
    code = RUNS[name] + (PEAK_WITH_HELPER if name == PROCESSES else PEAK)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / MEGABYTE


def as_table(peaks: dict[str, list[float]]) -> Table:
    """Return a row for each library."""
    table = Table(title="peak memory of a training run")
    table.add_column("library")
    table.add_column("MiB", justify="right")
    for name, rounds in peaks.items():
        table.add_row(name, f"{median(rounds):.0f}")
    return table


def tape_bytes(cell: str) -> int:
    """Return what the tape of a batch of 128 digits holds, 128 units: its own arrays."""
    import numpy as np

    _, tape = CELLS[cell](128).forward(np.zeros((128, 28, 28), "float32"))
    arrays = [tape.joined, tape.dmatrix, tape.summand, *tape.arrays.values()]
    return sum(array.nbytes for array in arrays)


if __name__ == "__main__":
    main()
