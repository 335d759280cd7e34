"""What a comparison says in numbers, as rows of text, and the tables that end one on a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keras_reference.comparison import models_of, wrong_alone
from scratch_rnn.runs.result import Result

# The numbers of an epoch, and what they are called at the head of a table.
NUMBERS = {"loss": "loss", "accuracy": "accuracy", "val_loss": "val. loss", "val_accuracy": "val. accuracy"}
CELLS_HEAD = ("", "test accuracy", "McNemar p", "same answer", "first losses", "s per epoch")


def summary_table(summary: dict[str, Any]) -> Table:
    """Return the summary of one run as a table that a person can read."""
    table = Table(title=f"{summary['test_digits']:,} test digits")
    for name in summary_head(summary):
        table.add_column(name, justify="left" if not name else "right")
    for row in summary_rows(summary):
        table.add_row(*row)
    return table


def summary_head(summary: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return the heads of the columns of `summary_rows`."""
    return ("", *models_of(summary), "difference")


def summary_rows(summary: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the summary of one run as the texts of its rows, in the columns of `summary_head`."""
    scratch, reference = models = models_of(summary)
    accuracy, loss = (
        {model: summary["test"][model][name] for model in models} for name in ("accuracy", "loss")
    )
    points = _signed(100 * (accuracy[scratch] - accuracy[reference]), 2)
    batches, apart = summary["first_batches"], summary["first_batch_losses_differ"]
    return [
        ("test accuracy", *_of_both(accuracy, ".2%"), f"{points} points"),
        ("test loss", *_of_both(loss, ".4f"), _signed(loss[scratch] - loss[reference], 4)),
        (
            "wrong alone",
            f"{summary[wrong_alone(scratch)]}",
            f"{summary[wrong_alone(reference)]}",
            f"p = {summary['mcnemar_p']:.2g} (McNemar, exact)",
        ),
        ("same answer", "", "", f"{summary['agreement']:.2%} of the digits"),
        (f"first {batches} batches", "", "", f"losses within {apart:.1e}"),
        (
            "seconds per epoch",
            *_of_both(summary["seconds_per_epoch"], ".1f"),
            f"{summary['ratio_of_seconds']:.2f} of {reference}'s",
        ),
        ("computed on", summary["conditions"]["workers"], "", f"{reference}: all cores"),
    ]


def table_of_cells(summaries: list[dict[str, Any]]) -> Table:
    """Return the summaries of several cells, a row per cell; scratch_rnn's numbers stand first."""
    table = Table(
        title=" / ".join(models_of(summaries[0])), box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False
    )
    for name in CELLS_HEAD:
        table.add_column(name, justify="left" if not name else "right")
    for summary in summaries:
        table.add_row(*cell_row(summary))
    return table


def cell_row(summary: dict[str, Any]) -> tuple[str, ...]:
    """Return the summary of one cell's run as the texts of its row, in the columns of CELLS_HEAD."""
    return (
        summary["recipe"]["cell"],
        " / ".join(f"{summary['test'][model]['accuracy']:.2%}" for model in models_of(summary)),
        f"{summary['mcnemar_p']:.2g}",
        f"{summary['agreement']:.2%}",
        f"{summary['first_batch_losses_differ']:.1e}",
        " / ".join(_of_both(summary["seconds_per_epoch"], ".1f")),
    )


def epoch_texts(result: Result, number: int) -> list[str]:
    """Return the NUMBERS of one epoch of a model, counted from 0, and its seconds, as texts."""
    logs = result.epoch(number)
    return [*(number_of(logs, name) for name in NUMBERS), f"{result.seconds[number]:.1f}"]


def number_of(logs: dict[str, float], name: str) -> str:
    """Return one of the NUMBERS as text; none where the logs lack it."""
    if name not in logs:
        return ""
    return f"{logs[name]:.2%}" if name.endswith("accuracy") else f"{logs[name]:.4f}"


def _of_both(numbers: dict[str, float], form: str) -> tuple[str, str]:
    """Return the number of either model as text, in their order."""
    scratch, reference = (format(number, form) for number in numbers.values())
    return scratch, reference


def _signed(value: float, digits: int) -> str:
    """Return a number with its sign; what rounds to zero counts as +0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"
