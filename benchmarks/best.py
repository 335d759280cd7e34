"""The recipe `best`: three seeds of it on the test digits, and what each of its ingredients adds.

Every ingredient is left out in turn, and judged by the validation digits alone, the last tenth of those to
train on. The test digits are looked at once, at the end of the three whole trainings.

    python benchmarks/best.py

trains what is missing in results/best, a file for each training, and prints the table. It can be interrupted
and started again. Some quarter of an hour for each training on two cores; `--only` names some of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from typing import Any

from interleave import RESULTS, digits, write
from terminal import show

from scratch_rnn.data.mnist import Split
from scratch_rnn.runs.recipe import RECIPES, Recipe

BEST = replace(Recipe(), **RECIPES["best"])
SEEDS = (1, 2, 3)
WITHOUT: dict[str, dict[str, Any]] = {
    "without both directions": {"bidirectional": False},
    "with one layer": {"layers": 1},
    "without dropout": {"dropout": 0.0},
    "without moved digits": {"augment": False},
    "with a constant rate": {"schedule": "constant"},
}
JOBS = {
    **{f"seed {seed}": replace(BEST, seed=seed) for seed in SEEDS},
    **{name: replace(BEST, **change) for name, change in WITHOUT.items()},
}
FOLDER = RESULTS / "best"


def main() -> None:
    """Train what is missing, print the table."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--only", nargs="*", choices=list(JOBS), default=list(JOBS), metavar="NAME")
    parser.add_argument("--data", default="auto", help="as for scratch-rnn train (default: auto)")
    arguments = parser.parse_args()
    train, test = digits(parser, arguments.data)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        if name not in done():
            write(FOLDER / f"{name.replace(' ', '_')}.json", trained(name, train, test))
    show(rows(done()), str(BEST))


def trained(name: str, train: Split, test: Split) -> dict[str, Any]:
    """Return what came of a training: its recipe, history, seconds, and where it is a whole one the test."""
    recipe = JOBS[name]
    print(f"{name}: {recipe}")
    model = recipe.build_model(train[0].shape[1:], digits=len(train[0]))
    history = model.fit(
        *train,
        recipe.batch_size,
        recipe.epochs,
        verbose=2,
        validation_split=recipe.validation_split,
    )
    found = {"name": name, "recipe": recipe.to_dict(), "weights": model.count_params()}
    found |= {"history": history.history, "seconds": history.seconds, "workers": history.workers}
    return found | ({"test": model.evaluate(*test, 1000)} if name.startswith("seed") else {})


def done() -> dict[str, dict[str, Any]]:
    """Return what is in the folder, by name, in the order of JOBS."""
    found = {name: FOLDER / f"{name.replace(' ', '_')}.json" for name in JOBS}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.is_file()}


def rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a heading, a row for each training, and the mean of those that were tested."""
    table = [["", "weights", "validation", "test", "minutes"]]
    for name, result in results.items():
        tested = f"{result['test']['accuracy']:.2%}" if "test" in result else ""
        validated = f"{result['history']['val_accuracy'][-1]:.2%}"
        minutes = f"{sum(result['seconds']) / 60:.0f}"
        table.append([name, f"{result['weights']:,}", validated, tested, minutes])
    tests = [result["test"]["accuracy"] for result in results.values() if "test" in result]
    if tests:
        table.append([f"mean of {len(tests)}", "", "", f"{statistics.mean(tests):.2%}", ""])
    return table


if __name__ == "__main__":
    main()
