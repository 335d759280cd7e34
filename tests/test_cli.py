"""The command line, run as a user runs it."""

import json
import os
import signal
import sys
import time

import numpy as np
import pytest
from helpers import TINY, called, in_a_terminal, scratch_rnn
from PIL import Image

from scratch_rnn import Sequential, load_mnist
from scratch_rnn.commands.main import build_parser


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_data):
    """The folder and the output of `train`."""
    folder = tmp_path_factory.mktemp("train")
    done = called("train", "--data", tiny_data, "--out", "run", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def read(path):
    return json.loads(path.read_text())


def assert_figure(path):
    """The file is a picture of a legible size with more than one colour."""
    with Image.open(path) as image:
        assert image.width >= 660
        assert image.height >= 290
        assert len(image.convert("L").getcolors(maxcolors=256)) > 10


def test_the_version_is_told(tmp_path):
    assert scratch_rnn("--version", cwd=tmp_path).stdout.startswith("scratch-rnn ")


def test_a_folder_named_like_the_package_does_not_hide_it(tmp_path):
    """As where a clone called scratch_rnn lies in the current folder."""
    (tmp_path / "scratch_rnn" / "docs").mkdir(parents=True)
    assert scratch_rnn("--version", cwd=tmp_path).returncode == 0


def test_help_lists_the_commands(tmp_path):
    done = called("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("compare", "train", "predict", "inspect", "export"))


@pytest.mark.parametrize("command", ["compare", "train"])
def test_help_names_every_option_of_a_recipe(command, tmp_path):
    text = called(command, "--help", cwd=tmp_path).stdout
    for option in ("cell", "units", "layers", "optimizer", "learning-rate", "epochs", "batch-size", "seed"):
        assert f"--{option}" in text
    for option in ("data", "dtype", "threads", "processes", "out", "quick"):
        assert f"--{option}" in text


def test_train_leaves_weights_history_figures_and_a_summary(trained):
    folder, output = trained
    summary, history = read(folder / "summary.json"), read(folder / "history.json")["scratch_rnn"]
    assert summary["recipe"]["units"] == 6
    assert f"{summary['test']['scratch_rnn']['accuracy']:.2%}" in output
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 2
    )
    assert (folder / "scratch_rnn.weights.npz").is_file()
    for name in ("curves.png", "predictions.png", "confusion.png"):
        assert_figure(folder / name)


def test_train_needs_no_framework(tmp_path, tiny_data):
    """A stand-in that fails takes the place of TensorFlow and of Keras."""
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not to be imported')")
    done = scratch_rnn("train", "--data", tiny_data, *TINY, cwd=tmp_path, first=[tmp_path])
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("runs/train-lstm-*/summary.json"))) == 1


@pytest.fixture(scope="module")
def trained_anew(tmp_path_factory, tiny_data):
    """What trains with a seed and options of its own, and returns the weights."""

    def train(*options):
        folder = tmp_path_factory.mktemp("seeds")
        done = called(
            *["train", "--data", tiny_data, "--out", "run", *TINY, "--batch-size", 150, *options], cwd=folder
        )
        assert done.returncode == 0, done.stderr
        with np.load(folder / "run" / "scratch_rnn.weights.npz") as saved:
            return [saved[weight] for weight in saved.files]

    return train


@pytest.fixture(scope="module")
def on_one_thread(trained_anew):
    return trained_anew("--seed", 1, "--threads", 1)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        (["--seed", 1, "--threads", 3], True),
        (["--seed", 1, "--processes", 2 if sys.platform == "linux" else 1], True),
        (["--seed", 2, "--threads", 1], False),
    ],
    ids=["threads", "processes", "another seed"],
)
def test_the_seed_and_not_what_computes_decides_the_weights(options, same, trained_anew, on_one_thread):
    pairs = zip(trained_anew(*options), on_one_thread, strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs) == same


@pytest.mark.parametrize("command", ["train", "compare"])
def test_threads_and_processes_reach_the_model(command, monkeypatch, tiny_data, tmp_path):
    if command == "compare":
        pytest.importorskip("keras")
    asked = []

    def fit(model, *_, **__):
        asked.append((model.threads, model.processes))
        raise KeyboardInterrupt

    monkeypatch.setattr(Sequential, "fit", fit)
    monkeypatch.setattr(
        "scratch_rnn.training.engines.check_available", lambda processes: None
    )  # not the matter here
    words = [command, "--data", tiny_data, "--out", tmp_path / "run", "--threads", 3, "--processes", 5]
    arguments = build_parser().parse_args(list(map(str, words)))
    with pytest.raises(KeyboardInterrupt):
        arguments.run(arguments)
    assert asked == [(3, 5)]


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_compare_leaves_both_models_results(compared, cell):
    folder, summary = compared[0] / cell, read(compared[0] / cell / "summary.json")
    assert set(summary["test"]) == {"scratch_rnn", "Keras"} == set(read(folder / "history.json"))
    assert summary["first_batches"] == 6
    assert summary["first_batch_losses_differ"] < 1e-5
    assert summary["agreement"] == 1
    for name in ("curves.png", "predictions.png", "confusion.png"):
        assert_figure(folder / name)
    with np.load(folder / "scratch_rnn.weights.npz") as ours, np.load(folder / "keras.weights.npz") as theirs:
        for name in ours.files:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4, err_msg=name)


def test_compare_prints_a_summary_that_a_person_can_read(compared):
    for words in ("test accuracy", "test loss", "McNemar", "same answer", "first 6 batches", "simple_rnn"):
        assert words in compared[1]


def test_predict_draws_a_test_digit(trained, tmp_path):
    done = called("predict", trained[0], "--test-index", 7, "--figure", "seven.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout
    assert_figure(tmp_path / "seven.png")


def test_predict_draws_images(trained, tmp_path):
    _, (x_test, _) = load_mnist("sample")
    for number in range(3):
        image = Image.fromarray(255 - x_test[number]).resize((200, 200))
        image.save(tmp_path / f"{number}.png")
    done = called("predict", trained[0], "0.png", "1.png", "2.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(f"{number}.png" in done.stdout for number in range(3))
    assert_figure(trained[0] / "predict-0-and-2-more.png")


def test_a_run_of_compare_can_be_asked_without_keras(compared, tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('not to be imported')")
    run = compared[0] / "gru"
    done = scratch_rnn("predict", run, "--test-index", 0, cwd=tmp_path, first=[tmp_path])
    assert done.returncode == 0, done.stderr


def assert_refused(done, *words):
    """One line on stderr that holds the words, exit status 2, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["trian"], ["trian", "train"]),
        (["train", "--cell", "transformer"], ["--cell", "transformer", "gru"]),
        (["train", "--optimizer", "adamw"], ["--optimizer", "rmsprop"]),
        (["train", "--units", "0"], ["--units", "'0'", "above zero"]),
        (["train", "--threads", "0"], ["--threads", "'0'", "above zero"]),
        (["train", "--processes", "0"], ["--processes", "'0'", "above zero"]),
        (["train", "--epochs", "ten"], ["--epochs", "'ten'"]),
        (["train", "--learning-rate", "nan"], ["--learning-rate", "'nan'"]),
        (["train", "--seed", "-1"], ["--seed", "'-1'"]),
        (["train", "--dtype", "float16"], ["--dtype", "float64"]),
        (["train", "--data", "no/such/folder"], ["no/such/folder", "sample"]),
        (["train", "--data", "sample", "--units", "100000000"], ["memory"]),
        (["train", "--data", "sample", "--units", "9999999999999999999999"], ["memory", "units"]),
        (["train", "--data", ""], ["--data", "'' is not a path"]),
        (["predict", "nowhere", "--test-index", "0"], ["nowhere", "does not exist"]),
    ],
)
def test_a_wrong_option_gets_one_line(arguments, words, tmp_path):
    assert_refused(called(*arguments, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_train": np.full(400, 10)}, ["y_train", "10"]),
        ({"x_train": np.full((400, 28, 28), np.nan)}, ["x_train", "NaN"]),
        ({"x_test": np.zeros((100, 27, 28), np.uint8)}, ["x_test", "27"]),
        ({"y_test": np.zeros(99, np.uint8)}, ["y_test", "99"]),
    ],
)
def test_wrong_data_gets_one_line(change, words, tiny_data, tmp_path):
    with np.load(tiny_data) as data:
        np.savez(tmp_path / "wrong.npz", **{**data, **change})
    assert_refused(called("train", "--data", "wrong.npz", *TINY, cwd=tmp_path), "wrong.npz", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.npz"]


def test_a_training_that_diverges_says_so(tiny_data, tmp_path):
    options = ["--optimizer", "sgd", "--learning-rate", "1e38", "--out", "run"]
    done = called("train", "--data", tiny_data, *TINY, *options, cwd=tmp_path)
    assert_refused(done, "diverged", "learning rate")
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("mine.png", ["mine.png", "exists already"]),
        ("no/such/folder.png", ["folder.png", "does not exist"]),
        ("figure.xyz", ["figure.xyz", ".png"]),
    ],
)
def test_a_figure_that_cannot_be_written_is_refused_before_anything_is_drawn(
    figure, words, trained, tmp_path
):
    Image.new("L", (50, 50), 255).save(tmp_path / "mine.png")
    before = (tmp_path / "mine.png").read_bytes()
    done = called("predict", trained[0], "mine.png", "--figure", figure, cwd=tmp_path)
    assert_refused(done, *words)
    assert done.stdout == ""
    assert (tmp_path / "mine.png").read_bytes() == before


def test_too_few_digits_are_refused_before_anything_is_written(tmp_path):
    (x, y), _ = load_mnist("sample")
    np.savez(tmp_path / "one.npz", x_train=x[:1], y_train=y[:1], x_test=x[:1], y_test=y[:1])
    assert_refused(called("train", "--data", "one.npz", *TINY, cwd=tmp_path), "too few")
    assert [path.name for path in tmp_path.iterdir()] == ["one.npz"]


def test_a_run_is_never_written_over(trained, tiny_data, tmp_path):
    before = (trained[0] / "summary.json").read_bytes()
    done = called("train", "--data", tiny_data, "--out", trained[0], *TINY, cwd=tmp_path)
    assert_refused(done, "not empty", str(trained[0]))
    assert (trained[0] / "summary.json").read_bytes() == before


def test_an_out_folder_that_cannot_be_made_gets_one_line(tiny_data, tmp_path):
    (tmp_path / "file").write_text("")
    done = called("train", "--data", tiny_data, "--out", "file/run", *TINY, cwd=tmp_path)
    assert_refused(done, "file/run")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--test-index"]),
        (["--test-index", "100"], ["100", "out of range"]),
        (["x.png", "--test-index", "1"], ["not both"]),
        (["missing.png"], ["missing.png"]),
        (["text.png"], ["text.png"]),
        (["blank.png"], ["blank.png"]),
        ([".", "blank.png"], ["."]),
    ],
)
def test_a_wrong_image_gets_one_line(arguments, words, trained, tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    assert_refused(called("predict", trained[0], *arguments, cwd=tmp_path), *words)


def test_compare_without_keras_says_what_to_install(tmp_path, tiny_data):
    (tmp_path / "keras.py").write_text("raise ModuleNotFoundError('No module named keras', name='keras')")
    done = scratch_rnn("compare", "--data", tiny_data, *TINY, cwd=tmp_path, first=[tmp_path])
    assert_refused(done, "keras", "pip install")
    assert not (tmp_path / "runs").exists()


def test_the_fallback_to_the_sample_cannot_be_overlooked(tmp_path):
    """Without npm and with a proxy that leads nowhere there is no MNIST to be had."""
    nowhere = "http://127.0.0.1:9"
    done = scratch_rnn(
        *["train", "--units", 2, "--epochs", 1, "--batch-size", 600, "--out", "run"],
        cwd=tmp_path,
        SCRATCH_RNN_CACHE=str(tmp_path / "cache"),
        PATH="",
        https_proxy=nowhere,
    )
    assert done.returncode == 0, done.stderr
    assert "NOT MNIST accuracies" in done.stderr
    assert "npm is not on the PATH" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child process")
@pytest.mark.parametrize("processes", [1, 2] if sys.platform == "linux" else [1])
def test_ctrl_c_ends_cleanly_and_says_what_was_saved(tmp_path, tiny_data, processes):
    arguments = ["train", "--data", tiny_data, "--out", "run", "--units", 6, "--epochs", 100_000]
    with in_a_terminal(*arguments, "--processes", processes, cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "run" / "history.json").exists() and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes that run in it
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "weights and history are saved in run" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "run" / "summary.json").exists()
    epochs = len(read(tmp_path / "run" / "history.json")["scratch_rnn"]["loss"])
    assert f"scratch_rnn {epochs}" in errors
