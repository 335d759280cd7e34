"""A recipe: what it says is what is built, and what it says of itself is what it holds."""

import re

import numpy as np
import pytest

from scratch_rnn import GRU, LSTM, SGD, Adam, RMSprop, SimpleRNN
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.training.losses import CategoricalCrossentropy
from scratch_rnn.training.metrics import accuracy


def built(**changes):
    return Recipe(**{"units": 3, **changes}).build_model((5, 4), threads=2)


@pytest.mark.parametrize(("cell", "kind"), [("simple_rnn", SimpleRNN), ("gru", GRU), ("lstm", LSTM)])
def test_all_layers_but_the_last_give_sequences(cell, kind):
    *recurrent, head = built(cell=cell, layers=3).layers
    assert [type(layer) for layer in recurrent] == [kind] * 3
    assert [layer.return_sequences for layer in recurrent] == [True, True, False]
    assert [layer.units for layer in recurrent] == [3, 3, 3]
    assert (head.units, head.activation.name) == (10, "softmax")


@pytest.mark.parametrize(
    ("name", "kind", "own"), [("rmsprop", RMSprop, 0.001), ("adam", Adam, 0.001), ("sgd", SGD, 0.01)]
)
def test_the_optimizer_is_that_of_its_name_with_its_own_rate_or_the_one_given(name, kind, own):
    for given, rate in ((None, own), (0.25, 0.25)):
        optimizer = built(optimizer=name, learning_rate=given).optimizer
        assert (type(optimizer), optimizer.learning_rate) == (kind, rate)


def test_a_model_is_compiled_with_the_cross_entropy_and_the_accuracy():
    model = built()
    assert model.loss == CategoricalCrossentropy()
    assert model.metrics == [("accuracy", accuracy)]
    assert (model.threads, model.processes) == (2, 1)


def test_the_seed_decides_the_weights():
    first, again, other = (built(seed=seed).get_weights() for seed in (7, 7, 8))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_weights_have_the_dtype(dtype):
    assert {weight.dtype.name for weight in built(dtype=dtype).weights} == {dtype}


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((28,), "image_shape must be (H, W), not (28,)"),
        ((28, 28, 1), "image_shape must be (H, W), not (28, 28, 1)"),
        ((0, 28), "H of images (H, W) must be a whole number above zero, not 0"),
        ((28, "a"), "W of images (H, W) must be a whole number above zero, not 'a'"),
    ],
)
def test_what_is_no_shape_of_images_is_named(shape, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        Recipe().build_model(shape)


@pytest.mark.parametrize("units", [10**9, 10**18])
def test_too_many_units_are_named(units):
    with pytest.raises(MemoryError, match=f"take fewer than {units} units"):
        Recipe(units=units).build_model((28, 28))


def test_a_recipe_says_what_it_holds():
    assert str(Recipe()) == "LSTM(128), RMSprop 0.001, batch 128"
    recipe = Recipe("gru", units=7, layers=2, optimizer="adam", learning_rate=0.02, batch_size=64)
    assert str(recipe) == "2 × GRU(7), Adam 0.02, batch 64"
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_a_run_from_before_shards_could_be_chosen_was_made_with_64_rows():
    values = Recipe("gru", units=7).to_dict()
    del values["shard_rows"]
    assert Recipe.from_dict(values) == Recipe("gru", units=7, shard_rows=64)


def test_a_model_is_trained_with_the_shards_of_the_recipe():
    assert built(shard_rows=16).shard_rows == 16


@pytest.mark.parametrize("values", [[], {}, {"cell": "lstm"}, {**Recipe().to_dict(), "colour": "blue"}])
def test_what_is_no_recipe_is_refused(values):
    with pytest.raises(ValueError, match="a recipe has the entries augment, base_batch, batch_size, bidi"):
        Recipe.from_dict(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell": "rnn"}, "'rnn'"),
        ({"optimizer": "nadam"}, "'nadam'"),
        ({"layers": 0}, "layers must be a whole number above zero, not 0"),
        ({"layers": 1_000_000}, "layers must be at most 100, not 1000000"),
        ({"base_batch": 0}, "base_batch must be a whole number above zero"),
        ({"base_batch": 9, "schedule": "exponential"}, "base_batch 9 goes with a constant or a cosine"),
        ({"schedule": "linear"}, "unknown schedule 'linear': use one of constant, cosine, exponential"),
        ({"patience": 0}, "patience must be a whole number above zero, not 0"),
        ({"dropout": 1.0}, "rate must be a number, at least 0 and below 1"),
        ({"dtype": "complex128"}, "dtype must be float32 or float64, not 'complex128'"),
    ],
)
def test_what_does_not_exist_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        built(**change)


def test_extras_are_layers_around_the_cells():
    model = built(cell="gru", layers=2, bidirectional=True, dropout=0.25, recurrent_dropout=0.5, augment=True)
    moved, first, dropout, second, _, head = model.layers
    assert (moved.shift, moved.rotation, moved.zoom, moved.shear) == (2, 12, 0.12, 0.2)
    assert [type(layer.layer) for layer in (first, second)] == [GRU, GRU]
    assert [layer.return_sequences for layer in (first, second)] == [True, False]
    assert {part.recurrent_dropout for layer in (first, second) for part in layer.layers} == {0.5}
    assert dropout.rate == 0.25
    assert head.units == 10


def rate_at(step, **options):
    """Return the learning rate of a step of 90 digits in batches of 40, three for each of eight epochs."""
    recipe = Recipe(units=3, learning_rate=0.5, epochs=8, batch_size=40, **options)
    optimizer = recipe.build_model((4, 3), digits=100).optimizer
    optimizer.iterations = step
    return optimizer.learning_rate


def test_the_rate_of_a_larger_batch_rises_on_a_line_to_as_many_times_in_five_epochs():
    for step, rate in {0: 0.5, 3: 0.8, 15: 2.0, 24: 2.0}.items():
        assert rate_at(step, base_batch=10) == pytest.approx(rate)
    assert rate_at(15, base_batch=80) == pytest.approx(0.25)  # of a smaller one it falls
    assert rate_at(15, base_batch=40) == 0.5


def test_a_cosine_begins_where_the_rate_of_a_larger_batch_has_risen_to():
    for step, rate in {0: 0.5, 15: 2.0, 24: 0.0}.items():
        assert rate_at(step, base_batch=10, schedule="cosine") == pytest.approx(rate)


def test_the_title_says_how_the_rate_is_scaled():
    assert str(Recipe(batch_size=512, base_batch=128)) == (
        "LSTM(128), RMSprop 0.001 × 4 after a warm-up, batch 512"
    )


def scheduled(schedule, step, digits=100):
    """Return the learning rate of a step of 90 digits in batches of 9, two epochs: 20 steps."""
    recipe = Recipe(units=3, schedule=schedule, learning_rate=0.5, epochs=2, batch_size=9)
    optimizer = recipe.build_model((5, 4), digits=digits).optimizer
    optimizer.iterations = step
    return optimizer.learning_rate


def test_a_cosine_rises_for_a_twentieth_of_all_steps_and_falls_to_zero():
    assert scheduled("cosine", 0) == 0
    assert scheduled("cosine", 1) == 0.5
    assert scheduled("cosine", 20) == pytest.approx(0, abs=1e-12)


def test_an_exponential_schedule_ends_at_a_hundredth():
    assert scheduled("exponential", 0) == 0.5
    assert scheduled("exponential", 20) == pytest.approx(0.005)


def test_without_the_number_of_digits_the_rate_is_constant():
    assert scheduled("cosine", 7, digits=None) == 0.5


def test_a_recipe_says_what_it_adds():
    recipe = Recipe(
        "lstm", 96, 2, "adam", 0.002, bidirectional=True, dropout=0.3, augment=True, schedule="cosine"
    )
    assert str(recipe) == (
        "2 × bidirectional LSTM(96), dropout 0.3, Adam 0.002 (cosine), batch 128, moved digits"
    )
