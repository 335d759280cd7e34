"""The contestants of the benchmarks do the same work, and the floor does the products of it and no more."""

import contestants as c
import inference
import numpy as np
import pytest
import step_time
from helpers import randomize
from interleave import TOLERANCE, Work, check_same_work

from scratch_rnn.layers import CELLS
from scratch_rnn.training.shards import Batches
from scratch_rnn.training.threads import Threads, available_cores

# No two sizes are equal, the rows reach into the digits' ink, and a second shard is smaller than the first.
SMALL = c.Setting(units=6, batch=70, time=12, features=20, steps=7)
LIBRARIES = {"keras": c.keras, "torch": c.pytorch, "jax": c.jax}


def first_losses(setting):
    """Return losses as scratch_rnn's train_on_batch has them, batch by batch."""
    model, (x, y) = c.scratch_model(setting), c.rows(setting)
    parts = [slice(start, start + setting.batch) for start in range(0, 5 * setting.batch, setting.batch)]
    return [model.train_on_batch(x[part], y[part]) for part in parts]


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("library", list(LIBRARIES))
def test_every_library_has_the_first_losses_of_scratch_rnn(library, cell):
    pytest.importorskip(library)
    setting = SMALL.but(cell=cell)
    expected = first_losses(setting)
    check_same_work({"scratch_rnn": expected, library: LIBRARIES[library](setting).first_results()})
    # The five batches are so different that no mistake in their order could hide.
    assert np.min(np.abs(np.diff(expected))) > 10 * TOLERANCE * max(expected)


@pytest.mark.parametrize("cell", list(CELLS))
def test_threads_have_the_first_losses_of_single_steps(cell):
    setting = SMALL.but(cell=cell)
    assert c.scratch_rnn(setting).first_results() == pytest.approx(first_losses(setting), rel=1e-6)


@pytest.mark.parametrize("way", [{"unroll": True}, {"jit_compile": True}])
def test_keras_has_them_in_each_of_its_ways(way):
    pytest.importorskip("keras")
    model = c.keras_model(SMALL, **way)
    assert model.layers[0].unroll == way.get("unroll", False)
    assert model.jit_compile == way.get("jit_compile", False)
    check_same_work({"ours": first_losses(SMALL), "Keras": c.keras(SMALL, **way).first_results()})


@pytest.mark.parametrize("wrong", ["lstm_bias", "optimizer", "rate"])
def test_a_contestant_that_trains_a_little_differently_is_found_out(wrong, monkeypatch):
    """PyTorch with both biases trained, with ε outside the root, with another learning rate."""
    torch = pytest.importorskip("torch")
    right = c.pytorch_model
    if wrong == "lstm_bias":
        monkeypatch.setattr(c, "pytorch_model", lambda setting: right(setting).requires_grad_(True))
    elif wrong == "optimizer":
        root = torch.Tensor.sqrt_
        monkeypatch.setattr(torch.Tensor, "sqrt_", lambda v: root(v.sub_(c.EPSILON)).add_(c.EPSILON))
    else:
        monkeypatch.setattr(c, "LEARNING_RATE", 1.01e-3)
    with pytest.raises(ValueError, match="PyTorch does other work"):
        check_same_work({"ours": first_losses(SMALL), "PyTorch": c.pytorch(SMALL).first_results()})


@pytest.mark.parametrize("library", ["scratch_rnn", *LIBRARIES])
def test_the_timed_work_is_training_on_all_batches_with_loss_and_accuracy(library, monkeypatch):
    """Means over the batches: by hand, from a model's answers before each update."""
    if library in LIBRARIES:
        pytest.importorskip(library)
    seen = []
    monkeypatch.setattr(c, "training", lambda train, *data: seen.append((train, data)))
    {"scratch_rnn": c.scratch_rnn, **LIBRARIES}[library](SMALL)
    ((train, (x, y, size)),) = seen
    assert (len(x), len(y), size) == (7 * 70, 7 * 70, 70)
    model, losses, hits = c.scratch_model(SMALL), [], []
    ours, labels = c.rows(SMALL)
    for start in range(0, len(ours), size):
        batch = ours[start : start + size], labels[start : start + size]
        hits.append(np.mean(model.predict(batch[0]).argmax(axis=1) == batch[1]))
        losses.append(model.train_on_batch(*batch))
    assert train(x, y) == pytest.approx((np.mean(losses), np.mean(hits)), rel=1e-5)


def test_what_is_timed_is_what_showed_the_first_losses():
    calls = []

    def train(x, y):
        calls.append((list(x), list(y)))
        return 10.0 * len(calls), 0.5

    x, y = np.arange(14), np.arange(100, 114)
    work = c.training(train, x, y, 2)
    assert work.first_results() == [10, 20, 30, 40, 50]
    assert calls == [([2 * i, 2 * i + 1], [100 + 2 * i, 101 + 2 * i]) for i in range(5)]
    del calls[:]
    work.run()
    assert calls == [(list(x), list(y))]


def test_a_plain_fit_takes_part_and_one_on_as_many_threads_as_there_are_cores():
    setting = c.Setting(cell="gru", steps=3)
    entrants = step_time.entrants(setting)
    assert entrants["scratch_rnn"] == (c.scratch_rnn, {"setting": setting})
    plain = c.scratch_model(setting)
    assert (plain.threads, plain.processes) == (available_cores(), None)
    function, options = entrants["scratch_rnn, threads"]
    assert function is c.scratch_rnn
    model = c.scratch_model(options["setting"])
    assert (model.threads, model.processes) == (available_cores(), 1)
    assert options["setting"].but(threads=None) == setting


def test_everybody_trains_in_the_setting_that_is_asked_for():
    setting = c.Setting(cell="gru", steps=3)
    entrants = step_time.entrants(setting)
    expected = {
        "Keras": (c.keras, {}),
        "Keras unrolled": (c.keras, {"unroll": True}),
        "Keras jit_compile": (c.keras, {"jit_compile": True}),
        "PyTorch": (c.pytorch, {}),
        "JAX": (c.jax, {}),
        "products alone": (c.products, {}),
    }
    for name, (function, options) in expected.items():
        assert entrants[name] == (function, {"setting": setting, **options})
    assert len(entrants) == len(expected) + 2


# Data and weights --------------------------------------------------------------------------------------


def test_rows_are_those_of_digits_over_and_over_in_full_batches(sample):
    (digits, labels), _ = sample
    setting = SMALL.but(time=61, features=20, batch=len(digits) // 2 + 1, steps=3)
    x, y = c.rows(setting)
    assert x.shape == (3 * setting.batch, 61, 20)
    assert (x.dtype, x.flags.c_contiguous) == (np.float32, True)
    for row in (0, 1, len(digits) - 1, len(digits), len(digits) + 17):
        digit = digits[row % len(digits)] / 255
        for t in (0, 14, 28, 42, 43, 60):
            np.testing.assert_allclose(x[row, t], digit[t % 28, :20], rtol=1e-6)
        assert y[row] == labels[row % len(digits)]


def test_fewer_rows_than_there_are_digits_are_the_first(sample):
    (digits, labels), _ = sample
    x, y = c.rows(c.Setting(batch=3, steps=2))
    np.testing.assert_allclose(x, digits[:6] / np.float32(255))
    np.testing.assert_array_equal(y, labels[:6])


def random_model(cell, units=3, features=4):
    """Return a model of scratch_rnn, no weight of which is zero or equal to another."""
    return randomize(c.scratch_model(c.Setting(cell=cell, units=units, time=5, features=features)), seed=2)


@pytest.mark.parametrize("cell", list(CELLS))
def test_pytorch_gets_every_weight_in_its_place(cell, monkeypatch):
    torch = pytest.importorskip("torch")
    model = random_model(cell)
    monkeypatch.setattr(c, "starting_weights", lambda _: model.get_weights())
    theirs = c.pytorch_model(c.Setting(cell=cell, units=3, time=5, features=4, threads=1))
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    with torch.no_grad():
        probabilities = theirs(torch.from_numpy(x)).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, model.predict(x), rtol=2e-5)


@pytest.mark.parametrize("cell", list(CELLS))
def test_pytorch_trains_as_many_numbers_as_scratch_rnn(cell):
    pytest.importorskip("torch")
    model = c.pytorch_model(SMALL.but(cell=cell))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert trained == sum(weight.size for weight in c.starting_weights(SMALL.but(cell=cell)))


def test_threads_are_as_many_as_asked_for_or_all_cores():
    torch = pytest.importorskip("torch")
    for threads in (1, None):
        c.pytorch_model(SMALL.but(threads=threads))
        assert torch.get_num_threads() == (threads or available_cores())
        assert c.scratch_model(SMALL.but(threads=threads)).threads == (threads or available_cores())


def test_keras_is_held_to_as_many_threads_as_asked_for(monkeypatch):
    pytest.importorskip("keras")
    from tensorflow.config import threading

    asked = []
    for kind in ("intra", "inter"):
        monkeypatch.setattr(
            threading, f"set_{kind}_op_parallelism_threads", lambda n, of=kind: asked.append((of, n))
        )
    c.keras_model(SMALL)
    assert asked == []
    c.keras_model(SMALL.but(threads=3))
    assert asked == [("intra", 3), ("inter", 3)]


def test_starting_weights_are_those_of_the_recipe_whatever_computes_them():
    one, other = c.starting_weights(SMALL), c.starting_weights(SMALL.but(threads=1, processes=2, batch=3))
    for weight, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(weight, same)
    assert [weight.shape for weight in one] == [(20, 24), (6, 24), (24,), (6, 10), (10,)]


# Prediction --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def our_probabilities():
    """Those of 130 digits: one batch, and two more."""
    return inference.scratch_rnn(130, 1).first_results()


def test_ours_are_those_of_the_test_digits(our_probabilities, sample):
    _, (x, _) = sample
    expected = c.scratch_model(c.Setting()).predict(x[:130])
    np.testing.assert_allclose(np.reshape(our_probabilities, (130, 10)), expected, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"call": True}])
def test_keras_predicts_the_same_probabilities_in_both_ways(our_probabilities, options):
    pytest.importorskip("keras")
    check_same_work({"ours": our_probabilities, "Keras": inference.keras(130, 1, **options).first_results()})


def test_pytorch_predicts_the_same_probabilities(our_probabilities):
    pytest.importorskip("torch")
    check_same_work({"ours": our_probabilities, "PyTorch": inference.pytorch(130, 1).first_results()})


def test_digits_to_predict_are_repeated_where_the_sample_has_fewer(sample):
    _, (x, _) = sample
    rows = inference.test_rows(len(x) + 3)
    np.testing.assert_allclose(rows[-3:], x[:3] / np.float32(255))
    assert rows.dtype == np.float32


def test_a_round_of_prediction_repeats_it_so_often():
    calls = []
    work = inference.repeated(lambda: calls.append(0) or np.array([[0.25, 0.75]]), 4)
    work.run()
    assert len(calls) == 4
    assert work.first_results() == [0.25, 0.75]


# The floor ---------------------------------------------------------------------------------------------


def operations_of_a_step(setting):
    """Return the operations by the table of docs/bptt.md, section 11: forward, carried back, weights."""
    gates = {"simple_rnn": 1, "gru": 3, "lstm": 4}[setting.cell]
    b, d, h = setting.batch, setting.features, setting.units
    forward, carried = 2 * gates * h * (d + 1 + h) * b, 2 * gates * h * h * b
    return setting.time * (forward + carried + forward)


def operations(products):
    """Return the operations of (left, right, ...) products, a multiplication and an addition each."""
    total = 0
    for left, right, *_ in products:
        (m, k), (inner, n) = left.shape, right.shape
        assert k == inner
        total += 2 * m * k * n
    return total


@pytest.mark.parametrize(
    "setting", [SMALL, SMALL.but(batch=128), c.Setting(), c.Setting(batch=150, units=32)]
)
@pytest.mark.parametrize("cell", list(CELLS))
def test_the_floor_makes_the_operations_that_the_derivation_counts(cell, setting):
    setting = setting.but(cell=cell)
    products = [product for shard in c.floor_products(setting) for product in shard]
    assert operations(products) == operations_of_a_step(setting)


def test_the_derivation_counts_1_62_billion_for_the_lstm_of_the_recipe():
    assert operations_of_a_step(c.Setting()) == pytest.approx(1.62e9, rel=5e-3)


@pytest.mark.parametrize("batch", [1, 64, 70, 128, 150])
def test_the_shards_of_the_floor_are_those_of_training(batch):
    rows = np.zeros(batch)
    real = [len(shard.rows) for shard in Batches(rows, rows, np.arange(batch), batch).shards(0)]
    floor = c.floor_products(SMALL.but(batch=batch))
    assert [shard[0][1].shape[1] for shard in floor] == real  # columns of the first product: samples
    assert {result.dtype for shard in floor for *_, result in shard} == {np.dtype("float32")}


@pytest.fixture
def multiplied(monkeypatch):
    """All products that np.matmul is asked for from now on."""
    products, matmul = [], np.matmul

    def counted(left, right, out=None):
        products.append((left, right))
        return matmul(left, right, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    return products


@pytest.mark.parametrize("cell", list(CELLS))
def test_the_floor_multiplies_that_and_nothing_else_once_for_every_step(cell, multiplied):
    setting = SMALL.but(cell=cell)
    work = c.products(setting)
    del multiplied[:]
    work.run()
    assert operations(multiplied) == setting.steps * operations_of_a_step(setting)
    assert work.first_results is None


def test_the_floor_has_the_forward_products_and_those_of_the_weights_of_a_real_layer(multiplied):
    """What is carried back is multiplied by @, which is not counted here."""
    layer = CELLS["lstm"](SMALL.units)
    x = np.random.default_rng(0).normal(size=(SMALL.batch, SMALL.time, SMALL.features)).astype("float32")
    y, tape = layer.forward(x)
    floor = [product for shard in c.floor_products(SMALL) for product in shard]
    carried = [product for product in floor if product[0].shape == (SMALL.units, 4 * SMALL.units)]
    del multiplied[:]
    layer.forward(x, tape=tape)
    forward = operations(multiplied)
    layer.backward(y, tape, input_gradient=False)
    assert len(carried) == 2 * SMALL.time
    assert operations(multiplied) == operations(floor) - operations(carried)
    assert operations(multiplied) == 2 * forward


@pytest.mark.parametrize("threads", [1, 3, None])
def test_the_floor_is_computed_on_as_many_threads(threads, monkeypatch):
    seen = []

    class Counted(Threads):
        def __init__(self, threads, *arguments):
            seen.append(threads)
            super().__init__(threads, *arguments)

    monkeypatch.setattr("scratch_rnn.training.threads.Threads", Counted)
    c.products(SMALL.but(threads=threads)).run()
    assert seen == [threads or available_cores()]


def test_a_setting_is_changed_in_a_copy():
    assert SMALL.but(units=9) == c.Setting("lstm", 9, 70, 12, 20, 7)
    assert SMALL.units == 6
    assert isinstance(c.products(SMALL), Work)
