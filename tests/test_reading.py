"""What is shown of a network's inside is so: by differences, by hand, and by what the network itself says."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, assert_gradient, central_differences, make_cell, randomize
from min_gru import MinGRU
from peephole_lstm import PeepholeLSTM
from readings import ANSWERS, CLASSES, GATES, SIGNALS, STATES, made_reading
from scipy.special import expit

from scratch_rnn import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    LayerNormLSTM,
    Masking,
    RandomAffine,
    Sequential,
    SimpleRNN,
)
from scratch_rnn.inside import (
    answers,
    belief,
    direct_growth,
    gates,
    gradient_reach,
    local_factors,
    read,
    saliency,
    state_gradients,
)
from scratch_rnn.training.losses import CategoricalCrossentropy

B, T, D, H, K = 3, 5, 4, 3, 6


def network(cell, layers=1, each_row=False, dtype="float64"):
    stack = [
        make_cell(cell, H, return_sequences=number < layers or each_row, dtype=dtype)
        for number in range(1, layers + 1)
    ]
    return network_of(*stack, dtype=dtype)


def network_of(*stack, dtype="float64"):
    """A model of these layers with random weights; every weight matters, biases too."""
    model = Sequential([*stack, Dense(K, "softmax", dtype=dtype)])
    model.compile()
    model.build((None, T, D))
    return randomize(model)


def sequences(each_row=False):
    rng = np.random.default_rng(1)
    return rng.normal(size=(B, T, D)), rng.integers(0, K, (B, T) if each_row else B)


def lstm_for_digits():
    model = Sequential([LSTM(8), Dense(10, "softmax")], seed=0)
    model.build((None, 28, 28))
    return model


def rest_of_loss(model, x, y, t, states):
    """The loss, summed over the samples, of a single layer's model that goes on after row t from states."""
    layer, head = model.layers
    h = states[0]
    if t < T - 1:
        h, _ = layer.forward(x[:, t + 1 :], initial_state=states)
    elif layer.return_sequences:
        h = np.empty((B, 0, H))
    if layer.return_sequences:
        h = np.concatenate([states[0][:, np.newaxis], h], axis=1)
        y = y[:, t:]
    return CategoricalCrossentropy().values(y, head.forward(h)[0]).sum()


@pytest.mark.parametrize("each_row", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_a_state_says_what_a_push_at_that_state_does(cell, each_row):
    """c is pushed before h_t is computed from it, h_t afterwards."""
    model, (x, y) = network(cell, each_row=each_row), sequences(each_row)
    gradients, found = state_gradients(model, x, y), gates(model, x)
    for t in range(T):
        h, *c = (found[name][:, t].copy() for name in model.layers[0].state_names)

        def after_push_of_h(t=t, h=h, c=c):
            return rest_of_loss(model, x, y, t, (h, *c))

        def after_push_of_c(t=t, c=c):
            return rest_of_loss(model, x, y, t, (found["o"][:, t] * np.tanh(c[0]), *c))

        assert_gradient(gradients["h"][:, t], central_differences(after_push_of_h, h), f"h at {t}")
        if c:
            assert_gradient(gradients["c"][:, t], central_differences(after_push_of_c, c[0]), f"c at {t}")


def test_the_gradients_of_a_simple_rnn_follow_the_formula():
    """dh_{T} = W_out (p - y), dz_t = dh_t (1 - h_t²), dh_{t-1} = U dz_t."""
    model, (x, y) = network("SimpleRNN"), sequences()
    layer, head = model.layers
    dh = state_gradients(model, x, y)["h"]
    h = gates(model, x)["h"]
    np.testing.assert_allclose(dh[:, -1], (model.predict(x) - np.eye(K)[y]) @ head.kernel.T, rtol=1e-12)
    for t in range(T - 1, 0, -1):
        dz = dh[:, t] * (1 - h[:, t] ** 2)
        np.testing.assert_allclose(dh[:, t - 1], dz @ layer.recurrent_kernel.T, rtol=1e-12)


def test_of_several_layers_the_last_is_looked_at():
    """Its gradients are those of a model that begins with what the first layer gives."""
    model, (x, y) = network("LSTM", layers=2), sequences()
    first, last, head = model.layers
    upper = Sequential([last, head])
    upper.build((None, T, H))
    between, _ = first.forward(x)
    for name, gradient in state_gradients(upper, between, y).items():
        np.testing.assert_allclose(state_gradients(model, x, y)[name], gradient, rtol=1e-12)
    np.testing.assert_allclose(gates(model, x)["c"], gates(upper, between)["c"], rtol=1e-12)
    np.testing.assert_allclose(belief(model, x), belief(upper, between), rtol=1e-12)


def test_with_truncation_the_gradient_ends_where_that_of_training_ends():
    model, (x, y) = network("LSTM"), sequences()
    whole = state_gradients(model, x, y)
    model.layers[0].bptt_steps = 2
    for name, gradient in state_gradients(model, x, y).items():
        np.testing.assert_array_equal(gradient[:, -2:], whole[name][:, -2:])
        assert not gradient[:, :-2].any()


def test_the_reach_is_the_mean_norm_even_of_gradients_that_have_nearly_vanished():
    model, (x, y) = network("LSTM", dtype="float32"), sequences()
    model.layers[-1].kernel[...] *= np.float32(1e-21)
    reach, gradients = gradient_reach(model, x, y), state_gradients(model, x, y)
    for name in ("h", "c"):
        expected = np.sqrt((gradients[name].astype(float) ** 2).sum(axis=-1)).mean(axis=0)
        np.testing.assert_allclose(reach[name], expected, rtol=1e-12)
        assert reach[name].dtype == np.float64
        assert reach[name].shape == (T,)
        assert 0 < reach[name][-1] < 1e-19


def test_the_local_factor_is_the_derivative_of_tanh_or_the_gate_that_keeps():
    x, _ = sequences()
    for cell, factor in (
        ("SimpleRNN", lambda found: 1 - found["h"] ** 2),
        ("GRU", lambda found: found["u"]),
        ("LSTM", lambda found: found["f"]),
    ):
        model = network(cell)
        np.testing.assert_allclose(local_factors(model, x), factor(gates(model, x)), rtol=1e-12)
    with pytest.raises(ValueError, match="expected a layer SimpleRNN, GRU or LSTM, found MinGRU"):
        local_factors(network_of(MinGRU(H, dtype="float64")), x)


def test_without_recurrent_weights_the_gradient_grows_by_the_local_factor_alone():
    """The LSTM's cell state and the GRU's state then have no other way back; in a SimpleRNN U = 1."""
    x, y = sequences()
    for cell, state in (("LSTM", "c"), ("GRU", "h")):
        model = network(cell)
        model.layers[0].recurrent_kernel[...] = 0
        sizes = gradient_reach(model, x, y)[state]
        growth = direct_growth(model, x, y)
        np.testing.assert_allclose(sizes[:-1], (growth * sizes)[1:], rtol=1e-12)
        assert growth.dtype == np.float64
    model = network("SimpleRNN")
    model.layers[0].recurrent_kernel[...] = np.eye(H)
    sizes = gradient_reach(model, x, y)["h"]
    np.testing.assert_allclose(sizes[:-1], (direct_growth(model, x, y) * sizes)[1:], rtol=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_the_belief_at_a_row_is_the_prediction_for_a_sequence_that_ends_there(cell, layers):
    model, (x, _) = network(cell, layers), sequences()
    p = belief(model, x)
    assert p.shape == (B, T, K)
    for t in range(T):
        np.testing.assert_allclose(p[:, t], model.predict(x[:, : t + 1]), rtol=1e-12)


def test_the_gates_are_those_of_the_equations():
    """(L1) to (L6), (G1) to (G3) and (G5), written out once more."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    x, _ = sequences()
    lstm, gru, simple = (network(cell) for cell in ("LSTM", "GRU", "SimpleRNN"))
    W, U, b = lstm.layers[0].weights
    h = c = np.zeros((B, H))
    for t in range(T):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        for name, value in {"i": i, "f": f, "g": g, "o": o, "c": c, "h": h}.items():
            np.testing.assert_allclose(gates(lstm, x)[name][:, t], value, rtol=1e-12, err_msg=name)
    W, U, (b, b_past) = gru.layers[0].weights
    h = np.zeros((B, H))
    for t in range(T):
        (uz, rz, gz), (up, rp, gp) = (np.split(z, 3, axis=1) for z in (x[:, t] @ W + b, h @ U + b_past))
        u, r = sigmoid(uz + up), sigmoid(rz + rp)
        g = np.tanh(gz + r * gp)
        h = u * h + (1 - u) * g
        for name, value in {"u": u, "r": r, "g": g, "h": h}.items():
            np.testing.assert_allclose(gates(gru, x)[name][:, t], value, rtol=1e-12, err_msg=name)
    W, U, b = simple.layers[0].weights
    h = np.zeros((B, H))
    for t in range(T):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        np.testing.assert_allclose(gates(simple, x)["h"][:, t], h, rtol=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_saliency_is_the_derivative_of_the_predicted_logit(cell, layers):
    model, (x, _) = network(cell, layers), sequences()
    said = model.predict(x).argmax(axis=1)

    def logits():
        return model.forward(x)[1][-1].z[np.arange(B), said].sum()

    assert_gradient(saliency(model, x), central_differences(logits, x), "x")


def test_saliency_counts_a_pixel_as_the_network_gets_it(digits):
    model = lstm_for_digits()
    x = digits[0][:2]
    np.testing.assert_array_equal(saliency(model, x), saliency(model, x.astype("float32") / np.float32(255)))


def test_the_model_is_left_as_it_was(digits):
    x, y = digits[0][:4], digits[1][:4]
    model = Sequential([GRU(4, return_sequences=True), GRU(4), Dense(10, "softmax")], seed=0)
    model.build((None, 28, 28))
    before, layers = model.predict(x), list(model.layers)
    kinds = [type(layer) for layer in layers]
    for look in (belief, gates, saliency):
        look(model, x)
    state_gradients(model, x, y)
    assert model.layers == layers
    assert [type(layer) for layer in model.layers] == kinds
    np.testing.assert_array_equal(model.predict(x), before)


def test_a_reading_is_what_the_functions_say_of_one_digit(digits):
    model = lstm_for_digits()
    x, y = digits[0][:1], digits[1][:1]
    seen = read(model, x[0], int(y[0]))
    assert seen.answer == model.predict(x).argmax()
    assert seen.target == y[0]
    np.testing.assert_array_equal(seen.gates["c"], gates(model, x)["c"][0])
    np.testing.assert_array_equal(seen.saliency, saliency(model, x)[0])
    for name, norms in seen.reach.items():
        np.testing.assert_allclose(norms, gradient_reach(model, x, y)[name])


def test_layers_that_act_in_training_alone_do_not_matter():
    def dropout():
        return Dropout(0.5, dtype="float64")

    first = LSTM(H, return_sequences=True, dtype="float64", dropout=0.3)
    last = GRU(H, dtype="float64", recurrent_dropout=0.3)
    head = Dense(K, "softmax", dtype="float64")
    with_them = Sequential([RandomAffine(1.0, dtype="float64"), first, dropout(), last, dropout(), head])
    plain = Sequential([first, last, head])
    x, y = sequences()
    for model in (with_them, plain):
        model.build(x.shape)
    for look in (belief, gates, saliency):
        np.testing.assert_equal(look(with_them, x), look(plain, x))
    np.testing.assert_equal(state_gradients(with_them, x, y), state_gradients(plain, x, y))
    seen = read(with_them, x[0], int(y[0]))
    assert seen.cell is GRU
    np.testing.assert_equal(seen.belief, belief(plain, x[:1])[0])
    assert len(with_them.layers) == 6


def test_the_gates_of_an_lstm_with_layer_normalization_are_those_of_its_equations():
    """(Y1) to (Y3), written out once more."""
    model, (x, _) = network_of(LayerNormLSTM(H, dtype="float64")), sequences()
    found = gates(model, x)
    W, U, *others = model.layers[0].weights
    gamma_x, gamma_h, b, gamma_c, beta_c = (weight[:, 0] for weight in others)

    def normed(a):
        return (a - a.mean(axis=1, keepdims=True)) / np.sqrt(a.var(axis=1, keepdims=True) + 1e-3)

    h = c = np.zeros((B, H))
    for t in range(T):
        z = gamma_x * normed(x[:, t] @ W) + gamma_h * normed(h @ U) + b
        i, f, g, o = np.split(z, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(gamma_c * normed(c) + beta_c)
        for name, value in {"f": expit(f), "g": np.tanh(g), "c": c, "h": h}.items():
            np.testing.assert_allclose(found[name][:, t], value, rtol=1e-11, err_msg=name)


def test_without_a_label_the_loss_is_that_of_the_answer(digits):
    model = lstm_for_digits()
    seen = read(model, digits[0][0])
    assert seen.target == seen.answer
    expected = state_gradients(model, digits[0][:1], np.array([seen.answer]))
    np.testing.assert_array_equal(seen.gradients["h"], expected["h"][0])


def test_answers_are_spans_of_rows():
    p = np.eye(10)[[1, 1, 7, 1, 9, 9]]
    assert answers(p) == [(0, 1, 1), (2, 2, 7), (3, 3, 1), (4, 5, 9)]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "none"),
        ([Dense(10, "softmax")], "recurrent"),
        ([LSTM(3)], "recurrent"),
        ([Dense(4), LSTM(3), Dense(10, "softmax")], "dense"),
        ([LSTM(3), Dense(10)], "softmax"),
        ([LSTM(3), SimpleRNN(3)], "softmax"),
        ([LSTM(3, go_backwards=True), Dense(10, "softmax")], "backwards"),
        (
            [Bidirectional(LSTM(3)), Dropout(0.5), Dense(10, "softmax")],
            "'bidirectional' reads from both ends",
        ),
        ([Masking(), LSTM(3), Dense(10, "softmax")], "its layers are: masking, lstm, dense"),
        ([LSTM(3, stateful=True), Dense(10, "softmax")], "'lstm' is stateful: expected one that begins"),
        ([Dropout(0.5), Dense(10, "softmax")], "its layers are: dropout, dense"),
    ],
)
@pytest.mark.parametrize("look", [belief, gates, saliency])
def test_a_model_of_another_kind_is_refused(look, layers, words):
    with pytest.raises(ValueError, match=words):
        look(Sequential(layers), np.zeros((1, T, D)))


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="no weights"):
        belief(Sequential([LSTM(3), Dense(K, "softmax")]), np.zeros((1, T, D)))


def test_gradients_of_another_loss_are_refused():
    model = network("GRU")
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="mean_squared_error"):
        state_gradients(model, *sequences())


@pytest.mark.parametrize("look", [belief, gates, saliency])
def test_nan_is_refused(look):
    model, (x, _) = network("LSTM"), sequences()
    x = x.copy()
    x[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"x has NaN or infinite entries.* first in row 1"):
        look(model, x)


def test_data_that_does_not_fit_is_refused():
    model, (x, y) = network("LSTM"), sequences()
    with pytest.raises(ValueError, match="expected"):
        gates(model, x[..., :2])
    with pytest.raises(ValueError, match="out of range"):
        state_gradients(model, x, y + K)
    with pytest.raises(ValueError, match="expected"):
        state_gradients(model, x, y[:2])
    with pytest.raises(ValueError, match="one answer"):
        saliency(network("LSTM", each_row=True), x)


# ---------------------------------------------------------------- read back: a reading and its names


@pytest.mark.parametrize("cell", list(CLASSES))
def test_a_reading_has_all_that_happens_to_one_sequence_under_its_own_name(cell):
    model = network_of(CLASSES[cell](H, dtype="float64"))
    x, _ = sequences()
    answer = int(model.predict(x[1:2]).argmax())
    label = (answer + 2) % K
    seen = read(model, x[1], label)
    assert seen.cell is CLASSES[cell]
    assert seen.answer == answer
    assert seen.target == label
    np.testing.assert_array_equal(seen.image, x[1])
    assert list(seen.gates) == [*GATES[cell], *SIGNALS[cell]]
    assert "".join(seen.gradients) == STATES[cell]
    for found, expected in (
        ({"belief": seen.belief}, {"belief": belief(model, x)}),
        ({"saliency": seen.saliency}, {"saliency": saliency(model, x)}),
        (seen.gates, gates(model, x)),
        (seen.gradients, state_gradients(model, x, np.array([0, label, 0]))),
    ):
        assert list(found) == list(expected)
        for name in found:
            np.testing.assert_allclose(found[name], expected[name][1], rtol=1e-12, atol=1e-300, err_msg=name)


@pytest.mark.parametrize("cell", list(CLASSES))
def test_gates_and_signals_have_their_words(cell):
    seen = made_reading(cell)
    for name, words in (GATES[cell] | SIGNALS[cell]).items():
        assert seen.words(name) == words
    assert list(CLASSES[cell].gates) == list(GATES[cell])
    assert list(CLASSES[cell].signals) == list(SIGNALS[cell])


def test_the_gates_of_a_peephole_lstm_are_those_of_its_equations():
    """(P1) to (P6) of docs/new_cell.md, written out once more."""
    model = network_of(PeepholeLSTM(H, dtype="float64"))
    x, _ = sequences()
    found = gates(model, x)
    W, U, b, p = model.layers[0].weights
    p_i, p_f, p_o = np.split(p[:, 0], 3)
    h = c = np.zeros((B, H))
    for t in range(T):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, g = expit(i + p_i * c), expit(f + p_f * c), np.tanh(g)
        c = f * c + i * g
        o = expit(o + p_o * c)
        h = o * np.tanh(c)
        for name, value in {"i": i, "f": f, "o": o, "g": g, "c": c, "h": h}.items():
            np.testing.assert_allclose(found[name][:, t], value, rtol=1e-12, err_msg=name)


def test_the_gates_of_a_min_gru_are_those_of_its_equations():
    """(M1) to (M3) of docs/new_cell.md: the gates do not see the state."""
    model = network_of(MinGRU(H, dtype="float64"))
    x, _ = sequences()
    found = gates(model, x)
    W, b = model.layers[0].weights
    h = np.zeros((B, H))
    for t in range(T):
        u, g = np.split(x[:, t] @ W + b, 2, axis=1)
        u = expit(u)
        h = (1 - u) * h + u * g
        for name, value in {"u": u, "g": g, "h": h}.items():
            np.testing.assert_allclose(found[name][:, t], value, rtol=1e-12, err_msg=name)


def test_the_answer_is_the_likeliest_class_at_the_last_row():
    assert made_reading("LSTM").answer == ANSWERS[-1] == 2


def test_the_reach_of_a_reading_is_the_norm_at_each_row_even_of_nearly_nothing():
    seen = made_reading("LSTM")
    for name, norms in seen.reach.items():
        expected = [sum(v**2 for v in row) ** 0.5 for row in seen.gradients[name].tolist()]
        np.testing.assert_allclose(norms, expected, rtol=1e-12)
    small = replace(seen, gradients={"h": np.full((2, 4), 1e-30, np.float32)}).reach["h"]
    assert small.dtype == np.float64
    np.testing.assert_allclose(small, 2e-30, rtol=1e-6)


def test_the_gradient_is_that_of_each_sample_by_itself_not_of_the_mean():
    model, (x, y) = network("GRU"), sequences()
    together = state_gradients(model, x, y)["h"]
    for sample in range(B):
        one = slice(sample, sample + 1)
        np.testing.assert_allclose(together[one], state_gradients(model, x[one], y[one])["h"], rtol=1e-12)
        one_hot = np.eye(K)[y[one]]
        np.testing.assert_allclose(together[one], state_gradients(model, x[one], one_hot)["h"], rtol=1e-12)


def test_what_is_returned_is_not_overwritten_by_what_is_asked_next():
    model, (x, y) = network("LSTM"), sequences()
    first = gates(model, x), state_gradients(model, x, y), saliency(model, x), belief(model, x)
    copies = copy.deepcopy(first)
    for look in (gates, saliency, belief):
        look(model, -2 * x)
    state_gradients(model, -2 * x, (y + 1) % K)
    np.testing.assert_equal(first, copies)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_have_the_dtype_of_the_model(dtype):
    model, (x, y) = network("LSTM", dtype=dtype), sequences()
    x = x.astype(dtype)
    found = [belief(model, x), saliency(model, x), *gates(model, x).values()]
    found += state_gradients(model, x, y).values()
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    assert {array.dtype for array in gradient_reach(model, x, y).values()} == {np.dtype("float64")}


def test_a_span_may_be_the_whole_or_one_row():
    assert answers(np.eye(3)[[2, 2, 2]]) == [(0, 2, 2)]
    assert answers(np.eye(3)[[1]]) == [(0, 0, 1)]
    assert answers(made_reading("GRU").belief) == [(0, 1, 4), (2, 2, 1), (3, 4, 6), (5, 5, 2)]


def test_a_model_that_is_refused_is_told_what_it_is():
    """The layers by their names, or the head."""
    x = np.zeros((1, T, D))
    two = Sequential([Dense(4, name="below"), LSTM(3, name="above"), Dense(10, "softmax", name="head")])
    with pytest.raises(ValueError, match="its layers are: below, above, head"):
        belief(two, x)
    with pytest.raises(ValueError, match="layer 'back' goes backwards"):
        belief(Sequential([LSTM(3, go_backwards=True, name="back"), Dense(10, "softmax")]), x)
    with pytest.raises(ValueError, match="goes backwards"):
        belief(
            Sequential(
                [LSTM(3, return_sequences=True, go_backwards=True), GRU(3), Dense(10, activation="softmax")]
            ),
            x,
        )
