"""The gradient check: right gradients pass to rounding, wrong ones are found and named."""

import json
import re
import warnings

import numpy as np
import pytest
from helpers import CELLS, make_cell, random_arrays, random_call, random_cell, randomize
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch_rnn import GRU, LSTM, Dense, Sequential, SimpleRNN
from scratch_rnn.checks.gradient_check import METHODS, check_function, check_layer, check_loss, sweep_steps
from scratch_rnn.checks.known_bugs import BUGS, inject
from scratch_rnn.checks.variants import LAYERS, variants
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

LOSSES = [
    CategoricalCrossentropy(),
    CategoricalCrossentropy(from_logits=True),
    SparseCategoricalCrossentropy(),
    SparseCategoricalCrossentropy(from_logits=True),
    CategoricalCrossentropy(label_smoothing=0.25),
    CategoricalCrossentropy(from_logits=True, label_smoothing=0.25),
    BinaryCrossentropy(),
    BinaryCrossentropy(from_logits=True),
    BinaryCrossentropy(from_logits=True, label_smoothing=0.25),
    MeanSquaredError(),
    MeanAbsoluteError(),
]
ALL_VARIANTS = [variant for name in LAYERS for variant in variants(name, 3, "float64", "complex")]


def built(layer, shape=(3, 4, 2), scale=0.5):
    layer.build(shape)
    rng = np.random.default_rng(0)
    layer.set_weights([scale * rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


# Right gradients ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "method"),
    [
        pytest.param(layer, method, id=f"{title}, {method}")
        for method in METHODS
        for layer, title in ALL_VARIANTS
        # central differences see beyond where a truncated gradient ends
        if method != "central" or not getattr(layer, "bptt_steps", None)
    ],
)
def test_every_cell_and_option_passes_by_every_method(layer, method):
    report = check_layer(built(layer), random_arrays((3, 4, 2))[0], method=method)
    assert report.passed, report


@pytest.mark.parametrize("cell", CELLS)
def test_weights_input_and_initial_states_are_checked_under_a_mask(cell):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    mask = np.random.default_rng(0).random((4, 5)) > 0.4
    report = check_layer(layer, x, states, mask)
    assert report.passed, report
    names = {"kernel", "recurrent_kernel", "bias", "input", *(f"initial {s}" for s in layer.state_names)}
    assert {check.name for check in report.checks} == names


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    cell=st.sampled_from(CELLS),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 4)),
    units=st.integers(1, 5),
    options=st.fixed_dictionaries(
        {
            "activation": st.sampled_from(["tanh", "relu", "linear", "sigmoid"]),
            **{name: st.booleans() for name in ("use_bias", "return_sequences", "go_backwards")},
        }
    ),
    scale=st.one_of(st.just(0.5), st.floats(0.01, 3)),
    masked=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_every_entry_passes_for_any_shape_options_and_size_of_weights(
    cell, shape, units, options, scale, masked, seed
):
    """Biases and initial states are not zero. Up to weights of size 0.5 the complex step holds to 1e-12.

    The floor is 1e-2 here: one draw in 1,500 had an entry of 2e-4, left of terms of size one that cancelled,
    that was off by 1e-15. With weights above 0.5 relu and linear cells have states in the hundreds, whose
    rounding is as much larger: the worst of 7,000 draws was 1.6e-10. A wrong term is off by 1e-3 or more.
    """
    layer = random_cell(cell, units=units, features=shape[2], seed=seed, scale=scale, **options)
    rng = np.random.default_rng(seed)
    mask = rng.random(shape[:2]) > 0.3 if masked else None
    tolerance = 1e-12 if scale <= 0.5 else 1e-9
    x = rng.normal(size=shape)
    report = check_layer(layer, x, mask=mask, seed=seed, tolerance=tolerance, floor=1e-2)
    assert report.passed, report


@pytest.mark.parametrize("cell", CELLS)
def test_the_real_shape_passes_along_random_directions(cell):
    layer = make_cell(cell, 128, seed=0)
    (x,) = random_arrays((2, 28, 28))
    report = check_layer(layer, x, method="directional", tolerance=1e-11)
    assert report.passed, report


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "mse",
        "mae",
        "binary_crossentropy",
        BinaryCrossentropy(label_smoothing=0.25),
    ],
    ids=str,
)
@pytest.mark.parametrize("activation", ["softmax", "linear", "sigmoid"])
def test_the_loss_of_a_stack_passes(loss, activation):
    model = Sequential(
        [
            GRU(3, return_sequences=True, dtype="float64"),
            LSTM(3, dtype="float64"),
            Dense(4, activation, dtype="float64"),
        ]
    )
    model.compile("sgd", loss)
    randomize(model) if model.built else model.build((None, 3, 2))
    randomize(model)
    x = random_arrays((70, 3, 2))[0]  # more than one shard
    labels = np.random.default_rng(0).integers(0, 4, 70)
    model.layers[-1].bias[...] += 3 * (activation == "linear")  # cross-entropy wants positive outputs
    report = check_loss(model, x, np.eye(4)[labels])
    assert report.passed, report


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)], ids=["rows", "sequences"])
@pytest.mark.parametrize("soft", [False, True], ids=["one-hot", "soft labels"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss_passes_by_itself(loss, soft, shape):
    targets, y_pred = np.random.default_rng(0).uniform(0.1, 0.9, (2, *shape))
    if not soft:
        targets = np.eye(4)[targets.argmax(axis=-1)]
    report = check_function(
        lambda arrays: loss.values(targets, arrays["y_pred"]).sum(),
        {"y_pred": y_pred},
        {"y_pred": loss.gradient(targets, y_pred)},
        tolerance=1e-12,
    )
    assert report.passed, report


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_model_passes_without_its_loss(method):
    model = Sequential([SimpleRNN(3, dtype="float64"), Dense(2, "softmax", dtype="float64")])
    model.build((None, 4, 2))
    randomize(model)
    report = check_layer(model, random_arrays((3, 4, 2))[0], method=method)
    assert report.passed, report
    assert report.checks[-1].name == "input"


@pytest.mark.parametrize("cell", CELLS)
def test_float32_passes_within_its_rounding(cell):
    layer = random_cell(cell, dtype="float32")
    report = check_layer(layer, random_call(layer)[0])
    assert report.passed, report
    assert report.worst.error > 1e-9  # the gradients really are those of float32


@pytest.mark.parametrize("method", METHODS)
def test_a_function_of_ones_own_can_be_checked(method):
    a, b = random_arrays((3,), (2, 3))
    report = check_function(
        lambda arrays: (np.sin(arrays["b"]) @ arrays["a"]).sum(),
        {"a": a, "b": b},
        {"a": np.sin(b).sum(axis=0), "b": np.cos(b) * a},
        method=method,
    )
    assert report.passed, report


def lost_in_abs(a):
    return np.abs(a["w"]).sum() + a["v"].sum()


def lost_in_a_norm(a):
    return np.linalg.norm(a["w"] ** 2) * a["v"][0]


def lost_in_a_buffer(a):
    buffer = np.zeros(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buffer[:] = a["w"] ** 2
    return buffer.sum() * a["v"][0]


@pytest.mark.parametrize("function", [lost_in_abs, lost_in_a_norm, lost_in_a_buffer])
def test_a_function_that_loses_imaginary_parts_is_told_so_and_not_that_its_gradient_is_wrong(function):
    arrays = {"w": np.array([0.5, -1.5, 2.0]), "v": np.array([0.7])}
    w, v = arrays["w"], arrays["v"]
    gradients = {
        lost_in_abs: {"w": np.sign(w), "v": np.ones(1)},
        lost_in_a_norm: {
            "w": v * 2 * w**3 / np.linalg.norm(w**2),
            "v": np.array([np.linalg.norm(w**2)]),
        },
        lost_in_a_buffer: {"w": 2 * w * v, "v": np.array([(w**2).sum()])},
    }[function]
    report = check_function(function, arrays, gradients)
    of_w, of_v = report.checks
    assert (of_w.passed, of_v.passed, of_v.problem) == (False, True, "")
    assert "the function loses imaginary parts" in of_w.problem
    assert "method='central'" in str(report)
    assert check_function(function, arrays, gradients, method="central").passed
    wrong = check_function(function, arrays, {**gradients, "w": 2 * gradients["w"]})
    assert (wrong.passed, wrong.checks[0].problem) == (False, "")


def test_arrays_have_to_be_arrays():
    with pytest.raises(TypeError, match=r"^array 'w' must be a NumPy array, not list$"):
        check_function(lambda a: sum(a["w"]), {"w": [1.0, 2.0]}, {"w": [1.0, 1.0]})


class KeepsItsInput(Dense):
    """Right, where nobody else uses the layer meanwhile."""

    def forward(self, x, **options):
        self.seen = x
        return super().forward(x, **options)


class CountsItsCalls(Dense):
    calls = 0

    def backward(self, *arguments, **options):
        self.calls += 1
        return super().backward(*arguments, **options)


class AddsUp(Dense):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.total = np.zeros(1)

    def forward(self, x, **options):
        self.total += 1
        return super().forward(x, **options)


@pytest.mark.parametrize(
    ("cls", "kept"), [(KeepsItsInput, "seen"), (CountsItsCalls, "calls"), (AddsUp, "total")]
)
def test_a_layer_that_keeps_something_on_itself_fails(cls, kept):
    layer = cls(3, dtype="float64", name="own")
    x = np.random.default_rng(0).normal(size=(4, 5))
    for checked in (check_layer(layer, x), check_layer(Sequential([layer]), x)):
        assert not checked.passed
        assert {check.problem for check in checked.checks} == {f"changes own.{kept}, which threads share"}


def test_a_check_changes_nothing():
    layer = random_cell("LSTM")
    x, states = random_call(layer)
    before = [array.copy() for array in (*layer.weights, x, *states)]
    check_layer(layer, x, states)
    for array, copy in zip((*layer.weights, x, *states), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert not layer.return_state


def test_a_check_uses_the_states_and_the_mask_that_it_is_given():
    layer = built(SimpleRNN(3, dtype="float64", use_bias=False))
    x, h = np.zeros((3, 4, 2)), np.zeros((3, 3))
    by_name = {check.name: check for check in check_layer(layer, x, [h]).checks}
    assert (
        by_name["recurrent_kernel"].analytic == by_name["recurrent_kernel"].numeric == 0
    )  # h is 0 throughout
    by_name = {check.name: check for check in check_layer(layer, x + 1, mask=np.zeros((3, 4), bool)).checks}
    assert by_name["kernel"].analytic == by_name["kernel"].numeric == 0  # no step is made
    assert by_name["initial h"].analytic != 0  # the final state is the initial one


@pytest.mark.parametrize("method", METHODS)
def test_a_check_of_a_layer_is_named_and_repeatable(method):
    layer = built(SimpleRNN(3, dtype="float64", name="mine"))
    (x,) = random_arrays((3, 4, 2))
    report = check_layer(layer, x, method=method)
    assert (report.title, report.method) == ("mine", method)
    assert report == check_layer(layer, x, method=method, seed=0)
    assert report != check_layer(layer, x, method=method, seed=1)


# Wrong gradients ------------------------------------------------------------------------------------------


def squares(gradient, **options):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    return check_function(lambda arrays: (arrays["x"] ** 2).sum(), {"x": x}, {"x": gradient}, **options)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_the_worst_entry_is_named_with_both_numbers(method):
    report = squares(np.array([[2.0, 4.0], [6.5, 8.0]]), method=method)
    (check,) = report.checks
    assert not report.passed
    assert check.index == (1, 0)
    assert check.analytic == 6.5
    assert check.numeric == pytest.approx(6)
    assert check.error == pytest.approx(0.5 / 6.5)
    assert "WRONG" in str(report)
    assert "[1, 0]" in str(report)


def test_a_single_wrong_entry_is_noticed_along_a_random_direction():
    assert squares(np.array([[2.0, 4.0], [6.0, 8.0]]), method="directional").passed
    assert not squares(np.array([[2.0, 4.0], [6.0, 8.001]]), method="directional").passed
    assert not squares(
        np.array([[2.001, 3.999], [6.0, 8.0]]), method="directional"
    ).passed  # the sum is right


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_fail(method, value):
    assert not squares(np.array([[2.0, value], [6.0, 8.0]]), method=method).passed


@pytest.mark.parametrize(
    ("gradient", "problem"),
    [
        (np.array([2.0, 4.0, 6.0, 8.0]), r"shape (4,)"),
        (np.array([[2, 4], [6, 8]], np.float32), "gradient is float32, not float64"),
        (np.array([[2, 4], [6, 8]]), "gradient is int64, not float64"),
    ],
)
def test_a_wrong_shape_or_dtype_fails_and_is_named(gradient, problem):
    report = squares(gradient)
    assert not report.passed
    (check,) = report.checks
    assert (check.shape, check.passed) == ((2, 2), False)
    assert np.isnan([check.analytic, check.numeric, check.error]).all()
    assert problem in check.problem
    assert problem in str(report)


def test_the_sign_of_a_gradient_matters():
    report = squares(-np.array([[2.0, 4.0], [6.0, 8.0]]))
    assert report.worst.error == pytest.approx(2)


def test_a_report_on_nothing_has_not_passed():
    assert not check_function(lambda arrays: 0.0, {}, {}).passed


def test_unknown_methods_and_names_are_refused():
    with pytest.raises(ValueError, match="unknown method 'magic': use one of complex, central, directional"):
        squares(np.ones((2, 2)), method="magic")
    with pytest.raises(ValueError, match="must have the same names"):
        check_function(lambda arrays: 0.0, {"x": np.ones(1)}, {"y": np.ones(1)})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.ones(3), r"an array of shape \(3,\)"),
        (np.ones((1, 1)), r"an array of shape \(1, 1\)"),
        ([1.0, 2.0], r"an array of shape \(2,\)"),
        (None, "NoneType"),
        ("1", "str"),
    ],
    ids=["vector", "matrix", "list", "nothing", "text"],
)
def test_a_function_that_returns_no_single_number_is_refused(method, value, found):
    arrays = {"x": np.ones(3)}
    with pytest.raises(TypeError, match=f"must return one number, such as a sum, not {found}$"):
        check_function(lambda _: value, arrays, arrays, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("layer", "found"), [(LSTM, "the class LSTM"), ("LSTM", "str"), (None, "NoneType")])
def test_what_is_no_layer_is_refused(method, layer, found):
    with pytest.raises(TypeError, match=rf"^expected a layer, such as LSTM\(4\), not {found}$"):
        check_layer(layer, np.ones((2, 3, 4)), method=method)


def test_a_report_becomes_json():
    content = json.loads(squares(np.array([[2.0, np.nan], [6.0, 8.0]])).to_json())
    (check,) = content.pop("checks")
    assert content == {
        "title": "function",
        "method": "complex",
        "tolerance": 1e-12,
        "floor": 1e-3,
        "passed": False,
        "finding": "",
    }
    assert check == {
        "name": "x",
        "shape": [2, 2],
        "index": [0, 1],
        "analytic": None,  # JSON has no NaN
        "numeric": 4.0,
        "error": None,
        "problem": "",
        "passed": False,
        "finding": "1 of 4 entries are not finite",
    }


def test_a_report_prints_a_line_for_each_array():
    arrays = {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}
    gradients = {"a": np.array([1.0, 1.0]), "b": np.array([1.5])}
    report = check_function(
        lambda values: values["a"].sum() + values["b"].sum(), arrays, gradients, title="sums"
    )
    assert str(report).splitlines() == [
        "sums: complex, tolerance 1e-12 above a floor of 0.001",
        "  ok     a                        (2,)         error 0.0e+00  analytic 1, numeric 1 at [0]",
        "  WRONG  b                        (1,)         error 3.3e-01  analytic 1.5, numeric 1 at [0]",
        "         all 1 entries wrong",
    ]
    assert report.worst.name == "b"


def test_a_report_of_directions_prints_no_index():
    report = squares(np.array([[2.0, 4.0], [6.0, 8.0]]), method="directional")
    assert re.search(r"numeric -?[\d.]+$", str(report))
    assert report.worst.index is None


def test_a_check_of_a_loss_is_named_and_repeatable():
    model = Sequential([SimpleRNN(3, dtype="float64"), Dense(2, "softmax", dtype="float64")], name="mine")
    model.compile("sgd", "mse")
    model.build((None, 4, 2))
    x, y = random_arrays((3, 4, 2), (3, 2))
    report = check_loss(model, x, y, method="directional", seed=5)
    assert (report.title, report.method) == ("mine", "directional")
    assert report == check_loss(model, x, y, method="directional", seed=5)
    assert report != check_loss(model, x, y, method="directional", seed=6)
    assert check_loss(model, x, y, title="other").title == "other"


# Known bugs -----------------------------------------------------------------------------------------------

BUGGY = [(name, cell) for name, bug in BUGS.items() for cell in bug.cells]


def fit_for(name, cell, **options):
    """Return a layer that can have the bug."""
    needed = {BUGS[name].option: 2} if BUGS[name].option else {}
    return cell(3, dtype="float64", return_sequences=True, **needed, **options)


@pytest.mark.parametrize(("name", "cell"), BUGGY)
def test_every_bug_of_the_catalogue_is_found_in_every_cell_that_can_have_it(name, cell):
    layer = built(fit_for(name, cell))
    x = random_arrays((3, 4, 2))[0]
    assert check_layer(layer, x).passed
    report = check_layer(inject(layer, name), x)
    assert not report.passed, report
    assert check_layer(layer, x).passed  # the right layer is as it was


@pytest.mark.parametrize(
    ("name", "problem", "arrays"),
    [
        ("upstream-gradient-overwritten", "dy overwritten", {"kernel", "bias", "input", "initial h"}),
        ("tape-overwritten", "second call differs", {"kernel", "recurrent_kernel", "bias"}),
    ],
)
def test_a_side_effect_is_named_at_every_array_that_it_touches(name, problem, arrays):
    layer = built(SimpleRNN(3, dtype="float64"))
    checks = check_layer(inject(layer, name), random_arrays((3, 4, 2))[0]).checks
    named = {check.name for check in checks if check.problem == problem}
    assert arrays <= named
    assert all(check.passed is False for check in checks if check.name in named)
    assert all(check.passed is True for check in checks if check.name not in named)


def lets_through(name, cell):
    """Whether the check that public code often makes passes: one call, weights of 0.01, error below 1e-5.

    It begins with zero states and looks at the two kernels only.
    """
    layer = inject(built(fit_for(name, cell), scale=0.01), name)
    (x,) = random_arrays((3, 4, 2))
    zeros = [np.zeros((3, 3)) for _ in layer.state_names]
    kernels = check_layer(layer, x, zeros, method="central").checks[:2]
    return all(abs(kernel.analytic - kernel.numeric) < 1e-5 for kernel in kernels)


def test_tiny_weights_and_an_absolute_tolerance_let_several_bugs_through():
    untruncated = [(name, cell) for name, cell in BUGGY if BUGS[name].option is None]
    assert {name for name, cell in untruncated if lets_through(name, cell)} == {
        "bias-loaded-twice",
        "cell-state-for-its-activation",
        "derivative-of-an-output",
        "float32-buffers",
        "input-gradient-of-one-step",
        "initial-state-gradient-dropped",
        "accumulator-not-reset",
        "tape-overwritten",
        "upstream-gradient-overwritten",
    }


# Two mistakes that checks themselves have made: what they call the error, and when they call it too large.


def fails_where_error_exceeds_tolerance(a, n, tolerance):
    return bool(np.any(np.abs(a - n) / np.maximum(np.abs(a), np.abs(n)) > tolerance))


def fails_by_error_over_the_sum(a, n, tolerance):
    return bool(np.any(np.abs(a - n) / np.abs(a + n) > tolerance))


def test_nan_compares_false_and_hides_from_a_check_that_asks_for_a_large_error():
    gradient = np.array([[2.0, np.nan], [6.0, 8.0]])
    assert not fails_where_error_exceeds_tolerance(gradient, np.array([[2.0, 4.0], [6.0, 8.0]]), 1e-6)
    assert not squares(gradient).passed


def test_the_sum_of_both_numbers_halves_the_error_of_equal_signs():
    gradient = np.array([[2.0, 4.0], [6.0, 8.0]]) * (1 + 1.5e-6)
    assert not fails_by_error_over_the_sum(gradient, np.array([[2.0, 4.0], [6.0, 8.0]]), 1e-6)
    assert not squares(gradient, tolerance=1e-6).passed


def test_a_bug_that_does_not_exist_or_does_not_fit_is_refused():
    layer = built(SimpleRNN(3, dtype="float64"))
    with pytest.raises(ValueError, match="unknown bug 'typo'"):
        inject(layer, "typo")
    with pytest.raises(ValueError, match="cell-state-off-by-one is a bug of LSTM, not of this SimpleRNN"):
        inject(layer, "cell-state-off-by-one")
    with pytest.raises(
        ValueError, match=r"one-step-too-far is a bug of .* with bptt_steps, not of this Simple"
    ):
        inject(layer, "one-step-too-far")


# Step sizes -----------------------------------------------------------------------------------------------


def test_central_differences_have_a_best_step_and_the_complex_step_has_none():
    layer = LSTM(4, dtype="float64", seed=0)
    steps = [1e-14, 1e-10, 1e-5, 1e-2, 1.0]
    errors = sweep_steps(layer, random_arrays((3, 5, 3))[0], steps)
    best = {dtype: steps[int(np.nanargmin(values))] for dtype, values in errors.items()}
    assert best["float64"] == 1e-5
    assert best["float32"] == 1e-2  # float32 keeps so few digits that the best step is far larger
    assert min(errors["float32"]) > 100 * min(errors["float64"])
    assert max(errors["complex128"][:2]) < 1e-13
    assert errors == sweep_steps(layer, random_arrays((3, 5, 3))[0], steps, seed=0)
    assert errors != sweep_steps(layer, random_arrays((3, 5, 3))[0], steps, seed=1)


def test_a_sweep_computes_in_double_precision_from_float32_arrays_too():
    layer, (x,) = LSTM(4, seed=0), random_arrays((3, 5, 3), dtype="float32")
    errors = sweep_steps(layer, x, [1e-200, 1e-5])
    assert errors["complex128"][0] < 1e-13
    assert errors["float64"][1] < 1e-8


@pytest.mark.parametrize("x", [np.full((2, 3, 4), "1"), np.full((2, 3, 4), None)])
def test_what_is_no_number_is_not_checked(x):
    with pytest.raises(ValueError, match="expected numbers"):
        check_layer(SimpleRNN(2, dtype="float64"), x)
