"""Callbacks and weights of samples, with Keras as the judge: the same decisions, losses, steps and files."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import random_arrays

import scratch_rnn
from scratch_rnn import SGD, Dense, History, Sequential, SimpleRNN

keras = pytest.importorskip("keras")

ROUNDING = {
    "rtol": 1e-9,
    "atol": 1e-12,
}  # of eight steps of training in float64; any other formula is far off
LOSSES = [0.9, 0.7, 0.71, 0.7, 0.65, 0.66, 0.64, 0.7, 0.7, 0.7, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6]
LOGS = [
    {"loss": 2 * loss, "accuracy": 1 - loss, "val_loss": loss, "val_accuracy": 1 - loss} for loss in LOSSES
]


@pytest.fixture
def float64():
    """Keras computes in float64, where it compares values too."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def pair(loss="sparse_categorical_crossentropy", outputs=3, sequences=False, metrics=("accuracy",)):
    """Return our model and Keras's, with the same weights."""
    ours = Sequential([SimpleRNN(3, return_sequences=sequences, dtype="float64")], seed=0)
    ours.add(Dense(outputs, "softmax" if outputs > 1 else None, dtype="float64"))
    ours.build((None, 4, 2))
    theirs = keras.Sequential(
        [keras.Input((4, 2)), keras.layers.SimpleRNN(3, return_sequences=sequences, unroll=True)]
    )
    theirs.add(keras.layers.Dense(outputs, activation="softmax" if outputs > 1 else None))
    theirs.set_weights(ours.get_weights())
    ours.compile(SGD(0.5), loss, list(metrics), threads=1)
    theirs.compile(keras.optimizers.SGD(0.5), loss, metrics=list(metrics), run_eagerly=True)
    return ours, theirs


class Stand:
    """A model of which only its learning rate, one weight and the end of the training matter."""

    def __init__(self):
        self.optimizer, self.metrics = SimpleNamespace(learning_rate=1.0), []
        self.stop_training, self.history, self.weight = False, History(), np.zeros(1)

    def get_weights(self):
        return [self.weight.copy()]

    def set_weights(self, weights):
        self.weight = weights[0]


def course(callback, logs):
    """Drive a callback through epochs with these logs; return what it did: rate and weight of each epoch."""
    model, done = Stand(), []
    callback.set_model(model)
    callback.set_params({"epochs": len(logs)})
    callback.on_train_begin()
    for epoch, given in enumerate(logs):
        callback.on_epoch_begin(epoch)
        model.weight = np.full(1, epoch + 1.0)
        given = dict(given)
        callback.on_epoch_end(epoch, given)
        done.append((float(model.optimizer.learning_rate), given.get("learning_rate")))
        if model.stop_training:
            break
    callback.on_train_end()
    return done, model.weight.tolist()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2},
        {"patience": 3, "restore_best_weights": True},
        {"patience": 2, "min_delta": 0.05, "restore_best_weights": True},
        {"patience": 2, "min_delta": -0.05},
        {"patience": 1, "start_from_epoch": 4},
        {"patience": 3, "baseline": 0.65, "restore_best_weights": True},
        {"patience": 3, "baseline": 0.1, "restore_best_weights": True},
        {"monitor": "val_accuracy", "mode": "max", "patience": 2},
        {"monitor": "val_accuracy", "mode": "max", "patience": 2, "min_delta": 0.05},
        {"monitor": "loss", "mode": "max", "patience": 4},
        {"monitor": "accuracy", "mode": "min", "restore_best_weights": True},
    ],
)
def test_early_stopping_decides_as_keras_does(float64, options):
    expected = course(keras.callbacks.EarlyStopping(**options), LOGS)
    assert course(scratch_rnn.EarlyStopping(**options), LOGS) == expected


def test_some_of_these_courses_end_early_and_some_bring_weights_back():
    """Else the test above could not fail."""
    done, weight = course(scratch_rnn.EarlyStopping(patience=3, restore_best_weights=True), LOGS)
    assert (len(done), weight) == (10, [7])


@pytest.mark.parametrize(
    "options", [{"patience": 2}, {"patience": 0}, {"patience": 2, "restore_best_weights": True}]
)
@pytest.mark.parametrize(
    "losses", [[np.nan, 1, 0.5, 0.4], [1, np.nan, np.nan, 0.5, np.nan, np.nan], [np.inf, 1, 2]]
)
def test_early_stopping_takes_nan_as_keras_does(float64, options, losses):
    logs = [{"val_loss": loss} for loss in losses]
    expected = course(keras.callbacks.EarlyStopping(**options), logs)
    assert course(scratch_rnn.EarlyStopping(**options), logs) == expected


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.5, "min_lr": 0.3},
        {"patience": 2, "factor": 0.25, "min_delta": 0.05},
        {"patience": 0, "factor": 0.5},
        {"monitor": "accuracy", "mode": "max", "patience": 2, "factor": 0.5, "cooldown": 1},
        {"monitor": "loss", "mode": "max", "patience": 3},
    ],
)
def test_the_learning_rate_is_reduced_when_keras_reduces_it(float64, options):
    done, _ = course(scratch_rnn.ReduceLROnPlateau(**options), LOGS)
    expected, _ = course(keras.callbacks.ReduceLROnPlateau(**options), LOGS)
    assert done == expected
    assert len(set(done)) > 1 or not options


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate * 0.5, lambda epoch: 1 / (1.0 + epoch)])
def test_the_learning_rate_is_scheduled_as_in_keras(schedule):
    done, _ = course(scratch_rnn.LearningRateScheduler(schedule), LOGS[:4])
    expected, _ = course(keras.callbacks.LearningRateScheduler(schedule), LOGS[:4])
    assert done == expected
    assert len(set(done)) == 4


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau"])
def test_a_value_that_is_not_there_gets_a_warning_and_no_decision(name):
    for library in (scratch_rnn, keras.callbacks):
        with pytest.warns(UserWarning, match="val_lost"):
            done, _ = course(getattr(library, name)("val_lost", mode="min", patience=1), LOGS)
        assert len(done) == len(LOGS)
        assert {rate for rate, _ in done} == {1.0}


@pytest.mark.parametrize(
    "logs",
    [
        LOGS[:3],
        [{"loss": 0.1 + 0.2}, {"loss": 1e-20, "val_loss": 3.0}],
        [{"loss": 1.0, "val_loss": 2.0}, {"loss": np.nan}, {"loss": np.inf, "val_loss": 0.5, "more": 1.0}],
    ],
)
@pytest.mark.parametrize("options", [{}, {"separator": ";"}, {"append": True}])
def test_a_csv_file_is_that_of_keras(logs, options, tmp_path):
    for library in (scratch_rnn, keras.callbacks):
        path = tmp_path / f"{library.__name__}.csv"
        for part in (logs, logs[:1]):  # twice: the second training replaces the file, or goes on in it
            course(library.CSVLogger(path, **options), part)
    ours, theirs = ((tmp_path / f"{name}.csv").read_bytes() for name in ("scratch_rnn", "keras.callbacks"))
    assert ours == theirs
    assert ours.count(b"\r\n") == (len(logs) + 2 if "append" in options else 2)


# Weights of samples ----------------------------------------------------------------------------------------


(X,) = random_arrays((20, 4, 2))
RNG = np.random.default_rng(5)
LABELS, NUMBERS = RNG.integers(0, 3, 20), RNG.normal(size=(20, 1))
WEIGHTS = RNG.uniform(0, 3, 20)
STEPS = RNG.integers(0, 3, (20, 4)), RNG.uniform(0, 3, (20, 4))
CASES = {
    "labels": ({}, LABELS, WEIGHTS),
    "a column of whole numbers": ({}, LABELS, np.arange(20)[:, None]),
    "one-hot": ({"loss": "categorical_crossentropy"}, np.eye(3)[LABELS], WEIGHTS),
    "numbers": ({"loss": "mse", "outputs": 1, "metrics": ["mae"]}, NUMBERS, WEIGHTS),
    "each step of a sequence": ({"sequences": True}, *STEPS),
}


def trained(model, y, **options):
    options = {"batch_size": 10, "epochs": 2, "shuffle": False, "verbose": 0} | options
    history = model.fit(X, y, **options).history
    return {name: history[name] for name in sorted(history)}, model.get_weights()


def assert_same_course(ours, theirs):
    assert ours[0].keys() == theirs[0].keys()
    for name, values in ours[0].items():
        np.testing.assert_allclose(values, theirs[0][name], **ROUNDING, err_msg=name)
    for weight, expected in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(weight, expected, **ROUNDING)


@pytest.mark.parametrize("case", CASES)
def test_fit_weighs_samples_as_keras_does(float64, case):
    options, y, weights = CASES[case]
    ours, theirs = pair(**options)
    more = {"sample_weight": weights, "validation_split": 0.3}
    assert_same_course(trained(ours, y, **more), trained(theirs, y, **more))


@pytest.mark.parametrize("freq", [2, [1, 3]])
def test_the_validation_has_weights_of_its_own_and_comes_when_it_is_due(float64, freq):
    ours, theirs = pair()
    more = {"validation_data": (X[:9], LABELS[:9], WEIGHTS[:9]), "validation_freq": freq, "epochs": 3}
    more |= {"batch_size": 20, "validation_batch_size": 5}
    done = trained(ours, LABELS, **more), trained(theirs, LABELS, **more)
    assert_same_course(*done)
    assert len(done[0][0]["val_loss"]) == (1 if freq == 2 else 2)


@pytest.mark.parametrize("one_hot", [False, True])
def test_fit_weighs_classes_as_keras_does_and_validation_not_at_all(float64, one_hot):
    y = np.eye(3)[LABELS] if one_hot else LABELS
    ours, theirs = pair("categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy")
    more = {"class_weight": {0: 0.25, 2: 3}, "validation_split": 0.3}
    assert_same_course(trained(ours, y, **more), trained(theirs, y, **more))


def test_evaluate_gives_the_list_that_keras_gives(float64):
    ours, theirs = pair()
    expected = theirs.evaluate(X, LABELS, 8, 0)
    assert ours.evaluate(X, LABELS, 8, 0, return_dict=False) == pytest.approx(expected, rel=1e-12)


def test_train_on_batch_weighs_classes_as_keras_does(float64):
    ours, theirs = pair()
    weights = {0: 0.25, 2: 3}
    expected = theirs.train_on_batch(X, LABELS, class_weight=weights, return_dict=True)["loss"]
    assert ours.train_on_batch(X, LABELS, class_weight=weights) == pytest.approx(expected, rel=1e-12)


def test_evaluate_and_train_on_batch_weigh_samples_as_keras_does(float64):
    ours, theirs = pair()
    scores = theirs.evaluate(X, LABELS, 8, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    assert ours.evaluate(X, LABELS, 8, sample_weight=WEIGHTS) == pytest.approx(scores, rel=1e-12)
    expected = theirs.train_on_batch(X, LABELS, WEIGHTS, return_dict=True)["loss"]
    assert ours.train_on_batch(X, LABELS, WEIGHTS) == pytest.approx(expected, rel=1e-12)
    for weight, theirs_weight in zip(ours.weights, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(weight, theirs_weight, **ROUNDING)


# A whole training ------------------------------------------------------------------------------------------


def batches(weights=True):
    """Yield batches of different sizes, for ever."""
    while True:
        for rows in (slice(0, 8), slice(8, 11), slice(11, 20)):
            yield (X[rows], LABELS[rows], WEIGHTS[rows]) if weights else (X[rows], LABELS[rows])


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("steps", [2, 3])
def test_fit_takes_a_generator_as_keras_does(float64, weights, steps):
    ours, theirs = pair()
    options = {"steps_per_epoch": steps, "epochs": 2, "verbose": 0, "shuffle": False}
    done = []
    for model in (ours, theirs):
        history = model.fit(batches(weights), **options).history
        done.append(({name: history[name] for name in sorted(history)}, model.get_weights()))
    assert_same_course(*done)


def test_a_whole_training_with_callbacks_takes_the_course_of_keras(float64):
    done = []
    for model, library in zip(pair(), (scratch_rnn, keras.callbacks), strict=True):
        callbacks = [
            library.LearningRateScheduler(lambda epoch, rate: rate * 1.5 if epoch < 3 else rate),
            library.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.02),
            library.EarlyStopping("val_accuracy", patience=2, restore_best_weights=True),
            library.TerminateOnNaN(),
        ]
        more = {"validation_split": 0.4, "epochs": 30, "callbacks": callbacks}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's, of its own
            done.append(trained(model, LABELS, **more))
    assert_same_course(*done)
    rates = done[0][0]["learning_rate"]
    assert rates == [0.75, 1.125, 1.6875, 0.84375, 0.421875]  # up, down, and an early end
