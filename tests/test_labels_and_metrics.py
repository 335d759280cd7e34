"""Labels and metrics by hand: numbers that one can check with a pencil, and not by the code itself."""

import math
from functools import partial

import numpy as np
import pytest

from scratch_rnn import SGD, Dense, Sequential, SimpleRNN
from scratch_rnn.training import metrics
from scratch_rnn.training.labels import checked_labels, one_hot

# Four rows of three classes: right, wrong, right, wrong.
P = np.array([[0.125, 0.25, 0.625], [0.5, 0.375, 0.125], [0.125, 0.75, 0.125], [0.25, 0.0, 0.75]])
LABELS = np.array([2, 1, 1, 0])
ONE_HOT = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
SQUARES = [
    (0.125**2 + 0.25**2 + 0.375**2) / 3,
    (0.5**2 + 0.625**2 + 0.125**2) / 3,
    (0.125**2 + 0.25**2 + 0.125**2) / 3,
    (0.75**2 + 0.0 + 0.75**2) / 3,
]
DISTANCES = [0.75 / 3, 1.25 / 3, 0.5 / 3, 1.5 / 3]
HITS = [True, False, True, False]


# Labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "uint64"])
@pytest.mark.parametrize("column", [False, True])
def test_integer_labels_become_rows_with_a_one_at_the_label(dtype, column):
    labels = LABELS.astype(dtype)
    rows = one_hot(labels[:, np.newaxis] if column else labels, P.astype(np.float32))
    assert rows.tolist() == ONE_HOT.tolist()
    assert rows.dtype == np.float32


def test_labels_of_sequences_become_a_row_for_each_timestep():
    labels = np.array([[3, 0], [1, 2], [2, 2]])
    rows = one_hot(labels, np.full((3, 2, 4), 0.25))
    assert rows.tolist() == [
        [[0, 0, 0, 1], [1, 0, 0, 0]],
        [[0, 1, 0, 0], [0, 0, 1, 0]],
        [[0, 0, 1, 0], [0, 0, 1, 0]],
    ]


def test_a_list_of_labels_will_do():
    assert one_hot([2, 1, 1, 0], P).tolist() == ONE_HOT.tolist()


@pytest.mark.parametrize("rows", [ONE_HOT, ONE_HOT.astype(bool), ONE_HOT * 0.5 + 0.125])
def test_one_hot_rows_stay_as_they_are_in_the_dtype_of_the_outputs(rows):
    result = one_hot(rows, P.astype(np.float32))
    assert result.tolist() == rows.astype(float).tolist()
    assert result.dtype == np.float32


def test_neither_labels_nor_outputs_are_changed():
    labels, outputs = LABELS.copy(), P.copy()
    one_hot(labels, outputs)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(outputs, P)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, 3], r"label 3 is out of range: the model's classes are 0 to 2$"),
        ([0, 7, 2, 5], "label 7 is out of range"),
        ([0, -1, 2, 1], "label -1 is out of range"),
        ([-3, -1, 2, 9], "label -3 is out of range"),
        ([0.0, 1.0, 2.0, 1.0], r"labels must be integers or one-hot rows, not float64 \(4,\)"),
        ([True, False, True, True], "labels must be integers or one-hot rows, not bool"),
        ([0, 1, 2], r"y has shape \(3,\), expected integer labels \(4,\) or one-hot rows \(4, 3\)"),
        (np.zeros((4, 2), int), r"y has shape \(4, 2\)"),
        (np.zeros((3, 4), int), r"y has shape \(3, 4\)"),
        (ONE_HOT * np.nan, "one-hot labels must be finite numbers"),
        (ONE_HOT + np.inf, "one-hot labels must be finite numbers"),
        (ONE_HOT.astype(str), "one-hot labels must be finite numbers"),
    ],
)
def test_what_are_no_labels_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        one_hot(labels, P)


def test_labels_in_a_column_are_checked_and_returned_without_it():
    column = LABELS[:, np.newaxis]
    assert checked_labels(column, (4, 3)).tolist() == LABELS.tolist()
    with pytest.raises(ValueError, match="label 2 is out of range: the model's classes are 0 to 1"):
        checked_labels(column, (4, 2))


# Metrics ----------------------------------------------------------------------------------------------------

VALUES = {
    "accuracy": HITS,
    "acc": HITS,
    "categorical_accuracy": HITS,
    "sparse_categorical_accuracy": HITS,
    "mean_squared_error": SQUARES,
    "mse": SQUARES,
    "mean_absolute_error": DISTANCES,
    "mae": DISTANCES,
}


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, np.newaxis], ONE_HOT, ONE_HOT.astype(bool)])
@pytest.mark.parametrize("name", VALUES)
def test_a_metric_gives_each_row_its_value_under_the_name_that_was_asked_for(name, labels):
    given, metric = metrics.get(name)
    assert given == name
    assert metric(labels, P).tolist() == pytest.approx(VALUES[name], rel=1e-15)


@pytest.mark.parametrize(("name", "values"), [("accuracy", HITS), ("mse", SQUARES), ("mae", DISTANCES)])
@pytest.mark.parametrize("labels", [LABELS, ONE_HOT])
def test_a_metric_gives_each_timestep_of_a_sequence_its_value(name, values, labels):
    """Two rows of two steps; the same numbers as four rows."""
    _, metric = metrics.get(name)
    result = metric(labels.reshape(2, 2, *labels.shape[1:]), P.reshape(2, 2, 3))
    np.testing.assert_allclose(result, np.reshape(values, (2, 2)), rtol=1e-15)


def test_of_equal_outputs_the_first_is_the_answer():
    tie = np.array([[0.2, 0.4, 0.4], [0.5, 0.0, 0.5]])
    assert metrics.accuracy(np.array([1, 0]), tie).tolist() == [True, True]
    assert metrics.accuracy(np.array([2, 2]), tie).tolist() == [False, False]


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_a_single_output_answers_one_above_a_half(shape):
    p = np.array([[0.1], [0.5], [0.51], [0.9], [0.4]])
    assert metrics.accuracy(np.array([0, 0, 1, 0, 1]).reshape(shape), p).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_single_outputs_of_a_sequence_are_judged_one_by_one():
    p = np.array([[[0.1], [0.7], [0.6]], [[0.8], [0.2], [0.3]]])
    labels = np.array([[0, 1, 0], [1, 1, 0]])
    assert metrics.accuracy(labels, p).tolist() == [[True, True, False], [True, False, True]]


def test_errors_are_of_either_sign():
    y, p = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[0.5, 2.0], [2.5, 2.0]])
    assert metrics.mean_absolute_error(y, p).tolist() == [2.25, 1.5]
    assert metrics.mean_squared_error(y, p).tolist() == [8.125, 2.5]


def test_a_function_is_a_metric_under_its_own_name():
    def closeness(y_true, y_pred):
        return y_pred

    assert metrics.get(closeness) == ("closeness", closeness)
    nameless = partial(closeness, 3)
    assert metrics.get(nameless) == ("metric", nameless)


def test_a_name_that_is_no_metric_is_refused_and_the_names_told():
    with pytest.raises(
        ValueError, match="unknown metric 'f1': use one of accuracy, acc, categorical"
    ) as error:
        metrics.get("f1")
    assert all(name in str(error.value) for name in VALUES)


# Metrics of a whole data set --------------------------------------------------------------------------------


def small_model():
    model = Sequential([SimpleRNN(4, dtype="float64"), Dense(3, "softmax", dtype="float64")], seed=3)
    model.compile(SGD(1e-9), metrics=["accuracy", "mse", "mae"], threads=1)
    return model


@pytest.mark.parametrize("batch_size", [1, 4, 7, 10, 32])
@pytest.mark.parametrize("as_rows", [False, True])
def test_every_row_counts_once_however_the_batches_fall(batch_size, as_rows):
    """From the outputs, with loops and by hand; the steps of `fit` are too small to change them."""
    rng = np.random.default_rng(5)
    x, labels = rng.normal(size=(10, 3, 2)), rng.permutation([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
    model = small_model()
    expected = dict.fromkeys(["loss", "accuracy", "mse", "mae"], 0.0)
    for p, label in zip(model.predict(x).tolist(), labels.tolist(), strict=True):
        errors = [p[k] - (k == label) for k in range(3)]
        expected["loss"] -= math.log(p[label]) / 10
        expected["accuracy"] += all(p[label] >= other for other in p) / 10
        expected["mse"] += sum(error * error for error in errors) / 3 / 10
        expected["mae"] += sum(abs(error) for error in errors) / 3 / 10
    assert 0 < expected["accuracy"] < 1
    y = np.array([[label == k for k in range(3)] for label in labels]) if as_rows else labels
    assert model.evaluate(x, y, batch_size) == pytest.approx(expected, rel=1e-13)
    history = model.fit(x, y, batch_size, verbose=0, validation_data=(x[:3], y[:3])).history
    assert {name: history[name][0] for name in expected} == pytest.approx(expected, rel=1e-7)


def test_times_are_no_labels():
    with pytest.raises(ValueError, match=r"labels must be integers or one-hot rows, not timedelta64"):
        checked_labels(np.array([0, 1], "timedelta64[s]"), (2, 3))
    with pytest.raises(ValueError, match="one-hot labels must be finite numbers"):
        checked_labels(np.zeros((2, 3), "timedelta64[s]"), (2, 3))
