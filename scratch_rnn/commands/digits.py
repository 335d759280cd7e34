"""The digits that a command is asked about: image files, or one of the run's test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.recipe import Recipe


def load_digits(
    recipe: Recipe, paths: Sequence[Path], test_index: int | None
) -> tuple[list[str], np.ndarray, np.ndarray | None]:
    """Return names, images (N, 28, 28) and, for a test digit, its label (1,).

    Raises ValueError for both or an index out of range, and what `load_digit` and `load_mnist` raise.
    """
    if paths and test_index is not None:
        raise ValueError("name image files or --test-index, not both")
    if test_index is None:
        from scratch_rnn.data.images import load_digit

        return [path.name for path in paths], np.stack([load_digit(path) for path in paths]), None
    _, (x_test, y_test) = load_mnist(recipe.data)
    if test_index >= len(x_test):
        raise ValueError(
            f"--test-index {test_index} is out of range: the test set has {len(x_test)} digits, from 0"
        )
    rows = slice(test_index, test_index + 1)
    return [f"test-{test_index}"], x_test[rows], y_test[rows]
