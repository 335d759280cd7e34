"""The Keras twin: the same options and weights, and the same course of training."""

import json
from zipfile import ZipFile

import numpy as np
import pytest
from helpers import python

from scratch_rnn import (
    GRU,
    LSTM,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    CosineDecayRestarts,
    Dense,
    ExponentialDecay,
    InverseTimeDecay,
    Layer,
    LearningRateSchedule,
    Nadam,
    PiecewiseConstantDecay,
    PolynomialDecay,
    RMSprop,
    Sequential,
    SimpleRNN,
    load_mnist,
)
from scratch_rnn.layers.activations import Tanh
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)

keras = pytest.importorskip("keras")

from keras_reference.gradients import twin_loss_and_gradients  # noqa: E402
from keras_reference.side_by_side import (  # noqa: E402
    KERAS,
    SCRATCH,
    Watcher,
    evaluate_twin,
    predict_twin,
    train_side_by_side,
)
from keras_reference.twin import build_twin, floatx_of, weights_from_keras, weights_to_keras  # noqa: E402

CELLS = [SimpleRNN, GRU, LSTM]

# JAX computes in float64 only when told to, and Keras's SimpleRNN on PyTorch rounds through float32.
TENSORFLOW = keras.config.backend() == "tensorflow"
needs_float64 = pytest.mark.skipif(not TENSORFLOW, reason="this backend of Keras does not compute in float64")


def compiled(*layers, optimizer="rmsprop", loss="categorical_crossentropy", seed=0):
    model = Sequential(layers, seed=seed)
    model.compile(optimizer, loss, ["accuracy"])
    return model


def first_digits(count):
    (x, y), _ = load_mnist("sample")
    return x[:count], y[:count]


@needs_float64
@pytest.mark.parametrize("cell", CELLS)
def test_a_twin_of_a_stack_gives_the_same_outputs(cell):
    model = compiled(
        cell(6, return_sequences=True, dtype="float64"),
        cell(5, go_backwards=True, use_bias=False, dtype="float64"),
        Dense(10, "softmax", dtype="float64"),
    )
    twin = build_twin(model, (None, 28, 28))
    x, _ = first_digits(20)
    np.testing.assert_allclose(model.predict(x), predict_twin(model, twin, x, 7), rtol=1e-12, atol=1e-14)


# Every option is another one than its default, and another one than its neighbour's.
OPTIONS = [
    (
        SimpleRNN(4, activation="relu", use_bias=False, name="first"),
        {"activation": "relu", "use_bias": False},
    ),
    (SimpleRNN(4, activation="sigmoid", go_backwards=True), {"activation": "sigmoid", "go_backwards": True}),
    (
        GRU(4, activation="relu", recurrent_activation="tanh", reset_after=False),
        {"activation": "relu", "recurrent_activation": "tanh", "reset_after": False},
    ),
    (GRU(4), {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}),
    (
        LSTM(4, activation="linear", recurrent_activation="tanh", use_bias=False),
        {"activation": "linear", "recurrent_activation": "tanh", "use_bias": False},
    ),
    (LSTM(4, activation="sigmoid"), {"activation": "sigmoid", "recurrent_activation": "sigmoid"}),
]


@pytest.mark.parametrize(("layer", "options"), OPTIONS)
def test_options_of_a_layer_reach_its_twin(layer, options):
    model = compiled(layer, Dense(10, "softmax", use_bias=False, name="head"))
    twin = build_twin(model, (None, 28, 28))
    recurrent, head = (each.get_config() for each in twin.layers)
    defaults = {"units": 4, "use_bias": True, "go_backwards": False, "return_sequences": False}
    for name, value in (defaults | {"name": layer.name} | options).items():
        assert recurrent[name] == value, name
    assert (head["name"], head["units"], head["activation"], head["use_bias"]) == (
        "head",
        10,
        "softmax",
        False,
    )
    x, _ = first_digits(10)
    np.testing.assert_allclose(model.predict(x), predict_twin(model, twin, x, 10), rtol=1e-4, atol=1e-6)


def test_a_twin_has_the_layers_of_its_model_in_their_order():
    model = compiled(LSTM(3, return_sequences=True), GRU(4), Dense(5, "relu"), Dense(10, "softmax"))
    twin = build_twin(model, (None, 28, 28))
    assert [type(layer).__name__ for layer in twin.layers] == ["LSTM", "GRU", "Dense", "Dense"]
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert [layer.units for layer in twin.layers] == [3, 4, 5, 10]
    assert [layer.activation.__name__ for layer in twin.layers] == ["tanh", "tanh", "relu", "softmax"]


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("loss", [CategoricalCrossentropy, SparseCategoricalCrossentropy])
def test_the_loss_of_a_twin_is_the_model_s_with_its_options(loss, from_logits):
    model = compiled(SimpleRNN(4), Dense(10), loss=loss(from_logits=from_logits))
    twin = build_twin(model, (None, 28, 28))
    assert type(twin.loss).__name__ == loss.__name__
    assert twin.loss.get_config()["from_logits"] is from_logits
    x, y = first_digits(30)
    assert evaluate_twin(model, twin, x, y, 30) == pytest.approx(model.evaluate(x, y), rel=1e-5)


def test_the_twin_s_squared_error_is_the_model_s():
    model = compiled(SimpleRNN(4), Dense(10, "sigmoid"), loss="mse")
    twin = build_twin(model, (None, 28, 28))
    x, y = first_digits(30)
    expected = model.evaluate(x, np.eye(10, dtype="float32")[y])
    assert type(twin.loss).__name__ == "MeanSquaredError"
    assert evaluate_twin(model, twin, x, y, 30) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), SparseCategoricalCrossentropy(from_logits=True)])
def test_a_cross_entropy_behind_a_sigmoid_is_refused_because_keras_computes_another_one(loss):
    model = compiled(SimpleRNN(4), Dense(10, "sigmoid", name="squashed"), loss=loss)
    with pytest.raises(ValueError, match=rf"'squashed' ends in a sigmoid, and for {loss.name} Keras takes"):
        build_twin(model, (None, 28, 28))


@needs_float64
@pytest.mark.parametrize("units", [1, 10])
@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_a_binary_cross_entropy_of_a_twin_is_the_model_s(units, activation, smoothing):
    """Behind a sigmoid both take its logits; the weights are such that float64 calls some answers sure."""
    layers = SimpleRNN(4, dtype="float64"), Dense(units, activation, dtype="float64")
    model = compiled(*layers, loss=BinaryCrossentropy(activation == "linear", smoothing))
    model.build((None, 28, 28))
    model.layers[-1].kernel[...] *= 100
    twin = build_twin(model, (None, 28, 28))
    x, y = first_digits(30)
    if units == 1:
        y = y % 2
    labels = y if units == 1 else np.eye(10)[y]
    value, gradients = model.loss_and_gradients(x, labels)
    expected, theirs = twin_loss_and_gradients(model, twin, x, y)
    assert value == pytest.approx(expected, rel=1e-13)
    for ours, keras_gradient in zip(gradients, theirs, strict=True):
        scale = np.abs(keras_gradient).max()
        np.testing.assert_allclose(ours / scale, keras_gradient / scale, rtol=0, atol=1e-12)
    assert evaluate_twin(model, twin, x, y, 30) == pytest.approx(model.evaluate(x, labels), rel=1e-12)


def test_a_binary_cross_entropy_behind_a_softmax_is_refused_because_keras_computes_another_one():
    model = compiled(SimpleRNN(4), Dense(10, "softmax", name="soft"), loss="binary_crossentropy")
    with pytest.raises(ValueError, match=r"'soft' ends in a softmax, and for binary_crossentropy .* sigmoid"):
        build_twin(model, (None, 28, 28))


class Weighted(CategoricalCrossentropy):
    """A loss of a user's own."""


class Own(SGD):
    """An optimizer of a user's own."""


class Leaky(Tanh):
    """An activation of a user's own that keeps the name of the library's."""


def accuracy(y_true, y_pred):
    """A metric of a user's own that has the name of one of the library's."""
    return np.ones(len(y_pred))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": Weighted()}, "loss Weighted has no counterpart"),
        ({"optimizer": Own()}, "optimizer Own has no counterpart"),
        ({"metrics": [accuracy]}, "metric 'accuracy' has no counterpart"),
    ],
)
def test_what_extends_a_part_of_the_library_is_not_taken_for_it(change, words):
    model = Sequential([SimpleRNN(4), Dense(10, "softmax")])
    model.compile(
        **{"optimizer": "sgd", "loss": "categorical_crossentropy", "metrics": ["accuracy"], **change}
    )
    with pytest.raises(ValueError, match=words):
        build_twin(model, (None, 28, 28))


@pytest.mark.parametrize(
    "layers", [[SimpleRNN(4, activation=Leaky()), Dense(10)], [LSTM(4), Dense(10, activation=Leaky())]]
)
def test_an_activation_of_ones_own_is_not_taken_for_that_of_its_name(layers):
    with pytest.raises(ValueError, match="activation 'tanh' has no counterpart"):
        build_twin(Sequential(layers), (None, 28, 28))


@pytest.mark.parametrize("name", ["accuracy", "sparse_categorical_accuracy", "binary_accuracy", "mse", "mae"])
def test_metrics_go_by_their_names(name):
    model = Sequential([SimpleRNN(4), Dense(10, "softmax")], seed=1)
    model.compile("sgd", "categorical_crossentropy", [name])
    twin, (x, y) = build_twin(model, (None, 28, 28)), first_digits(30)
    if name == "sparse_categorical_accuracy":
        model.loss = SparseCategoricalCrossentropy()  # so that labels stay integers
        twin = build_twin(model, (None, 28, 28))
    assert evaluate_twin(model, twin, x, y, 30) == pytest.approx(model.evaluate(x, y), rel=1e-5)


@needs_float64
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_twin_are_those_written_by_hand(cell, loss):
    model = compiled(cell(6, dtype="float64"), Dense(10, "softmax", dtype="float64"), loss=loss)
    twin = build_twin(model, (None, 28, 28))
    x, y = first_digits(20)
    value, gradients = model.loss_and_gradients(x, y)
    expected, theirs = twin_loss_and_gradients(model, twin, x, y)
    assert value == pytest.approx(expected, rel=1e-14)
    for ours, keras_gradient in zip(gradients, theirs, strict=True):
        scale = np.abs(keras_gradient).max()
        np.testing.assert_allclose(ours / scale, keras_gradient / scale, rtol=0, atol=1e-12)


def test_gradients_of_a_twin_need_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Keras runs on jax: set the environment variable KERAS_BACKEND"):
        twin_loss_and_gradients(None, None, None, None)


def test_weights_move_both_ways_unchanged():
    model, other = (compiled(LSTM(4), Dense(10, "softmax"), seed=seed) for seed in (1, 2))
    twin = build_twin(model, (None, 28, 28))
    other.build((None, 28, 28))
    weights_from_keras(twin, other)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model.weights[0][...] = 0.5
    weights_to_keras(model, twin)
    assert np.all(np.asarray(twin.get_weights()[0]) == 0.5)


COMMON = {"clipnorm": None, "global_clipnorm": None, "clipvalue": None, "weight_decay": None}


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (SGD, {"learning_rate": 0.1, "momentum": 0.875, "nesterov": True, "clipnorm": 1.5}),
        (
            RMSprop,
            {
                "learning_rate": 0.002,
                "rho": 0.8,
                "momentum": 0.25,
                "centered": True,
                "epsilon": 1e-5,
                "clipvalue": 0.5,
            },
        ),
        (
            Adam,
            {
                "learning_rate": 0.003,
                "beta_1": 0.75,
                "beta_2": 0.9375,
                "epsilon": 1e-6,
                "global_clipnorm": 2.0,
                "weight_decay": 0.125,
            },
        ),
        (AdamW, {"learning_rate": 0.003, "weight_decay": 0.25, "beta_1": 0.75, "beta_2": 0.9375}),
        (Nadam, {"learning_rate": 0.003, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 1e-6}),
        (Adagrad, {"learning_rate": 0.003, "initial_accumulator_value": 0.5, "epsilon": 1e-6}),
    ],
)
def test_options_of_the_optimizer_reach_the_twin(optimizer, options):
    model = compiled(SimpleRNN(4), Dense(10, "softmax"), optimizer=optimizer(**options))
    twin = build_twin(model, (None, 28, 28)).optimizer
    config = twin.get_config()
    assert type(twin) is getattr(keras.optimizers, optimizer.__name__)
    for name, value in (COMMON | options).items():
        assert config[name] == (pytest.approx(value) if isinstance(value, float) else value), name


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialDecay(0.1, 5, 0.9, staircase=True),
        InverseTimeDecay(0.1, 5, 0.9),
        PolynomialDecay(0.1, 20, 0.01, 2.0, cycle=True),
        PiecewiseConstantDecay([3, 6], [0.1, 0.2, 0.05]),
        CosineDecay(0.1, 9, 0.2, warmup_target=0.5, warmup_steps=4),
        CosineDecayRestarts(0.1, 4, 1.5, 0.75, 0.1),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_the_schedule_of_a_twin_is_the_model_s(schedule):
    model = compiled(SimpleRNN(4), Dense(10, "softmax"), optimizer=SGD(schedule))
    optimizer = build_twin(model, (None, 28, 28)).optimizer
    for step in range(12):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(schedule(step), rel=1e-6)


def test_a_schedule_of_ones_own_has_no_counterpart():
    class Halving(LearningRateSchedule):
        def __call__(self, step):
            return 0.5**step

    model = compiled(SimpleRNN(4), Dense(10, "softmax"), optimizer=SGD(Halving()))
    with pytest.raises(ValueError, match="schedule Halving has no counterpart in Keras"):
        build_twin(model, (None, 28, 28))


def test_what_keras_does_not_have_is_refused_by_name():
    class Squiggle(Tanh):
        name = "squiggle"

    model = compiled(SimpleRNN(4, activation=Squiggle()), Dense(10, "softmax"))
    with pytest.raises(ValueError, match="'squiggle' has no counterpart"):
        build_twin(model, (None, 28, 28))


def test_truncation_has_no_counterpart():
    model = Sequential([LSTM(4, bptt_steps=3), Dense(2)], seed=0)
    with pytest.raises(ValueError, match="has bptt_steps, and Keras has no counterpart of it: leave it out"):
        build_twin(model, (None, 5, 3))


def test_layers_of_keras_take_the_dtype_of_the_model_meanwhile_and_no_longer():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # as the first layer of a session does
    with floatx_of(compiled(Dense(2, dtype="float64"))):
        assert keras.layers.Dense(1).dtype_policy.name == "float64"
    assert keras.layers.Dense(1).dtype_policy.name == "float32"
    keras.config.set_dtype_policy(before)


def test_floatx_is_as_it_was_after_an_error():
    before = keras.config.floatx()
    with pytest.raises(RuntimeError), floatx_of(compiled(LSTM(2, dtype="float64"))):
        assert keras.config.floatx() == "float64"
        raise RuntimeError
    assert keras.config.floatx() == before


def train_pair(cell, dtype, optimizer="rmsprop", loss="categorical_crossentropy", epochs=2, watchers=()):
    """Two epochs of batches of 64 on 450 digits, so that the last batch is a partial one."""
    model = compiled(cell(16, dtype=dtype), Dense(10, "softmax", dtype=dtype), optimizer=optimizer, loss=loss)
    twin = build_twin(model, (None, 28, 28))
    x, y = first_digits(500)
    records = train_side_by_side(
        model,
        twin,
        (x[:450], y[:450]),
        (x[450:], y[450:]),
        epochs=epochs,
        batch_size=64,
        seed=3,
        watchers=watchers,
    )
    return model, twin, records


# Rounding alone separates the two: after 16 steps about 1e-14 in float64 and 1e-6 in float32.
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), pytest.param("float64", 1e-12, marks=needs_float64)]
)
def test_both_models_take_the_same_course(cell, dtype, tolerance):
    model, twin, records = train_pair(cell, dtype)
    ours, theirs = records[SCRATCH], records[KERAS]
    assert len(ours.batch_losses) == len(theirs.batch_losses) == 8
    np.testing.assert_allclose(ours.batch_losses, theirs.batch_losses, rtol=tolerance)
    assert ours.batch_losses[-1] < ours.batch_losses[0]
    assert set(ours.history) == {"loss", "accuracy", "val_loss", "val_accuracy"} == set(theirs.history)
    for name, values in ours.history.items():
        np.testing.assert_allclose(values, theirs.history[name], rtol=tolerance, err_msg=name)
    x, y = first_digits(600)
    assert evaluate_twin(model, twin, x, y, 64) == pytest.approx(model.evaluate(x, y, 64), rel=tolerance)


def test_integer_labels_train_like_one_hot_ones():
    _, _, one_hot = train_pair(SimpleRNN, "float32", epochs=1)
    _, _, integers = train_pair(SimpleRNN, "float32", loss="sparse_categorical_crossentropy", epochs=1)
    np.testing.assert_allclose(one_hot[KERAS].batch_losses, integers[KERAS].batch_losses, rtol=1e-6)


def test_watchers_hear_of_every_batch_and_epoch_of_both_models():
    heard = []

    class Listener(Watcher):
        def on_batch(self, result, epoch, batch, batches, logs):
            heard.append((result.name, epoch, batch, batches))

        def on_epoch(self, result, epoch):
            heard.append((result.name, epoch, len(result.seconds)))

    train_pair(SimpleRNN, "float32", watchers=[Listener()])
    expected = []
    for epoch in range(2):
        for model in (SCRATCH, KERAS):
            expected += [(model, epoch, batch, 8) for batch in range(8)]
            expected += [(model, epoch, epoch + 1)]
    assert heard == expected


class Halved(LSTM):
    """Shows half of its state."""

    def step(self, s):
        super().step(s)
        s.h *= 0.5


class Doubled(Layer):
    """y = 2 x, a layer of a user's own."""

    weight_names = ()

    def _weights(self):
        return []

    def build(self, input_shape, rng=None):
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def forward(self, x, *, training=False, tape=None):
        return 2 * x, None


@pytest.mark.parametrize("layer", [Halved(3), Doubled()])
def test_a_layer_of_ones_own_has_no_twin_not_even_one_that_extends_a_layer_with_one(layer):
    model = Sequential([layer, Dense(2)])
    with pytest.raises(ValueError, match=rf"\({type(layer).__name__}\) has no counterpart in Keras"):
        build_twin(model, (None, 5, 4))


def test_a_saved_twin_is_read_in_a_process_without_this_project_and_trains_on(tmp_path, digits):
    x, y = digits
    x = x.astype("float32") / 255
    model = Sequential([GRU(4), Dense(10, "softmax")], seed=0)
    model.compile(Adam(CosineDecay(0.01, 10)), "sparse_categorical_crossentropy", ["accuracy"])
    twin = build_twin(model, (None, 28, 28))
    twin.fit(x, y, batch_size=100, shuffle=False, verbose=0)
    twin.save(tmp_path / "twin.keras")
    np.savez(tmp_path / "digits.npz", x=x, y=y)
    code = """if True:
        import sys, keras, numpy
        digits = numpy.load("digits.npz")
        model = keras.saving.load_model("twin.keras")
        model.fit(digits["x"], digits["y"], batch_size=100, shuffle=False, verbose=0)
        numpy.save("p.npy", model.predict(digits["x"], verbose=0))
        assert {"scratch_rnn", "keras_reference"}.isdisjoint(sys.modules)
    """
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    twin.fit(x, y, batch_size=100, shuffle=False, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), twin.predict(x, verbose=0), rtol=1e-5)


def test_what_keras_saves_of_a_twin_is_a_plain_network_too(tmp_path, digits):
    model = compiled(GRU(4), Dense(10, "softmax"))
    twin = build_twin(model, (None, 28, 28))
    twin.optimizer.build(twin.trainable_variables)
    keras.saving.save_model(twin, tmp_path / "twin.keras")
    with ZipFile(tmp_path / "twin.keras") as file:
        config = json.loads(file.read("config.json"))
    assert (config["module"], config["class_name"]) == ("keras", "Sequential")
    read = keras.saving.load_model(tmp_path / "twin.keras")
    assert type(read) is keras.Sequential
    assert read.compiled
    x = digits[0][:5].astype("float32")
    np.testing.assert_array_equal(read.predict(x, verbose=0), twin.predict(x, verbose=0))
