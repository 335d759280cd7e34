"""MNIST pixel by pixel: how far do IRNN, GRU and LSTM come in a given time on the cores of this machine?

Each digit is a sequence of 784 timesteps with one feature, its pixels from the upper left to the lower right;
and once more in another order, drawn once and the same for all digits. Le, Jaitly and Hinton (2015) posed
both. After the last pixel the network names the digit. Every cell trains for the same time, batch by batch,
on all digits but the last tenth, which are for validation. Nothing is chosen by the test digits, and they are
looked at when the time is over.

    python benchmarks/pixels.py --hours 0.3

trains each of the six jobs for so long, one after the other, writes results/pixels, a file for each job,
prints the table and draws docs/figures/pixels.png. It can be killed at any time: started again it goes on
from its last save in runs/pixels, some batches before, and ends with the bits of a run that nobody killed.
The time counts across interruptions, that of validating and testing not. With more hours than before it
goes on from where the time was over.
"""

from __future__ import annotations

import argparse
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import curves
import numpy as np
from interleave import FIGURES, RESULTS, digits, write
from long_memory import done, finite, irnn
from terminal import show

from scratch_rnn import GRU, LSTM, Adam, BackupAndRestore, Callback, Dense, Sequential
from scratch_rnn.arrays import Array
from scratch_rnn.commands.options import positive_float, positive_int
from scratch_rnn.data.mnist import Split
from scratch_rnn.style import save
from scratch_rnn.training.callbacks import Logs
from scratch_rnn.training.samples import split_row

PIXELS, ORDERS = 784, ("in order", "permuted")
UNITS, BATCH, CLIPNORM = {"IRNN": 100, "GRU": 128, "LSTM": 128}, 128, 1.0
RATES = {"IRNN": 0.00003, "GRU": 0.001, "LSTM": 0.001}  # of short trials on digits to train on
SEED, PERMUTATION_SEED = 1, 784
EPOCHS, VALIDATION = 1000, 0.1  # more epochs than the time is enough for
EVERY, SAVE_EVERY = 100, 20  # batches: for a point of the curve, and for a save
CELLS = {"IRNN": irnn, "GRU": GRU, "LSTM": LSTM}
JOBS = {f"{cell}-{order.replace(' ', '_')}": (cell, order) for order in ORDERS for cell in CELLS}
FOLDER, BACKUPS = RESULTS / "pixels", Path(__file__).parents[1] / "runs" / "pixels"

HEADS = ("weights", "minutes", "epochs", "s an epoch", "validation", "test")

# Accuracy on the test digits, and who says so.
PUBLISHED = {
    ("IRNN", "in order"): "97.0% (Le, Jaitly and Hinton 2015)",
    ("IRNN", "permuted"): "82.0% (Le, Jaitly and Hinton 2015)",
    ("GRU", "in order"): "96.8% (Campos et al. 2018)",
    ("LSTM", "in order"): "98.9% (Cooijmans et al. 2017)",
    ("LSTM", "permuted"): "90.2% (Cooijmans et al. 2017)",
}


def main() -> None:
    """Train for the time that is left, write, print the table, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--hours", type=positive_float, required=True, help="training time of each job")
    parser.add_argument("--only", nargs="+", choices=list(JOBS), default=list(JOBS), metavar="JOB")
    parser.add_argument("--data", default="auto", help="as for scratch-rnn train (default: auto)")
    parser.add_argument("--digits", type=positive_int, help="of each kind, for a trial that writes to runs/")
    arguments = parser.parse_args()
    train, test = (cut(split, arguments.digits) for split in digits(parser, arguments.data))
    folder, backups = places(arguments.digits)
    backups.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        there = done(folder, JOBS)
        if name not in there or there[name]["hours"] < arguments.hours:
            found = trained(*JOBS[name], arguments.hours, train, test, backups / f"{name}.npz")
            write(folder / f"{name}.json", found)
    results = done(folder, JOBS)
    show(rows(results), "MNIST pixel by pixel")
    picture = FIGURES if arguments.digits is None else backups
    save(curves.pixels(points(results)), picture / "pixels.png")


def cut(split: Split, count: int | None) -> Split:
    """Return the first digits of a split, or all."""
    x, y = split
    return x[:count], y[:count]


def places(count: int | None) -> tuple[Path, Path]:
    """Return the folders for results and for backups; those of a trial with few digits are others."""
    if count is None:
        return FOLDER, BACKUPS
    trial = BACKUPS.with_name(f"{BACKUPS.name}-{count}")
    return trial, trial


def permutation() -> Array:
    """Return which pixel stands at each timestep of a permuted digit, (784,)."""
    return np.random.default_rng(PERMUTATION_SEED).permutation(PIXELS)


def sequences(images: Array, order: str) -> Array:
    """Return images (N, 28, 28) as sequences (N, 784, 1), in their own order or permuted."""
    x = images.reshape(len(images), PIXELS, 1)
    return x[:, permutation()] if order == "permuted" else x


def build(cell: str) -> Sequential:
    """Return a network with its first weights, compiled."""
    layer = CELLS[cell](UNITS[cell])
    model = Sequential([layer, Dense(10, activation="softmax")], seed=SEED)
    model.build((None, PIXELS, 1))
    remember(layer)
    optimizer = Adam(RATES[cell], global_clipnorm=CLIPNORM)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def remember(layer: Any) -> None:
    """Let the gates of a layer that keep its state begin open, as Tallec and Ollivier (2018) propose.

    With a bias of log(u) the state lasts for about u timesteps; u is drawn between 1 and their number. The
    LSTM's input gate begins with the opposite. An IRNN has no gates.
    """
    units = layer.units
    keep = np.log(np.random.default_rng(SEED).uniform(1, PIXELS - 1, units))
    if isinstance(layer, LSTM):
        layer.bias[:units], layer.bias[units : 2 * units] = -keep, keep  # i, f
    if isinstance(layer, GRU):
        layer.bias[0, :units] = keep  # u, Keras's z


class Curve(Callback):
    """Counts batches and seconds of training; notes mean loss and accuracy of every hundred batches."""

    state_names = ("batches", "seconds", "points", "before")
    weights_at_most = True

    def __init__(self) -> None:
        self.batches, self.seconds = 0, 0.0
        self.points: list[dict[str, Any]] = []
        self.before = np.zeros(3)  # what the epoch's sums were at the last point: loss, accuracy, digits

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        self.seconds += time.perf_counter() - self.started
        if (batch + 1) % EVERY == 0 or batch + 1 == self.params["steps"]:
            sums = np.array([*self.model.running.sums, self.model.running.count])
            loss, accuracy, count = sums - self.before
            self.before = sums
            point = {"batches": self.batches, "seconds": self.seconds}
            self.points.append(point | {"loss": finite(loss / count), "accuracy": accuracy / count})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.before = np.zeros(3)


class TimeIsOver(Exception):
    """Ends `fit` as an interruption would, behind a save: there is nothing more to train."""


class Budget(Callback):
    """Raises TimeIsOver when a curve has taken its seconds, and when the loss is no number any more.

    Stands behind what saves every few batches.
    """

    weights_at_most = True

    def __init__(self, curve: Curve, seconds: float) -> None:
        self.curve, self.seconds = curve, seconds

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._check()  # what was killed behind its last batch has all its batches

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not math.isfinite((logs or {})["batch_loss"]):
            raise TimeIsOver
        within = batch + 1 < self.params["steps"]  # else it is saved behind the validation
        if within and (batch + 1) % SAVE_EVERY == 0:
            self._check()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._check()

    def _check(self) -> None:
        if self.curve.seconds >= self.seconds:
            raise TimeIsOver


def trained(cell: str, order: str, hours: float, train: Split, test: Split, backup: Path) -> dict[str, Any]:
    """Return how far a training came in so many hours, those before an interruption included."""
    (x, y), (x_test, y_test) = ((sequences(images, order), labels) for images, labels in (train, test))
    model, curve = build(cell), Curve()
    callbacks = [curve, BackupAndRestore(backup, SAVE_EVERY, delete_checkpoint=False)]
    print(f"{cell}, pixels {order}: {hours:g} hours, saved in {backup}", flush=True)
    with suppress(TimeIsOver):
        model.fit(
            x,
            y,
            BATCH,
            EPOCHS,
            verbose=2,
            callbacks=[*callbacks, Budget(curve, 3600 * hours)],
            validation_split=VALIDATION,
        )
    row = split_row(len(x), VALIDATION)
    found = {"cell": cell, "order": order, "hours": hours, "weights": model.count_params()}
    found |= {"digits": row, "batches": curve.batches, "seconds": curve.seconds, "curve": curve.points}
    found["history"] = {name: list(map(finite, each)) for name, each in model.history.history.items()}
    found["validation"] = scores(model, x[row:], y[row:])
    return found | {"test": scores(model, x_test, y_test)}


def scores(model: Sequential, x: Array, y: Array) -> dict[str, float | None]:
    """Return loss and accuracy."""
    return {name: finite(value) for name, value in model.evaluate(x, y, BATCH).items()}


def points(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return by order and cell the accuracy of the batches over the minutes of training."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {order: {} for order in ORDERS}
    for result in results.values():
        pairs = [(point["seconds"] / 60, point["accuracy"]) for point in result["curve"]]
        found[result["order"]][result["cell"]] = pairs
    return found


def rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a heading, and for each job how far it came, if it was trained, beside what was published."""
    table = [["", "pixels", *HEADS, "published"]]
    for name, (cell, order) in JOBS.items():
        found = reached(results[name]) if name in results else [""] * len(HEADS)
        table.append([cell, order, *found, PUBLISHED.get((cell, order), "")])
    return table


def reached(result: dict[str, Any]) -> list[str]:
    """Return what stands below HEADS for a job."""
    epochs = result["batches"] / math.ceil(result["digits"] / BATCH)
    minutes, seconds = result["seconds"] / 60, result["seconds"] / epochs
    shares = [f"{result[part]['accuracy']:.1%}" for part in ("validation", "test")]
    return [f"{result['weights']:,}", f"{minutes:.0f}", f"{epochs:.2f}", f"{seconds:.0f}", *shares]


if __name__ == "__main__":
    main()
