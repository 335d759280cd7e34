"""The forty lines of autograd find the gradients that are derived by hand, by the rules of the derivation."""

import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_gradient, central_differences, random_arrays, random_call, random_cell

from scratch_rnn import autograd
from scratch_rnn.autograd import Value, gradients, lstm

SOURCE = Path(autograd.__file__).read_text(encoding="utf-8")
ROUNDING = 1e-12


def simple_rnn(x, W, U, b):
    h = Value(np.zeros((len(x.array), len(U.array))))
    for t in range(x.array.shape[1]):
        h = (x[:, t] @ W + h @ U + b).tanh()
    return h


def gru(x, W, U, b):
    H = len(U.array)
    h = Value(np.zeros((len(x.array), H)))
    for t in range(x.array.shape[1]):
        zx, zh = x[:, t] @ W + b[0], h @ U + b[1]
        u, r = ((zx[:, part] + zh[:, part]).sigmoid() for part in (slice(H), slice(H, 2 * H)))
        g = (zx[:, 2 * H :] + r * zh[:, 2 * H :]).tanh()
        h = u * h + (Value(1) - u) * g
    return h


def gru_reset_before(x, W, U, b):
    H = len(U.array)
    h = Value(np.zeros((len(x.array), H)))
    for t in range(x.array.shape[1]):
        zx = x[:, t] @ W + b
        u, r = ((zx[:, part] + h @ U[:, part]).sigmoid() for part in (slice(H), slice(H, 2 * H)))
        g = (zx[:, 2 * H :] + (r * h) @ U[:, 2 * H :]).tanh()
        h = u * h + (Value(1) - u) * g
    return h


CELLS = {"SimpleRNN": simple_rnn, "LSTM": lstm, "GRU": gru, "GRU reset before": gru_reset_before}


@pytest.mark.parametrize("cell", CELLS)
def test_from_the_forward_pass_alone_it_finds_the_gradients_that_were_derived_by_hand(cell):
    layer = random_cell(cell, units=5)
    x, _ = random_call(layer, time=7)
    y, tape = layer.forward(x)
    (dy,) = random_arrays(y.shape, seed=2)
    by_hand = layer.backward(dy, tape)
    values = [Value(array) for array in (x, *layer.get_weights())]
    h = CELLS[cell](*values)
    np.testing.assert_allclose(h.array, y, rtol=0, atol=ROUNDING)
    found = gradients((h * Value(dy)).sum(), *values)
    for ours, theirs in zip(found, (by_hand.inputs, *by_hand.weights), strict=True):
        assert np.abs(theirs).max() > 0.1
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=ROUNDING)


def test_the_program_prints_that_it_agrees_with_minimal_py(capsys):
    runpy.run_path(autograd.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["dW", "dU", "db", "dV", "da"]
    for line in lines:
        difference, largest = map(float, re.findall(r"(?:difference|entry) ([^,]+)", line))
        assert difference < ROUNDING < 0.1 < largest


# The rules -------------------------------------------------------------------------------------------------

EXPRESSIONS = {
    "a sum": lambda a, b: a + b,
    "a difference": lambda a, b: a - b,
    "a product": lambda a, b: a * b,
    "a matrix product": lambda a, b: a @ b,
    "tanh": lambda a, b: a.tanh() * b,
    "a sigmoid": lambda a, b: a.sigmoid() * b,
    "a square": lambda a, b: a * a - b,
    "a number of them all": lambda a, b: a.sum() * b,
    "a constant": lambda a, b: (Value(1) - a) * b,
    "a row for all rows": lambda a, b: a[0] + a * b,
    "a column for all columns": lambda a, b: a[:, :1] * b,
    "an entry for all": lambda a, b: a[1:2, 1:2] - b * a,
    "a part": lambda a, b: a[:, 1:] @ b[1:],
    "a row taken twice": lambda a, b: a[[0, 2, 0]] * b,
    "one kernel for a stack": lambda a, b: (a[:, :, None] * b) @ (a @ b),
    "used late and early": lambda a, b: ((a @ b).tanh() @ a + a) * b.sigmoid(),
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_the_gradient_is_the_numeric_one_of(expression):
    a, b, *weights = random_arrays((3, 3), (3, 3))
    (weights,) = random_arrays(expression(Value(a), Value(b)).array.shape, seed=2)

    def loss(*values):
        return (expression(*values) * Value(weights)).sum()

    values = Value(a), Value(b)
    for array, gradient in zip((a, b), gradients(loss(*values), *values), strict=True):
        numeric = central_differences(lambda: float(loss(Value(a), Value(b)).array), array)
        assert np.abs(numeric).max() > 0.1
        assert_gradient(gradient, numeric, "")


def rules(name):
    """Return the lines of an operation that hold a rule, and the numbers beside each."""
    source = inspect.getsource(getattr(Value, name))
    return [re.findall(r"\((\w\d)\)", line) for line in source.splitlines() if "lambda dy" in line]


def test_each_rule_stands_on_a_line_of_its_own_with_the_number_that_it_has_in_the_derivation():
    numbers = {name: rules(name) for name in vars(Value) if rules_in(name)}
    assert numbers == {
        "__add__": [[]],
        "__sub__": [[]],
        "__mul__": [["R1"]],
        "__matmul__": [["R3"], ["R3"]],
        "__getitem__": [["R3"]],
        "tanh": [["R2", "A1"]],
        "sigmoid": [["R2", "A2"]],
        "sum": [["R3"]],
    }
    (adding,) = (line for line in inspect.getsource(gradients).splitlines() if "rule(" in line)
    assert "gradient.get(a, 0) +" in adding and "(R4)" in adding


def rules_in(name):
    return callable(getattr(Value, name)) and "lambda dy" in inspect.getsource(getattr(Value, name))


def test_it_has_some_forty_lines_of_code():
    machine = SOURCE[SOURCE.index("class Value") : SOURCE.index("def lstm")]
    lines = [line for line in map(str.strip, machine.splitlines()) if line and not line.startswith('"""')]
    assert 30 < len(lines) < 45


# What could go wrong ---------------------------------------------------------------------------------------


def test_what_the_loss_does_not_depend_on_has_the_gradient_zero():
    a, b = Value([1.0, 2.0]), Value([[3.0]])
    np.testing.assert_array_equal(gradients(a.sum(), b)[0], [[0.0]])


def test_asked_twice_it_says_the_same():
    (a,) = random_arrays((3, 3))
    value = Value(a)
    loss = (value @ value).tanh().sum()
    first, second = (gradients(loss, value)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_it_goes_back_through_thousands_of_steps():
    u = Value(1.0001)
    h = Value(1.0)
    for _ in range(3000):
        h = h * u
    assert gradients(h, u)[0] == pytest.approx(3000 * 1.0001**2999, rel=1e-9)


def test_a_loss_of_several_numbers_is_refused():
    with pytest.raises(ValueError, match=r"one number, found shape \(2,\)"):
        gradients(Value([1, 2]), Value(1))


@pytest.mark.parametrize("constant", [2.0, np.float64(2), np.ones(3)])
def test_a_constant_that_is_no_value_is_refused_at_once(constant):
    value = Value(np.ones(3))
    for operation in (lambda: value * constant, lambda: constant * value, lambda: value - constant):
        with pytest.raises((TypeError, AttributeError)):
            operation()
