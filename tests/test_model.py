"""Sequential: what fit, evaluate and predict mean, the same bits on any threads, and what is refused."""

import math
import re
import subprocess
import sys
import tracemalloc
from functools import partial
from inspect import signature
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import assert_gradients, random_arrays, randomize

from scratch_rnn import GRU, LSTM, SGD, Adam, Callback, Dense, History, RMSprop, Sequential, SimpleRNN
from scratch_rnn.layers.activations import Softmax
from scratch_rnn.training import running
from scratch_rnn.training.labels import one_hot
from scratch_rnn.training.losses import CategoricalCrossentropy, Loss
from scratch_rnn.training.shards import SHARD_ROWS

CROSS_ENTROPIES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


def classifier(layer=SimpleRNN, units=8, *, optimizer="sgd", threads=1, seed=0):
    """Return a small compiled model of MNIST rows."""
    model = Sequential([layer(units), Dense(10, "softmax")], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"], threads=threads)
    model.build((None, 28, 28))
    return model


def tiny(activation="softmax", loss="categorical_crossentropy", sequences=False, seed=0, classes=3):
    """Return a compiled float64 model for inputs (batch, time, 2)."""
    model = Sequential(seed=seed)
    model.add(SimpleRNN(4, return_sequences=sequences, dtype="float64"))
    model.add(Dense(classes, activation, dtype="float64"))
    model.compile(SGD(0.1), loss, threads=1)
    model.build((None, None, 2))
    return randomize(model, seed)


def tiny_data(rows=10, time=3, classes=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, time, 2)), rng.integers(0, classes, rows)


def assert_same_weights(model, other):
    other = other.get_weights() if isinstance(other, Sequential) else other
    for a, b in zip(model.weights, other, strict=True):
        np.testing.assert_array_equal(a, b)


def refuses_and_trains_nothing(model, message, *data, error=ValueError, **options):
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(*data, verbose=0, **options)
    assert_same_weights(model, before)


class Recorder(Callback):
    """Writes down every call, with the loss where there is one."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self):
        self.calls.append("train begin")

    def on_train_end(self):
        self.calls.append("train end")

    def on_epoch_begin(self, epoch):
        self.calls.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch, logs):
        self.calls.append((f"epoch {epoch} end", dict(logs)))

    def on_train_batch_begin(self, batch):
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs):
        self.calls.append((f"batch {batch} end", dict(logs)))

    @property
    def names(self):
        return [call if isinstance(call, str) else call[0] for call in self.calls]


# The gradient of the whole model ---------------------------------------------------------------------------


STACKS = {
    "SimpleRNN, GRU": [(SimpleRNN, {}), (GRU, {})],
    "LSTM, SimpleRNN backwards": [(LSTM, {}), (SimpleRNN, {"go_backwards": True})],
    "GRU, LSTM, GRU reset before": [(GRU, {}), (LSTM, {}), (GRU, {"reset_after": False})],
}


def assert_gradients_of_the_weights(model, gradients, x, y):
    """Check against differences of what evaluate gives, which runs the forward pass only."""
    pairs = zip(model.weight_names, model.weights, gradients, strict=True)
    assert_gradients(lambda: model.evaluate(x, y)["loss"], {name: pair for name, *pair in pairs})


def stack(name, last, sequences=False):
    layers = STACKS[name]
    recurrent = [
        cls(3, return_sequences=sequences or index < len(layers) - 1, dtype="float64", **options)
        for index, (cls, options) in enumerate(layers)
    ]
    return Sequential([*recurrent, last], seed=0)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("sequences", [False, True], ids=["last output", "sequences"])
@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("softmax", "categorical_crossentropy"),
        ("softmax", "sparse_categorical_crossentropy"),
        ("softmax", "mean_squared_error"),
        (None, "mean_squared_error"),
        ("sigmoid", "binary_crossentropy"),
    ],
)
def test_gradient_of_a_whole_model_agrees_with_central_differences(name, sequences, activation, loss):
    model = stack(name, Dense(3, activation, dtype="float64"), sequences)
    model.compile("sgd", loss, threads=1)
    model.build((None, 4, 2))
    randomize(model)
    x, y = random_arrays((5, 4, 2), (5, 4, 3) if sequences else (5, 3))
    if loss in CROSS_ENTROPIES:
        y = y.argmax(axis=-1)
    elif loss == "binary_crossentropy":
        y = y > 0
    _, gradients = model.loss_and_gradients(x, y)
    assert_gradients_of_the_weights(model, gradients, x, y)


def test_gradient_of_the_input_agrees_with_central_differences():
    model = stack("SimpleRNN, GRU", Dense(3, "softmax", dtype="float64"))
    model.build((None, 4, 2))
    randomize(model)
    x, dy = random_arrays((5, 4, 2), (5, 3))
    _, tapes = model.forward(x)
    gradients = model.backward(dy, tapes)
    assert_gradients(lambda: np.vdot(dy, model.forward(x)[0]), {"x": (x, gradients.inputs)})
    assert model.backward(dy, tapes, input_gradient=False).inputs is None


def test_a_recurrent_layer_may_come_last():
    model = Sequential([GRU(3, return_sequences=True, dtype="float64"), LSTM(2, dtype="float64")], seed=0)
    model.compile("sgd", "mse", threads=1)
    model.build((None, 4, 2))
    randomize(model)
    x, y = random_arrays((5, 4, 2), (5, 2))
    _, gradients = model.loss_and_gradients(x, y)
    assert_gradients_of_the_weights(model, gradients, x, y)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_batch_of_several_shards_has_the_gradient_of_the_whole(activation):
    loss = "categorical_crossentropy" if activation else "mean_squared_error"
    model = tiny(activation, loss)
    x, labels = tiny_data(2 * SHARD_ROWS + 7)
    y = labels if activation else np.eye(3)[labels]
    loss, gradients = model.loss_and_gradients(x, y)
    rows = [model.loss_and_gradients(x[n : n + 1], y[n : n + 1]) for n in range(len(x))]
    # Means over 135 rows, added up in another order: some roundings of numbers near one.
    assert loss == pytest.approx(np.mean([loss for loss, _ in rows]), rel=1e-13)
    for index, gradient in enumerate(gradients):
        expected = np.mean([row_gradients[index] for _, row_gradients in rows], axis=0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


def test_softmax_and_cross_entropy_meet_on_the_logits():
    """A sure and wrong answer has probability 0 in float32: its gradient lives on the logits only."""
    model = classifier()
    kernel, bias = model.layers[-1].weights
    kernel[...] = 0
    bias[...] = [200, *[0] * 9]
    x, y = np.zeros((1, 28, 28), "float32"), np.array([3])
    loss, (*_, gradient) = model.loss_and_gradients(x, y)
    assert loss == 200
    np.testing.assert_array_equal(gradient, [1, 0, 0, -1, 0, 0, 0, 0, 0, 0])


def test_sigmoid_and_binary_cross_entropy_meet_on_the_logits():
    """A sure and wrong answer is 1 in float32, where the slope of the sigmoid is 0."""
    model = tiny("sigmoid", "binary_crossentropy", classes=2).astype("float32")
    kernel, bias = model.layers[-1].weights
    kernel[...] = 0
    bias[...] = [200, -200]
    loss, (*_, gradient) = model.loss_and_gradients(np.zeros((1, 3, 2), "float32"), np.array([[0, 1]]))
    assert loss == 200
    np.testing.assert_array_equal(gradient, [0.5, -0.5])


def test_a_single_output_learns_yes_and_no_from_a_vector_of_labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4, 2))
    y = (x.sum(axis=(1, 2)) > 0).astype(int)
    model = Sequential([SimpleRNN(4), Dense(1, "sigmoid")], seed=0)
    model.compile(SGD(0.5), "binary_crossentropy", ["accuracy", "binary_accuracy"], threads=1)
    history = model.fit(x, y, batch_size=10, epochs=15, verbose=0).history
    assert history["accuracy"] == history["binary_accuracy"]
    assert history["accuracy"][-1] > 0.9
    assert model.evaluate(x, y) == model.evaluate(x, y[:, None])


class Sharper(Softmax):
    """The softmax of 2 z: a subclass, and another function."""

    def __call__(self, z, out=None):
        return super().__call__(2 * z, out=out)

    def backward(self, dy, y, out=None):
        return np.multiply(2, super().backward(dy, y), out=out)


class SoftmaxOfStates(SimpleRNN):
    """A last layer that is no Dense, though it has an activation called softmax."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.last = Softmax()

    def forward(self, x, *, training=False, tape=None):
        y, tape = super().forward(x, tape=tape[0] if tape else None)
        y = self.last(y)
        return y, (tape, y)

    def backward(self, dy, tape, *, input_gradient=True):
        return super().backward(self.last.backward(dy, tape[1]), tape[0], input_gradient=input_gradient)


def cross_entropy(p, y):
    """Return the mean of -log p of the label, where p, clipped, is divided by its sum before."""
    p = np.clip(p / p.sum(axis=-1, keepdims=True), 1e-7, 1 - 1e-7)
    return -np.log(p[np.arange(len(y)), y]).mean()


@pytest.mark.parametrize(
    "last",
    [
        Dense(3, "softmax", dtype="float64"),
        Dense(3, "sigmoid", dtype="float64"),
        Dense(3, "relu", bias_initializer="ones", dtype="float64"),
        Dense(3, Sharper(), dtype="float64"),
        SoftmaxOfStates(3, dtype="float64"),
    ],
    ids=["softmax", "sigmoid", "relu", "subclass of softmax", "no Dense"],
)
def test_the_loss_is_that_of_the_outputs_whatever_the_last_layer_is(last):
    """Only a softmax that ends a Dense layer may be left out, and the loss taken from its logits."""
    model = Sequential(
        [SimpleRNN(4, return_sequences=True, dtype="float64"), SimpleRNN(4, dtype="float64"), last]
    )
    if isinstance(last, SimpleRNN):
        model = Sequential([SimpleRNN(4, return_sequences=True, dtype="float64"), last])
    model.compile("sgd", threads=1)
    model.build((None, 3, 2))
    randomize(model, scale=0.2)
    if last.name == "dense":
        last.bias[...] = [0.9, 1.3, 0.7]
    x, y = tiny_data(7)
    expected = cross_entropy(model.predict(x), y)
    loss, gradients = model.loss_and_gradients(x, y)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert model.mean_loss(x, y) == pytest.approx(expected, rel=1e-12)
    assert model.evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-12)
    assert_gradients_of_the_weights(model, gradients, x, y)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_another_loss_takes_the_outputs_of_a_softmax_as_they_are(activation):
    model = tiny(activation, "mse")
    x, y = tiny_data(7)[0], random_arrays((7, 3))[0]
    expected = np.square(model.predict(x) - y).mean()
    assert model.loss_and_gradients(x, y)[0] == pytest.approx(expected, rel=1e-13)
    assert model.evaluate(x, y)["loss"] == model.mean_loss(x, y) == pytest.approx(expected, rel=1e-13)


class Brier(CategoricalCrossentropy):
    """The squared distance of the probabilities from the label, by a subclass of another loss."""

    def values(self, y_true, y_pred):
        return np.square(y_pred - one_hot(y_true, y_pred)).sum(axis=-1)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - one_hot(y_true, y_pred))


def test_a_loss_that_extends_a_cross_entropy_gets_probabilities_and_no_logits():
    model, (x, y) = tiny("softmax", Brier()), tiny_data(7)
    loss, gradients = model.loss_and_gradients(x, y)
    assert loss == pytest.approx(np.square(model.predict(x) - np.eye(3)[y]).sum(axis=-1).mean(), rel=1e-13)
    assert_gradients_of_the_weights(model, gradients, x, y)


def test_logits_without_a_softmax_are_for_a_loss_that_is_told_so():
    model = tiny(None, CategoricalCrossentropy(from_logits=True))
    x, y = tiny_data(7)
    z = model.predict(x)
    expected = cross_entropy(np.exp(z), y)
    assert model.loss_and_gradients(x, y)[0] == pytest.approx(expected, rel=1e-13)


class HalfOfTheSquares(Loss):
    """Σ y² / 2, whose gradient is y itself, the very array."""

    def values(self, y_true, y_pred):
        return np.square(y_pred).sum(axis=-1) / 2

    def gradient(self, y_true, y_pred):
        return y_pred


def test_a_gradient_that_a_loss_hands_out_is_not_written_into():
    """It may be the outputs, from which the last activation takes its derivative."""
    model = tiny("tanh", HalfOfTheSquares())
    x, y = random_arrays((5, 3, 2), (5, 3))
    _, gradients = model.loss_and_gradients(x, y)
    assert_gradients_of_the_weights(model, gradients, x, y)


# fit -------------------------------------------------------------------------------------------------------


def test_an_epoch_makes_one_step_for_each_batch():
    x, y = tiny_data(10)
    model, twin = tiny(), tiny()
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    for rows in (slice(4), slice(4, 8), slice(8, 10)):
        _, gradients = twin.loss_and_gradients(x[rows], y[rows])
        for weight, gradient in zip(twin.weights, gradients, strict=True):
            weight -= 0.1 * gradient
    assert_same_weights(model, twin)


def test_loss_of_an_epoch_is_the_mean_over_rows_of_losses_before_each_update():
    x, y = tiny_data(10)
    model, twin = tiny(), tiny()
    model.compile(SGD(0.1), "categorical_crossentropy", ["accuracy"], threads=1)
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
    losses, hits = [], []
    for rows in (slice(4), slice(4, 8), slice(8, 10)):
        p = twin.predict(x[rows])
        losses += [-np.log(row[label]) for row, label in zip(p, y[rows], strict=True)]
        hits += list(p.argmax(axis=1) == y[rows])
        twin.train_on_batch(x[rows], y[rows])
    # log softmax against log of softmax, and another order of adding up: a few roundings.
    assert history["loss"] == pytest.approx([np.mean(losses)], rel=1e-13)
    assert history["accuracy"] == [np.mean(hits)]


def test_validation_split_takes_the_last_rows_before_shuffling():
    x, y = tiny_data(11)
    model, twin = tiny(), tiny()
    split = int(11 * (1 - 0.3))
    history = model.fit(x, y, batch_size=4, epochs=2, validation_split=0.3, verbose=0).history
    expected = twin.fit(
        x[:split], y[:split], batch_size=4, epochs=2, validation_data=(x[split:], y[split:]), verbose=0
    ).history
    assert split == 7
    assert history == expected
    assert_same_weights(model, twin)


def test_validation_values_are_those_of_evaluate_after_the_epoch():
    x, y = tiny_data(20)
    model = tiny()
    history = model.fit(x[:15], y[:15], validation_data=(x[15:], y[15:]), batch_size=4, verbose=0).history
    assert history["val_loss"] == [model.evaluate(x[15:], y[15:], batch_size=4)["loss"]]


def test_validation_does_not_train():
    x, y = tiny_data(20)
    model, twin = tiny(), tiny()
    for each, options in ((model, {"validation_data": (x[15:], y[15:])}), (twin, {})):
        each.compile(Adam(0.1), threads=1)
        each.history = each.fit(x[:15], y[:15], epochs=3, batch_size=4, verbose=0, **options)
    assert_same_weights(model, twin)
    assert model.history.history["loss"] == twin.history.history["loss"]
    assert model.optimizer.iterations == twin.optimizer.iterations == 3 * 4


class Told(SimpleRNN):
    """Notes of every call whether it was told to be training, and for how many rows."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.calls = []

    def forward(self, x, *, training=False, tape=None):
        self.calls.append((training, len(x)))
        return super().forward(x, training=training, tape=tape)


def test_layers_are_told_whether_they_are_training():
    model = Sequential([told := Told(4, dtype="float64"), Dense(3, "softmax", dtype="float64")], seed=0)
    model.compile(threads=1)
    x, y = tiny_data(11)
    for compute, expected in (
        (
            lambda: model.fit(x, y, batch_size=4, validation_split=0.45, verbose=0),
            [(1, 4), (1, 2), (0, 4), (0, 1)],
        ),
        (lambda: model.loss_and_gradients(x, y), [(1, 11)]),
        (lambda: model.train_on_batch(x[:3], y[:3]), [(1, 3)]),
        (lambda: model.evaluate(x, y, batch_size=8), [(0, 8), (0, 3)]),
        (lambda: model.predict(x, batch_size=8), [(0, 8), (0, 3)]),
        (lambda: model.mean_loss(x, y), [(0, 11)]),
        (lambda: model.forward(x), [(0, 11)]),
        (lambda: model.forward(x, training=True), [(1, 11)]),
    ):
        told.calls.clear()
        compute()
        assert told.calls == expected


class Asked(SimpleRNN):
    """Notes of every backward pass whether the gradient of its input was wanted."""

    def backward(self, dy, tape, *, input_gradient=True):
        self.asked.append(input_gradient)
        return super().backward(dy, tape, input_gradient=input_gradient)


def test_nobody_computes_the_gradient_of_the_data():
    """What the first layer would hand back is for those who ask `backward` for it."""
    layers = [Asked(2, return_sequences=True), Asked(3, return_sequences=True), Asked(2)]
    for layer in layers:
        layer.asked = []
    model = Sequential([*layers, Dense(3, "softmax")], seed=0)
    model.compile(threads=1)
    x, y = tiny_data()
    model.fit(x, y, verbose=0)
    assert [layer.asked for layer in layers] == [[False], [True], [True]]
    p, tapes = model.forward(x)
    assert model.backward(p, tapes).inputs.shape == x.shape
    assert model.backward(p, tapes, input_gradient=False).inputs is None
    assert [layer.asked[1:] for layer in layers] == [[True, False], [True, True], [True, True]]


def mean_in_float64(values):
    return math.fsum(map(float, values)) / len(values)


@pytest.mark.parametrize("method", ["evaluate", "validation", "training"])
def test_losses_and_metrics_are_added_up_in_float64(method):
    """In float32 a sum of 4,000 numbers near 1,000 is off by some 1e-7 of it; float64's own is 1e-13."""
    model = Sequential([Dense(3)], seed=0)
    model.compile(SGD(1e-30), "mse", ["mae"], threads=1)
    x, noise = random_arrays((4000, 2), (4000, 3), dtype="float32")
    y = 30 + noise
    if method == "evaluate":
        scores = model.evaluate(x, y, batch_size=1000)
    else:
        options = {"validation_data": (x, y)} if method == "validation" else {"shuffle": False}
        history = model.fit(x, y, batch_size=1000, verbose=0, **options).history
        scores = {name.removeprefix("val_"): value for name, (value,) in history.items()}
    p = model.predict(x, batch_size=SHARD_ROWS if method == "training" else 1000)
    squares = np.square(p - y).mean(axis=-1)
    assert squares.dtype == "float32"
    expected = {
        "loss": mean_in_float64(squares),
        "mae": mean_in_float64(np.abs(p - y).mean(axis=-1)),
    }
    assert scores == pytest.approx(expected, rel=1e-12)
    assert float(squares.sum()) / 4000 != pytest.approx(expected["loss"], rel=1e-12)


class RowsSeen(SimpleRNN):
    """Notes the first number of every row that it is given in training."""

    def forward(self, x, *args, training=False, **options):
        if training:
            self.seen.extend(x[:, 0, 0].astype(int).tolist())
        return super().forward(x, *args, training=training, **options)


def rows_seen(epochs=1, **options):
    layer = RowsSeen(2)
    layer.seen = []
    model = Sequential([layer, Dense(2, "softmax")], seed=options.pop("seed", 0))
    model.compile("sgd", threads=1)
    x = np.zeros((20, 3, 1), "float32")
    x[:, 0, 0] = np.arange(20)
    model.fit(x, np.arange(20) % 2, batch_size=8, epochs=epochs, verbose=0, **options)
    return layer.seen


def test_rows_keep_their_order_without_shuffling():
    assert rows_seen(epochs=2, shuffle=False) == [*range(20)] * 2


def test_every_epoch_shuffles_all_rows_anew():
    seen = rows_seen(epochs=2)
    first, second = seen[:20], seen[20:]
    assert sorted(first) == sorted(second) == [*range(20)]
    assert first != second
    assert [*range(20)] not in (first, second)


def test_the_order_of_the_rows_depends_on_the_seed_alone():
    assert rows_seen(seed=1) == rows_seen(seed=1)
    assert rows_seen(seed=1) != rows_seen(seed=2)
    assert rows_seen(seed=1) != rows_seen(seed=None)


def test_weights_and_order_come_from_two_streams_of_the_seed():
    """Pinned, so that a seed means the same tomorrow; and whoever builds first gets no other order."""
    weights, order = (np.random.default_rng(child) for child in np.random.SeedSequence(5).spawn(2))
    expected = [row for _ in range(2) for row in order.permutation(20)]
    assert rows_seen(epochs=2, seed=5) == expected
    model, layer = Sequential([SimpleRNN(2)], seed=5), SimpleRNN(2)
    model.build((None, 3, 4))
    layer.build((None, 3, 4), weights)
    assert_same_weights(model, layer.get_weights())


def test_a_generator_handed_to_build_draws_the_weights():
    model, layer = Sequential([SimpleRNN(2)], seed=5), SimpleRNN(2)
    model.build((None, 3, 4), np.random.default_rng(7))
    layer.build((None, 3, 4), np.random.default_rng(7))
    assert_same_weights(model, layer.get_weights())


def test_rows_of_the_validation_split_are_never_trained_on():
    assert sorted(rows_seen(validation_split=0.25)) == [*range(15)]


def test_labels_stay_with_their_rows_when_shuffled():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    x = np.tile((2 * y - 1)[:, np.newaxis, np.newaxis], (1, 3, 2)).astype("float64")
    model = tiny(classes=2)
    model.fit(x, y, epochs=3, verbose=0)
    assert (model.predict(x).argmax(axis=1) == y).all()


def test_bytes_are_scaled_to_between_zero_and_one(digits):
    x, y = digits
    models = [classifier(), classifier()]
    for model, data in zip(models, (x, x.astype("float32") / 255), strict=True):
        model.fit(data, y, epochs=1, validation_split=0.1, verbose=0)
    assert_same_weights(*models)
    scaled = x.astype("float32") / 255
    np.testing.assert_array_equal(models[0].predict(x), models[0].predict(scaled))
    assert models[0].evaluate(x, y) == models[0].evaluate(scaled, y)
    loss, gradients = models[0].loss_and_gradients(x, y)
    expected_loss, expected = models[0].loss_and_gradients(scaled, y)
    assert loss == expected_loss
    for a, b in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["int64", "int16", "uint16", "float32"])
def test_other_integers_are_used_as_they_are(dtype):
    model = tiny()
    x = np.random.default_rng(0).integers(0, 3, (5, 3, 2))
    np.testing.assert_array_equal(model.predict(x.astype(dtype)), model.predict(x.astype("float64")))
    assert (model.predict(x.astype(dtype)) != model.predict(x.astype("uint8"))).any()


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
def test_one_hot_labels_train_as_integer_labels_do(digits, loss):
    x, y = digits
    histories, models = [], []
    for labels in (y, y.astype(int), y[:, np.newaxis], np.eye(10)[y], np.eye(10, dtype=bool)[y]):
        model = classifier()
        model.compile("sgd", loss, ["accuracy"], threads=1)
        histories.append(model.fit(x, labels, verbose=0, validation_split=0.1).history)
        models.append(model)
    for history, model in zip(histories, models, strict=True):
        assert history == histories[0]
        assert_same_weights(model, models[0])


def test_a_column_of_targets_may_be_a_vector():
    model, twin = (tiny(None, "mse", classes=1) for _ in range(2))
    x, y = random_arrays((10, 3, 2), (10,))
    model.fit(x, y, verbose=0)
    twin.fit(x, y[:, np.newaxis], verbose=0)
    assert_same_weights(model, twin)


def test_sequences_of_labels_count_one_loss_a_timestep():
    model = tiny(sequences=True)
    x, _ = tiny_data(10)
    y = np.random.default_rng(0).integers(0, 3, (10, 3))
    p = model.predict(x)
    losses = -np.log(np.take_along_axis(p, y[..., np.newaxis], axis=-1))
    model.compile(SGD(0.1), metrics=["accuracy"], threads=1)
    # log softmax against log of softmax: a few roundings.
    assert model.evaluate(x, y, batch_size=4) == pytest.approx(
        {"loss": losses.mean(), "accuracy": np.mean(p.argmax(axis=-1) == y)}, rel=1e-13
    )


def test_fit_leaves_the_data_as_it_is():
    x, y = tiny_data()
    x.flags.writeable = y.flags.writeable = False  # to write into them would raise
    tiny().fit(x, y, validation_split=0.2, verbose=0)


def test_a_second_fit_goes_on_where_the_first_ended():
    x, y = tiny_data()
    model, twin = tiny(), tiny()
    for each in (model, twin):
        each.compile(Adam(), threads=1)
    first = model.fit(x, y, verbose=0).history["loss"] + model.fit(x, y, verbose=0).history["loss"]
    assert first == twin.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert_same_weights(model, twin)


# The same bits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [SimpleRNN, GRU, LSTM])
def test_results_are_the_same_bits_on_any_number_of_threads(digits, layer):
    x, y = digits
    results = []
    for threads in (1, 2, 3):
        model = classifier(layer, threads=threads, optimizer="adam")
        history = model.fit(x, y, batch_size=150, epochs=2, validation_split=0.1, verbose=0).history
        results.append((model, history, model.predict(x, batch_size=70), model.evaluate(x, y, batch_size=70)))
    (model, history, prediction, scores), *others = results
    for other, other_history, other_prediction, other_scores in others:
        assert_same_weights(other, model)
        assert other_history == history
        assert other_scores == scores
        np.testing.assert_array_equal(other_prediction, prediction)


def test_shards_of_fewer_rows_give_other_last_bits_and_the_same_on_any_number_of_threads(digits):
    x, y = digits

    def trained(threads, shard_rows):
        model = classifier(LSTM)
        model.compile("adam", "sparse_categorical_crossentropy", threads=threads, shard_rows=shard_rows)
        model.fit(x, y, batch_size=150, verbose=0)
        return model

    whole, first = trained(1, 64), trained(1, 16)
    for threads in (2, 5):
        assert_same_weights(trained(threads, 16), first)
    differences = [np.abs(a - b).max() for a, b in zip(whole.weights, first.weights, strict=True)]
    assert 0 < max(differences) < 1e-5


def test_the_same_seed_gives_the_same_bits(digits):
    x, y = digits

    def trained(seed):
        model = classifier(LSTM, seed=seed)
        model.fit(x, y, epochs=2, verbose=0)
        return model.get_weights()

    for a, b, other in zip(trained(3), trained(3), trained(4), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, other)


# History and callbacks -------------------------------------------------------------------------------------


def test_history_has_one_value_a_name_and_epoch():
    x, y = tiny_data(20)
    model = tiny()
    model.compile("sgd", metrics=["accuracy", "mae"], threads=1)
    history = model.fit(x, np.eye(3)[y], epochs=3, validation_split=0.25, verbose=0)
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae"]
    assert all(len(values) == 3 for values in history.history.values())
    assert all(type(value) is float for values in history.history.values() for value in values)


def metric_called(name):
    def metric(y_true, y_pred):
        return y_pred[..., 0]

    metric.__name__ = name
    return metric


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["mae", "mae"], "loss, mae, mae"),
        ([lambda y, p: p[..., 0], lambda y, p: p[..., 1]], "loss, <lambda>, <lambda>"),
        ([metric_called("loss")], "loss, loss"),
    ],
    ids=["twice", "two functions", "loss"],
)
def test_two_metrics_of_one_name_are_refused(metrics, names):
    """One of them would vanish from the logs and the history."""
    model = tiny()
    optimizer = model.optimizer
    with pytest.raises(ValueError, match=f"two of {names} have one name"):
        model.compile("adam", metrics=metrics, threads=1)
    assert (model.optimizer, model.metrics) == (optimizer, [])


@pytest.mark.parametrize(
    "metric",
    [
        lambda y, p: np.abs(y - p[..., 0]).mean(),
        lambda y, p: np.abs(p),
        lambda y, p: p[:, 0, 0],
        lambda y, p: p[:1, :, 0],
    ],
    ids=["their mean", "one too many axes", "one for each row", "one row"],
)
def test_a_metric_that_gives_another_number_of_values_than_outputs_is_refused(metric):
    """Its sum would be divided by a number that is not its own."""
    model = tiny(sequences=True)
    x, y = tiny_data(5)[0], np.random.default_rng(0).integers(0, 3, (5, 3))
    model.compile(metrics=[metric], threads=1)
    for method in (model.evaluate, partial(model.fit, verbose=0), model.loss_and_gradients):
        with pytest.raises(
            ValueError, match=r"<lambda> gives values \(.*\), expected .* each output, \(5, 3\)"
        ):
            method(x, y)


def test_a_loss_that_is_a_mean_already_is_refused():
    class Mean(HalfOfTheSquares):
        def values(self, y_true, y_pred):
            return super().values(y_true, y_pred).mean()

    model = tiny("tanh", Mean())
    with pytest.raises(ValueError, match=r"loss gives values \(\), expected one for each output, \(10,\)"):
        model.fit(X, random_arrays((10, 3))[0], verbose=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimizer": "sdg"},
        {"loss": "hinge"},
        {"metrics": ["f1"]},
        {"threads": 0},
        {"processes": 0},
        {"shard_rows": 0},
    ],
)
def test_a_compile_that_is_refused_changes_nothing(wrong):
    model = tiny()
    model.compile(metrics=["mae"], threads=2, shard_rows=8)
    before = (model.optimizer, model.loss, model.metrics, model.threads, model.processes, model.shard_rows)
    with pytest.raises(ValueError, match=r"unknown|must be"):
        model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["accuracy"], "threads": 3} | wrong)
    after = (model.optimizer, model.loss, model.metrics, model.threads, model.processes, model.shard_rows)
    assert after == before


def test_values_of_the_metrics_stand_under_their_names():
    """In the order in which they were asked for, each its own mean over the rows."""

    def first(y_true, y_pred):
        return y_pred[:, 0]

    def second(y_true, y_pred):
        return y_pred[:, 1]

    x, y = tiny_data(7)
    model = tiny()
    model.compile(metrics=[second, "accuracy", first], threads=1)
    p = model.predict(x)
    scores = model.evaluate(x, y, batch_size=3)
    assert list(scores) == ["loss", "second", "accuracy", "first"]
    expected = {"second": p[:, 1].mean(), "accuracy": (p.argmax(axis=1) == y).mean(), "first": p[:, 0].mean()}
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-14)


def test_history_has_no_validation_where_there_is_none():
    assert list(tiny().fit(*tiny_data(), verbose=0).history) == ["loss"]


def test_callbacks_are_called_in_kerass_order():
    x, y = tiny_data(10)
    recorder = Recorder()
    tiny().fit(x, y, batch_size=6, epochs=2, verbose=0, callbacks=[recorder])
    batches = ["batch 0 begin", "batch 0 end", "batch 1 begin", "batch 1 end"]
    epochs = [name for epoch in (0, 1) for name in (f"epoch {epoch} begin", *batches, f"epoch {epoch} end")]
    assert recorder.names == ["train begin", *epochs, "train end"]


def test_logs_of_a_batch_hold_the_means_so_far_and_the_loss_of_the_batch_alone():
    x, y = tiny_data(10)
    model, twin, recorder = tiny(), tiny(), Recorder()
    model.compile(SGD(0.1), metrics=["accuracy"], threads=1)
    history = model.fit(x, y, batch_size=6, shuffle=False, verbose=0, callbacks=[recorder]).history
    logs = dict(call for call in recorder.calls if not isinstance(call, str))
    first, second = twin.train_on_batch(x[:6], y[:6]), twin.train_on_batch(x[6:], y[6:])
    assert list(logs["batch 0 end"]) == list(logs["batch 1 end"]) == ["loss", "accuracy", "batch_loss"]
    assert logs["batch 0 end"]["batch_loss"] == logs["batch 0 end"]["loss"] == first
    assert logs["batch 1 end"]["batch_loss"] == second
    for name in ("loss", "accuracy"):
        assert logs["batch 1 end"][name] == logs["epoch 0 end"][name] == history[name][0]


def test_logs_of_an_epoch_hold_the_validation():
    x, y = tiny_data(10)
    recorder = Recorder()
    history = tiny().fit(x, y, verbose=0, callbacks=[recorder], validation_data=(x, y)).history
    assert recorder.calls[-2] == ("epoch 0 end", {name: values[0] for name, values in history.items()})
    assert list(history) == ["loss", "val_loss"]


def test_logs_kept_by_a_callback_stay_as_they_were():
    class Keeper(Callback):
        def on_train_batch_end(self, batch, logs):
            self.kept, self.copy = logs, dict(logs)

    x, y = tiny_data(10)
    keeper = Keeper()
    tiny().fit(x, y, verbose=0, callbacks=[keeper], validation_data=(x, y))
    assert keeper.kept == keeper.copy


def test_callbacks_know_the_model_and_the_size_of_the_run():
    x, y = tiny_data(10)
    recorder, model = Recorder(), tiny()
    model.fit(x, y, batch_size=3, epochs=2, validation_split=0.2, verbose=0, callbacks=[recorder])
    assert recorder.model is model
    assert recorder.params == {"epochs": 2, "steps": 3, "samples": 8}


class Weights(Callback):
    """Keeps the weights as they are when a batch, and an epoch, begins and ends."""

    def __init__(self):
        self.seen = {}

    def on_train_batch_begin(self, batch):
        self.seen["begin", batch] = self.model.get_weights()

    def on_train_batch_end(self, batch, logs):
        self.seen["end", batch] = self.model.get_weights()


def test_weights_are_updated_when_a_batch_ends_and_not_before():
    x, y = tiny_data(11)
    watcher, model, twin = Weights(), tiny(), tiny()
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=[watcher])
    for batch in range(3):
        assert_same_weights(twin, watcher.seen["begin", batch])
        twin.train_on_batch(x[4 * batch : 4 * batch + 4], y[4 * batch : 4 * batch + 4])
        assert_same_weights(twin, watcher.seen["end", batch])


def test_a_batch_begins_before_any_of_its_work():
    """Weights that a callback sets there are those that the batch is computed with."""

    class ZerosFirst(Callback):
        def on_train_batch_begin(self, batch):
            self.model.set_weights([np.zeros_like(weight) for weight in self.model.weights])

    recorder = Recorder()
    tiny().fit(*tiny_data(8), batch_size=4, verbose=0, callbacks=[ZerosFirst(), recorder])
    logs = dict(call for call in recorder.calls if not isinstance(call, str))
    assert logs["batch 1 end"]["batch_loss"] == pytest.approx(np.log(3), rel=1e-14)


def test_callbacks_are_called_in_their_order_and_after_the_history():
    calls = []

    class Named(Callback):
        def __init__(self, name):
            self.name = name

        def on_train_begin(self):
            calls.append((self.name, "begin", self.model.history.epoch))

        def on_epoch_end(self, epoch, logs):
            calls.append((self.name, epoch, self.model.history.epoch.copy()))

        def on_train_end(self):
            calls.append((self.name, "end", self.model.history.epoch))

    tiny().fit(*tiny_data(), verbose=0, epochs=2, callbacks=[Named("one"), Named("two")])
    assert [call[:2] for call in calls] == [
        (name, what) for what in ("begin", 0, 1, "end") for name in ("one", "two")
    ]
    assert [epochs for _, what, epochs in calls if what in (0, 1)] == [[0], [0], [0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [(0, []), (1, ["ProgressBar"]), (2, ["EpochLines"]), (True, ["ProgressBar"]), ("auto", ["ProgressBar"])],
)
@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_what_is_shown_is_told_all_before_the_callbacks_and_closed_whatever_happens(
    verbose, shown, error, monkeypatch
):
    told = []

    class Shown(Callback):
        def __init__(self):
            told.append(self.name)

        def on_epoch_end(self, epoch, logs):
            told.append("told")

        def close(self):
            told.append("closed")

    class Own(Callback):
        def on_epoch_end(self, epoch, logs):
            told.append("own")
            if error:
                raise error

    for name in ("ProgressBar", "EpochLines"):
        monkeypatch.setattr(f"scratch_rnn.training.progress.{name}", type(name, (Shown,), {"name": name}))
    try:
        tiny().fit(*tiny_data(), verbose=verbose, callbacks=[Own()])
    except KeyboardInterrupt:
        assert error
    assert told == ([*shown, "told", "own", "closed"] if shown else ["own"])


class StopAfter(Callback):
    def __init__(self, epoch):
        self.last = epoch

    def on_epoch_end(self, epoch, logs):
        self.model.stop_training = epoch >= self.last


def test_a_callback_can_end_the_training():
    recorder = Recorder()
    for last in (0, 1, 2):
        history = tiny().fit(*tiny_data(), epochs=5, verbose=0, callbacks=[StopAfter(last), recorder])
        assert history.epoch == [*range(last + 1)]
        assert recorder.names[-2:] == [f"epoch {last} end", "train end"]


def test_the_next_fit_trains_again_after_a_stop():
    model = tiny()
    model.fit(*tiny_data(), epochs=5, verbose=0, callbacks=[StopAfter(0)])
    assert model.fit(*tiny_data(), epochs=2, verbose=0).epoch == [0, 1]


# evaluate and predict --------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [SimpleRNN, GRU, LSTM])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 1000])
@pytest.mark.parametrize("sequences", [False, True], ids=["last output", "sequences"])
@pytest.mark.parametrize("units", [1, 3])
def test_predictions_do_not_depend_on_the_batches(layer, batch_size, sequences, units):
    model = Sequential([layer(units, return_sequences=sequences, dtype="float64")], seed=0)
    x, _ = tiny_data(10)
    expected, _ = model.forward(x)
    # The products are computed for other numbers of columns: roundings of numbers below one.
    np.testing.assert_allclose(model.predict(x, batch_size), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 1000])
def test_scores_do_not_depend_on_the_batches(batch_size):
    model = tiny()
    model.compile("sgd", metrics=["accuracy"], threads=1)
    x, y = tiny_data(10)
    # Another order of adding up ten numbers near one.
    assert model.evaluate(x, y, batch_size) == pytest.approx(model.evaluate(x, y), rel=1e-14)


def test_evaluate_gives_the_mean_loss_and_metrics_of_all_rows():
    model = tiny(None, "mse")
    model.compile("sgd", "mse", ["mae", lambda y, p: np.abs(y - p).max(axis=-1)], threads=1)
    x, y = random_arrays((10, 3, 2), (10, 3))
    error = model.predict(x) - y
    expected = {
        "loss": np.mean(error**2),
        "mae": np.mean(np.abs(error)),
        "<lambda>": np.abs(error).max(axis=1).mean(),
    }
    assert model.evaluate(x, y, batch_size=3) == pytest.approx(expected, rel=1e-14)  # order of adding up


def test_evaluate_and_predict_change_no_weight():
    model = tiny()
    before = model.get_weights()
    model.evaluate(*tiny_data())
    model.predict(tiny_data()[0])
    assert_same_weights(model, before)


class Brighter(Sequential):
    def forward(self, x, **options):
        return super().forward(2 * np.asarray(x), **options)


def test_a_model_s_own_forward_decides_what_is_predicted_and_how_well(digits):
    x, y = digits[0][:70] / 512.0, digits[1][:70]
    own, plain = (kind([LSTM(3), Dense(10, "softmax")], seed=0) for kind in (Brighter, Sequential))
    for model in (own, plain):
        model.compile(loss="sparse_categorical_crossentropy")
    np.testing.assert_array_equal(own.predict(x), plain.predict(2 * x))
    assert own.evaluate(x, y) == plain.evaluate(2 * x, y)
    assert (own.predict(x) != plain.predict(x)).any()


@pytest.mark.parametrize("layers", [[LSTM(3)], [GRU(3, return_sequences=True), SimpleRNN(2)]])
def test_a_model_that_ends_in_a_recurrent_layer_predicts(layers):
    x = np.ones((5, 4, 3), "float32")
    model = Sequential(layers, seed=0)
    np.testing.assert_array_equal(model.predict(x), model.forward(x)[0])


def test_predict_needs_no_compile(digits):
    model = Sequential([SimpleRNN(4), Dense(10, "softmax")], seed=0)
    y = model.predict(digits[0])
    assert y.shape == (300, 10)
    assert y.dtype == "float32"


@pytest.mark.parametrize("metric", ["accuracy", "mse", "mae"])
@pytest.mark.parametrize("rows", [3, 10])
def test_metrics_take_integer_labels_as_one_hot_ones(metric, rows):
    """With three rows and three classes, (rows,) against (rows, classes) would pass by broadcasting."""
    x, y = tiny_data(rows)
    model = tiny()
    model.compile("sgd", metrics=[metric], threads=1)
    assert model.evaluate(x, y) == model.evaluate(x, np.eye(3)[y])


# Learning --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [SimpleRNN, GRU, LSTM])
@pytest.mark.parametrize("make", [partial(RMSprop, 0.005), partial(Adam, 0.003)], ids=["RMSprop", "Adam"])
def test_a_small_model_learns_digits(digits, layer, make):
    model = classifier(layer, 16, optimizer=make())
    losses = model.fit(*digits, batch_size=10, epochs=8, verbose=0).history["loss"]
    assert 1.8 < losses[0] < 2.5  # ln 10 = 2.3 is to know nothing
    assert losses[-1] < 0.75 * losses[0]  # 0.4 to 0.6 of it: roundings of another BLAS leave room


def test_gradient_descent_with_momentum_learns_digits(digits):
    model = classifier(LSTM, 16, optimizer=SGD(0.1, momentum=0.9))
    losses = model.fit(*digits, batch_size=10, epochs=8, verbose=0).history["loss"]
    assert 1.8 < losses[0] < 2.5
    assert losses[-1] < 0.75 * losses[0]  # 0.4 to 0.6 of it: roundings of another BLAS leave room


def test_what_was_learned_holds_for_digits_not_seen(sample):
    (x, y), (x_test, y_test) = sample
    model = classifier(LSTM, 32, optimizer=Adam(0.01), threads=2)
    model.fit(x[:1500], y[:1500], batch_size=64, epochs=4, verbose=0)
    assert model.evaluate(x_test, y_test, batch_size=250)["accuracy"] > 0.6


# Weights on disk -------------------------------------------------------------------------------------------


def test_saved_weights_come_back_bit_for_bit(tmp_path):
    model, other = classifier(LSTM, seed=1), classifier(LSTM, seed=2)
    model.save_weights(tmp_path / "weights.npz")
    other.load_weights(tmp_path / "weights.npz")
    assert_same_weights(other, model)


@pytest.mark.parametrize("name", ["weights", "weights.npz", "weights.h5", "with space.npz"])
def test_the_file_has_the_name_that_was_asked_for(tmp_path, name):
    model = classifier()
    model.save_weights(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    model.load_weights(str(tmp_path / name))


def test_saving_again_replaces_the_file(tmp_path):
    path, model, other = tmp_path / "weights.npz", classifier(seed=1), classifier(seed=2)
    other.save_weights(path)
    model.save_weights(path)
    other.load_weights(path)
    assert_same_weights(other, model)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    path, model = tmp_path / "weights.npz", classifier()
    model.save_weights(path)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"half a file")
        raise error("disk full")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(error):
        model.save_weights(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_first_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "savez", lambda file, **arrays: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classifier().save_weights(tmp_path / "weights.npz")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_does_not_exist_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        classifier().save_weights(tmp_path / "nowhere" / "weights.npz")


def test_a_file_that_does_not_exist_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        classifier().load_weights(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    "make",
    [
        lambda: classifier(GRU),
        lambda: classifier(units=9),
        lambda: Sequential([SimpleRNN(8), Dense(8), Dense(10)]),
        lambda: Sequential([SimpleRNN(8, name="mine"), Dense(10)]),
        lambda: Sequential([SimpleRNN(8, use_bias=False), Dense(10)]),
    ],
    ids=["another cell", "more units", "more layers", "another name", "no bias"],
)
def test_weights_of_another_architecture_are_refused_and_change_nothing(tmp_path, make):
    model, other = classifier(), make()
    other.build((None, 28, 28))
    model.save_weights(tmp_path / "weights.npz")
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"weights\.npz holds weights of another architecture"):
        other.load_weights(tmp_path / "weights.npz")
    assert_same_weights(other, before)


def test_weights_are_read_by_their_names_in_whatever_order_they_lie(tmp_path):
    """These have one shape, so that an exchange would go unnoticed."""
    model, other = (Sequential([Dense(3), Dense(3), Dense(3)]) for _ in range(2))
    for each in (model, other):
        each.build((None, 3))
    randomize(model, seed=3)
    arrays = dict(zip(model.weight_names, model.get_weights(), strict=True))
    for names in (
        sorted(arrays, reverse=True),
        ["dense_2/bias", *[n for n in arrays if n != "dense_2/bias"]],
    ):
        randomize(other, seed=4)
        np.savez(tmp_path / "weights.npz", **{name: arrays[name] for name in names})
        other.load_weights(tmp_path / "weights.npz")
        assert_same_weights(other, model)


def test_a_file_has_each_weight_under_its_name(tmp_path):
    model = classifier(LSTM)
    randomize(model)
    model.save_weights(tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as saved:
        assert saved.files == [
            "lstm/kernel", "lstm/recurrent_kernel", "lstm/bias", "dense/kernel", "dense/bias"
        ]  # fmt: skip
        lstm, dense = model.layers
        np.testing.assert_array_equal(saved["lstm/recurrent_kernel"], lstm.recurrent_kernel)
        np.testing.assert_array_equal(saved["dense/bias"], dense.bias)


@pytest.mark.parametrize(
    "change", [lambda arrays: arrays.pop("dense/bias"), lambda arrays: arrays.update(more=X)]
)
def test_a_file_with_more_or_fewer_weights_is_refused(tmp_path, change):
    model = tiny()
    arrays = dict(zip(model.weight_names, model.get_weights(), strict=True))
    change(arrays)
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(
        ValueError, match=r"weights\.npz holds weights of another architecture: .*simple_rnn/kern"
    ):
        model.load_weights(tmp_path / "weights.npz")


def npz(path, **arrays):
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"these are no weights"),
        lambda path: path.write_bytes(b"PK\x03\x04 nor is this a zip file"),
        lambda path: np.save(path.open("wb"), np.zeros(3)),
        lambda path: npz(path, **{"simple_rnn/kernel": np.array([{"a": 1}], object)}),
        lambda path: np.save(path.open("wb"), np.array([print], object), allow_pickle=True),
    ],
    ids=["empty", "text", "half a zip", "one array", "pickled in npz", "pickled"],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path, write):
    path, model = tmp_path / "weights.npz", classifier()
    write(path)
    with pytest.raises(ValueError, match=r"weights\.npz is damaged, or not a weights file of scratch_rnn"):
        model.load_weights(path)


@pytest.mark.parametrize("keep", [10, 100, 1000, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused_and_changes_nothing(tmp_path, keep):
    path, model = tmp_path / "weights.npz", classifier(seed=1)
    model.save_weights(path)
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep >= 1 else int(keep * len(content))])
    other = classifier(seed=2)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"weights\.npz is damaged, or not a weights file of scratch_rnn"):
        other.load_weights(path)
    assert_same_weights(other, before)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["plain", "compressed"])
def test_a_file_with_a_wrong_byte_is_refused_or_harmless(tmp_path, save):
    path, model = tmp_path / "weights.npz", tiny()
    save(path, **dict(zip(model.weight_names, model.weights, strict=True)))
    content, expected = bytearray(path.read_bytes()), model.get_weights()
    refused = 0
    for position in range(0, len(content), 3):
        content[position] ^= 0xFF
        path.write_bytes(bytes(content))
        content[position] ^= 0xFF
        try:
            model.load_weights(path)
        except ValueError as error:
            assert "weights.npz" in str(error), position
            refused += 1
        assert_same_weights(model, expected)
    assert refused > len(content) / 3 / 2  # harmless are the times of day and other notes of the zip format


# Weights in memory -----------------------------------------------------------------------------------------


def test_weights_are_named_after_their_layers():
    model = Sequential([GRU(2, return_sequences=True), GRU(2, use_bias=False), Dense(3, name="out")])
    model.build((None, 5, 4))
    assert model.weight_names == [
        "gru/kernel", "gru/recurrent_kernel", "gru/bias",
        "gru_1/kernel", "gru_1/recurrent_kernel",
        "out/kernel", "out/bias",
    ]  # fmt: skip
    assert model.count_params() == sum(weight.size for weight in model.weights)
    assert model.count_params() == 4 * 6 + 2 * 6 + 2 * 6 + 2 * 6 + 2 * 6 + 2 * 3 + 3


def test_weights_set_are_weights_got_and_copies():
    model, other = tiny(seed=1), tiny(seed=2)
    weights = model.get_weights()
    other.set_weights(weights)
    assert_same_weights(other, model)
    for got, own in zip(weights, model.weights, strict=True):
        assert not np.shares_memory(got, own)


def test_a_copy_in_another_dtype_shares_nothing_with_the_model():
    model = classifier(LSTM)
    before, x = model.get_weights(), np.full((2, 28, 28), 0.25)
    double = model.astype("float64")
    assert {weight.dtype.name for weight in double.weights} == {double.dtype.name} == {"float64"}
    assert double.predict(x).dtype == "float64"
    for weight in double.weights:
        weight += 1
    assert_same_weights(model, before)
    assert {layer.dtype.name for layer in model.layers} == {model.dtype.name} == {"float32"}


def test_layers_of_one_name_are_numbered():
    model = Sequential([Dense(2, name="a"), Dense(2, name="a"), Dense(2, name="a_1"), Dense(2, name="a")])
    assert [layer.name for layer in model.layers] == ["a", "a_1", "a_1_1", "a_2"]


def test_weights_changed_in_place_change_the_model():
    model = tiny()
    x, _ = tiny_data()
    before = model.predict(x)
    model.weights[-1][0] += 1
    assert (model.predict(x) != before).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda weights: weights[:-1],
            r"the model has 5 weights \(simple_rnn/kernel, .*\), but 4 were given",
        ),
        (
            lambda weights: [*weights[:-1], np.zeros(2)],
            r"weight 'dense/bias' of the model has shape \(3,\), not \(2,\)",
        ),
        (
            lambda weights: [*weights[:-1], weights[-1] * 1j],
            "weight 'dense/bias' of the model is float64, not complex128",
        ),
    ],
    ids=["too few", "another shape", "another dtype"],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(change, message):
    model = tiny()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.set_weights(change([weight + 1 for weight in before]))
    assert_same_weights(model, before)


# Building and compiling ------------------------------------------------------------------------------------


def test_fit_builds_the_model(digits):
    model = Sequential([SimpleRNN(4), Dense(10, "softmax")])
    assert not model.built
    model.compile(threads=1)
    model.fit(*digits, verbose=0)
    assert [weight.shape for weight in model.weights] == [(28, 4), (4, 4), (4,), (4, 10), (10,)]


def test_building_keeps_the_weights_that_are_there():
    model = tiny()
    before = model.get_weights()
    model.add(Dense(2, dtype="float64"))
    model.build((None, None, 2))
    for weight, old in zip(model.weights, before, strict=False):
        np.testing.assert_array_equal(weight, old)
    assert model.weights[-2].shape == (3, 2)


def test_adding_layers_is_the_same_as_naming_them_at_once():
    model, twin = Sequential([SimpleRNN(2), Dense(3)], seed=0), Sequential(seed=0)
    twin.add(SimpleRNN(2))
    twin.add(Dense(3))
    for each in (model, twin):
        each.build((None, 3, 2))
    assert_same_weights(model, twin)


def test_the_output_shape_follows_the_layers():
    model = Sequential([LSTM(4, return_sequences=True), GRU(3), Dense(2)])
    assert model.compute_output_shape((None, 28, 28)) == (None, 2)


def test_what_is_not_said_is_as_in_keras():
    """One epoch and its validation, shown; but evaluate and predict are silent, and evaluate gives a dict."""
    defaults = {
        name: {
            option: parameter.default
            for option, parameter in signature(getattr(Sequential, name)).parameters.items()
            if isinstance(parameter.default, (int, float, str))
        }
        for name in ("fit", "evaluate", "predict")
    }
    fit = {"epochs": 1, "verbose": "auto", "validation_split": 0.0, "shuffle": True}
    fit |= {"initial_epoch": 0, "validation_freq": 1}
    evaluate, predict = {"verbose": 0, "return_dict": True}, {"verbose": 0}
    assert defaults == {"fit": fit, "evaluate": evaluate, "predict": predict}


def test_the_summary_names_every_layer_and_weight_and_counts_them(capsys):
    model = classifier(LSTM)
    model.summary()
    text = capsys.readouterr().out
    for word in ("lstm", "dense", "recurrent_kernel", "(28, 32)", f"{model.count_params():,}"):
        assert word in text


def test_callbacks_are_objects_of_their_class():
    for wrong in (3, History):
        refuses_and_trains_nothing(tiny(), "must be objects", X, Y, callbacks=[wrong], error=TypeError)


def test_a_single_layer_is_no_list():
    with pytest.raises(TypeError, match=r"write \[layer\]"):
        Sequential(LSTM(3))


def test_metrics_are_a_list():
    with pytest.raises(TypeError, match="must be a list"):
        tiny().compile("sgd", metrics="accuracy")


def test_none_stands_for_no_callbacks_and_no_metrics():
    model = tiny()
    model.compile("sgd", metrics=None, threads=1)
    assert set(model.fit(*tiny_data(), callbacks=None, verbose=0).history) == {"loss"}


@pytest.mark.parametrize("number", [1, 4])
def test_validation_data_of_another_number_are_refused(number):
    words = rf"validation_data must be \(x, y\) or \(x, y, sample_weight\), not {number} things"
    refuses_and_trains_nothing(tiny(), words, X, Y, validation_data=(X, Y, Y, Y)[:number])


def test_inputs_that_the_dtype_of_the_model_cannot_hold_are_refused():
    model = Sequential([SimpleRNN(2), Dense(3)], seed=0)
    with pytest.raises(ValueError, match="some that float32 cannot hold, first in row 5"):
        model.predict(with_entry(X, (5, 0, 1), 1e300))


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_threads_must_be_a_whole_number_above_zero(threads):
    with pytest.raises(ValueError, match="threads must be a whole number above zero"):
        tiny().compile("sgd", threads=threads)


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (lambda: Sequential([Dense(2), "dense"]), TypeError, "made of layers, not of str"),
        (lambda: Sequential([LSTM(2, return_state=True)]), ValueError, "layer 'lstm' has return_state"),
        (lambda: Sequential([Dense(2)] * 2), ValueError, "layer 'dense' is in this model already"),
        (
            lambda: Sequential([Dense(2), Dense(2, dtype="float64")]),
            ValueError,
            "layer 'dense' is float64, but the model is float32",
        ),
        (lambda: Sequential([]).build((None, 28, 28)), ValueError, "this model has no layers"),
        (
            lambda: Sequential([LSTM(2), LSTM(2)]).build((None, 28, 28)),
            ValueError,
            r"layer 'lstm_1' needs inputs \(batch, time, features\), not \(None, 2\)",
        ),
        (lambda: Sequential([LSTM(2)]).weights, ValueError, "the model has no weights yet: call build"),
        (lambda: Sequential([LSTM(2)]).summary(), ValueError, "the model has no weights yet: call build"),
        (lambda: tiny().compile("sdg"), ValueError, "unknown optimizer 'sdg'"),
        (lambda: tiny().compile("sgd", "hinge"), ValueError, "unknown loss 'hinge'"),
        (lambda: tiny().compile("sgd", metrics=["f1"]), ValueError, "unknown metric 'f1'"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(attempt, error, message):
    with pytest.raises(error, match=message):
        attempt()


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "loss_and_gradients"])
def test_a_model_must_be_compiled_first(method):
    model = Sequential([SimpleRNN(4), Dense(3, "softmax")])
    with pytest.raises(ValueError, match="the model is not compiled: call compile"):
        getattr(model, method)(*tiny_data())


# Bad data --------------------------------------------------------------------------------------------------


def with_entry(array, index, value):
    array = array.copy()
    array[index] = value
    return array


X, Y = tiny_data()

bad_data = pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:0], Y[:0], r"x has shape \(0, 3, 2\), expected .* at least one sample"),
        (np.zeros(10), Y, r"x has shape \(10,\), expected \(samples, ...\)"),
        (X[:9], Y, r"x has 9 rows, but y has shape \(10,\): they must have as many"),
        (X, 3, r"x has 10 rows, but y has shape \(\)"),
        (X[:, :, :1], Y, r"layer 'simple_rnn' has shape \(.*3, 1\), expected \(any, any, 2\)"),
        (X[:, 0], Y, r"layer 'simple_rnn' .*\(.*2\)"),
        (X[..., np.newaxis], Y, r"layer 'simple_rnn' .*\(.*3, 2, 1\)"),
        (X[:, :0], Y, "layer 'simple_rnn' has no timesteps"),
        (X.astype(str), Y, "x is .*U.*, expected float, or uint8"),
        (X.astype(object), Y, "x is object, expected float, or uint8"),
        (X.astype(complex), Y, "x is complex128, expected float, or uint8"),
        (with_entry(X, (4, 1, 0), np.nan), Y, "x has NaN or infinite entries, .*first in row 4"),
        (with_entry(X, (7, 0, 1), -np.inf), Y, "x has NaN or infinite entries, .*first in row 7"),
        (X, with_entry(Y, 5, 3), "label 3 is out of range: the model's classes are 0 to 2"),
        (X, with_entry(Y, 5, -1), "label -1 is out of range: the model's classes are 0 to 2"),
        (X, Y.astype(float), r"labels must be integers or one-hot rows, not float64 \(10,\)"),
        (X, Y.astype(str), "labels must be integers or one-hot rows, not <U"),
        (X, np.eye(4)[Y], r"y has shape \(10, 4\), expected integer labels \(10,\) or one-hot rows"),
        (X, np.zeros((10, 3, 3)), r"y has shape \(10, 3, 3\), expected integer labels"),
        (X, with_entry(np.eye(3)[Y], (5, 0), np.nan), "one-hot labels must be finite numbers"),
        (X, np.eye(3)[Y].astype(str), "one-hot labels must be finite numbers"),
    ],
    ids=[
        "no rows", "x a vector", "fewer rows than labels", "y a number", "too few features", "x without time",
        "an axis too many", "no timesteps", "x text", "x objects", "x complex", "x NaN", "x infinite",
        "label too large", "label negative", "labels float", "labels text", "too many classes",
        "labels for sequences", "one-hot NaN", "one-hot text",
    ],
)  # fmt: skip


@bad_data
def test_bad_training_data_are_refused_and_nothing_is_trained(x, y, message):
    refuses_and_trains_nothing(tiny(), message, x, y, batch_size=2)


@bad_data
def test_bad_validation_data_are_refused_before_anything_is_trained(x, y, message):
    refuses_and_trains_nothing(tiny(), message, X, Y, validation_data=(x, y))


@bad_data
def test_bad_data_are_refused_by_evaluate(x, y, message):
    with pytest.raises(ValueError, match=message):
        tiny().evaluate(x, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((10, 2)), r"y has shape \(10, 2\), but the model's output has \(10, 3\)"),
        (np.zeros(10), r"y has shape \(10,\), but the model's output has \(10, 3\)"),
        (np.full((10, 3), np.nan), "y must be finite numbers, but it is float64 or has NaN"),
        (np.full((10, 3), "a"), "y must be finite numbers, but it is <U1"),
    ],
    ids=["too few outputs", "a vector", "NaN", "text"],
)
def test_bad_targets_are_refused_and_nothing_is_trained(y, message):
    refuses_and_trains_nothing(tiny(None, "mse"), message, X, y)


def test_binary_labels_that_are_classes_are_refused_and_nothing_is_trained():
    model, y = tiny("sigmoid", "binary_crossentropy", classes=1), np.arange(10)
    refuses_and_trains_nothing(model, "binary_crossentropy takes labels from 0 to 1, but there is 2", X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number above zero, not 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number above zero, not 2.5"),
        ({"epochs": 0}, "epochs must be a whole number above zero, not 0"),
        ({"epochs": -1}, "epochs must be a whole number above zero, not -1"),
        ({"validation_split": 1.0}, "validation_split must be a number at least 0 and below 1, not 1.0"),
        ({"validation_split": -0.1}, "validation_split must be a number at least 0 and below 1, not -0.1"),
        ({"validation_split": np.nan}, "validation_split must be a number at least 0 and below 1, not nan"),
        ({"validation_split": "a"}, "validation_split must be a number at least 0 and below 1, not 'a'"),
        ({"validation_split": 0.95}, "10 rows are too few: validation_split=0.95"),
        ({"validation_split": 1e-9}, None),
    ],
)
def test_options_out_of_range_are_refused_and_nothing_is_trained(options, message):
    if message is None:
        # int(10 * (1 - 1e-9)) is 9: a row is left for validation, as in Keras.
        assert "val_loss" in tiny().fit(X, Y, verbose=0, **options).history
    else:
        refuses_and_trains_nothing(tiny(), message, X, Y, **options)


def test_predict_refuses_bad_inputs():
    for x, message in ((X[:0], "at least one sample"), (with_entry(X, (4, 1, 0), np.nan), "first in row 4")):
        with pytest.raises(ValueError, match=message):
            tiny().predict(x)
    with pytest.raises(ValueError, match="batch_size must be a whole number above zero"):
        tiny().predict(X, batch_size=0)


# What it takes ---------------------------------------------------------------------------------------------


def test_bytes_are_never_copied_as_floats_as_a_whole(sample):
    (x, y), _ = sample
    model = classifier(units=2)
    model.fit(x[:64], y[:64], verbose=0)  # loads and makes what is made once
    tracemalloc.start()
    try:
        model.fit(x, y, batch_size=64, epochs=1, validation_split=0.1, verbose=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.dtype == "uint8"
    assert peak < x.size * 4 / 2


@pytest.mark.parametrize("module", ["tensorflow", "keras", "torch", "matplotlib", "rich", "threadpoolctl"])
def test_importing_the_library_loads_nothing_but_numpy(loaded_modules, module):
    assert "numpy" in loaded_modules
    assert module not in loaded_modules


@pytest.fixture(scope="module")
def loaded_modules():
    """Names of the modules that the names of scratch_rnn load in a new process."""
    code = "import sys; from scratch_rnn import *; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.split()


class Clock(Callback):
    """A clock that goes on only where it is told to: so many seconds at each call of a hook."""

    def __init__(self):
        self.now, self.seen = 0, []

    def perf_counter(self):
        return self.now

    def on_train_begin(self):
        self.now += 10**6

    def on_epoch_begin(self, epoch):
        self.now += 1

    def on_train_batch_begin(self, batch):
        self.now += 10

    def on_train_batch_end(self, batch, logs):
        self.now += 100

    def on_epoch_end(self, epoch, logs):
        self.seen.append((self.model.history.epoch.copy(), self.model.history.seconds.copy()))
        self.now += 10**4 * (epoch + 1)

    def on_train_end(self):
        self.now += 10**7


class SlowToValidate(SimpleRNN):
    """Takes a thousand of the clock's seconds for each forward pass that does not train."""

    def forward(self, x, *, training=False, tape=None):
        self.clock.now += 0 if training else 1000
        return super().forward(x, training=training, tape=tape)


def test_the_seconds_of_an_epoch_are_those_from_its_begin_to_the_end_of_its_validation(monkeypatch):
    """Not those between two epochs, in which callbacks draw and save, and none before or after training."""
    clock, layer = Clock(), SlowToValidate(2, dtype="float64")
    layer.clock = clock
    monkeypatch.setattr(running, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    model = Sequential([layer, Dense(3, "softmax", dtype="float64")], seed=0)
    model.compile(threads=1)
    x, y = tiny_data(10)
    options = {"batch_size": 4, "validation_data": (x[:7], y[:7]), "verbose": 0, "callbacks": [clock]}
    history = model.fit(x, y, epochs=3, **options)
    assert history.seconds == [1 + 3 * 110 + 2 * 1000] * 3
    assert clock.seen == [([*range(n)], history.seconds[:n]) for n in (1, 2, 3)]
    assert model.history is history
    again = model.fit(x, y, epochs=1, **options)
    assert (again.epoch, again.seconds, len(again.history["loss"])) == ([0], [2331], 1)
    assert (history.epoch, len(history.seconds), len(history.history["val_loss"])) == ([0, 1, 2], 3, 3)
    assert model.history is again


def test_values_of_the_history_are_in_the_order_of_the_epochs():
    recorder = Recorder()
    history = tiny().fit(*tiny_data(), epochs=4, verbose=0, callbacks=[recorder])
    logs = dict(call for call in recorder.calls if not isinstance(call, str))
    assert history.history["loss"] == [logs[f"epoch {epoch} end"]["loss"] for epoch in range(4)]
    assert len(set(history.history["loss"])) == 4


@pytest.mark.parametrize(
    "x", [np.full((2, 3, 4), "1"), np.full((2, 3, 4), None), np.zeros((2, 3, 4), "M8[s]")]
)
def test_what_is_no_number_goes_into_no_model(x):
    model = Sequential([SimpleRNN(2), Dense(3)], seed=0)
    model.build((None, 3, 4))
    with pytest.raises(ValueError, match=rf"x is {re.escape(str(x.dtype))}, expected float"):
        model.forward(x)


def test_a_callback_alone_is_no_list():
    with pytest.raises(TypeError, match=r"callbacks must be a list: write \[callback\]"):
        tiny().fit(X, Y, callbacks=Callback(), verbose=0)


def test_weights_that_the_dtype_cannot_hold_are_refused_and_nothing_is_changed(tmp_path):
    model = classifier(SimpleRNN)
    before = model.get_weights()
    large = [weight.astype("float64") for weight in before]
    large[1][0, 0] = 1e300
    with pytest.raises(ValueError, match=r"weight 'simple_rnn/recurrent_kernel' of .* float32 cannot hold"):
        model.set_weights(large)
    assert all(map(np.array_equal, model.get_weights(), before))
    model.set_weights([weight.astype("float64") for weight in before])


@pytest.mark.parametrize("weights", [None, 3])
def test_weights_come_in_a_list(weights):
    with pytest.raises(TypeError, match="weights must be a list of arrays, not"):
        classifier(SimpleRNN).set_weights(weights)


def test_rows_of_several_lengths_are_no_array_and_advice_is_given():
    model = tiny()
    with pytest.raises(ValueError, match="x must be one array, but its rows have several lengths: pad them"):
        model.predict([[[1.0]], [[1.0], [2.0]]])
