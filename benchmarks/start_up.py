"""How long one waits: for the import, for --help, for the first trained batch; each in a new process.

    python benchmarks/start_up.py

prints the table, writes results/start_up.json and draws docs/figures/start_up.png. About two minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from functools import partial

import drawing
from interleave import FIGURES, RESULTS, take_turns, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import positive_int
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import save

BATCH = "import numpy as np\nx, y = np.random.rand(128, 28, 28).astype('float32'), np.arange(128) % 10\n"
COMMANDS = {
    "python alone": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import scratch_rnn": ["-c", "from scratch_rnn import *"],  # without a name it would not import NumPy
    "import keras": ["-c", "import keras"],
    "scratch-rnn --help": ["-m", "scratch_rnn", "--help"],
    "first batch, scratch_rnn": [
        "-c",
        BATCH
        + "from scratch_rnn import LSTM, Dense, Sequential\n"
        + "model = Sequential([LSTM(128), Dense(10, 'softmax')])\n"
        + "model.compile('rmsprop', 'sparse_categorical_crossentropy')\n"
        + "model.train_on_batch(x, y)",
    ],
    "first batch, Keras": [
        "-c",
        BATCH
        + "import keras\n"
        + "model = keras.Sequential([keras.layers.LSTM(128), keras.layers.Dense(10, 'softmax')])\n"
        + "model.compile('rmsprop', 'sparse_categorical_crossentropy')\n"
        + "model.train_on_batch(x, y)",
    ],
}


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    rounds = parser.parse_args().rounds
    waits = {name: partial(timed, command) for name, command in COMMANDS.items()}
    seconds = take_turns(waits, rounds, warm_up=1)  # the first round fills the disk cache
    Console().print(as_table(seconds))
    write(RESULTS / "start_up.json", {"seconds": seconds})
    save(drawing.contest({"seconds": seconds}, "From the start of the process"), FIGURES / "start_up.png")


def as_table(seconds: dict[str, list[float]]) -> Table:
    """Return a row for each command."""
    table = Table(title="seconds from the start of the process")
    table.add_column("what")
    table.add_column("median", justify="right")
    for name, rounds in seconds.items():
        table.add_row(name, f"{median(rounds):.2f}")
    return table


def timed(command: list[str]) -> float:
    """Return how long Python takes for a command."""
    started = time.perf_counter()
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, *command], capture_output=True, check=True, env=quiet)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
