"""Truncated backpropagation through time: the gradient ends after bptt_steps steps, the state does not."""

import numpy as np
import pytest
from helpers import CELLS, MASK, make_cell, random_arrays, random_call, random_cell

from scratch_rnn import Dense, Sequential
from scratch_rnn.checks.gradient_check import check_layer, check_loss
from scratch_rnn.checks.known_bugs import inject

TIME = 7

every_cell = pytest.mark.parametrize("cell", CELLS)


def call_and_backward(layer, time=TIME, mask=None):
    """Return the outputs and the gradients of a call at random initial states."""
    x, states = random_call(layer, time=time)
    outputs, tape = layer.forward(x, states, mask)
    rng = np.random.default_rng(2)
    dy, *dstates = (rng.normal(size=output.shape) for output in outputs)
    return outputs, layer.backward(dy, tape, dstates)


def layers(cell, steps, **options):
    """Return a layer that truncates and one with the same weights that does not."""
    return [random_cell(cell, bptt_steps=k, return_state=True, **options) for k in (steps, None)]


def flat(gradients):
    return [*gradients.weights, gradients.inputs, *gradients.initial_state]


@every_cell
@pytest.mark.parametrize("steps", [1, 3, TIME])
def test_the_state_is_carried_on_as_ever(cell, steps):
    truncated, full = layers(cell, steps, return_sequences=True)
    for a, b in zip(call_and_backward(truncated)[0], call_and_backward(full)[0], strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
@pytest.mark.parametrize("steps", [TIME, TIME + 1, 100])
def test_as_many_steps_as_there_are_give_the_full_gradient(cell, steps):
    truncated, full = layers(cell, steps, return_sequences=True)
    gradients = zip(flat(call_and_backward(truncated)[1]), flat(call_and_backward(full)[1]), strict=True)
    for a, b in gradients:
        np.testing.assert_array_equal(a, b)


@every_cell
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_the_last_output_reaches_back_exactly_that_many_steps(cell, steps):
    truncated, _ = layers(cell, steps)
    gradients = call_and_backward(truncated)[1]
    reached = np.abs(gradients.inputs).max(axis=(0, 2)) > 0
    np.testing.assert_array_equal(reached, np.arange(TIME) >= TIME - steps)
    assert not any(dstate.any() for dstate in gradients.initial_state)


@every_cell
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_fewer_steps_give_another_gradient_than_that_of_the_loss(cell, steps):
    truncated, full = layers(cell, steps)
    for a, b in zip(call_and_backward(truncated)[1].weights, call_and_backward(full)[1].weights, strict=True):
        assert np.abs(a - b).max() > 1e-6  # of entries near one; rounding is 1e-16


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_it_is_the_gradient_of_windows_that_begin_from_constants(cell, go_backwards, steps):
    """Written out without bptt_steps: each window is a call of its own, and its initial state a number."""
    truncated, full = layers(cell, steps, return_sequences=True, go_backwards=go_backwards)
    x, states = random_call(truncated, time=TIME)
    (dy, *dstates) = random_arrays((4, TIME, 2), *[(4, 2)] * len(states), seed=3)
    gradients = truncated.backward(dy, truncated.forward(x, states)[1], dstates)
    ordered = x[:, ::-1] if go_backwards else x
    starts = sorted({0, *range(TIME - steps, 0, -steps)})
    weights, inputs = [0] * 3, []
    for start, end in zip(starts, [*starts[1:], TIME], strict=True):
        window = ordered[:, start:end]
        outputs, tape = full.forward(window[:, ::-1] if go_backwards else window, states)
        states = outputs[1:]
        own = full.backward(dy[:, start:end], tape, dstates if end == TIME else None)
        weights = [a + b for a, b in zip(weights, own.weights, strict=True)]
        inputs.append(own.inputs[:, ::-1] if go_backwards else own.inputs)
    inputs = np.concatenate(inputs, axis=1)
    for a, b in zip(gradients.weights, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        gradients.inputs, inputs[:, ::-1] if go_backwards else inputs, rtol=1e-12, atol=1e-14
    )


@every_cell
@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("mask", [pytest.param(None, id="all steps"), pytest.param(MASK, id="masked")])
def test_the_complex_step_ends_where_the_gradient_ends(cell, steps, mask):
    layer = random_cell(cell, return_sequences=True, bptt_steps=steps)
    x, states = random_call(layer, time=5)
    report = check_layer(layer, x, states, mask)
    assert report.passed, report


@every_cell
def test_one_step_too_many_is_found(cell):
    layer = random_cell(cell, bptt_steps=2)
    (x,) = random_arrays((3, 6, 3))
    assert check_layer(layer, x).passed
    assert not check_layer(inject(layer, "one-step-too-far"), x).passed


@every_cell
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_each_step_is_visited_once_whatever_bptt_steps_is(cell, steps, monkeypatch):
    layer, _ = layers(cell, steps, return_sequences=True)
    visited = []
    original = type(layer).step_backward
    monkeypatch.setattr(
        type(layer),
        "step_backward",
        lambda self, s, dstate: visited.append(s) or original(self, s, dstate),
    )
    call_and_backward(layer)
    assert len(visited) == TIME


def test_a_stack_with_truncated_layers_passes_through_its_loss():
    model = Sequential(
        [
            make_cell("GRU", 3, return_sequences=True, bptt_steps=2),
            make_cell("LSTM", 3, bptt_steps=3),
            Dense(4, "softmax", dtype="float64"),
        ]
    )
    model.compile()
    x, y = random_arrays((3, 6, 2))[0], np.array([0, 3, 1])
    model.build(x.shape)
    report = check_loss(model, x, y)
    assert report.passed, report


def test_central_differences_cannot_check_it_and_say_so():
    layer = random_cell("LSTM", bptt_steps=2)
    with pytest.raises(ValueError, match="central differences cannot check bptt_steps: use the complex"):
        check_layer(layer, random_arrays((3, 6, 3))[0], method="central")
    model = Sequential([random_cell("LSTM", bptt_steps=2), Dense(4, "softmax", dtype="float64")])
    model.compile()
    model.build((None, 6, 3))
    with pytest.raises(ValueError, match="central differences cannot check bptt_steps"):
        check_loss(model, random_arrays((3, 6, 3))[0], np.array([0, 3, 1]), method="central")


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2", True])
def test_the_number_of_steps_must_be_whole_and_above_zero(steps):
    with pytest.raises(ValueError, match=f"bptt_steps must be .*{steps!r}"):
        make_cell("LSTM", 2, bptt_steps=steps)
