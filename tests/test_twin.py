"""The Keras twin: the same options and weights, and the same course of training."""

import numpy as np
import pytest

from scratch_rnn import GRU, LSTM, SGD, Adam, Dense, Layer, RMSprop, Sequential, SimpleRNN, load_mnist
from scratch_rnn.layers.activations import Tanh

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


def digits(count):
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
    x, _ = digits(20)
    np.testing.assert_allclose(model.predict(x), predict_twin(model, twin, x, 7), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "layer",
    [
        GRU(4, reset_after=False),
        GRU(4, activation="relu"),
        LSTM(4, activation="linear", recurrent_activation="tanh"),
        SimpleRNN(4, activation="relu", use_bias=False),
    ],
)
def test_options_of_a_layer_reach_its_twin(layer):
    model = compiled(layer, Dense(10, "softmax"))
    twin = build_twin(model, (None, 28, 28))
    x, _ = digits(10)
    np.testing.assert_allclose(model.predict(x), predict_twin(model, twin, x, 10), rtol=1e-4, atol=1e-6)


@needs_float64
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_twin_are_those_written_by_hand(cell, loss):
    model = compiled(cell(6, dtype="float64"), Dense(10, "softmax", dtype="float64"), loss=loss)
    twin = build_twin(model, (None, 28, 28))
    x, y = digits(20)
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


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1, momentum=0.875, nesterov=True, clipnorm=1.0),
        RMSprop(0.002, rho=0.8, momentum=0.25, centered=True, epsilon=1e-5, clipvalue=0.5),
        Adam(0.002, beta_1=0.75, beta_2=0.9375, epsilon=1e-6, global_clipnorm=2.0, weight_decay=0.125),
    ],
)
def test_options_of_the_optimizer_reach_the_twin(optimizer):
    model = compiled(SimpleRNN(4), Dense(10, "softmax"), optimizer=optimizer)
    config = build_twin(model, (None, 28, 28)).optimizer.get_config()
    for name, value in vars(optimizer).items():
        if name in config:
            assert config[name] == (pytest.approx(value) if isinstance(value, float) else value), name


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
    x, y = digits(500)
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
    x, y = digits(600)
    assert evaluate_twin(model, twin, x, y, 64) == pytest.approx(model.evaluate(x, y, 64), rel=tolerance)


def test_integer_labels_train_like_one_hot_ones():
    _, _, one_hot = train_pair(SimpleRNN, "float32", epochs=1)
    _, _, integers = train_pair(SimpleRNN, "float32", loss="sparse_categorical_crossentropy", epochs=1)
    np.testing.assert_allclose(one_hot[KERAS].batch_losses, integers[KERAS].batch_losses, rtol=1e-6)


def test_watchers_hear_of_every_batch_and_epoch_of_both_models():
    heard = []

    class Listener(Watcher):
        def on_batch(self, model, epoch, batch, batches, logs):
            heard.append((model, epoch, batch, batches))

        def on_epoch(self, model, epoch, record):
            heard.append((model, epoch, len(record.seconds)))

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
