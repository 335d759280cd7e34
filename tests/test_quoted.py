"""What is quoted of measured times: by hand."""

import pytest

from scratch_rnn.runs.quoted import fastest, median, medians, ratio, ratio_with_range, share

# Means are 5, 4 and 21: another order than that of the medians 2, 4 and 1.
OURS, THEIRS, STRAGGLER = [12.0, 1.0, 2.0], [4.0, 3.0, 5.0], [1.0, 61.0, 1.0]


def test_the_median_is_the_middle_one_whatever_the_slowest_took():
    assert median(OURS) == 2
    assert median([8.0, 1.0, 2.0, 4.0]) == 3
    assert medians({"ours": OURS, "theirs": THEIRS}) == {"ours": 2, "theirs": 4}


def test_a_ratio_is_ours_over_theirs():
    assert ratio(OURS, THEIRS) == 0.5
    assert ratio(THEIRS, OURS) == 2


def test_the_range_of_a_ratio_is_that_of_the_rounds_in_turn():
    assert ratio_with_range(OURS, THEIRS) == "0.50 (0.33 to 3.00)"
    assert ratio_with_range(THEIRS, OURS) == "2.00 (0.33 to 3.00)"
    with pytest.raises(ValueError, match="shorter"):
        ratio_with_range(OURS, THEIRS[:2])


def test_the_share_of_a_floor_is_the_floor_over_ours():
    assert share(OURS, THEIRS) == 0.5


def test_the_fastest_has_the_least_median():
    assert fastest({"ours": OURS, "straggler": STRAGGLER, "theirs": THEIRS}) == "straggler"


def test_of_no_times_nothing_is_quoted():
    with pytest.raises(ValueError, match="no median"):
        median([])
