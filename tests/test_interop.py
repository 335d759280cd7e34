"""Weights in the form of PyTorch and of ONNX: there they compute the same, and back they are the same."""

import numpy as np
import pytest
from helpers import random_arrays, randomize

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
    TimeDistributed,
)
from scratch_rnn.interop import from_onnx, from_pytorch, to_onnx, to_pytorch

B, T, D, H = 3, 5, 4, 6
MAKE = {
    "SimpleRNN": lambda **options: SimpleRNN(H, **options),
    "SimpleRNN relu": lambda **options: SimpleRNN(H, "relu", **options),
    "GRU": lambda **options: GRU(H, **options),
    "GRU reset before": lambda **options: GRU(H, reset_after=False, **options),
    "LSTM": lambda **options: LSTM(H, **options),
    "Dense": lambda **options: Dense(H, **options),
    "SimpleRNN both ways": lambda **options: Bidirectional(SimpleRNN(H, "relu", **options)),
    "GRU both ways": lambda **options: Bidirectional(GRU(H, **options)),
    "GRU both ways, reset before": lambda **options: Bidirectional(GRU(H, reset_after=False, **options)),
    "LSTM both ways": lambda **options: Bidirectional(LSTM(H, **options)),
    "Dense at every timestep": lambda **options: TimeDistributed(Dense(H, **options)),
}
IN_PYTORCH = [name for name in MAKE if not name.endswith("reset before")]
with_and_without_bias = pytest.mark.parametrize("use_bias", [True, False])


def built(name, **options):
    layer = MAKE[name](dtype="float64", **options)
    layer.build((None, D) if name == "Dense" else (None, None, D))
    return randomize(layer)


def sigma(z):
    return 1 / (1 + np.exp(-z))


# What the documentation says of a timestep: x, h and c are vectors, weights as the library has them -----


def rnn_of_pytorch(w, x, h, c, phi):
    return phi(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]), c


def gru_of_pytorch(w, x, h, c, phi):
    ir, iz, i_n = np.split(w["weight_ih_l0"] @ x + w["bias_ih_l0"], 3)
    hr, hz, hn = np.split(w["weight_hh_l0"] @ h + w["bias_hh_l0"], 3)
    r, z = sigma(ir + hr), sigma(iz + hz)
    n = phi(i_n + r * hn)
    return (1 - z) * n + z * h, c


def lstm_of_pytorch(w, x, h, c, phi):
    z = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
    i, f, g, o = np.split(z, 4)
    c = sigma(f) * c + sigma(i) * phi(g)
    return sigma(o) * phi(c), c


def rnn_of_onnx(w, x, h, c, phi):
    wb, rb = np.split(w["B"][0], 2)
    return phi(w["W"][0] @ x + w["R"][0] @ h + wb + rb), c


def gru_of_onnx(w, x, h, c, phi, linear_before_reset=1):
    (wz, wr, wh), (rz, rr, rh) = np.split(w["W"][0], 3), np.split(w["R"][0], 3)
    wbz, wbr, wbh, rbz, rbr, rbh = np.split(w["B"][0], 6)
    z, r = sigma(wz @ x + rz @ h + wbz + rbz), sigma(wr @ x + rr @ h + wbr + rbr)
    past = r * (rh @ h + rbh) if linear_before_reset else rh @ (r * h) + rbh
    return (1 - z) * phi(wh @ x + past + wbh) + z * h, c


def lstm_of_onnx(w, x, h, c, phi):
    (wi, wo, wf, wc), (ri, ro, rf, rc) = np.split(w["W"][0], 4), np.split(w["R"][0], 4)
    wbi, wbo, wbf, wbc, rbi, rbo, rbf, rbc = np.split(w["B"][0], 8)
    i, o = sigma(wi @ x + ri @ h + wbi + rbi), sigma(wo @ x + ro @ h + wbo + rbo)
    f, g = sigma(wf @ x + rf @ h + wbf + rbf), phi(wc @ x + rc @ h + wbc + rbc)
    c = f * c + i * g
    return o * phi(c), c


@pytest.mark.parametrize(
    ("name", "convert", "step"),
    [
        ("SimpleRNN", to_pytorch, rnn_of_pytorch),
        ("SimpleRNN relu", to_pytorch, rnn_of_pytorch),
        ("GRU", to_pytorch, gru_of_pytorch),
        ("LSTM", to_pytorch, lstm_of_pytorch),
        ("SimpleRNN", to_onnx, rnn_of_onnx),
        ("GRU", to_onnx, gru_of_onnx),
        ("GRU reset before", to_onnx, lambda *step: gru_of_onnx(*step, linear_before_reset=0)),
        ("LSTM", to_onnx, lstm_of_onnx),
    ],
)
def test_by_the_formulas_of_its_documentation_the_other_library_computes_the_same(name, convert, step):
    layer, (x,) = built(name), random_arrays((B, T, D))
    weights = convert(layer)
    phi = (lambda z: np.maximum(z, 0)) if "relu" in name else np.tanh
    for row, expected in zip(x, layer.forward(x)[0], strict=True):
        h, c = np.zeros(H), np.zeros(H)
        for x_t in row:
            h, c = step(weights, x_t, h, c, phi)
        np.testing.assert_allclose(h, expected, rtol=1e-12, atol=1e-14)


def pytorchs(name, use_bias):
    """Return PyTorch's own module for the layer of that name, and the last output of what it returns."""
    torch = pytest.importorskip("torch")
    if name.startswith("Dense"):
        return torch.nn.Linear(D, H, bias=use_bias).double(), lambda y: y
    cls = {"S": torch.nn.RNN, "G": torch.nn.GRU, "L": torch.nn.LSTM}[name[0]]
    options = {"bias": use_bias, "batch_first": True, "bidirectional": "both ways" in name}
    if name in ("SimpleRNN relu", "SimpleRNN both ways"):
        options["nonlinearity"] = "relu"

    def last(returned):
        h = returned[1][0] if name.startswith("LSTM") else returned[1]  # (directions, B, H)
        return torch.cat(list(h), -1)

    return cls(D, H, **options).double(), last


@with_and_without_bias
@pytest.mark.parametrize("name", IN_PYTORCH)
def test_pytorch_itself_computes_the_same(name, use_bias):
    torch = pytest.importorskip("torch")
    layer, (x,) = built(name, use_bias=use_bias), random_arrays((B, T, D))
    module, last = pytorchs(name, use_bias)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in to_pytorch(layer).items()})
    with torch.no_grad():
        y = last(module(torch.from_numpy(x))).numpy()
    np.testing.assert_allclose(y, layer.forward(x)[0], rtol=1e-12, atol=1e-14)
    other = built(name, use_bias=use_bias)
    for weight in other.weights:
        weight[...] = 0
    from_pytorch(other, module.state_dict())
    np.testing.assert_allclose(other.forward(x)[0], layer.forward(x)[0], rtol=1e-12, atol=1e-14)


@with_and_without_bias
@pytest.mark.parametrize(
    ("name", "there", "back"),
    [
        *((name, to_pytorch, from_pytorch) for name in IN_PYTORCH),
        *((name, to_onnx, from_onnx) for name in MAKE),
    ],
)
def test_there_and_back_they_are_the_same(name, there, back, use_bias):
    layer, other = built(name, use_bias=use_bias), built(name, use_bias=use_bias)
    weights = there(layer)
    kept = {key: value.copy() for key, value in weights.items()}
    for weight in layer.weights + other.weights:
        weight[...] = -1  # what was given out is a copy
    back(other, weights)
    assert all(np.array_equal(weights[key], kept[key]) for key in kept)
    again = there(other)
    for key, value in kept.items():
        np.testing.assert_array_equal(again[key], value)


@pytest.mark.parametrize("cell", [SimpleRNN, LSTM])
def test_two_biases_come_back_as_their_sum(cell):
    layer = cell(H, dtype="float64", seed=0)
    layer.build((None, None, D))
    state = to_pytorch(layer)
    state["bias_ih_l0"][...], state["bias_hh_l0"][...] = 1, 2
    from_pytorch(layer, state)
    assert (layer.bias == 3).all()
    weights = to_onnx(layer)
    weights["B"][...] = 4
    from_onnx(layer, weights)
    assert (layer.bias == 8).all()


def model(*layers):
    made = Sequential([*layers, Dense(3)], seed=0)
    made.build((None, T, D))
    return randomize(made)


@pytest.mark.parametrize(
    ("there", "back", "names"),
    [
        (to_pytorch, from_pytorch, ["dense.bias", "dense.weight", "first.bias_hh_l0"]),
        (to_onnx, from_onnx, ["dense.B", "dense.W", "first.B"]),
    ],
)
def test_the_layers_of_a_model_are_told_apart_by_their_names(there, back, names):
    one, other = (model(LSTM(H, return_sequences=True, name="first"), GRU(2)) for _ in range(2))
    weights = there(one)
    assert sorted(weights)[:3] == names
    for weight in other.weights:
        weight[...] = 0
    back(other, dict(reversed(weights.items())))  # their order says nothing
    (x,) = random_arrays((B, T, D))
    np.testing.assert_allclose(other.predict(x), one.predict(x), rtol=1e-5)
    assert all(map(np.array_equal, there(other).values(), weights.values()))


def test_the_arrays_of_onnx_for_a_model_are_those_of_its_layers():
    made = model(LSTM(H, return_sequences=True), GRU(2, use_bias=False))
    weights = to_onnx(made)
    assert list(weights) == ["lstm.W", "lstm.R", "lstm.B", "gru.W", "gru.R", "dense.W", "dense.B"]
    for layer in made.layers:
        for name, expected in to_onnx(layer).items():
            np.testing.assert_array_equal(weights[f"{layer.name}.{name}"], expected)


def test_onnx_has_both_directions_in_one_array():
    layer = built("LSTM both ways")
    both, forward, backward = map(to_onnx, (layer, layer.forward_layer, layer.backward_layer))
    assert {name: array.shape for name, array in both.items()} == {
        "W": (2, 4 * H, D),
        "R": (2, 4 * H, H),
        "B": (2, 8 * H),
    }
    for name, array in both.items():
        np.testing.assert_array_equal(array[:1], forward[name])
        np.testing.assert_array_equal(array[1:], backward[name])


@pytest.mark.parametrize(("there", "back"), [(to_pytorch, from_pytorch), (to_onnx, from_onnx)])
def test_the_layers_around_the_cells_have_the_weights_that_are_in_them_or_none(there, back):
    one, other = (
        model(
            RandomAffine(1.0),
            Masking(),
            Bidirectional(GRU(2, return_sequences=True)),
            Dropout(0.5),
            TimeDistributed(Dense(4)),
            Bidirectional(LSTM(3)),
        )
        for _ in range(2)
    )
    for weight in other.weights:
        weight[...] = 0
    weights = there(one)
    assert {name.split(".")[0] for name in weights} == {
        "bidirectional",
        "time_distributed",
        "bidirectional_1",
        "dense",
    }
    back(other, weights)
    (x,) = random_arrays((B, T, D))
    np.testing.assert_allclose(other.predict(x), one.predict(x), rtol=1e-5)


# What is refused -------------------------------------------------------------------------------------------


class Own(LSTM):
    pass


@pytest.mark.parametrize(
    ("layer", "convert", "words"),
    [
        (Own(2), to_pytorch, "PyTorch has no Own"),
        (Own(2), to_onnx, "ONNX has no Own"),
        (
            GRU(2, reset_after=False, name="g"),
            to_pytorch,
            "PyTorch has no GRU that resets before the product: layer 'g'",
        ),
        (LSTM(2, "relu", name="l"), to_pytorch, "PyTorch has no LSTM with the activations of 'l'"),
        (LSTM(2, "tanh", "tanh", name="l"), to_onnx, "ONNX has no LSTM with the activations of 'l'"),
        (SimpleRNN(2, "linear", name="s"), to_onnx, "ONNX has no SimpleRNN with the activations of 's'"),
        (LayerNormLSTM(2, name="n"), to_onnx, "ONNX has no LayerNormLSTM, which layer 'n' is: it has"),
        (TimeDistributed(LSTM(2), name="t"), to_onnx, "of Dense alone: layer 't' has LSTM"),
        *(
            (layer, to_pytorch, f"for two layers alike, side by side: layer 'b' {words}")
            for layer, words in (
                (Bidirectional(LSTM(2), "sum", name="b"), "has merge_mode 'sum'"),
                (
                    Bidirectional(LSTM(2), backward_layer=GRU(2, go_backwards=True), name="b"),
                    "is made of LSTM and GRU",
                ),
                (
                    Bidirectional(LSTM(2), backward_layer=LSTM(3, go_backwards=True), name="b"),
                    "has two of other units",
                ),
                (
                    Bidirectional(
                        SimpleRNN(2), backward_layer=SimpleRNN(2, "relu", go_backwards=True), name="b"
                    ),
                    "has two of other activation",
                ),
                (Bidirectional(LSTM(2, go_backwards=True), name="b"), "begins with the layer that goes back"),
            )
        ),
    ],
)
def test_a_layer_that_the_other_library_lacks_is_refused(layer, convert, words):
    layer.build((None, T, 2, D) if isinstance(layer, TimeDistributed) else (None, None, D))
    with pytest.raises(ValueError, match=words):
        convert(layer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("lstm.bias_hh_l0"), "expected the arrays lstm.weight_ih_l0, .* found"),
        (lambda state: state.update(more=np.zeros(3)), "found .*more"),
        (lambda state: state.clear(), "found none"),
        (
            lambda state: state.update({"dense.weight": np.zeros((H, 3))}),
            r"dense.weight has shape \(6, 3\), expected \(3, 6\)",
        ),
        (
            lambda state: state.update({"dense.bias": np.full(3, "x")}),
            "weight 'dense/bias' of the model is float32",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_is_changed(change, words):
    made = model(LSTM(H))
    before, state = made.get_weights(), to_pytorch(made)
    change(state)
    with pytest.raises(ValueError, match=words):
        from_pytorch(made, state)
    assert all(map(np.array_equal, made.get_weights(), before))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda weights: weights.pop("lstm.R"),
            "expected the arrays lstm.W, lstm.R, lstm.B, .* found lstm.W",
        ),
        (lambda weights: weights.update(X=np.zeros(3)), "found .*, X"),
        (
            lambda weights: weights.update({"lstm.B": np.zeros((1, 4 * H))}),
            r"lstm.B has shape \(1, 24\), expected \(1, 48\)",
        ),
    ],
)
def test_arrays_of_onnx_that_do_not_fit_are_refused_and_nothing_is_changed(change, words):
    made = model(LSTM(H))
    before, weights = made.get_weights(), to_onnx(made)
    change(weights)
    with pytest.raises(ValueError, match=words):
        from_onnx(made, weights)
    assert all(map(np.array_equal, made.get_weights(), before))
