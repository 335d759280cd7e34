"""The table that fills itself while a pair trains."""

from __future__ import annotations

from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from keras_reference.comparison import KERAS, SCRATCH
from keras_reference.side_by_side import Record, Watcher
from keras_reference.tables import NUMBERS, number_of

COLOURS = {SCRATCH: "cyan", KERAS: "yellow"}
LINES_AROUND = 8  # header, borders and prompt: what a terminal shows beside the rows


class LiveTable(Watcher):
    """A row per epoch, both models beside each other; the running epoch's numbers change as it goes.

    On a terminal the table is drawn over itself. Elsewhere, in a log file, each epoch is printed once.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
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

    def on_batch(self, model: str, epoch: int, batch: int, batches: int, logs: dict[str, float]) -> None:
        """Show the means so far, and in place of the time the share of the epoch."""
        self._cells(model, epoch, [number_of(logs, name) for name in NUMBERS], f"{(batch + 1) / batches:.0%}")

    def on_epoch(self, model: str, epoch: int, record: Record) -> None:
        """Show an epoch's final numbers and its time."""
        logs = {name: values[-1] for name, values in record.history.items()}
        self._cells(model, epoch, [number_of(logs, name) for name in NUMBERS], f"{record.seconds[-1]:.1f}")
        if not self.console.is_terminal:
            numbers = "  ".join(f"{name} {number_of(logs, name)}" for name in NUMBERS)
            line = f"epoch {epoch + 1:2}  {model:11}  {numbers}  {record.seconds[-1]:.1f} s"
            self.console.print(line, soft_wrap=True, highlight=False)

    def _cells(self, model: str, epoch: int, numbers: list[str], seconds: str) -> None:
        while len(self.rows) <= epoch:
            self.rows.append({SCRATCH: [""] * 5, KERAS: [""] * 5})
        self.rows[epoch][model] = [*numbers, seconds]

    def _table(self) -> Table:
        title = f"[{COLOURS[SCRATCH]}]{SCRATCH}[/] beside [{COLOURS[KERAS]}]{KERAS}[/], a row per epoch"
        table = Table(title=title, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
        table.add_column("", justify="right")
        for model in (SCRATCH, KERAS):
            for name in ("loss", "acc", "val\nloss", "val\nacc", "s"):
                width = 4 if name == "s" else 6
                table.add_column(name, justify="right", style=COLOURS[model], no_wrap=True, min_width=width)
        first = 0 if self.finished else max(0, len(self.rows) - max(1, self.console.height - LINES_AROUND))
        for epoch, row in enumerate(self.rows[first:], start=first + 1):
            table.add_row(str(epoch), *row[SCRATCH], *row[KERAS])
        return table
