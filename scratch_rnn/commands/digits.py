"""The digits that a command is asked about: image files, or one of the run's test set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.recipe import Recipe


class Digits(NamedTuple):
    """The digits that a command is asked about.

    names   what to call each
    images  (N, H, W); of image files 28 x 28
    labels  (1,) of a test digit, None for image files
    parts   of each picture, how many parts of it are by themselves and as tall as a digit
    """

    names: list[str]
    images: np.ndarray
    labels: np.ndarray | None
    parts: list[int]


def load_digits(
    recipe: Recipe, paths: Sequence[Path], test_index: int | None, image_shape: tuple[int, int] | None = None
) -> Digits:
    """Return the digits of the image files, or the one of the test set.

    Raises ValueError for both, for an index out of range and for images of another shape than `image_shape`,
    where that is given, and what `load_digit` and `load_mnist` raise.
    """
    digits = _load_digits(recipe, paths, test_index)
    if image_shape not in (None, digits.images.shape[1:]):
        height, width = digits.images.shape[1:]
        expected = " x ".join(map(str, image_shape or ()))
        raise ValueError(
            f"{digits.names[0]} is an image of {height} x {width}, but this network was trained on images of "
            f"{expected}: take a digit of its own test set with --test-index"
        )
    return digits


def _load_digits(recipe: Recipe, paths: Sequence[Path], test_index: int | None) -> Digits:
    if paths and test_index is not None:
        raise ValueError("name image files or --test-index, not both")
    if test_index is None:
        from scratch_rnn.data.images import load_picture

        pictures = [load_picture(path) for path in paths]
        images, parts = (
            np.stack([picture.digit for picture in pictures]),
            [picture.parts for picture in pictures],
        )
        return Digits([_in_utf8(path.name) for path in paths], images, None, parts)
    _, (x_test, y_test) = load_mnist(recipe.data)
    if test_index >= len(x_test):
        raise ValueError(
            f"--test-index {test_index} is out of range: the test set has {len(x_test)} digits, from 0"
        )
    rows = slice(test_index, test_index + 1)
    return Digits([f"test-{test_index}"], x_test[rows], y_test[rows], [1])


def _in_utf8(name: str) -> str:
    """Return a file's name as it can be drawn: bytes that are no UTF-8 become question marks."""
    return os.fsencode(name).decode("utf-8", errors="replace")
