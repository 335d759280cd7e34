"""What ends a study: summary.json, the figures, study.html, and the tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from rich.console import Console

from keras_reference.study.folder import StudyFolder
from keras_reference.study.statistics import LEVEL, scipy_stats
from keras_reference.study.summary import grouped, summarize
from keras_reference.study.tables import (
    SPREAD_HEAD,
    pair_rows,
    pairs_head,
    rows_of,
    signed,
    spread_rows,
    tables,
)
from scratch_rnn.commands.terminal import say
from scratch_rnn.files import write_json
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe

NAME = "study.html"
Runs = Sequence[dict[str, Any]]


def check_packages(keras: bool) -> None:
    """Raise ModuleNotFoundError with one line where a package is missing that the end will need."""
    if find_spec("jinja2") is None:
        raise ModuleNotFoundError(
            'study.html is made with Jinja2, which is missing: pip install "scratch_rnn[study]"',
            name="jinja2",
        )
    if keras:
        scipy_stats()


def conclude(folder: StudyFolder, command: list[str], joined: bool, console: Console) -> None:
    """Write what the finished jobs say into the folder, and print it. Raises OSError where one cannot be.

    command  that has ended now; `joined` says whether jobs are there that it does not name
    """
    identity, results = folder.identity(), folder.results()
    if not results:
        say(console, "no job is finished")
        return
    summary = summarize(identity, results)
    write_json(folder.path / "summary.json", summary)
    for table in tables(summary):
        console.print(table)
    _draw(folder, summary, results)
    _write(folder, summary, results, command, joined)
    say(console, f"{NAME}, figures, summary.json and the jobs are in {folder.path}")


def _draw(folder: StudyFolder, summary: dict[str, Any], results: Runs) -> None:
    """Draw two figures of each recipe."""
    from keras_reference.study import figures
    from scratch_rnn.style import save

    for recipe in _with_runs(summary):
        runs_of = {cell: runs for series, cell, runs in grouped(summary, results) if series == recipe}
        rows, title = rows_of(summary, recipe), f"{recipe}: {training(summary, recipe)}"
        save(figures.curves(runs_of, title), folder.path / f"{recipe}-curves.png")
        save(figures.accuracies(rows, summary["margin"], title), folder.path / f"{recipe}-accuracies.png")


def _write(
    folder: StudyFolder, summary: dict[str, Any], results: Runs, command: list[str], joined: bool
) -> None:
    """Write the page."""
    from keras_reference.pages import write_page

    names = ", ".join(
        CELLS[cell].__name__ for cell in CELLS if any(r["cell"] == cell for r in summary["rows"])
    )
    write_page(
        folder.path / NAME,
        "study.html",
        title=names,
        summary=summary,
        count=len(results),
        parts=[_part(folder, summary, recipe) for recipe in _with_runs(summary)],
        spread_head=SPREAD_HEAD,
        pairs_head=pairs_head(summary),
        settings=_settings(summary, results),
        command=command,
        joined=joined,
    )


def _part(folder: StudyFolder, summary: dict[str, Any], recipe: str) -> dict[str, Any]:
    """Return what the page shows of a recipe."""
    from keras_reference.pages import picture

    rows = rows_of(summary, recipe)
    means = "; ".join(
        f"{CELLS[row['cell']].__name__} "
        + ", ".join(f"{spread['mean']:.2f} % with {model}" for model, spread in row["spread"].items())
        for row in rows
    )
    return {
        "name": recipe,
        "training": training(summary, recipe),
        "spread": spread_rows(rows),
        "pairs": pair_rows(rows),
        "verdicts": [verdict(row, summary) for row in rows if "pairs" in row],
        "curves": picture(folder.path / f"{recipe}-curves.png", "Accuracy of every run over the epochs."),
        "accuracies": picture(
            folder.path / f"{recipe}-accuracies.png", f"A dot for each run's test accuracy. Means: {means}."
        ),
    }


def verdict(row: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return what the test of equivalence says of a cell, in words."""
    pairs, cell, margin = row["pairs"], CELLS[row["cell"]].__name__, f"{summary['margin']:g} points"
    if pairs["sd"] == 0:
        return f"{cell}: all differences are {signed(pairs['mean'])} points: there is no spread to test with."
    p = f"p = {pairs['p']:.2g}"
    if pairs["p"] < LEVEL:
        return f"{cell}: the means of both libraries lie within {margin} of each other ({p})."
    undecided = f"{cell}: {len(row['seeds'])} seeds do not decide ({p})."
    if pairs["pairs_needed"] is None:
        return (
            f"{undecided} With this mean and spread no number of seeds would, for the mean lies {margin} "
            "or more from zero."
        )
    return (
        f"{undecided} Were this mean and spread the true ones, {pairs['pairs_needed']:,} seeds would decide "
        f"with a probability of {summary['power']:.0%}."
    )


def training(summary: dict[str, Any], recipe: str) -> str:
    """Return how the networks of a recipe are trained: Adam 0.001, batch 128, 3 epochs."""
    fields = _recipe(summary, recipe)
    return f"{fields.training}, {fields.epochs} {'epoch' if fields.epochs == 1 else 'epochs'}"


def _recipe(summary: dict[str, Any], name: str) -> Recipe:
    return Recipe(**{field: value for field, value in summary["recipes"][name].items() if field != "digits"})


def _with_runs(summary: dict[str, Any]) -> list[str]:
    return [recipe for recipe in summary["recipes"] if rows_of(summary, recipe)]


def _settings(summary: dict[str, Any], results: Runs) -> list[tuple[str, str]]:
    """Return what else has to be known of the study, each with its name."""
    digits = {tuple(result["digits"].items()): None for result in results}
    return [
        *((f"recipe {name}", training(summary, name)) for name in _with_runs(summary)),
        ("digits", "; ".join(", ".join(f"{n:,} to {what}" for what, n in counts) for counts in digits)),
        ("computed in", f"{_in_words(sum(result['seconds'] for result in results))} of one thread"),
        ("versions", ", ".join(f"{name} {version}" for name, version in summary["versions"].items())),
    ]


def _in_words(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds > 3600 else f"{seconds / 60:.1f} minutes"
