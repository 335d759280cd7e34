"""Where the user says nothing, training takes processes if they are faster and nothing can go wrong by it."""

import multiprocessing
import os
import sys
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import alone, python

from scratch_rnn import LSTM, SGD, Callback, Dense, Sequential, SimpleRNN
from scratch_rnn.layers.activations import Softmax, Tanh
from scratch_rnn.training import engines
from scratch_rnn.training.losses import CategoricalCrossentropy
from scratch_rnn.training.progress import EpochLines, ProgressBar

only_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
pytestmark = only_on_linux


@pytest.fixture(autouse=True)
def many_cores_and_a_lock_and_no_jax(monkeypatch):
    monkeypatch.setattr(engines, "available_cores", lambda: 3)
    monkeypatch.setattr(engines, "has_a_lock", lambda: True)
    monkeypatch.delitem(sys.modules, "jax._src.xla_bridge", raising=False)  # another test may have used it


def digits(batches=16, batch_size=65):
    """Return just enough small digits for so many batches, of one row more than a shard has."""
    rng = np.random.default_rng(0)
    rows = batches * batch_size
    return rng.random((rows, 2, 3), dtype="float32"), rng.integers(0, 4, rows)


def workers(layers=None, batches=16, batch_size=65, callbacks=(), **compiled):
    """Return what an epoch of training was computed on."""
    layers = [SimpleRNN(2), Dense(4, "softmax")] if layers is None else layers
    model = Sequential(layers, seed=0)
    model.compile(**{"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled})
    x, y = digits(batches, batch_size)
    return model.fit(x, y, batch_size=batch_size, verbose=0, callbacks=list(callbacks)).workers


def on_threads():
    """Return what is said of a model that is trained on as many threads as there are cores here."""
    return engines.in_words(engines.available_cores(), 1)


class OwnLayer(Dense):
    pass


class OwnCell(LSTM):
    pass


class OwnTanh(Tanh):
    pass


class OwnSoftmax(Softmax):
    pass


class OwnLoss(CategoricalCrossentropy):
    pass


class OwnOptimizer(SGD):
    pass


class AfterEpochs(Callback):
    def on_epoch_end(self, epoch, logs):
        pass


class BeforeBatches(Callback):
    def on_train_batch_begin(self, batch):
        pass


class AfterBatches(Callback):
    def on_train_batch_end(self, batch, logs):
        pass


class Promises(AfterBatches):
    weights_at_most = True


def accuracy_of_mine(y, outputs):
    return np.zeros(len(y))


def test_the_library_s_own_network_is_trained_on_processes():
    assert workers() == "2 processes"


def test_a_batch_gets_no_more_processes_than_it_has_shards_nor_than_there_are_cores():
    assert workers(batch_size=130) == "3 processes"
    assert workers(batch_size=260) == "3 processes"
    assert workers(batch_size=64) == on_threads()


@pytest.mark.parametrize(
    "own",
    [
        {"layers": [SimpleRNN(2), OwnLayer(4, "softmax")]},
        {"layers": [OwnCell(2), Dense(4, "softmax")]},
        {"layers": [SimpleRNN(2, OwnTanh()), Dense(4, "softmax")]},
        {"layers": [SimpleRNN(2), Dense(4, OwnSoftmax())]},
        {"loss": OwnLoss()},
        {"optimizer": OwnOptimizer()},
        {"metrics": [accuracy_of_mine]},
        {"metrics": [lambda y, outputs: np.zeros(len(y))]},
    ],
    ids=["layer", "cell", "activation", "softmax", "loss", "optimizer", "metric", "lambda"],
)
def test_whoever_brings_a_part_of_his_own_gets_threads(own):
    assert workers(**own) == on_threads()


@pytest.mark.parametrize("callback", [BeforeBatches, AfterBatches])
def test_a_callback_between_batches_may_change_anything_and_gets_threads(callback):
    assert workers(callbacks=[callback()]) == on_threads()


@pytest.mark.parametrize("callback", [AfterEpochs, Promises, EpochLines, ProgressBar])
def test_a_callback_between_epochs_or_one_that_promises_to_change_weights_alone_does_not_matter(callback):
    shown = callback()
    try:
        assert workers(callbacks=[shown]) == "2 processes"
    finally:
        getattr(shown, "close", lambda: None)()


def test_an_epoch_of_few_batches_is_not_worth_a_fork():
    assert workers(batches=15) == on_threads()


@pytest.mark.parametrize("given", [{"threads": 2}, {"processes": 1, "threads": 2}])
def test_threads_that_are_asked_for_are_what_trains(given):
    assert workers(**given) == "2 threads"


def test_processes_that_are_asked_for_are_what_trains():
    assert workers(batches=1, processes=2) == "2 processes"


def test_without_a_lock_threads_are_as_fast(monkeypatch):
    monkeypatch.setattr(engines, "has_a_lock", lambda: False)
    assert workers() == on_threads()


@pytest.mark.parametrize(
    ("jax", "computes"),
    [
        (None, False),
        (SimpleNamespace(backends_are_initialized=lambda: False), False),
        (SimpleNamespace(backends_are_initialized=lambda: True), True),
        (SimpleNamespace(), True),  # a version that does not say
    ],
    ids=["not there", "loaded", "in use", "unknown"],
)
def test_beside_jax_at_work_which_warns_of_every_fork_nothing_is_forked(jax, computes, monkeypatch):
    if jax is not None:
        monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", jax)
    assert workers() == (on_threads() if computes else "2 processes")


def test_real_jax_says_whether_it_computes():
    code = """if True:
        import jax, jax.numpy
        from scratch_rnn.training.engines import jax_computes
        before = jax_computes()
        jax.numpy.ones(3).block_until_ready()
        print(before, jax_computes())
    """
    pytest.importorskip("jax")
    assert python("-c", code).stdout.split() == ["False", "True"]


@pytest.mark.parametrize(("enabled", "locked"), [(True, True), (False, False)])
def test_python_says_whether_it_has_a_lock(enabled, locked, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: enabled, raising=False)
    assert engines.has_a_lock() is locked


def test_a_python_that_says_nothing_has_a_lock(monkeypatch):
    monkeypatch.undo()
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert engines.has_a_lock()


def test_where_nothing_can_be_forked_threads_train(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert workers() == on_threads()


def test_away_from_the_main_thread_nothing_is_forked():
    told = []
    thread = threading.Thread(target=lambda: told.append(workers()))
    thread.start()
    thread.join()
    assert told[0] == on_threads()


def test_python_s_advice_against_forks_beside_threads_is_not_passed_on(monkeypatch, recwarn):
    forked = os.fork

    def fork():
        warnings.warn("This process is multi-threaded", DeprecationWarning, stacklevel=2)
        return forked()

    monkeypatch.setattr(os, "fork", fork)
    assert workers() == "2 processes"
    assert not recwarn.list


@alone
def test_the_choice_changes_no_bit():
    trained = []
    for given in ({}, {"threads": 1}, {"threads": 3}, {"processes": 3}):
        model = Sequential([LSTM(3), Dense(4, "softmax")], seed=0)
        model.compile(loss="sparse_categorical_crossentropy", **given)
        history = model.fit(*digits(batch_size=150), batch_size=150, epochs=2, verbose=0)
        trained.append((history.history, [weight.tobytes() for weight in model.weights]))
    assert all(one == trained[0] for one in trained)


def test_what_computes_is_said_in_words():
    said = [engines.in_words(*pair) for pair in [(1, 1), (4, 1), (4, 2), (1, 16)]]
    assert said == ["1 thread", "4 threads", "2 processes", "16 processes"]
