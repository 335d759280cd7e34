"""checkpoint_every: the tape of a few timesteps gives the same bits as that of all."""

import copy
import pickle

import numpy as np
import pytest
from helpers import CELLS, alone, make_cell, random_arrays, random_call, random_cell, randomize

from scratch_rnn import GRU, LSTM, Bidirectional, Dense, LayerNormLSTM, Sequential, load_mnist, load_model
from scratch_rnn.checks import check_layer
from scratch_rnn.checks.known_bugs import inject
from scratch_rnn.inside import gates, state_gradients
from scratch_rnn.layers import place
from scratch_rnn.layers.checkpointed import CheckpointedTape
from scratch_rnn.layers.tape import Tape

TIME = 7
MASK = np.array([[1] * 7, [0, 0, 1, 0, 1, 1, 1], [1, 0, 0, 0, 1, 1, 0], [0] * 7], bool)

every_cell = pytest.mark.parametrize("cell", CELLS)


def results(layer, x, states=None, mask=None, training=False, seed=3):
    """Return all outputs, gradients and the tape of a call with gradients for all that comes out."""
    with place.at(place.Place((seed, 0, 0))):
        y, tape = layer.forward(x, states, mask, training)
    outputs = y if isinstance(y, tuple) else (y,)
    rng = np.random.default_rng(2)
    dy, *dstates = (rng.normal(size=output.shape).astype(output.dtype) for output in outputs)
    gradients = layer.backward(dy, tape, dstates or None)
    return [*outputs, gradients.inputs, *gradients.initial_state, *gradients.weights], tape


def both(layer, every):
    """Return the layer and its copy that checkpoints."""
    other = copy.deepcopy(layer)
    for part in getattr(other, "layers", [other]):
        part.checkpoint_every = every
    return layer, other


def assert_same_bits(layer, every, *call, **options):
    plain, checkpointed = both(layer, every)
    expected, _ = results(plain, *call, **options)
    found, tape = results(checkpointed, *call, **options)
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return tape


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("every", [1, 2, 3, 6])
def test_every_result_has_the_same_bits(cell, dtype, every):
    layer = make_cell(cell, 5, return_sequences=True, return_state=True, dtype=dtype)
    layer.build((None, None, 3))
    x, states = random_call(randomize(layer), batch=13, time=TIME)
    assert isinstance(assert_same_bits(layer, every, x, states), CheckpointedTape)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "go_backwards": True},
        {"bptt_steps": 2},
        {"bptt_steps": 3, "return_sequences": True, "return_state": True},
        {"zero_output_for_mask": True, "return_sequences": True},
        {"dropout": 0.4, "return_state": True},
        {"dropout": 0.4, "recurrent_dropout": 0.3, "return_sequences": True},
        {"use_bias": False},
        {"stateful": True, "return_state": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all steps", "masked"])
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_so_have_those_of_every_option(cell, options, mask):
    layer = random_cell(cell, **options)
    x, states = random_call(layer, time=TIME)
    assert_same_bits(layer, 3, x, states, mask, training=True)


def test_so_have_those_of_both_directions():
    layer = Bidirectional(LSTM(3, return_sequences=True, dtype="float64"))
    layer.build((None, None, 3))
    assert_same_bits(randomize(layer), 3, *random_arrays((4, TIME, 3)), None, MASK)


def test_so_have_those_of_a_cell_with_weights_of_its_own():
    layer = LayerNormLSTM(3, dtype="float64")
    layer.build((None, None, 3))
    assert_same_bits(randomize(layer), 2, *random_arrays((4, TIME, 3)))


def test_gradients_that_vanish_over_hundreds_of_steps_are_flushed_at_the_same_ones():
    layer = random_cell("SimpleRNN", scale=0.05)
    assert_same_bits(layer, 20, *random_arrays((2, 300, 3)))


def test_a_batch_after_the_other_begins_with_the_same_states():
    plain, checkpointed = both(random_cell("LSTM", stateful=True), 3)
    for seed in (1, 2):
        (x,) = random_arrays((4, TIME, 3), seed=seed)
        for a, b in zip(results(plain, x)[0], results(checkpointed, x)[0], strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(plain.kept_states, checkpointed.kept_states, strict=True):
        np.testing.assert_array_equal(a, b)


# The tape ----------------------------------------------------------------------------------------------


def test_the_tape_of_a_long_sequence_is_shorter_with_checkpoints():
    layer, checkpointed = both(random_cell("LSTM", units=8), 20)
    x = np.zeros((4, 400, 3))
    (_, plain), (_, tape) = layer.forward(x), checkpointed.forward(x)
    assert len(tape.joined) == 20 + 1 and len(tape.states[0]) == 400 / 20 + 1
    assert tape.nbytes < plain.nbytes / 6
    assert plain.nbytes > 400 * 4 * (3 + 1 + 7 * 8) * 8  # T B (D + 1 + 7 H) numbers
    assert len(tape.steps) == 400


@pytest.mark.parametrize("every", [TIME, TIME + 1, 100])
def test_a_sequence_of_no_more_steps_has_a_tape_of_all(every):
    layer = random_cell("LSTM", checkpoint_every=every)
    assert type(layer.forward(np.zeros((1, TIME, 3)))[1]) is Tape


@every_cell
@pytest.mark.parametrize(("every", "computed"), [(3, 7 + 6), (2, 7 + 6), (6, 7 + 6), (4, 7 + 4), (7, 7)])
def test_all_steps_but_those_of_the_last_segment_are_computed_twice(cell, every, computed, monkeypatch):
    layer = random_cell(cell, checkpoint_every=every)
    calls, step = [], type(layer).step
    monkeypatch.setattr(type(layer), "step", lambda self, s: calls.append(s) or step(self, s))
    results(layer, *random_arrays((4, TIME, 3)))
    assert len(calls) == computed


def test_a_second_backward_pass_on_one_tape_gives_the_same_bits():
    layer = random_cell("GRU", checkpoint_every=3)
    x, dy = random_arrays((4, TIME, 3), (4, 2))
    _, tape = layer.forward(x)
    first, second = (layer.backward(dy, tape) for _ in range(2))
    for a, b in zip([first.inputs, *first.weights], [second.inputs, *second.weights], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_tape_is_used_again_where_it_fits():
    layer = random_cell("LSTM", checkpoint_every=3)
    x, other = random_arrays((4, TIME, 3), (4, TIME, 3))
    _, tape = layer.forward(other)
    y, again = layer.forward(x, tape=tape)
    assert again is tape
    np.testing.assert_array_equal(y, random_cell("LSTM").forward(x)[0])
    layer.checkpoint_every = 2
    assert layer.forward(x, tape=tape)[1] is not tape
    layer.checkpoint_every = None
    assert type(layer.forward(x, tape=tape)[1]) is Tape


def test_what_forward_is_given_may_change_before_backward():
    layer, checkpointed = both(random_cell("LSTM"), 2)
    x, states = random_call(layer, time=TIME)
    mask = MASK.copy()
    _, tape = layer.forward(x, states, mask)
    _, short = checkpointed.forward(x, states, mask)
    for array in (x, *states, mask):
        array[...] = 0
    dy = np.ones((4, 2))
    np.testing.assert_array_equal(checkpointed.backward(dy, short).inputs, layer.backward(dy, tape).inputs)


def test_records_of_timesteps_come_one_at_a_time():
    layer, checkpointed = both(random_cell("LSTM"), 3)
    (x,) = random_arrays((4, TIME, 3))
    steps, expected = checkpointed.forward(x)[1].steps, layer.forward(x)[1].steps
    for t in (0, 6, 3, -1, 2):
        np.testing.assert_array_equal(steps[t].f, expected[t].f)
    with pytest.raises(IndexError):
        steps[TIME]
    with pytest.raises(TypeError, match="with checkpoint_every records of timesteps come one at a time"):
        steps[1:]


# Where layers are used ---------------------------------------------------------------------------------


def model_of(every, **options):
    options = {"checkpoint_every": every, **options}
    layers = [GRU(5, return_sequences=True, recurrent_dropout=0.2, **options), LSTM(6, **options)]
    model = Sequential([*layers, Dense(10, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def assert_fit_gives_the_same_bits(**workers):
    (x, y), _ = load_mnist("sample")
    models = model_of(None), model_of(5)
    for model, options in zip(models, ({"threads": 1}, workers), strict=True):
        model.compile("adam", "sparse_categorical_crossentropy", shard_rows=16, **options)
        model.fit(x[:96], y[:96], batch_size=48, epochs=1, verbose=0)
    for a, b in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(*(model.predict(x[:9]) for model in models))


@pytest.mark.parametrize("threads", [1, 2])
def test_fit_gives_the_same_bits_on_any_number_of_threads(threads):
    assert_fit_gives_the_same_bits(threads=threads)


@alone
def test_so_does_fit_on_processes():
    assert_fit_gives_the_same_bits(processes=2)


def test_a_saved_model_checkpoints_as_it_did(tmp_path):
    (x, y), _ = load_mnist("sample")
    model = model_of(9)
    model.fit(x[:20], y[:20], batch_size=10, epochs=1, verbose=0)
    model.save(tmp_path / "m.npz")
    loaded = load_model(tmp_path / "m.npz")
    assert [layer.checkpoint_every for layer in loaded.layers[:2]] == [9, 9]
    assert pickle.loads(pickle.dumps(loaded.layers[0])).checkpoint_every == 9


def test_a_look_inside_shows_the_same():
    (x, y), _ = load_mnist("sample")
    models = [Sequential([LSTM(4, checkpoint_every=k), Dense(10, "softmax")], seed=0) for k in (None, 5)]
    for model in models:
        model.compile("adam", "sparse_categorical_crossentropy")
        model.build((None, 28, 28))
    for function in (lambda m: gates(m, x[:3]), lambda m: state_gradients(m, x[:3], y[:3])):
        plain, checkpointed = map(function, models)
        assert list(plain) == list(checkpointed)
        for name, expected in plain.items():
            np.testing.assert_array_equal(checkpointed[name], expected)


@every_cell
def test_the_gradient_check_passes_and_still_finds_mistakes(cell):
    layer = random_cell(cell, checkpoint_every=2, return_sequences=True)
    (x,) = random_arrays((3, 5, 3))
    assert check_layer(layer, x).passed
    for bug in ("carried-gradient-dropped", "averaged-over-time"):
        assert not check_layer(inject(layer, bug), x).passed


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", True])
def test_the_number_of_steps_must_be_whole_and_above_zero(every):
    with pytest.raises(ValueError, match=f"checkpoint_every must be .*{every!r}"):
        make_cell("LSTM", 2, checkpoint_every=every)
