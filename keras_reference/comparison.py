"""How far two trained models agree, in numbers."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array

SCRATCH, KERAS = "scratch_rnn", "Keras"  # the two models, as tables, figures and files name them
FIRST_BATCHES = 100


def mcnemar_exact(wrong_a: Array, wrong_b: Array) -> float:
    """Return the two-sided p-value of McNemar's exact test on the mistakes of two classifiers.

    wrong_a, wrong_b: bool (N,), True where that classifier is wrong. Only the digits that exactly one of them
    gets wrong count; were both equally good, each would be either one's with probability 1/2
    (McNemar 1947; exact binomial form). A small p-value speaks against equally good.
    """
    only_a = int(np.sum(wrong_a & ~wrong_b))
    only_b = int(np.sum(wrong_b & ~wrong_a))
    discordant = only_a + only_b
    tail = sum(comb(discordant, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**discordant)


def largest_relative_difference(a: list[float], b: list[float]) -> float:
    """Return max |a_i - b_i| / |b_i| over the first hundred entries."""
    first, second = np.array(a[:FIRST_BATCHES]), np.array(b[:FIRST_BATCHES])
    return float(np.max(np.abs(first - second) / np.abs(second)))


def agreement(labels: Array, probabilities_a: Array, probabilities_b: Array) -> dict[str, Any]:
    """Compare the predictions of two classifiers: labels (N,), probabilities (N, 10) each."""
    a, b = probabilities_a.argmax(axis=1), probabilities_b.argmax(axis=1)
    return {
        "agreement": float(np.mean(a == b)),
        "only_scratch_rnn_wrong": int(np.sum((a != labels) & (b == labels))),
        "only_keras_wrong": int(np.sum((a == labels) & (b != labels))),
        "mcnemar_p": mcnemar_exact(a != labels, b != labels),
        "largest_probability_difference": float(np.max(np.abs(probabilities_a - probabilities_b))),
    }
