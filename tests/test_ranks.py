"""Training on MPI's ranks: the bits of threads on any number of them, one voice, one end for all."""

import shutil
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import HEAR_CTRL_C, called, environment

from scratch_rnn import (
    LSTM,
    Bidirectional,
    Callback,
    Dense,
    Dropout,
    Masking,
    RMSprop,
    Sequential,
    SimpleRNN,
    load_mnist,
)
from scratch_rnn.training.losses import Loss
from scratch_rnn.training.shards import BatchResult, total
from scratch_rnn.training.traits import check_alike, traits
from scratch_rnn.training.tree import owners, sum_over_ranks
from scratch_rnn.training.world import NOT_THERE

with_mpi = pytest.mark.skipif(
    find_spec("mpi4py") is None or shutil.which("mpiexec") is None or sys.platform == "win32",
    reason="mpi4py or mpiexec is not installed: pip install 'scratch_rnn[mpi]'",
)
HERE = Path(__file__).parent


# The sum -------------------------------------------------------------------------------------------------


class Exchange:
    """Messages between ranks that are threads: each rank sums, and its messages are counted."""

    def __init__(self, terms, ranks):
        self.terms, self.owner = terms, owners(len(terms), ranks)
        self.sent = {(a, b): [] for a in range(ranks) for b in range(ranks)}
        self.there = threading.Condition()
        self.sums, self.messages = [None] * ranks, [0] * ranks
        members = [threading.Thread(target=self.take_part, args=[rank], daemon=True) for rank in range(ranks)]
        for member in members:
            member.start()
        for member in members:
            member.join(timeout=30)

    def take_part(self, rank):
        own = {number: term for number, term in enumerate(self.terms) if self.owner[number] == rank}

        def send(term, to):
            with self.there:
                self.sent[rank, to].append(term)
                self.messages[rank] += 1
                self.there.notify_all()

        def receive(source):
            with self.there:
                self.there.wait_for(lambda: self.sent[source, rank], timeout=30)
                self.messages[rank] += 1
                return self.sent[source, rank].pop(0)

        self.sums[rank] = sum_over_ranks(own, self.owner, rank, lambda a, b: a + b, send, receive)


def added(numbers):
    """Return the sum that threads make of these numbers."""
    return total([BatchResult(1, np.array([number]), []) for number in numbers]).sums[0]


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 5, 7, 8, 13])
def test_ranks_add_up_what_threads_add_up_to_the_bit_and_the_first_has_it(shards, rng):
    numbers = rng.normal(size=shards) * 10.0 ** rng.integers(-8, 8, shards)
    for ranks in (1, 2, 3, 4, 5, 16):
        assert Exchange(numbers, ranks).sums == [added(numbers)] + [None] * (ranks - 1)


def test_messages_of_a_rank_grow_with_the_logarithm_of_the_ranks():
    most = [max(Exchange(np.ones(2**power), 2**power).messages) for power in range(6)]
    assert most == [0, 1, 2, 3, 4, 5]


def test_a_rank_that_owns_several_shards_sends_few_messages_too():
    for ranks in (3, 5, 6, 7):
        assert max(Exchange(np.ones(32), ranks).messages) <= 2 * 5


@pytest.mark.parametrize(("shards", "ranks"), [(2, 4), (8, 3), (9, 2), (5, 5)])
def test_each_rank_has_neighbours_and_none_has_two_more_than_another(shards, ranks):
    owner = owners(shards, ranks)
    counts = [owner.count(rank) for rank in range(ranks)]
    assert owner == sorted(owner)
    assert max(counts) - min(counts) <= 1


# What is asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "gpu"}, "unknown engine 'gpu': use one of threads, processes, mpi"),
        ({"engine": "mpi", "processes": 2}, "processes=2 is not for engine='mpi'"),
        ({"engine": "threads", "processes": 2}, "processes=2 is not for engine='threads'"),
        ({"engine": "mpi", "threads": 0}, "threads must be a whole number above zero"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two processes are refused for another reason")
def test_engines_that_cannot_be_are_refused(options, message, monkeypatch):
    monkeypatch.setattr("scratch_rnn.training.engines.connect", lambda: None)
    with pytest.raises(ValueError, match=message):
        Sequential().compile(**options)


def test_without_mpi_one_line_says_what_to_install(tmp_path, tiny_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    from scratch_rnn.training import world

    world.connect.cache_clear()
    done = called("train", "--engine", "mpi", "--data", tiny_data, "--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"scratch-rnn: {NOT_THERE}")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# On one machine ------------------------------------------------------------------------------------------


def mpiexec(ranks, *arguments, cwd, timeout=120):
    """Run this checkout in a new Python on so many ranks; return the finished process."""
    command = ["mpiexec", "-n", str(ranks), sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(HERE), capture_output=True, text=True, timeout=timeout
    )


def trained(engine, **options):
    """Return a model, and its History, trained with all that draws random numbers and with a last batch that
    is smaller than the others."""
    (x, y), _ = load_mnist("sample")
    layers = [LSTM(6, recurrent_dropout=0.2, return_sequences=True), Dropout(0.2), LSTM(5)]
    model = Sequential([*layers, Dense(10, "softmax")], seed=0)
    model.compile(
        RMSprop(), "sparse_categorical_crossentropy", ["accuracy"], shard_rows=16, engine=engine, **options
    )
    weights = np.linspace(0, 2, 270)
    history = model.fit(x[:300], y[:300], batch_size=100, epochs=2, validation_split=0.1, verbose=0)
    model.fit(x[:270], y[:270], batch_size=128, verbose=0, sample_weight=weights)
    return model, history


def masked(engine, callbacks=()):
    """Return a model trained on sequences of which many losses are left out, all in the first rows."""
    x = np.random.default_rng(0).random((60, 5, 3))
    x[:25, 2:] = 0
    layers = [Masking(), SimpleRNN(4, return_sequences=True), Dense(4, "softmax")]
    model = Sequential(layers, seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", engine=engine, shard_rows=8)
    y = np.tile(np.arange(60)[:, None] % 4, 5)
    model.fit(x, y, batch_size=60, verbose=0, callbacks=list(callbacks))
    return model


def refused(layers, x, y, **compiled):
    """Return what `fit` on ranks says to a model and to data."""
    model = Sequential(layers, seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", engine="mpi", shard_rows=8, **compiled)
    with pytest.raises(ValueError) as caught:
        model.fit(x, y, batch_size=30, shuffle=False, verbose=0)
    return str(caught.value)


def never_three(y, outputs):
    """A metric that cannot stand a label, which stands in the last shard alone."""
    if 3 in y:
        raise ValueError("a three")
    return np.zeros(len(y))


class Told(Callback):
    """Notes the epochs of which it was told."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, epoch, logs):
        self.epochs.append(epoch)


def report():
    """As a program that all ranks run: leave in a file, for each of them, what it had in the end."""
    from mpi4py import MPI

    rank, told = MPI.COMM_WORLD.rank, Told()
    model, history = trained("mpi")
    x, y = np.ones((60, 5, 3)), np.repeat([0, 0, 0, 0, 0, 3], 10)
    stateful, plain = SimpleRNN(4, stateful=True), SimpleRNN(4)
    found = {
        "loss": history.history["loss"] + history.history["val_loss"],
        "steps": model.optimizer.iterations,
        "next": model._shuffle_rng.random(),
        "slots": model.optimizer.slots[1]["mean_square"],
        "workers": history.workers,
        "masked": masked("mpi", [told]).weights[0],
        "told": told.epochs,
        "stateful": refused([stateful, Dense(4, "softmax")], x, y),
        "rows": refused([plain, Dense(4, "softmax")], x, y[:3]),
        "shard": refused([plain, Dense(4, "softmax")], x, y, metrics=[never_three]),
    }
    np.savez(f"{rank}.npz", *model.weights, **found)


@pytest.fixture(scope="module", params=[2, 3])
def reports(request, tmp_path_factory):
    """What each of two, and of three, ranks had in the end."""
    folder = tmp_path_factory.mktemp("ranks")
    done = mpiexec(request.param, "-c", "import test_ranks; test_ranks.report()", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(request.param)]


@with_mpi
def test_all_ranks_have_the_bits_of_threads_in_the_end(reports):
    model, history = trained("threads")
    for found in reports:
        for number, weight in enumerate(model.weights):
            np.testing.assert_array_equal(found[f"arr_{number}"], weight)
        assert found["loss"].tolist() == history.history["loss"] + history.history["val_loss"]
        assert found["steps"] == model.optimizer.iterations == 9
        assert found["next"] == reports[0]["next"]
        np.testing.assert_array_equal(found["slots"], model.optimizer.slots[1]["mean_square"])
        assert found["workers"] == f"{len(reports)} MPI ranks"


@with_mpi
def test_losses_that_a_mask_leaves_out_are_counted_on_all_ranks(reports):
    expected = masked("threads").weights[0]
    for found in reports:
        np.testing.assert_array_equal(found["masked"], expected)


@with_mpi
def test_callbacks_are_told_on_rank_0_alone(reports):
    assert [found["told"].tolist() for found in reports] == [[0]] + [[]] * (len(reports) - 1)


@with_mpi
def test_what_rank_0_refuses_all_ranks_refuse(reports):
    for found in reports:
        assert "is stateful: take threads, not several MPI ranks" in str(found["stateful"])
        assert "60" in str(found["rows"])
        assert "3" in str(found["rows"])
        assert str(found["shard"]) == "a three"


def other_model(units=3, activation="tanh", optimizer="sgd", loss="sparse_categorical_crossentropy"):
    """As a program that all ranks run: train a model that is another one on rank 1."""
    from mpi4py import MPI

    if MPI.COMM_WORLD.rank == 0:
        units, activation, optimizer, loss = other_model.__defaults__
    layers = [Bidirectional(SimpleRNN(units, activation=activation)), Dense(4, "softmax")]
    model = Sequential(layers, seed=0)
    model.compile(optimizer, loss, engine="mpi")
    model.fit(np.ones((8, 5, 3)), np.zeros(8, int), verbose=0)


@with_mpi
@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"units": 4}, "units of layer of layer 1 is 4 here, but 3 on rank 0"),
        ({"activation": "relu"}, "activation of layer of layer 1 is 'relu' here, but 'tanh' on rank 0"),
        ({"optimizer": "adam"}, "the optimizer is 'Adam' here, but 'SGD' on rank 0"),
        (
            {"loss": "mse"},
            "the loss is 'MeanSquaredError' here, but 'SparseCategoricalCrossentropy' on rank 0",
        ),
    ],
)
def test_a_rank_with_another_model_ends_all_with_one_line_before_they_train(options, difference, tmp_path):
    done = mpiexec(2, "-c", f"import test_ranks; test_ranks.other_model(**{options})", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"rank 1 of 2: {difference}: all ranks have to make the same model\n"


def test_what_all_ranks_must_have_alike_has_no_weights_seeds_and_rates():
    def model(seed, rate):
        layers = [LSTM(3, recurrent_dropout=0.5, seed=seed), Dropout(0.25, seed=seed), Dense(4, "softmax")]
        made = Sequential(layers, seed=seed)
        made.compile(RMSprop(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return made

    found = traits(model(0, 0.1))
    check_alike(model(1, 0.2), found)
    assert found["recurrent_dropout of layer 1"] == 0.5
    assert found["rate of layer 2"] == 0.25
    assert found["centered of the optimizer"] is False
    with pytest.raises(ValueError, match=r"rate of layer 2 is 0\.25 here, but 0\.5 on rank 0"):
        check_alike(model(0, 0.1), found | {"rate of layer 2": 0.5})


def test_parts_of_the_user_s_own_are_known_by_their_classes():
    class Squared(Loss):
        def value(self, y, target):
            return (y - target) ** 2

    model = Sequential([SimpleRNN(2)])
    model.compile("sgd", Squared())
    assert traits(model)["the loss"] == "Squared"


# On the command line ---------------------------------------------------------------------------------------

OPTIONS = ["--units", "4", "--batch-size", "60", "--epochs", "3", "--shard-rows", "20"]


def weights_of(run):
    with np.load(run / "scratch_rnn.weights.npz") as saved:
        return {name: saved[name].tolist() for name in saved.files}


def fails_on_rank_0():
    """As a program that all ranks run: a fit which fails on rank 0 before it has told of its model."""
    from mpi4py import MPI

    from scratch_rnn.training import company

    def no_traits(model):
        raise ArithmeticError("too narrow")

    if MPI.COMM_WORLD.rank == 0:
        company.traits = no_traits
    model = Sequential([SimpleRNN(3), Dense(4, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", engine="mpi")
    with pytest.raises(ArithmeticError, match="too narrow"):
        model.fit(np.ones((8, 5, 3)), np.zeros(8, int), verbose=0)


@with_mpi
def test_what_rank_0_raises_before_it_trains_all_ranks_raise(tmp_path):
    done = mpiexec(2, "-c", "import test_ranks; test_ranks.fails_on_rank_0()", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@with_mpi
def test_the_command_line_says_all_once_and_leaves_what_one_thread_leaves(tmp_path, tiny_data):
    command = ["-m", "scratch_rnn", "train", *OPTIONS, "--data", tiny_data]
    done = mpiexec(2, *command, "--engine", "mpi", "--out", "ranks", cwd=tmp_path)
    alone = called("train", *OPTIONS, "--data", tiny_data, "--threads", 1, "--out", "alone", cwd=tmp_path)
    assert (done.returncode, alone.returncode, done.stderr) == (0, 0, "")
    assert done.stdout.count("epoch 3/3") == 1
    assert "2 MPI ranks" in done.stdout
    assert weights_of(tmp_path / "ranks") == weights_of(tmp_path / "alone")


@with_mpi
@pytest.mark.parametrize("wrong", [["--data", "nowhere"], ["--unitz", "3"]])
def test_bad_input_gets_one_line_and_status_2(wrong, tmp_path):
    done = mpiexec(2, "-m", "scratch_rnn", "train", "--engine", "mpi", *wrong, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("scratch-rnn: ")
    assert list(tmp_path.iterdir()) == []


@with_mpi
@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (["train", "--quick"], "add --engine mpi, and they share it"),
        (["study", "--quick"], "add --engine mpi, and they share it"),
        (["gradcheck"], "start it without mpiexec"),
    ],
)
def test_ranks_that_would_each_do_the_whole_work_are_refused(command, advice, tmp_path):
    done = mpiexec(2, "-m", "scratch_rnn", *command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"scratch-rnn: mpiexec has started 2 processes, each of which would do the whole work: {advice}\n"
    )
    assert list(tmp_path.iterdir()) == []


@with_mpi
def test_one_rank_needs_no_engine(tmp_path, tiny_data):
    command = ["-m", "scratch_rnn", "train", *OPTIONS, "--data", tiny_data, "--out", "run"]
    done = mpiexec(1, *command, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


DYING = """
import os, signal, sys
from mpi4py import MPI
from scratch_rnn.commands.main import main
from scratch_rnn.training.ranks import Ranks
from scratch_rnn.training.world import World

rank, number, what, which = sys.argv[1:5]
of = World if what == "tell" else Ranks
method, calls = getattr(of, what), []
def patched(*arguments):
    calls.append(arguments)
    if len(calls) == int(which) and MPI.COMM_WORLD.rank == int(rank):
        os.kill(os.getpid(), int(number))
    return method(*arguments)
setattr(of, what, patched)
sys.exit(main(sys.argv[5:]))
"""


@pytest.fixture
def dying(tmp_path, tiny_data):
    """Run `train` on two ranks, of which one gets a signal at a moment, in the second epoch if nothing else
    is said; return the process."""

    def run(rank, number, moment=("_summed", 12)):
        command = ["train", "--engine", "mpi", *OPTIONS, "--data", tiny_data, "--save-every", "2"]
        started = [f"{HEAR_CTRL_C}\n{DYING}", rank, int(number), *moment, *command, "--out", "run"]
        return mpiexec(2, "-c", *started, cwd=tmp_path)

    return run


@with_mpi
def test_a_killed_rank_ends_all_and_threads_go_on_to_the_same_bits(dying, tmp_path, tiny_data):
    done = dying(1, signal.SIGKILL)
    assert done.returncode == signal.SIGKILL
    assert "Traceback" not in done.stderr
    again = called("train", "--resume", "run", "--engine", "threads", cwd=tmp_path)
    alone = called("train", *OPTIONS, "--data", tiny_data, "--threads", 1, "--out", "alone", cwd=tmp_path)
    assert (again.returncode, alone.returncode) == (0, 0), again.stderr
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "alone")


@with_mpi
@pytest.mark.parametrize(
    ("number", "moment"),
    [
        pytest.param(signal.SIGTERM, ("_summed", 12), id="SIGTERM"),
        pytest.param(signal.SIGINT, ("_summed", 12), id="in a step"),
        pytest.param(signal.SIGINT, ("tell", 1), id="when the fit begins"),
        pytest.param(signal.SIGINT, ("_tell_of_epoch", 1), id="when an epoch begins"),
        pytest.param(signal.SIGINT, ("end_epoch", 1), id="when it ends"),
    ],
)
def test_ctrl_c_on_rank_0_ends_all_in_order(number, moment, dying):
    done = dying(0, number, moment)
    assert done.returncode == 130
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("scratch-rnn: interrupted: ")


@with_mpi
def test_helpers_do_not_hear_what_asks_a_program_to_end(dying):
    done = dying(1, signal.SIGTERM)
    assert (done.returncode, done.stderr) == (0, "")
