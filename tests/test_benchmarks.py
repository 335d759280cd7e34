"""The benchmarks' own arithmetic."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def equivalence():
    return runpy.run_path(str(BENCHMARKS / "accuracy.py"))["equivalence"]


def test_small_differences_around_zero_are_equivalent(equivalence):
    result = equivalence(np.array([0.1, -0.1, 0.2, -0.2, 0.0]), 0.3)
    # Error sqrt(0.025 / 5), t = 0.3 / 0.0707 = 4.243 with 4 degrees of freedom: as in printed tables.
    assert result["difference"] == pytest.approx(0, abs=1e-15)
    assert result["p"] == pytest.approx(0.0066, abs=1e-4)
    assert result["high"] == pytest.approx(2.776 * 0.0707, abs=1e-3)
    assert result["low"] == pytest.approx(-result["high"])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_beyond_the_margin_is_not_equivalent_on_either_side(equivalence, sign):
    assert equivalence(sign * np.array([0.39, 0.4, 0.41]), 0.3)["p"] > 0.99


def test_a_wide_spread_shows_nothing_even_around_zero(equivalence):
    assert equivalence(np.array([1.0, -1.0, 0.5, -0.5]), 0.3)["p"] > 0.2


@pytest.mark.parametrize(("difference", "p"), [(0.0, 0), (0.2, 0), (-0.3, 1), (0.4, 1)])
def test_equal_differences_have_no_spread_to_test_with(equivalence, difference, p):
    result = equivalence(np.full(5, difference), 0.3)
    assert result == {"difference": difference, "low": difference, "high": difference, "p": p}
