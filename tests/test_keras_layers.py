"""What is built around the cells, beside Keras in float64: outputs, 200 steps of training, and dropout.

Random streams differ, so for dropout Keras is handed the masks that scratch_rnn has drawn.
"""

import numpy as np
import pytest
from helpers import MASK, randomize

from scratch_rnn import (
    GRU,
    LSTM,
    SGD,
    Adam,
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
from scratch_rnn.layers import initializers
from scratch_rnn.layers.place import Place, at

keras = pytest.importorskip("keras")

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends of Keras do not compute in float64 throughout", allow_module_level=True)

from keras_reference.twin import build_twin, floatx_of  # noqa: E402

STEPS, BATCH, TIME, FEATURES = 200, 4, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(STEPS, BATCH, TIME, FEATURES))
Y = RNG.integers(0, 3, (STEPS, BATCH))
F64 = {"dtype": "float64"}


def pair(layers, shape=(None, TIME, FEATURES), optimizer=None):
    """Return a model with random weights and its twin."""
    model = Sequential(layers, seed=0)
    model.compile(optimizer or SGD(2**-4), "sparse_categorical_crossentropy")
    model.build(shape)
    randomize(model)
    return model, build_twin(model, shape)


def assert_same_outputs(model, twin, x):
    np.testing.assert_allclose(model.predict(x), np.asarray(twin(x)), rtol=1e-12, atol=1e-13)


def assert_same_course(model, twin, x=X, steps=STEPS, before=lambda x: None):
    """Train both on the same batches; `before` is called with each."""
    for batch, labels in zip(x[:steps], Y, strict=False):
        before(batch)
        ours = model.train_on_batch(batch, labels)
        with floatx_of(model):
            theirs = twin.train_on_batch(batch, labels, return_dict=True)["batch_loss"]
        assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-12)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def head():
    return Dense(3, "softmax", **F64)


def padded(x=X):
    """Return batches in which some timesteps hold nothing but zeros."""
    x = x.copy()
    x[:, ~MASK[:, ::-1]] = 0
    return x


STACKS = {
    "both ways": lambda: [Bidirectional(LSTM(3, **F64)), head()],
    "both ways, twice": lambda: [
        Bidirectional(GRU(3, return_sequences=True, **F64), "ave"),
        Bidirectional(SimpleRNN(2, **F64), "mul"),
        head(),
    ],
    "two different layers": lambda: [
        Bidirectional(LSTM(3, **F64), backward_layer=GRU(3, go_backwards=True, **F64)),
        head(),
    ],
    "layer normalization": lambda: [LayerNormLSTM(3, **F64), head()],
    "a layer at every timestep": lambda: [TimeDistributed(Dense(4, "tanh", **F64)), GRU(3, **F64), head()],
}


@pytest.mark.parametrize("stack", STACKS)
def test_training_takes_the_course_of_keras_for_200_steps(stack):
    assert_same_course(*pair(STACKS[stack]()))


MASKED_STACKS = {
    "one way": lambda: [LSTM(3, return_sequences=True, **F64), GRU(3, **F64), head()],
    "both ways": lambda: [Bidirectional(LSTM(3, return_sequences=True, **F64)), GRU(2, **F64), head()],
    "zeros": lambda: [
        LSTM(3, return_sequences=True, zero_output_for_mask=True, **F64),
        GRU(2, **F64),
        head(),
    ],
}


@pytest.mark.parametrize("stack", MASKED_STACKS)
def test_masks_travel_as_in_keras(stack):
    model, twin = pair([Masking(**F64), *MASKED_STACKS[stack]()])
    assert_same_outputs(model, twin, padded()[0])
    assert_same_course(model, twin, padded(), steps=20)


def test_the_loss_of_masked_timesteps_does_not_count_as_in_keras():
    layers = [Masking(**F64), GRU(3, return_sequences=True, **F64), head()]
    model, twin = pair(layers)
    x, labels = padded()[0], RNG.integers(0, 3, (BATCH, TIME))
    counted = int((x != 0).any(-1).sum())
    for _ in range(3):
        ours = model.train_on_batch(x, labels)
        with floatx_of(model):
            theirs = twin.train_on_batch(x, labels, return_dict=True)["batch_loss"]
        # Keras divides by how many count and 1e-7 more, lest it be none.
        assert ours == pytest.approx(theirs, rel=1.5e-7 / counted)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
def test_outputs_are_merged_as_in_keras(mode):
    model, twin = pair([Bidirectional(LSTM(3, return_sequences=True, **F64), mode), LSTM(2, **F64), head()])
    assert_same_outputs(model, twin, X[0])


def test_states_are_kept_as_in_keras():
    model, twin = pair(
        [LSTM(3, stateful=True, **F64), head()], (BATCH, TIME, FEATURES), Adam(2**-9, 0.875, 0.9375)
    )
    assert_same_course(model, twin)
    model.reset_states()
    twin.layers[0].reset_state()
    assert_same_outputs(model, twin, X[0])
    assert_same_outputs(model, twin, X[1])


class GivenMasks:
    """Takes the place of Keras's dropout: multiplies by what it is given, in the order of the calls."""

    def __init__(self):
        self.variables, self.calls = [], 0

    def __call__(self, inputs, rate, noise_shape=None, seed=None):
        variable = self.variables[self.calls]
        self.calls += 1
        return inputs * variable

    def give(self, masks):
        if not self.variables:
            import tensorflow as tf

            self.variables = [tf.Variable(mask) for mask in masks]
        for variable, mask in zip(self.variables, masks, strict=True):
            variable.assign(mask)


def masks_of(model, x):
    """Return the masks that the next step of training will draw, in the order in which Keras wants them."""
    step = model.optimizer.iterations
    with at(Place((model._draws_seed, step, 0), 0, len(x))):
        _, tapes = model.forward(x, training=True)
    masks = []
    for layer, tape in zip(model.layers, tapes, strict=True):
        if isinstance(layer, Dropout):
            masks.append(tape.factors)
        elif getattr(layer, "recurrent_dropout", 0):
            for rate, rows in ((layer.dropout, layer.kernel_rows), (0.5, layer.recurrent_kernel_rows)):
                masks += [gate.T.copy() for gate in tape.kept[:, rows]] if rate else []
        elif getattr(layer, "dropout", 0):
            masks.append(tape.kept_inputs.T.copy())
    return masks


DROPPING = {
    "inputs": lambda: [LSTM(4, dropout=0.25, **F64), Dropout(0.5, **F64)],
    "inputs and states of an LSTM": lambda: [LSTM(4, dropout=0.25, recurrent_dropout=0.25, **F64)],
    "states of a GRU": lambda: [GRU(4, recurrent_dropout=0.25, **F64)],
    "both of a GRU that resets before": lambda: [
        GRU(4, reset_after=False, dropout=0.5, recurrent_dropout=0.25, **F64)
    ],
    "both of a SimpleRNN": lambda: [SimpleRNN(4, dropout=0.25, recurrent_dropout=0.25, **F64)],
}


@pytest.mark.parametrize("stack", DROPPING)
def test_with_the_same_masks_dropout_takes_the_course_of_keras(stack, monkeypatch):
    masks = GivenMasks()
    monkeypatch.setattr("keras.src.backend.random.dropout", masks)
    model, twin = pair([*DROPPING[stack](), head()])
    assert_same_course(model, twin, before=lambda x: masks.give(masks_of(model, x)))
    assert masks.calls == len(masks.variables)  # Keras has traced its graph once, and asked for each


def test_what_keras_cannot_build_is_refused_by_name():
    one = Bidirectional(LSTM(3), backward_layer=GRU(2, go_backwards=True))
    with pytest.raises(
        ValueError, match="'bidirectional' puts 3 and 2 units side by side, and Keras takes them for"
    ):
        build_twin(Sequential([one, Dense(3, "softmax")]), (None, TIME, FEATURES))
    with pytest.raises(ValueError, match="'layer_norm_lstm' has dropout"):
        build_twin(Sequential([LayerNormLSTM(3, dropout=0.5)]), (None, TIME, FEATURES))
    with pytest.raises(ValueError, match=r"'random_affine' \(RandomAffine\) has no counterpart in Keras"):
        build_twin(Sequential([RandomAffine(2.0), LSTM(3)]), (None, TIME, FEATURES))
    with pytest.raises(ValueError, match="'lstm' is stateful: Keras needs the size of a batch"):
        build_twin(Sequential([LSTM(3, stateful=True)]), (None, TIME, FEATURES))


# Initial weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*initializers._BY_NAME} - {"zeros", "ones", "identity"}))
def test_initial_weights_are_spread_as_those_of_keras(name):
    """40,000 numbers of each. 6 % of the spread are five standard deviations of the error of two deciles."""
    shape = (100, 400)
    ours = initializers.get(name)(shape, np.random.default_rng(0)).ravel()
    keras.utils.set_random_seed(0)
    theirs = np.asarray(keras.initializers.get(name)(shape, "float32")).ravel()
    deciles = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(
        np.quantile(ours, deciles), np.quantile(theirs, deciles), atol=0.06 * theirs.std()
    )
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    if name not in ("random_normal", "orthogonal"):  # the others end somewhere
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)
