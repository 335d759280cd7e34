"""report.html: a comparison as one page that needs no other file and no network.

The words and the layout are in templates/; here is gathered what they are filled with.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_reference.comparison import models_of, wrong_alone
from keras_reference.pages import Picture, picture, write_page
from keras_reference.tables import CELLS_HEAD, cell_row, summary_head, summary_rows
from scratch_rnn.commands.options import options_of
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result

NAME = "report.html"
CHANCE = 0.05  # p below it: more than chance

Summary = dict[str, Any]


def write_report(folder: Path, summary: Summary, results: Sequence[Result]) -> None:
    """Write the report of a run into its folder, where its figures are; whole or not at all.

    Args:
        folder: of the run.
        summary: what becomes summary.json.
        results: of both models, the first being that of scratch_rnn.

    Raises:
        OSError: a figure cannot be read, or the report cannot be written.
    """
    recipe = Recipe.from_dict(summary["recipe"])
    write_page(
        folder / NAME,
        "run.html",
        recipe=recipe,
        summary=summary,
        models=models_of(summary),
        head=summary_head(summary),
        rows=summary_rows(summary),
        verdict=mcnemar_in_words(summary),
        curves=_curves(folder, results),
        predictions=_predictions(folder),
        confusion=_confusion(folder, summary),
        results=results,
        settings=_settings([summary]),
        command=command_of(recipe, summary["conditions"]),
    )


def write_report_of_cells(folder: Path, runs: Sequence[tuple[Summary, Sequence[Result]]]) -> None:
    """Write the report that compares the cells into the folder in which each has its run's.

    Of each run it takes what `write_report` takes. Raises OSError where a figure cannot be read, or the
    report cannot be written.
    """
    summaries = [summary for summary, _ in runs]
    recipe = Recipe.from_dict(summaries[0]["recipe"])
    cells = [
        {
            "name": CELLS[summary["recipe"]["cell"]].__name__,
            "report": f"{summary['recipe']['cell']}/{NAME}",
            "row": cell_row(summary)[1:],
            "verdict": mcnemar_in_words(summary),
            "curves": _curves(folder / summary["recipe"]["cell"], results),
        }
        for summary, results in runs
    ]
    write_page(
        folder / NAME,
        "cells.html",
        summary=summaries[0],
        models=models_of(summaries[0]),
        head=CELLS_HEAD,
        cells=cells,
        settings=_settings(summaries),
        command=command_of(replace(recipe, cell="all"), summaries[0]["conditions"]),
    )


# ---------------------------------------------------------------- words


def mcnemar_in_words(summary: Summary) -> str:
    """Return what the counts of digits that one model alone gets wrong, and their p, mean."""
    scratch, reference = models_of(summary)
    ours, theirs, p = (summary[n] for n in (wrong_alone(scratch), wrong_alone(reference), "mcnemar_p"))
    if not ours + theirs:
        return "No digit is wrong with one model and right with the other: on these digits the two are equal."
    counts = f"{scratch} alone is wrong on {_count(ours, 'digit')}, {reference} alone on {theirs:,}. "
    chance = f"Were both equally good, counts at least so uneven would come with probability {p:.2g}: "
    if p >= CHANCE:
        return f"{counts}{chance}no sign that either is better."
    better = reference if ours > theirs else scratch
    return (
        f"{counts}{chance}this is hardly chance, and {better} is the better one here. That is said of these "
        "two trained networks, not of the libraries; another seed may turn it round."
    )


def _count(number: int, of: str) -> str:
    return f"{number:,} {of}{'' if number == 1 else 's'}"


def command_of(recipe: Recipe, conditions: dict[str, Any]) -> list[str]:
    """Return the command that repeats a run, as a shell takes it, in pieces that belong together."""
    threads, processes = conditions["threads"], conditions["processes"]
    backend = conditions.get("backend", "tensorflow")
    engine = conditions.get("engine")  # earlier versions had none to choose
    variables = [] if backend == "tensorflow" else [f"KERAS_BACKEND={backend}"]
    options = options_of(recipe) | {"--reference": recipe.reference}
    if threads is not None:
        options["--threads"] = str(threads)
    if processes is not None:
        options["--processes"] = str(processes)
    if engine is not None:
        options["--engine"] = engine
    if engine == "mpi":
        ranks = conditions["workers"].split()[0]  # of 4 MPI ranks, for example
        variables.append(f"mpiexec -n {ranks}")
    return [*variables, "scratch-rnn compare", *map(shlex.join, options.items())]


def _settings(summaries: Sequence[Summary]) -> list[tuple[str, str]]:
    """The settings of a run, or of one a cell, each with its name."""
    summary = summaries[0]  # only the cell and its weights differ
    scratch, reference = models_of(summary)
    recipe, conditions = Recipe.from_dict(summary["recipe"]), summary["conditions"]
    networks = [f"{Recipe.from_dict(s['recipe']).network}, {s['weights']:,} weights" for s in summaries]
    machine = (conditions["processor"], conditions["system"], _count(conditions["cores"], "core"))
    versions = {"Python": conditions["python"], **conditions["versions"]}
    backend = [("backend of Keras", conditions["backend"])] if "backend" in conditions else []
    return [
        ("network" if len(networks) == 1 else "networks", f"{'; '.join(networks)}; {recipe.dtype}"),
        ("training", f"{recipe.training}, {_count(recipe.epochs, 'epoch')}, seed {recipe.seed}"),
        ("data", _data_in_words(recipe.data, summary["test_digits"])),
        (
            "digits",
            f"{summary['train_digits']:,} to train on, {summary['validation_digits']:,} to validate, "
            f"{summary['test_digits']:,} to test",
        ),
        ("date", conditions["date"]),
        ("machine", ", ".join(machine)),
        ("cores used", f"{conditions['workers']} in {scratch}; {reference} takes all cores"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        *backend,
    ]


def _data_in_words(data: str, test_digits: int) -> str:
    """Of MNIST and the sample, either of which "auto" may be, MNIST alone has 10,000 test digits."""
    if data == "auto" and test_digits == 10_000:
        return "MNIST"
    return "the sample of MNIST that ships with scratch_rnn" if data in ("auto", "sample") else data


# ---------------------------------------------------------------- figures


def _curves(folder: Path, results: Sequence[Result]) -> Picture:
    last = " and ".join(f"{result.history['val_accuracy'][-1]:.2%} with {result.name}" for result in results)
    epochs = len(results[0].history["loss"])
    alt = (
        "Accuracy on the left and loss on the right over the epochs, training and validation of both models. "
        f"After epoch {epochs} the validation accuracy is {last}."
    )
    return picture(folder / "curves.png", alt)


def _predictions(folder: Path) -> Picture:
    alt = "Test digits, each with its label, who is right or says what, and ten bars for each model."
    return picture(folder / "predictions.png", alt)


def _confusion(folder: Path, summary: Summary) -> Picture:
    digits, (scratch, reference) = summary["test_digits"], models_of(summary)
    ours, theirs = (round((1 - scores["accuracy"]) * digits) for scores in summary["test"].values())
    alt = (
        "Two tables, right classes down and predicted classes across, a count in each field. "
        f"{scratch} has {ours:,} wrong of {digits:,}, {reference} {theirs:,}."
    )
    return picture(folder / "confusion.png", alt)
