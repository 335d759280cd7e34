"""What a study says, as rows of text, and as the tables that end it on a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keras_reference.study.statistics import LEVEL
from scratch_rnn.layers import CELLS

SPREAD_HEAD = ("", "library", "seeds", "mean", "sd", "least", "median", "most")
Row = dict[str, Any]


def tables(summary: dict[str, Any]) -> list[Table]:
    """Return for each recipe the table of its accuracies and, where there are pairs, that of their tests."""
    found = []
    for recipe in summary["recipes"]:
        rows = rows_of(summary, recipe)
        if rows:
            found.append(_table(f"{recipe}: test accuracy in percent", SPREAD_HEAD, spread_rows(rows)))
        if pairs := pair_rows(rows):
            found.append(_table(f"{recipe}: scratch_rnn minus Keras, in points", pairs_head(summary), pairs))
    return found


def rows_of(summary: dict[str, Any], recipe: str) -> list[Row]:
    """Return the rows of a summary.json that are of a recipe."""
    return [row for row in summary["rows"] if row["recipe"] == recipe]


def spread_rows(rows: list[Row]) -> list[tuple[str, ...]]:
    """Return a row of texts for each cell and library, in the columns of SPREAD_HEAD."""
    return [
        (
            CELLS[row["cell"]].__name__,
            model,
            str(len(row["seeds"])),
            *("" if value is None else f"{value:.2f}" for value in row["spread"][model].values()),
        )
        for row in rows
        for model in row["spread"]
    ]


def pairs_head(summary: dict[str, Any]) -> tuple[str, ...]:
    """Return the heads of the columns of `pair_rows`."""
    interval, p = f"{100 * summary['confidence']:g} % interval", f"TOST p,\n± {summary['margin']:g}"
    return ("", "pairs", "mean", interval, p, "more\nseeds", "same\nanswer")


def pair_rows(rows: list[Row]) -> list[tuple[str, ...]]:
    """Return a row of texts for each cell that has two pairs or more."""
    return [
        (
            CELLS[row["cell"]].__name__,
            str(len(row["seeds"])),
            signed(row["pairs"]["mean"]),
            f"{signed(row['pairs']['low'])} to {signed(row['pairs']['high'])}",
            f"{row['pairs']['p']:.2g}",
            more_seeds(row),
            f"{100 * min(row['agreement']):.1f} to {max(row['agreement']):.1%}",
        )
        for row in rows
        if "pairs" in row
    ]


def more_seeds(row: Row) -> str:
    """Return how many seeds more would decide, in words."""
    if row["pairs"]["p"] < LEVEL:
        return "decided"
    needed = row["pairs"]["pairs_needed"]
    return "none would" if needed is None else f"{max(needed - len(row['seeds']), 1):,}"


def signed(points: float) -> str:
    """Return a difference with its sign; what rounds to zero counts as +0."""
    return f"{round(points, 3) + 0.0:+.3f}"


def _table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for number, name in enumerate(head):
        left = number == 0 or name == "library"
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
