"""What is built around the cells, with its gradients: both directions, dropout, masks, kept states ..."""

import io
import pickle
import re
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS, MASK, make_cell, random_arrays, random_cell, randomize

from scratch_rnn import (
    GRU,
    LSTM,
    Adam,
    BackupAndRestore,
    Bidirectional,
    Callback,
    Dense,
    Dropout,
    Layer,
    LayerNormLSTM,
    Masking,
    RandomAffine,
    Sequential,
    SimpleRNN,
    TimeDistributed,
    load_model,
)
from scratch_rnn.checks import check_layer, check_loss
from scratch_rnn.checks.gradient_check import DRAWS_OF_ITS_OWN
from scratch_rnn.layers import Gradients, place
from scratch_rnn.layers.place import Place, at

X = random_arrays((4, 5, 3))[0]
MODES = ("concat", "sum", "mul", "ave", None)

every_cell = pytest.mark.parametrize("cell", CELLS)


def assert_every_entry(layer, x=X, **options):
    """Check a layer with random weights by the complex step, to 1e-12."""
    if not layer.built:
        layer.build(x.shape)
    report = check_layer(randomize(layer), x, **options)
    assert report.passed, str(report)


def wide(dtype="float64", **options):
    return Bidirectional(LSTM(2, dtype=dtype, **options))


# Bidirectional ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        *((mode, {"return_sequences": sequences}) for mode, sequences in product(MODES, (False, True))),
        ("concat", {"go_backwards": True}),
        ("mul", {"return_sequences": True, "bptt_steps": 2}),
        ("ave", {"return_sequences": True, "dropout": 0.4}),
        ("concat", {"return_sequences": True, "recurrent_dropout": 0.4, "bptt_steps": 2}),
    ],
)
@pytest.mark.parametrize("mask", [None, MASK])
def test_every_entry_of_a_bidirectional_layer_s_gradient_is_right(mode, options, mask):
    layer = Bidirectional(make_cell("LSTM", 2, **options), mode)
    assert_every_entry(layer, mask=mask, training=True)


@every_cell
def test_every_cell_runs_both_ways(cell):
    assert_every_entry(Bidirectional(make_cell(cell, 2, return_sequences=True)))


def test_the_two_layers_may_be_different():
    other = GRU(3, go_backwards=True, return_sequences=True, dtype="float64")
    layer = Bidirectional(LSTM(2, return_sequences=True, dtype="float64"), backward_layer=other)
    assert layer.compute_output_shape((None, 5, 3)) == (None, 5, 5)
    assert_every_entry(layer)


def test_a_bidirectional_layer_is_two_layers_one_of_which_reads_from_the_end():
    layer = wide(return_sequences=True)
    y, _ = layer.forward(X)
    forward, _ = layer.forward_layer.forward(X)
    backward = make_cell("LSTM", 2, return_sequences=True)
    backward.build(X.shape)
    backward.set_weights(layer.backward_layer.get_weights())
    from_the_end, _ = backward.forward(X[:, ::-1])
    np.testing.assert_array_equal(y, np.concatenate([forward, from_the_end[:, ::-1]], axis=-1))


def test_states_of_both_layers_go_in_and_come_out():
    layer = wide(return_state=True)
    states = random_arrays(*[(4, 2)] * 4)
    y, *final = layer.forward(X, states)[0]
    for each, own, ended in (
        (layer.forward_layer, states[:2], final[:2]),
        (layer.backward_layer, states[2:], final[2:]),
    ):
        alone = each.forward(X, own)[0]
        np.testing.assert_array_equal(alone[1:], ended)
    assert y.shape == (4, 4)
    with pytest.raises(ValueError, match=r"must be a tuple of 4 arrays .*, not of 3"):
        layer.forward(X, states[:3])


def test_outputs_alone_are_those_of_forward():
    for layer in (wide(), wide(return_sequences=True), wide(return_state=True)):
        for one, other in zip(layer.outputs(X), layer.forward(X)[0], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)


def test_with_a_seed_the_two_directions_begin_with_different_weights():
    layer, again = (Bidirectional(LSTM(2, seed=3)) for _ in range(2))
    layer.build((None, None, 3))
    again.build((None, None, 3))
    forward, backward = np.split(np.array(layer.get_weights(), object), 2)
    assert not np.array_equal(forward[0], backward[0])
    for one, other in zip(layer.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_layer_that_is_given_stays_as_it_is():
    given = LSTM(2)
    given.build((None, None, 3))
    before = given.get_weights()
    Bidirectional(given).build((None, None, 3))
    assert given.name == "lstm"
    np.testing.assert_array_equal(given.get_weights()[0], before[0])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((Dense(3),), {}, TypeError, "takes a recurrent layer, such as LSTM(64), not <Dense"),
        ((None,), {}, TypeError, "takes a recurrent layer, such as LSTM(64), not None"),
        (
            (LSTM(2, name="a"),),
            {"backward_layer": LSTM(2, name="forward_a", go_backwards=True)},
            ValueError,
            "both layers have the name 'forward_a': give one of them another",
        ),
        ((LSTM(2), "max"), {}, ValueError, "unknown merge_mode 'max'"),
        ((LSTM(2),), {"backward_layer": LSTM(2)}, ValueError, "one of both layers must have go_backwards"),
        (
            (LSTM(2), "sum"),
            {"backward_layer": LSTM(3, go_backwards=True)},
            ValueError,
            "both layers must have the same units, not 2 and 3",
        ),
        (
            (LSTM(2),),
            {"backward_layer": LSTM(2, go_backwards=True, return_sequences=True)},
            ValueError,
            "the same return_sequences",
        ),
    ],
)
def test_layers_that_do_not_make_a_pair_are_refused(arguments, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Bidirectional(*arguments, **options)


def test_a_bidirectional_layer_has_its_weights_once_it_was_called():
    layer = wide()
    y, _ = layer.forward(X)
    assert [weight.dtype for weight in layer.astype("float32").weights] == ["float32"] * 6
    assert layer.outputs(X).tobytes() == y.tobytes()


@pytest.mark.parametrize("states", [5, {}, "ab", [1.0, 2.0], (None,) * 3])
def test_states_that_are_none_are_refused_by_name(states):
    for layer in (make_cell("LSTM", 2), wide()):
        with pytest.raises(ValueError, match=r"state.* of layer '\w+'"):
            layer.forward(X, states)


def test_a_pair_of_outputs_needs_a_pair_of_gradients():
    layer = Bidirectional(make_cell("GRU", 2), None)
    tape = layer.forward(X)[1]
    with pytest.raises(ValueError, match="has two outputs: dy must be a pair of gradients"):
        layer.backward(np.ones((4, 4)), tape)


def test_a_sequential_refuses_a_pair_of_outputs():
    with pytest.raises(ValueError, match="merge_mode=None: a Sequential passes on one array only"):
        Sequential([Bidirectional(LSTM(2), None)])


# TimeDistributed -------------------------------------------------------------------------------------------


def test_time_distributed_is_the_layer_at_every_timestep():
    layer = TimeDistributed(Dense(2, "tanh", dtype="float64"))
    y, _ = layer.forward(X)
    for t in range(X.shape[1]):
        np.testing.assert_allclose(y[:, t], layer.layer.forward(X[:, t])[0], rtol=1e-14)
    assert_every_entry(layer)


def test_a_recurrent_layer_reads_each_timestep_as_a_sequence_of_its_own():
    layer = TimeDistributed(LSTM(2, dtype="float64"))
    (x,) = random_arrays((2, 3, 4, 2))
    assert layer.compute_output_shape(x.shape) == (2, 3, 2)
    y, _ = layer.forward(x)
    np.testing.assert_allclose(y[:, 1], layer.layer.forward(x[:, 1])[0], rtol=1e-14)
    assert_every_entry(layer, x)


def test_time_distributed_refuses_what_it_cannot_call():
    with pytest.raises(TypeError, match="takes a layer, such as Dense"):
        TimeDistributed("dense")
    for inside in (LSTM(2, stateful=True), Sequential([LSTM(2, stateful=True)])):
        with pytest.raises(ValueError, match="returns or keeps states"):
            TimeDistributed(inside)
    with pytest.raises(ValueError, match="has merge_mode=None: TimeDistributed takes one array"):
        TimeDistributed(Bidirectional(LSTM(2), None))
    with pytest.raises(ValueError, match=r"needs inputs \(batch, time, ...\)"):
        TimeDistributed(Dense(2)).build((None, 3))


# Dropout ---------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_drops_its_share():
    x = np.ones((200, 100))
    with at(Place((1,))):
        y, _ = Dropout(0.25, dtype="float64").forward(x, training=True)
    assert set(np.unique(y)) == {0, 1 / 0.75}
    assert abs((y == 0).mean() - 0.25) < 0.01  # 20,000 draws: three standard deviations


def test_without_training_dropout_does_nothing():
    y, _ = Dropout(0.5, dtype="float64").forward(X)
    np.testing.assert_array_equal(y, X)


def test_an_axis_of_size_one_in_the_noise_shape_shares_its_draw():
    with at(Place((1,))):
        y, _ = Dropout(0.5, (None, 1, None), dtype="float64").forward(X, training=True)
    kept = y != 0
    assert (kept == kept[:, :1]).all()
    assert kept.any() and not kept.all()


def test_what_is_dropped_depends_on_the_place_and_on_nothing_else():
    layer = Dropout(0.5, dtype="float64")

    def drawn(*key):
        with at(Place(key)):
            return layer.forward(X, training=True)[0]

    np.testing.assert_array_equal(drawn(1, 2, 0), drawn(1, 2, 0))
    for other in ((2, 2, 0), (1, 3, 0), (1, 2, 64)):
        assert not np.array_equal(drawn(1, 2, 0), drawn(*other))


def test_a_seed_of_its_own_takes_the_model_s_place():
    layer = Dropout(0.5, seed=5, dtype="float64")
    draws = []
    for key in ((1, 2, 0), (9, 2, 0), (1, 3, 0)):
        with at(Place(key)):
            draws.append(layer.forward(X, training=True)[0])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    np.testing.assert_array_equal(layer.forward(X, training=True)[0], layer.forward(X, training=True)[0])


@pytest.mark.parametrize("rate", [-0.1, 1, "half", True, float("nan")])
def test_a_rate_has_to_be_at_least_zero_and_below_one(rate):
    with pytest.raises(ValueError, match="rate must be a number, at least 0 and below 1, not"):
        Dropout(rate)
    with pytest.raises(ValueError, match="recurrent_dropout must be a number"):
        LSTM(2, recurrent_dropout=rate)


def test_a_noise_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"noise_shape of layer 'dropout' is \(4, 2, 3\)"):
        Dropout(0.5, (4, 2, 3)).forward(X, training=True)
    for shape in (3, "abc", (None, -1, None), np.ones(3, int)):
        with pytest.raises(ValueError, match=r"noise_shape must be a tuple such as \(None, 1, None\), not"):
            Dropout(0.5, shape)


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True])
def test_a_seed_is_a_whole_number(seed):
    for make in (LSTM, Dense, lambda units, seed: Dropout(0.5, seed=seed)):
        with pytest.raises(ValueError, match=f"seed must be a whole number, zero or above, not {seed!r}"):
            make(2, seed=seed)


def test_the_name_of_a_layer_is_a_text_without_a_slash():
    with pytest.raises(TypeError, match="the name of a layer must be a text, not 5"):
        LSTM(2, name=5)
    with pytest.raises(ValueError, match="must not have a slash in it, not 'a/b'"):
        Masking(name="a/b")


@every_cell
@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4), (0.4, 0.4)], ids=["inputs", "states", "both"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all steps", "masked"])
def test_every_entry_is_right_with_dropout_inside(cell, rates, mask):
    dropout, recurrent_dropout = rates
    options = {"return_sequences": True, "dropout": dropout, "recurrent_dropout": recurrent_dropout}
    assert_every_entry(make_cell(cell, 2, **options), mask=mask, training=True)
    assert_every_entry(make_cell(cell, 2, bptt_steps=2, **options), mask=mask, training=True)


def test_with_one_sample_products_are_right_too():
    layer = make_cell("GRU", 2, dropout=0.4, recurrent_dropout=0.4)
    assert_every_entry(layer, X[:1], training=True)


def test_dropout_of_the_inputs_alone_has_one_mask_for_all_timesteps_and_gates():
    layer = random_cell("LSTM", dropout=0.5, return_sequences=True)
    plain = random_cell("LSTM", return_sequences=True)
    with at(Place((1,))):
        y, tape = layer.forward(X, training=True)
    kept = np.broadcast_to(tape.kept_inputs.T[:, np.newaxis], X.shape)
    assert set(np.unique(kept)) == {0, 2}
    np.testing.assert_array_equal(y, plain.forward(X * kept)[0])


def test_recurrent_dropout_has_a_mask_for_each_gate():
    layer = random_cell("LSTM", units=6, recurrent_dropout=0.5)
    with at(Place((1,))):
        _, tape = layer.forward(X, training=True)
    gates = tape.kept[:, layer.recurrent_kernel_rows]
    assert gates.shape == (4, 6, 4)
    assert all(not np.array_equal(gates[0], other) for other in gates[1:])
    assert (tape.kept[:, layer.features] == 1).all()  # the row of the bias


def test_with_a_seed_of_its_own_inputs_and_states_are_not_thinned_alike():
    layer = random_cell("SimpleRNN", units=3, dropout=0.5, recurrent_dropout=0.5, seed=0)
    layer.seed = 5
    _, tape = layer.forward(np.ones((40, 2, 3)), training=True)
    of_inputs, of_states = (tape.kept[0, rows] for rows in (layer.kernel_rows, layer.recurrent_kernel_rows))
    assert not np.array_equal(of_inputs, of_states)


def test_what_dropout_cannot_thin_is_named():
    class Odd(SimpleRNN):
        def step(self, s):
            np.exp(s.kernel)

    with pytest.raises(TypeError, match=r"weights can be in products .* not in <ufunc 'exp'"):
        Odd(2, recurrent_dropout=0.5).forward(np.ones((1, 2, 3)), training=True)


class Noise(Layer):
    """A layer of a user's own that draws where it should, or not."""

    weight_names = ()

    def __init__(self, rightly):
        super().__init__(dtype="float64")
        self.rightly, self.built = rightly, True
        self._own = np.random.default_rng(0)

    def _weights(self):
        return []

    def _cast_weights(self):
        pass

    def forward(self, x, *, training=False, tape=None):
        rng = place.generator() if self.rightly else self._own
        kept = rng.random(x.shape) > 0.3
        return x * kept, kept

    def backward(self, dy, tape, *, input_gradient=True):
        return Gradients(dy * tape, (), [])


def test_a_layer_of_ones_own_is_checked_with_its_draws_held_fixed():
    assert check_layer(Noise(rightly=True), X, training=True).passed
    report = check_layer(Noise(rightly=False), X, training=True)
    assert not report.passed
    assert report.worst.problem == DRAWS_OF_ITS_OWN


def dropping(seed=0, cell=LSTM, own_seed=None):
    layers = [
        Bidirectional(cell(4, return_sequences=True, dropout=0.2, seed=own_seed)),
        Dropout(0.3),
        cell(5, recurrent_dropout=0.2),
        Dense(10, "softmax"),
    ]
    model = Sequential(layers, seed=seed)
    model.compile(Adam(0.01), shard_rows=8)
    return model


def trained(model, rows=96, **options):
    rng = np.random.default_rng(4)
    x, y = rng.random((rows, 5, 3), np.float32), rng.integers(0, 10, rows)
    history = model.fit(x, y, batch_size=24, **{"epochs": 2, "verbose": 0, **options})
    return model.get_weights(), history.history["loss"]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [{"threads": 1}, {"threads": 3}, {"processes": 2}, {"processes": 3}])
def test_training_with_dropout_gives_the_same_bits_on_any_number_of_workers(workers):
    expected, _ = trained(dropping())
    model = dropping()
    model.compile(Adam(0.01), shard_rows=8, **workers)
    assert_same(trained(model)[0], expected)


def test_other_seeds_drop_others():
    assert not np.array_equal(trained(dropping(0))[0][0], trained(dropping(1))[0][0])


class Interrupted(Exception):
    """What ends a training in a test."""


class InterruptAt(Callback):
    """Interrupts after a batch of the second epoch."""

    def on_epoch_begin(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if self.epoch == 1 and batch == 1:
            raise Interrupted


@pytest.mark.parametrize("own_seed", [None, 7])
def test_training_with_dropout_goes_on_to_the_same_bits_after_an_interruption(tmp_path, own_seed):
    expected, losses = trained(dropping(own_seed=own_seed))
    path = tmp_path / "state.npz"
    with pytest.raises(Interrupted):
        trained(dropping(own_seed=own_seed), callbacks=[BackupAndRestore(path, 1), InterruptAt()])
    weights, resumed = trained(dropping(own_seed=own_seed), callbacks=[BackupAndRestore(path, 1)])
    assert_same(weights, expected)
    assert resumed == losses


@pytest.mark.parametrize("own_seed", [None, 7])
def test_a_saved_model_trains_on_as_it_would_have(tmp_path, own_seed):
    model = dropping(own_seed=own_seed)
    trained(model)
    model.save(tmp_path / "model.npz")
    other = load_model(tmp_path / "model.npz")
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert_same(trained(other)[0], trained(model)[0])


# Masks -----------------------------------------------------------------------------------------------------


def padded():
    """Return X with the last timesteps of some samples all zero, and the mask that says so."""
    x, mask = X.copy(), np.ones(X.shape[:2], bool)
    mask[1, 3:] = mask[3, 1:] = False
    x[~mask] = 0
    return x, mask


def test_masking_masks_timesteps_that_hold_nothing_but_its_value():
    layer = Masking(2.0, dtype="float64")
    x, mask = padded()
    x[~mask] = 2
    x[0, 0, 1] = 2  # one feature of a timestep that counts
    np.testing.assert_array_equal(layer.compute_mask(x, None), mask)
    y, _ = layer.forward(x)
    np.testing.assert_array_equal(y, np.where(mask[..., None], x, 0))
    assert_every_entry(layer, x)


def test_the_value_that_is_masked_is_compared_in_the_dtype_of_the_inputs():
    x = np.array([[[0.1], [0.2]]], np.float32)
    assert Masking(np.float64(0.1)).compute_mask(x, None).tolist() == [[False, True]]


@pytest.mark.parametrize("value", [None, "0", np.nan, np.inf, True, [0.0]])
def test_a_value_to_mask_is_a_finite_number(value):
    with pytest.raises(ValueError, match="mask_value must be a finite number, not"):
        Masking(value)


def test_a_mask_travels_through_a_model_to_every_layer_that_takes_it():
    x, mask = padded()
    first, second = random_cell("GRU", return_sequences=True), random_cell("LSTM", features=2, seed=3)
    head = Dense(2, dtype="float64")
    layers = [Masking(dtype="float64"), first, Dropout(0.5, dtype="float64"), second, head]
    model = Sequential(layers)
    expected, _ = second.forward(first.forward(x, mask=mask)[0], mask=mask)
    expected, _ = head.forward(expected)
    np.testing.assert_array_equal(model.forward(x)[0], expected)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-13)


def tagger(**workers):
    """Return a model that says something of every timestep that counts."""
    cell = GRU(3, return_sequences=True, dtype="float64")
    model = Sequential([Masking(dtype="float64"), cell, Dense(4, "softmax", dtype="float64")], seed=0)
    model.compile(Adam(0.01), metrics=["accuracy"], shard_rows=2, **workers)
    model.build((None, 5, 3))
    randomize(model)
    return model


def test_the_loss_of_masked_timesteps_does_not_count():
    x, mask = padded()
    model, y = tagger(), np.arange(20).reshape(4, 5) % 4
    losses = model.loss.values(y, model.predict(x))
    right = model.predict(x).argmax(-1) == y
    scores = model.evaluate(x, y)
    assert scores["loss"] == pytest.approx(losses[mask].mean(), rel=1e-12)
    assert scores["accuracy"] == pytest.approx(right[mask].mean())
    assert model.loss_and_gradients(x, y)[0] == pytest.approx(losses[mask].mean(), rel=1e-12)
    assert check_loss(model, x, y).passed


def test_a_batch_of_which_nothing_counts_changes_nothing():
    model, before = tagger(), tagger().get_weights()
    assert model.train_on_batch(np.zeros((4, 5, 3)), np.zeros((4, 5), int)) == 0
    assert_same(model.get_weights(), before)


def test_masked_training_gives_the_same_bits_on_any_number_of_workers():
    x = np.concatenate([padded()[0]] * 8)
    y = np.arange(len(x) * 5).reshape(-1, 5) % 4
    weights = []
    for workers in ({"threads": 1}, {"threads": 3}, {"processes": 2}):
        model = tagger(**workers)
        model.fit(x, y, 8, verbose=0)
        weights.append(model.get_weights())
    assert_same(weights[0], weights[1])
    assert_same(weights[0], weights[2])


def test_a_mask_ends_where_the_last_output_alone_is_handed_on():
    layer = random_cell("LSTM")
    assert layer.compute_mask(X, MASK) is None
    assert random_cell("LSTM", return_sequences=True).compute_mask(X, MASK) is MASK


def test_the_gradients_of_a_masked_stack_are_right():
    x, _ = padded()
    layers = [Masking(dtype="float64"), wide(return_sequences=True), make_cell("GRU", 2)]
    assert_every_entry(Sequential(layers), x)


def test_outputs_of_masked_timesteps_can_be_zero_in_place_of_repeated():
    layer = random_cell("GRU", return_sequences=True, zero_output_for_mask=True)
    y, _ = layer.forward(X, mask=MASK)
    repeated, _ = random_cell("GRU", return_sequences=True).forward(X, mask=MASK)
    np.testing.assert_array_equal(y, np.where(MASK[..., None], repeated, 0))
    assert_every_entry(layer, mask=MASK)


# Layer normalization ---------------------------------------------------------------------------------------


def normed(a):
    """Return n(a) of samples in rows."""
    return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-3)


def test_layer_normalization_is_the_paper_s():
    layer = LayerNormLSTM(3, dtype="float64", return_sequences=True)
    layer.build(X.shape)
    w, u, gamma_x, gamma_h, b, gamma_c, beta_c = (
        weight if weight.shape[1] > 1 else weight[:, 0] for weight in randomize(layer).weights
    )
    h = c = np.zeros((4, 3))
    for t in range(5):
        z = gamma_x * normed(X[:, t] @ w) + gamma_h * normed(h @ u) + b
        i, f, o = (1 / (1 + np.exp(-z[:, k : k + 3])) for k in (0, 3, 9))
        c = f * c + i * np.tanh(z[:, 6:9])
        h = o * np.tanh(gamma_c * normed(c) + beta_c)
        np.testing.assert_allclose(layer.forward(X)[0][:, t], h, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "go_backwards": True},
        {"return_sequences": True, "bptt_steps": 2},
        {"return_sequences": True, "dropout": 0.4, "recurrent_dropout": 0.4},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all steps", "masked"])
def test_every_entry_is_right_with_layer_normalization(options, mask):
    assert_every_entry(LayerNormLSTM(3, dtype="float64", **options), mask=mask, training=True)


def test_the_forget_gate_s_bias_begins_at_one_and_the_scales_do():
    layer = LayerNormLSTM(2)
    layer.build((None, None, 3))
    given = dict(zip(layer.weight_names, (weight.ravel().tolist() for weight in layer.weights), strict=True))
    assert given["gate_bias"] == [0, 0, 1, 1, 0, 0, 0, 0]
    assert given["kernel_gamma"] == given["recurrent_gamma"] == [1] * 8
    assert (given["state_gamma"], given["state_beta"]) == ([1, 1], [0, 0])


def test_a_layer_with_weights_of_its_own_survives_a_pickle():
    layer = LayerNormLSTM(2, seed=0)
    y, _ = layer.forward(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer)).forward(X)[0], y)


def test_layer_normalization_has_a_bias_of_its_own():
    with pytest.raises(ValueError, match="use_bias must be False"):
        LayerNormLSTM(2, use_bias=True)


# Pictures that are moved -----------------------------------------------------------------------------------

PICTURE = np.arange(1.0, 26).reshape(1, 5, 5)


def moved(matrix):
    """Return the picture as it is for pixels that come from where a matrix (2, 3) says."""
    layer = RandomAffine(dtype="float64")
    layer._drawn = lambda batch: np.array([matrix], float)
    return layer.forward(PICTURE, training=True)[0][0]


def test_a_shift_by_whole_pixels_moves_them_and_lets_zeros_in():
    expected = np.zeros((5, 5))
    expected[:3, 1:] = PICTURE[0, 2:, :4]
    np.testing.assert_allclose(moved([[1, 0, 2], [0, 1, -1]]), expected)


def test_a_rotation_by_a_right_angle_turns_the_picture_about_its_middle():
    np.testing.assert_allclose(moved([[0, 1, 0], [-1, 0, 0]]), np.rot90(PICTURE[0]), atol=1e-12)


def test_between_pixels_lies_their_mean():
    inside = moved([[1, 0, 0.5], [0, 1, 0]])[:4]
    np.testing.assert_allclose(inside, (PICTURE[0, :4] + PICTURE[0, 1:]) / 2)


def test_what_is_drawn_stays_within_its_bounds():
    layer = RandomAffine(shift=2, rotation=30, zoom=0.2)
    with at(Place((1,))):
        matrices = layer._drawn(2000)
    turned, shifts = matrices[:, :, :2], matrices[:, :, 2]
    for drawn, bound in (
        (np.abs(shifts).max(axis=0), 2),
        (np.rad2deg(np.abs(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))).max(), 30),
        (1 / np.linalg.norm(turned[:, :, 0], axis=1).min() - 1, 0.2),
    ):
        assert (0.95 * bound < drawn).all() and (drawn <= bound + 1e-9).all()


def test_a_slant_moves_rows_sideways_the_more_the_higher_they_are():
    layer = RandomAffine(shear=0.5, dtype="float64")
    with at(Place((1,))):
        matrix = layer._drawn(1)[0]
    np.testing.assert_array_equal(matrix[:, [0, 2]][0], [1, 0])
    assert matrix[0, 1] == 0 and 0 < abs(matrix[1, 0]) <= 0.5


def test_without_training_or_without_bounds_pictures_stay_as_they_are():
    for training, layer in ((False, RandomAffine(2, 10, 0.1, 0.2)), (True, RandomAffine())):
        np.testing.assert_array_equal(
            layer.forward(X.astype("float32"), training=training)[0], X.astype("float32")
        )


def test_every_entry_of_the_gradient_of_a_moved_picture_is_right():
    assert_every_entry(RandomAffine(1.5, 20, 0.2, 0.3, dtype="float64"), training=True)


def test_bounds_are_numbers_that_make_sense():
    with pytest.raises(ValueError, match="rotation must be a number from 0 to 180, not -3"):
        RandomAffine(rotation=-3)
    with pytest.raises(ValueError, match=r"zoom must be a number from 0 to 0\.9, not 'x'"):
        RandomAffine(zoom="x")


def test_training_on_moved_pictures_gives_the_same_bits_on_any_number_of_workers():
    def model(**workers):
        layers = [RandomAffine(1, 10, 0.1, 0.1), LayerNormLSTM(4, dropout=0.2), Dense(10, "softmax")]
        made = Sequential(layers, seed=0)
        made.compile(Adam(0.01), shard_rows=8, **workers)
        return made

    expected, _ = trained(model(threads=1))
    for workers in ({"threads": 3}, {"processes": 2}):
        assert_same(trained(model(**workers))[0], expected)


# States that are kept --------------------------------------------------------------------------------------


@every_cell
def test_a_stateful_layer_goes_on_where_the_batch_before_has_ended(cell):
    layer = random_cell(cell, stateful=True, return_sequences=True)
    whole, _ = random_cell(cell, return_sequences=True).forward(X)
    np.testing.assert_allclose(layer.forward(X[:, :2])[0], whole[:, :2], rtol=1e-13)
    np.testing.assert_allclose(layer.outputs(X[:, 2:]), whole[:, 2:], rtol=1e-13)
    layer.reset_states()
    np.testing.assert_allclose(layer.forward(X[:, :2])[0], whole[:, :2], rtol=1e-13)


def test_states_that_are_given_go_before_those_that_are_kept():
    layer = random_cell("LSTM", stateful=True)
    states = random_arrays((4, 2), (4, 2))
    expected = random_cell("LSTM").forward(X, states)[0]
    layer.forward(X)
    np.testing.assert_array_equal(layer.forward(X, states)[0], expected)


def test_a_stateful_layer_wants_batches_of_one_size():
    layer = random_cell("LSTM", stateful=True)
    layer.forward(X)
    with pytest.raises(ValueError, match="same size: 4 rows before, 3 now; take a batch_size that divides"):
        layer.forward(X[:3])


def test_a_stateful_model_is_not_trained_at_all_on_batches_of_several_sizes():
    model = stateful_model()
    model.build((None, 2, 3))
    before = model.get_weights()
    for options in ({}, {"validation_split": 0.5, "validation_batch_size": 2}):
        with pytest.raises(
            ValueError, match=r"must have the same size, not .* rows: take a batch_size that div"
        ):
            model.fit(np.zeros((8, 2, 3)), np.zeros(8, int), 4 if options else 3, verbose=0, **options)
    for weight, was in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)


@pytest.mark.parametrize("task", ["evaluate", "predict"])
def test_a_stateful_model_keeps_its_states_where_batches_would_have_several_sizes(task):
    model = stateful_model()
    model.fit(np.ones((4, 2, 3)), np.zeros(4, int), 4, shuffle=False, verbose=0)
    before = [state.copy() for state in model.layers[0].kept_states]
    rows = {"evaluate": (np.ones((10, 2, 3)), np.zeros(10, int)), "predict": (np.ones((10, 2, 3)),)}[task]
    with pytest.raises(
        ValueError, match="'lstm' is stateful, and batches must have the same size, not 2 and 4 "
    ):
        getattr(model, task)(*rows, batch_size=4)
    for state, was in zip(model.layers[0].kept_states, before, strict=True):
        np.testing.assert_array_equal(state, was)


def test_who_shuffles_the_rows_of_a_stateful_model_is_warned():
    model = stateful_model()
    with pytest.warns(UserWarning, match="'lstm' is stateful, but the rows are shuffled: take shuffle=False"):
        model.fit(np.zeros((4, 2, 3)), np.zeros(4, int), 4, verbose=0)


def test_states_that_are_kept_have_the_dtype_of_their_layer():
    layer = LSTM(2, stateful=True, seed=0)
    layer.forward(X)
    wider = layer.astype("float64")
    wider.forward(X)
    assert [state.dtype for state in wider.kept_states] == ["float64"] * 2
    layer.forward(X)
    np.testing.assert_allclose(layer.kept_states, wider.kept_states, atol=1e-6)


def test_a_stateful_layer_that_is_wrapped_begins_with_zeros():
    given = LSTM(2, stateful=True)
    given.forward(X)
    assert all(layer.kept_states == [] for layer in Bidirectional(given).layers)
    assert len(given.kept_states) == 2


def test_gradients_of_a_stateful_layer_are_those_of_a_layer_with_initial_states():
    assert_every_entry(make_cell("LSTM", 2, stateful=True))
    assert_every_entry(Bidirectional(make_cell("GRU", 2, stateful=True)))


def stateful_model():
    model = Sequential([LSTM(4, stateful=True), Dense(10, "softmax")], seed=0)
    model.compile(Adam(0.01), shard_rows=8)
    return model


@pytest.mark.parametrize("threads", [1, 3])
def test_states_of_a_batch_are_kept_row_by_row_on_any_number_of_threads(threads):
    model = stateful_model()
    model.compile(Adam(0.01), shard_rows=8, threads=threads)
    x = np.random.default_rng(0).random((48, 4, 3), np.float32)
    y = np.arange(48) % 10
    model.fit(x, y, batch_size=24, epochs=1, shuffle=False, verbose=0)
    layer, plain = model.layers[0], LSTM(4)
    # The second batch began where the first had ended, under the weights of that step: only the sizes and
    # that all rows were written can be said here; the bits are compared below.
    assert [state.shape for state in layer.kept_states] == [(24, 4), (24, 4)]
    assert (layer.kept_states[0] != 0).all()
    reference = stateful_model()
    reference.compile(Adam(0.01), shard_rows=8, threads=1)
    reference.fit(x, y, batch_size=24, epochs=1, shuffle=False, verbose=0)
    assert_same(model.get_weights(), reference.get_weights())
    assert_same(layer.kept_states, reference.layers[0].kept_states)
    model.reset_states()
    plain.build((None, None, 3))
    plain.set_weights(layer.get_weights())
    head = model.layers[1]
    first, (h, c) = head.forward(plain.forward(x[:24])[0])[0], states_after(plain, x[:24])
    second = head.forward(plain.forward(x[24:], (h, c))[0])[0]
    np.testing.assert_allclose(model.predict(x, batch_size=24), np.concatenate([first, second]), rtol=1e-5)


def states_after(layer, x):
    """Return the final states of a layer after x."""
    layer.return_state = True
    _, *states = layer.forward(x)[0]
    layer.return_state = False
    return states


def test_stateful_training_goes_on_to_the_same_bits_after_an_interruption(tmp_path):
    path = tmp_path / "state.npz"
    expected, losses = trained(stateful_model(), shuffle=False)
    with pytest.raises(Interrupted):
        trained(stateful_model(), shuffle=False, callbacks=[BackupAndRestore(path, 1), InterruptAt()])
    weights, resumed = trained(stateful_model(), shuffle=False, callbacks=[BackupAndRestore(path, 1)])
    assert_same(weights, expected)
    assert resumed == losses


def test_a_stateful_model_is_not_trained_on_processes():
    model = stateful_model()
    model.compile(Adam(0.01), processes=2)
    with pytest.raises(ValueError, match="layer 'lstm' is stateful: take threads, not processes"):
        trained(model)
    model.compile(Adam(0.01), shard_rows=8)
    history = model.fit(np.zeros((320, 2, 3)), np.zeros(320, int), 16, shuffle=False, verbose=0)
    assert "thread" in history.workers


def test_simple_rnns_can_be_stacked_both_ways():
    model = Sequential([Bidirectional(SimpleRNN(3, return_sequences=True)), Bidirectional(GRU(2))])
    assert model.predict(np.ones((2, 4, 3))).shape == (2, 4)


def test_the_code_of_the_page_about_layers_runs():
    page = (Path(__file__).parents[1] / "docs" / "layers.md").read_text(encoding="utf-8")
    with redirect_stdout(io.StringIO()) as printed:
        exec("\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.S)), {})
    assert "bidirectional" in printed.getvalue()
