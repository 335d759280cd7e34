"""What gradient checks rest on: random layers, windows, the catalogue of mistakes, the figure of steps."""

import numpy as np
import pytest
from helpers import CELLS, MASK, as_tuple, random_arrays, random_call, random_cell
from matplotlib.colors import to_hex

from scratch_rnn import GRU, LSTM, Dense, Sequential, SimpleRNN
from scratch_rnn.checks.figures import step_sweep
from scratch_rnn.checks.gradient_check import check_layer
from scratch_rnn.checks.known_bugs import BUGS, inject
from scratch_rnn.checks.variants import LAYERS, random_check, variants
from scratch_rnn.checks.windows import in_windows, truncated

# Random layers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 0.125])
def test_a_random_layer_has_normal_weights_of_the_size_asked_for_biases_too(scale):
    layer = SimpleRNN(40, dtype="float64")
    report = random_check(layer, method="directional", scale=scale, title="mine")
    assert (report.title, report.method, report.passed) == ("mine", "directional", True)
    size = scale * (4 / 40) ** 0.5  # the size asked for is that of four units
    for weight in layer.weights:
        assert weight.std() == pytest.approx(size, rel=0.3)
    assert layer.weights[1].std() == pytest.approx(size, rel=0.05)


def test_a_random_check_is_repeatable_and_half_as_large_by_default():
    first, second, third = SimpleRNN(2, dtype="float64"), SimpleRNN(2, dtype="float64"), SimpleRNN(2)
    assert random_check(first) == random_check(second, method="complex", scale=0.5)
    assert random_check(third).tolerance == 1e-3
    for weight, same, rounded in zip(first.weights, second.weights, third.weights, strict=True):
        np.testing.assert_array_equal(weight, same)
        np.testing.assert_array_equal(weight.astype("float32"), rounded)


def test_a_bug_is_in_what_is_checked_and_not_in_the_layer_that_was_given():
    layer = GRU(2, dtype="float64")
    report = random_check(layer, bug="initial-state-gradient-dropped")
    assert {check.name for check in report.checks if not check.passed} == {"initial h"}
    assert random_check(layer).passed


def test_no_two_variants_are_alike():
    for name in LAYERS:
        titles = [title for _, title in variants(name, 2, "float64", "complex")]
        assert len(titles) == len(set(titles)) > 5


# Windows ---------------------------------------------------------------------------------------------------


def windows_and_layer(cell, **options):
    layer = random_cell(cell, return_sequences=True, return_state=True, bptt_steps=2, **options)
    return in_windows(layer), layer


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all steps", "masked"])
def test_windows_give_what_the_layer_gives(cell, go_backwards, mask):
    windows, layer = windows_and_layer(cell, go_backwards=go_backwards)
    x, states = random_call(layer)
    (y, *last), (expected, *expected_last) = (part.forward(x, states, mask)[0] for part in (windows, layer))
    if mask is not None:  # what a masked step repeats of the window before has no derivative in this one
        seen = mask[:, ::-1] if go_backwards else mask
        y, expected = y[seen], expected[seen]
    for ours, theirs in zip((y, *last), (expected, *expected_last), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_windows_return_what_the_layer_returns(return_sequences, return_state):
    windows, layer = windows_and_layer("LSTM")
    layer.return_sequences, layer.return_state = return_sequences, return_state
    x, _ = random_call(layer)
    ours, theirs = as_tuple(windows.forward(x)[0]), as_tuple(layer.forward(x)[0])
    assert len(ours) == (3 if return_state else 1)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-15)
    assert windows.compute_output_shape(x.shape) == layer.compute_output_shape(x.shape)
    assert windows.weight_names == layer.weight_names
    assert (windows.name, windows.dtype) == (layer.name, layer.dtype)


@pytest.mark.parametrize("go_backwards", [False, True])
def test_an_imaginary_part_ends_with_its_window(go_backwards):
    """Five steps by twos, counted from the last: the windows are one step, two and two."""
    _, layer = windows_and_layer("GRU", go_backwards=go_backwards)
    windows = in_windows(layer.astype("complex128"))
    ends = {0: 1, 1: 3, 2: 3, 3: 5, 4: 5}
    for t, end in ends.items():
        (x,) = random_arrays((4, 5, 3), dtype="complex128")
        x[:, 4 - t if go_backwards else t] += 1e-200j
        y, h = windows.forward(x)[0]
        moved = np.abs(y.imag).max(axis=(0, 2)) > 0
        np.testing.assert_array_equal(moved, [t <= step < end for step in range(5)])
        assert bool(h.imag.any()) == (end == 5)


def test_what_truncates_is_told_and_only_that_is_run_in_windows():
    plain, cut = LSTM(2), LSTM(2, bptt_steps=2)
    assert (truncated(plain), truncated(cut), truncated(Dense(2))) == (False, True, False)
    assert in_windows(plain) is plain
    model = Sequential([GRU(2, return_sequences=True, bptt_steps=3), LSTM(2), Dense(2)])
    assert truncated(model)
    assert not truncated(Sequential([LSTM(2), Dense(2)]))
    model.build((None, 4, 3))
    copy = in_windows(model)
    assert copy is not model
    assert [type(layer).__name__ for layer in copy.layers] == ["Windows", "LSTM", "Dense"]
    assert copy.layers[1:] == model.layers[1:]
    assert isinstance(model.layers[0], GRU)


# The catalogue ---------------------------------------------------------------------------------------------

TIME = 4
WEIGHTS = {"kernel", "recurrent_kernel", "bias"}


def gradients_of(layer, name=None, calls=1, time=TIME, **options):
    """Return the layer's gradients by name, right or with a bug, of the last of some calls; and dy."""
    x, states = random_call(layer, time=time)
    wrong = layer if name is None else inject(layer, name)
    (_, *last), tape = wrong.forward(x, states)
    dy, *dstates = random_arrays((4, time, 2), *(state.shape for state in last), seed=7)
    for _ in range(calls):
        found = wrong.backward(dy, tape, dstates)
    named = dict(zip(layer.weight_names, found.weights, strict=True))
    named |= {f"initial {s}": d for s, d in zip(layer.state_names, found.initial_state, strict=True)}
    return {**named, "input": found.inputs}, dy


def layer_of(cell, **options):
    return random_cell(cell, return_sequences=True, return_state=True, **options)


def assert_equal(found, expected, names=None, rtol=1e-12):
    for name in names or expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=1e-14, err_msg=name)


every_cell = pytest.mark.parametrize("cell", CELLS)


@every_cell
@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("initial-state-gradient-dropped", "initial"),
        ("weight-gradient-unwritten", "weights"),
    ],
)
def test_what_is_dropped_is_zero_and_all_else_is_right(cell, name, arrays):
    layer = layer_of(cell)
    right, (wrong, _) = gradients_of(layer)[0], gradients_of(layer, name)
    for array, gradient in wrong.items():
        if array in WEIGHTS if arrays == "weights" else array.startswith("initial"):
            assert not gradient.any(), array
        else:
            np.testing.assert_array_equal(gradient, right[array], err_msg=array)


@every_cell
def test_without_the_carried_gradient_each_step_stands_alone(cell):
    """As with truncation after one step; only the first step, which reaches the initial state, does not."""
    layer, cut = layer_of(cell), layer_of(cell, bptt_steps=1)
    wrong, expected = gradients_of(layer, "carried-gradient-dropped")[0], gradients_of(cut)[0]
    assert_equal(wrong, expected, {*WEIGHTS, "input"})
    assert not any(wrong[f"initial {name}"].any() for name in layer.state_names)


@every_cell
def test_the_input_gradient_of_one_step_is_that_of_steps_that_stand_alone(cell):
    layer, cut = layer_of(cell), layer_of(cell, bptt_steps=1)
    wrong, _ = gradients_of(layer, "input-gradient-of-one-step")
    assert_equal(wrong, gradients_of(cut)[0], ["input"])
    assert_equal(wrong, gradients_of(layer)[0], set(wrong) - {"input"})


@every_cell
def test_one_step_too_far_is_truncation_after_one_step_more(cell):
    wrong, _ = gradients_of(layer_of(cell, bptt_steps=2), "one-step-too-far", time=7)
    assert_equal(wrong, gradients_of(layer_of(cell, bptt_steps=3), time=7)[0])


@every_cell
@pytest.mark.parametrize("time", [4, 7])
def test_averaged_over_time_divides_the_weights_gradients_by_the_number_of_steps(cell, time):
    layer = layer_of(cell)
    right, wrong = gradients_of(layer, time=time)[0], gradients_of(layer, "averaged-over-time", time=time)[0]
    assert_equal({name: time * wrong[name] for name in WEIGHTS}, right, WEIGHTS)
    assert_equal(wrong, right, set(wrong) - WEIGHTS)


@every_cell
def test_an_accumulator_that_is_not_reset_adds_up_the_calls(cell):
    layer = layer_of(cell)
    right, wrong = gradients_of(layer)[0], gradients_of(layer, "accumulator-not-reset", calls=3)[0]
    assert_equal({name: wrong[name] / 3 for name in WEIGHTS}, right, WEIGHTS)
    assert_equal(wrong, right, set(wrong) - WEIGHTS)


@every_cell
def test_a_final_state_gradient_that_is_dropped_counts_as_zero(cell):
    layer = layer_of(cell)
    wrong = inject(layer, "final-state-gradient-dropped")
    x, states = random_call(layer)
    (dy, *dstates) = random_arrays((4, 5, 2), *[(4, 2)] * len(states), seed=7)
    expected = layer.backward(dy, layer.forward(x, states)[1], [np.zeros_like(d) for d in dstates])
    found = wrong.backward(dy, wrong.forward(x, states)[1], dstates)
    for a, b in zip([*found.weights, found.inputs], [*expected.weights, expected.inputs], strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
def test_a_bias_loaded_twice_counts_twice_on_the_way_out_and_once_on_the_way_back(cell):
    layer, doubled = layer_of(cell), layer_of(cell)
    bias = doubled.weights[2]
    part = bias[0] if bias.ndim == 2 else bias  # of the GRU's two biases the one beside the input
    part *= 2
    x, states = random_call(layer)
    wrong = inject(layer, "bias-loaded-twice")
    for a, b in zip(wrong.forward(x, states)[0], doubled.forward(x, states)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    assert_equal(gradients_of(layer, "bias-loaded-twice")[0], gradients_of(doubled)[0])


@every_cell
def test_the_upstream_gradient_is_overwritten_by_that_of_the_states(cell):
    layer = layer_of(cell)
    (right, dy), (wrong, overwritten) = (
        gradients_of(layer, name) for name in (None, "upstream-gradient-overwritten")
    )
    assert_equal(wrong, right)
    x, states = random_call(layer, time=TIME)
    whole = []
    dstates = random_arrays((4, TIME, 2), *(state.shape for state in states), seed=7)[1:]
    layer.backward(
        dy, layer.forward(x, states)[1], dstates, watch=lambda s, reached: whole.insert(0, reached[0].T)
    )
    np.testing.assert_array_equal(overwritten, np.stack(whole, axis=1))


@every_cell
def test_a_tape_that_is_overwritten_serves_once(cell):
    first, second = (gradients_of(layer_of(cell), "tape-overwritten", calls)[0] for calls in (1, 2))
    for name in WEIGHTS:
        assert np.abs(second[name] - first[name]).max() > 1e-3, name


@every_cell
def test_float32_buffers_round_the_carried_gradient(cell):
    layer = layer_of(cell)
    right, wrong = gradients_of(layer)[0], gradients_of(layer, "float32-buffers")[0]
    for name, gradient in wrong.items():
        assert gradient.dtype == "float64"
        assert 1e-10 < np.abs(gradient - right[name]).max() < 1e-5, name


def one_step(layer, name=None):
    """Return the Step after backward through one step alone, and what it hands to the step before."""
    layer = layer if name is None else inject(layer, name)
    (x,), states = (
        random_arrays((4, 3)),
        [0.5 * s for s in random_arrays(*[(4, 2)] * len(layer.state_names), seed=5)],
    )
    s = layer.single_step(x, states)
    dstate = [d.T.copy() for d in random_arrays(*[(4, 2)] * len(states), seed=6)]
    return s, layer.step_backward(s, tuple(dstate)), dstate


def test_the_kernel_that_is_not_transposed():
    layer = random_cell("SimpleRNN")
    s, (carried,), (dh,) = one_step(layer, "kernel-not-transposed")
    dz = (1 - s.h**2) * dh
    np.testing.assert_allclose(carried.T, dz.T @ layer.weights[1], rtol=1e-13)  # with rows: dz U, not dz Uᵀ


def test_the_derivative_of_an_output():
    layer = random_cell("SimpleRNN")
    s, _, (dh,) = one_step(layer, "derivative-of-an-output")
    np.testing.assert_allclose(s.dz, (1 - np.tanh(s.h) ** 2) * dh, rtol=1e-13)


def test_the_activation_for_its_derivative():
    s, _, (dh, dc) = one_step(random_cell("LSTM"), "activation-for-its-derivative")
    dc = dc + dh * s.o * (1 - np.tanh(s.c) ** 2)
    np.testing.assert_allclose(s.dz_f, dc * s.c_prev * s.f, rtol=1e-12)
    np.testing.assert_allclose(s.dz_i, dc * s.g * s.i * (1 - s.i), rtol=1e-12)


def test_the_cell_state_off_by_one():
    s, _, (dh, dc) = one_step(random_cell("LSTM"), "cell-state-off-by-one")
    dc = dc + dh * s.o * (1 - np.tanh(s.c) ** 2)
    np.testing.assert_allclose(s.dz_f, dc * s.c * s.f * (1 - s.f), rtol=1e-12)


def test_the_update_gate_swapped():
    s, (carried,), (dh,) = one_step(random_cell("GRU"), "update-gate-swapped")
    right = one_step(random_cell("GRU"))[0]
    # h = u h_prev + (1 - u) g, so dg = (1 - u) dh; swapped, u dh.
    np.testing.assert_allclose(right.dz_g, (1 - s.u) * dh * (1 - s.g**2), rtol=1e-12)
    np.testing.assert_allclose(s.dz_g, s.u * dh * (1 - s.g**2), rtol=1e-12)
    assert np.abs(carried).max() > 0


def lstm_step(name):
    """Return the Step and what it hands back, with a bug; and right dh, dc_carried, φ'(c), dc."""
    s, carried, (dh, dc_carried) = one_step(random_cell("LSTM"), name)
    derivative = 1 - np.tanh(s.c) ** 2
    return s, carried, dh, dc_carried, derivative, dc_carried + dh * s.o * derivative


def assert_lstm_step(s, carried, dh, dc, di=None, dc_prev=None):
    """Fail unless all follows from dh and dc as (L7) to (L15) have it, but for what is given."""
    di = dc * s.g if di is None else di
    expected = [di * s.i * (1 - s.i), dc * s.c_prev * s.f * (1 - s.f), dc * s.i * (1 - s.g**2)]
    expected.append(dh * np.tanh(s.c) * s.o * (1 - s.o))
    np.testing.assert_allclose(s.dz, np.concatenate(expected), rtol=1e-12)
    np.testing.assert_allclose(carried[0], s.recurrent_kernel @ s.dz, rtol=1e-12)
    np.testing.assert_allclose(carried[1], dc * s.f if dc_prev is None else dc_prev, rtol=1e-12)


def test_an_lstm_step_without_a_bug_is_what_the_tests_below_take_for_right():
    s, carried, (dh, dc) = one_step(random_cell("LSTM"))
    assert_lstm_step(s, carried, dh, dc + dh * s.o * (1 - np.tanh(s.c) ** 2))


def test_the_cell_gradient_that_is_not_added():
    s, carried, dh, _, derivative, _ = lstm_step("cell-gradient-not-added")
    assert_lstm_step(s, carried, dh, dh * s.o * derivative)


def test_the_output_gate_that_is_left_out():
    s, carried, dh, dc_carried, derivative, _ = lstm_step("output-gate-left-out")
    assert_lstm_step(s, carried, dh, dh * derivative + dc_carried)


def test_the_cell_state_for_its_activation():
    s, carried, dh, dc_carried, _, _ = lstm_step("cell-state-for-its-activation")
    assert_lstm_step(s, carried, dh, dh * s.o * (1 - s.c**2) + dc_carried)


def test_the_input_gate_for_the_candidate():
    s, carried, dh, *_, dc = lstm_step("input-gate-for-candidate")
    assert_lstm_step(s, carried, dh, dc, di=dc * s.i)


def test_the_forget_gate_that_is_left_out():
    s, carried, dh, *_, dc = lstm_step("forget-gate-left-out")
    assert_lstm_step(s, carried, dh, dc, dc_prev=dc)


def test_the_activation_that_is_left_out():
    s, (carried,), (dh,) = one_step(random_cell("SimpleRNN"), "activation-left-out")
    np.testing.assert_array_equal(s.dz, dh)
    np.testing.assert_allclose(carried, s.recurrent_kernel @ dh, rtol=1e-13)


def gru_step(cell, name=None, sign=1, direct=1, candidate=1, reset=True):
    """Fail unless a step is (G6) to (G17), with a sign of du and with or without two ways and a factor."""
    s, (carried,), (dh,) = one_step(random_cell(cell), name)
    u_u, u_r, u_g = np.split(s.recurrent_kernel, 3, axis=1)
    dz_g = dh * (1 - s.u) * (1 - s.g**2)
    r = s.r if reset else 1
    dr = (u_g @ dz_g) * s.h_prev if cell.endswith("before") else dz_g * s.p
    way = (u_g @ dz_g) * r if cell.endswith("before") else u_g @ (dz_g * r)
    dz_u, dz_r = sign * dh * (s.h_prev - s.g) * s.u * (1 - s.u), dr * s.r * (1 - s.r)
    np.testing.assert_allclose(s.dz, np.concatenate([dz_u, dz_r, dz_g]), rtol=1e-12)
    expected = direct * dh * s.u + candidate * way + u_u @ dz_u + u_r @ dz_r
    np.testing.assert_allclose(carried, expected, rtol=1e-12)
    if not cell.endswith("before"):
        np.testing.assert_allclose(s.dp, dz_g * r, rtol=1e-12)


@pytest.mark.parametrize("cell", ["GRU", "GRU reset before"])
@pytest.mark.parametrize(
    ("name", "difference"),
    [
        (None, {}),
        ("update-gate-of-the-wrong-sign", {"sign": -1}),
        ("direct-way-forgotten", {"direct": 0}),
        ("way-through-the-candidate-forgotten", {"candidate": 0}),
        ("reset-gate-left-out", {"reset": False}),
    ],
)
def test_what_is_lost_of_a_gru_step(name, difference, cell):
    gru_step(cell, name, **difference)


@every_cell
def test_weight_gradients_that_are_assigned_are_those_of_the_first_timestep(cell):
    layer = layer_of(cell)
    wrong, _ = gradients_of(layer, "weight-gradient-assigned")
    x, states = random_call(layer, time=TIME)
    right, _ = gradients_of(layer)
    # What remains is the contribution of timestep 1, which one step alone gives from the gradient of h_1.
    _, tape = layer.forward(x, states)
    dy, *dstates = random_arrays((4, TIME, 2), *(state.shape for state in states), seed=7)
    reached = []
    layer.backward(dy, tape, dstates, watch=lambda s, dstate: reached.append(dstate))
    s = layer.single_step(x[:, 0], states)
    layer.step_backward(s, reached[-1])
    layer.add_weight_gradients(s)
    first = dict(zip(layer.weight_names, layer._with_own(s.dmatrix, []), strict=True))
    assert_equal(wrong, first, WEIGHTS)
    assert_equal(wrong, right, set(wrong) - WEIGHTS)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "LSTM"])
def test_where_the_output_gradient_is_assigned_each_step_stands_alone_from_its_own_output(cell):
    wrong, _ = gradients_of(layer_of(cell), "output-gradient-assigned")
    alone, _ = gradients_of(layer_of(cell, bptt_steps=1), "final-state-gradient-dropped")
    assert_equal(wrong, alone)


def test_where_the_output_gradient_is_assigned_an_lstm_goes_on_carrying_that_of_its_cell_state():
    wrong, _ = gradients_of(layer_of("LSTM"), "output-gradient-assigned")
    alone, _ = gradients_of(layer_of("LSTM", bptt_steps=1))
    right, _ = gradients_of(layer_of("LSTM"))
    for other in (alone, right):
        assert all(np.abs(wrong[name] - other[name]).max() > 1e-3 for name in wrong if name != "initial h")


EVERY = (SimpleRNN, GRU, LSTM)
# Who can have a mistake, the option that it takes, and the words by which its description is known.
CATALOGUE = {
    "carried-gradient-dropped": (EVERY, None, "no gradient through time"),
    "output-gradient-assigned": (EVERY, None, "dh set to the output's own"),
    "kernel-not-transposed": ((SimpleRNN,), None, "Uᵀ where U belongs"),
    "final-state-gradient-dropped": (EVERY, None, "of the final states never enters"),
    "initial-state-gradient-dropped": (EVERY, None, "of the initial states is not handed out"),
    "input-gradient-of-one-step": (EVERY, None, "dx leaves out"),
    "weight-gradient-assigned": (EVERY, None, "assigned at each step"),
    "averaged-over-time": (EVERY, None, "divided by T"),
    "one-step-too-far": (EVERY, "bptt_steps", "k + 1 steps"),
    "bias-loaded-twice": (EVERY, None, "b added twice"),
    "derivative-of-an-output": ((SimpleRNN,), None, "tanh(h)"),
    "activation-left-out": ((SimpleRNN,), None, "dz = dh"),
    "activation-for-its-derivative": ((LSTM,), None, "dz_f = f df"),
    "cell-state-off-by-one": ((LSTM,), None, "c_t where c_{t-1}"),
    "cell-gradient-not-added": ((LSTM,), None, "what is carried of dc"),
    "output-gate-left-out": ((LSTM,), None, "output gate left out"),
    "cell-state-for-its-activation": ((LSTM,), None, "with c in place of tanh(c)"),
    "input-gate-for-candidate": ((LSTM,), None, "i where g belongs"),
    "forget-gate-left-out": ((LSTM,), None, "forget gate left out"),
    "update-gate-swapped": ((GRU,), None, "u and 1 - u"),
    "update-gate-of-the-wrong-sign": ((GRU,), None, "du of the wrong sign"),
    "direct-way-forgotten": ((GRU,), None, "the direct way"),
    "way-through-the-candidate-forgotten": ((GRU,), None, "through the candidate forgotten"),
    "reset-gate-left-out": ((GRU,), None, "reset gate left out"),
    "weight-gradient-unwritten": (EVERY, None, "of the weights unwritten"),
    "accumulator-not-reset": (EVERY, None, "the second batch adds to the first"),
    "upstream-gradient-overwritten": (EVERY, None, "upstream gradient overwritten"),
    "tape-overwritten": (EVERY, None, "what forward kept is changed"),
    "float32-buffers": (EVERY, None, "float32"),
}


def test_the_catalogue_says_what_each_mistake_is_and_who_can_have_it():
    assert list(BUGS) == list(CATALOGUE)
    for name, (cells, option, words) in CATALOGUE.items():
        bug = BUGS[name]
        assert (bug.name, bug.cells, bug.option) == (name, cells, option)
        assert [other for other, b in BUGS.items() if words in b.description] == [name]


def test_a_bug_is_put_into_a_copy():
    layer = random_cell("LSTM", return_sequences=True)
    wrong = inject(layer, "tape-overwritten")
    assert (wrong.name, wrong.units, type(wrong).__mro__[1]) == (layer.name, 2, LSTM)
    for ours, theirs in zip(wrong.weights, layer.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not np.shares_memory(ours, theirs)
    assert check_layer(layer, random_call(layer)[0]).passed


# The figure ------------------------------------------------------------------------------------------------

STEPS = [1e-9, 1e-5, 1e-2]
LABELS = {
    "float32": "central differences, float32",
    "float64": "central differences, float64",
    "complex128": "complex step",
}


@pytest.mark.parametrize("order", [list(LABELS), list(LABELS)[::-1]], ids=["in order", "turned round"])
def test_each_curve_of_errors_stands_over_its_steps_under_its_name(order):
    errors = {"float32": [9.0, 0.5, 1e-3], "float64": [1e-7, 1e-10, 1e-4], "complex128": [1e-15, 0.0, 2e-16]}
    figure = step_sweep(STEPS, {dtype: errors[dtype] for dtype in order}, "a title")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step h", "relative error")
    assert figure.get_suptitle() == "a title"
    curves = {line.get_label(): line for line in axes.lines}
    assert list(curves) == [LABELS[dtype] for dtype in order]
    for dtype, label in LABELS.items():
        np.testing.assert_array_equal(curves[label].get_xdata(), STEPS)
        shown = [1e-17 if error == 0 else error for error in errors[dtype]]  # zero has no logarithm
        np.testing.assert_array_equal(curves[label].get_ydata(), shown)
    low, high = axes.get_ylim()
    assert low < 1e-17 and high > 9
    (legend,) = figure.legends
    named = {
        text.get_text(): to_hex(handle.get_color())
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert named == {label: to_hex(line.get_color()) for label, line in curves.items()}
    assert len(set(named.values())) == 3


def test_an_error_of_zero_is_drawn_hollow_and_said_to_be_none():
    (axes,) = step_sweep(STEPS, {"float64": [1e-7, 1e-10, 1e-4], "complex128": [0.0, 0.0, 2e-16]}, "").axes
    (hollow,) = axes.collections
    np.testing.assert_array_equal(hollow.get_offsets(), [[1e-9, 1e-17], [1e-5, 1e-17]])
    assert to_hex(hollow.get_facecolor()[0]) == "#ffffff"
    assert to_hex(hollow.get_edgecolor()[0]) == to_hex(axes.lines[1].get_color())
    assert [text.get_text() for text in axes.texts] == ["no error at all"]
    (without,) = step_sweep(STEPS, {"float64": [1e-7, 1e-10, 1e-4]}, "").axes
    assert not without.collections and not without.texts


def test_errors_without_a_number_leave_a_gap():
    figure = step_sweep(STEPS, {"float32": [float("nan"), np.inf, 0.5]}, "")
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[0])


def test_errors_of_another_number_of_steps_are_refused():
    with pytest.raises(ValueError, match="float64: expected 3 errors, one for each step, found 2"):
        step_sweep(STEPS, {"float32": [1.0, 1.0, 1.0], "float64": [1.0, 1.0]}, "")
