"""scratch-rnn gradcheck: the gradients of every cell and option against numbers that need no derivation."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scratch_rnn.checks.gradient_check import METHODS, Report, sweep_steps
from scratch_rnn.checks.known_bugs import BUGS
from scratch_rnn.checks.variants import (
    BATCH,
    FEATURES,
    LAYERS,
    LEAST_SCALE,
    MOST_SCALE,
    TIME,
    USUAL_SCALE,
    USUAL_UNITS,
    random_check,
    variants,
)
from scratch_rnn.commands.options import check_new_figure, path, positive_float, positive_int
from scratch_rnn.commands.terminal import say
from scratch_rnn.layers import LSTM


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "gradcheck",
        help="check the gradients of every cell and option",
        description="Check the hand-written gradients of every cell and option: weights, inputs and initial "
        "states, through a random projection of all outputs and final states. Exit status 1 if one is wrong.",
    )
    parser.add_argument("--cell", choices=[*LAYERS, "all"], default="all", help="which layer (default: all)")
    parser.add_argument("--method", choices=METHODS, default="complex", help="default: complex (step 1e-200)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64", help="default: float64")
    parser.add_argument(
        "--units", type=positive_int, default=USUAL_UNITS, help=f"of each layer (default: {USUAL_UNITS})"
    )
    parser.add_argument(
        "--scale",
        type=positive_float,
        default=USUAL_SCALE,
        help=f"of the random weights, from {LEAST_SCALE:g} to {MOST_SCALE:g}; with more than {USUAL_UNITS} "
        f"units they are smaller (default: {USUAL_SCALE:g})",
    )
    parser.add_argument(
        "--inject", choices=list(BUGS), metavar="BUG", help=f"a wrong backward pass: {', '.join(BUGS)}"
    )
    parser.add_argument(
        "--sweep",
        type=path,
        metavar="FILE",
        help="draw into a new file how the error of numeric derivatives depends on the step, for an LSTM",
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, show the table or the JSON, and return the exit status: 1 if a gradient is wrong."""
    if arguments.sweep:
        if arguments.inject or arguments.json:
            raise ValueError("--sweep draws a figure of a right LSTM: leave out --inject and --json")
        draw_sweep(arguments)
        return 0
    names = LAYERS if arguments.cell == "all" else [arguments.cell]
    method, units, dtype = arguments.method, arguments.units, arguments.dtype
    layers = [layer for name in names for layer in variants(name, units, dtype, method)]
    if arguments.inject:
        layers = [(layer, title) for layer, title in layers if BUGS[arguments.inject].fits(layer)]
        if not layers:
            chosen = f"--cell {arguments.cell} --method {method}"
            raise ValueError(f"{chosen} has no layer to show the bug {arguments.inject} in: leave them out")
    reports = [
        random_check(layer, method=method, scale=arguments.scale, bug=arguments.inject, title=title)
        for layer, title in layers
    ]
    if arguments.json:
        print(json.dumps([json.loads(report.to_json()) for report in reports], indent=2))
    else:
        console = Console()
        console.print(as_table(reports))
        for finding, layers_so in Counter(report.finding for report in reports if report.finding).items():
            console.print(f"{layers_so} of {len(reports)} layers: {finding}", highlight=False, markup=False)
        if arguments.inject:
            bug = BUGS[arguments.inject]
            say(console, f"{bug.name}: {bug.description}\n{bug.lines}")
        wrong = sum(not report.passed for report in reports)
        console.print(f"wrong: {wrong} of {len(reports)} layers", highlight=False)
    return 0 if all(report.passed for report in reports) else 1


def draw_sweep(arguments: argparse.Namespace) -> None:
    """Draw the V curve of central differences beside the flat line of the complex step."""
    from scratch_rnn.checks.figures import step_sweep
    from scratch_rnn.style import save

    check_new_figure(arguments.sweep, "--sweep")
    rng = np.random.default_rng(0)
    layer = LSTM(arguments.units, dtype="float64", seed=0)
    steps = np.logspace(-16, 0, 65)
    errors = sweep_steps(layer, rng.normal(size=(BATCH, TIME, FEATURES)), list(steps))
    figure = step_sweep(list(steps), errors, "How wrong a numeric derivative is")
    save(figure, arguments.sweep)
    say(Console(), f"drawn in {arguments.sweep}")


def as_table(reports: list[Report]) -> Table:
    """Return a row per layer: verdict, the worst error of all its arrays, where it is and what is wrong."""
    title = f"{reports[0].method}, tolerance {reports[0].tolerance:g} above a floor of {reports[0].floor:g}"
    table = Table(title=title, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("", no_wrap=True)  # the verdict; on a narrow terminal layers and places take more lines
    table.add_column("error", justify="right", no_wrap=True)
    table.add_column("layer")
    table.add_column("at")
    for report in reports:
        worst = report.worst
        where = worst.name if worst.index is None else f"{worst.name} {list(worst.index)}"
        where = f"{worst.name}: {worst.problem}" if worst.problem else where
        where = f"{where}\n{worst.finding}" if worst.finding else where
        verdict = "[green]ok[/]" if report.passed else "[bold red]WRONG[/]"
        table.add_row(verdict, f"{worst.error:.1e}", report.title, Text(where))
    return table
