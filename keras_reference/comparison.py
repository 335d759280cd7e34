"""How far two trained models agree, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.runs import quoted
from scratch_rnn.runs.result import SCRATCH, Result

KERAS, PYTORCH = "Keras", "PyTorch"  # as tables, figures and files name the twins
FIRST_BATCHES = 100


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a scratch_rnn model and its twin did, on the same batches and the same test digits.

    labels  int (N,), the right classes of the test
    """

    scratch: Result
    reference: Result
    labels: Array

    @property
    def results(self) -> tuple[Result, Result]:
        """Both, in the order in which they are shown everywhere."""
        return self.scratch, self.reference

    def numbers(self) -> dict[str, Any]:
        """Return all numbers of the comparison, as summary.json has them."""
        return {
            "test": {result.name: result.scores for result in self.results},
            **agreement(
                self.labels, self.scratch.probabilities, self.reference.probabilities, self.reference.name
            ),
            "first_batches": len(self.scratch.batch_losses[:FIRST_BATCHES]),
            "first_batch_losses_differ": largest_relative_difference(
                self.scratch.batch_losses, self.reference.batch_losses
            ),
            "seconds_per_epoch": {result.name: result.seconds_per_epoch for result in self.results},
            "ratio_of_seconds": quoted.ratio(self.scratch.seconds, self.reference.seconds),
        }


def models_of(summary: dict[str, Any]) -> tuple[str, str]:
    """Return the names of the two models of a summary.json, scratch_rnn's first."""
    scratch, reference = summary["test"]
    return scratch, reference


def wrong_alone(name: str) -> str:
    """Return under which name summary.json counts the digits that this model alone gets wrong."""
    return f"only_{name.lower()}_wrong"


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


def largest_relative_difference(ours: list[float], theirs: list[float]) -> float:
    """Return max |ours_i - theirs_i| / |theirs_i| over the first hundred entries."""
    first, second = np.array(ours[:FIRST_BATCHES]), np.array(theirs[:FIRST_BATCHES])
    return float(np.max(np.abs(first - second) / np.abs(second)))


def agreement(labels: Array, scratch: Array, reference: Array, name: str = KERAS) -> dict[str, Any]:
    """Compare the predictions of both models: labels (N,), probabilities (N, 10) each; `name` the twin's."""
    ours, theirs = scratch.argmax(axis=1), reference.argmax(axis=1)
    return {
        "agreement": float(np.mean(ours == theirs)),
        wrong_alone(SCRATCH): int(np.sum((ours != labels) & (theirs == labels))),
        wrong_alone(name): int(np.sum((ours == labels) & (theirs != labels))),
        "mcnemar_p": mcnemar_exact(ours != labels, theirs != labels),
        "largest_probability_difference": float(np.max(np.abs(scratch - reference))),
    }
