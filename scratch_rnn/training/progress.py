"""How a training run shows itself in the terminal: progress bar, lines, model summary."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from scratch_rnn.layers.base import Layer, Shape
from scratch_rnn.training.callbacks import Callback, Logs

WIDE = 80  # columns of a terminal that has room for a longer bar


class EpochLines(Callback):
    """One line per epoch: its time, loss and metrics."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        line = epoch_line(epoch, self.params["epochs"], self.model.history.seconds[-1], logs or {})
        self.console.print(line, soft_wrap=True, highlight=False)

    def close(self) -> None:
        """Leave the terminal in order, also after an exception."""


class ProgressBar(EpochLines):
    """A bar with loss and metrics so far while an epoch runs, and a line when it has ended."""

    weights_at_most = True

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16 if self.console.width >= WIDE else 6),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[logs]}", table_column=Column()),  # which takes more lines where it must
            console=self.console,
            transient=True,
            disable=not (self.console.is_terminal or self.console.is_jupyter),
        )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.progress.start()
        self.task = self.progress.add_task(
            _name(epoch, self.params["epochs"]), total=self.params["steps"], logs=""
        )

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.progress.update(self.task, completed=batch + 1, logs=format_logs(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.progress.stop()
        self.progress.remove_task(self.task)
        super().on_epoch_end(epoch, logs)

    def close(self) -> None:
        """Take the bar away and show the cursor again."""
        self.progress.stop()


class OneLine(Callback):
    """One line when an evaluation or a prediction has ended: its rows, its time, and what it found."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self.started = 0.0

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self.started = time.perf_counter()

    def on_test_end(self, logs: Logs | None = None) -> None:
        seconds = time.perf_counter() - self.started
        line = f"{self.params['samples']:,} rows  {seconds:5.1f} s  {format_logs(logs or {})}"
        self.console.print(line.rstrip(), soft_wrap=True, highlight=False)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end


def epoch_line(epoch: int, epochs: int, seconds: float, logs: Logs) -> str:
    """Return what is printed of an epoch, counted from 0, of so many, when it has ended."""
    return f"{_name(epoch, epochs)}  {seconds:5.1f} s  {format_logs(logs)}"


def _name(epoch: int, epochs: int) -> str:
    return f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"


def format_logs(logs: Logs) -> str:
    """Return `loss 0.1234  acc 0.9876` from {"loss": ..., "accuracy": ...}, the means over the epoch."""
    shown = {name.replace("accuracy", "acc"): value for name, value in logs.items() if name != "batch_loss"}
    return "  ".join(f"{name} {value:.4f}" for name, value in shown.items())


def print_summary(name: str, layers: Sequence[Layer], input_shape: Shape) -> None:
    """Print a table of a built model's layers, with Keras's headings, and below it the total size."""
    table = Table(title=f"Model: {name}")
    for heading in ("Layer (type)", "Output Shape", "Weights"):
        table.add_column(heading, overflow="fold")
    table.add_column("Param #", justify="right", no_wrap=True)
    shape = input_shape
    for layer in layers:
        shape = layer.compute_output_shape(shape)
        weights = zip(layer.weight_names, layer.weights, strict=True)
        shapes = "\n".join(f"{name} {weight.shape}" for name, weight in weights)
        title = f"{layer.name} ({type(layer).__name__})"
        table.add_row(title, str(shape), shapes, f"{layer.count_params():,}")
    console = Console()
    console.print(table)
    params = sum(layer.count_params() for layer in layers)
    size = sum(weight.nbytes for layer in layers for weight in layer.weights)
    console.print(f"Total params: {params:,} ({size / 1024:,.2f} KB)", highlight=False)
