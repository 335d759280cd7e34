"""The numbers that say how far two trained models agree."""

import numpy as np
import pytest
from contrast import KERAS_SAYS, LABELS, keras_result, scratch_result
from scipy.stats import binomtest

from keras_reference.comparison import Comparison, agreement, largest_relative_difference, mcnemar_exact


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
    expected = binomtest(3000, 6100).pvalue
    assert mcnemar_exact(*mistakes(3000, 3100)) == pytest.approx(expected, rel=1e-9)


def test_agreement_is_the_share_of_equal_answers_right_or_wrong():
    """On 4 of 20 digits Keras says 3, as scratch_rnn always does: on three threes and on an eight."""
    result = agreement(LABELS, scratch_result().probabilities, keras_result().probabilities)
    assert result["agreement"] == 4 / 20


def test_wrong_alone_are_the_digits_that_the_other_one_gets_right():
    """Keras gets 5 of 20 wrong, of which one is a three; scratch_rnn gets all but the four threes wrong."""
    ours, theirs = scratch_result().probabilities, keras_result().probabilities
    result = agreement(LABELS, ours, theirs)
    assert (result["only_scratch_rnn_wrong"], result["only_keras_wrong"]) == (12, 1)
    assert result["mcnemar_p"] == pytest.approx(2 * (1 + 13) / 2**13)
    swapped = agreement(LABELS, theirs, ours)
    assert (swapped["only_scratch_rnn_wrong"], swapped["only_keras_wrong"]) == (1, 12)


def test_the_largest_difference_is_that_of_one_probability_of_one_digit():
    p = np.full((3, 10), 0.1)
    q = p.copy()
    q[2, 7] -= 0.0625
    q[1, 4] += 0.03125
    assert agreement(np.zeros(3, int), p, q)["largest_probability_difference"] == pytest.approx(0.0625)


def test_losses_are_compared_over_the_first_hundred_batches_only():
    same, late = [1.0] * 100 + [2.0], [1.0] * 100 + [4.0]
    assert largest_relative_difference(same, late) == 0
    assert largest_relative_difference([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)


def test_a_difference_of_losses_is_relative_to_that_of_keras():
    assert largest_relative_difference([1.0, 3.0], [1.0, 2.0]) == 0.5
    assert largest_relative_difference([1.0, 1.0], [1.0, 2.0]) == 0.5
    assert largest_relative_difference([2.0], [1.0]) == 1


def test_the_numbers_of_a_comparison_are_those_of_its_models_each_under_its_name():
    numbers = Comparison(scratch_result(), keras_result(), LABELS).numbers()
    assert numbers == {
        "test": {
            "scratch_rnn": {"loss": 1.8024, "accuracy": 0.2007},
            "Keras": {"loss": 0.6135, "accuracy": 0.8046},
        },
        "agreement": 4 / 20,
        "only_scratch_rnn_wrong": 12,
        "only_keras_wrong": 1,
        "mcnemar_p": 2 * (1 + 13) / 2**13,
        "largest_probability_difference": numbers["largest_probability_difference"],
        "first_batches": 3,
        "first_batch_losses_differ": 0.25,  # 2.5 beside 2.0
        "seconds_per_epoch": {"scratch_rnn": 2.5, "Keras": 5.3},
        "ratio_of_seconds": 2.5 / 5.3,
    }
    assert list(numbers["test"]) == list(numbers["seconds_per_epoch"]) == ["scratch_rnn", "Keras"]
    apart = np.abs(scratch_result().probabilities - keras_result().probabilities)
    assert numbers["largest_probability_difference"] == apart.max()


def test_no_more_than_the_first_hundred_batches_are_said_to_be_compared():
    scratch, keras = scratch_result(), keras_result()
    scratch.batch_losses = keras.batch_losses = [1.0] * 150
    assert Comparison(scratch, keras, LABELS).numbers()["first_batches"] == 100


def test_the_models_of_these_tests_are_as_they_say():
    assert set(scratch_result().answers) == {3}
    np.testing.assert_array_equal(keras_result().answers, KERAS_SAYS)
    assert np.flatnonzero(KERAS_SAYS != LABELS).tolist() == [2, 8, 11, 16, 17]
