"""What many runs say: their spread, whether two libraries are equivalent, and how many runs would tell.

Equivalence is shown by two one-sided t-tests on the paired differences (TOST; Schuirmann 1987,
J. Pharmacokin. Biopharm. 15, 657): a small p says that the mean difference lies within the margin. That two
libraries do not differ significantly would not say so: it may only mean that too few runs were made.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95  # of the interval
LEVEL = 0.05  # p below it decides
POWER = 0.8  # the probability of such a p that a number of pairs is chosen for
MOST_PAIRS = 10**6


def spread(values: ArrayLike) -> dict[str, float | None]:
    """Return mean, sample standard deviation, least, median and most of values (N,), N at least one.

    A single value has no deviation: None.
    """
    values = np.asarray(values, dtype=float)
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "least": float(values.min()),
        "median": float(np.median(values)),
        "most": float(values.max()),
    }


def equivalence(differences: ArrayLike, margin: float) -> dict[str, float]:
    """Return mean and deviation of paired differences (N,), an interval of the mean, and the p of TOST.

    N is at least two. p is the larger of those of "the mean is -margin or below" and "the mean is margin or
    above". Raises ModuleNotFoundError where scipy is missing.
    """
    stats = scipy_stats()
    differences = np.asarray(differences, dtype=float)
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    if np.ptp(differences) == 0:  # no spread at all: nothing for a t-test to divide by
        return {"mean": mean, "sd": 0.0, "low": mean, "high": mean, "p": float(abs(mean) >= margin)}
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(CONFIDENCE)
    p = max(
        stats.ttest_1samp(differences, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(differences, margin, alternative="less").pvalue,
    )
    return {"mean": mean, "sd": sd, "low": float(low), "high": float(high), "p": float(p)}


def power(pairs: int, mean: float, sd: float, margin: float) -> float:
    """Return the probability that so many new pairs reach p < LEVEL, were mean and deviation the true ones.

    Each of the two tests has a noncentral t-distribution; of both together this is the lower bound, which is
    close where it is of use (Phillips 1990, J. Pharmacokin. Biopharm. 18, 137).
    """
    stats, freedom, error = scipy_stats(), pairs - 1, sd / math.sqrt(pairs)
    critical = stats.t.ppf(1 - LEVEL, freedom)
    below_upper = stats.nct.cdf(-critical, freedom, (mean - margin) / error)
    above_lower = stats.nct.sf(critical, freedom, (mean + margin) / error)
    return max(0.0, float(below_upper + above_lower) - 1)


def pairs_needed(mean: float, sd: float, margin: float) -> int | None:
    """Return the least number of pairs with a `power` of POWER; None where no number, or none below
    MOST_PAIRS, would do: the mean lies outside the margin or at it.
    """
    if abs(mean) >= margin:
        return None
    if sd == 0:
        return 2
    enough = 2
    while power(enough, mean, sd, margin) < POWER:
        if enough > MOST_PAIRS:
            return None
        enough *= 2
    few = enough // 2
    while few + 1 < enough:
        middle = (few + enough) // 2
        few, enough = (few, middle) if power(middle, mean, sd, margin) >= POWER else (middle, enough)
    return enough


def scipy_stats() -> Any:
    """Return scipy.stats. Raises ModuleNotFoundError with one line that says what to install."""
    try:
        return importlib.import_module("scipy.stats")
    except ImportError as error:
        raise ModuleNotFoundError(
            f'the tests of a study are scipy\'s ({error}): pip install "scratch_rnn[study]"', name=error.name
        ) from error
