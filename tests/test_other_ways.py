"""Other ways to the gradient: forwards, and through the Jacobians themselves."""

import numpy as np
import pytest
from helpers import CELLS, random_arrays, random_call, random_cell, randomize

from scratch_rnn import GRU, LSTM, Dense, LayerNormLSTM, Sequential, SimpleRNN
from scratch_rnn.inside import singular_values, state_jacobians
from scratch_rnn.inside.rtrl import influences, one_step, rtrl

every_cell = pytest.mark.parametrize("cell", CELLS)

# Forwards ------------------------------------------------------------------------------------------------


def assert_the_same_gradient(layer, time=9):
    x, states = random_call(layer, batch=3, time=time)
    dy, *dstates = random_arrays((3, time, 4), *[(3, 4)] * len(states), seed=2)
    _, tape = layer.forward(x, states)
    expected = layer.backward(dy, tape, dstates).weights
    found = rtrl(layer, x, dy, states, dstates)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, np.abs(b).max()))
        assert np.abs(b).max() > 0.1


@every_cell
def test_forwards_is_the_gradient_of_bptt(cell):
    assert_the_same_gradient(random_cell(cell, units=4, return_sequences=True))


def test_so_it_is_for_a_cell_that_nothing_was_derived_for():
    layer = LayerNormLSTM(4, return_sequences=True, dtype="float64")
    layer.build((None, None, 3))
    assert_the_same_gradient(randomize(layer))


def test_the_influence_matrix_is_the_derivative_of_the_state():
    """By the complex step, for each weight alone."""
    layer = random_cell("LSTM", return_state=True)
    (x,) = random_arrays((5, 3))
    *_, last = influences(layer, x)
    column = 0
    for k, weight in enumerate(layer.weights):
        for place in np.ndindex(weight.shape):
            other = layer.astype("complex128")
            other.weights[k][place] += 1e-200j
            (_, h, c), _ = other.forward(x[np.newaxis].astype(complex))
            derivative = np.concatenate([h[0], c[0]]).imag / 1e-200
            np.testing.assert_allclose(last[:, column], derivative, rtol=0, atol=1e-13)
            column += 1
    assert column == layer.count_params() == last.shape[1]


def test_a_loss_that_sees_every_output_can_learn_at_every_step():
    """P_tᵀ ds_t at step t is the gradient that BPTT gives from that output alone."""
    layer = random_cell("GRU", return_sequences=True)
    x, dy = random_arrays((6, 3), (6, 2))
    for t, influence in enumerate(influences(layer, x)):
        _, tape = layer.forward(x[np.newaxis, : t + 1])
        alone = np.zeros((1, t + 1, 2))
        alone[0, t] = dy[t]
        expected = np.concatenate([d.ravel() for d in layer.backward(alone, tape).weights])
        np.testing.assert_allclose(influence.T @ dy[t], expected, rtol=0, atol=1e-13)


def test_one_step_leaves_the_layer_as_it_was():
    layer = random_cell("LSTM", return_sequences=True, stateful=True)
    one_step(layer, np.ones(3))
    assert (layer.return_sequences, layer.return_state, layer.stateful) == (True, False, True)
    assert layer.kept_states == []


# Jacobians -----------------------------------------------------------------------------------------------


def model_of(cls, *before, dtype="float64", **options):
    layers = [*before, cls(4, dtype=dtype, **options), Dense(3, "softmax", dtype=dtype)]
    model = Sequential(layers, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.build((None, 6, 3))
    return randomize(model)


cell_classes = pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])


@cell_classes
def test_jacobians_are_products_of_those_of_one_step(cls):
    model = model_of(cls)
    (x,) = random_arrays((6, 3))
    found = state_jacobians(model, x)
    product, states, steps = np.eye(found.shape[1]), None, []
    for x_t in x:
        jacobian, _, states = one_step(model.layers[0], x_t, states)
        steps.append(jacobian)
    for t in reversed(range(6)):
        np.testing.assert_allclose(found[t], product, rtol=0, atol=1e-14)  # (J1)
        product = product @ steps[t]


@cell_classes
def test_jacobians_are_what_the_complex_step_says(cls):
    model = model_of(cls)
    (x,) = random_arrays((6, 3))
    found = state_jacobians(model, x)
    layer = model.layers[0].astype("complex128")
    layer.return_state = True
    for t in range(5):
        (_, *states), _ = layer.forward(x[np.newaxis, : t + 1].astype(complex))
        for j in range(found.shape[1]):
            s_t = np.concatenate(states, axis=1)
            s_t[0, j] += 1e-200j
            rest = x[np.newaxis, t + 1 :].astype(complex)
            (_, *last), _ = layer.forward(rest, np.split(s_t, len(states), axis=1))
            derivative = np.concatenate(last, axis=1)[0].imag / 1e-200
            np.testing.assert_allclose(found[t][:, j], derivative, rtol=0, atol=1e-14)


def test_those_of_a_stack_are_its_last_layer_s():
    model = model_of(GRU, LSTM(3, return_sequences=True, dtype="float64"))
    (x,) = random_arrays((6, 3))
    lower, upper, head = model.layers
    alone = Sequential([upper, head])
    alone.build((None, 6, 3))
    expected = state_jacobians(alone, lower.outputs(x[np.newaxis])[0])
    np.testing.assert_array_equal(state_jacobians(model, x), expected)


def test_singular_values_are_of_each_sequence_and_row_and_begin_with_the_largest():
    model = model_of(LSTM, dtype="float32")
    (x,) = random_arrays((2, 6, 3))
    values = singular_values(model, x)
    assert values.shape == (2, 6, 8) and values.dtype == np.float64
    np.testing.assert_allclose(values[:, -1], 1)
    assert (np.diff(values, axis=-1) <= 0).all()
    np.testing.assert_allclose(values[1, 2, 0], np.linalg.norm(state_jacobians(model, x[1])[2], 2))


def test_pixels_of_uint8_are_scaled_as_the_model_scales_them():
    model = model_of(SimpleRNN)
    pixels = np.arange(18, dtype=np.uint8).reshape(6, 3) * 14
    np.testing.assert_array_equal(state_jacobians(model, pixels), state_jacobians(model, pixels / 255))


def test_they_end_where_a_truncated_gradient_ends():
    model = model_of(SimpleRNN, bptt_steps=2)
    values = singular_values(model, random_arrays((1, 6, 3))[0])[0, :, 0]
    assert (values > 0).tolist() == [False, False, False, False, True, True]


def test_models_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="expected a model of recurrent layers"):
        state_jacobians(Sequential([Dense(2, "softmax")]), np.zeros((3, 2)))
