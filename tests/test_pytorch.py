"""The PyTorch twin: side by side it makes the same steps, and what PyTorch lacks is refused by name."""

import json

import numpy as np
import pytest
from helpers import called

from scratch_rnn import (
    GRU,
    LSTM,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Bidirectional,
    CosineDecay,
    Dense,
    Dropout,
    LayerNormLSTM,
    Masking,
    Nadam,
    RandomAffine,
    RMSprop,
    Sequential,
    SimpleRNN,
    TimeDistributed,
)
from scratch_rnn.training import losses
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
)

torch = pytest.importorskip("torch")

from keras_reference.comparison import largest_relative_difference  # noqa: E402
from keras_reference.pytorch_side import PyTorchSide  # noqa: E402
from keras_reference.pytorch_twin import PyTorchTwin  # noqa: E402
from keras_reference.sides import ScratchSide, train_sides  # noqa: E402

CELLS = {"simple_rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}
OPTIMIZERS = {
    "sgd": lambda: SGD(0.05),
    "momentum": lambda: SGD(0.003, momentum=0.9),
    "nesterov": lambda: SGD(0.003, momentum=0.9, nesterov=True),
    "decay": lambda: SGD(0.05, weight_decay=0.1),
    "adam": lambda: Adam(0.01),
    "adam with a large epsilon": lambda: Adam(0.01, epsilon=0.01),
    "adam with decay and clips": lambda: Adam(0.002, weight_decay=0.1, clipvalue=0.01),
    "adamw": lambda: AdamW(0.01, 0.1),
}


def model_of(*layers, optimizer=None, loss="categorical_crossentropy", ends=None, dtype="float64"):
    ends = ends or Dense(10, "softmax", dtype=dtype)
    model = Sequential([*layers, ends], seed=3)
    model.compile(optimizer or SGD(0.05), loss, ["accuracy", "mse"], threads=1)
    model.build((None, 28, 28))
    return model


def trained(model, sample, batches=100, batch_size=8, epochs=1):
    """Train a model and its twin on so many batches; return the sides."""
    (x, y), _ = sample
    rows = batches * batch_size - 3  # the last one is smaller
    sides = ScratchSide(model), PyTorchSide(model)
    validation = x[-20:], y[-20:]
    train_sides(sides, (x[:rows], y[:rows]), validation, epochs=epochs, batch_size=batch_size, seed=2)
    return sides


def assert_the_same(sides, within):
    ours, theirs = (side.result for side in sides)
    assert len(ours.batch_losses) == len(theirs.batch_losses) > 0
    assert largest_relative_difference(ours.batch_losses, theirs.batch_losses) <= within
    assert list(ours.history) == list(theirs.history)
    for name, values in ours.history.items():
        np.testing.assert_allclose(theirs.history[name], values, rtol=within)
    model, copy = (side.network() for side in sides)
    for weight, other in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_allclose(other, weight, rtol=0, atol=within)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_first_hundred_batches_are_the_same_to_1e_10(cell, optimizer, sample):
    model = model_of(CELLS[cell](7, dtype="float64"), optimizer=OPTIMIZERS[optimizer]())
    before = model.get_weights()
    assert_the_same(trained(model, sample), 1e-10)
    assert all(np.abs(weight - old).max() > 1e-3 for weight, old in zip(model.weights, before, strict=True))


@pytest.mark.parametrize(
    "layers",
    [
        [LSTM(5, return_sequences=True, dtype="float64"), GRU(4, dtype="float64")],
        [SimpleRNN(6, "relu", use_bias=False, dtype="float64"), Dense(5, "tanh", dtype="float64")],
        [GRU(4, go_backwards=True, return_sequences=True, dtype="float64"), LSTM(3, dtype="float64")],
        [LSTM(4, use_bias=False, dtype="float64"), Dense(5, "sigmoid", use_bias=False, dtype="float64")],
        [GRU(4, use_bias=False, dtype="float64"), Dense(5, "relu", dtype="float64")],
        [SimpleRNN(4, dtype="float64"), Dense(5, "softmax", dtype="float64")],
        [
            Bidirectional(GRU(4, return_sequences=True, dtype="float64")),
            Bidirectional(LSTM(3, dtype="float64")),
        ],
        [
            TimeDistributed(Dense(5, "tanh", dtype="float64")),
            Bidirectional(SimpleRNN(4, "relu", use_bias=False, dtype="float64")),
        ],
    ],
    ids=lambda layers: " ".join(layer.name for layer in layers),
)
def test_so_are_stacks_and_options(layers, sample):
    assert_the_same(trained(model_of(*layers), sample, batches=20, epochs=2), 1e-10)


@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        ("sparse_categorical_crossentropy", None),
        (CategoricalCrossentropy(from_logits=True), Dense(10, dtype="float64")),
        (MeanSquaredError(), Dense(10, "softmax", dtype="float64")),
        (MeanSquaredError(), Dense(10, "sigmoid", dtype="float64")),
        (MeanAbsoluteError(), Dense(10, "sigmoid", dtype="float64")),
        (CategoricalCrossentropy(label_smoothing=0.25), None),
        (BinaryCrossentropy(), Dense(10, "sigmoid", dtype="float64")),
        (BinaryCrossentropy(from_logits=True, label_smoothing=0.25), Dense(10, "tanh", dtype="float64")),
    ],
)
def test_so_are_losses(loss, ends, sample):
    if not losses.get(loss).name.endswith(
        "categorical_crossentropy"
    ):  # then it takes rows, and sides integers
        (x, y), (x_test, _) = sample
        rows = np.eye(10)[y[:60]]
        model = model_of(GRU(3, dtype="float64"), loss=loss, ends=ends)
        side = PyTorchSide(model)
        own = []
        side.fit((x[:60], y[:60]), None, 20, lambda number, count, logs: own.append(logs["batch_loss"]))
        expected = [model.train_on_batch(x[k : k + 20], rows[k : k + 20]) for k in (0, 20, 40)]
        np.testing.assert_allclose(own, expected, rtol=1e-10)
        np.testing.assert_allclose(side.predict(x_test[:30], 7), model.predict(x_test[:30]), rtol=1e-10)
    else:
        model = model_of(LSTM(4, dtype="float64"), loss=loss, ends=ends)
        assert_the_same(trained(model, sample, batches=10), 1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_in_float32_they_stay_as_close_as_rounding_lets_them(cell, sample):
    layer = CELLS[cell](16)
    model = model_of(layer, ends=Dense(10, "softmax"), optimizer=Adam(0.001))
    assert_the_same(trained(model, sample, batches=30), 1e-4)


def test_scores_and_probabilities_of_the_test_are_those_of_the_twin(sample):
    model = model_of(LSTM(4, dtype="float64"))
    _, (x, y) = sample
    ours, theirs = ScratchSide(model), PyTorchSide(model)
    for side in (ours, theirs):
        side.test(x[:90], y[:90], 40)
    assert theirs.result.scores == pytest.approx(ours.result.scores, rel=1e-12)
    np.testing.assert_allclose(theirs.result.probabilities, ours.result.probabilities, rtol=1e-12)
    assert theirs.result.probabilities.shape == (90, 10)


def test_a_bias_that_the_library_does_not_have_is_not_trained(sample):
    _, side = trained(model_of(LSTM(4, dtype="float64")), sample, batches=5)
    state = side.twin.state_dict()
    assert not state["lstm.bias_hh_l0"].any()
    assert state["lstm.bias_ih_l0"].any()


def test_of_both_directions_the_second_bias_is_not_trained(sample):
    _, side = trained(model_of(Bidirectional(LSTM(3, dtype="float64"))), sample, batches=3)
    state = side.twin.state_dict()
    for end in ("", "_reverse"):
        assert not state[f"bidirectional.bias_hh_l0{end}"].any()
        assert state[f"bidirectional.bias_ih_l0{end}"].any()


# Dropout ---------------------------------------------------------------------------------------------------


def dropping(rate=0.5):
    return model_of(Dropout(rate, dtype="float64"), LSTM(4, dtype="float64"), optimizer=Adam(0.01))


def trained_alone(side, sample, rows=60):
    (x, y), _ = sample
    side.train_epoch((x[:rows], y[:rows]), None, 20)
    return side.network().get_weights()


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_twin_drops_what_the_model_would_in_training_and_nothing_else():
    x = torch.ones((200, 28, 28), dtype=torch.float64)
    model = Sequential([Dropout(0.25, dtype="float64")])
    model.build((None, 28, 28))
    twin = PyTorchTwin(model)
    assert (twin(x) == 1).all()
    y = twin.train()(x)
    np.testing.assert_allclose(np.unique(y.numpy()), [0, 1 / 0.75], rtol=1e-12)
    assert abs(float((y == 0).double().mean()) - 0.25) < 0.004  # 156,800 draws: three standard deviations


def test_it_predicts_and_is_tested_without_dropout(sample):
    model = dropping()
    _, (x, y) = sample
    side = PyTorchSide(model)
    np.testing.assert_allclose(side.predict(x[:50], 20), model.predict(x[:50]), rtol=1e-10)
    model.set_weights(trained_alone(side, sample))
    assert side.evaluate(x[:50], y[:50], 20) == pytest.approx(model.evaluate(x[:50], y[:50]), rel=1e-10)


def test_dropout_in_the_twin_repeats_with_the_seed_whatever_else_draws(sample):
    one, again = (PyTorchSide(dropping()) for _ in range(2))
    expected = trained_alone(one, sample)
    torch.rand(3)
    before = torch.get_rng_state()
    assert_equal(trained_alone(again, sample), expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(trained_alone(PyTorchSide(dropping(0.0)), sample)[0], expected[0])


def test_a_twin_with_dropout_goes_on_to_the_same_bits(sample):
    side, resumed = PyTorchSide(dropping()), PyTorchSide(dropping())
    trained_alone(side, sample)
    resumed.restore({name: array.copy() for name, array in side.state().items()})
    assert_equal(trained_alone(side, sample), trained_alone(resumed, sample))


# What is refused -------------------------------------------------------------------------------------------


class Own(LSTM):
    pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: {"optimizer": RMSprop()}, "PyTorch's RMSprop adds epsilon behind the root"),
        (lambda: {"optimizer": Nadam()}, "PyTorch's NAdam keeps the product of its momenta in float32"),
        (lambda: {"optimizer": Adagrad()}, "PyTorch's Adagrad adds epsilon behind the root"),
        (
            lambda: {"optimizer": Adam(CosineDecay(0.1, 9))},
            "follows no schedule: take a constant learning rate",
        ),
        (lambda: {"loss": BinaryCrossentropy()}, "no cross-entropy of bare probabilities: end in sigmoid"),
        (lambda: {"optimizer": SGD(0.1, clipnorm=1.0)}, "PyTorch adds 1e-6 to the norm"),
        (lambda: {"optimizer": Adam(global_clipnorm=1.0)}, "PyTorch adds 1e-6 to the norm"),
        (lambda: {"optimizer": SGD(0.1, momentum=0.9, weight_decay=0.1)}, "run through the momentum"),
        (lambda: {"layer": Own(2, dtype="float64")}, "PyTorch has no Own"),
        (
            lambda: {"layer": GRU(2, reset_after=False, dtype="float64")},
            "PyTorch has no GRU that resets before",
        ),
        (lambda: {"layer": LSTM(2, bptt_steps=3, dtype="float64")}, "bptt_steps, and PyTorch has none"),
        (
            lambda: {"layer": LSTM(2, dropout=0.1, dtype="float64")},
            "'lstm' has dropout inside, and PyTorch's",
        ),
        (
            lambda: {"layer": Bidirectional(LSTM(2, recurrent_dropout=0.1, dtype="float64"))},
            "'forward_lstm' has dropout inside",
        ),
        (lambda: {"layer": LSTM(2, stateful=True, dtype="float64")}, "'lstm' is stateful, and PyTorch's"),
        (lambda: {"layer": LayerNormLSTM(2, dtype="float64")}, "PyTorch has no LayerNormLSTM"),
        (lambda: {"layer": Bidirectional(GRU(2, dtype="float64"), "sum")}, "has merge_mode 'sum'"),
        (lambda: {"layer": LSTM(2, name="a.b", dtype="float64")}, "no layer with the name 'a.b'"),
        (lambda: {"layer": LSTM(2, name="forward", dtype="float64")}, "no layer with the name 'forward'"),
        (lambda: {"ends": Dense(10, "sigmoid", dtype="float64")}, "no cross-entropy of bare probabilities"),
    ],
)
def test_what_pytorch_lacks_or_computes_otherwise_is_refused_by_name(change, words):
    changed = change()
    layer = changed.pop("layer", None) or LSTM(2, dtype="float64")
    with pytest.raises(ValueError, match=words):
        PyTorchSide(model_of(layer, **changed))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            lambda: RandomAffine(1.0, dtype="float64"),
            r"layer 'random_affine' \(RandomAffine\)",
        ),
        (lambda: Masking(dtype="float64"), r"no counterpart of layer 'masking' \(Masking\)"),
        (lambda: Dropout(0.5, (None, 1, None), dtype="float64"), "layer 'dropout_1' has a noise_shape"),
    ],
)
def test_so_is_a_layer_below_the_recurrent_one(layer, words):
    with pytest.raises(ValueError, match=words):
        PyTorchSide(model_of(Dropout(0.1, dtype="float64"), layer(), LSTM(2, dtype="float64")))


def test_a_model_that_is_not_compiled_has_no_twin_that_trains():
    model = Sequential([LSTM(2, dtype="float64"), Dense(10, dtype="float64")])
    model.build((None, 28, 28))
    with pytest.raises(ValueError, match="compile it first"):
        PyTorchSide(model)


def test_the_default_optimizer_is_refused_in_one_line_and_no_folder_is_left(tiny_data, tmp_path):
    done = called("compare", "--reference", "pytorch", "--data", tiny_data, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "take adam or sgd (--optimizer adam)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_compare_names_the_library_of_the_twin_wherever_it_speaks_of_it(tiny_data, tmp_path):
    pytest.importorskip("jinja2")
    options = ["--optimizer", "adam", "--units", "4", "--epochs", "2", "--data", tiny_data, "--out", "run"]
    done = called("compare", "--reference", "pytorch", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["test"]) == ["scratch_rnn", "PyTorch"]
    assert summary["recipe"]["reference"] == "pytorch"
    assert summary["first_batch_losses_differ"] < 1e-5
    assert {"only_scratch_rnn_wrong", "only_pytorch_wrong"} <= set(summary)
    assert summary["conditions"]["versions"]["torch"] == torch.__version__
    assert (folder / "pytorch.weights.npz").is_file()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "scratch_rnn beside PyTorch" in page
    assert "--reference pytorch" in page
    for text in (page, done.stdout, (folder / "history.json").read_text()):
        assert "Keras" not in text
