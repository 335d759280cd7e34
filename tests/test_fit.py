"""What `fit` is given: weights of samples and classes, batches of an iterable, and when to validate."""

import sys

import numpy as np
import pytest

from scratch_rnn import LSTM, SGD, BackupAndRestore, Callback, Dense, Sequential, SimpleRNN

RNG = np.random.default_rng(3)
X, Y, WEIGHTS = RNG.normal(size=(40, 3, 2)), RNG.integers(0, 3, 40), RNG.uniform(0, 3, 40)


def tiny(sequences=False, **options):
    model = Sequential([SimpleRNN(2, return_sequences=sequences, dtype="float64")], seed=0)
    model.add(Dense(3, "softmax", dtype="float64"))
    model.build((None, 3, 2))
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", ["accuracy"], **{"threads": 1} | options)
    return model


def assert_same_weights(model, other):
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def refuses(message, *data, error=ValueError, **options):
    """Check that fit raises this, and leaves the model as it was."""
    model, fresh = tiny(), tiny()
    with pytest.raises(error, match=message):
        model.fit(*data, **{"verbose": 0} | options)
    assert_same_weights(model, fresh)


# Batches ---------------------------------------------------------------------------------------------------


def test_a_batch_has_32_rows_where_nothing_is_said():
    model, other = tiny(), tiny()
    model.fit(X, Y, shuffle=False, verbose=0)
    other.fit(X, Y, 32, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 2
    assert_same_weights(model, other)
    assert model.evaluate(X, Y) == model.evaluate(X, Y, 32)
    np.testing.assert_array_equal(model.predict(X), model.predict(X, 32))


def test_evaluate_gives_the_list_of_keras_to_who_wants_it():
    scores = tiny().evaluate(X, Y)
    assert tiny().evaluate(X, Y, return_dict=False) == [scores["loss"], scores["accuracy"]]
    bare = tiny()
    bare.compile(SGD(0.5), "sparse_categorical_crossentropy")
    assert bare.evaluate(X, Y, return_dict=False) == scores["loss"]


# Weights ---------------------------------------------------------------------------------------------------


def test_a_weight_of_two_is_as_good_as_a_row_that_is_there_twice():
    times = RNG.integers(0, 3, 40)
    twice = np.repeat(np.arange(40), times)
    loss, gradients = tiny().loss_and_gradients(X, Y, sample_weight=times)
    expected, theirs = tiny().loss_and_gradients(X[twice], Y[twice])
    assert loss * 40 == pytest.approx(expected * len(twice), rel=1e-13)
    for ours, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours * 40, other * len(twice), rtol=1e-12, atol=1e-13)
    assert tiny().mean_loss(X, Y, times) == pytest.approx(loss, rel=1e-13)


def test_the_gradient_of_a_weighted_loss_is_its_derivative():
    model, step = tiny(), 1e-30
    _, gradients = model.loss_and_gradients(X, Y, WEIGHTS)
    turned = model.astype("complex128")
    for weight, gradient in zip(turned.weights, gradients, strict=True):
        weight[(0,) * weight.ndim] += 1j * step
        derivative = turned.mean_loss(X.astype("complex128").real, Y, WEIGHTS).imag / step
        weight[(0,) * weight.ndim] -= 1j * step
        assert derivative == pytest.approx(gradient[(0,) * weight.ndim], rel=1e-12)


def test_weights_of_one_change_no_bit():
    weighted, plain = tiny(), tiny()
    history = weighted.fit(X, Y, sample_weight=np.ones(40), epochs=2, validation_split=0.2, verbose=0)
    assert history.history == plain.fit(X, Y, epochs=2, validation_split=0.2, verbose=0).history
    assert_same_weights(weighted, plain)


def test_weights_stay_with_their_rows_when_shuffled():
    """Rows that count nothing may be anything."""
    weights = np.repeat([1.0, 0.0], 20)
    other = np.where(weights > 0, Y, (Y + 1) % 3)
    models = tiny(), tiny()
    losses = [
        model.fit(X, y, 8, 2, 0, sample_weight=weights) for model, y in zip(models, (Y, other), strict=True)
    ]
    assert losses[0].history["loss"] == losses[1].history["loss"]
    assert (
        losses[0].history["accuracy"] != losses[1].history["accuracy"]
    )  # which is not weighted, as in Keras
    assert_same_weights(*models)


@pytest.mark.parametrize("options", [{"threads": 3}, {"processes": 2}])
def test_weights_are_the_same_bits_on_any_number_of_workers(options):
    if "processes" in options and sys.platform != "linux":
        pytest.skip("processes are forked on Linux only")
    one, several = tiny(shard_rows=4), tiny(shard_rows=4, **options)
    for model in (one, several):
        model.fit(X, Y, 16, 2, 0, sample_weight=WEIGHTS)
    assert_same_weights(one, several)
    assert one.evaluate(X, Y, 16, sample_weight=WEIGHTS) == several.evaluate(X, Y, 16, sample_weight=WEIGHTS)


def test_the_weight_of_a_class_is_that_of_its_rows():
    by_class, by_row = tiny(), tiny()
    by_class.fit(X, Y, epochs=2, verbose=0, class_weight={0: 0.5, 2: 3})
    by_row.fit(X, Y, epochs=2, verbose=0, sample_weight=np.choose(Y, [0.5, 1, 3]))
    assert_same_weights(by_class, by_row)


def test_one_step_of_training_takes_the_weights_of_classes_too():
    by_class, by_row = tiny(), tiny()
    weights = np.array([1.0, 2.0, 0.5])
    loss = by_class.train_on_batch(X, Y, class_weight={1: 2.0, 2: 0.5})
    assert loss == by_row.train_on_batch(X, Y, weights[Y]) != tiny().train_on_batch(X, Y)
    assert_same_weights(by_class, by_row)


def test_steps_of_a_sequence_have_the_weight_of_their_row_or_class_or_their_own():
    y = RNG.integers(0, 3, (40, 3))
    by_row, by_step, by_class, by_label = (tiny(sequences=True) for _ in range(4))
    by_row.fit(X, y, verbose=0, sample_weight=WEIGHTS)
    by_step.fit(X, y, verbose=0, sample_weight=np.repeat(WEIGHTS[:, None], 3, axis=1))
    by_class.fit(X, y, verbose=0, class_weight={1: 2})
    by_label.fit(X, y, verbose=0, sample_weight=np.choose(y, [1.0, 2.0, 1.0]))
    assert_same_weights(by_row, by_step)
    assert_same_weights(by_class, by_label)


@pytest.mark.parametrize(
    ("options", "message", "error"),
    [
        ({"sample_weight": WEIGHTS[1:]}, r"sample_weight has shape \(39,\), expected \(40,\)$", ValueError),
        ({"sample_weight": 2.0}, r"sample_weight has shape \(\), expected \(40,\)$", ValueError),
        ({"sample_weight": np.ones((40, 3))}, r"sample_weight has shape \(40, 3\)", ValueError),
        ({"sample_weight": WEIGHTS + np.inf}, "sample_weight must be finite numbers", ValueError),
        ({"sample_weight": WEIGHTS.astype(str)}, "sample_weight must be finite numbers", ValueError),
        ({"class_weight": [1, 2, 3]}, "class_weight must be a dict", TypeError),
        ({"class_weight": {3: 1.0}}, "class_weight has the label 3, which is none", ValueError),
        ({"class_weight": {"0": 1.0}}, "class_weight has the label '0', which is none", ValueError),
        (
            {"class_weight": {0: np.nan}},
            "class_weight must be finite numbers, but that of 0 is nan",
            ValueError,
        ),
        ({"class_weight": {0: 1.0}, "sample_weight": WEIGHTS}, "not both", ValueError),
        ({"shuffle": "batch"}, "shuffle must be True or False, not 'batch'", ValueError),
        ({"steps_per_epoch": 2}, "steps_per_epoch is not for arrays, but 2 was given", ValueError),
        ({"validation_data": (X, Y, WEIGHTS[1:])}, r"sample_weight has shape \(39,\)", ValueError),
        ({"validation_freq": 0}, "validation_freq must be", ValueError),
        ({"validation_batch_size": 0}, "validation_batch_size must be", ValueError),
    ],
)
def test_what_does_not_fit_is_refused_before_training(options, message, error):
    refuses(message, X, Y, error=error, **options)


# Validation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("freq", "due"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3]), ([1, 5], [0, 4]), ((9,), [])])
def test_a_validation_comes_when_it_is_due(freq, due):
    class Kept(Callback):
        def on_epoch_end(self, epoch, logs):
            if "val_loss" in logs:
                found[epoch] = logs["val_loss"] == self.model.evaluate(X, Y, 7, sample_weight=WEIGHTS)["loss"]

    found = {}
    options = {"validation_data": (X, Y, WEIGHTS), "validation_freq": freq, "validation_batch_size": 7}
    history = tiny().fit(X, Y, epochs=5, verbose=0, callbacks=[Kept()], **options).history
    assert found == dict.fromkeys(due, True)
    assert len(history.get("val_loss", [])) == len(due)
    assert len(history["loss"]) == 5


# Batches of an iterable ------------------------------------------------------------------------------------


def batches(*sizes, weights=False):
    """Return the rows in batches of these sizes."""
    data = (X, Y, WEIGHTS) if weights else (X, Y)
    ends = np.cumsum(sizes)
    return [tuple(a[end - size : end] for a in data) for size, end in zip(sizes, ends, strict=True)]


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 3}, {"processes": 2}])
def test_batches_of_a_list_are_those_of_arrays(weights, options):
    if "processes" in options and sys.platform != "linux":
        pytest.skip("processes are forked on Linux only")
    streamed, plain = tiny(shard_rows=4, **options), tiny(shard_rows=4)
    history = streamed.fit(batches(16, 16, 8, weights=weights), epochs=3, verbose=0)
    more = {"sample_weight": WEIGHTS} if weights else {}
    expected = plain.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0, **more)
    assert history.history == expected.history
    assert_same_weights(streamed, plain)
    assert "process" not in history.workers


def test_batches_may_differ_in_size_and_in_time():
    model, twin = tiny(), tiny()
    given = [(X[:5], Y[:5]), [X[5:20, :2], Y[5:20]], (X[20:21, 1:], Y[20:21])]
    model.fit(given, verbose=0)
    for x, y in given:
        twin.train_on_batch(x, y)
    assert_same_weights(model, twin)


def test_epochs_of_so_many_steps_follow_each_other():
    drawn = []

    def endless():
        while True:
            for batch in batches(8, 8, 8, 8, 8):
                drawn.append(len(drawn))
                yield batch

    model, twin = tiny(), tiny()
    history = model.fit(endless(), epochs=3, steps_per_epoch=2, verbose=0)
    for x, y in batches(8, 8, 8, 8, 8) + batches(8):
        twin.train_on_batch(x, y)
    assert_same_weights(model, twin)
    assert history.epoch == [0, 1, 2]
    assert len(drawn) == 6  # and not one more than asked for


@pytest.mark.parametrize(("steps", "epochs", "done"), [(None, 3, 1), (2, 9, 3), (5, 2, 1)])
def test_a_generator_that_has_no_more_ends_the_training_with_a_warning(steps, epochs, done):
    calls = []

    class Ends(Callback):
        def on_train_end(self):
            calls.append("end")

    model, twin = tiny(), tiny()
    with pytest.warns(UserWarning, match="x yields no more batches, which ends the training"):
        given = (batch for batch in batches(8, 8, 8, 8, 8))
        history = model.fit(given, epochs=epochs, steps_per_epoch=steps, verbose=0, callbacks=[Ends()])
    twin.fit(X, Y, 8, shuffle=False, verbose=0)
    assert_same_weights(model, twin)
    assert len(history.epoch) == done
    assert calls == ["end"]


def test_classes_of_streamed_batches_have_weights_too():
    streamed, plain = tiny(), tiny()
    streamed.fit(batches(20, 20), verbose=0, class_weight={1: 4})
    plain.fit(X, Y, 20, shuffle=False, verbose=0, class_weight={1: 4})
    assert_same_weights(streamed, plain)


def test_a_stream_is_validated_on_arrays_and_shown(capsys):
    model = tiny()
    history = model.fit(iter(batches(20, 20)), validation_data=(X, Y))
    assert history.history["val_loss"] == [model.evaluate(X, Y)["loss"]]
    assert "epoch 1/1" in capsys.readouterr().out


def test_a_first_batch_builds_the_model():
    model = Sequential([LSTM(2), Dense(3, "softmax")], seed=0)
    model.compile("sgd", threads=1)
    model.fit(batches(20, 20), verbose=0)
    assert model.built


@pytest.mark.parametrize(
    ("given", "message", "error"),
    [
        (X, "y is missing: x alone can only be an iterable of batches", ValueError),
        (5, "an iterable of batches", TypeError),
        ([], "x yields no batch; a generator can be used only once", ValueError),
        ([X[:2]], r"batch 1 of x must be \(x, y\) or \(x, y, sample_weight\), not ndarray", ValueError),
        ([(X, Y, Y, Y)], r"batch 1 of x must be .*, not 4 things", ValueError),
        ([(X, Y[1:])], r"batch 1 of x: x has 40 rows, but y has shape \(39,\)", ValueError),
    ],
)
def test_what_is_no_iterable_of_batches_is_refused(given, message, error):
    refuses(message, given, error=error)


def test_options_of_arrays_are_refused_for_an_iterable(tmp_path):
    refuses("sample_weight is not for an iterable", batches(40), sample_weight=WEIGHTS)
    refuses("validation_split is not for an iterable, but 0.1 was", batches(40), validation_split=0.1)
    refuses("steps_per_epoch must be", batches(40), steps_per_epoch=0)
    refuses("BackupAndRestore needs arrays", batches(40), callbacks=[BackupAndRestore(tmp_path / "b.npz")])


def test_a_later_batch_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"batch 2 of x: label 7 is out of range"):
        tiny().fit([(X, Y), (X, Y * 0 + 7)], verbose=0)
