"""What a comparison says in numbers, as rows of text, and the tables that end one on a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keras_reference.comparison import KERAS, SCRATCH

NUMBERS = ("loss", "accuracy", "val_loss", "val_accuracy")
SUMMARY_HEAD = ("", SCRATCH, KERAS, "difference")
CELLS_HEAD = ("", "test accuracy", "McNemar p", "same answer", "first losses", "s per epoch")


def summary_table(summary: dict[str, Any]) -> Table:
    """Return the summary of one run as a table that a person can read."""
    table = Table(title=f"{summary['test_digits']:,} test digits")
    for name in SUMMARY_HEAD:
        table.add_column(name, justify="left" if not name else "right")
    for row in summary_rows(summary):
        table.add_row(*row)
    return table


def summary_rows(summary: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the summary of one run as the texts of its rows, in the columns of SUMMARY_HEAD."""
    scratch, keras = summary["test"][SCRATCH], summary["test"][KERAS]
    seconds = summary["seconds_per_epoch"]
    points = _signed(100 * (scratch["accuracy"] - keras["accuracy"]), 2)
    return [
        ("test accuracy", f"{scratch['accuracy']:.2%}", f"{keras['accuracy']:.2%}", f"{points} points"),
        (
            "test loss",
            f"{scratch['loss']:.4f}",
            f"{keras['loss']:.4f}",
            _signed(scratch["loss"] - keras["loss"], 4),
        ),
        (
            "wrong alone",
            f"{summary['only_scratch_rnn_wrong']}",
            f"{summary['only_keras_wrong']}",
            f"p = {summary['mcnemar_p']:.2g} (McNemar, exact)",
        ),
        ("same answer", "", "", f"{summary['agreement']:.2%} of the digits"),
        (
            f"first {summary['first_batches']} batches",
            "",
            "",
            f"losses within {summary['first_batch_losses_differ']:.1e}",
        ),
        (
            "seconds per epoch",
            f"{seconds[SCRATCH]:.1f}",
            f"{seconds[KERAS]:.1f}",
            f"{summary['ratio_of_seconds']:.2f} of Keras's",
        ),
    ]


def table_of_cells(summaries: list[dict[str, Any]]) -> Table:
    """Return the summaries of several cells, a row per cell; scratch_rnn's numbers stand first."""
    table = Table(title=f"{SCRATCH} / {KERAS}", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in CELLS_HEAD:
        table.add_column(name, justify="left" if not name else "right")
    for summary in summaries:
        table.add_row(*cell_row(summary))
    return table


def cell_row(summary: dict[str, Any]) -> tuple[str, ...]:
    """Return the summary of one cell's run as the texts of its row, in the columns of CELLS_HEAD."""
    return (
        summary["recipe"]["cell"],
        " / ".join(f"{summary['test'][name]['accuracy']:.2%}" for name in (SCRATCH, KERAS)),
        f"{summary['mcnemar_p']:.2g}",
        f"{summary['agreement']:.2%}",
        f"{summary['first_batch_losses_differ']:.1e}",
        " / ".join(f"{summary['seconds_per_epoch'][name]:.1f}" for name in (SCRATCH, KERAS)),
    )


def number_of(logs: dict[str, float], name: str) -> str:
    """Return one of the NUMBERS as text; none where the logs lack it."""
    if name not in logs:
        return ""
    return f"{logs[name]:.2%}" if name.endswith("accuracy") else f"{logs[name]:.4f}"


def _signed(value: float, digits: int) -> str:
    """Return a number with its sign; what rounds to zero counts as +0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"
