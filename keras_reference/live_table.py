"""The table that fills itself while a pair trains."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from keras_reference.sides import Watcher
from keras_reference.tables import NUMBERS, epoch_texts, number_of
from scratch_rnn.runs.result import Result

COLOURS = ("cyan", "yellow")  # of scratch_rnn and of its twin; the name says it, too
WIDE = 70  # columns of a terminal on which two spaces fit between the columns of the table
LINES_AROUND = 8  # header, borders and prompt: what a terminal shows beside the rows


class LiveTable(Watcher):
    """A row of each model for each epoch; the running epoch's numbers change as it goes.

    On a terminal the table is drawn over itself. Elsewhere, in a log file, each epoch is printed once.
    `models` are the names of the two, `epochs` is how many they train. It fits into 60 columns.
    """

    def __init__(self, console: Console, models: tuple[str, str], epochs: int) -> None:
        self.console, self.models, self.epochs = console, models, epochs
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

    def show_done(self, results: Sequence[Result]) -> None:
        """Show the epochs that a run had finished before it was interrupted."""
        for epoch in range(max(len(result.seconds) for result in results)):
            for result in results:
                if epoch < len(result.seconds):
                    self.on_epoch(result, epoch)

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
        title = f"{' beside '.join(self.models)}, {self.epochs} epochs"
        padding = (0, int(self.console.width >= WIDE))
        options = {"show_edge": False, "collapse_padding": True, "pad_edge": False}
        table = Table(title=title, box=SIMPLE_HEAD, padding=padding, **options)  # type: ignore[arg-type]
        table.add_column("epoch", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for name in (*NUMBERS.values(), "s"):
            heading = name.replace("accuracy", "acc").replace("val. ", "val\n")
            table.add_column(heading, justify="right", no_wrap=True, min_width=4 if name == "s" else 6)
        for epoch in range(self._first(), len(self.rows)):
            number = f"{epoch + 1}/{self.epochs}"
            for model, colour in zip(self.models, COLOURS, strict=True):
                table.add_row(number, model, *self.rows[epoch][model], style=colour)
                number = ""
        return table

    def _first(self) -> int:
        """Return the first epoch to show: while the table grows, of those for which there is room."""
        if self.finished:
            return 0
        return max(0, len(self.rows) - max(1, (self.console.height - LINES_AROUND) // len(self.models)))
