"""A run that was killed goes on and ends as if it had not been: the same bits, and nothing left behind.

SCRATCH_RNN_KILLS=9 kills each run so often, at random moments, and every cell on threads and on processes:
more than fifty kills in all, in place of the few that are enough every day.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from itertools import cycle, product
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import called, environment

from scratch_rnn import LSTM, BackupAndRestore, Callback, Dense, Sequential, load_mnist, load_model
from scratch_rnn.runs.folder import Run, read_recipe
from scratch_rnn.training import running

KILLS = int(os.environ.get("SCRATCH_RNN_KILLS", "2"))
on_demand = pytest.mark.skipif(KILLS <= 2, reason="only with SCRATCH_RNN_KILLS=3 or more: it takes a minute")
CELLS, ENGINES = ("simple_rnn", "gru", "lstm"), ("--processes", "--threads")
RUNS = list(product(CELLS, ENGINES)) if KILLS > 2 else list(zip(CELLS, cycle(ENGINES), strict=False))
OPTIONS = ["--units", "4", "--batch-size", "30", "--epochs", "4", "--seed", "5"]
SHORT = [*OPTIONS[:2], "--batch-size", "130"]
WITHIN = ["--save-every", "5"]  # of the twelve batches of an epoch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows kills in another way")


def killed(arguments, seconds, cwd):
    """Run the command line, kill it after so many seconds unless it has ended; return its exit status."""
    command = [sys.executable, "-m", "scratch_rnn", *map(str, arguments)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=cwd, env=environment(), start_new_session=True, **quiet) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        status, errors = process.wait(), process.stderr.read().decode()
    assert status in (0, -signal.SIGKILL), errors
    assert nobody_is_left(process.pid)
    return status


def nobody_is_left(session):
    """Wait for the helpers, which notice that they are alone, and return whether all have ended."""
    for _ in range(100):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def finished(command, options, kills, longest, cwd):
    """Begin a run, kill it so often, going on each time, and let it end; return its folder."""
    rng, folder = random.Random(0), cwd / "killed"
    for number in range(kills + 1):
        begun = (folder / "recipe.json").is_file()
        arguments = ["--resume", folder] if begun else [*options, "--out", folder]
        arguments = [*arguments, *WITHIN]
        seconds = rng.uniform(0.3, 1) * longest if number < kills else 600
        status = killed([command, *arguments], seconds, cwd)
        if status == 0 or ((folder / "summary.json").is_file() and not (folder / "state.npz").is_file()):
            break
        for path in folder.glob("*"):  # whole, all of them
            if path.suffix == ".npz":
                np.load(path)
            if path.suffix == ".json":
                json.loads(path.read_text())
    return folder


def assert_same_run(folder, expected):
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in expected.iterdir())
    for path in expected.glob("*.npz"):
        with np.load(path) as theirs, np.load(folder / path.name) as ours:
            assert ours.files == theirs.files
            for name in theirs.files:
                np.testing.assert_array_equal(ours[name], theirs[name])
    for name in ("recipe.json", "history.json"):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()
    ours, theirs = (json.loads((each / "summary.json").read_text()) for each in (folder, expected))
    for changing in ("seconds_per_epoch", "ratio_of_seconds", "workers", "conditions"):
        ours.pop(changing, None), theirs.pop(changing, None)
    assert ours == theirs


@pytest.mark.parametrize(("cell", "engine"), RUNS)
def test_training_ends_as_if_it_had_not_been_killed(cell, engine, tiny_data, tmp_path):
    options = ["--cell", cell, "--data", tiny_data, *OPTIONS]
    began = time.monotonic()
    assert killed(["train", *options, "--out", tmp_path / "whole"], 600, tmp_path) == 0
    longest = time.monotonic() - began
    folder = finished("train", [*options, engine, "2"], KILLS, longest, tmp_path)
    assert_same_run(folder, tmp_path / "whole")


@on_demand
@pytest.mark.parametrize(("reference", "library"), [("keras", "keras"), ("pytorch", "torch")])
def test_so_does_a_comparison_its_twin_included(reference, library, tiny_data, tmp_path):
    pytest.importorskip(library)
    options = ["--cell", "gru", "--data", tiny_data, *OPTIONS]
    options += ["--reference", reference, "--optimizer", "adam"]
    began = time.monotonic()
    assert killed(["compare", *options, "--out", tmp_path / "whole"], 600, tmp_path) == 0
    longest = time.monotonic() - began
    folder = finished("compare", options, -(-KILLS // 2), longest, tmp_path)
    assert_same_run(folder, tmp_path / "whole")


@pytest.fixture(
    scope="module", params=[("keras", "Keras"), ("pytorch", "PyTorch")], ids=lambda names: names[0]
)
def side_by_side(request, tiny_data, tmp_path_factory):
    """Options of a comparison, the name of its twin, and the folder in which it ran from begin to end."""
    reference, name = request.param
    pytest.importorskip({"pytorch": "torch"}.get(reference, reference))
    folder = tmp_path_factory.mktemp(reference)
    options = ["--reference", reference, "--optimizer", "adam", "--cell", "lstm", "--data", tiny_data]
    options += ["--units", "4", "--batch-size", "60", "--epochs", "2"]  # six batches an epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_reference.pair.Pair.draw", lambda *_: None)  # it takes most of the time
        done = called("compare", *options, "--out", "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    return options, name, folder / "whole"


@pytest.mark.parametrize(("twin", "epoch"), [(False, 1), (True, 0)])
def test_a_comparison_goes_on_within_the_epoch_of_either_model(twin, epoch, side_by_side, tmp_path):
    from keras_reference import pair

    options, name, whole = side_by_side
    turn, trained = name if twin else "scratch_rnn", []

    class Stopping(pair._Saver):
        def on_batch(self, result, number, batch, batches, logs):
            super().on_batch(result, number, batch, batches, logs)
            trained.append((result.name, number, batch))
            if (result.name, number, batch) == (turn, epoch, 4):
                raise KeyboardInterrupt

    class Listening(pair._Saver):
        def on_batch(self, result, number, batch, batches, logs):
            trained.append((result.name, number, batch))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair.Pair, "draw", lambda *_: None)
        patch.setattr(pair, "_Saver", Stopping)
        done = called("compare", *options, "--save-every", "2", "--out", "run", cwd=tmp_path)
        assert done.returncode == 130
        trained.clear()
        patch.setattr(pair, "_Saver", Listening)
        done = called("compare", "--resume", "run", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert trained[:2] == [(turn, epoch, 4), (turn, epoch, 5)]
    assert_same_run(tmp_path / "run", whole)


# A run of several cells ------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tiny_data, tmp_path, monkeypatch):
    """The folder of a run of all cells, stopped in the second epoch of the second one, and of a whole one."""
    options = ["--cell", "all", "--data", tiny_data, *SHORT, "--epochs", "2", "--threads", "1"]
    monkeypatch.setattr(Run, "save_figures", lambda *_: None)  # they take most of the time, and no state
    whole = called("train", *options, "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0

    with monkeypatch.context() as patch:
        before, saved = Run.save_epoch, []

        def save_epoch(self, trained):
            if len(saved) == 3:
                raise KeyboardInterrupt
            saved.append(before(self, trained))

        patch.setattr(Run, "save_epoch", save_epoch)
        done = called("train", *options, "--out", "stopped", cwd=tmp_path)
    assert done.returncode == 130
    assert "--resume stopped/gru goes on" in done.stderr
    return tmp_path / "stopped", tmp_path / "whole", whole.stdout


def test_a_run_of_all_cells_goes_on_with_those_that_are_not_finished(stopped):
    folder, whole, _ = stopped
    assert not (folder / "lstm").exists()  # it had not begun
    done = called("train", "--resume", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/simple_rnn is finished" in done.stdout
    for cell in ("simple_rnn", "gru", "lstm"):
        assert_same_run(folder / cell, whole / cell)
    done = called("train", "--resume", folder, cwd=folder.parent)
    assert (done.returncode, done.stderr.split(": ", 1)[1]) == (
        2,
        f"{folder} is finished: there is nothing to resume\n",
    )


def epoch_lines(text):
    """Return the lines of epochs without their seconds."""
    return [re.sub(r" +[\d.]+ s ", "", line) for line in text.splitlines() if line.startswith("epoch")]


def test_a_run_that_goes_on_shows_the_epochs_that_are_done_and_in_the_end_all_cells(stopped):
    folder, whole, told = stopped
    done = called("train", "--resume", folder, cwd=folder.parent).stdout
    assert epoch_lines(done) == epoch_lines(told)[2:]  # the first cell is finished
    assert "curves.png in stopped compares the cells" in done.replace(f"{folder.parent}/", "")
    assert (folder / "curves.png").is_file()
    rows, again = ([line.split()[:-1] for line in text.splitlines()[-5:-2]] for text in (done, told))
    assert rows == again
    assert [name for name, *_ in rows] == ["SimpleRNN", "GRU", "LSTM"]
    for cell, (_, accuracy, loss, last, last_of_validation) in zip(CELLS, rows, strict=True):
        scores = json.loads((whole / cell / "summary.json").read_text())["test"]["scratch_rnn"]
        history = json.loads((whole / cell / "history.json").read_text())["scratch_rnn"]
        assert (accuracy, loss) == (f"{scores['accuracy']:.2%}", f"{scores['loss']:.4f}")
        assert (last, last_of_validation) == tuple(
            f"{history[name][-1]:.2%}" for name in ("accuracy", "val_accuracy")
        )


# What is refused -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def interrupted(tiny_data, tmp_path_factory):
    """A run with a state, and without a summary."""
    folder = tmp_path_factory.mktemp("interrupted")
    options = ["--cell", "gru", "--data", tiny_data, *SHORT, "--epochs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scratch_rnn.runs.folder.Run.save_figures", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            called("train", *options, "--out", "run", cwd=folder)
    return folder / "run"


def refused(*arguments, cwd):
    done = called(*arguments, cwd=cwd)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--epochs", "9"], "--epochs"),
        (["--quick", "--out", "x"], "--out, --quick"),
        (["--seed", "0"], "--seed"),
    ],
)
def test_what_the_run_has_decided_is_not_asked_again(options, named, interrupted, tmp_path):
    words = f"--resume goes on with what its run was asked for: leave out {named}\n"
    assert refused("train", "--resume", interrupted, *options, cwd=tmp_path).endswith(words)


def test_what_is_no_run_or_damaged_cannot_be_gone_on_with(interrupted, tmp_path):
    assert "nowhere does not exist" in refused("train", "--resume", "nowhere", cwd=tmp_path)
    assert "is not the folder of a run" in refused("train", "--resume", tmp_path, cwd=tmp_path)
    state, content = interrupted / "state.npz", (interrupted / "state.npz").read_bytes()
    state.write_bytes(content[:-9])
    assert "state.npz is damaged" in refused("train", "--resume", interrupted, cwd=tmp_path)
    state.unlink()
    words = "has no state.npz: the version that made it cannot be resumed from"
    (interrupted / "summary.json").unlink()
    assert words in refused("train", "--resume", interrupted, cwd=tmp_path)
    state.write_bytes(content)
    assert read_recipe(interrupted)[0].cell == "gru"


def test_a_run_goes_on_with_the_command_that_began_it(interrupted, tiny_data, tmp_path):
    pytest.importorskip("keras")
    words = "state.npz is no state of scratch-rnn compare: it has no"
    assert words in refused("compare", "--resume", interrupted, cwd=tmp_path)
    options = ["--cell", "gru", "--data", tiny_data, *SHORT, "--epochs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scratch_rnn.runs.folder.Run.save_figures", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            called("compare", *options, "--out", "pair", cwd=tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "pair").iterdir()}
    assert "is no backup of a fit: compare wrote it" in refused("train", "--resume", "pair", cwd=tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "pair").iterdir()} == before


def test_the_state_of_another_model_is_refused(tmp_path):
    one, other = ((Sequential([LSTM(units), Dense(10, "softmax")], seed=0)) for units in (2, 3))
    (x, y), _ = load_mnist("sample")
    for model in (one, other):
        model.compile("adam", "sparse_categorical_crossentropy", threads=1)
    one.fit(
        x[:50], y[:50], verbose=0, callbacks=[BackupAndRestore(tmp_path / "b.npz", delete_checkpoint=False)]
    )
    with pytest.raises(ValueError, match=r"b.npz holds a model of other layers, or trained in another way"):
        other.fit(x[:50], y[:50], verbose=0, callbacks=[BackupAndRestore(tmp_path / "b.npz")])


# From Python -----------------------------------------------------------------------------------------------


class StopIn(Callback):
    """Raises in the middle of an epoch, after its second batch."""

    def __init__(self, epoch):
        self.stop_in = epoch

    def on_epoch_begin(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if self.epoch == self.stop_in and batch == 1:
            raise ZeroDivisionError


def small_model(cell=LSTM):
    model = Sequential([cell(4), Dense(10, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"], threads=1)
    return model


def backed_up(model, path, *callbacks, rows=200, save_freq="epoch", **options):
    """Train for three epochs of six batches, with a backup."""
    (x, y), _ = load_mnist("sample")
    options = {"epochs": 3, "verbose": 0, "validation_split": 0.1} | options
    return model.fit(x[:rows], y[:rows], callbacks=[BackupAndRestore(path, save_freq), *callbacks], **options)


@pytest.mark.parametrize("save_freq", ["epoch", 1, 2, 4])
@pytest.mark.parametrize("stop_in", [0, 1, 2])
def test_a_fit_with_a_backup_goes_on_and_ends_the_same(stop_in, save_freq, tmp_path):
    path, whole, resumed = tmp_path / "b.npz", small_model(), small_model()
    expected = backed_up(whole, path, save_freq=save_freq)
    assert not path.exists()
    with pytest.raises(ZeroDivisionError):
        backed_up(small_model(), path, StopIn(stop_in), save_freq=save_freq)
    assert path.exists() == (stop_in > 0 or save_freq in (1, 2))
    if path.exists():
        assert len(load_model(path).weights) == 5
    seen = Seen()
    history = backed_up(resumed, path, seen, save_freq=save_freq)
    assert len(seen.batches) == 6 * (3 - stop_in) - (2 if save_freq in (1, 2) else 0)
    assert history.history == expected.history
    assert history.epoch == [0, 1, 2]
    assert len(history.seconds) == 3
    for ours, theirs in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not path.exists()


class Seen(Callback):
    """Notes the batches that are trained on."""

    def __init__(self):
        self.batches = []

    def on_train_batch_end(self, batch, logs):
        self.batches.append(batch)


def test_what_an_epoch_took_before_the_interruption_counts(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(running, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    class Slow(Callback):
        def on_train_batch_begin(self, batch):
            now[0] += 1

    with pytest.raises(ZeroDivisionError):
        backed_up(small_model(), tmp_path / "b.npz", Slow(), StopIn(1), save_freq=1)
    now[0] += 1000
    history = backed_up(small_model(), tmp_path / "b.npz", Slow(), save_freq=1)
    assert history.seconds == [6, 6, 6]


def test_a_backup_within_an_epoch_is_for_the_same_batches_alone(tmp_path):
    path = tmp_path / "b.npz"
    with pytest.raises(ZeroDivisionError):
        backed_up(small_model(), path, StopIn(0), save_freq=1)
    before = path.read_bytes()
    for changed in ({"batch_size": 16}, {"rows": 150}):
        with pytest.raises(ValueError, match=r"b.npz is of an epoch of 180 rows in 6 batches, but this one"):
            backed_up(small_model(), path, save_freq=1, **changed)
    assert path.read_bytes() == before


@pytest.mark.parametrize("save_freq", [0, -1, 1.5, "batch", None])
def test_a_backup_is_made_each_epoch_or_after_so_many_batches(save_freq, tmp_path):
    with pytest.raises(ValueError, match=r"save_freq must be .* not"):
        BackupAndRestore(tmp_path / "b.npz", save_freq)


def test_fit_counts_epochs_that_are_done_as_keras_does():
    (x, y), _ = load_mnist("sample")
    model = Sequential([LSTM(2), Dense(10, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", threads=1)
    assert model.fit(x[:40], y[:40], epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    assert model.fit(x[:40], y[:40], epochs=3, initial_epoch=3, verbose=0).epoch == []
    with pytest.raises(ValueError, match="initial_epoch must be a whole number, zero or above, not -1"):
        model.fit(x[:40], y[:40], initial_epoch=-1, verbose=0)
