"""The table that fills itself while a pair trains."""

from __future__ import annotations

from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from keras_reference.sides import Watcher
from keras_reference.tables import NUMBERS, epoch_texts, number_of
from scratch_rnn.runs.result import Result

COLOURS = ("cyan", "yellow")  # of scratch_rnn and of its twin
LINES_AROUND = 8  # header, borders and prompt: what a terminal shows beside the rows


class LiveTable(Watcher):
    """A row per epoch, both models beside each other; the running epoch's numbers change as it goes.

    On a terminal the table is drawn over itself. Elsewhere, in a log file, each epoch is printed once.
    `models` are the names of the two.
    """

    def __init__(self, console: Console, models: tuple[str, str]) -> None:
        self.console, self.models = console, models
        self.rows: list[dict[str, list[str]]] = []
        self.finished = False
        self.live = Live(get_renderable=self._table, console=console, refresh_per_second=4)

    def __enter__(self) -> LiveTable:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finished = True
        if self.console.is_terminal:
            self.live.stop()

    def on_batch(self, result: Result, epoch: int, batch: int, batches: int, logs: dict[str, float]) -> None:
        """Show the means so far, and in place of the time the share of the epoch."""
        numbers = [number_of(logs, name) for name in NUMBERS]
        self._show(result.name, epoch, [*numbers, f"{(batch + 1) / batches:.0%}"])

    def on_epoch(self, result: Result, epoch: int) -> None:
        """Show an epoch's final numbers and its time."""
        *numbers, seconds = epoch_texts(result, epoch)
        self._show(result.name, epoch, [*numbers, seconds])
        if not self.console.is_terminal:
            named = "  ".join(f"{name} {number}" for name, number in zip(NUMBERS, numbers, strict=True))
            line = f"epoch {epoch + 1:2}  {result.name:11}  {named}  {seconds} s"
            self.console.print(line, soft_wrap=True, highlight=False)

    def _show(self, model: str, epoch: int, texts: list[str]) -> None:
        while len(self.rows) <= epoch:
            self.rows.append({name: [""] * len(texts) for name in self.models})
        self.rows[epoch][model] = texts

    def _table(self) -> Table:
        coloured = list(zip(self.models, COLOURS, strict=True))
        title = " beside ".join(f"[{colour}]{model}[/]" for model, colour in coloured)
        table = Table(
            title=f"{title}, a row per epoch", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False
        )
        table.add_column("", justify="right")
        for _, colour in coloured:
            for name in (*NUMBERS.values(), "s"):
                heading = name.replace("accuracy", "acc").replace("val. ", "val\n")
                width = 4 if name == "s" else 6
                table.add_column(heading, justify="right", style=colour, no_wrap=True, min_width=width)
        first = 0 if self.finished else max(0, len(self.rows) - max(1, self.console.height - LINES_AROUND))
        for epoch, row in enumerate(self.rows[first:], start=first + 1):
            table.add_row(str(epoch), *(text for model in self.models for text in row[model]))
        return table
