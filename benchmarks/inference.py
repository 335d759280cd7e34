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
from interleave import FIGURES, RESULTS, in_turn, medians, write
from rich.console import Console
from rich.table import Table

from scratch_rnn.commands.options import positive_int
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
            "scratch_rnn": (scratch_rnn, options),
            "Keras": (keras, options),
            "PyTorch": (pytorch, options),
        }
        if count == 1:
            entrants["Keras, called"] = (keras, options | {"call": True})
        seconds = in_turn(entrants, arguments.rounds, warm_up=2, title=title)
        results[title] = {
            name: [1000 * value / repeats for value in values] for name, values in seconds.items()
        }
    middle = {title: medians(rounds) for title, rounds in results.items()}
    ratios = {
        title: {name: values["scratch_rnn"] / value for name, value in values.items()}
        for title, values in middle.items()
    }
    table = Table(title="milliseconds to predict")
    for name in ("", "contestant", "median", "scratch_rnn is"):
        table.add_column(name, justify="right" if name in ("median", "scratch_rnn is") else "left")
    for title, values in middle.items():
        for name, value in values.items():
            table.add_row(title, name, f"{value:.3g}", f"{ratios[title][name]:.3f} of it")
    Console().print(table)
    write(RESULTS / "inference.json", {"milliseconds": results, "medians": middle, "ratios": ratios})
    save(drawing.contest(results, "Milliseconds to predict"), FIGURES / "inference.png")


def test_rows(count: int) -> np.ndarray:
    """Return that many digits as floats: those of the sample, over and over."""
    from scratch_rnn import load_mnist

    _, (x, _) = load_mnist("sample")
    return np.resize(x, (count, *x.shape[1:])).astype("float32") / 255


def repeated(work: Callable[[], Any], repeats: int) -> c.Work:
    """Return the work done so many times."""

    def all_of_it() -> None:
        for _ in range(repeats):
            work()

    return all_of_it


def scratch_rnn(count: int, repeats: int) -> c.Work:
    """scratch_rnn's predict."""
    model, x = c.scratch_model(c.Setting()), test_rows(count)
    return repeated(lambda: model.predict(x, batch_size=128), repeats)


def keras(count: int, repeats: int, call: bool = False) -> c.Work:
    """Keras's predict, or a call of the model."""
    import keras as library

    layers = [library.Input((28, 28)), library.layers.LSTM(128), library.layers.Dense(10, "softmax")]
    model, x = library.Sequential(layers), test_rows(count)
    if call:
        return repeated(lambda: np.asarray(model(x)), repeats)
    return repeated(lambda: model.predict(x, batch_size=128, verbose=0), repeats)


def pytorch(count: int, repeats: int) -> c.Work:
    """nn.LSTM without gradients, batch by batch."""
    import torch
    from torch import nn

    layer, dense, x = (
        nn.LSTM(28, 128, batch_first=True),
        nn.Linear(128, 10),
        torch.from_numpy(test_rows(count)),
    )

    @torch.inference_mode()
    def predict() -> Any:
        parts = [dense(layer(part)[0][:, -1]).softmax(1) for part in x.split(128)]
        return torch.cat(parts).numpy()

    return repeated(predict, repeats)


if __name__ == "__main__":
    main()
