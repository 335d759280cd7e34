"""The one screen, minimal.py: its numbers are those of the library and of Keras, and its check can fail."""

import ast
import inspect
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers import assert_gradient, python, random_arrays

from scratch_rnn import LSTM, Dense, RMSprop, Sequential, minimal

PATH = Path(minimal.__file__)
SOURCE = PATH.read_text(encoding="utf-8")
NAMES = ["W", "U", "b", "V", "a"]  # in the order of the library's and of Keras's lists

# Float64 rounds to 1e-16; this is some hundred times what two orders of adding up leave of it, relative to
# entries down to 1e-3 and absolute below, as the check itself measures it (N3).
ROUNDING = 1e-12


def random_weights(features=28, units=7, seed=0):
    """Return weights of a size at which no wrong term can hide, biases too."""
    weights = minimal.initial_weights(features, units, 10, np.random.default_rng(seed))
    arrays = random_arrays(*(weight.shape for weight in weights.values()), seed=seed)
    return {name: 0.5 * array for name, array in zip(weights, arrays, strict=True)}


def tiny_problem():
    """Return weights, x and y for `check`: three features, four units, five steps, two samples."""
    (x,) = random_arrays((2, 5, 3))
    return random_weights(3, 4), x, np.array([3, 7])


def loss_and_gradients(weights, x, y):
    logits, steps = minimal.forward(weights, x)
    loss, dlogits = minimal.cross_entropy(logits, y)
    return loss, minimal.backward(weights, steps, dlogits)


def library_model(weights, optimizer="rmsprop"):
    """Return the library's model with the same weights."""
    units = len(weights["U"])
    model = Sequential([LSTM(units, dtype="float64"), Dense(10, "softmax", dtype="float64")])
    model.build((None, 28, 28))
    model.set_weights([weights[name] for name in NAMES])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def assert_same(ours, theirs):
    """Compare a loss, and every entry of gradients that are large enough for that to say something."""
    (loss, gradients), (expected_loss, expected) = ours, theirs
    assert abs(loss - expected_loss) <= ROUNDING * expected_loss
    assert set(gradients) == set(NAMES)
    for name, gradient in zip(NAMES, expected, strict=True):
        assert np.abs(gradient).max() > 0.001
        assert_gradient(gradients[name], gradient, name, tolerance=ROUNDING)


@pytest.fixture
def batch(digits):
    """Sixteen digits, float64 (16, 28, 28) from 0 to 1, and their labels."""
    x, y = digits
    return x[:16] / 255, y[:16]


# One screen ------------------------------------------------------------------------------------------------


def test_it_fits_one_screen():
    lines = SOURCE.splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 110


def test_it_imports_numpy_and_the_data_and_nothing_else_of_the_package():
    modules = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add("." * node.level + (node.module or ""))
    needed = {"numpy", "scratch_rnn.data.mnist"}
    assert needed <= modules
    assert modules - needed <= sys.stdlib_module_names


def test_importing_it_runs_nothing():
    done = python("-c", "import scratch_rnn.minimal")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("function", "equations"),
    [
        (minimal.forward, {"T1", "L1", "L2", "L3", "L4", "L5", "L6", "D1"}),
        (minimal.cross_entropy, {"C1", "C2"}),
        (
            minimal.backward,
            {"T2", "T3", "L7", "L8", "L9", "L10", "L11", "L12", "L13", "L14", "L15", "D2", "D3"},
        ),
    ],
)
def test_every_equation_stands_beside_the_line_that_computes_it(function, equations):
    comments = [line.partition("  # ")[2] for line in inspect.getsource(function).splitlines()]
    assert set(re.findall(r"\(([A-Z]\d+)\)", " ".join(comments))) == equations


# The same numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 7, 40])
def test_loss_and_gradients_are_the_librarys(batch, units):
    weights = random_weights(units=units)
    assert_same(loss_and_gradients(weights, *batch), library_model(weights).loss_and_gradients(*batch))


def test_loss_and_gradients_are_those_of_keras(batch):
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the gradients are taken with TensorFlow's tape")
    from keras_reference.gradients import twin_loss_and_gradients
    from keras_reference.twin import build_twin

    weights = random_weights()
    model = library_model(weights)
    twin = build_twin(model, (None, 28, 28))
    for name, array in zip(NAMES, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(array, weights[name])
    assert_same(loss_and_gradients(weights, *batch), twin_loss_and_gradients(model, twin, *batch))


@pytest.mark.parametrize("rate", [None, 0.01])
def test_steps_of_rmsprop_are_the_librarys(rate):
    options = {} if rate is None else {"rate": rate}
    optimizer = RMSprop() if rate is None else RMSprop(rate)
    weights = random_weights()
    before = {name: weight.copy() for name, weight in weights.items()}
    theirs = [weights[name].copy() for name in NAMES]
    mean_squares = dict.fromkeys(weights, 0.0)
    for step in range(5):
        gradients = random_weights(seed=step + 1)
        gradients["a"][:5] *= 1e-4  # where the 1e-7 under the root counts
        minimal.rmsprop(weights, gradients, mean_squares, **options)
        optimizer.apply([gradients[name] for name in NAMES], theirs)
    for name, weight in zip(NAMES, theirs, strict=True):
        assert np.all(weight != before[name])
        np.testing.assert_allclose(weights[name], weight, rtol=0, atol=1e-15)


def test_training_side_by_side_with_the_library_gives_the_same_losses(digits):
    x, y = digits[0] / 255, digits[1]
    weights = minimal.initial_weights(28, 12, 10, np.random.default_rng(0))
    model, mean_squares, losses = library_model(weights), dict.fromkeys(weights, 0.0), []
    for rows in np.split(np.arange(300), 10):
        loss, gradients = loss_and_gradients(weights, x[rows], y[rows])
        minimal.rmsprop(weights, gradients, mean_squares)
        losses.append(loss)
        assert model.train_on_batch(x[rows], y[rows]) == pytest.approx(loss, rel=1e-9)
    assert len(set(losses)) == 10


def test_the_weights_begin_as_the_librarys_do():
    weights = minimal.initial_weights(28, 50, 10, np.random.default_rng(0))
    theirs = Sequential([LSTM(50), Dense(10)], seed=0)
    theirs.build((None, 28, 28))
    assert [weights[name].shape for name in NAMES] == [weight.shape for weight in theirs.weights]
    for name, weight in zip(NAMES, theirs.get_weights(), strict=True):
        assert weights[name].std() == pytest.approx(weight.std(), rel=0.1)
        assert np.abs(weights[name]).max() == pytest.approx(np.abs(weight).max(), rel=0.3)
    np.testing.assert_array_equal(weights["b"], theirs.get_weights()[2])
    np.testing.assert_allclose(weights["U"] @ weights["U"].T, np.eye(50), atol=1e-14)


def test_a_loss_of_thousands_is_finite_and_so_is_its_gradient():
    loss, dlogits = minimal.cross_entropy(np.array([[2000.0, 0.0, -2000.0]]), np.array([2]))
    assert loss == 4000
    np.testing.assert_array_equal(dlogits, [[1, 0, -1]])


def test_the_loss_of_a_row_does_not_depend_on_how_large_the_logits_of_another_are():
    logits = np.array([[0.0, 1.0], [2000.0, 2001.0]])
    loss, dlogits = minimal.cross_entropy(logits, np.array([1, 1]))
    assert loss == pytest.approx(np.log1p(np.exp(-1)))
    np.testing.assert_allclose(dlogits[0], dlogits[1])


def test_forward_and_backward_leave_their_arguments_as_they_are(batch):
    weights = random_weights()
    for array in (*weights.values(), *batch):
        array.flags.writeable = False
    logits, steps = minimal.forward(weights, batch[0])
    _, dlogits = minimal.cross_entropy(logits, batch[1])
    for array in (logits, dlogits, *(array for step in steps for array in step)):
        array.flags.writeable = False
    first, second = (minimal.backward(weights, steps, dlogits) for _ in range(2))
    for name in NAMES:
        np.testing.assert_array_equal(first[name], second[name])


# The check -------------------------------------------------------------------------------------------------


def test_the_check_finds_rounding_alone():
    errors = minimal.check(*tiny_problem())
    assert list(errors) == NAMES
    assert all(0 < error < 1e-13 for error in errors.values())


def planted(line, mistake):
    """Return the module with one piece of its source replaced."""
    assert SOURCE.count(line) == 1, f"{line!r} is not in minimal.py, or more than once: plant it anew"
    module = ModuleType("planted")
    exec(compile(SOURCE.replace(line, mistake), "planted", "exec"), module.__dict__)
    return module


MISTAKES = {
    "carried gradient dropped": ("dh = dh_own + dh_carried", "dh = dh_own", "WUb"),
    "that of the cell state dropped": (") + dc_carried", ")", "WUb"),
    "own gradient at every step": ("dh_own = np.zeros_like(dh_own)", "", "WUb"),
    "forwards in time": ("in reversed(steps)", "in steps", "WUb"),
    "the way past the forget gate": ("dc_carried = dc * f", "dc_carried = dc", "WUb"),
    "cell state off by one": ("df = dc * c_prev", "df = dc * c", "WUb"),
    "input gate for candidate": ("di = dc * g", "di = dc * i", "WUb"),
    "candidate for input gate": ("dg = dc * i", "dg = dc * g", "WUb"),
    "cell state without tanh": ("do = dh * np.tanh(c)", "do = dh * c", "WUb"),
    "derivative of an output": ("np.tanh(c) ** 2", "np.tanh(np.tanh(c)) ** 2", "WUb"),
    "activation for its derivative": ("df * f * (1 - f)", "df * f", "WUb"),
    "sigmoid's derivative for tanh's": ("(1 - g**2)", "g * (1 - g)", "WUb"),
    "gates in another order": ("[dz_i, dz_f, dz_g, dz_o]", "[dz_i, dz_f, dz_o, dz_g]", "WUb"),
    "kernel of the wrong gates": ('dz @ weights["U"].T', 'dz @ weights["U"][::-1].T', "WUb"),
    "averaged over time": ("dW += x_t.T @ dz", "dW += x_t.T @ dz / len(steps)", "W"),
    "state after the step": (
        "for x_t, h_prev, c_prev, i, f, g, o, c, _ in",
        "for x_t, _, c_prev, i, f, g, o, c, h_prev in",
        "U",
    ),
    "first step alone": ("db += dz.sum(axis=0)", "db = dz.sum(axis=0)", "b"),
    "bias loaded twice": ('+ weights["b"]', '+ 2 * weights["b"]', "b"),
    "initial state for the last": ("steps[-1][-1].T", "steps[0][-1].T", "V"),
    "sum for mean": ("(np.exp(log_p) - one_hot) / len(y)", "np.exp(log_p) - one_hot", "WUbVa"),
    "not a number": ("dlogits.sum(axis=0)", "dlogits.sum(axis=0) * np.nan", "a"),
}


@pytest.mark.parametrize(("line", "mistake", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_the_check_finds_a_mistake_and_where_it_is(line, mistake, wrong):
    errors = planted(line, mistake).check(*tiny_problem())
    assert {name for name, error in errors.items() if not error < 0.01} == set(wrong)
    assert all(error < ROUNDING for name, error in errors.items() if name not in wrong)


def test_the_check_differentiates_the_functions_of_the_module(monkeypatch):
    def without_a_bias(weights, x):
        return minimal_forward(weights | {"b": np.zeros_like(weights["b"])}, x)

    minimal_forward = minimal.forward
    monkeypatch.setattr(minimal, "forward", without_a_bias)
    assert minimal.check(*tiny_problem())["b"] == pytest.approx(1)


def printed_errors(output):
    """Return {name: (error, verdict)} of what the check prints."""
    found = re.findall(r"^d(\w)  worst relative error (\S+)  (\w+)$", output, flags=re.MULTILINE)
    return {name: (float(error), verdict) for name, error, verdict in found}


def test_the_program_prints_which_gradients_a_mistake_makes_wrong(digits, capsys):
    line, mistake, wrong = MISTAKES["carried gradient dropped"]
    module = planted(line, mistake)
    few = tuple(array[:50] for array in digits)
    module.load_mnist = lambda source: (few, few)
    module.main()
    errors = printed_errors(capsys.readouterr().out)
    assert list(errors) == NAMES
    for name, (error, verdict) in errors.items():
        assert verdict == ("WRONG" if name in wrong else "rounding")
        assert (error > 0.01) == (name in wrong)


def test_the_program_calls_wrong_what_is_more_than_rounding(digits, capsys, monkeypatch):
    errors = {"W": 2e-15, "U": 9e-13, "b": 2e-12, "V": float("nan"), "a": 0.5}
    few = tuple(array[:50] for array in digits)
    monkeypatch.setattr(minimal, "check", lambda *_: errors)
    monkeypatch.setattr(minimal, "load_mnist", lambda source: (few, few))
    minimal.main()
    verdicts = ["rounding", "rounding", "WRONG", "WRONG", "WRONG"]
    lines = [
        f"d{name}  worst relative error {error:.0e}  {verdict}"
        for (name, error), verdict in zip(errors.items(), verdicts, strict=True)
    ]
    assert capsys.readouterr().out.splitlines()[:5] == lines


# The training ----------------------------------------------------------------------------------------------


def test_it_learns_a_hundred_digits_by_heart(digits):
    x, y = digits[0][:100] / 255, digits[1][:100]
    weights = minimal.initial_weights(28, 32, 10, np.random.default_rng(0))
    mean_squares = dict.fromkeys(weights, 0.0)
    losses = []
    for _ in range(100):
        loss, gradients = loss_and_gradients(weights, x, y)
        minimal.rmsprop(weights, gradients, mean_squares, rate=0.01)
        losses.append(loss)
    assert losses[0] > 2
    assert np.median(losses[-20:]) < 0.4  # the median, since RMSprop leaps at times


def test_the_program_trains_as_the_library_does_with_smaller_and_smaller_steps(sample, capsys, monkeypatch):
    (x, y), (x_test, y_test) = ((x[:160], y[:160]) for x, y in sample)
    monkeypatch.setattr(minimal, "load_mnist", lambda source: ((x, y), (x_test, y_test)))
    minimal.main()
    printed = re.findall(r"^epoch .*$", capsys.readouterr().out, flags=re.MULTILINE)

    rng = np.random.default_rng(0)
    for weight in minimal.initial_weights(3, 4, 10, rng).values():
        rng.normal(size=weight.shape)
    rng.normal(size=(2, 5, 3))  # the check before has drawn these
    optimizer = RMSprop()
    model = library_model(minimal.initial_weights(28, 40, 10, rng), optimizer)
    for epoch, rate in enumerate([0.01, 0.00875, 0.0075, 0.00625, 0.005, 0.00375, 0.0025, 0.00125]):
        optimizer.learning_rate = rate
        order = rng.permutation(160)
        losses = [
            model.train_on_batch(x[rows] / 255, y[rows]) for rows in (order[:54], order[54:107], order[107:])
        ]
        right = model.predict(x_test / 255).argmax(axis=1) == y_test
        expected = f"epoch {epoch + 1}  loss {sum(losses) / 3:.4f}  test accuracy {right.sum() / 160:.1%}"
        assert printed[epoch] == expected
    assert len(printed) == 8


def test_the_program_checks_its_gradients_and_learns_to_read_digits_that_it_has_never_seen(
    sample, capsys, monkeypatch
):
    """With a quarter of the digits: with all of them it takes ten seconds, and reads nine in ten."""
    (x, y), test = sample
    monkeypatch.setattr("scratch_rnn.data.mnist.load_mnist", lambda source: ((x[:1500], y[:1500]), test))
    runpy.run_path(str(PATH), run_name="__main__")
    printed = capsys.readouterr()
    assert printed.err == ""
    errors = printed_errors(printed.out)
    assert list(errors) == NAMES
    assert all(error < ROUNDING and verdict == "rounding" for error, verdict in errors.values())
    epochs = re.findall(r"^epoch (\d)  loss (\S+)  test accuracy (\S+)%$", printed.out, flags=re.MULTILINE)
    assert [int(epoch) for epoch, _, _ in epochs] == list(range(1, 9))
    losses = [float(loss) for _, loss, _ in epochs]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 5
    assert float(epochs[-1][2]) >= 75
