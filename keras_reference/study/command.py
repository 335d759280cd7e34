"""scratch-rnn study: a recipe, or several, with many seeds, and what all the runs say together."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from keras_reference.study.folder import StudyFolder
from keras_reference.study.jobs import Job, Terms
from keras_reference.study.plan import MARGIN, Plan, parse_seeds, plan_from, seeds_in_words
from keras_reference.study.progress import TimeLeft, Watch, watching
from keras_reference.study.worker import Failed
from keras_reference.study.workers import Engine, engine
from scratch_rnn.commands.options import (
    add_field_options,
    as_word,
    asked_for,
    option_of,
    path,
    positive_float,
    positive_int,
)
from scratch_rnn.commands.terminal import say
from scratch_rnn.files import unused
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.folder import RUNS
from scratch_rnn.runs.recipe import RECIPES
from scratch_rnn.training.samples import split_row


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands. Keras and scipy are imported only when it needs them."""
    parser = commands.add_parser(
        "study",
        help="train with many seeds, and say what the runs have in common",
        description="Train recipes with many seeds, one job a cell and seed, and show means, spreads and, "
        "with --keras, whether both libraries are equivalent. Each finished job is a file: started again "
        "with the same --out, the command computes what is missing.",
    )
    add = parser.add_argument
    add(
        "file",
        nargs="?",
        type=path,
        metavar="FILE",
        help="a JSON file that says all of it, such as benchmarks/studies/accuracy.json",
    )
    add(
        "--recipe",
        action="append",
        choices=list(RECIPES),
        help="what the options below change; may stand several times (default: default)",
    )
    add("--seeds", type=_seeds, help="0:40, which is 0 to 39, or a list such as 1,5,7 (default: 0:5)")
    add("--keras", action="store_true", help="train the Keras twin of each too, and compare")
    add("--margin", type=positive_float, help=f"of equivalence, in points (default: {MARGIN:g})")
    add(
        "--cell",
        action="append",
        choices=[*CELLS, "all"],
        help="all: the three in turn; may stand several times (default: lstm)",
    )
    add_field_options(parser, "cell", "seed")
    add("--quick", action="store_true", help="short runs on the digits that ship with the package")
    add(
        "--out",
        type=path,
        metavar="DIR",
        help="folder for the results, or one of this study to go on with (default: a new one in runs/)",
    )
    add(
        "--workers",
        type=positive_int,
        help="jobs at a time, each on one thread; results do not depend on it (default: one a core)",
    )
    add(
        "--engine",
        dest="jobs_on",  # not `engine`, with which ranks share one training
        choices=["processes", "mpi"],
        default="processes",
        help="mpi: on the ranks of mpiexec -n N scratch-rnn study --engine mpi ..., the first of which hands "
        "out the jobs (default: processes)",
    )
    parser.set_defaults(run=run)


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return parse_seeds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> int:
    """Do what is missing of the study, and show what all of it says; return 1 where a job has failed."""
    with engine(arguments.jobs_on, arguments.workers) as found:
        return study(arguments, found) if found is not None else 0


def study(arguments: argparse.Namespace, engine: Engine) -> int:
    """Do so with the jobs computed by that engine."""
    from keras_reference.study.page import check_packages, conclude

    plan, console = plan_from(arguments), Console()
    check_packages(plan.keras)
    terms = Terms.here(plan.recipes(), plan.keras)
    _check(plan, terms)
    folder = StudyFolder(arguments.out or unused(RUNS / f"study-{datetime.now():%Y%m%d-%H%M%S}"))
    folder.begin(plan, terms)
    jobs, done = list(plan.jobs()), folder.results()
    say(console, f"{folder.path}: started again with this --out, the same command goes on")
    missing = folder.missing(jobs)
    try:
        with watching(console, TimeLeft(engine.workers, missing, done), len(jobs)) as watch:
            failed = compute(missing, terms, folder, engine, watch)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted: jobs finished in {folder.path}: {folder.count()}; the same command with "
            f"--out {folder.path} goes on"
        ) from None
    conclude(folder, command_of(arguments), folder.holds_others(jobs), console)
    for line in failed:
        say(console, f"failed, and tried again next time: {line}")
    return 1 if failed else 0


def _check(plan: Plan, terms: Terms) -> None:
    """Raise ValueError or MemoryError, before anything is written, for a recipe that cannot be trained."""
    for recipe in plan.recipes():
        (x, _), _ = terms.check(recipe.data)
        split_row(len(x), recipe.validation_split)
        recipe.build_model(x.shape[1:], threads=1, digits=len(x))


def compute(
    jobs: Sequence[Job], terms: Terms, folder: StudyFolder, engine: Engine, watch: Watch
) -> list[str]:
    """Compute jobs, and keep each one's result as it comes; return a line for each that failed."""
    failed = []
    for job, outcome in engine.run(jobs, terms):
        if isinstance(outcome, Failed):
            failed.append(f"{job}: {outcome.reason}")
        else:
            folder.write(job, outcome)
        watch.show(job, outcome)
    return failed


def command_of(arguments: argparse.Namespace) -> list[str]:
    """Return the command that repeats the study, as a shell takes it, in pieces that belong together."""
    if arguments.file is not None:
        return ["scratch-rnn study", shlex.quote(str(arguments.file))]
    changes = asked_for(arguments)
    lists = {"recipe": arguments.recipe or [], "cell": changes.pop("cell", [])}
    options = {option_of(name): as_word(value) for name, value in changes.items()}
    if arguments.seeds:
        options["--seeds"] = seeds_in_words(arguments.seeds)
    if arguments.margin:
        options["--margin"] = f"{arguments.margin:g}"
    several = [(option_of(name), value) for name, values in lists.items() for value in values]
    given = [*several, *options.items()]
    flags = [f"--{name}" for name in ("keras", "quick") if getattr(arguments, name)]
    return ["scratch-rnn study", *map(shlex.join, given), *flags]
