"""What each step does to the gradient on its way back, over rows with ink and over blank ones.

Of the networks in a folder of runs, before training and after it, over the first 200 test digits; d is dL/dh
and in the LSTM dL/dc:

    growth   ‖d‖ at row t - 1 over ‖d‖ at row t
    direct   the same by the factor alone that step t puts on d entry by entry, φ' in the SimpleRNN, u in the
             GRU, f in the LSTM: ‖factor ⊙ d‖ over ‖d‖
    radius   largest absolute eigenvalue of the SimpleRNN's recurrent kernel U; norm is its largest singular
             value

The first two over all rows above a digit's ink, in it and below it: sums of the sizes divided.

    scratch-rnn train --cell all --epochs 3 --out runs/three
    python benchmarks/growth.py runs/three

prints the table and writes results/growth.json. A few seconds, after a minute of training.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from interleave import RESULTS, write
from terminal import show

from scratch_rnn.commands.options import path
from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.inside import local_factors, state_gradients
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.folder import load_run, run_folders
from scratch_rnn.training.model import Sequential

DIGITS = 200
PLACES = ("above", "in the ink", "below")


def main() -> None:
    """Measure, print the table, write the JSON."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument(
        "folder", type=path, metavar="RUN", help="folder of a run of train, such as runs/three"
    )
    results = measured(parser.parse_args().folder)
    show(as_rows(results), f"growth of the gradient a step back, first {DIGITS} test digits")
    write(RESULTS / "growth.json", {"digits": DIGITS, "cells": results})


def measured(folder: Path) -> dict[str, dict[str, Any]]:
    """Return for each cell what is said above of its network before and after training."""
    results = {}
    for each in run_folders(folder):
        recipe, model = load_run(each)
        _, (x, y) = load_mnist(recipe.data)
        x, y = x[:DIGITS], y[:DIGITS]
        untrained = recipe.build_model(x.shape[1:])
        results[CELLS[recipe.cell].__name__] = {
            "before training": of_network(untrained, x, y),
            "after training": of_network(model, x, y),
        }
    return results


def of_network(model: Sequential, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return both kinds of growth by place and, where U is square, radius and norm."""
    gradients = state_gradients(model, x, y)
    d = gradients.get("c", gradients["h"]).astype(np.float64)
    sizes, direct = (np.linalg.norm(array, axis=-1) for array in (d, local_factors(model, x) * d))
    growth: dict[str, dict[str, float]] = {"growth": {}, "direct": {}}
    for place, rows in places(x).items():
        at = rows[:, 1:]  # step 1 leads out of the digit
        growth["growth"][place] = float(sizes[:, :-1][at].sum() / sizes[:, 1:][at].sum())
        growth["direct"][place] = float(direct[:, 1:][at].sum() / sizes[:, 1:][at].sum())
    return {**growth, **of_kernel(model.layers[0].recurrent_kernel)}


def places(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return which rows of digits (N, T, D) lie above those with ink, between them, below them."""
    ink = x.any(axis=-1)
    begun = np.logical_or.accumulate(ink, axis=1)
    goes_on = np.logical_or.accumulate(ink[:, ::-1], axis=1)[:, ::-1]
    return dict(zip(PLACES, (~begun, begun & goes_on, ~goes_on), strict=True))


def of_kernel(recurrent_kernel: np.ndarray) -> dict[str, float]:
    """Return spectral radius and norm of a square recurrent kernel; nothing of one with gates."""
    if recurrent_kernel.shape[0] != recurrent_kernel.shape[1]:
        return {}
    eigenvalues = np.linalg.eigvals(recurrent_kernel.astype(np.float64))
    return {"radius": float(np.abs(eigenvalues).max()), "norm": float(np.linalg.norm(recurrent_kernel, 2))}


def as_rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the table, its head first: a row for each cell before and after training."""
    rows = [["growth a step back (direct)", "above the ink", "in the ink", "below the ink", "radius of U"]]
    for cell, of_cell in results.items():
        for when, found in of_cell.items():
            pairs = (f"{found['growth'][place]:.2f} ({found['direct'][place]:.2f})" for place in PLACES)
            rows.append([f"{cell} {when}", *pairs, f"{found['radius']:.2f}" if "radius" in found else ""])
    return rows


if __name__ == "__main__":
    main()
