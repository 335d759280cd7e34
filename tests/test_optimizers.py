"""Optimizers: the formulas step by step, clipping, weight decay, and the arrays that they change."""

from functools import partial

import numpy as np
import pytest
from helpers import random_arrays

from scratch_rnn import SGD, Adagrad, Adam, AdamW, Dense, Nadam, RMSprop, Sequential
from scratch_rnn.training import optimizers

G1, G2 = 0.5, -0.25  # gradients of the first and the second step
W = 2.0

every_optimizer = pytest.mark.parametrize(
    "make",
    [
        SGD,
        partial(SGD, momentum=0.9),
        partial(SGD, momentum=0.9, nesterov=True),
        RMSprop,
        partial(RMSprop, centered=True, momentum=0.9),
        Adam,
        AdamW,
        Nadam,
        Adagrad,
    ],
    ids=[
        "SGD",
        "momentum",
        "nesterov",
        "RMSprop",
        "centered with momentum",
        "Adam",
        "AdamW",
        "Nadam",
        "Adagrad",
    ],
)


def steps(optimizer, *gradients, w=W):
    """Return the weight after each step by these gradients."""
    weight = np.array([w])
    weights = []
    for gradient in gradients:
        optimizer.apply([np.array([gradient])], [weight])
        weights.append(weight[0])
    return weights


def assert_steps(optimizer, *expected):
    # The formulas below are written as on paper, the library's in another order: a few roundings.
    assert steps(optimizer, G1, G2) == pytest.approx(list(expected), rel=1e-14)


# The formulas ----------------------------------------------------------------------------------------------


def test_sgd_goes_against_the_gradient():
    assert_steps(SGD(0.1), W - 0.1 * G1, W - 0.1 * G1 - 0.1 * G2)


def test_momentum_keeps_a_part_of_the_last_step():
    v1 = -0.1 * G1
    v2 = 0.9 * v1 - 0.1 * G2
    assert_steps(SGD(0.1, momentum=0.9), W + v1, W + v1 + v2)


def test_nesterov_looks_one_step_ahead():
    v1 = -0.1 * G1
    v2 = 0.9 * v1 - 0.1 * G2
    w1 = W + 0.9 * v1 - 0.1 * G1
    assert_steps(SGD(0.1, momentum=0.9, nesterov=True), w1, w1 + 0.9 * v2 - 0.1 * G2)


def test_rmsprop_divides_by_the_root_of_the_mean_square_with_epsilon_inside():
    v1 = 0.1 * G1**2
    v2 = 0.9 * v1 + 0.1 * G2**2
    w1 = W - 0.1 * G1 / np.sqrt(v1 + 0.01)
    assert_steps(RMSprop(0.1, epsilon=0.01), w1, w1 - 0.1 * G2 / np.sqrt(v2 + 0.01))


def test_centered_rmsprop_divides_by_the_deviation():
    v1, m1 = 0.1 * G1**2, 0.1 * G1
    v2, m2 = 0.9 * v1 + 0.1 * G2**2, 0.9 * m1 + 0.1 * G2
    w1 = W - 0.1 * G1 / np.sqrt(v1 - m1**2 + 0.01)
    assert_steps(RMSprop(0.1, epsilon=0.01, centered=True), w1, w1 - 0.1 * G2 / np.sqrt(v2 - m2**2 + 0.01))


def test_rmsprop_with_momentum_accumulates_the_quotient():
    v1 = 0.1 * G1**2
    v2 = 0.9 * v1 + 0.1 * G2**2
    u1 = 0.1 * G1 / np.sqrt(v1 + 1e-7)
    u2 = 0.5 * u1 + 0.1 * G2 / np.sqrt(v2 + 1e-7)
    assert_steps(RMSprop(0.1, momentum=0.5), W - u1, W - u1 - u2)


def test_adam_divides_the_corrected_mean_by_the_root_of_the_corrected_mean_square():
    m1, v1 = 0.1 * G1, 0.01 * G1**2
    m2, v2 = 0.9 * m1 + 0.1 * G2, 0.99 * v1 + 0.01 * G2**2
    w1 = W - 0.1 * np.sqrt(1 - 0.99) / (1 - 0.9) * m1 / (np.sqrt(v1) + 0.01)
    w2 = w1 - 0.1 * np.sqrt(1 - 0.99**2) / (1 - 0.9**2) * m2 / (np.sqrt(v2) + 0.01)
    assert_steps(Adam(0.1, beta_2=0.99, epsilon=0.01), w1, w2)


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate():
    for gradient in (1e-3, 1.0, 1e3):
        # epsilon, 1e-7, counts against sqrt(v) = sqrt(0.001) * gradient.
        assert steps(Adam(0.1), gradient) == pytest.approx([W - 0.1], abs=0.1 * 1e-7 / (0.03 * gradient))


def test_adamw_is_adam_with_a_weight_decay():
    assert steps(AdamW(0.1), G1, G2) == steps(Adam(0.1, weight_decay=0.004), G1, G2)
    assert steps(AdamW(0.1, 0.5), G1, G2) == steps(Adam(0.1, weight_decay=0.5), G1, G2)


def test_nadam_weighs_the_mean_as_it_will_be_after_the_next_step():
    """Dozat's algorithm 8: the momentum of the next step for the mean, that of this one for the gradient."""
    mu1, mu2, mu3 = (0.9 * (1 - 0.96**t / 2) for t in (1, 2, 3))
    m1, v1 = 0.1 * G1, 0.01 * G1**2
    m2, v2 = 0.9 * m1 + 0.1 * G2, 0.99 * v1 + 0.01 * G2**2
    mean1 = mu2 * m1 / (1 - mu1 * mu2) + (1 - mu1) * G1 / (1 - mu1)
    mean2 = mu3 * m2 / (1 - mu1 * mu2 * mu3) + (1 - mu2) * G2 / (1 - mu1 * mu2)
    w1 = W - 0.1 * mean1 / (np.sqrt(v1 / (1 - 0.99)) + 0.01)
    w2 = w1 - 0.1 * mean2 / (np.sqrt(v2 / (1 - 0.99**2)) + 0.01)
    assert_steps(Nadam(0.1, beta_2=0.99, epsilon=0.01), w1, w2)


def test_adagrad_divides_by_the_root_of_all_squares_so_far():
    w1 = W - 0.1 * G1 / np.sqrt(0.25 + G1**2 + 0.01)
    w2 = w1 - 0.1 * G2 / np.sqrt(0.25 + G1**2 + G2**2 + 0.01)
    assert_steps(Adagrad(0.1, initial_accumulator_value=0.25, epsilon=0.01), w1, w2)


ADAMS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (SGD, {"learning_rate": 0.01, "momentum": 0, "nesterov": False}),
        (RMSprop, {"learning_rate": 0.001, "rho": 0.9, "momentum": 0, "epsilon": 1e-7, "centered": False}),
        (Adam, ADAMS),
        (AdamW, {**ADAMS, "weight_decay": 0.004}),
        (Nadam, ADAMS),
        (Adagrad, {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7}),
    ],
)
def test_defaults_are_those_of_keras(make, expected):
    for optimizer in (make(), optimizers.get(make.name)):
        assert {key: getattr(optimizer, key) for key in expected} == expected
        for name in {"weight_decay", "clipnorm", "global_clipnorm", "clipvalue"} - set(expected):
            assert getattr(optimizer, name) is None


# Clipping and weight decay ---------------------------------------------------------------------------------


def sgd_step(gradients, **options):
    """Return by how much SGD with learning rate 1 moves weights that are zero: the clipped gradients."""
    weights = [np.zeros_like(gradient) for gradient in gradients]
    SGD(1.0, **options).apply(gradients, weights)
    return [-weight for weight in weights]


LONG, SHORT = np.array([3.0, 4.0]), np.array([[0.6], [-0.8]])  # norms 5 and 1


def test_clipnorm_shortens_each_gradient_on_its_own():
    long, short = sgd_step([LONG, SHORT], clipnorm=2.0)
    np.testing.assert_allclose(long, LONG * 2 / 5, rtol=1e-15)
    np.testing.assert_array_equal(short, SHORT)


def test_global_clipnorm_shortens_all_gradients_together():
    norm = np.sqrt(26)
    for clipped, gradient in zip(sgd_step([LONG, SHORT], global_clipnorm=2.0), [LONG, SHORT], strict=True):
        np.testing.assert_allclose(clipped, gradient * 2 / norm, rtol=1e-15)
    for clipped, gradient in zip(sgd_step([LONG, SHORT], global_clipnorm=6.0), [LONG, SHORT], strict=True):
        np.testing.assert_array_equal(clipped, gradient)


def test_clipvalue_clips_each_entry():
    long, short = sgd_step([LONG, SHORT], clipvalue=0.7)
    np.testing.assert_array_equal(long, [0.7, 0.7])
    np.testing.assert_array_equal(short, [[0.6], [-0.7]])


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_a_gradient_of_zeros_is_clipped_to_zeros(option):
    (clipped,) = sgd_step([np.zeros(3)], **{option: 1.0})
    np.testing.assert_array_equal(clipped, np.zeros(3))


@every_optimizer
def test_weight_decay_shrinks_the_weights_apart_from_the_gradient(make):
    w1 = W - W * 0.5 * 0.125
    (decayed,) = steps(make(0.125, weight_decay=0.5), G1)
    assert decayed == steps(make(0.125, weight_decay=0), G1, w=w1)[0]


def test_weight_decay_is_not_clipped():
    assert steps(SGD(0.5, weight_decay=0.5, clipvalue=0.001), 0.0) == [W - W * 0.25]


# The arrays ------------------------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_updated_in_place_and_gradients_stay_as_they_are(make, dtype):
    weights = random_arrays((2, 3), (3,), seed=0, dtype=dtype)
    before = [weight.copy() for weight in weights]
    gradients = random_arrays((2, 3), (3,), seed=1, dtype=dtype)
    for gradient in gradients:
        gradient.flags.writeable = False  # to write into it would raise
    optimizer = make(0.1, clipnorm=1.0, weight_decay=0.1)
    for _ in range(3):
        optimizer.apply(gradients, weights)
    for weight, old in zip(weights, before, strict=True):
        assert weight.dtype == dtype
        assert (weight != old).all()


@every_optimizer
def test_a_view_of_the_weights_changes_the_array_behind_it(make):
    matrix = np.ones((3, 2))
    make(0.1).apply([np.ones((2, 2)), np.ones(2)], [matrix[:2], matrix[2]])
    assert (matrix < 1).all()


@every_optimizer
def test_weights_are_updated_independently_of_each_other(make):
    gradients, together = random_arrays((2, 3), (3,), seed=1), random_arrays((2, 3), (3,), seed=0)
    alone = [weight.copy() for weight in together]
    optimizer, others = make(0.1), [make(0.1), make(0.1)]
    for _ in range(3):
        optimizer.apply(gradients, together)
        for other, gradient, weight in zip(others, gradients, alone, strict=True):
            other.apply([gradient], [weight])
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [partial(SGD, momentum=0.9), RMSprop, Adam, Nadam, Adagrad])
def test_the_state_is_kept_from_step_to_step(make):
    weight, fresh = np.array([W]), np.array([W])
    optimizer = make(0.1)
    for gradient in (G1, G2):
        optimizer.apply([np.array([gradient])], [weight])
        make(0.1).apply([np.array([gradient])], [fresh])
    assert optimizer.iterations == 2
    assert abs(weight[0] - fresh[0]) > 0.01


@every_optimizer
def test_two_optimizers_share_no_state(make):
    one, other = make(0.1), make(0.1)
    steps(one, G1)
    assert steps(other, G2) == steps(make(0.1), G2)


@every_optimizer
def test_a_changed_learning_rate_holds_from_the_next_step(make):
    optimizer = make(0.1)
    optimizer.learning_rate = 0.2
    assert steps(optimizer, G1) == steps(make(0.2), G1)


@every_optimizer
def test_every_optimizer_goes_down_a_bowl(make):
    weight = np.array([1.0, -2.0])
    optimizer = make(0.1 if make is Adagrad else 0.01)  # whose steps become shorter and shorter
    for _ in range(500):
        optimizer.apply([2 * weight], [weight])
    assert np.abs(weight).max() < 0.05


# In float32 ------------------------------------------------------------------------------------------------


def moving(average, new, decay, kind):
    """Return kind(decay) * average + kind(1 - decay) * new, rounded after each operation."""
    return kind(decay) * average + kind(1 - decay) * new


def updates(optimizer, gradients, w, kind):
    """Write out an optimizer of OPTIONS with every constant rounded to `kind` once, and nothing else."""
    rate, m, v, u = kind(optimizer.learning_rate), *np.zeros((3, *w.shape), kind)
    for t, g in enumerate(gradients, 1):
        if optimizer.clipnorm is not None:
            norm = float(np.sqrt(np.vdot(g, g)))
            g = g * kind(optimizer.clipnorm / max(norm, optimizer.clipnorm))
        if optimizer.clipvalue is not None:
            g = np.minimum(np.maximum(g, kind(-optimizer.clipvalue)), kind(optimizer.clipvalue))
        if optimizer.weight_decay is not None:
            w = w - w * kind(optimizer.weight_decay) * rate
        if optimizer.name == "sgd":
            u = kind(optimizer.momentum) * u - rate * g
            w = w + (kind(optimizer.momentum) * u - rate * g if optimizer.nesterov else u)
        if optimizer.name == "rmsprop":
            v, m = moving(v, g * g, optimizer.rho, kind), moving(m, g, optimizer.rho, kind)
            root = np.sqrt((v - m * m if optimizer.centered else v) + kind(optimizer.epsilon))
            u = kind(optimizer.momentum) * u + rate * g / root
            w = w - u
        if optimizer.name in ("adam", "adamw"):
            m, v = moving(m, g, optimizer.beta_1, kind), moving(v, g * g, optimizer.beta_2, kind)
            alpha = optimizer.learning_rate * np.sqrt(1 - optimizer.beta_2**t) / (1 - optimizer.beta_1**t)
            w = w - kind(alpha) * m / (np.sqrt(v) + kind(optimizer.epsilon))
        if optimizer.name == "nadam":
            m, v = moving(m, g, optimizer.beta_1, kind), moving(v, g * g, optimizer.beta_2, kind)
            momenta = [optimizer.beta_1 * (1 - 0.5 * 0.96**step) for step in range(1, t + 2)]
            now, ahead = np.prod(momenta[:-1]), np.prod(momenta)
            mean = kind(momenta[-1] / (1 - ahead)) * m + kind((1 - momenta[-2]) / (1 - now)) * g
            root = np.sqrt(v / kind(1 - optimizer.beta_2**t))
            w = w - rate * mean / (root + kind(optimizer.epsilon))
        if optimizer.name == "adagrad":
            v = (v if t > 1 else kind(optimizer.initial_accumulator_value)) + g * g
            w = w - rate * g / np.sqrt(v + kind(optimizer.epsilon))
    return w


OPTIONS = {
    "SGD": partial(SGD, 0.1),
    "SGD with decay": partial(SGD, 0.1, weight_decay=0.3),
    "momentum": partial(SGD, 0.1, momentum=0.9),
    "nesterov": partial(SGD, 0.1, momentum=0.9, nesterov=True),
    "RMSprop": partial(RMSprop, 0.003, epsilon=1e-3),
    "centered with momentum": partial(RMSprop, 0.003, momentum=0.7, epsilon=1e-3, centered=True),
    "Adam": partial(Adam, 0.003, epsilon=1e-3),
    "Adam, clipped": partial(Adam, 0.003, clipvalue=0.7),
    "Adam, shortened": partial(Adam, 0.003, clipnorm=1.7),
    "AdamW": partial(AdamW, 0.003, 0.3),
    "Nadam": partial(Nadam, 0.003, epsilon=1e-3),
    "Adagrad": partial(Adagrad, 0.03),
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_number_of_an_update_has_the_dtype_of_the_weights(name, kind):
    """The bits are those of a computation in that dtype alone: wider constants would give others."""
    w, *gradients = random_arrays(*[(7, 5)] * 6, dtype=kind)
    optimizer, expected = OPTIONS[name](), updates(OPTIONS[name](), gradients, w.copy(), kind)
    other = updates(OPTIONS[name](), gradients, w.astype("float64"), np.float64)
    for g in gradients:
        optimizer.apply([g], [w])
    assert w.dtype == expected.dtype == kind
    np.testing.assert_array_equal(w, expected)
    if kind is np.float32:
        assert (w != other.astype(kind)).any()  # a computation in float64, rounded at the end
    slots = [slot for slot in optimizer.slots[0].values() if slot.ndim]  # numbers stay float64
    assert {slot.dtype for slot in slots} <= {np.dtype(kind)}
    assert {slot.shape for slot in slots} <= {(7, 5)}


@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: SGD(n(0.125), momentum=n(0.5), weight_decay=n(0.25)),
        lambda n: RMSprop(n(0.125), rho=n(0.75), momentum=n(0.5), epsilon=n(2**-10), clipvalue=n(0.625)),
        lambda n: Adam(n(0.125), beta_1=n(0.75), beta_2=n(0.875), epsilon=n(2**-10), clipnorm=n(1.25)),
        lambda n: SGD(n(0.125), global_clipnorm=n(1.25)),
        lambda n: AdamW(n(0.125), n(0.25)),
        lambda n: Nadam(n(0.125), n(0.75), n(0.875), n(2**-10)),
        lambda n: Adagrad(n(0.125), n(0.25), n(2**-10)),
    ],
    ids=["SGD", "RMSprop", "Adam", "all clipped", "AdamW", "Nadam", "Adagrad"],
)
def test_numbers_of_numpy_as_options_change_no_bit(make, number):
    """A float64 of NumPy's would lift the update of float32 weights to float64, as would a schedule's."""
    gradients = random_arrays(*[(7, 5)] * 4, dtype="float32")
    results = []
    for kind in (number, float):
        w, optimizer = np.full((7, 5), 0.7, "float32"), make(kind)
        for step, g in enumerate(gradients):
            optimizer.learning_rate = kind(3 / 2 ** (step + 4))
            optimizer.apply([g], [w])
        results.append(w)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf, "0.1", None])
def test_a_learning_rate_that_makes_no_sense_is_refused_later_too(rate):
    optimizer = SGD(0.1)
    optimizer.learning_rate = 0  # as the last of a schedule may be
    with pytest.raises(ValueError, match="learning_rate must be a number at least 0, not"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0


# What is refused -------------------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("learning_rate", [0, -0.1, np.nan, np.inf, "0.1", None, True])
def test_a_learning_rate_must_be_a_number_above_zero(make, learning_rate):
    with pytest.raises(ValueError, match="learning_rate must be a number above 0, not"):
        make(learning_rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=-0.1), "momentum must be a number at least 0 and at most 1, not -0.1"),
        (lambda: SGD(momentum=1.1), "momentum must be a number at least 0 and at most 1, not 1.1"),
        (lambda: RMSprop(rho=1.1), "rho must be a number at least 0 and at most 1, not 1.1"),
        (lambda: RMSprop(momentum=-1), "momentum must be a number at least 0 and at most 1, not -1"),
        (lambda: RMSprop(epsilon=-1e-7), "epsilon must be a number at least 0, not -1e-07"),
        (lambda: Adam(beta_1=1.0), "beta_1 must be a number at least 0 and below 1, not 1.0"),
        (lambda: Adam(beta_2=1.0), "beta_2 must be a number at least 0 and below 1, not 1.0"),
        (lambda: Adam(epsilon=np.nan), "epsilon must be a number at least 0, not nan"),
        (lambda: AdamW(weight_decay=None), "weight_decay must be a number at least 0, not None"),
        (lambda: Nadam(beta_1=1.0), "beta_1 must be a number at least 0 and below 1, not 1.0"),
        (lambda: Adagrad(epsilon=-1), "epsilon must be a number at least 0, not -1"),
        (
            lambda: Adagrad(initial_accumulator_value=-0.1),
            "initial_accumulator_value must be a number at least 0, not -0.1",
        ),
        (lambda: SGD(weight_decay=-0.1), "weight_decay must be a number at least 0, not -0.1"),
        (lambda: SGD(clipnorm=0), "clipnorm must be a number above 0, not 0"),
        (lambda: SGD(global_clipnorm=-1), "global_clipnorm must be a number above 0, not -1"),
        (lambda: SGD(clipvalue=0.0), "clipvalue must be a number above 0, not 0.0"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "only one of clipnorm, clipvalue can be set"),
        (
            lambda: optimizers.get("sdg"),
            "unknown optimizer 'sdg': use one of sgd, rmsprop, adam, adamw, nadam, adagrad",
        ),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_values_at_the_ends_of_their_range_are_taken():
    assert (SGD(momentum=1).momentum, RMSprop(rho=1, momentum=0).rho, Adam(beta_1=0).beta_1) == (1, 1, 0)


@every_optimizer
def test_gradients_that_do_not_fit_the_weights_are_refused_and_change_nothing(make):
    optimizer, weights = make(0.1), [np.ones((2, 3)), np.ones(3)]
    for gradients in ([np.ones((2, 3))], [np.ones((2, 3)), np.ones(2)], [np.ones((3, 2)), np.ones(3)]):
        with pytest.raises(ValueError, match="gradients have shapes"):
            optimizer.apply(gradients, weights)
    assert optimizer.iterations == 0
    for weight in weights:
        np.testing.assert_array_equal(weight, np.ones_like(weight))


@every_optimizer
def test_weights_other_than_those_of_the_first_step_are_refused(make):
    optimizer = make(0.1)
    optimizer.apply([np.ones(3)], [np.ones(3)])
    with pytest.raises(ValueError, match=r"have shapes \[\(2,\)\], but this optimizer began with \[\(3,\)\]"):
        optimizer.apply([np.ones(2)], [np.ones(2)])
    with pytest.raises(ValueError, match=r"^weights have shapes \[\(2,\)\], but this optimizer began with"):
        optimizer.apply([np.ones(3)], [np.ones(2)])


def test_an_optimizer_is_taken_as_it_is():
    own = SGD(0.5)
    assert optimizers.get(own) is own


def test_a_name_gives_a_new_optimizer_every_time():
    assert optimizers.get("adam") is not optimizers.get("adam")


# Averages of the weights -----------------------------------------------------------------------------------


def test_an_average_of_the_weights_begins_with_those_after_the_first_step():
    w, optimizer = np.array([1.0]), SGD(0.5, use_ema=True, ema_momentum=0.75)
    after = []
    for _ in range(3):
        optimizer.apply([np.array([1.0])], [w])
        after.append(w.item())
    assert after == [0.5, 0.0, -0.5]
    optimizer.finalize([w])
    assert w.item() == 0.75 * (0.75 * 0.5 + 0.25 * 0.0) + 0.25 * -0.5


def test_the_averages_take_the_place_of_the_weights_at_the_end_of_fit():
    def model(**averages):
        made = Sequential([Dense(1, dtype="float64")], seed=0)
        made.compile(SGD(0.25, **averages), "mse")
        return made

    x, y = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0], [0.0], [2.0]])
    plain, averaged = model(), model(use_ema=True, ema_momentum=0.5)
    kernels = []
    for _ in range(2):
        plain.train_on_batch(x, y)
        kernels.append(plain.weights[0].item())
    averaged.fit(x, y, 3, 2, verbose=0)
    assert averaged.weights[0].item() == pytest.approx(np.mean(kernels), rel=1e-15)


def test_with_a_frequency_they_take_it_in_between_too():
    w, optimizer = np.array([1.0]), SGD(0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    optimizer.apply([np.array([1.0])], [w])
    optimizer.apply([np.array([1.0])], [w])
    assert w.item() == 0.25  # halfway between 0.5 and 0


def test_an_optimizer_without_averages_keeps_none():
    optimizer = SGD(0.5)
    optimizer.apply([np.ones(1)], [np.ones(1)])
    assert optimizer.slots == [{}]
    with pytest.raises(ValueError, match="ema_momentum must be a number at least 0 and at most 1"):
        SGD(use_ema=True, ema_momentum=1.5)
