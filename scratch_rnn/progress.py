"""How a training run shows itself in the terminal: progress bar, lines, model summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from scratch_rnn.callbacks import Callback, Logs

if TYPE_CHECKING:
    from scratch_rnn.model import Sequential


class ProgressBar(Callback):
    """One bar per epoch with the batches done, loss and metrics so far, and the time."""

    def __init__(self, console: Console | None = None) -> None:
        self.progress = Progress(
            TextColumn("epoch {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[logs]}"),
            console=console,
        )
        self.task = TaskID(0)

    def on_epoch_begin(self, epoch: int) -> None:
        self.progress.start()
        self.task = self.progress.add_task(
            f"{epoch + 1}/{self.params['epochs']}", total=self.params["steps"], logs=""
        )

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.progress.update(self.task, completed=batch + 1, logs=format_logs(logs))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.progress.update(self.task, logs=format_logs(logs))
        self.progress.stop()
        self.progress.remove_task(self.task)


class EpochLines(Callback):
    """One line per epoch, for log files."""

    def on_epoch_begin(self, epoch: int) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        seconds = time.perf_counter() - self.started
        print(f"epoch {epoch + 1}/{self.params['epochs']}  {seconds:.1f} s  {format_logs(logs)}", flush=True)


def format_logs(logs: Logs) -> str:
    """Return `loss 0.1234  accuracy 0.9876` from {"loss": ..., "accuracy": ...}, the means over the epoch."""
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if name != "batch_loss")


def print_summary(model: Sequential) -> None:
    """Print a table of the model's layers, their output shapes and their numbers of weights."""
    total = model.count_params()
    table = Table(title=model.name)
    table.add_column("layer")
    table.add_column("weights")
    table.add_column("parameters", justify="right")
    for layer in model.layers:
        shapes = zip(layer.weight_names, layer.weights, strict=True)
        weights = "\n".join(f"{name} {weight.shape}" for name, weight in shapes)
        table.add_row(f"{layer.name} ({type(layer).__name__})", weights, f"{layer.count_params():,}")
    table.add_section()
    table.add_row("total", "", f"{total:,}")
    Console().print(table)
