"""Schedules of the learning rate: the numbers by hand, the optimizer that follows them, and what is refused.

All steps of all of them are compared with Keras in test_keras_parity.py.
"""

import numpy as np
import pytest

from scratch_rnn import (
    SGD,
    Adam,
    CosineDecay,
    CosineDecayRestarts,
    Dense,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Sequential,
    SimpleRNN,
)


class Halving(LearningRateSchedule):
    """A schedule of a user's own, which computes with NumPy."""

    def __call__(self, step):
        return np.float64(0.5) ** step


def rates(schedule, *steps):
    return [schedule(step) for step in steps]


# The numbers -----------------------------------------------------------------------------------------------


def test_exponential_decay_multiplies_by_the_rate_in_so_many_steps():
    assert rates(ExponentialDecay(0.8, 10, 0.25), 0, 5, 10, 20) == pytest.approx([0.8, 0.4, 0.2, 0.05])


def test_a_staircase_stays_until_the_steps_are_over():
    assert rates(ExponentialDecay(0.8, 10, 0.25, True), 0, 9, 10, 19) == pytest.approx([0.8, 0.8, 0.2, 0.2])
    assert rates(InverseTimeDecay(0.8, 10, 3, True), 0, 9, 10, 19) == pytest.approx([0.8, 0.8, 0.2, 0.2])


def test_inverse_time_decay_divides():
    assert rates(InverseTimeDecay(0.8, 10, 3), 0, 10, 20) == pytest.approx([0.8, 0.8 / 4, 0.8 / 7])


def test_polynomial_decay_ends_at_its_end_and_stays_there():
    line = PolynomialDecay(0.5, 10, 0.1)
    assert rates(line, 0, 5, 10, 99) == pytest.approx([0.5, 0.3, 0.1, 0.1])
    assert PolynomialDecay(0.5, 10, 0.1, power=2)(5) == pytest.approx(0.4 * 0.25 + 0.1)


def test_polynomial_decay_in_cycles_rises_again():
    assert rates(PolynomialDecay(0.5, 10, 0.1, cycle=True), 10, 11, 20) == pytest.approx([0.1, 0.28, 0.1])


def test_piecewise_constant_decay_changes_after_a_boundary():
    assert rates(PiecewiseConstantDecay([2, 5], [3, 2, 1]), 0, 2, 3, 5, 6) == [3, 3, 2, 2, 1]


def test_cosine_decay_goes_down_half_a_wave():
    assert rates(CosineDecay(0.8, 12), 0, 4, 6, 12, 99) == pytest.approx([0.8, 0.6, 0.4, 0, 0])
    assert rates(CosineDecay(0.8, 12, alpha=0.5), 6, 12) == pytest.approx([0.6, 0.4])


def test_a_warmup_goes_to_its_target_on_a_line():
    schedule = CosineDecay(0.2, 12, warmup_target=0.8, warmup_steps=6)
    assert rates(schedule, 0, 3, 6, 12, 18) == pytest.approx([0.2, 0.5, 0.8, 0.4, 0], abs=1e-16)


def test_restarts_come_later_and_lower_each_time():
    schedule = CosineDecayRestarts(0.8, 4, t_mul=2, m_mul=0.5)
    assert rates(schedule, 0, 2, 4, 8, 12, 20) == pytest.approx([0.8, 0.4, 0.4, 0.2, 0.2, 0.1])


def test_a_restart_comes_at_its_own_step():
    """After 1 + 3 + 9 + 27 + 81 = 121; log 243 / log 3 is a little less than 5."""
    assert rates(CosineDecayRestarts(0.8, 1, t_mul=3), 1, 4, 13, 40, 121) == [0.8] * 5


# The optimizer that follows one ----------------------------------------------------------------------------


def test_an_optimizer_takes_each_step_with_the_rate_of_its_number():
    optimizer, w = SGD(PiecewiseConstantDecay([0, 1], [0.5, 0.25, 0.125])), np.array([1.0])
    seen = []
    for _ in range(3):
        seen.append(optimizer.learning_rate)
        optimizer.apply([np.array([1.0])], [w])
    assert seen == [0.5, 0.25, 0.125]
    assert w == 1 - sum(seen)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_schedule_takes_the_steps_of_a_rate_that_is_set_by_hand(dtype):
    """NumPy's float64 would lift the update of float32 weights to float64."""
    gradient, ours, by_hand = np.full(5, 0.3, dtype), np.ones(5, dtype), np.ones(5, dtype)
    following, told = Adam(Halving(), weight_decay=0.1), Adam(1.0, weight_decay=0.1)
    for step in range(5):
        told.learning_rate = 0.5**step
        following.apply([gradient], [ours])
        told.apply([gradient], [by_hand])
    assert type(following.learning_rate) is float
    np.testing.assert_array_equal(ours, by_hand)


def test_a_number_does_not_take_the_place_of_a_schedule():
    optimizer = SGD(CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match=r"follows CosineDecay\(.*cannot be set to 0.2: set it to another"):
        optimizer.learning_rate = 0.2
    assert optimizer.learning_rate == 0.1


def test_a_schedule_takes_the_place_of_a_number_and_of_another_schedule():
    optimizer = SGD(0.1)
    assert optimizer.schedule is None
    for schedule in (CosineDecay(0.3, 10), ExponentialDecay(0.2, 10, 0.5)):
        optimizer.learning_rate = schedule
        assert optimizer.schedule is schedule
        assert optimizer.learning_rate == schedule(0)


def test_a_model_trains_along_a_schedule():
    """A schedule that is zero after two batches leaves the rest of them without effect."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3, 2)), rng.integers(0, 2, 12)

    def trained(rows):
        model = Sequential([SimpleRNN(3), Dense(2, "softmax")], seed=0)
        model.compile(SGD(PiecewiseConstantDecay([1], [0.5, 0])), "sparse_categorical_crossentropy")
        model.fit(x[:rows], y[:rows], batch_size=4, shuffle=False, verbose=0)
        return model.get_weights()

    for two, three in zip(trained(8), trained(12), strict=True):
        np.testing.assert_array_equal(two, three)


# What is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(-1, 10, 0.5), "initial_learning_rate must be a number at least 0, not -1"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps must be a number above 0, not 0"),
        (lambda: InverseTimeDecay(0.1, 10, np.nan), "decay_rate must be a number at least 0, not nan"),
        (lambda: PolynomialDecay(0.1, 10, power="2"), "power must be a number at least 0, not '2'"),
        (lambda: CosineDecay(0.1, -3), "decay_steps must be a number above 0, not -3"),
        (lambda: CosineDecay(0.1, 9, warmup_target=-1), "warmup_target must be a number at least 0, not -1"),
        (lambda: CosineDecayRestarts(0.1, 9, 0.5), "t_mul must be a number at least 1, not 0.5"),
        (lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries need one value more, not 2"),
        (
            lambda: PiecewiseConstantDecay([2, 1], [1, 2, 3]),
            r"boundaries must rise, but they are \[2.0, 1.0\]",
        ),
        (lambda: PiecewiseConstantDecay([2], [1, None]), "a value must be a number at least 0, not None"),
    ],
)
def test_numbers_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_a_rate_that_grows_beyond_all_numbers_is_refused():
    optimizer = SGD(ExponentialDecay(0.1, 1, 1e300))
    optimizer.iterations = 2
    with pytest.raises(ValueError, match="learning_rate must be a number at least 0, not inf"):
        _ = optimizer.learning_rate
    with pytest.raises(ValueError, match="decay_rate must be a number at least 0, not 1000"):
        ExponentialDecay(0.1, 1, 10**400)
    with pytest.raises(TypeError, match="boundaries must be a list of numbers, not 5"):
        PiecewiseConstantDecay(5, [0.1])


def test_a_schedule_that_gives_no_rate_is_refused_before_the_step_counts():
    class Wrong(LearningRateSchedule):
        def __call__(self, step):
            return -1.0

    optimizer, w = SGD(Wrong()), np.ones(1)
    with pytest.raises(ValueError, match=r"learning_rate must be a number at least 0, not -1\.0"):
        optimizer.apply([np.ones(1)], [w])
    assert (optimizer.iterations, w[0]) == (0, 1)
