"""scratch-rnn exercise: parts of backpropagation through time to write oneself, and a judge."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scratch_rnn.commands.options import path
from scratch_rnn.commands.terminal import say
from scratch_rnn.exercises import Exercise, check_file, exercise, exercises
from scratch_rnn.exercises.blanks import blank_file
from scratch_rnn.files import atomic


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "exercise",
        help="write parts of the backward pass yourself, and have them judged",
        description="Learn by doing: functions with blanks, to be filled in with equations, mostly of "
        "docs/bptt.md, and a judge that says which equation is wrong and, of usual mistakes, why. Without "
        "more words it lists the exercises, in their order.",
    )
    parser.set_defaults(run=list_exercises)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    start = actions.add_parser("start", help="write a file with blanks")
    start.add_argument("name", metavar="NAME", help="of the exercise, as the list has it")
    start.add_argument("folder", type=path, metavar="DIR", nargs="?", default=Path(), help="default: here")
    start.set_defaults(run=start_exercise)
    check = actions.add_parser("check", help="judge a file; exit status 1 if it is wrong or unfinished")
    check.add_argument("file", type=path, metavar="FILE", help="with the function of an exercise")
    check.add_argument(
        "--hint",
        action="count",
        default=0,
        help="for the first thing that is wrong: once where to look, twice the rule, three times the line",
    )
    check.set_defaults(run=check_exercise)
    solution = actions.add_parser("solution", help="show a solution, if asked twice")
    solution.add_argument("name", metavar="NAME", help="of the exercise")
    solution.add_argument("--yes", action="store_true", help="show it")
    solution.set_defaults(run=show_solution)


def list_exercises(arguments: argparse.Namespace) -> None:
    """Print the exercises in their order, and how to begin."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "exercise", "equations", "here"):
        table.add_column(heading, min_width=25 if heading == "exercise" else None)  # the longest name
    for place, entry in enumerate(exercises(), 1):
        table.add_row(str(place), Text(f"{entry.name}\n{entry.title}"), _span(entry), _state(entry))
    console = Console()
    console.print(table)
    for line in ("scratch-rnn exercise start NAME", "scratch-rnn exercise check NAME.py"):
        console.print(Text(line))


def start_exercise(arguments: argparse.Namespace) -> None:
    """Write the file with blanks; one that is there already stays."""
    entry = exercise(arguments.name)
    file = arguments.folder / f"{entry.name}.py"
    if file.exists():
        raise FileExistsError(f"{file} exists already: go on with it, or name another folder to start anew")
    with atomic(file, new=True) as unfinished:
        unfinished.write_text(blank_file(entry), encoding="utf-8")
    console = Console()
    say(console, f"{file}: {entry.title}. Fill in what stands as ... and check it:")
    say(console, f"scratch-rnn exercise check {file}")


def check_exercise(arguments: argparse.Namespace) -> int:
    """Print the verdict and the hints that were asked for; return 0 where all is right, else 1."""
    console = Console()
    verdicts = check_file(arguments.file)
    for verdict in verdicts:
        colour = "green" if verdict.passed else "red" if verdict.findings else "yellow"
        first, *others = verdict.paragraphs()
        console.print(Text(first, style=f"bold {colour}"))
        for paragraph in [*others, *verdict.hint(arguments.hint)]:
            console.print(Text(paragraph))
        if not verdict.passed and not arguments.hint:
            hints = "With --hint: where to look; given twice, the rule; three times, the line."
            console.print(Text(hints, style="dim"))
    return int(not all(verdict.passed for verdict in verdicts))


def show_solution(arguments: argparse.Namespace) -> None:
    """Print a solution, or how to get a hint where it was not asked for twice."""
    entry = exercise(arguments.name)
    console = Console()
    if not arguments.yes:
        console.print(Text(f"A hint may be enough: scratch-rnn exercise check {entry.name}.py --hint"))
        console.print(Text(f"To see all of it: scratch-rnn exercise solution {entry.name} --yes"))
        return
    for line in entry.source.splitlines():
        say(console, line)


def _span(entry: Exercise) -> str:
    """Return the equations: those of a letter as a range, where none is left out."""
    spans = []
    for letter in dict.fromkeys(number[0] for number in entry.numbers):
        found = sorted(int(number[1:]) for number in entry.numbers if number[0] == letter)
        ranges = [[found[0]]]
        for number in found[1:]:
            if number == ranges[-1][-1] + 1:
                ranges[-1].append(number)
            else:
                ranges.append([number])
        for span in ranges:
            spans.append(f"{letter}{span[0]}" + (f" to {letter}{span[-1]}" if len(span) > 1 else ""))
    return ", ".join(spans)


def _state(entry: Exercise) -> str:
    """Return how a file of the usual name in the current folder stands."""
    file = Path(f"{entry.name}.py")
    if not file.is_file():
        return ""
    try:
        verdicts = check_file(file)
    except (OSError, ValueError):
        return "not readable"
    return "right" if all(verdict.passed for verdict in verdicts) else "begun"
