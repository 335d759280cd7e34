"""Whatever is typed or put into a file: one clear line and status 2, never a traceback, nothing written.

SCRATCH_RNN_FUZZ=1000 tries so many inputs of each kind in place of the few that are enough every day.
"""

import io
import json
import os

import numpy as np
import pytest
from helpers import called
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scratch_rnn import load_mnist, load_model
from scratch_rnn.runs.folder import load_run

EXAMPLES = int(os.environ.get("SCRATCH_RNN_FUZZ", "25"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

WORDS = [
    *("", " ", "-1", "0", "1.5", "nan", "-inf", "1e999", "0x10", "١٢", "two", "[red]", "[/b]", "../..", "~"),
    *("--", "-", "9" * 400, "None", "all", "lstm;ls", "a\nb", "%s", "{0}", "/dev/null", "\x1b[2J", "\udcff"),
]
words = st.one_of(st.sampled_from(WORDS), st.text(max_size=8).filter(lambda text: "\0" not in text))
OPTIONS = [
    *(
        "--cell",
        "--units",
        "--layers",
        "--optimizer",
        "--learning-rate",
        "--epochs",
        "--batch-size",
        "--seed",
    ),
    *("--dtype", "--threads", "--processes", "--shard-rows", "--resume", "--no-such-option"),
]
COMMANDS = ["predict", "inspect", "gradcheck", "compare", "export", "trian", ""]


def assert_refused(done, folder):
    """Fail unless a command has said what is wrong in one line, and has left the folder as it was."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.startswith("scratch-rnn")
    assert done.stderr.rstrip("\n").count("\n") == 0
    assert list(folder.iterdir()) == []


@fuzzed
@given(st.lists(st.tuples(st.sampled_from(OPTIONS), words), min_size=1, max_size=3))
def test_options_that_make_no_sense_are_refused(tmp_path_factory, pairs):
    """There are no such data either, so that what does make sense trains nothing."""
    folder = tmp_path_factory.mktemp("options")
    given_options = [word for option, value in pairs for word in (f"{option}={value}",)]
    assert_refused(called("train", "--data", "nowhere.npz", *given_options, cwd=folder), folder)


@fuzzed
@given(st.sampled_from(COMMANDS), st.lists(words, max_size=3))
def test_words_that_make_no_sense_are_refused(tmp_path_factory, command, said):
    folder = tmp_path_factory.mktemp("words")
    extra = ["--data", "nowhere.npz"] if command == "compare" else ["--cell=no such cell"]
    assert_refused(called(command, *extra, *said, cwd=folder), folder)


# Files -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_data):
    """The folder of a small run that has not drawn its figures, so that its state is there too."""
    folder = tmp_path_factory.mktemp("abused")
    options = ["--cell", "gru", "--units", "2", "--epochs", "1", "--data", tiny_data, "--out", "run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scratch_rnn.runs.folder.Run.save_figures", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            called("train", *options, cwd=folder)
    return folder / "run"


def picture(kind):
    """Return the bytes of a picture of a digit."""
    content = io.BytesIO()
    Image.fromarray(load_mnist("sample")[1][0][3]).save(content, kind)
    return content.getvalue()


def damaged(content):
    """Make a strategy of what may become of some bytes: cut short, some changed, some put in between."""
    places = st.integers(0, len(content) - 1)
    return st.one_of(
        st.builds(lambda end: content[:end], places),
        st.builds(lambda p, new: content[:p] + new + content[p + len(new) :], places, st.binary(max_size=9)),
        st.builds(lambda p, new: content[:p] + new + content[p:], places, st.binary(max_size=9)),
        st.binary(max_size=300),
    )


@fuzzed
@given(st.data())
def test_a_damaged_picture_is_refused_or_read(run, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("picture")
    content = data.draw(damaged(picture(data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"])))))
    (folder / "three.png").write_bytes(content)
    done = called("predict", run, "three.png", "--figure", "out.png", cwd=folder)
    assert done.returncode in (0, 2), done.stderr
    assert (folder / "out.png").exists() == (done.returncode == 0)
    if done.returncode:
        assert done.stderr.count("\n") == 1


@fuzzed
@given(st.data())
def test_damaged_files_of_a_run_are_refused_or_do_no_harm(run, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("copy")
    name = data.draw(st.sampled_from(["recipe.json", "scratch_rnn.weights.npz"]))
    for path in ("recipe.json", "scratch_rnn.weights.npz"):
        (folder / path).write_bytes((run / path).read_bytes())
    (folder / name).write_bytes(data.draw(damaged((run / name).read_bytes())))
    try:
        load_run(folder)
    except (ValueError, MemoryError) as error:
        assert str(folder) in str(error) or "fewer than" in str(error)


@fuzzed
@given(st.data())
def test_a_damaged_model_is_refused_or_does_no_harm(run, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("model") / "state.npz"
    path.write_bytes(data.draw(damaged((run / "state.npz").read_bytes())))
    try:
        load_model(path)
    except ValueError as error:
        assert str(error).startswith(f"{path} is damaged")


arrays = st.builds(
    lambda dtype, shape, number: np.full(shape, number).astype(dtype),
    st.sampled_from(["u1", "i8", "f4", "f8", "c8", "?", "M8[s]", "m8[s]", "S3", "U3"]),
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.integers(0, 11),
)


@fuzzed
@given(st.fixed_dictionaries(dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), arrays)))
def test_arrays_that_are_no_digits_are_refused_by_name(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("arrays") / "data.npz"
    np.savez(path, **content)
    try:
        (x, y), (x_test, y_test) = load_mnist(path)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        assert len(x) == len(y)
        assert len(x_test) == len(y_test)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_a_recipe_of_brackets_without_end_is_damage(depth, run, tmp_path):
    (tmp_path / "scratch_rnn.weights.npz").touch()
    (tmp_path / "recipe.json").write_text("[" * depth)
    done = called("predict", tmp_path, "--test-index", "0", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "recipe.json is damaged" in done.stderr


def test_a_recipe_of_a_million_layers_does_not_take_for_ever(run, tmp_path):
    (tmp_path / "scratch_rnn.weights.npz").touch()
    recipe = json.loads((run / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps(recipe | {"layers": 1_000_000}))
    done = called("predict", tmp_path, "--test-index", "0", cwd=tmp_path)
    assert "layers must be at most 100" in done.stderr
