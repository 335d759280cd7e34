"""When a network's answer is not to be relied on, in words."""

from __future__ import annotations

import numpy as np

from scratch_rnn.arrays import Array

# The least probability, in steps of a twentieth, from which on 99 of 100 answers are right with every cell:
# benchmarks/sure.py has measured it on MNIST's test digits, results/sure.json keeps what it found.
SURE = 0.85


def is_sure(probabilities: Array) -> bool:
    """Whether one of the classes (classes,) is probable enough to be the answer."""
    return float(np.max(probabilities)) >= SURE


def doubts(probabilities: Array, parts: int) -> list[str]:
    """Return what speaks against the answer to a picture with so many separate parts; nothing, as a rule."""
    found = [f"{parts} separate parts: read one at a time?"] if parts > 1 else []
    if not is_sure(probabilities):
        likeliest = np.argsort(probabilities)[:-3:-1]
        found.append(f"unsure: {', '.join(f'{100 * probabilities[n]:.0f} % for {n}' for n in likeliest)}")
    return found
