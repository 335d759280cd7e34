"""Prediction with an LSTM(128): the 10,000 test digits at once, and a single digit, beside Keras.

Keras answers a single digit in two ways: by `predict`, as here all libraries are used, and by calling the
model, which its documentation recommends for small inputs.

    python benchmarks/inference.py

prints the table, writes results/inference.json and draws docs/figures/inference.png. About two minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import contestants as c
import drawing
import numpy as np
from interleave import FIGURES, RESULTS, Work, in_turn, milliseconds, write
from rich.console import Console
from rich.table import Table
from tables import PYTORCH

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.commands.options import positive_int
from scratch_rnn.runs.quoted import median, ratio
from scratch_rnn.style import save

DIGITS = {"10,000 digits": (10_000, 1), "one digit": (1, 100)}  # how many, and how often in a round


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=9, help="that count (default: 9)")
    arguments = parser.parse_args()
    results = {}
    for title, (count, repeats) in DIGITS.items():
        options = {"count": count, "repeats": repeats}
        entrants: dict[str, Any] = {
            SCRATCH: (scratch_rnn, options),
            KERAS: (keras, options),
            PYTORCH: (pytorch, options),
        }
        if count == 1:
            entrants[f"{KERAS}, called"] = (keras, options | {"call": True})
        seconds = in_turn(entrants, arguments.rounds, warm_up=2, title=title)
        results[title] = {name: milliseconds(values, repeats) for name, values in seconds.items()}
    Console().print(as_table(results))
    write(RESULTS / "inference.json", {"milliseconds": results})
    save(drawing.contest(results, "Milliseconds to predict"), FIGURES / "inference.png")


def as_table(results: dict[str, dict[str, list[float]]]) -> Table:
    """Return a row for each contestant and number of digits."""
    table = Table(title="milliseconds to predict")
    for name in ("", "contestant", "median", f"{SCRATCH} is"):
        table.add_column(name, justify="right" if name in ("median", f"{SCRATCH} is") else "left")
    for title, rounds in results.items():
        for name, times in rounds.items():
            compared = f"{ratio(rounds[SCRATCH], times):.3f} of it"
            table.add_row(title, name, f"{median(times):.3g}", compared)
    return table


def test_rows(count: int) -> np.ndarray:
    """Return that many digits as floats: those of the sample, over and over."""
    from scratch_rnn import load_mnist

    _, (x, _) = load_mnist("sample")
    return np.resize(x, (count, *x.shape[1:])).astype("float32") / 255


def repeated(predict: Callable[[], np.ndarray], repeats: int) -> Work:
    """Return the work of predicting so many times; its first results are the probabilities."""

    def run() -> None:
        for _ in range(repeats):
            predict()

    return Work(run, first_results=lambda: predict().ravel().tolist())


def scratch_rnn(count: int, repeats: int) -> Work:
    """scratch_rnn's predict."""
    model, x = c.scratch_model(c.Setting()), test_rows(count)
    return repeated(lambda: model.predict(x, batch_size=128), repeats)


def keras(count: int, repeats: int, call: bool = False) -> Work:
    """Keras's predict, or a call of the model."""
    model, x = c.keras_model(c.Setting()), test_rows(count)
    if call:
        return repeated(lambda: np.asarray(model(x)), repeats)
    return repeated(lambda: model.predict(x, batch_size=128, verbose=0), repeats)


def pytorch(count: int, repeats: int) -> Work:
    """nn.LSTM without gradients, batch by batch."""
    import torch

    model, x = c.pytorch_model(c.Setting()), torch.from_numpy(test_rows(count))

    @torch.inference_mode()
    def predict() -> Any:
        return torch.cat([model(part).softmax(1) for part in x.split(128)]).numpy()

    return repeated(predict, repeats)


if __name__ == "__main__":
    main()
