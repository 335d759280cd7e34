"""Rows of text, the first of which is the head, as a table on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

Rows = list[list[str]]


def show(rows: Rows, title: str | None = None) -> None:
    """Print them."""
    Console().print(as_table(rows, title))


def as_table(rows: Rows, title: str | None = None) -> Table:
    """Return them as rich prints them: names on the left, what stands behind them on the right."""
    head, *body = rows
    table = Table(title=title)
    for number, column in enumerate(head):
        table.add_column(column, justify="right" if number else "left")
    for row in body:
        table.add_row(*row)
    return table
