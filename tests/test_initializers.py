"""Initializers: Keras's formulas on whole kernels, repeatable by seed."""

import re

import numpy as np
import pytest
from helpers import CELLS, make_cell

from scratch_rnn import LSTM, Dense, Sequential, SimpleRNN
from scratch_rnn.layers import initializers

SCALED = ("glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "variance_scaling")
RANDOM = ("random_normal", "random_uniform", "truncated_normal", "glorot_uniform", "orthogonal", *SCALED)


def make(initializer, shape, seed=0):
    return initializers.get(initializer)(shape, np.random.default_rng(seed))


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1)])
def test_constants_fill_the_array(name, value):
    np.testing.assert_array_equal(make(name, (2, 3)), np.full((2, 3), value))


def test_a_number_fills_the_array_and_an_array_has_its_shape():
    np.testing.assert_array_equal(make(initializers.Constant(0.3), (2, 3)), np.full((2, 3), 0.3))
    np.testing.assert_array_equal(make(initializers.Constant(), (2,)), np.zeros(2))
    with pytest.raises(ValueError, match=re.escape("has shape (2,), but the weight has (2, 3)")):
        make(initializers.Constant(np.ones(2)), (2, 3))


def test_a_class_stands_for_its_initializer():
    assert initializers.get(initializers.HeNormal) == initializers.get("he_normal")


def test_glorot_uniform_fills_the_range_that_fan_in_and_fan_out_give():
    weight = make("glorot_uniform", (50, 200))
    limit = np.sqrt(6 / (50 + 200))
    assert np.abs(weight).max() <= limit
    # 10,000 draws: the largest is within 1 % of the limit but for a chance of 1e-43, and the mean within
    # five standard deviations of zero.
    assert np.abs(weight).max() > 0.99 * limit
    assert abs(weight.mean()) < 5 * limit / np.sqrt(3 * weight.size)


# The distributions, beside SciPy's --------------------------------------------------------------------------


def assert_drawn_from(draws, distribution):
    """A Kolmogorov-Smirnov test; of a right distribution one seed in ten thousand would fail."""
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(draws.ravel(), distribution(stats).cdf).pvalue > 1e-4


def cut_normal(stats, variance):
    """The normal distribution that has this variance when it is cut at two standard deviations."""
    uncut = np.sqrt(variance / stats.truncnorm(-2, 2).var())
    return stats.truncnorm(-2, 2, 0, uncut)


scaling = initializers.VarianceScaling


@pytest.mark.parametrize(
    ("initializer", "distribution"),
    [
        ("random_normal", lambda stats: stats.norm(0, 0.05)),
        ("random_uniform", lambda stats: stats.uniform(-0.05, 0.1)),
        ("glorot_uniform", lambda stats: stats.uniform(-np.sqrt(6 / 250), 2 * np.sqrt(6 / 250))),
        ("truncated_normal", lambda stats: stats.truncnorm(-2, 2, 0, 0.05)),
        (initializers.TruncatedNormal(3.0, 0.5), lambda stats: stats.truncnorm(-2, 2, 3, 0.5)),
        ("glorot_normal", lambda stats: cut_normal(stats, 2 / 250)),
        ("he_normal", lambda stats: cut_normal(stats, 2 / 50)),
        ("lecun_normal", lambda stats: cut_normal(stats, 1 / 50)),
        ("variance_scaling", lambda stats: cut_normal(stats, 1 / 50)),
        ("he_uniform", lambda stats: stats.uniform(-np.sqrt(6 / 50), 2 * np.sqrt(6 / 50))),
        ("lecun_uniform", lambda stats: stats.uniform(-np.sqrt(3 / 50), 2 * np.sqrt(3 / 50))),
        (scaling(3.0, "fan_out"), lambda stats: cut_normal(stats, 3 / 200)),
        (scaling(3.0, "fan_avg", "untruncated_normal"), lambda stats: stats.norm(0, np.sqrt(3 / 125))),
        (initializers.RandomNormal(3.0, 0.5), lambda stats: stats.norm(3, 0.5)),
        (initializers.RandomUniform(1.0, 3.0), lambda stats: stats.uniform(1, 2)),
    ],
)
def test_a_random_array_is_drawn_from_its_distribution(initializer, distribution):
    draws = make(initializer, (50, 200))
    assert draws.shape == (50, 200)
    assert draws.dtype == "float64"
    assert_drawn_from(draws, distribution)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_orthogonal_is_uniform_over_all_orthogonal_matrices(shape):
    """Then an entry's square is Beta(1/2, (n-1)/2), n the longer side, and its sign is either."""
    corners = np.array([make("orthogonal", shape, seed)[-1, 0] for seed in range(400)])
    assert_drawn_from(corners**2, lambda stats: stats.beta(0.5, (max(shape) - 1) / 2))
    assert_drawn_from(np.sign(corners) * corners**2, lambda stats: SymmetricBeta(stats, max(shape)))


class SymmetricBeta:
    """The distribution of sign(u) u² of a coordinate u of a random direction in n dimensions."""

    def __init__(self, stats, n):
        self.squares = stats.beta(0.5, (n - 1) / 2)

    def cdf(self, value):
        return (1 + np.sign(value) * self.squares.cdf(np.abs(value))) / 2


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_orthogonal_is_the_factor_of_a_normal_matrix_whose_other_has_a_positive_diagonal(shape):
    linalg = pytest.importorskip("scipy.linalg")
    q, r = linalg.qr(np.random.default_rng(3).normal(size=sorted(shape, reverse=True)), mode="economic")
    q = q @ np.diag(np.where(np.diag(r) < 0, -1, 1))
    expected = q.T if shape[0] < shape[1] else q
    np.testing.assert_allclose(make("orthogonal", shape, seed=3), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0.0,), "scale must be above zero, not 0.0"),
        ((1.0, "fan"), "unknown mode 'fan': use one of fan_in, fan_out, fan_avg"),
        ((1.0, "fan_in", "normal"), "unknown distribution 'normal': use one of truncated_normal, "),
    ],
)
def test_a_scaling_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        scaling(*options)


# In layers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_kernel_of_a_recurrent_layer_counts_all_gates_as_fan_out(cell):
    layer = make_cell(cell, 32, seed=0)
    layer.build((None, None, 28))
    gates = layer.columns // layer.units
    limit = np.sqrt(6 / (28 + gates * 32))
    assert layer.kernel.shape == (28, gates * 32)
    assert 0.99 * limit < np.abs(layer.kernel).max() <= limit


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_kernel_has_orthonormal_rows_over_all_gates(cell):
    layer = make_cell(cell, 16, seed=0)
    layer.build((None, None, 3))
    rows = layer.recurrent_kernel
    np.testing.assert_allclose(rows @ rows.T, np.eye(16), atol=1e-14)  # some roundings of numbers below one


def test_the_block_of_a_single_gate_is_not_orthogonal():
    layer = LSTM(16, dtype="float64", seed=0)
    layer.build((None, None, 3))
    block = layer.recurrent_kernel[:, :16]
    assert np.abs(block @ block.T - np.eye(16)).max() > 0.1


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_orthogonal_has_orthonormal_rows_or_columns_whichever_are_fewer(shape):
    weight = make("orthogonal", shape)
    product = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_favours_no_sign():
    # Without the correction by the signs of r's diagonal, LAPACK makes this entry negative every time.
    corners = [make("orthogonal", (3, 3), seed)[0, 0] for seed in range(40)]
    assert min(corners) < 0 < max(corners)


def test_gain_scales_orthogonal_and_identity():
    orthogonal = make("orthogonal", (3, 4))
    np.testing.assert_array_equal(make(initializers.Orthogonal(2.0), (3, 4)), 2 * orthogonal)
    np.testing.assert_array_equal(make(initializers.Identity(0.5), (2, 3)), [[0.5, 0, 0], [0, 0.5, 0]])


def test_identity_keeps_the_state_of_a_linear_layer():
    layer = SimpleRNN(3, None, kernel_initializer="zeros", recurrent_initializer="identity")
    state = np.array([[1, 2, 3]], "float32")
    y, _ = layer.forward(np.ones((1, 4, 2), "float32"), (state,))
    np.testing.assert_array_equal(y, state)


def test_random_normal_has_the_mean_and_deviation_asked_for():
    draws = make(initializers.RandomNormal(3.0, 0.5), (100, 100))
    # Five standard errors of 10,000 draws.
    assert abs(draws.mean() - 3) < 5 * 0.5 / 100
    assert abs(draws.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * draws.size)


def test_random_uniform_fills_the_range_asked_for():
    draws = make(initializers.RandomUniform(1.0, 3.0), (100, 100))
    assert 1 <= draws.min() < 1.01
    assert 2.99 < draws.max() <= 3


@pytest.mark.parametrize("name", RANDOM)
def test_equal_generators_give_equal_arrays_and_others_do_not(name):
    np.testing.assert_array_equal(make(name, (4, 6), seed=3), make(name, (4, 6), seed=3))
    assert not np.array_equal(make(name, (4, 6), seed=3), make(name, (4, 6), seed=4))


@pytest.mark.parametrize("unit_forget_bias", [True, False])
def test_unit_forget_bias_sets_the_forget_gate_alone_to_one(unit_forget_bias):
    layer = LSTM(3, unit_forget_bias=unit_forget_bias)
    layer.build((None, None, 2))
    np.testing.assert_array_equal(layer.bias, [0] * 3 + [int(unit_forget_bias)] * 3 + [0] * 6)


def test_bias_is_zero_by_default():
    for cell in ("SimpleRNN", "GRU", "GRU reset before"):
        layer = make_cell(cell, 3)
        layer.build((None, None, 2))
        assert not layer.bias.any()


def test_an_array_becomes_the_weight_of_a_recurrent_layer_and_is_copied(rng):
    arrays = [rng.normal(size=shape) for shape in ((2, 12), (3, 12), (12,))]
    names = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
    layer = LSTM(3, unit_forget_bias=False, dtype="float64", **dict(zip(names, arrays, strict=True)))
    layer.build((None, None, 2))
    for weight, array in zip(layer.weights, arrays, strict=True):
        np.testing.assert_array_equal(weight, array)
        assert not np.shares_memory(weight, array)


def test_an_array_becomes_the_weight_of_a_dense_layer_and_is_copied(rng):
    kernel, bias = rng.normal(size=(2, 3)), rng.normal(size=3)
    layer = Dense(3, kernel_initializer=kernel, bias_initializer=bias, dtype="float64")
    layer.build((None, 2))
    for weight, array in zip(layer.weights, (kernel, bias), strict=True):
        np.testing.assert_array_equal(weight, array)
        assert not np.shares_memory(weight, array)


def test_a_function_of_shape_and_generator_serves_as_initializer():
    layer = Dense(3, kernel_initializer=lambda shape, rng: np.full(shape, 7.0))
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.kernel, np.full((2, 3), 7))


def test_a_layers_seed_makes_its_weights_repeatable():
    def weights(seed):
        layer = LSTM(4, seed=seed)
        layer.build((None, None, 3))
        return np.concatenate([weight.ravel() for weight in layer.weights])

    np.testing.assert_array_equal(weights(5), weights(5))
    assert not np.array_equal(weights(5), weights(6))
    assert not np.array_equal(weights(None), weights(None))


def test_a_layers_own_seed_goes_before_the_models():
    def kernels(model_seed):
        model = Sequential([SimpleRNN(4, seed=5), Dense(2)], seed=model_seed)
        model.build((None, 3, 3))
        return model.layers[0].kernel, model.layers[1].kernel

    (first, second), (other_first, other_second) = kernels(0), kernels(1)
    np.testing.assert_array_equal(first, other_first)
    assert not np.array_equal(second, other_second)


def test_layers_of_one_model_start_differently():
    model = Sequential([SimpleRNN(4, return_sequences=True), SimpleRNN(4)], seed=0)
    model.build((None, 3, 4))
    assert not np.array_equal(model.layers[0].kernel, model.layers[1].kernel)


@pytest.mark.parametrize("name", ["glorot_uniform", "orthogonal", "identity"])
def test_matrix_initializers_refuse_a_vector(name):
    with pytest.raises(ValueError, match=rf"{name} makes matrices only, not an array of shape \(5,\)"):
        make(name, (5,))


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (12,)])
def test_an_array_of_another_shape_is_refused(shape):
    layer = Dense(3, kernel_initializer=np.zeros(shape))
    message = f"array has shape {shape}, but the weight has (4, 3)"
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.build((None, 4))


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("zeros", initializers.Zeros),
        ("ones", initializers.Ones),
        ("random_normal", initializers.RandomNormal),
        ("random_uniform", initializers.RandomUniform),
        ("glorot_uniform", initializers.GlorotUniform),
        ("orthogonal", initializers.Orthogonal),
        ("identity", initializers.Identity),
    ],
)
def test_a_name_leads_to_its_initializer_with_its_defaults(name, cls):
    assert initializers.get(name) == cls()


def test_the_forget_gates_ones_stand_among_the_numbers_of_the_other_initializer():
    others = initializers.Constant(np.arange(12.0))
    bias = initializers.UnitForgetBias(others, 3)((12,), np.random.default_rng(0))
    np.testing.assert_array_equal(bias, [0, 1, 2, 1, 1, 1, 6, 7, 8, 9, 10, 11])
    np.testing.assert_array_equal(others.value, np.arange(12.0))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown initializer 'xavier'.*glorot_uniform"):
        initializers.get("xavier")


def test_what_is_no_initializer_is_refused():
    with pytest.raises(TypeError, match="must be a name, an array or a callable, not float"):
        initializers.get(0.5)


@pytest.mark.parametrize("made", [0.5, None, np.zeros(3), "zeros"])
@pytest.mark.parametrize("which", ["kernel", "bias", "recurrent"])
@pytest.mark.parametrize("layer", [SimpleRNN, Dense])
def test_what_an_initializer_makes_must_have_the_shape_of_the_weight(layer, which, made):
    if which == "recurrent" and layer is Dense:
        pytest.skip("it has no such weight")
    with pytest.raises(ValueError, match=r"made .*, expected numbers \("):
        layer(2, **{f"{which}_initializer": lambda shape, rng: made}).build((None, 5, 4))
