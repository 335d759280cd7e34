"""The tables that end a comparison."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keras_reference.comparison import KERAS, SCRATCH


def summary_table(summary: dict[str, Any]) -> Table:
    """Return the summary of one run as a table that a person can read."""
    scratch, keras = summary["test"][SCRATCH], summary["test"][KERAS]
    seconds = summary["seconds_per_epoch"]
    table = Table(title=f"{summary['test_digits']:,} test digits")
    for name in ("", SCRATCH, KERAS, "difference"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row(
        "test accuracy",
        f"{scratch['accuracy']:.2%}",
        f"{keras['accuracy']:.2%}",
        f"{_signed(100 * (scratch['accuracy'] - keras['accuracy']), 2)} points",
    )
    difference = _signed(scratch["loss"] - keras["loss"], 4)
    table.add_row("test loss", f"{scratch['loss']:.4f}", f"{keras['loss']:.4f}", difference)
    table.add_row(
        "wrong alone",
        f"{summary['only_scratch_rnn_wrong']}",
        f"{summary['only_keras_wrong']}",
        f"p = {summary['mcnemar_p']:.2g} (McNemar, exact)",
    )
    table.add_row("same answer", "", "", f"{summary['agreement']:.2%} of the digits")
    table.add_row(
        f"first {summary['first_batches']} batches",
        "",
        "",
        f"losses within {summary['first_batch_losses_differ']:.1e}",
    )
    table.add_row(
        "seconds per epoch",
        f"{seconds[SCRATCH]:.1f}",
        f"{seconds[KERAS]:.1f}",
        f"{summary['ratio_of_seconds']:.2f} of Keras's",
    )
    return table


def table_of_cells(summaries: list[dict[str, Any]]) -> Table:
    """Return the summaries of several cells, a row per cell; scratch_rnn's numbers stand first."""
    table = Table(title=f"{SCRATCH} / {KERAS}", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("")
    for name in ("test accuracy", "McNemar p", "same answer", "first losses", "s per epoch"):
        table.add_column(name, justify="right")
    for summary in summaries:
        table.add_row(
            summary["recipe"]["cell"],
            " / ".join(f"{summary['test'][name]['accuracy']:.2%}" for name in (SCRATCH, KERAS)),
            f"{summary['mcnemar_p']:.2g}",
            f"{summary['agreement']:.2%}",
            f"{summary['first_batch_losses_differ']:.1e}",
            " / ".join(f"{summary['seconds_per_epoch'][name]:.1f}" for name in (SCRATCH, KERAS)),
        )
    return table


def _signed(value: float, digits: int) -> str:
    """Return a number with its sign; what rounds to zero counts as +0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"
