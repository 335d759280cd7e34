"""Activations: their values, their derivatives, and that they bear any input."""

import numpy as np
import pytest
from helpers import assert_gradient, central_differences, random_arrays
from scipy.special import expit

from scratch_rnn.layers import activations

ELEMENTWISE = ("linear", "tanh", "sigmoid", "relu")
NAMES = (*ELEMENTWISE, "softmax")

FORMULAS = {
    "linear": lambda z: z,
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "sigmoid": lambda z: np.exp(z) / (1 + np.exp(z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
}


@pytest.mark.parametrize("name", NAMES)
def test_values_follow_the_formula(name):
    (z,) = random_arrays((4, 3, 5))
    # Two ways of writing one function: some roundings apart.
    np.testing.assert_allclose(activations.get(name)(z), FORMULAS[name](z), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_derivative_agrees_with_central_differences(name):
    f = activations.get(name)
    z, dy = random_arrays((4, 5), (4, 5))
    numeric = central_differences(lambda: np.vdot(dy, f(z)), z)
    assert_gradient(f.backward(dy, f(z)), numeric, name)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_can_be_written_into_an_array(name, dtype):
    f = activations.get(name)
    (z,) = random_arrays((4, 5), dtype=dtype)
    out = np.full((4, 5), np.nan, dtype)
    assert f.derivative(f(z), out=out) is out
    expected = f.derivative(f(z))
    assert expected.dtype == dtype
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", NAMES)
def test_result_can_be_written_in_place(name):
    f = activations.get(name)
    (z,) = random_arrays((4, 5))
    expected = f(z)
    assert f(z, out=z) is z
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_can_be_written_into_an_array(name):
    f = activations.get(name)
    y, dy = f(random_arrays((4, 5))[0]), random_arrays((4, 5), seed=2)[0]
    out = np.empty((4, 5))
    assert f.backward(dy, y, out=out) is out
    np.testing.assert_array_equal(out, f.backward(dy, y))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_can_be_written_in_place(name):
    f = activations.get(name)
    y, dy = f(random_arrays((4, 5))[0]), random_arrays((4, 5), seed=2)[0]
    expected = f.backward(dy, y)
    assert f.backward(dy, y, out=dy) is dy
    np.testing.assert_array_equal(dy, expected)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_stay_as_they_are(name):
    f = activations.get(name)
    z, dy = random_arrays((4, 5), (4, 5))
    z.flags.writeable = dy.flags.writeable = False  # to write into them would raise
    y = f(z)
    assert not np.shares_memory(y, z)
    y.flags.writeable = False
    f.backward(dy, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_dtype_is_kept(name, dtype):
    f = activations.get(name)
    z, dy = random_arrays((4, 5), (4, 5), dtype=dtype)
    assert f(z).dtype == f.backward(dy, f(z)).dtype == dtype


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [("tanh", [-1, 0, 1]), ("sigmoid", [0, 0.5, 1]), ("relu", [0, 0, 1e4]), ("softmax", [0, 0, 1])],
)
def test_huge_inputs_saturate_without_a_warning(name, expected, dtype):
    z = np.array([-1e4, 0, 1e4], dtype)
    least = np.finfo(dtype).tiny  # a sigmoid never falls to zero
    np.testing.assert_allclose(activations.get(name)(z), np.array(expected, dtype), rtol=0, atol=2 * least)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sigmoid_is_exact_to_the_last_digits_down_to_its_left_tail(dtype):
    z = np.linspace(-87, 40, 1000).astype(dtype)
    expected = expit(z.astype("float64"))
    np.testing.assert_allclose(activations.get("sigmoid")(z), expected, rtol=3 * np.finfo(dtype).eps)


def test_relu_has_derivative_zero_at_zero():
    relu = activations.get("relu")
    z = np.array([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(relu.backward(np.full(3, 5.0), relu(z)), [0, 0, 5])


def test_relu_of_nan_has_derivative_zero():
    np.testing.assert_array_equal(activations.get("relu").derivative(np.array([np.nan])), [0])


def test_softmax_rows_sum_to_one_and_ignore_a_shift():
    softmax = activations.get("softmax")
    (z,) = random_arrays((3, 4, 6))
    np.testing.assert_allclose(softmax(z).sum(axis=-1), 1, rtol=1e-15)
    # z + 7 is itself rounded, by at most 2**-50.
    np.testing.assert_allclose(softmax(z + 7), softmax(z), rtol=1e-14)


@pytest.mark.filterwarnings("error")
def test_each_row_of_softmax_is_shifted_by_its_own_maximum():
    z = np.array([[1e4, 1e4 - 1], [-1e4, -1e4 - 1]])
    first, second = activations.get("softmax")(z)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_an_imaginary_step_gives_the_derivative(name):
    f = activations.get(name)
    z, direction = random_arrays((4, 5), (4, 5))
    derivative = f(z + 1e-30j * direction).imag / 1e-30
    # The Jacobian of each activation is symmetric, so `backward` is also the derivative in a direction.
    np.testing.assert_allclose(derivative, f.backward(direction, f(z)), rtol=1e-13, atol=1e-15)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@pytest.mark.parametrize("z", [-1e4, -700.0, 700.0, 1e4])
def test_an_imaginary_step_gives_no_derivative_where_the_function_is_flat(name, z):
    (y,) = activations.get(name)(np.array([z + 1e-200j]))
    (expected,) = activations.get(name)(np.array([z]))
    assert y.real == pytest.approx(expected, abs=1e-16)
    assert abs(y.imag) < 1e-213


@pytest.mark.parametrize("name", NAMES)
def test_activation_is_found_by_its_name(name):
    assert activations.get(name).name == name


def test_no_activation_is_the_linear_one():
    assert activations.get(None) is activations.get("linear")


def test_an_activation_is_taken_as_it_is():
    own = activations.Tanh()
    assert activations.get(own) is own


def test_only_softmax_mixes_the_units():
    assert [name for name in NAMES if activations.get(name).elementwise] == list(ELEMENTWISE)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown activation 'swich'.*tanh.*sigmoid"):
        activations.get("swich")
