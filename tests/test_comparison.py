"""The numbers that say how far two trained models agree."""

import numpy as np
import pytest

from keras_reference.comparison import agreement, largest_relative_difference, mcnemar_exact


def mistakes(only_a, only_b, both=3, neither=5):
    wrong_a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
    wrong_b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
    return np.array(wrong_a), np.array(wrong_b)


# By hand: 2 * P(X <= min) for X ~ Binomial(n, 1/2), at most 1.
@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (1, 1, 1.0), (0, 1, 1.0), (0, 5, 2 / 32), (5, 0, 2 / 32), (1, 7, 2 * 9 / 256), (3, 3, 1.0)],
)
def test_mcnemar_is_the_two_sided_binomial_test_on_the_mistakes_that_only_one_makes(only_a, only_b, p):
    assert mcnemar_exact(*mistakes(only_a, only_b)) == pytest.approx(p, rel=1e-14)


def test_mcnemar_does_not_overflow_with_thousands_of_mistakes():
    assert mcnemar_exact(*mistakes(3000, 3100)) == pytest.approx(0.205, abs=0.002)


def test_agreement_counts_the_digits_on_which_one_model_alone_is_wrong():
    labels = np.array([0, 1, 2, 3])
    a, b = np.eye(10)[[0, 1, 2, 9]], np.eye(10)[[0, 9, 9, 9]]
    result = agreement(labels, a, b)
    assert result["agreement"] == 0.5
    assert (result["only_scratch_rnn_wrong"], result["only_keras_wrong"]) == (0, 2)
    assert result["mcnemar_p"] == 0.5
    assert result["largest_probability_difference"] == 1


def test_losses_are_compared_over_the_first_hundred_batches_only():
    same, late = [1.0] * 100 + [2.0], [1.0] * 100 + [4.0]
    assert largest_relative_difference(same, late) == 0
    assert largest_relative_difference([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
