"""scratch-rnn inspect: what happens in a trained network while it reads a digit, and on the way back."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from scratch_rnn.commands.digits import load_digits
from scratch_rnn.commands.options import natural_int, path
from scratch_rnn.commands.terminal import say
from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.files import atomic_folder, unused
from scratch_rnn.inside import Reading, answers, direct_growth, gradient_reach, read
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.folder import load_run, read_recipe, run_folders
from scratch_rnn.runs.recipe import Recipe

REACH_DIGITS = 200  # test digits over which the size of the gradients is averaged


@dataclass(frozen=True)
class Inspection:
    """One run's network: how it reads a digit, and how far its gradients reach.

    before, after    of training, what `gradient_reach` says
    direct           before and after, what `direct_growth` says
    """

    folder: Path
    recipe: Recipe
    reading: Reading
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    direct: tuple[np.ndarray, np.ndarray]

    @property
    def cell(self) -> str:
        """The cell's class, such as LSTM."""
        return CELLS[self.recipe.cell].__name__


def add_command(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "inspect",
        help="look inside a trained network while it reads a digit",
        description="Draw what happens in a run's network while it reads a digit row by row: what it "
        "would answer after each row, its gates and states, how far gradients reach back before and after "
        "training, and what a small change of each pixel would do to its answer; and make a page, "
        "player.html, that plays it all.",
    )
    parser.add_argument(
        "folder", type=path, metavar="RUN", help="folder of a run of train or compare, --cell all included"
    )
    parser.add_argument("image", type=path, nargs="?", metavar="IMAGE", help="image file with one digit")
    parser.add_argument(
        "--test-index", type=natural_int, metavar="N", help="a digit of the run's test set (default: 0)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look into the network of each run in the folder; draw, and say what was seen."""
    console = Console()
    folders = run_folders(arguments.folder)
    runs = [load_run(folder) for folder in folders]
    _, image_shape = read_recipe(folders[0])
    name, digit, label = _digit(runs[0][0], arguments.image, arguments.test_index, image_shape)
    inspections = []
    for folder, (recipe, model) in zip(folders, runs, strict=True):
        _, (x, y) = load_mnist(recipe.data)
        x, y = x[:REACH_DIGITS], y[:REACH_DIGITS]
        untrained = recipe.build_model(x.shape[1:])  # the same seed: the weights with which training began
        before, after = gradient_reach(untrained, x, y), gradient_reach(model, x, y)
        direct = direct_growth(untrained, x, y), direct_growth(model, x, y)
        inspections.append(Inspection(folder, recipe, read(model, digit, label), before, after, direct))
    for inspection in inspections:
        _print_answer(inspection, name, label, len(x), console)
    with console.status("drawing"):
        drawn = _draw_all(inspections, arguments.folder, name, len(x))
    for folder in drawn:
        files = ", ".join(sorted(file.name for file in folder.iterdir()))
        say(console, f"{files}: in {folder}")


def _digit(
    recipe: Recipe, image: Path | None, test_index: int | None, image_shape: tuple[int, int]
) -> tuple[str, np.ndarray, int | None]:
    """Return the digit's name, the digit itself and, of a test digit, its label."""
    paths = [] if image is None else [image]
    test_index = 0 if not paths and test_index is None else test_index
    digits = load_digits(recipe, paths, test_index, image_shape)
    return digits.names[0], digits.images[0], None if digits.labels is None else int(digits.labels[0])


def _print_answer(inspection: Inspection, name: str, label: int | None, count: int, console: Console) -> None:
    """Print the answer row by row, and how much of the gradient reaches the first row."""
    reading = inspection.reading
    *earlier, (first, last, said) = answers(reading.belief)
    verdict = "" if label is None else " (right)" if said == label else f" (wrong: its label is {label})"
    lines = [f"[bold]{inspection.recipe}[/bold]"]
    lines.append(f"{escape(name)}: {said}{verdict}, {reading.belief[-1, said]:.1%} in the end")
    said_before = "".join(f"{_rows(*span[:2])}: {span[2]}, " for span in earlier)
    lines.append(f"answer had it ended there: {said_before}from row {first + 1} of {last + 1} on: {said}")
    before, after = (norms["h"][0] / norms["h"][-1] for norms in (inspection.before, inspection.after))
    lines.append(
        f"size of dL/dh at row 1 over that at row {last + 1}, means of {count} test digits: "
        f"{before:.2g} before training, {after:.2g} after"
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _rows(first: int, last: int) -> str:
    return f"row {first + 1}" if first == last else f"rows {first + 1} to {last + 1}"


def _draw_all(inspections: list[Inspection], folder: Path, name: str, count: int) -> list[Path]:
    """Draw everything into a new folder in each run's own, reach.png of several runs into one beside them."""
    from scratch_rnn.inside import figures
    from scratch_rnn.style import save

    stem = f"inspect-{Path(name).stem}"
    direct_before, direct_after = (
        {inspection.cell: inspection.direct[when] for inspection in inspections} for when in (0, 1)
    )
    reach = figures.reach(
        {inspection.cell: inspection.before for inspection in inspections},
        {inspection.cell: inspection.after for inspection in inspections},
        f"How far gradients reach: mean of {count} test digits",
        (direct_before, direct_after),
    )
    drawn = []
    for inspection in inspections:
        drawn.append(unused(inspection.folder / stem))
        with atomic_folder(drawn[-1]) as unfinished:
            _draw_reading(inspection, name, unfinished)
            if len(inspections) == 1:
                save(reach, unfinished / "reach.png")
    if len(inspections) > 1:
        drawn.append(unused(folder / stem))
        with atomic_folder(drawn[-1]) as unfinished:
            save(reach, unfinished / "reach.png")
    return drawn


def _draw_reading(inspection: Inspection, name: str, folder: Path) -> None:
    """Draw all that concerns one network and one digit."""
    from scratch_rnn.inside import figures
    from scratch_rnn.inside.player import save_player
    from scratch_rnn.style import save

    title = f"{inspection.recipe}: {name}"
    for draw in (figures.belief, figures.gates, figures.saliency):
        save(draw(inspection.reading, title), folder / f"{draw.__name__}.png")
    save_player(inspection.reading, title, folder / "player.html")
