"""The layers: their equations, their gradients with every option, their contract, and what they refuse."""

import math
import pickle
import re
import tracemalloc
from copy import deepcopy
from itertools import product

import numpy as np
import pytest
from helpers import (
    CELLS,
    MASK,
    STEP,
    TOLERANCE,
    as_tuple,
    assert_gradients,
    make_cell,
    named_gradients,
    project,
    projected_loss,
    random_arrays,
    random_call,
    random_cell,
    randomize,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch_rnn import GRU, LSTM, Dense, Layer, SimpleRNN
from scratch_rnn.arrays import aligned_empty
from scratch_rnn.checks.known_bugs import inject
from scratch_rnn.layers import Recurrent
from scratch_rnn.layers.activations import Activation
from scratch_rnn.layers.base import DTYPES
from scratch_rnn.layers.carry import carried, cuts, flush_to_zero
from scratch_rnn.layers.initializers import RandomNormal
from scratch_rnn.layers.tape import SpareTapes, Step, Tape, kept, work
from scratch_rnn.layers.tape import state as new_state
from scratch_rnn.layers.tape import weight as new_weight

ACTIVATIONS = ("tanh", "relu", "linear", "sigmoid")

every_cell = pytest.mark.parametrize("cell", CELLS)
with_and_without_mask = pytest.mark.parametrize(
    "mask", [pytest.param(None, id="all steps"), pytest.param(MASK, id="masked")]
)


either_output = pytest.mark.parametrize(
    "return_sequences", [pytest.param(True, id="sequences"), pytest.param(False, id="last output")]
)
either_direction = pytest.mark.parametrize(
    "go_backwards", [pytest.param(True, id="backwards"), pytest.param(False, id="forwards")]
)
every_option = pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {"use_bias": use_bias, "return_sequences": return_sequences, "go_backwards": go_backwards},
            id=f"{'bias' * use_bias or 'no bias'}-{'sequences' * return_sequences or 'last output'}-"
            f"{'backwards' * go_backwards or 'forwards'}",
        )
        for use_bias, return_sequences, go_backwards in product([True, False], repeat=3)
    ],
)


def differentiate(layer, x, states, mask=None):
    """Run a call and its backward pass; return the projections that served as gradient, and the gradients."""
    outputs, tape = layer.forward(x, states, mask)
    projections = random_arrays(*(output.shape for output in as_tuple(outputs)), seed=2, dtype=layer.dtype)
    return projections, layer.backward(projections[0], tape, projections[1:] or None)


def arrays_of(tape):
    """Return the numbers that a tape holds: all its arrays but the mask, and not the layer's weights."""
    return [tape.joined, tape.dmatrix, tape.summand, *tape.arrays.values()]


def assert_same_gradients(one, other):
    np.testing.assert_array_equal(one.inputs, other.inputs)
    for a, b in zip(
        one.initial_state + tuple(one.weights), other.initial_state + tuple(other.weights), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def assert_close(actual, desired, factor=1):
    """Compare float64 results of two orders of adding up: some hundred roundings of numbers near one."""
    np.testing.assert_allclose(actual, desired, rtol=1e-13, atol=1e-13 * factor)


# The equations ---------------------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def simple_rnn_by_the_book(layer, x, h):
    w, u, b = layer.weights
    return (np.tanh(x @ w + h @ u + b),)


def lstm_by_the_book(layer, x, h, c):
    w, u, b = (np.split(weight, 4, axis=-1) for weight in layer.weights)
    zi, zf, zc, zo = (x @ w[k] + h @ u[k] + b[k] for k in range(4))
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zc)
    return sigmoid(zo) * np.tanh(c), c


def gru_by_the_book(layer, x, h):
    w, u = (np.split(weight, 3, axis=-1) for weight in layer.weights[:2])
    if layer.reset_after:
        b, b_rec = (np.split(bias, 3) for bias in layer.bias)
    else:
        b, b_rec = np.split(layer.bias, 3), np.zeros((3, layer.units))
    z = sigmoid(x @ w[0] + b[0] + h @ u[0] + b_rec[0])
    r = sigmoid(x @ w[1] + b[1] + h @ u[1] + b_rec[1])
    past = r * (h @ u[2] + b_rec[2]) if layer.reset_after else (r * h) @ u[2]
    return (z * h + (1 - z) * np.tanh(x @ w[2] + b[2] + past),)


def run_by_the_book(layer, x, states, mask):
    """Run the layer as Keras defines it, a sample and a step at a time; return y and the last states."""
    by_the_book = {SimpleRNN: simple_rnn_by_the_book, LSTM: lstm_by_the_book, GRU: gru_by_the_book}[
        type(layer)
    ]
    y = np.zeros((*x.shape[:2], layer.units))
    last = [state.copy() for state in states]
    order = range(x.shape[1])[:: -1 if layer.go_backwards else 1]
    for n in range(len(x)):
        output = np.zeros(layer.units)
        for position, t in enumerate(order):
            if mask is None or mask[n, t]:
                new = by_the_book(layer, x[n, t], *(state[n] for state in last))
                output = new[0]
                for state, row in zip(last, new, strict=True):
                    state[n] = row
            y[n, position] = output
    return y, last


@every_cell
@either_direction
@with_and_without_mask
def test_outputs_and_states_follow_the_equations(cell, go_backwards, mask):
    layer = random_cell(cell, go_backwards=go_backwards, return_sequences=True, return_state=True)
    x, states = random_call(layer)
    (y, *last), _ = layer.forward(x, states, mask)
    expected_y, expected_last = run_by_the_book(layer, x, states, mask)
    assert_close(y, expected_y)
    for state, expected in zip(last, expected_last, strict=True):
        assert_close(state, expected)


@every_cell
@with_and_without_mask
def test_the_last_output_is_the_end_of_the_sequence(cell, mask):
    x, states = random_call(random_cell(cell))
    sequence, _ = random_cell(cell, return_sequences=True).forward(x, states, mask)
    last, _ = random_cell(cell).forward(x, states, mask)
    np.testing.assert_array_equal(last, sequence[:, -1])


@every_cell
@either_output
def test_states_are_returned_beside_the_same_output(cell, return_sequences):
    options = {"return_sequences": return_sequences}
    x, states = random_call(random_cell(cell))
    y, _ = random_cell(cell, **options).forward(x, states)
    (y_again, h, *c), _ = random_cell(cell, return_state=True, **options).forward(x, states)
    np.testing.assert_array_equal(y_again, y)
    np.testing.assert_array_equal(h, y[:, -1] if return_sequences else y)
    assert len(c) == (1 if cell == "LSTM" else 0)


@every_cell
def test_states_are_zero_where_none_are_given(cell):
    layer = random_cell(cell)
    x, states = random_call(layer)
    y, _ = layer.forward(x)
    expected, _ = layer.forward(x, [np.zeros_like(state) for state in states])
    np.testing.assert_array_equal(y, expected)


@every_cell
def test_one_state_may_be_left_out(cell):
    layer = random_cell(cell)
    x, (h, *others) = random_call(layer)
    y, _ = layer.forward(x, (h, *(None for _ in others)))
    expected, _ = layer.forward(x, (h, *(np.zeros_like(state) for state in others)))
    np.testing.assert_array_equal(y, expected)


@every_cell
def test_leading_masked_steps_put_out_zeros_and_keep_the_initial_state(cell):
    layer = random_cell(cell, return_sequences=True, return_state=True)
    x, states = random_call(layer)
    (y, *last), _ = layer.forward(x, states, MASK)
    assert not y[1, :2].any()
    assert y[1, 2].all()
    assert not y[3].any()
    for state, initial in zip(last, states, strict=True):
        np.testing.assert_array_equal(state[3], initial[3])


@every_cell
def test_masked_steps_are_as_if_they_were_not_there(cell):
    layer = random_cell(cell)
    x, states = random_call(layer)
    y, _ = layer.forward(x, states, MASK)
    for n in range(3):
        alone, _ = layer.forward(x[n : n + 1, MASK[n]], [state[n : n + 1] for state in states])
        assert_close(y[n], alone[0])


@every_cell
def test_going_backwards_is_going_forwards_on_reversed_time(cell):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    backwards, _ = random_cell(cell, return_sequences=True, go_backwards=True).forward(x, states, MASK)
    forwards, _ = layer.forward(x[:, ::-1], states, MASK[:, ::-1])
    np.testing.assert_array_equal(backwards, forwards)


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_multiplies_the_last_axis(shape, use_bias):
    layer = Dense(2, use_bias=use_bias, dtype="float64")
    layer.build(shape)
    randomize(layer)
    (x,) = random_arrays(shape)
    y, _ = layer.forward(x)
    kernel, bias = layer.weights if use_bias else (*layer.weights, 0)
    assert_close(y, np.einsum("...d,du->...u", x, kernel) + bias)


# Gradients -------------------------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("activation", ACTIVATIONS)
@every_option
@with_and_without_mask
def test_gradients_agree_with_central_differences(cell, activation, options, mask):
    layer = random_cell(cell, activation=activation, return_state=True, **options)
    x, states = random_call(layer)
    projections, gradients = differentiate(layer, x, states, mask)

    loss = projected_loss(layer, projections, x, states, mask)
    assert_gradients(loss, named_gradients(layer, gradients, x, states))


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "GRU reset before"])
@pytest.mark.parametrize("recurrent_activation", ["tanh", "linear"])
def test_gradients_hold_for_other_activations_of_the_gates(cell, recurrent_activation):
    layer = random_cell(cell, recurrent_activation=recurrent_activation, return_state=True)
    x, states = random_call(layer)
    projections, gradients = differentiate(layer, x, states)

    loss = projected_loss(layer, projections, x, states)
    assert_gradients(loss, named_gradients(layer, gradients, x, states))


@pytest.mark.parametrize("activation", ["linear", "tanh", "sigmoid", "relu", "softmax"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3)])
def test_gradients_of_dense_agree_with_central_differences(activation, use_bias, shape):
    layer = Dense(2, activation, use_bias=use_bias, dtype="float64")
    layer.build(shape)
    randomize(layer)
    (x,) = random_arrays(shape)
    y, tape = layer.forward(x)
    projections = random_arrays(y.shape, seed=2)
    gradients = layer.backward(projections[0], tape)
    assert gradients.initial_state == ()
    assert_gradients(projected_loss(layer, projections, x), named_gradients(layer, gradients, x))


@every_cell
@every_option
@with_and_without_mask
def test_an_imaginary_step_gives_the_same_gradient_to_the_last_digits(cell, options, mask):
    """Without a difference there is no cancellation, so this check has no need of a lenient tolerance."""
    layer = random_cell(cell, return_state=True, **options)
    x, states = random_call(layer)
    projections, gradients = differentiate(layer, x, states, mask)
    twin = make_cell(cell, layer.units, dtype="complex128", return_state=True, **options)
    twin.build((None, None, x.shape[-1]))
    directions = random_arrays(*(array.shape for array in (x, *states, *layer.weights)), seed=3)
    x_step, *steps = (1e-30j * direction for direction in directions)
    state_steps, weight_steps = steps[: len(states)], steps[len(states) :]
    twin.set_weights([w + step for w, step in zip(layer.weights, weight_steps, strict=True)])
    stepped = [state + step for state, step in zip(states, state_steps, strict=True)]
    outputs, _ = twin.forward(x + x_step, stepped, mask)
    derivative = project(outputs, projections).imag / 1e-30
    parts = (gradients.inputs, *gradients.initial_state, *gradients.weights)
    expected = sum(np.vdot(part, direction) for part, direction in zip(parts, directions, strict=True))
    # A sum of some hundred products near one, each rounded to 1e-16.
    assert derivative == pytest.approx(expected, rel=1e-13, abs=1e-13)


@every_cell
def test_gradients_of_the_states_alone_are_enough(cell):
    layer = random_cell(cell, return_state=True)
    x, states = random_call(layer)
    (y, *last), tape = layer.forward(x, states)
    projections = random_arrays(*(state.shape for state in last), seed=2)
    gradients = layer.backward(None, tape, projections)
    expected = layer.backward(np.zeros_like(y), tape, projections)
    assert_same_gradients(gradients, expected)
    assert any(weight.any() for weight in gradients.weights)


def test_one_gradient_of_a_state_may_be_left_out():
    layer = random_cell("LSTM")
    x, states = random_call(layer)
    _, tape = layer.forward(x, states)
    (dc,) = random_arrays((4, 2), seed=2)
    gradients = layer.backward(None, tape, (None, dc))
    assert_same_gradients(gradients, layer.backward(None, tape, (np.zeros_like(dc), dc)))


@every_cell
def test_no_gradient_passes_through_a_masked_step(cell):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    _, gradients = differentiate(layer, x, states, MASK)
    assert not gradients.inputs[~MASK].any()
    assert gradients.inputs[MASK].all()


@every_cell
@pytest.mark.parametrize(
    ("zero_output", "mask", "reaches"),
    [
        (False, [False, True, False], [False, True, True]),
        (True, [False, True, False], [False, True, False]),
    ],
)
def test_the_gradient_of_an_output_reaches_the_state_that_it_repeats_and_that_of_a_zero_nothing(
    cell, zero_output, mask, reaches
):
    """Step 1 is skipped before the sequence has begun, step 3 after that."""
    layer = random_cell(cell, return_sequences=True, zero_output_for_mask=zero_output)
    x, states = random_call(layer)
    y, tape = layer.forward(x[:1, :3], [state[:1] for state in states], np.array([mask]))
    assert y.any(axis=-1).tolist() == [reaches]
    for t, does in enumerate(reaches):
        dy = np.zeros_like(y)
        dy[:, t] = 1
        gradients = layer.backward(dy, tape)
        assert gradients.initial_state[0].any() == gradients.weights[0].any() == does
    dy = np.ones_like(y)
    repeated = np.zeros_like(y)
    repeated[:, 1] = sum(reaches)  # all that step 2 puts out, once or twice
    assert_same_gradients(layer.backward(dy, tape), layer.backward(repeated, tape))


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_that_vanishes_ends_in_zeros_and_not_in_denormal_numbers(cell, dtype):
    """Denormal numbers are some forty times slower: 784 steps took ten times as long as they should."""
    layer = random_cell(cell, dtype=dtype)
    layer.recurrent_kernel[...] *= 0.1
    tiny = np.finfo(dtype).tiny
    (x,) = random_arrays((1, 2000 if dtype == "float64" else 300, 3), dtype=dtype)
    y, tape = layer.forward(x)
    inputs = np.abs(layer.backward(np.ones_like(y), tape).inputs)
    assert inputs[:, -1].all()
    assert not inputs[:, 0].any()
    assert not ((inputs > 0) & (inputs < tiny)).any()


@every_cell
def test_the_gradient_of_the_input_can_be_left_out(cell):
    layer = random_cell(cell)
    x, states = random_call(layer)
    y, tape = layer.forward(x, states)
    full, short = layer.backward(y, tape), layer.backward(y, tape, input_gradient=False)
    assert short.inputs is None
    for a, b in zip(short.weights, full.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_gradient_of_the_input_of_dense_can_be_left_out():
    layer = Dense(2, dtype="float64")
    (x,) = random_arrays((4, 3))
    y, tape = layer.forward(x)
    assert layer.backward(y, tape, input_gradient=False).inputs is None
    full = layer.backward(y, tape).inputs
    np.testing.assert_array_equal(layer.backward_from_pre_activation(y, tape).inputs, full)


@pytest.mark.parametrize(
    ("cell", "bug"),
    [
        ("SimpleRNN", "carried-gradient-dropped"),
        ("SimpleRNN", "kernel-not-transposed"),
        ("SimpleRNN", "derivative-of-an-output"),
        ("LSTM", "cell-state-off-by-one"),
        ("LSTM", "final-state-gradient-dropped"),
        ("LSTM", "activation-for-its-derivative"),
        ("GRU", "update-gate-swapped"),
    ],
)
def test_the_check_of_these_tests_notices_known_bugs(cell, bug):
    layer = inject(random_cell(cell, return_state=True), bug)
    x, states = random_call(layer)
    projections, gradients = differentiate(layer, x, states)
    with pytest.raises(AssertionError, match="relative error"):
        assert_gradients(
            projected_loss(layer, projections, x, states), named_gradients(layer, gradients, x, states)
        )


def test_the_check_notices_a_gradient_that_is_not_a_number():
    x = np.ones(3)
    with pytest.raises(AssertionError, match="nan"):
        assert_gradients(x.sum, {"x": (x, np.array([1, np.nan, 1]))})


# The contract ----------------------------------------------------------------------------------------------


@every_cell
@with_and_without_mask
def test_backward_twice_gives_the_same(cell, mask):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    y, tape = layer.forward(x, states, mask)
    assert_same_gradients(layer.backward(y, tape), layer.backward(y, tape))


def test_backward_twice_gives_the_same_for_dense():
    layer = Dense(2, "softmax")
    y, tape = layer.forward(*random_arrays((4, 3), dtype="float32"))
    assert_same_gradients(layer.backward(y, tape), layer.backward(y, tape))


@every_cell
@either_output
@with_and_without_mask
def test_arguments_are_never_changed(cell, return_sequences, mask):
    layer = random_cell(cell, return_sequences=return_sequences, return_state=True)
    x, states = random_call(layer)
    weights = layer.get_weights()
    (dy, *dstates) = random_arrays(*(output.shape for output in layer.forward(x)[0]))
    arguments = [x, *states, dy, *dstates] + ([] if mask is None else [mask := mask.copy()])
    for array in arguments:
        array.flags.writeable = False  # to write into one would raise
    _, tape = layer.forward(x, states, mask)
    layer.backward(dy, tape, dstates)
    for weight, before in zip(layer.weights, weights, strict=True):
        np.testing.assert_array_equal(weight, before)


@pytest.mark.parametrize("activation", ["linear", "softmax"])
def test_arguments_of_dense_are_never_changed(activation):
    layer = Dense(2, activation)
    x, dy = random_arrays((4, 3), (4, 2), dtype="float32")
    x.flags.writeable = dy.flags.writeable = False
    _, tape = layer.forward(x)
    layer.backward(dy, tape)


@every_cell
def test_a_gradient_stays_as_it_is_when_backward_runs_again(cell):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    y, tape = layer.forward(x, states)
    first = layer.backward(y, tape)
    copies = [array.copy() for array in (first.inputs, *first.initial_state, *first.weights)]
    layer.backward(2 * y, tape)
    for array, copy in zip((first.inputs, *first.initial_state, *first.weights), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_cell
def test_changing_the_arguments_after_forward_does_not_change_the_gradients(cell):
    layer = random_cell(cell)
    x, states = random_call(layer)
    mask = MASK.copy()
    y, tape = layer.forward(x, states, mask)
    expected = layer.backward(np.ones_like(y), tape)
    _, tape = layer.forward(x, states, mask)
    for array in (x, *states):
        array += 1
    mask[...] = True
    assert_same_gradients(layer.backward(np.ones_like(y), tape), expected)


@every_cell
@either_output
def test_a_tape_handed_back_gives_the_same_results(cell, return_sequences):
    layer = random_cell(cell, return_sequences=return_sequences, return_state=True)
    x, states = random_call(layer)
    (y, *last), tape = layer.forward(*random_call(layer, seed=5), MASK)
    layer.backward(y, tape, last)
    for arguments in ((x, states, MASK[::-1]), (x, states), (x,)):
        outputs, tape = layer.forward(*arguments, tape=tape)
        expected_outputs, expected_tape = layer.forward(*arguments)
        for output, expected in zip(outputs, expected_outputs, strict=True):
            np.testing.assert_array_equal(output, expected)
        y, *last = outputs
        assert_same_gradients(layer.backward(y, tape, last), layer.backward(y, expected_tape, last))


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_of_a_tape_begins_where_a_line_of_the_cache_does(cell, dtype):
    layer = random_cell(cell, dtype=dtype)
    tapes = [layer.forward(random_call(layer, batch)[0])[1] for batch in (1, 2, 3)]
    arrays = [array for tape in tapes for array in arrays_of(tape)]
    assert len(arrays) >= 3 * 4
    assert [array.ctypes.data % 64 for array in arrays] == [0] * len(arrays)


@every_cell
def test_backward_makes_no_array_of_the_size_of_the_weights_but_their_gradient(cell):
    layer = random_cell(cell, units=64)
    x, states = random_call(layer, batch=2)
    y, tape = layer.forward(x, states)
    tracemalloc.start()
    try:
        layer.backward(y, tape)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert layer.matrix.nbytes <= peak < 1.4 * layer.matrix.nbytes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (2, 3, 16)])
def test_an_aligned_array_is_like_one_of_numpy(shape, dtype):
    array = aligned_empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.c_contiguous
    assert array.flags.writeable


@every_cell
@with_and_without_mask
@either_output
def test_no_result_depends_on_what_lay_in_memory_before(cell, mask, return_sequences, monkeypatch):
    results = []
    for value in (0, np.nan):
        monkeypatch.setattr(
            "scratch_rnn.layers.tape.aligned_empty",
            lambda *array, value=value: np.full(array[0], value, array[1]),
        )
        layer = random_cell(cell, return_sequences=return_sequences, return_state=True)
        x, states = random_call(layer)
        (y, *last), tape = layer.forward(x, states, mask)
        gradients = layer.backward(y, tape, last)
        s = layer.single_step(x[:, 0], states)
        layer.step_backward(s, tuple(state.T for state in last))
        layer.add_weight_gradients(s)
        results.append([y, *last, gradients.inputs, *gradients.initial_state, *gradients.weights, s.dmatrix])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(other).all()


@every_cell
def test_memory_of_a_tape_handed_back_is_used_again(cell):
    layer = random_cell(cell)
    x, states = random_call(layer)
    _, tape = layer.forward(x)
    _, again = layer.forward(x, states, MASK, tape=tape)
    assert again is tape
    assert again.masked
    assert not layer.forward(x, states, tape=tape)[
        1
    ].masked  # or its masked loop, which is slower, would run on


@every_cell
def test_outputs_before_a_samples_first_step_have_no_gradient(cell):
    """They are zero whatever the state is; the state itself is carried on, and its gradient with it."""
    layer = random_cell(cell, return_state=True)
    x, states = random_call(layer)
    _, tape = layer.forward(x, states, MASK)
    dy, *dlast = random_arrays((4, 2), *[(4, 2)] * len(states), seed=2)
    gradients = layer.backward(dy, tape)
    assert not gradients.initial_state[0][3].any()  # the sample without a step
    assert gradients.initial_state[0][:3].all()
    for result, handed in zip(layer.backward(dy, tape, dlast).initial_state, dlast, strict=True):
        np.testing.assert_array_equal(result[3], handed[3])


@every_cell
@pytest.mark.parametrize("shape", [(4, 3, 3), (2, 5, 3), (5, 4, 3)])
def test_a_tape_of_another_shape_does_no_harm(cell, shape):
    layer = random_cell(cell)
    _, tape = layer.forward(random_call(layer)[0])
    (x,) = random_arrays(shape)
    y, _ = layer.forward(x, tape=tape)
    np.testing.assert_array_equal(y, layer.forward(x)[0])


@every_cell
def test_a_tape_of_another_layer_does_no_harm(cell):
    layer, other = random_cell(cell), random_cell(cell, units=4)
    x, _ = random_call(layer)
    y, _ = layer.forward(x, tape=other.forward(x)[1])
    np.testing.assert_array_equal(y, layer.forward(x)[0])


@every_cell
def test_a_tape_from_before_the_layer_was_built_anew_does_no_harm(cell):
    layer = random_cell(cell)
    _, tape = layer.forward(random_call(layer)[0])
    layer.build((None, None, 2))
    (x,) = random_arrays((4, 5, 2))
    np.testing.assert_array_equal(layer.forward(x, tape=tape)[0], layer.forward(x)[0])


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_of_a_tape_has_the_dtype_of_its_layer(cell, dtype):
    layer = random_cell(cell, dtype=dtype)
    _, tape = layer.forward(random_call(layer)[0])
    assert {array.dtype.name for array in arrays_of(tape)} == {dtype}


@every_cell
@pytest.mark.parametrize(("batch", "units"), [(4, 2), (1, 2), (4, 1), (1, 1)])
@either_output
def test_outputs_stay_as_they_are_when_the_tape_is_used_again(cell, batch, units, return_sequences):
    options = {"return_sequences": return_sequences, "return_state": True}
    layer = random_cell(cell, units, **options)
    for time in (1, 3):
        x, states = random_call(layer, batch, time)
        outputs, tape = layer.forward(x, states)
        copies = [output.copy() for output in outputs]
        layer.forward(x + 1, states, tape=tape)
        for output, copy in zip(outputs, copies, strict=True):
            np.testing.assert_array_equal(output, copy)


@every_cell
@with_and_without_mask
@pytest.mark.parametrize("lengths", [(1, 1, 1, 1, 1), (2, 3), (3, 1, 1)], ids=str)
def test_pieces_with_the_state_handed_on_equal_the_whole_sequence(cell, mask, lengths):
    """Gradients included: the state's gradient goes back from call to call as the state went forth."""
    layer = random_cell(cell, return_sequences=True, return_state=True)
    x, states = random_call(layer)
    (y, *last), tape = layer.forward(x, states, mask)
    dy, *dlast = random_arrays(y.shape, *(state.shape for state in last), seed=2)
    if mask is not None:
        # Before its first step a sample puts out zeros, in a call of its own the state that was handed in:
        # a mask agrees with the whole sequence only where each call's output counts.
        dy = dy * mask[..., np.newaxis]
    expected = layer.backward(dy, tape, dlast)

    ends = np.cumsum(lengths)
    pieces = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    state, tapes = states, []
    for piece in pieces:
        (y_piece, *state), tape = layer.forward(x[:, piece], state, None if mask is None else mask[:, piece])
        tapes.append(tape)
        counts = 1 if mask is None else mask[:, piece, np.newaxis]
        np.testing.assert_array_equal(y_piece * counts, y[:, piece] * counts)
    for state_t, last_t in zip(state, last, strict=True):
        np.testing.assert_array_equal(state_t, last_t)

    dstate, inputs, weights = dlast, [], [np.zeros_like(weight) for weight in layer.weights]
    for piece, tape in reversed(list(zip(pieces, tapes, strict=True))):
        gradients = layer.backward(dy[:, piece], tape, dstate)
        dstate = gradients.initial_state
        inputs.insert(0, gradients.inputs)
        weights = [total + weight for total, weight in zip(weights, gradients.weights, strict=True)]
    assert_close(np.concatenate(inputs, axis=1), expected.inputs)
    for actual, desired in zip(
        (*dstate, *weights), (*expected.initial_state, *expected.weights), strict=True
    ):
        assert_close(actual, desired, factor=10)


@every_cell
@pytest.mark.parametrize("parts", [[[3, 1, 0, 2]], [[0, 1], [2, 3]], [[0], [1], [2], [3]]], ids=str)
def test_another_order_or_a_split_of_the_batch_changes_nothing_else(cell, parts):
    """Outputs, and gradients of inputs and states, belong to their samples; those of the weights add up."""
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    y, tape = layer.forward(x, states, MASK)
    (dy,) = random_arrays(y.shape, seed=2)
    expected = layer.backward(dy, tape)
    totals = [np.zeros_like(weight) for weight in layer.weights]
    for rows in parts:
        y_part, tape = layer.forward(x[rows], [state[rows] for state in states], MASK[rows])
        gradients = layer.backward(dy[rows], tape)
        assert_close(y_part, y[rows])
        assert_close(gradients.inputs, expected.inputs[rows])
        for actual, desired in zip(gradients.initial_state, expected.initial_state, strict=True):
            assert_close(actual, desired[rows])
        totals = [total + weight for total, weight in zip(totals, gradients.weights, strict=True)]
    for total, weight in zip(totals, expected.weights, strict=True):
        assert_close(total, weight, factor=10)


@every_cell
@with_and_without_mask
def test_float32_and_float64_agree_within_the_rounding_of_float32(cell, mask):
    layer = random_cell(cell, units=16, return_sequences=True)
    x, states = random_call(layer, time=5)
    results = []
    for dtype in ("float64", "float32"):
        other = layer.astype(dtype)
        y, tape = other.forward(x, states, mask)
        (dy,) = random_arrays(y.shape, seed=2)
        gradients = other.backward(dy, tape)
        results.append([y, gradients.inputs, *gradients.initial_state, *gradients.weights])
    for exact, rounded in zip(*results, strict=True):
        assert rounded.dtype == "float32"
        error = np.abs(rounded - exact).max() / np.abs(exact).max()
        assert 0 < error < 5e-6  # some ten roundings of 6e-8 in each of five steps, that of the weights too


@every_cell
def test_inputs_in_other_layouts_give_the_same(cell):
    layer = random_cell(cell)
    x, _ = random_call(layer)
    expected, _ = layer.forward(x)
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.tolist()):
        np.testing.assert_array_equal(layer.forward(other)[0], expected)


@every_cell
def test_inputs_are_cast_to_the_dtype_of_the_layer(cell):
    layer = random_cell(cell, dtype="float32", return_state=True)
    x, states = random_call(layer)
    outputs, tape = layer.forward(x.astype("float64"), [state.astype("float64") for state in states])
    gradients = layer.backward(outputs[0].astype("float64"), tape)
    for array in (*outputs, gradients.inputs, *gradients.initial_state, *gradients.weights):
        assert array.dtype == "float32"
    whole, _ = layer.forward(np.ones((1, 2, 3), int))
    np.testing.assert_array_equal(whole[0], layer.forward(np.ones((1, 2, 3)))[0][0])


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")])
@pytest.mark.parametrize("make", [SimpleRNN, Dense])
def test_dtype_is_given_by_name_or_by_type(make, dtype):
    layer = make(2, dtype=dtype)
    layer.build((None, 3, 3))
    assert all(weight.dtype == "float64" for weight in layer.weights)


@every_cell
@with_and_without_mask
@either_output
@either_direction
@pytest.mark.parametrize("use_bias", [True, False])
def test_all_that_a_layer_returns_is_contiguous_and_shares_no_memory(
    cell, mask, return_sequences, go_backwards, use_bias
):
    """Batch first, as it is read: neither the order of the loop nor a view of the tape gets out."""
    options = {"return_sequences": return_sequences, "go_backwards": go_backwards, "use_bias": use_bias}
    layer = random_cell(cell, return_state=True, **options)
    x, states = random_call(layer)
    outputs, tape = layer.forward(x, states, mask)
    dy, *dstates = random_arrays(*(output.shape for output in outputs), seed=2)
    gradients = layer.backward(dy, tape, dstates)
    results = [*outputs, gradients.inputs, *gradients.initial_state, *gradients.weights, *layer.get_weights()]
    for array in results:
        assert array.flags.c_contiguous
        assert array.flags.writeable
    theirs = [*arrays_of(tape), *layer.weights, x, *states, dy, *dstates]
    assert not any(np.shares_memory(array, other) for array in results for other in theirs)


@pytest.mark.parametrize("activation", ["linear", "tanh", "softmax"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_all_that_dense_returns_is_contiguous_and_shares_no_memory(activation, shape, use_bias):
    """But for y, which is the tape's own, as DenseTape says."""
    layer = Dense(2, activation, use_bias=use_bias, dtype="float64")
    layer.build(shape)
    randomize(layer)
    x, dy = random_arrays(shape, (*shape[:-1], 2))
    y, tape = layer.forward(x)
    gradients = layer.backward(dy, tape)
    assert y is tape.y
    assert tape.x is x
    assert not np.shares_memory(tape.z, y)
    results = [y, gradients.inputs, *gradients.weights, *layer.get_weights()]
    for array in results:
        assert array.flags.c_contiguous
        assert array.flags.writeable
    assert not any(np.shares_memory(one, other) for one in results for other in (x, dy, *layer.weights))


# A gradient that vanishes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "vanished", "kept"), [("float32", 4e-26, 2e-25), ("float64", 9e-296, 3e-295)]
)
def test_flushing_has_a_bound_from_below_and_from_above(dtype, vanished, kept):
    """What is below it becomes zero; nothing changes by more than that, or by more than a rounding."""
    sizes = np.geomspace(np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max / 1e3, 20_001)
    before = (sizes * np.resize([1, -1, 1.7, -0.3], sizes.size)).astype(dtype)
    after = before.copy()
    flush_to_zero((after[: 10**4], after[10**4 :]))
    size, change = np.abs(before), np.abs(after - before)
    assert not after[size < vanished].any()
    assert after[size > kept].all()
    assert (change <= np.maximum(kept, np.finfo(dtype).eps * size)).all()
    assert np.abs(after[after != 0]).min() >= np.finfo(dtype).tiny
    assert (np.sign(after[after != 0]) == np.sign(before[after != 0])).all()
    untouched = size > kept * 2 ** (2 * np.finfo(dtype).nmant + 3)
    assert 0 < untouched.sum() < untouched.size
    np.testing.assert_array_equal(after[untouched], before[untouched])


def test_gradients_are_flushed_at_every_sixteenth_step_from_the_beginning():
    for t in range(50):
        tiny, large = np.full((2, 3), 1e-300), np.full((2, 3), 0.5)
        result = carried((tiny, large), t, range(0))
        assert result[0] is tiny
        assert tiny.all() == (t % 16 != 0)
        np.testing.assert_array_equal(large, 0.5)


def test_at_a_cut_no_state_gets_a_gradient_and_none_is_changed():
    states = random_arrays((2, 3), (2, 3))
    copies = [state.copy() for state in states]
    for state, copy, result in zip(states, copies, carried(tuple(states), 16, range(16, 0, -4)), strict=True):
        np.testing.assert_array_equal(result, np.zeros((2, 3)))
        np.testing.assert_array_equal(state, copy)


@pytest.mark.parametrize(
    ("time", "steps", "expected"),
    [
        (7, None, []),
        (7, 1, [6, 5, 4, 3, 2, 1]),
        (7, 3, [4, 1]),
        (6, 3, [3]),
        (7, 7, []),
        (7, 9, []),
        (1, 1, []),
    ],
)
def test_windows_are_cut_from_the_end(time, steps, expected):
    assert list(cuts(time, steps)) == expected


class PassesOn(Recurrent):
    """h_t = h_{t-1}, c_t = c_{t-1}: its step backward hands the very arrays back that it was handed."""

    class OwnStep(Step):
        dz = work()
        c_prev, c = new_state()

    step_class, state_names = OwnStep, ("h", "c")

    def step(self, s):
        s.h[...], s.c[...] = s.h_prev, s.c_prev

    def step_backward(self, s, dstate):
        s.dz[...] = 0
        return dstate


@pytest.mark.parametrize("time", [1, 2, 16, 17, 18, 33])
@pytest.mark.parametrize("cell", [*CELLS, "passes on"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flushing_never_touches_the_gradients_that_it_was_given(time, cell, dtype):
    """Numbers that are flushed, in arrays of shapes whose transpose is contiguous as well."""
    for batch, units in ((4, 2), (1, 2), (4, 1), (1, 1)):
        if cell == "passes on":
            layer = PassesOn(units, dtype=dtype)
            layer.build((None, None, 3))
        else:
            layer = random_cell(cell, units, dtype=dtype)
        x, states = random_call(layer, batch, time)
        y, tape = layer.forward(x, states)
        given = [np.full((batch, units), np.finfo(dtype).tiny * k, dtype) for k in (3, 5)[: len(states)]]
        copies = [array.copy() for array in given]
        for dy in (None, np.zeros_like(y)):
            gradients = layer.backward(dy, tape, given)
            for array, copy, result in zip(given, copies, gradients.initial_state, strict=True):
                np.testing.assert_array_equal(array, copy)
                assert not result.any()  # flushed at t = 0 at the latest
                assert not np.shares_memory(array, result)


# Any shape and option --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    cell=st.sampled_from(CELLS),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    options=st.fixed_dictionaries(
        {name: st.booleans() for name in ("use_bias", "return_sequences", "return_state", "go_backwards")}
    ),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_shape_and_option_keeps_the_contract(cell, sizes, options, masked, seed):
    batch, time, features, units = sizes
    layer = random_cell(cell, units, features, seed, **options)
    x, states = random_call(layer, batch, time, features, seed)
    mask = np.random.default_rng(seed).random((batch, time)) < 0.7 if masked else None
    outputs, _ = layer.forward(x, states, mask)
    projections, gradients = differentiate(layer, x, states, mask)
    pairs = named_gradients(layer, gradients, x, states)

    assert as_tuple(outputs)[0].shape == layer.compute_output_shape(x.shape)
    assert len(as_tuple(outputs)) == 1 + options["return_state"] * len(layer.state_names)
    assert all(array.shape == gradient.shape for array, gradient in pairs.values())

    # The derivative in one direction checks all gradients at once; its error is that of central differences.
    directions = random_arrays(*(array.shape for array, _ in pairs.values()), seed=seed)
    expected = sum(np.vdot(d, g) for d, (_, g) in zip(directions, pairs.values(), strict=True))

    def after_moving_by(step):
        for direction, (array, _) in zip(directions, pairs.values(), strict=True):
            array += step * direction
        return project(layer.forward(x, states, mask)[0], projections)

    above, below = after_moving_by(STEP), after_moving_by(-2 * STEP)
    assert (above - below) / (2 * STEP) == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


# Weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "shapes"),
    [
        ("SimpleRNN", [(3, 2), (2, 2), (2,)]),
        ("LSTM", [(3, 8), (2, 8), (8,)]),
        ("GRU", [(3, 6), (2, 6), (2, 6)]),
        ("GRU reset before", [(3, 6), (2, 6), (6,)]),
    ],
)
def test_weights_have_kerass_order_and_shapes(cell, shapes):
    layer = random_cell(cell)
    assert layer.weight_names == ["kernel", "recurrent_kernel", "bias"]
    assert [weight.shape for weight in layer.weights] == shapes
    assert layer.count_params() == sum(map(math.prod, shapes))
    without = random_cell(cell, use_bias=False)
    assert without.weight_names == ["kernel", "recurrent_kernel"]
    assert [weight.shape for weight in without.weights] == shapes[:2]
    assert without.bias is None


def test_weights_of_dense_have_kerass_order_and_shapes():
    layer, without = Dense(2), Dense(2, use_bias=False)
    for each in (layer, without):
        each.build((None, 3))
    assert layer.weight_names == ["kernel", "bias"]
    assert [weight.shape for weight in layer.weights] == [(3, 2), (2,)]
    assert [weight.shape for weight in without.weights] == [(3, 2)]


def built(make, **options):
    """Return a built layer by the name of its cell, or Dense."""
    layer = Dense(2, **{"dtype": "float64", **options}) if make == "Dense" else make_cell(make, 2, **options)
    layer.build((None, None, 3))
    return layer


def filled(make, seed, **options):
    return randomize(built(make, **options), seed)


every_kind = pytest.mark.parametrize("make", [*CELLS, "Dense"])


def every_layer(**options):
    """Return one of each, with a bias that is drawn at random."""
    options |= {"bias_initializer": RandomNormal()}
    return [*(make_cell(cell, 2, **options) for cell in CELLS), Dense(2, **{"dtype": "float64", **options})]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_new_weights_have_the_dtype_of_their_layer(dtype):
    for layer in every_layer(dtype=dtype):
        layer.build((4, 5, 3))
        assert all(weight.dtype == dtype for weight in layer.weights)


def built_weights(layer, rng=None):
    layer.build((4, 5, 3), rng)
    return np.concatenate([weight.ravel() for weight in layer.get_weights()])


def test_a_layers_own_seed_decides_its_weights():
    for first, same, other in zip(every_layer(seed=1), every_layer(seed=1), every_layer(seed=2), strict=True):
        np.testing.assert_array_equal(built_weights(first), built_weights(same, np.random.default_rng(5)))
        assert (built_weights(first) != built_weights(other)).any()


def test_without_a_seed_of_its_own_a_layer_draws_from_the_generator():
    for first, same, other in zip(every_layer(), every_layer(), every_layer(), strict=True):
        expected = built_weights(first, np.random.default_rng(1))
        np.testing.assert_array_equal(expected, built_weights(same, np.random.default_rng(1)))
        assert (expected != built_weights(other, np.random.default_rng(2))).any()


@every_kind
def test_weights_are_drawn_in_kerass_order(make):
    """So that a seed means the same weights whatever else changes."""
    rng, shapes = np.random.default_rng(3), [weight.shape for weight in built(make).weights]
    expected = [rng.normal(0, 0.05, shape) for shape in shapes]
    names = ["kernel", "bias"] if make == "Dense" else ["kernel", "recurrent", "bias"]
    options = {f"{name}_initializer": RandomNormal() for name in names}
    options |= {"unit_forget_bias": False} if make == "LSTM" else {}
    for weight, drawn in zip(built(make, seed=3, **options).weights, expected, strict=True):
        np.testing.assert_array_equal(weight, drawn)


def test_whole_numbers_of_numpy_become_pythons():
    layer = LSTM(np.int64(2), bptt_steps=np.uint8(3))
    assert (type(layer.units), type(layer.bptt_steps), type(Dense(np.int16(2)).units)) == (int, int, int)
    assert (layer.units, layer.bptt_steps) == (2, 3)


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (None, 3), (None, None, 3)])
def test_dense_keeps_all_axes_but_the_last(shape):
    layer = Dense(2)
    layer.build(shape)
    assert layer.compute_output_shape(shape) == (*shape[:-1], 2)
    with pytest.raises(ValueError, match=r"the input of layer 'dense' has shape .*7\), expected \(any, "):
        layer.compute_output_shape((*shape[:-1], 7))


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "GRU reset before"])
def test_both_activations_reach_the_layer(cell):
    layer = make_cell(cell, 2, "relu", "tanh")
    assert (layer.activation.name, layer.recurrent_activation.name) == ("relu", "tanh")
    layer = make_cell(cell, 2, activation="linear", recurrent_activation="relu")
    assert (layer.activation.name, layer.recurrent_activation.name) == ("linear", "relu")


@every_kind
@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_set_are_weights_got(make, use_bias):
    layer, other = filled(make, 1, use_bias=use_bias), filled(make, 2, use_bias=use_bias)
    other.set_weights(layer.get_weights())
    for a, b in zip(layer.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    (x,) = random_arrays((4, 5, 3))
    np.testing.assert_array_equal(layer.forward(x)[0], other.forward(x)[0])


@every_kind
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_layer_keeps_its_own_arrays_whatever_weights_it_is_given(make, dtype, use_bias):
    """What becomes of the caller's arrays is nothing to the layer, and the other way round."""
    layer, other = (filled(make, seed, dtype=dtype, use_bias=use_bias) for seed in (1, 2))
    own, given = layer.weights, other.get_weights()
    expected = [array.copy() for array in given]
    layer.set_weights(given)
    for array, weight in zip(given, own, strict=True):
        assert not np.shares_memory(array, weight)
        array += 1  # the caller's
    for weight, before, same in zip(layer.weights, expected, own, strict=True):
        np.testing.assert_array_equal(weight, before)
        assert np.shares_memory(weight, same)  # whoever had it before still sees the layer's
    given = other.get_weights()
    layer.set_weights(given)
    for weight in layer.weights:
        weight += 1
    for array, before in zip(given, expected, strict=True):
        np.testing.assert_array_equal(array, before)
    layer.set_weights(other.weights)  # of another layer: from then on each has its own
    for weight in layer.weights:
        weight += 1
    for weight, before in zip(other.weights, expected, strict=True):
        np.testing.assert_array_equal(weight, before)


@every_kind
def test_an_array_that_weights_begin_with_stays_the_callers(make):
    """In neither direction does a later change pass from one to the other."""
    names = ["kernel", "bias"] if make == "Dense" else ["kernel", "recurrent", "bias"]
    arrays = dict(zip(names, random_arrays(*(weight.shape for weight in built(make).weights)), strict=True))
    expected = [array.copy() for array in arrays.values()]
    options = {f"{name}_initializer": array for name, array in arrays.items()}
    options |= {"unit_forget_bias": False} if make == "LSTM" else {}
    layer, other = built(make, **options), built(make, **options)
    for weight in other.weights:
        weight += 1
    for array, same in zip(arrays.values(), expected, strict=True):
        np.testing.assert_array_equal(array, same)
        array += 1
    for weight, same in zip(layer.weights, expected, strict=True):
        np.testing.assert_array_equal(weight, same)


@every_kind
@pytest.mark.parametrize(
    ("dtype", "other_dtype"), [("float64", "float32"), ("float64", "complex128"), ("float32", "float32")]
)
def test_a_copy_in_another_dtype_is_a_layer_of_its_own(make, dtype, other_dtype):
    layer = filled(make, 1, dtype=dtype)
    before = layer.get_weights()
    other = layer.astype(other_dtype)
    assert (layer.dtype, other.dtype) == (dtype, other_dtype)
    for weight, expected in zip(other.weights, before, strict=True):
        assert weight.dtype == other_dtype
        np.testing.assert_array_equal(weight, expected.astype(other_dtype))
        weight += 1
    for weight, expected in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@every_cell
def test_a_float32_layer_takes_float64_weights_and_rounds_them(cell):
    layer = random_cell(cell, dtype="float32")
    weights = [1.1 * weight.astype("float64") for weight in layer.get_weights()]
    layer.set_weights(weights)
    for own, weight in zip(layer.weights, weights, strict=True):
        assert own.dtype == "float32"
        np.testing.assert_array_equal(own, weight.astype("float32"))


@every_kind
def test_weights_changed_in_place_change_the_layer(make):
    layer = filled(make, 1)
    (x,) = random_arrays((4, 5, 3))
    for weight in layer.weights:
        before, _ = layer.forward(x)
        weight += 0.1
        assert (layer.forward(x)[0] != before).all()


@every_kind
def test_weights_got_are_copies(make):
    layer = filled(make, 1)
    for got, own in zip(layer.get_weights(), layer.weights, strict=True):
        assert not np.shares_memory(got, own)


@every_kind
def test_names_of_the_weights_lead_to_the_weights(make):
    layer = filled(make, 1)
    for name, weight in zip(layer.weight_names, layer.weights, strict=True):
        assert np.shares_memory(getattr(layer, name), weight)
        np.testing.assert_array_equal(getattr(layer, name), weight)


def test_the_first_forward_builds_the_layer():
    for layer in (SimpleRNN(2), Dense(2)):
        assert not layer.built
        layer.forward(np.zeros((4, 5, 3), "float32"))
        assert layer.built
        assert layer.kernel.shape == (3, 2)


def test_options_have_kerass_defaults():
    for layer in (SimpleRNN(2), GRU(2), LSTM(2)):
        assert layer.dtype == "float32"
        assert layer.activation.name == "tanh"
        assert layer.use_bias
        assert not (layer.return_sequences or layer.return_state or layer.go_backwards)
    assert GRU(2).recurrent_activation.name == LSTM(2).recurrent_activation.name == "sigmoid"
    assert GRU(2).reset_after
    assert LSTM(2).unit_forget_bias
    assert Dense(2).activation.name == "linear"
    assert [layer(2).name for layer in (SimpleRNN, GRU, LSTM, Dense)] == [
        "simple_rnn",
        "gru",
        "lstm",
        "dense",
    ]


class Softsign(Activation):
    """y = z / (1 + |z|), with derivative (1 - |y|)²."""

    name = "softsign"

    def __call__(self, z, out=None):
        return np.divide(z, 1 + np.abs(z), out=out)

    def derivative(self, y, out=None):
        return np.square(1 - np.abs(y), out=out)


@every_cell
def test_an_activation_of_ones_own_is_taken_by_the_cells(cell):
    gates = {} if cell == "SimpleRNN" else {"recurrent_activation": Softsign()}
    layer = random_cell(cell, activation=Softsign(), **gates)
    x, states = random_call(layer)
    projections, gradients = differentiate(layer, x, states)
    loss = projected_loss(layer, projections, x, states)
    assert_gradients(loss, named_gradients(layer, gradients, x, states))


def test_an_activation_of_ones_own_is_taken_by_dense():
    layer = Dense(1, Softsign(), use_bias=False, kernel_initializer="ones", dtype="float64")
    y, tape = layer.forward([[3.0]])
    assert y == 0.75
    assert layer.backward([[1.0]], tape).inputs == 0.0625


# What is refused -------------------------------------------------------------------------------------------


class OnlyBackward(Activation):
    def __call__(self, z, out=None):
        return np.multiply(z, z, out=out)

    def backward(self, dy, y, out=None):
        return np.multiply(2 * dy, np.sqrt(y), out=out)


class OwnBackward(Softsign):
    def backward(self, dy, y, out=None):
        return np.multiply(dy, np.square(1 - np.abs(y)), out=out)


class DerivativeIntoNothing(Softsign):
    def derivative(self, y, out=None):
        return np.square(1 - np.abs(y))


class ValuesIntoNothing(Softsign):
    def __call__(self, z, out=None):
        return z / (1 + np.abs(z))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (OnlyBackward, r"OnlyBackward\(\) .*must define `derivative`, not `backward`"),
        (OwnBackward, r"OwnBackward\(\) .*must define `derivative`, not `backward`"),
        (DerivativeIntoNothing, r"DerivativeIntoNothing\(\) .*must write into `out` and return it"),
        (ValuesIntoNothing, r"ValuesIntoNothing\(\) .*must write into `out` and return it"),
    ],
)
def test_an_activation_of_ones_own_that_a_cell_cannot_use_is_refused(activation, message):
    for make in (SimpleRNN, GRU, LSTM):
        with pytest.raises(ValueError, match=message):
            make(2, activation())
    for make in (GRU, LSTM):
        with pytest.raises(ValueError, match=message):
            make(2, recurrent_activation=activation())


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "2", None])
@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU, Dense])
def test_units_must_be_a_whole_number_above_zero(make, units):
    with pytest.raises(ValueError, match=f"units must be a whole number above zero, not {units!r}"):
        make(units)


@pytest.mark.parametrize("dtype", ["float16", "int32", "double precision", int, None])
def test_a_dtype_other_than_the_three_is_refused(dtype):
    with pytest.raises(ValueError, match=r"unknown dtype .*float32, float64, complex128"):
        LSTM(2, dtype=dtype)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SimpleRNN(2, "softmax"),
        lambda: LSTM(2, "softmax"),
        lambda: LSTM(2, recurrent_activation="softmax"),
        lambda: GRU(2, recurrent_activation="softmax"),
    ],
)
def test_softmax_cannot_serve_in_a_recurrent_layer(make):
    with pytest.raises(
        ValueError, match=r"Softmax\(\) cannot serve in a recurrent layer: it mixes the units"
    ):
        make()


@pytest.mark.parametrize("shape", [(None, 3), (None, None, None), (None, None, 3, 3)])
def test_a_recurrent_layer_cannot_be_built_for_such_inputs(shape):
    with pytest.raises(ValueError, match=r"layer 'mine' needs inputs \(batch, time, features\)"):
        LSTM(2, name="mine").build(shape)


@pytest.mark.parametrize("shape", [(3,), (None, None)])
def test_a_dense_layer_cannot_be_built_for_such_inputs(shape):
    with pytest.raises(ValueError, match=r"layer 'mine' needs inputs \(batch, ..., features\)"):
        Dense(2, name="mine").build(shape)


@pytest.mark.parametrize("make", [SimpleRNN, Dense])
def test_a_layer_cannot_be_built_for_no_features(make):
    with pytest.raises(ValueError, match="features must be a whole number above zero"):
        make(2).build((None, 3, 0))


def call(cell="LSTM", batch=4, time=5, features=3, **arguments):
    layer = random_cell(cell, name="mine")
    return layer.forward(np.zeros((batch, time, features)), **arguments)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda: call(features=2),
            r"the input of layer 'mine' has shape \(4, 5, 2\), expected \(any, any, 3\)",
        ),
        (lambda: call(time=0), r"the input of layer 'mine' has no timesteps: its shape is \(4, 0, 3\)"),
        (
            lambda: call(initial_state=[np.zeros((4, 2))]),
            r"initial state of layer 'mine' must be a tuple of 2 arrays \(h, c\), not of 1",
        ),
        (
            lambda: call(initial_state=[np.zeros((4, 2)), np.zeros((4, 3))]),
            r"initial state c of layer 'mine' has shape \(4, 3\), expected \(4, 2\)",
        ),
        (
            lambda: call("GRU", initial_state=np.zeros((4, 2))),
            r"initial state of layer 'mine' must be a tuple of 1 arrays \(h\), not of 4",
        ),
        (
            lambda: call("GRU", initial_state=[np.zeros((4, 2), complex)]),
            "initial state h of layer 'mine' is complex128, which does not fit float64",
        ),
        (
            lambda: call(mask=np.ones((4, 4), bool)),
            r"mask of layer 'mine' must be bool \(4, 5\), not bool \(4, 4\)",
        ),
        (
            lambda: call(mask=np.ones((4, 5))),
            r"mask of layer 'mine' must be bool \(4, 5\), not float64 \(4, 5\)",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_refused(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()


@pytest.mark.parametrize(
    "x", [np.zeros((4, 5, 3), complex), np.full((4, 5, 3), "a"), np.zeros((4, 5, 3), object)]
)
@pytest.mark.parametrize("make", [LSTM, Dense])
def test_inputs_that_are_no_real_numbers_are_refused(make, x):
    layer = make(2, name="mine")
    layer.build((None, 5, 3))
    with pytest.raises(ValueError, match=r"the input of layer 'mine' is .*, which does not fit float32"):
        layer.forward(x)


def test_inputs_of_another_width_are_refused_by_dense():
    layer = Dense(2, name="mine")
    layer.build((None, 3))
    with pytest.raises(
        ValueError, match=r"the input of layer 'mine' has shape \(4, 2\), expected \(any, 3\)"
    ):
        layer.forward(np.zeros((4, 2)))


def test_dense_takes_neither_states_nor_a_mask():
    with pytest.raises(TypeError, match="positional argument"):
        Dense(2).forward(np.zeros((4, 3)), [np.zeros((4, 2))])
    with pytest.raises(TypeError, match="unexpected keyword argument 'mask'"):
        Dense(2).forward(np.zeros((4, 3)), mask=np.ones((4, 3), bool))


@pytest.mark.parametrize(("return_sequences", "shape"), [(True, (4, 2)), (False, (4, 5, 2)), (False, (2, 4))])
def test_a_gradient_unlike_the_output_is_refused(return_sequences, shape):
    layer = random_cell("GRU", return_sequences=return_sequences, name="mine")
    _, tape = layer.forward(np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match="the gradient of the output of layer 'mine' has shape"):
        layer.backward(np.zeros(shape), tape)


def test_a_gradient_unlike_the_output_is_refused_by_dense():
    layer = Dense(2)
    _, tape = layer.forward(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="the gradient of the output of layer 'dense' has shape"):
        layer.backward(np.zeros((4, 3)), tape)


def test_a_gradient_unlike_the_state_is_refused():
    layer = random_cell("LSTM", name="mine")
    y, tape = layer.forward(np.zeros((4, 5, 3)))
    with pytest.raises(
        ValueError, match=r"state gradient of layer 'mine' must be a tuple of 2 arrays \(h, c\), not of 1"
    ):
        layer.backward(y, tape, [y])
    with pytest.raises(ValueError, match="state gradient h of layer 'mine' has shape"):
        layer.backward(y, tape, [y[:2], y])


def test_a_tape_of_another_layer_is_refused_by_backward():
    layer, other = (random_cell("GRU", name=name) for name in ("mine", "other"))
    y, tape = other.forward(np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match="needs the tape of its own forward pass"):
        layer.backward(y, tape)


@pytest.mark.parametrize("make", [lambda: random_cell("LSTM", name="mine"), lambda: built_dense("mine")])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights[:-1], r"layer 'mine' has . weights \(kernel, .*\), but . were given"),
        (lambda weights: [*weights[:-1], weights[-1][:1]], "weight 'bias' of layer 'mine' has shape"),
        (lambda weights: [*weights[:-1], weights[-1] * 1j], "weight 'bias' of layer 'mine' is float"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(make, change, message):
    layer = make()
    before = layer.get_weights()
    with pytest.raises(ValueError, match=message):
        layer.set_weights(change([weight + 1 for weight in before]))
    for weight, expected in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def built_dense(name):
    layer = Dense(2, name=name)
    layer.build((None, 3))
    return layer


@pytest.mark.parametrize("make", [GRU, Dense])
@pytest.mark.parametrize("ask", [lambda layer: layer.weights, Layer.get_weights, Layer.count_params])
def test_weights_cannot_be_had_before_they_are_made(make, ask):
    with pytest.raises(ValueError, match=r"layer 'mine' has no weights yet: call build\(input_shape\) first"):
        ask(make(2, name="mine"))


def test_weights_cannot_be_set_before_they_are_made():
    with pytest.raises(ValueError, match=r"layer 'mine' has no weights yet: call build\(input_shape\) first"):
        GRU(2, name="mine").set_weights([])


def test_layers_and_activations_show_what_they_are():
    assert repr(LSTM(2, name="mine")) == "<LSTM 'mine', float32>"
    assert repr(Dense(2, "relu").activation) == "ReLU()"


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="dropuot"):
        LSTM(2, dropuot=0.5)


# One step alone, and watching ------------------------------------------------------------------------------


@every_cell
def test_a_single_step_is_a_sequence_of_one_timestep(cell):
    layer = random_cell(cell, return_state=True)
    x, states = random_call(layer, time=1)
    (_, *last), tape = layer.forward(x, states)
    s = layer.single_step(x[:, 0], states)
    for name, expected in zip(layer.state_names, last, strict=True):
        np.testing.assert_array_equal(getattr(s, name).T, expected)
    projections = random_arrays(*(state.shape for state in last), seed=2)
    expected = layer.backward(None, tape, projections)
    dstate = layer.step_backward(s, tuple(d.T for d in projections))
    layer.add_weight_gradients(s)
    for d, gradient in zip(dstate, expected.initial_state, strict=True):
        np.testing.assert_array_equal(d.T, gradient)
    np.testing.assert_array_equal(s.dmatrix, tape.dmatrix)


def test_a_single_step_has_what_the_equations_name():
    layer = random_cell("LSTM")
    x, (h, c) = random_call(layer, time=1)
    s = layer.single_step(x[:, 0], (h, c))
    w, u, b = (np.split(weight, 4, axis=-1) for weight in layer.weights)
    z_i, z_f, z_g, z_o = ((x[:, 0] @ w[k] + h @ u[k] + b[k]).T for k in range(4))
    for name, value in {"i": sigmoid(z_i), "f": sigmoid(z_f), "g": np.tanh(z_g), "o": sigmoid(z_o)}.items():
        assert_close(getattr(s, name), value)
    assert_close(s.c, s.f * c.T + s.i * s.g)
    assert_close(s.phi_c, np.tanh(s.c))
    assert_close(s.h, s.o * s.phi_c)


@every_cell
def test_a_single_step_starts_from_zeros_without_a_state(cell):
    layer = random_cell(cell)
    (x,) = random_arrays((4, 3))
    np.testing.assert_array_equal(layer.single_step(x).h.T, layer.forward(x[:, np.newaxis])[0])


def test_a_single_step_lists_its_arrays_and_their_shapes():
    text = repr(random_cell("LSTM").single_step(np.zeros((4, 3))))
    assert text.startswith("LSTMStep\n")
    assert re.search(r"\n +z_f +\(2, 4\)\n", text)
    assert re.search(r"\n +matrix +\(6, 8\)\n", text)


def test_a_single_step_refuses_a_sequence():
    layer = random_cell("LSTM", name="mine")
    with pytest.raises(ValueError, match=r"one timestep of the input of layer 'mine' has shape \(4, 5, 3\)"):
        layer.single_step(np.zeros((4, 5, 3)))


@every_cell
def test_whoever_watches_is_told_the_whole_gradient_of_each_hidden_state(cell):
    """What reaches h_t is its own output's part, and what the rest of the sequence says of its beginning."""
    layer = random_cell(cell, return_sequences=True, return_state=True)
    x, states = random_call(layer)
    (y, *last), tape = layer.forward(x, states)
    dy, *dlast = random_arrays(y.shape, *(state.shape for state in last), seed=2)
    reached = []
    layer.backward(dy, tape, dlast, watch=lambda s, dstate: reached.append((s, dstate[0].T.copy())))
    assert [s for s, _ in reached] == tape.steps[::-1]
    assert_close(reached[0][1], dy[:, 4] + dlast[0])
    for t in range(4):
        state = [getattr(tape.steps[t], name).T for name in layer.state_names]
        _, tape_of_the_rest = layer.forward(x[:, t + 1 :], state)
        carried = layer.backward(dy[:, t + 1 :], tape_of_the_rest, dlast).initial_state[0]
        assert_close(reached[4 - t][1], dy[:, t] + carried)


class Doubles(PassesOn):
    """Hands back twice the gradients, in the arrays in which it got them."""

    def step_backward(self, s, dstate):
        for d in dstate:
            d *= 2
        return super().step_backward(s, dstate)


def test_whoever_watches_may_keep_what_he_is_told():
    layer = Doubles(2, dtype="float64")
    layer.build((None, None, 3))
    _, tape = layer.forward(*random_call(layer))
    dlast, kept_gradients = random_arrays((4, 2), (4, 2), seed=2), []
    layer.backward(None, tape, dlast, watch=lambda s, dstate: kept_gradients.append(dstate))
    for number, dstate in enumerate(kept_gradients):
        for reached, final in zip(dstate, dlast, strict=True):
            np.testing.assert_array_equal(reached.T, 2**number * final)


@every_cell
@with_and_without_mask
def test_watching_changes_nothing(cell, mask):
    layer = random_cell(cell, return_sequences=True)
    x, states = random_call(layer)
    y, tape = layer.forward(x, states, mask)
    calls = []
    watched = layer.backward(y, tape, watch=lambda *arguments: calls.append(arguments))
    assert len(calls) == 5
    assert_same_gradients(watched, layer.backward(y, tape))


def test_two_names_of_one_block_are_one_array():
    s = random_cell("LSTM").single_step(np.zeros((4, 3)))
    assert s.z_f is s.f
    assert s.dz_o is s.do
    assert s.dz is s.difgo
    assert np.shares_memory(s.i_and_f, s.f)
    assert not np.shares_memory(s.i, s.f)


# Outputs alone ---------------------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"return_sequences": True}, {"go_backwards": True}, {"return_state": True}]
)
def test_outputs_alone_are_those_of_forward_bit_for_bit(cell, options, dtype):
    layer = random_cell(cell, dtype=dtype, **options)
    for batch, time in [(4, 5), (1, 1), (3, 2), (4, 5)]:
        x, _ = random_call(layer, batch, time)
        for alone, of_forward in zip(as_tuple(layer.outputs(x)), as_tuple(layer.forward(x)[0]), strict=True):
            np.testing.assert_array_equal(alone, of_forward)
            assert alone.dtype == of_forward.dtype
            assert alone.flags.c_contiguous


def test_outputs_alone_need_the_memory_of_one_timestep():
    layer = LSTM(32)
    x = np.ones((8, 300, 16), "float32")
    layer.outputs(x)
    tracemalloc.start()
    layer.outputs(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * x.nbytes  # forward's tape has 13 times as much


@every_cell
def test_outputs_alone_change_neither_x_nor_what_was_given_out_before(cell):
    layer = random_cell(cell, return_sequences=True, return_state=True)
    x, _ = random_call(layer)
    x.flags.writeable = False
    first = layer.outputs(x)
    kept_numbers = [array.copy() for array in first]
    layer.outputs(x[::-1] * 2)
    for array, numbers in zip(first, kept_numbers, strict=True):
        np.testing.assert_array_equal(array, numbers)


def test_outputs_alone_are_refused_as_forward_refuses():
    layer = random_cell("LSTM", name="mine")
    with pytest.raises(ValueError, match="the input of layer 'mine' has shape"):
        layer.outputs(np.zeros((2, 3, 4)))


class Doubled(LSTM):
    def forward(self, x, *arguments, **options):
        y, tape = super().forward(x, *arguments, **options)
        return 2 * y, tape


def test_a_subclass_s_own_forward_decides_the_outputs_too():
    layer, plain = Doubled(3, seed=0), LSTM(3, seed=0)
    x = np.ones((2, 4, 5), "float32")
    np.testing.assert_array_equal(layer.outputs(x), 2 * plain.outputs(x))


def test_small_tapes_are_used_again_and_large_ones_are_not_kept(monkeypatch):
    made, make = [], Tape.__init__
    monkeypatch.setattr(Tape, "__init__", lambda self, *shape: made.append(shape[1:]) or make(self, *shape))
    layer = random_cell("LSTM")
    for _ in range(3):
        layer.outputs(np.zeros((4, 5, 3)))
    assert made == [(1, 4)]
    for _ in range(2):
        layer.outputs(np.zeros((40_000, 1, 3)))
    assert made == [(1, 4), (1, 40_000), (1, 40_000)]


def test_no_two_threads_have_one_tape():
    spare, tape = SpareTapes(), Tape(random_cell("LSTM"), 1, 4)
    assert spare.take() is None
    spare.put(tape)
    assert [spare.take(), spare.take()] == [tape, None]


def test_a_copy_of_a_layer_and_a_pickled_one_have_no_tape_of_the_original():
    layer = random_cell("LSTM")
    x, _ = random_call(layer)
    expected = layer.outputs(x)
    for other in (deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other._spare_tapes.take() is None
        np.testing.assert_array_equal(other.outputs(x), expected)


# Cells of one's own ----------------------------------------------------------------------------------------


class OneState(Step):
    dz = work()


class TwoStates(OneState):
    c_prev, c = new_state()


class SameName(OneState):
    kernel_twice, dkernel_twice = new_weight("kernel")


class SameWeight(OneState):
    p, dp = new_weight("p", 2)
    q, dq = new_weight("p", 2)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "Mine needs a step_class, a subclass of Step, not None"),
        ({"step_class": int}, "Mine needs a step_class, a subclass of Step, not <class 'int'>"),
        ({"step_class": Step}, "Step does not declare dz: "),
        ({"step_class": OneState, "state_names": ("h", "c")}, r"state_names of Mine .*declares.*\('h',\)"),
        ({"step_class": TwoStates}, r"state_names of Mine are \('h',\), but TwoStates .* \('h', 'c'\)"),
        ({"step_class": TwoStates, "state_names": ("c", "h")}, "in this order, h first"),
        ({"step_class": OneState, "gates": {"i": "input gate"}}, "OneState does not declare i: "),
        ({"step_class": OneState, "signals": {}}, "signals of Mine must name h"),
        (
            {"step_class": SameName},
            "two weights of SameName have one name: kernel, ",
        ),
    ],
)
def test_a_cell_whose_declarations_do_not_fit_together_is_told_so(declared, message):
    with pytest.raises(TypeError, match=message):
        type("Mine", (Recurrent,), declared)(3)


def test_a_cell_without_its_methods_is_told_which():
    layer = type("Mine", (Recurrent,), {"step_class": OneState})(3)
    with pytest.raises(NotImplementedError, match=r"Mine has no step\(self, s\)"):
        layer.forward(np.zeros((2, 3, 4), "float32"))
    half = type("Half", (Recurrent,), {"step_class": OneState, "step": lambda self, s: None})(3)
    y, tape = half.forward(np.zeros((2, 3, 4), "float32"))
    with pytest.raises(NotImplementedError, match=r"Half has no step_backward\(self, s, dstate\)"):
        half.backward(y, tape)


def test_the_weights_of_a_step_divide_by_slices():
    for part in (Step.kernel, Step.h):
        with pytest.raises(TypeError, match="take slices"):
            list(part)
    for step in (2, -1):
        with pytest.raises(TypeError, match="a slice without a step"):
            Step.kernel[::step]
    for last in (-1, slice(-1, None)):
        with pytest.raises(TypeError, match="count them from the first"):
            Step.kernel[last]
    for beyond in (4, slice(4, 5), slice(2, 2)):
        with pytest.raises(TypeError, match=r"there is no block .* among 4"):
            LSTM.step_class.z[beyond]
    assert [Step.kernel[1].blocks, LSTM.step_class.z[-1].blocks] == [range(1, 2), range(3, 4)]
    assert [part.blocks for part in (Step.kernel[:2], Step.kernel[1:3][1:])] == [range(2), range(2, 3)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tape_makes_what_a_step_declares(dtype):
    class Declared(Step):
        z = kept(2)
        z_a, z_b = z
        alone = kept()
        dz = work(2)
        dz_a = dz[:1]
        scratch = work()
        c_prev, c = new_state()
        p, dp = new_weight("peephole", 3, "ones")
        p_last = p[2:]
        q, dq = new_weight("one")
        kernel_b = Step.kernel[1:]

    class Cell(Recurrent):
        step_class, state_names = Declared, ("h", "c")

    layer = Cell(4, dtype=dtype, seed=0)
    layer.build((None, None, 3))
    tape = Tape(layer, time=3, batch=5)
    first, second, third = tape.steps
    shapes = {name: getattr(first, name).shape for name in ("z", "z_b", "alone", "dz", "dz_a", "scratch")}
    assert shapes == {
        **dict.fromkeys(("z", "dz"), (8, 5)),
        **dict.fromkeys(("z_b", "alone", "dz_a", "scratch"), (4, 5)),
    }
    assert {array.dtype.name for array in (first.z, first.dz, first.c, first.p, first.dp)} == {dtype}
    # What is kept has a place of its own in every timestep, and its blocks are parts of it.
    for name in ("z", "alone"):
        assert not np.shares_memory(getattr(first, name), getattr(second, name))
    second.z[...] = np.arange(8)[:, np.newaxis]
    assert (second.z_a[:, 0].tolist(), second.z_b[:, 0].tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7])
    # What is work is the same for all.
    assert first.dz is second.dz is third.dz
    assert first.scratch is third.scratch
    assert np.shares_memory(first.dz_a, first.dz)
    assert not np.shares_memory(first.dz, first.scratch)
    # A state after a timestep is the one before the next.
    assert first.c.shape == first.c_prev.shape == first.h.shape == (4, 5)
    for name in ("h", "c"):
        for step, after in ((first, second), (second, third)):
            assert np.shares_memory(getattr(step, name), getattr(after, f"{name}_prev"))
        assert not np.shares_memory(getattr(first, name), getattr(first, f"{name}_prev"))
    assert len(tape.states[1]) == 4
    # Weights are the layer's, and their gradient is the tape's.
    assert layer.weight_names == ["kernel", "recurrent_kernel", "bias", "peephole", "one"]
    assert first.p is third.p
    assert np.shares_memory(first.p, layer.weights[3])
    np.testing.assert_array_equal(first.p, np.ones((12, 1)))
    np.testing.assert_array_equal(first.q, np.zeros((4, 1)))
    assert np.shares_memory(first.p_last, first.p[8:])
    assert (first.dp.shape, first.dq.shape) == ((12, 1), (4, 1))
    assert first.dp is third.dp
    np.testing.assert_array_equal(first.kernel_b, layer.kernel[:, 4:])
    first.dp += 1
    first.dmatrix[...] = 1
    tape.clear_sums()
    assert not first.dp.any()
    assert not first.dmatrix.any()


def test_the_tape_of_another_dense_is_refused():
    x = np.ones((2, 3))
    one, other = (Dense(3, dtype="float64", seed=0) for _ in range(2))
    other.build(x.shape)
    _, tape = one.forward(x)
    for wrong in (tape, None):
        with pytest.raises(ValueError, match="needs the tape of its own forward pass"):
            other.backward(x, wrong)
    one.backward(x, tape)
