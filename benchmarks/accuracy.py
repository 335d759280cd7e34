"""Whether both libraries reach the same test accuracy: several seeds for each cell, a test of equivalence.

A pair begins with the same weights and sees the same batches of all 60,000 training digits; then both are
tested on the 10,000 test digits. The recipe is that of the second tutorial, Adam, cut to three epochs. The
paired differences of the accuracies go through two one-sided t-tests (TOST; Schuirmann 1987): a small p says
that the mean difference lies within the margin, 0.3 points either way. That two libraries do not differ
significantly would not say so: it may only mean that too few runs were made.

    python benchmarks/accuracy.py --seeds 10

prints the table and writes results/accuracy/first.json, after every run.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from typing import Any

import numpy as np
from interleave import RESULTS, digits, result_file
from rich.console import Console
from rich.table import Table

from keras_reference.backend import import_keras
from keras_reference.comparison import KERAS, SCRATCH, agreement
from scratch_rnn.commands.options import natural_int, positive_float, positive_int
from scratch_rnn.data.mnist import Split
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import OPTIMIZERS, Recipe

CONFIDENCE = 0.95


def main() -> None:
    """Train, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--cell", choices=[*CELLS, "all"], default="all", help="default: all")
    add("--seeds", type=positive_int, default=5, help="how many runs of each cell (default: 5)")
    add("--first-seed", type=natural_int, default=0, help="the others follow it (default: 0)")
    add("--epochs", type=positive_int, default=3, help="default: 3")
    add("--optimizer", choices=list(OPTIMIZERS), default="adam", help="default: adam")
    add("--margin", type=positive_float, default=0.3, help="of equivalence, in points (default: 0.3)")
    add("--data", default="auto", help="as for scratch-rnn compare (default: auto)")
    add("--out", type=result_file, default=RESULTS / "accuracy" / "first.json")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds: one run has no spread; take two or more")
    import_keras()
    train, test = digits(parser, arguments.data)
    console, runs = Console(), []
    for cell in CELLS if arguments.cell == "all" else [arguments.cell]:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            recipe = Recipe(cell=cell, optimizer=arguments.optimizer, epochs=arguments.epochs, seed=seed)
            runs.append({"cell": cell, "seed": seed, **train_and_test(recipe, train, test)})
            console.print(runs[-1])
            write(arguments, runs)
    console.print(as_table(summaries(runs, arguments.margin), arguments))


def train_and_test(recipe: Recipe, train: Split, test: Split) -> dict[str, Any]:
    """Train a pair; return the test accuracy of each in percent, and the share of equal answers."""
    import keras

    from keras_reference.side_by_side import predict_twin, train_side_by_side
    from keras_reference.twin import build_twin

    keras.backend.clear_session()  # names and part of the memory; the process still grows by 150 MB a run
    (x, y), size = test, recipe.batch_size
    model = recipe.build_model(x.shape[1:])
    twin = build_twin(model, (None, *x.shape[1:]))
    train_side_by_side(model, twin, train, None, epochs=recipe.epochs, batch_size=size, seed=recipe.seed)
    probabilities = [model.predict(x, size), predict_twin(model, twin, x, size)]
    accuracies = [100 * float(np.mean(p.argmax(axis=1) == y)) for p in probabilities]
    same = agreement(y, *probabilities)["agreement"]
    return {SCRATCH: accuracies[0], KERAS: accuracies[1], "same_answer": same}


def summaries(runs: list[dict[str, Any]], margin: float) -> dict[str, dict[str, float]]:
    """Return for each cell the means and standard deviations of both, and what `equivalence` says."""
    result = {}
    for cell in CELLS:
        ours, theirs = (
            np.array([run[name] for run in runs if run["cell"] == cell]) for name in (SCRATCH, KERAS)
        )
        if len(ours) > 1:
            result[cell] = {
                "runs": len(ours),
                f"{SCRATCH} mean": float(ours.mean()),
                f"{SCRATCH} sd": float(ours.std(ddof=1)),
                f"{KERAS} mean": float(theirs.mean()),
                f"{KERAS} sd": float(theirs.std(ddof=1)),
                **equivalence(ours - theirs, margin),
            }
    return result


def equivalence(differences: np.ndarray, margin: float) -> dict[str, float]:
    """Return the mean of paired differences, its confidence interval, and the p of the two one-sided tests.

    p is the larger of those of "the mean is -margin or below" and "the mean is margin or above".
    """
    from scipy import stats

    mean = float(differences.mean())
    if np.ptp(differences) == 0:  # no spread at all: nothing for a t-test to divide by
        return {"difference": mean, "low": mean, "high": mean, "p": float(abs(mean) >= margin)}
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(CONFIDENCE)
    p = max(
        stats.ttest_1samp(differences, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(differences, margin, alternative="less").pvalue,
    )
    return {"difference": mean, "low": float(low), "high": float(high), "p": float(p)}


def write(arguments: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    """Write all runs so far, and what they say."""
    content = {
        "recipe": {"optimizer": arguments.optimizer, "epochs": arguments.epochs, "dtype": Recipe.dtype},
        "versions": {name: version(name) for name in ("numpy", "keras", "tensorflow", "scipy")},
        "margin": arguments.margin,
        "confidence": CONFIDENCE,
        "summaries": summaries(runs, arguments.margin),
        "runs": runs,
    }
    arguments.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def as_table(rows: dict[str, dict[str, float]], arguments: argparse.Namespace) -> Table:
    """Return a row for each cell."""
    table = Table(title=f"test accuracy after {arguments.epochs} epochs of {arguments.optimizer}, in percent")
    for name in ("cell", "runs", SCRATCH, KERAS, "difference", f"TOST p, ±{arguments.margin:g}"):
        table.add_column(name, justify="left" if name == "cell" else "right")
    for cell, row in rows.items():
        table.add_row(
            cell,
            str(row["runs"]),
            *(f"{row[f'{name} mean']:.2f} ± {row[f'{name} sd']:.2f}" for name in (SCRATCH, KERAS)),
            f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})",
            f"{row['p']:.2g}",
        )
    return table


if __name__ == "__main__":
    main()
