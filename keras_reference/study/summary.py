"""What the finished jobs of a study say, in the numbers of summary.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from keras_reference.study.statistics import CONFIDENCE, LEVEL, POWER, equivalence, pairs_needed, spread
from scratch_rnn.layers import CELLS

Results = Sequence[dict[str, Any]]  # as `run_job` returns them


def summarize(identity: dict[str, Any], results: Results) -> dict[str, Any]:
    """Return the content of summary.json from that of study.json and of the finished jobs' files.

    It has a row for each recipe and cell of which there is a run; accuracies are those of the test, in
    percent.
    """
    margin = identity["margin"]
    rows = [row(series, cell, runs, margin) for series, cell, runs in grouped(identity, results)]
    return {**identity, "confidence": CONFIDENCE, "level": LEVEL, "power": POWER, "rows": rows}


def grouped(identity: dict[str, Any], results: Results) -> Iterator[tuple[str, str, Results]]:
    """Yield recipe and cell, each in its order, with their runs in the order of the seeds."""
    ordered = sorted(results, key=lambda result: result["seed"])
    for series in identity["recipes"]:
        for cell in CELLS:
            if runs := [run for run in ordered if (run["series"], run["cell"]) == (series, cell)]:
                yield series, cell, runs


def row(series: str, cell: str, runs: Results, margin: float) -> dict[str, Any]:
    """Return what the runs of one cell by one recipe say; of pairs, from two on, the tests too."""
    accuracies = {model: [accuracy(run, model) for run in runs] for model in runs[0]["models"]}
    content = {
        "recipe": series,
        "cell": cell,
        "seeds": [run["seed"] for run in runs],
        "digits": runs[0]["digits"],
        "accuracies": accuracies,
        "spread": {model: spread(values) for model, values in accuracies.items()},
    }
    if len(accuracies) < 2:
        return content
    content["agreement"] = [run["agreement"] for run in runs]
    if len(runs) > 1:
        differences = [difference(run) for run in runs]
        tested = equivalence(differences, margin)
        needed = pairs_needed(tested["mean"], tested["sd"], margin)
        content["pairs"] = {"differences": differences, **tested, "pairs_needed": needed}
    return content


def accuracy(run: dict[str, Any], model: str) -> float:
    """Return the test accuracy of a model in percent."""
    return 100 * int(run["models"][model]["right"]) / int(run["digits"]["test"])


def difference(run: dict[str, Any]) -> float:
    """Return by how many points scratch_rnn is ahead; equal counts give equal numbers, to the bit."""
    ours, theirs = (of_model["right"] for of_model in run["models"].values())
    return 100 * int(ours - theirs) / int(run["digits"]["test"])
