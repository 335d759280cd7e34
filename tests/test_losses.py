"""Losses: their values, their gradients, and that no prediction makes them overflow. Metrics too."""

import numpy as np
import pytest
from helpers import assert_gradient, central_differences, random_arrays

from scratch_rnn.layers.activations import Linear, Sigmoid, Softmax, Tanh
from scratch_rnn.training import losses, metrics
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

CROSS_ENTROPIES = (CategoricalCrossentropy, SparseCategoricalCrossentropy)
SHAPES = [(5, 3), (4, 5, 3)]

both_names = pytest.mark.parametrize("make", CROSS_ENTROPIES)
rows_and_sequences = pytest.mark.parametrize("shape", SHAPES, ids=["rows", "sequences"])


def softmax(z):
    exp = np.exp(z - z.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def problem(shape, seed=1):
    """Return integer labels, the same one-hot, and logits."""
    (z,) = random_arrays(shape, seed=seed)
    labels = np.random.default_rng(seed).integers(0, shape[-1], shape[:-1])
    return labels, np.eye(shape[-1])[labels], z


# Cross-entropy ---------------------------------------------------------------------------------------------


@both_names
@rows_and_sequences
def test_cross_entropy_is_minus_the_log_of_the_labels_probability(make, shape):
    labels, _, z = problem(shape)
    p = softmax(z)
    expected = -np.log(np.take_along_axis(p, labels[..., np.newaxis], axis=-1)[..., 0])
    # One formula in two spellings: a few roundings apart.
    np.testing.assert_allclose(make().values(labels, p), expected, rtol=1e-14)
    np.testing.assert_allclose(make(from_logits=True).values(labels, z), expected, rtol=1e-14)
    assert make()(labels, p) == pytest.approx(expected.mean(), rel=1e-14)


@both_names
@rows_and_sequences
@pytest.mark.parametrize("from_logits", [True, False])
def test_integer_and_one_hot_labels_mean_the_same(make, shape, from_logits):
    labels, one_hot, z = problem(shape)
    loss, y_pred = make(from_logits), z if from_logits else softmax(z)
    for result in (loss.values, loss.gradient):
        np.testing.assert_array_equal(result(labels, y_pred), result(one_hot, y_pred))
        np.testing.assert_array_equal(result(labels[..., np.newaxis], y_pred), result(one_hot, y_pred))


@both_names
@rows_and_sequences
@pytest.mark.parametrize("from_logits", [True, False])
def test_gradient_of_cross_entropy_agrees_with_central_differences(make, shape, from_logits):
    labels, _, z = problem(shape)
    loss, y_pred = make(from_logits), z if from_logits else softmax(z)
    gradient = loss.gradient(labels, y_pred)
    numeric = central_differences(lambda: loss.values(labels, y_pred).sum(), y_pred)
    assert_gradient(gradient, numeric, make.name)


@both_names
@pytest.mark.parametrize("from_logits", [True, False])
def test_gradient_holds_for_soft_labels_and_for_probabilities_that_do_not_add_up(make, from_logits):
    targets, y_pred = np.random.default_rng(2).uniform(0.1, 0.9, (2, 5, 3))
    loss = make(from_logits)
    numeric = central_differences(lambda: loss.values(targets, y_pred).sum(), y_pred)
    assert_gradient(loss.gradient(targets, y_pred), numeric, make.name)


@both_names
def test_gradient_on_logits_is_probability_minus_label(make):
    labels, one_hot, z = problem((5, 3))
    gradient = make(from_logits=True).gradient(labels, z)
    np.testing.assert_allclose(gradient, softmax(z) - one_hot, rtol=1e-13, atol=1e-15)  # a few roundings


@pytest.mark.filterwarnings("error")
@both_names
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_give_finite_values_and_gradients(make, dtype):
    z = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0]], dtype)
    loss = make(from_logits=True)
    np.testing.assert_array_equal(loss.values(np.array([0, 1]), z), [0, 2e4])
    np.testing.assert_array_equal(loss.gradient(np.array([0, 1]), z), [[0, 0, 0], [1, -1, 0]])


@pytest.mark.filterwarnings("error")
@both_names
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_of_zero_and_one_are_clipped(make, dtype):
    p = np.array([[1, 0, 0], [1, 0, 0]], dtype)
    values = make().values(np.array([0, 1]), p)
    # Clipped to 1e-7 and 1 - 1e-7; the sparse form divides by their sum, 1 + 1e-7. Both are float32 numbers
    # near 1 at best, which round by 6e-8.
    assert values[0] == pytest.approx(0, abs=3e-7)
    assert values[1] == pytest.approx(-np.log(1e-7), rel=1e-6)


@pytest.mark.filterwarnings("error")
@both_names
def test_each_row_of_logits_is_shifted_by_its_own_maximum(make):
    z = np.array([[1e4, 1e4 - 1], [-1e4, -1e4 - 1]])
    first, second = make(from_logits=True).values(np.array([0, 0]), z)
    assert first == second == pytest.approx(np.log1p(np.exp(-1)))


def test_a_sure_and_right_answer_still_costs_what_the_clip_leaves():
    p, labels = np.array([[1.0, 0.0, 0.0]]), np.array([0])
    # 1 - 1e-7; the sparse form then divides by the sum of what it clipped, 1 + 1e-7.
    assert CategoricalCrossentropy().values(labels, p) == pytest.approx(1e-7, rel=1e-6)
    assert SparseCategoricalCrossentropy().values(labels, p) == pytest.approx(2e-7, rel=1e-6)


@both_names
def test_probabilities_at_the_clip_itself_have_a_gradient(make):
    p = np.array([[losses.EPSILON, 1 - losses.EPSILON]])
    assert p.sum() == 1
    assert make().gradient(np.array([0]), p).all()


@both_names
def test_clipped_probabilities_have_no_gradient(make):
    gradient = make().gradient(np.array([1]), np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(gradient, np.zeros((1, 3)))


def test_the_two_cross_entropies_differ_on_probabilities_that_do_not_add_up_near_the_clip():
    p = np.array([[1.6, 0.2, 0.2]])
    # The categorical one divides first, 1.6 / 2; the sparse one clips first, 1 / 1.4.
    assert CategoricalCrossentropy()(np.array([0]), p) == pytest.approx(-np.log(0.8), rel=1e-15)
    assert SparseCategoricalCrossentropy()(np.array([0]), p) == pytest.approx(np.log(1.4), rel=1e-6)


def test_a_cross_entropy_is_joined_with_its_own_activation_alone():
    """What is computed from the logits of one function is another loss behind another one."""
    for make, fitting in [*((make, Softmax()) for make in CROSS_ENTROPIES), (BinaryCrossentropy, Sigmoid())]:
        assert losses.joined(make(), fitting) == make(from_logits=True)
        for other in {Softmax(), Sigmoid(), Linear(), Tanh()}:
            if type(other) is not type(fitting):
                assert losses.joined(make(), other) is None
    for error in (MeanSquaredError(), MeanAbsoluteError()):
        assert losses.joined(error, Softmax()) is losses.joined(error, Sigmoid()) is None


def test_a_joined_loss_keeps_its_other_options():
    smoothed = BinaryCrossentropy(label_smoothing=0.25)
    assert losses.joined(smoothed, Sigmoid()) == BinaryCrossentropy(from_logits=True, label_smoothing=0.25)


def test_a_subclass_is_not_joined_unless_it_says_so():
    class Own(BinaryCrossentropy):
        pass

    class Willing(BinaryCrossentropy):
        joins = Sigmoid

    class Steep(Sigmoid):
        pass

    assert losses.joined(Own(), Sigmoid()) is None
    assert losses.joined(Willing(), Sigmoid()) == Willing(from_logits=True)
    assert losses.joined(BinaryCrossentropy(), Steep()) is None


# Binary cross-entropy --------------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def yes_and_no(shape, seed=1):
    """Return labels of zeros and ones, and logits."""
    (z,) = random_arrays(shape, seed=seed)
    return np.random.default_rng(seed).integers(0, 2, shape).astype("float64"), z


@rows_and_sequences
def test_binary_cross_entropy_is_the_mean_of_as_many_cross_entropies_of_two_classes(shape):
    y, z = yes_and_no(shape)
    # Each output beside its counter-probability: a cross-entropy of two classes, as above.
    two = np.stack([np.zeros_like(z), z], axis=-1)
    expected = CategoricalCrossentropy(from_logits=True).values(y.astype(int), two).mean(axis=-1)
    np.testing.assert_allclose(BinaryCrossentropy(from_logits=True).values(y, z), expected, rtol=1e-14)
    np.testing.assert_allclose(BinaryCrossentropy().values(y, sigmoid(z)), expected, rtol=1e-13)


@rows_and_sequences
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_gradient_of_binary_cross_entropy_agrees_with_central_differences(shape, from_logits, smoothing):
    y, z = yes_and_no(shape)
    loss, y_pred = BinaryCrossentropy(from_logits, smoothing), z if from_logits else sigmoid(z)
    numeric = central_differences(lambda: loss.values(y, y_pred).sum(), y_pred)
    assert_gradient(loss.gradient(y, y_pred), numeric, loss.name)


def test_gradient_of_binary_cross_entropy_on_logits_is_probability_minus_label_over_their_number():
    y, z = yes_and_no((5, 3))
    gradient = BinaryCrossentropy(from_logits=True).gradient(y, z)
    np.testing.assert_allclose(gradient, (sigmoid(z) - y) / 3, rtol=1e-13)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_of_a_sigmoid_give_finite_values_and_gradients(dtype):
    loss, y = BinaryCrossentropy(from_logits=True), np.array([[0], [1], [0], [1]], dtype)
    z = np.array([[1e4], [1e4], [-1e4], [-1e4]], dtype)
    np.testing.assert_array_equal(loss.values(y, z), [1e4, 0, 0, 1e4])
    np.testing.assert_allclose(loss.gradient(y, z), [[1], [0], [0], [-1]], atol=1e-37)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_probabilities_of_zero_and_one_are_clipped_and_have_no_gradient(dtype):
    y, p = np.array([[1], [1]], dtype), np.array([[0], [1]], dtype)
    # float32 rounds 1 - 1e-7 by up to 6e-8.
    assert BinaryCrossentropy().values(y, p) == pytest.approx([-np.log(1e-7), 1e-7], rel=1e-6, abs=1e-7)
    np.testing.assert_array_equal(BinaryCrossentropy().gradient(y, p), [[0], [0]])


def test_binary_cross_entropy_at_a_logit_of_zero_can_be_checked_by_the_complex_step():
    loss, y = BinaryCrossentropy(from_logits=True), np.array([[0.0, 1.0]])
    for k in range(2):
        z = np.zeros((1, 2), complex)
        z[0, k] = 1e-30j
        assert loss(y, z).imag / 1e-30 == loss.gradient(y, z.real)[0, k] == (0.25, -0.25)[k]


@pytest.mark.parametrize("wrong", [-1, 2, 1.5])
def test_binary_labels_that_are_no_probabilities_are_refused_by_number(wrong):
    with pytest.raises(
        ValueError, match=rf"binary_crossentropy takes labels from 0 to 1, but there is {wrong}"
    ):
        BinaryCrossentropy().checked(np.array([[0], [1], [wrong]]), (3, 1), np.dtype("float64"))


# Label smoothing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_logits", [True, False])
def test_smoothing_gives_a_share_of_each_label_to_all_classes(from_logits):
    labels, one_hot, z = problem((5, 3))
    loss, y_pred = CategoricalCrossentropy(from_logits, 0.3), z if from_logits else softmax(z)
    soft = np.full((5, 3), 0.1)
    soft[np.arange(5), labels] = 0.8
    for y in (labels, one_hot):
        for ours, of_soft in (
            (loss.values, CategoricalCrossentropy(from_logits).values),
            (loss.gradient, CategoricalCrossentropy(from_logits).gradient),
        ):
            np.testing.assert_allclose(ours(y, y_pred), of_soft(soft, y_pred), rtol=1e-13, atol=1e-15)


def test_smoothing_of_yes_and_no_halves_the_share():
    y, z = yes_and_no((5, 3))
    soft = np.where(y == 1, 0.85, 0.15)
    np.testing.assert_allclose(
        BinaryCrossentropy(True, 0.3).values(y, z), BinaryCrossentropy(True).values(soft, z), rtol=1e-14
    )


@pytest.mark.parametrize("make", [CategoricalCrossentropy, BinaryCrossentropy])
@pytest.mark.parametrize("wrong", [-0.1, 1.5, np.nan, "0.1", None])
def test_a_smoothing_out_of_range_is_refused(make, wrong):
    with pytest.raises(ValueError, match="label_smoothing must be a number at least 0 and at most 1, not"):
        make(label_smoothing=wrong)


# Errors ----------------------------------------------------------------------------------------------------


@rows_and_sequences
def test_absolute_error_is_the_mean_over_the_last_axis(shape):
    y, p = random_arrays(shape, shape)
    expected = sum(np.abs(y[..., k] - p[..., k]) for k in range(shape[-1])) / shape[-1]
    np.testing.assert_allclose(MeanAbsoluteError().values(y, p), expected, rtol=1e-14)  # order of the sum
    numeric = central_differences(lambda: MeanAbsoluteError().values(y, p).sum(), p)
    assert_gradient(MeanAbsoluteError().gradient(y, p), numeric, "mean_absolute_error")


def test_absolute_error_has_no_gradient_where_the_answer_is_right():
    y, p = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 1.5, 4.0]])
    np.testing.assert_array_equal(MeanAbsoluteError().gradient(y, p), [[0, -1 / 3, 1 / 3]])


# Squared error ---------------------------------------------------------------------------------------------


@rows_and_sequences
def test_squared_error_is_the_mean_over_the_last_axis(shape):
    y, p = random_arrays(shape, shape)
    expected = sum((y[..., k] - p[..., k]) ** 2 for k in range(shape[-1])) / shape[-1]
    np.testing.assert_allclose(MeanSquaredError().values(y, p), expected, rtol=1e-14)  # order of the sum
    assert MeanSquaredError()(y, p) == pytest.approx(expected.mean(), rel=1e-14)


@rows_and_sequences
def test_gradient_of_squared_error_agrees_with_central_differences(shape):
    y, p = random_arrays(shape, shape)
    numeric = central_differences(lambda: MeanSquaredError().values(y, p).sum(), p)
    assert_gradient(MeanSquaredError().gradient(y, p), numeric, "mean_squared_error")


# All -------------------------------------------------------------------------------------------------------


every_loss = pytest.mark.parametrize(
    "loss",
    [
        CategoricalCrossentropy(),
        CategoricalCrossentropy(from_logits=True),
        SparseCategoricalCrossentropy(),
        SparseCategoricalCrossentropy(from_logits=True),
        CategoricalCrossentropy(label_smoothing=np.float64(0.1)),
        BinaryCrossentropy(),
        BinaryCrossentropy(from_logits=True, label_smoothing=np.float64(0.1)),
        MeanSquaredError(),
        MeanAbsoluteError(),
    ],
    ids=repr,
)


@every_loss
def test_arguments_stay_as_they_are(loss):
    _, targets, z = problem((5, 3))
    p = softmax(z)
    targets.flags.writeable = p.flags.writeable = False  # to write into them would raise
    loss.values(targets, p)
    gradient = loss.gradient(targets, p)
    assert gradient.flags.writeable
    assert not np.shares_memory(gradient, p)
    assert not np.shares_memory(gradient, targets)


@every_loss
def test_dtype_of_the_prediction_is_kept(loss):
    _, targets, z = problem((5, 3))
    p = softmax(z).astype("float32")
    assert loss.values(targets.astype("float32"), p).dtype == "float32"
    assert loss.gradient(targets.astype("float32"), p).dtype == "float32"


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("categorical_crossentropy", CategoricalCrossentropy),
        ("sparse_categorical_crossentropy", SparseCategoricalCrossentropy),
        ("binary_crossentropy", BinaryCrossentropy),
        ("mean_squared_error", MeanSquaredError),
        ("mse", MeanSquaredError),
        ("mean_absolute_error", MeanAbsoluteError),
        ("mae", MeanAbsoluteError),
    ],
)
def test_a_loss_is_found_by_kerass_name(name, cls):
    assert type(losses.get(name)) is cls


def test_a_loss_is_taken_as_it_is():
    own = CategoricalCrossentropy(from_logits=True)
    assert losses.get(own) is own


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown loss 'hinge'.*categorical_crossentropy.*mse"):
        losses.get("hinge")


@both_names
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 3]), "label 3 is out of range: the model's classes are 0 to 2"),
        (np.array([0, 1, -1]), "label -1 is out of range: the model's classes are 0 to 2"),
        (np.array([0, 1]), r"y has shape \(2,\), expected integer labels \(3,\) or one-hot rows \(3, 3\)"),
        (np.array([0.0, 1.0, 2.0]), "labels must be integers or one-hot rows, not float64"),
    ],
    ids=["too large", "negative", "too few", "float"],
)
def test_labels_that_do_not_fit_are_refused(make, from_logits, labels, message):
    for result in (make(from_logits).values, make(from_logits).gradient):
        with pytest.raises(ValueError, match=message):
            result(labels, np.full((3, 3), 1 / 3))


@pytest.mark.parametrize("loss", [MeanSquaredError(), MeanAbsoluteError(), BinaryCrossentropy()])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_targets_are_never_stretched_to_the_predictions(loss, shape):
    for result in (loss.values, loss.gradient):
        with pytest.raises(ValueError, match=r"have shape .*, expected \(3, 3\), like the predictions"):
            result(np.zeros(shape), np.zeros((3, 3)))


# Metrics ---------------------------------------------------------------------------------------------------


@rows_and_sequences
def test_accuracy_tells_where_the_largest_output_stands_at_the_label(shape):
    labels, one_hot, z = problem(shape)
    best = [int(row.argmax()) for row in z.reshape(-1, 3)]
    expected = np.equal(best, labels.ravel())
    assert 0 < sum(expected) < len(expected)
    for y in (labels, labels[..., np.newaxis], one_hot):
        np.testing.assert_array_equal(metrics.accuracy(y, z).ravel(), expected)


def test_errors_are_means_over_the_last_axis():
    y, p = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0], [3.0, -1.0]])
    np.testing.assert_array_equal(metrics.mean_squared_error(y, p), [2, 5])
    np.testing.assert_array_equal(metrics.mean_absolute_error(y, p), [1, 2])


@pytest.mark.parametrize("name", ["accuracy", "acc", "mse", "mae", "binary_accuracy"])
def test_a_metric_bears_the_name_it_was_asked_for(name):
    assert metrics.get(name)[0] == name


def test_a_function_serves_as_metric_under_its_own_name():
    def wrong(y_true, y_pred):
        return ~metrics.accuracy(y_true, y_pred)

    assert metrics.get(wrong) == ("wrong", wrong)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown metric 'f1'.*accuracy.*mae"):
        metrics.get("f1")


def test_accuracy_of_a_single_output_counts_above_one_half():
    y_pred = np.array([[0.2], [0.5], [0.7], [0.9]])
    np.testing.assert_array_equal(metrics.accuracy(np.array([0, 0, 0, 1]), y_pred), [True, True, False, True])
    np.testing.assert_array_equal(
        metrics.accuracy(np.array([[0], [0], [0], [1]]), y_pred), [True, True, False, True]
    )


def test_binary_accuracy_is_the_share_of_outputs_on_the_right_side_of_one_half():
    y_pred = np.array([[0.2, 0.5, 0.7], [0.9, 0.6, 0.1]])
    yes = np.array([[0, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(metrics.binary_accuracy(yes, y_pred), [2 / 3, 1])
    np.testing.assert_array_equal(metrics.binary_accuracy(np.array([2, 0]), y_pred), [1, 2 / 3])
    np.testing.assert_array_equal(metrics.binary_accuracy(np.array([1, 0]), y_pred[:, :1]), [0, 0])
