"""Keras as the judge: the same outputs, gradients, losses, steps and history from the same weights."""

from itertools import product

import numpy as np
import pytest
from helpers import CELLS, MASK, as_tuple, make_cell, random_arrays, random_call, random_cell, randomize

import scratch_rnn
from scratch_rnn import Dense, Sequential
from scratch_rnn.layers import initializers
from scratch_rnn.training import losses

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

if keras.backend.backend() != "tensorflow":
    pytest.skip("the gradients are taken with TensorFlow's tape", allow_module_level=True)

# In float64 the two libraries differ by the order in which they add up: some hundred roundings of 1e-16,
# relative to the largest entry of an array. Float32 rounds to 6e-8, and over five steps errors of some such
# roundings add up, on states near one.
FLOAT64 = {"rtol": 0, "atol": 1e-12}
FLOAT32 = {"rtol": 1e-5, "atol": 3e-6}

with_and_without_mask = pytest.mark.parametrize(
    "mask", [pytest.param(None, id="all steps"), pytest.param(MASK, id="masked")]
)
every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture
def float64():
    """Keras computes in float64, its optimizers' and metrics' own variables included."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def keras_twin(layer, features=3, **options):
    """Return the Keras layer with the options and the weights of a recurrent layer of ours."""
    for name in ("use_bias", "return_sequences", "return_state", "go_backwards", "reset_after"):
        if hasattr(layer, name):
            options[name] = getattr(layer, name)
    for name in ("activation", "recurrent_activation"):
        if hasattr(layer, name):
            options[name] = getattr(layer, name).name
    twin = getattr(keras.layers, type(layer).__name__)(layer.units, dtype=layer.dtype.name, **options)
    twin.build((None, None, features))
    twin.set_weights(layer.get_weights())
    return twin


def call_twin(twin, x, states, mask):
    """Return the outputs of a Keras layer as a list of tensors."""
    mask = None if mask is None else tf.constant(mask)
    outputs = twin(tf.convert_to_tensor(x), initial_state=[*map(tf.convert_to_tensor, states)], mask=mask)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def assert_same(actual, expected, name, rtol=0.0, atol=1e-12):
    """Compare with a tolerance that is relative to the array's largest entry."""
    expected = np.asarray(expected)
    scale = max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=rtol, atol=atol, err_msg=name)


def options_of(*names):
    return [
        pytest.param(dict(zip(names, values, strict=True)), id="-".join(map(str, values)))
        for values in product([True, False], repeat=len(names))
    ]


# Layers ----------------------------------------------------------------------------------------------------


@every_cell
@with_and_without_mask
@pytest.mark.parametrize("options", options_of("return_sequences", "go_backwards"))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", FLOAT64)])
def test_outputs_and_states_are_those_of_keras(cell, options, mask, dtype, tolerance):
    layer = random_cell(cell, return_state=True, dtype=dtype, **options)
    x, states = random_call(layer)
    outputs, _ = layer.forward(x, states, mask)
    expected = call_twin(keras_twin(layer), x, states, mask)
    for name, ours, theirs in zip(("y", *layer.state_names), outputs, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, err_msg=name, **tolerance)


@every_cell
@with_and_without_mask
@pytest.mark.parametrize("options", options_of("use_bias", "return_sequences", "go_backwards"))
def test_gradients_are_those_of_keras(cell, options, mask):
    layer = random_cell(cell, return_state=True, **options)
    compare_gradients(layer, *random_call(layer), mask)


@every_cell
@pytest.mark.parametrize("activation", ["relu", "linear", "sigmoid"])
def test_other_activations_are_those_of_keras(cell, activation):
    layer = random_cell(cell, activation=activation, return_state=True, return_sequences=True)
    compare_gradients(layer, *random_call(layer))


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "GRU reset before"])
@pytest.mark.parametrize("recurrent_activation", ["tanh", "linear", "relu"])
def test_other_activations_of_the_gates_are_those_of_keras(cell, recurrent_activation):
    layer = random_cell(cell, recurrent_activation=recurrent_activation, return_state=True)
    compare_gradients(layer, *random_call(layer))


@every_cell
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_truncated_gradients_are_those_of_keras_with_the_state_taken_for_a_constant(cell, steps):
    layer = random_cell(cell, bptt_steps=steps, return_state=True, return_sequences=True)
    compare_gradients(layer, *random_call(layer), call=in_windows_of(steps))


def in_windows_of(steps):
    """Return what calls a Keras layer window by window; no gradient goes from one to the one before."""

    def call(twin, x, states, mask):
        starts = [0, *reversed(range(x.shape[1] - steps, 0, -steps))]
        parts = []
        for start, end in zip(starts, [*starts[1:], x.shape[1]], strict=True):
            states = [tf.stop_gradient(state) for state in states] if start else states
            y, *states = call_twin(twin, x[:, start:end], states, mask)
            parts.append(y)
        return [tf.concat(parts, axis=1), *states]

    return call


def compare_gradients(layer, x, states, mask=None, call=call_twin):
    """Compare outputs, and the gradients of a random projection of all outputs, one line each."""
    twin = keras_twin(layer)
    outputs, tape = layer.forward(x, states, mask)
    projections = random_arrays(*(output.shape for output in as_tuple(outputs)), seed=2)
    gradients = layer.backward(projections[0], tape, projections[1:])

    tensors = [tf.convert_to_tensor(array) for array in (x, *states)]
    variables = [variable.value for variable in twin.trainable_weights]
    with tf.GradientTape() as keras_tape:
        for tensor in tensors:
            keras_tape.watch(tensor)
        expected = call(twin, tensors[0], tensors[1:], mask)
        loss = tf.add_n([tf.reduce_sum(o * p) for o, p in zip(expected, projections, strict=True)])
    dx, *others = keras_tape.gradient(loss, [*tensors, *variables], unconnected_gradients="zero")
    dstates, dweights = others[: len(states)], others[len(states) :]

    for name, ours, theirs in zip(("y", *layer.state_names), outputs, expected, strict=True):
        assert_same(ours, theirs, name)
    assert_same(gradients.inputs, dx, "gradient of x")
    for name, ours, theirs in zip(layer.state_names, gradients.initial_state, dstates, strict=True):
        assert_same(ours, theirs, f"gradient of the initial {name}")
    for name, ours, theirs in zip(layer.weight_names, gradients.weights, dweights, strict=True):
        assert_same(ours, theirs, f"gradient of {name}")


@every_cell
def test_on_real_digits_all_that_keras_shows_is_the_same(cell, digits):
    """128 units with Keras's initial weights, 28 rows, softmax and cross-entropy: one line for each place."""
    x, labels = digits[0][:32] / 255, np.eye(10)[digits[1][:32]]
    layer = make_cell(cell, 128, return_sequences=True, return_state=True, seed=0)
    dense = Dense(10, "softmax", dtype="float64", seed=1)
    layer.build((None, 28, 28))
    dense.build((None, 128))
    states = [0.1 * state for state in random_arrays(*[(32, 128)] * len(layer.state_names))]

    (y, *last), tape = layer.forward(x, states)
    p, dense_tape = dense.forward(y[:, -1])
    loss = losses.CategoricalCrossentropy(from_logits=True)
    dense_gradients = dense.backward_from_pre_activation(loss.gradient(labels, dense_tape.z) / 32, dense_tape)
    dy = np.zeros_like(y)
    dy[:, -1] = dense_gradients.inputs
    gradients = layer.backward(dy, tape)

    twin, dense_twin = keras_twin(layer, 28), keras.layers.Dense(10, "softmax", dtype="float64")
    dense_twin.build((None, 128))
    dense_twin.set_weights(dense.get_weights())
    tensors = [tf.convert_to_tensor(array) for array in (x, *states)]
    with tf.GradientTape() as keras_tape:
        keras_tape.watch(tensors)
        keras_y, *keras_last = call_twin(twin, tensors[0], tensors[1:], None)
        keras_p = dense_twin(keras_y[:, -1])
        keras_loss = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(keras_p), axis=-1))
    variables = [v.value for v in (*twin.trainable_weights, *dense_twin.trainable_weights)]
    keras_gradients = keras_tape.gradient(keras_loss, [*tensors, *variables])

    for t in range(28):
        assert_same(y[:, t], keras_y[:, t], f"h after row {t}")
    for name, ours, theirs in zip(layer.state_names, last, keras_last, strict=True):
        assert_same(ours, theirs, f"final {name}")
    assert_same(p, keras_p, "probabilities")
    assert_same(loss(labels, dense_tape.z), keras_loss, "loss")
    names = [
        "x",
        *(f"initial {name}" for name in layer.state_names),
        *layer.weight_names,
        "Dense",
        "its bias",
    ]
    ours = [gradients.inputs, *gradients.initial_state, *gradients.weights, *dense_gradients.weights]
    for name, own, theirs in zip(names, ours, keras_gradients, strict=True):
        assert_same(own, theirs, f"gradient of {name}")


@every_cell
def test_a_bias_loaded_twice_shows_only_where_biases_are_not_zero(cell):
    layer = random_cell(cell)
    x, _ = random_call(layer)
    for bias in (0.0, 0.5):
        layer.bias[...] = bias
        twin = keras_twin(layer)
        kernel, recurrent_kernel, once = twin.get_weights()
        twin.set_weights([kernel, recurrent_kernel, 2 * once])
        difference = np.abs(layer.forward(x)[0] - np.asarray(twin(x))).max()
        assert difference < 1e-15 if bias == 0 else difference > 1e-2


@every_cell
@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_move_to_keras_and_back_unchanged(cell, use_bias):
    layer = random_cell(cell, use_bias=use_bias, seed=1)
    twin = keras_twin(layer)
    other = random_cell(cell, use_bias=use_bias, seed=2)
    other.set_weights(twin.get_weights())
    assert [weight.name for weight in twin.weights] == layer.weight_names
    for ours, theirs in zip(layer.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("activation", ["linear", "tanh", "sigmoid", "relu", "softmax"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3)])
def test_dense_is_that_of_keras(activation, shape):
    layer = Dense(2, activation, dtype="float64")
    layer.build(shape)
    randomize(layer)
    twin = keras.layers.Dense(2, activation, dtype="float64")
    twin.build(shape)
    twin.set_weights(layer.get_weights())
    x, dy = random_arrays(shape, (*shape[:-1], 2))
    y, tape = layer.forward(x)
    gradients = layer.backward(dy, tape)
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as keras_tape:
        keras_tape.watch(x)
        expected = twin(x)
        loss = tf.reduce_sum(expected * dy)
    variables = [variable.value for variable in twin.trainable_weights]
    dx, dkernel, dbias = keras_tape.gradient(loss, [x, *variables])
    assert_same(y, expected, "y")
    assert_same(gradients.inputs, dx, "gradient of x")
    assert_same(gradients.weights[0], dkernel, "gradient of kernel")
    assert_same(gradients.weights[1], dbias, "gradient of bias")


# Initializers ----------------------------------------------------------------------------------------------

INITIALIZERS = {
    "zeros": "Zeros",
    "ones": "Ones",
    "random_normal": "RandomNormal",
    "random_uniform": "RandomUniform",
    "glorot_uniform": "GlorotUniform",
    "orthogonal": "Orthogonal",
    "identity": "Identity",
}


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("shape", [(60, 180), (180, 60)])
def test_an_initializer_does_what_kerass_of_its_name_does(name, shape):
    """Random numbers differ; their range, size and products do not."""
    ours = initializers.get(name)(shape, np.random.default_rng(0))
    theirs = keras.initializers.get(name)
    random = hasattr(theirs, "seed")
    theirs = np.asarray((type(theirs)(seed=1) if random else theirs)(shape), "float64")
    assert ours.shape == theirs.shape
    if not random:
        np.testing.assert_array_equal(ours, theirs)
    elif name == "orthogonal":
        for weight in (ours, theirs):
            rows = weight if shape[0] < shape[1] else weight.T
            np.testing.assert_allclose(rows @ rows.T, np.eye(60), atol=1e-5)
    else:
        assert ours.std() == pytest.approx(theirs.std(), rel=0.05)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.05 * theirs.std())
        if "uniform" in name:
            assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


@pytest.mark.parametrize("name", INITIALIZERS.values())
def test_an_initializer_has_kerass_defaults(name):
    theirs = getattr(keras.initializers, name)()
    for option, value in vars(getattr(initializers, name)()).items():
        assert getattr(theirs, option) == value


# Losses ----------------------------------------------------------------------------------------------------


def logits(shape=(6, 4)):
    (z,) = random_arrays(shape, seed=3)
    return 2 * z


def probabilities(shape=(6, 4)):
    exp = np.exp(logits(shape))
    return exp / exp.sum(axis=-1, keepdims=True)


def saturated():
    """Sure answers, right and wrong, beside rows that do not add up to one."""
    p = probabilities()
    p[0] = [1, 0, 0, 0]
    p[1] = [0, 1, 0, 0]
    p[2] *= 0.5
    p[3] = [1e-9, 1 - 1e-9, 0, 0]
    return p


LABELS = np.array([0, 2, 1, 3, 0, 2])
KERAS_LOSSES = {
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize(
    ("y_pred", "from_logits"),
    [(logits(), True), (100 * logits(), True), (probabilities(), False), (saturated(), False)],
    ids=["logits", "large logits", "probabilities", "probabilities that are clipped"],
)
def test_cross_entropy_is_that_of_keras(float64, name, y_pred, from_logits):
    y = LABELS if name.startswith("sparse") else np.eye(4)[LABELS]
    ours = type(losses.get(name))(from_logits)
    compare_loss(ours, KERAS_LOSSES[name](from_logits=from_logits, reduction="none"), y, y_pred)


@pytest.mark.parametrize(
    ("y_pred", "from_logits"),
    [(logits(), True), (1e4 * logits(), True), (probabilities(), False), (saturated(), False)],
    ids=["logits", "large logits", "probabilities", "probabilities that are clipped"],
)
def test_binary_cross_entropy_is_that_of_keras(float64, y_pred, from_logits):
    y = np.random.default_rng(0).integers(0, 2, y_pred.shape).astype("float64")
    theirs = keras.losses.BinaryCrossentropy(from_logits=from_logits, reduction="none")
    compare_loss(losses.BinaryCrossentropy(from_logits), theirs, y, y_pred)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "BinaryCrossentropy"])
def test_labels_are_smoothed_as_in_keras(float64, name, from_logits):
    y, y_pred = np.eye(4)[LABELS], logits() if from_logits else probabilities()
    ours, theirs = getattr(losses, name), getattr(keras.losses, name)
    compare_loss(ours(from_logits, 0.25), theirs(from_logits, 0.25, reduction="none"), y, y_pred)


def test_an_absolute_error_of_zero_has_the_gradient_of_keras(float64):
    y = np.array([[1.0, 2.0, -1.0]])
    theirs = keras.losses.MeanAbsoluteError(reduction="none")
    compare_loss(losses.MeanAbsoluteError(), theirs, y, y + np.array([0, 0.5, -0.5]))


@pytest.mark.parametrize("name", sorted(set(KERAS_LOSSES) - {"sparse_categorical_crossentropy"}))
def test_losses_of_soft_labels_are_those_of_keras(float64, name):
    targets, y_pred = np.random.default_rng(0).uniform(0.1, 0.9, (2, 6, 4))
    compare_loss(losses.get(name), KERAS_LOSSES[name](reduction="none"), targets, y_pred)


@pytest.mark.parametrize("name", KERAS_LOSSES)
def test_losses_of_sequences_are_those_of_keras(float64, name):
    y_pred = probabilities((3, 2, 4))
    labels = LABELS.reshape(3, 2)
    y = labels if name.startswith("sparse") else np.eye(4)[labels]
    compare_loss(losses.get(name), KERAS_LOSSES[name](reduction="none"), y, y_pred)


def compare_loss(loss, keras_loss, y_true, y_pred):
    tensor = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        values = keras_loss(y_true, tensor)
        total = tf.reduce_sum(values)
    # clip_by_value and log are the same operations in both; the rest is the order of adding up.
    np.testing.assert_allclose(loss.values(y_true, y_pred), values, rtol=1e-12, atol=1e-14)
    assert_same(loss.gradient(y_true, y_pred), tape.gradient(total, tensor), "gradient")


# Optimizers ------------------------------------------------------------------------------------------------


def run_optimizers(name, options, steps):
    """Return the weights of both libraries after some steps from the same gradients."""
    ours, theirs = getattr(scratch_rnn, name)(**options), getattr(keras.optimizers, name)(**options)
    weights = random_arrays((3, 4), (4,), seed=0)
    variables = [keras.Variable(weight, dtype="float64") for weight in weights]
    for step in range(steps):
        gradients = random_arrays((3, 4), (4,), seed=step + 1)
        ours.apply(gradients, weights)
        theirs.apply([tf.convert_to_tensor(gradient) for gradient in gradients], variables)
    return weights, [np.asarray(variable) for variable in variables]


CLIPS = [{}, {"clipnorm": 0.5}, {"global_clipnorm": 0.75}, {"clipvalue": 0.25}, {"weight_decay": 0.0625}]


@pytest.mark.parametrize("extra", CLIPS, ids=lambda extra: next(iter(extra), "plain"))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.875}),
        ("SGD", {"momentum": 0.875, "nesterov": True}),
        ("RMSprop", {"rho": 0.9375}),
        ("RMSprop", {"rho": 0.9375, "momentum": 0.5}),
        ("RMSprop", {"rho": 0.9375, "centered": True, "epsilon": 2**-10}),
        ("RMSprop", {"rho": 0.9375, "centered": True, "momentum": 0.5}),
        ("Adam", {"beta_1": 0.875, "beta_2": 0.9375}),
        ("Adam", {"beta_1": 0.5, "beta_2": 0.984375, "epsilon": 2**-10}),
        ("AdamW", {"beta_1": 0.875, "beta_2": 0.9375, "weight_decay": 0.125}),
        ("Adagrad", {"initial_accumulator_value": 0.125}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_steps_are_those_of_keras_where_float32_holds_the_constants(float64, name, options, extra):
    """Keras rounds some constants through float32 even in float64; these are powers of two and their sums."""
    ours, theirs = run_optimizers(name, {"learning_rate": 0.0625, **options, **extra}, steps=8)
    for weight, expected in zip(ours, theirs, strict=True):
        # Eight steps of a few roundings on weights near one.
        np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-13)


@pytest.fixture
def constants_as_they_are(monkeypatch):
    """Keras casts Python's floats without a detour over float32."""
    cast = keras.ops.cast

    def exact(x, dtype):
        return tf.constant(x, dtype) if isinstance(x, float) else cast(x, dtype)

    monkeypatch.setattr("keras.src.ops.cast", exact)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Nadam", {}),
        ("Nadam", {"beta_1": 0.5, "epsilon": 0.01, "weight_decay": 2**-4, "clipnorm": 0.5}),
        ("AdamW", {"weight_decay": 2**-8}),
        ("Adagrad", {}),
    ],
    ids=["Nadam", "Nadam with options", "AdamW", "Adagrad"],
)
def test_without_that_rounding_a_hundred_steps_are_those_of_keras(
    float64, constants_as_they_are, name, options
):
    """Nadam has 0.96 in it, which float32 does not hold. weight_decay is rounded in another place."""
    ours, theirs = run_optimizers(name, options, steps=100)
    for weight, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-13)


def test_rmsprop_is_exactly_that_of_keras_with_its_defaults(float64):
    ours, theirs = run_optimizers("RMSprop", {}, steps=25)
    for weight, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"weight_decay": 0.004}),
        ("Adam", {}),
        ("Adam", {"weight_decay": 0.004}),
        ("AdamW", {}),
        ("Nadam", {}),
        ("Adagrad", {}),
    ],
)
def test_steps_with_constants_that_float32_rounds_are_close_to_those_of_keras(float64, name, options):
    """Keras's 0.9 is off by 2.4e-8, 2.4e-7 of 1 - 0.9; its 0.999 by 1.3e-8, 1.3e-5 of 1 - 0.999.

    Adam takes the root of the latter: each of its steps is off by up to 6.5e-6 of its own length.
    """
    ours, theirs = run_optimizers(name, options, steps=25)
    start, _ = run_optimizers(name, options, steps=0)
    for weight, expected, before in zip(ours, theirs, start, strict=True):
        assert np.abs(weight - expected).max() < 1e-5 * np.abs(weight - before).max()


# Training --------------------------------------------------------------------------------------------------


def models(name, optimizer):
    """Return a model of ours and one of Keras's, with the same weights."""
    ours = Sequential(
        [
            getattr(scratch_rnn, name)(6, return_sequences=True, dtype="float64"),
            getattr(scratch_rnn, name)(5, go_backwards=True, dtype="float64"),
            Dense(10, "softmax", dtype="float64"),
        ],
        seed=0,
    )
    theirs = keras.Sequential(
        [
            keras.Input((28, 28)),
            getattr(keras.layers, name)(6, return_sequences=True),
            getattr(keras.layers, name)(5, go_backwards=True),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    ours.build((None, 28, 28))
    theirs.set_weights(ours.get_weights())
    for model, library in ((ours, scratch_rnn), (theirs, keras.optimizers)):
        model.compile(optimizer(library), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return ours, theirs


# Schedules of the learning rate ----------------------------------------------------------------------------

# From float64 numbers Keras computes in float64, from Python's in float32.
F = np.float64
SCHEDULES = [
    ("ExponentialDecay", (F(0.1), F(7), F(0.9)), {}),
    ("ExponentialDecay", (F(0.1), F(7), F(0.9)), {"staircase": True}),
    ("InverseTimeDecay", (F(0.1), F(7), F(0.9)), {}),
    ("InverseTimeDecay", (F(0.1), F(7), F(0.9)), {"staircase": True}),
    ("PolynomialDecay", (F(0.1), F(20)), {"end_learning_rate": F(0.01), "power": F(2)}),
    ("PolynomialDecay", (F(0.1), F(20), F(0.01), F(0.5)), {"cycle": True}),
    ("PiecewiseConstantDecay", ([3, 20, 50], [F(0.1), F(0.2), F(0.05), F(0.01)]), {}),
    ("PiecewiseConstantDecay", ([10], [F(0.1), F(0.01)]), {}),
    ("CosineDecay", (F(0.1), F(60)), {}),
    ("CosineDecay", (F(0.1), F(60), F(0.25)), {}),
    ("CosineDecay", (F(0.1), F(40), F(0.25)), {"warmup_target": F(0.5), "warmup_steps": F(10)}),
    ("CosineDecay", (F(0.1), F(40)), {"warmup_target": F(0.5)}),
    ("CosineDecayRestarts", (F(0.1), F(10)), {}),
    ("CosineDecayRestarts", (F(0.1), F(10), F(1.5), F(0.5), F(0.125)), {}),
    ("CosineDecayRestarts", (F(0.1), F(7), F(1)), {"m_mul": F(0.75)}),
]


@pytest.mark.parametrize(
    ("name", "numbers", "options"),
    [pytest.param(*each, id=f"{number} {each[0]}") for number, each in enumerate(SCHEDULES)],
)
def test_a_schedule_gives_the_numbers_of_keras_at_every_step(name, numbers, options):
    ours = getattr(scratch_rnn, name)(*numbers, **options)
    theirs = getattr(keras.optimizers.schedules, name)(*numbers, **options)
    steps = [*range(100), 149, 150, 151, 10**4]
    expected = [float(theirs(step)) for step in steps]
    assert len(set(expected)) > 1
    # Steps of 1e-16 through cosine and power, of rates up to 0.5.
    np.testing.assert_allclose([ours(step) for step in steps], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda library: library.CosineDecay(F(0.125), F(4), warmup_target=F(0.25), warmup_steps=F(2)),
        lambda library: library.PiecewiseConstantDecay([2, 5], [F(0.125), F(0.25), F(0.0625)]),
        lambda library: library.ExponentialDecay(F(0.25), F(2), F(0.5), staircase=True),
    ],
    ids=["cosine with warmup", "piecewise", "staircase"],
)
def test_steps_along_a_schedule_are_those_of_keras(float64, schedule):
    """The decay of the weights follows the schedule too."""
    ours = scratch_rnn.SGD(schedule(scratch_rnn), momentum=0.875, weight_decay=0.0625)
    theirs = keras.optimizers.SGD(schedule(keras.optimizers.schedules), momentum=0.875, weight_decay=0.0625)
    (weight,) = random_arrays((3, 4))
    variable = keras.Variable(weight, dtype="float64")
    for step in range(10):
        (gradient,) = random_arrays((3, 4), seed=step + 1)
        ours.apply([gradient], [weight])
        theirs.apply([tf.convert_to_tensor(gradient)], [variable])
        np.testing.assert_allclose(weight, np.asarray(variable), rtol=1e-12, atol=1e-14)
        assert ours.learning_rate == pytest.approx(float(theirs.learning_rate), rel=1e-14)


# Training, whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("SimpleRNN", lambda library: library.SGD(0.125, momentum=0.875, nesterov=True, clipnorm=1.0)),
        ("GRU", lambda library: library.RMSprop()),
        ("LSTM", lambda library: library.Adam(0.03125, beta_1=0.875, beta_2=0.9375, weight_decay=0.0625)),
    ],
    ids=["SimpleRNN with SGD", "GRU with RMSprop", "LSTM with Adam"],
)
def test_training_takes_the_course_of_keras(float64, digits, name, optimizer):
    """Epochs, batches, a partial last one, validation rows and means are all the same."""
    x, y = digits
    x, y = x[:75] / 255.0, y[:75].astype("int64")
    ours, theirs = models(name, optimizer)
    options = {"batch_size": 16, "epochs": 2, "validation_split": 0.3, "shuffle": False, "verbose": 0}
    history, expected = ours.fit(x, y, **options).history, theirs.fit(x, y, **options).history
    assert set(history) == set(expected) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in history.items():
        # 1e-16 a rounding, amplified by eight steps of training: 1e-9 is far above it, and far below any
        # mistake in what is averaged.
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, err_msg=name)
    for weight, theirs_weight in zip(ours.weights, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(weight, theirs_weight, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-8)
    scores = theirs.evaluate(x, y, verbose=0, return_dict=True)
    assert ours.evaluate(x, y) == pytest.approx(scores, rel=1e-9)
