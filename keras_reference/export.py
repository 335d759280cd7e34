"""scratch-rnn export: write the NumPy network of a run to a file that another library reads."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

from rich.console import Console

from keras_reference.formats import FORMATS
from scratch_rnn.commands.options import check_new_file, path
from scratch_rnn.commands.terminal import say
from scratch_rnn.files import atomic
from scratch_rnn.runs.folder import load_run, read_recipe


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands. Other libraries are imported only when it runs."""
    parser = commands.add_parser(
        "export",
        help="write a trained network to a file that Keras, PyTorch or onnxruntime reads",
        description="Write a run's NumPy network to a file that another library reads, and say how it does.",
    )
    parser.add_argument("folder", type=path, metavar="RUN", help="folder of a run of train or compare")
    parser.add_argument("--to", required=True, choices=list(FORMATS), help="what is to read it")
    names = ", ".join(form.file for form in FORMATS.values())
    parser.add_argument(
        "--out", type=path, metavar="FILE", help=f"new file (default: in the run's folder {names})"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the file; print where it is and how it is read."""
    form = FORMATS[arguments.to]
    _, model = load_run(arguments.folder)
    _, image_shape = read_recipe(arguments.folder)
    file = arguments.out or arguments.folder / form.file
    check_new_file(file, "--out", Path(form.file).suffix)
    with atomic(file, new=True) as unfinished:
        form.write(model, image_shape, unfinished)
    console = Console()
    say(console, f"written to {file}")
    dtype = form.dtype_of(model)
    if dtype != model.dtype.name:
        say(console, f"its weights are rounded to {dtype}: onnxruntime computes in nothing else")
    lines = [f"# x: {form.input_of(model, image_shape)}", *form.use(model, str(file))]
    say(console, "\n" + textwrap.indent("\n".join(lines), "    "))
