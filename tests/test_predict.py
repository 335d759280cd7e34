"""scratch-rnn predict: the digit that was asked for, what the network says of it, and a figure of its own."""

import json

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from scratch_rnn import load_mnist
from scratch_rnn.commands import digits as digits_module
from scratch_rnn.commands import predict
from scratch_rnn.commands.digits import load_digits
from scratch_rnn.commands.doubts import SURE, doubts
from scratch_rnn.commands.main import main
from scratch_rnn.data.images import load_digit
from scratch_rnn.files import unused
from scratch_rnn.runs import figures
from scratch_rnn.runs.folder import load_run
from scratch_rnn.runs.recipe import Recipe


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_data):
    """The folder of a run of `train`, which each test gets a copy of."""
    folder = tmp_path_factory.mktemp("predict") / "run"
    words = ["train", "--data", tiny_data, "--out", folder, "--units", 6, "--epochs", 1, "--cell", "gru"]
    assert main([*map(str, words)]) == 0
    return folder


@pytest.fixture
def run_folder(trained, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for file in trained.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def shown(monkeypatch):
    """What is printed and what is drawn, as it is handed to those who do it."""
    calls = {"printed": [], "drawn": [], "options": []}

    def wrap(module, name, kept):
        original = getattr(module, name)

        def noting(*arguments, **options):
            calls[kept].append(arguments)
            calls["options"] += [options] * bool(options)
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, noting)

    wrap(predict, "draw_prediction", "printed")
    wrap(figures, "predictions", "drawn")
    return calls


@pytest.fixture
def images(tmp_path):
    """Three image files, of test digits 1, 4 and 0."""
    _, (x_test, _) = load_mnist("sample")
    for name, number in (("two.png", 1), ("a.four.png", 4), ("seven.jpg", 0)):
        Image.fromarray(255 - x_test[number]).resize((200, 200)).save(tmp_path / name)
    return [tmp_path / name for name in ("two.png", "a.four.png", "seven.jpg")]


def predicted(*words):
    return main(["predict", *map(str, words)])


@pytest.mark.parametrize("number", [0, 7, 99])
def test_a_test_digit_is_shown_with_its_own_probabilities_and_label(number, run_folder, shown, capsys):
    assert predicted(run_folder, "--test-index", number) == 0
    _, (x_test, y_test) = load_mnist("sample")
    _, model = load_run(run_folder)
    expected = model.predict(x_test[number : number + 1])
    ((image, probabilities, title, label),) = shown["printed"]
    np.testing.assert_array_equal(image, x_test[number])
    np.testing.assert_array_equal(probabilities, expected[0])
    assert (title, label) == (f"test-{number}", y_test[number])
    ((digits, labels, (result,), head, names),) = shown["drawn"]
    np.testing.assert_array_equal(digits, x_test[number : number + 1])
    np.testing.assert_array_equal(result.probabilities, expected)
    assert (result.name, head, names) == ("scratch_rnn", "GRU(6), RMSprop 0.001, batch 128", [title])
    assert list(labels) == [y_test[number]]
    drawn = run_folder / f"predict-test-{number}.png"
    assert drawn.is_file()
    assert capsys.readouterr().out.endswith(f"drawn in {drawn}\n")


def test_images_are_shown_in_their_order_without_a_label(run_folder, images, shown):
    assert predicted(run_folder, *images) == 0
    _, model = load_run(run_folder)
    digits = np.stack([load_digit(image) for image in images])
    expected = model.predict(digits)
    names = ["two.png", "a.four.png", "seven.jpg"]
    for row, (image, probabilities, title, label) in enumerate(shown["printed"]):
        np.testing.assert_array_equal(image, digits[row])
        np.testing.assert_array_equal(probabilities, expected[row])
        assert (title, label) == (names[row], None)
    assert len(shown["printed"]) == 3
    ((drawn, labels, (result,), _, drawn_names),) = shown["drawn"]
    np.testing.assert_array_equal(drawn, digits)
    np.testing.assert_array_equal(result.probabilities, expected)
    assert (labels, drawn_names) == (None, names)
    assert (run_folder / "predict-two-and-2-more.png").is_file()


def test_the_figure_of_a_file_bears_its_name_once_and_none_is_written_over(run_folder, images):
    kept = {}
    for file in ("predict-a.four.png", "predict-a.four-2.png", "predict-a.four-3.png"):
        assert predicted(run_folder, images[1]) == 0
        assert (run_folder / file).is_file()
        assert all((run_folder / earlier).read_bytes() == content for earlier, content in kept.items())
        kept[file] = (run_folder / file).read_bytes()
    with Image.open(run_folder / "predict-a.four-3.png") as image:
        assert image.format == "PNG"


def test_a_figure_is_drawn_where_it_is_asked_for_and_nowhere_else(run_folder, images, tmp_path):
    before = sorted(file.name for file in run_folder.iterdir())
    assert predicted(run_folder, images[0], "--figure", tmp_path / "mine.svg") == 0
    assert (tmp_path / "mine.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert sorted(file.name for file in run_folder.iterdir()) == before


def test_a_figure_that_is_there_already_is_left_and_no_more_is_said(run_folder, images, tmp_path, capsys):
    (tmp_path / "mine.png").write_text("mine")
    assert predicted(run_folder, images[0], "--figure", tmp_path / "mine.png") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"--figure {tmp_path / 'mine.png'} exists already" in err
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_an_image_that_cannot_be_read_leaves_no_figure(run_folder, images, tmp_path, capsys):
    before = sorted(file.name for file in run_folder.iterdir())
    assert predicted(run_folder, images[0], tmp_path / "missing.png") == 2
    assert "missing.png" in capsys.readouterr().err
    assert predicted(run_folder, "--test-index", 100) == 2
    message = "--test-index 100 is out of range: the test set has 100 digits, from 0"
    assert capsys.readouterr().err == f"scratch-rnn: {message}\n"
    assert sorted(file.name for file in run_folder.iterdir()) == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digits_of_ones_own_in_floats_are_shown_in_their_greys(dtype):
    grey = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
    between = np.where(grey % 2, 0.4, -0.4)  # a grey between two goes to the nearer one
    shown = predict._grey(((grey + between).clip(0, 255) / 255).astype(dtype))
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, grey)
    assert predict._grey(grey) is grey


# What is doubtful ------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    """An image file of two digits side by side."""
    _, (x_test, _) = load_mnist("sample")
    Image.fromarray(255 - np.hstack(x_test[:2])).resize((400, 200)).save(tmp_path / "pair.png")
    return tmp_path / "pair.png"


def test_several_digits_and_an_unsure_answer_are_said_in_text_and_figure(run_folder, pair, shown, capsys):
    assert predicted(run_folder, pair) == 0
    _, model = load_run(run_folder)
    (p,) = model.predict(load_digit(pair)[np.newaxis])
    second, first = np.argsort(p)[-2:]
    said = [
        "2 separate parts: read one at a time?",
        f"unsure: {100 * p[first]:.0f} % for {first}, {100 * p[second]:.0f} % for {second}",
    ]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("?")] == [
        f"? {line}" for line in said
    ]
    (options,) = shown["options"]
    assert options == {"notes": ["\n".join(said)]}


def test_what_is_sure_and_alone_is_said_without_a_doubt():
    assert doubts(np.array([0.05, 0.85, 0.1]), parts=1) == []
    assert doubts(np.array([0.05, 0.85, 0.1]), parts=3) == ["3 separate parts: read one at a time?"]
    assert doubts(np.array([0.2, 0.3, 0.5]), parts=1) == ["unsure: 50 % for 2, 30 % for 1"]


def test_json_has_an_object_for_each_picture_and_nothing_else(run_folder, images, pair, capsys):
    before = sorted(file.name for file in run_folder.iterdir())
    assert predicted(run_folder, images[0], pair, "--json") == 0
    out, err = capsys.readouterr()
    alone, several = json.loads(out)
    assert err == ""
    assert (alone["parts"], several["parts"]) == (1, 2)
    _, model = load_run(run_folder)
    both = model.predict(np.stack([load_digit(file) for file in (images[0], pair)]))
    for found, file, p in zip((alone, several), (images[0], pair), both, strict=True):
        assert found == {
            "file": str(file),
            "test_index": None,
            "label": None,
            "digit": int(p.argmax()),
            "probabilities": [float(each) for each in p],
            "sure": bool(p.max() >= SURE),
            "parts": found["parts"],
            "doubts": doubts(p, found["parts"]),
        }
    assert sorted(file.name for file in run_folder.iterdir()) == before


def test_json_of_a_test_digit_has_its_label_and_draws_where_it_is_asked_to(run_folder, tmp_path, capsys):
    assert predicted(run_folder, "--test-index", 7, "--json", "--figure", tmp_path / "seven.png") == 0
    (found,) = json.loads(capsys.readouterr().out)
    _, (_, y_test) = load_mnist("sample")
    assert (found["file"], found["test_index"], found["label"]) == (None, 7, y_test[7])
    assert (tmp_path / "seven.png").is_file()


def test_an_error_is_one_line_with_json_too(run_folder, images, tmp_path, capsys):
    assert predicted(run_folder, images[0], tmp_path / "missing.png", "--json") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "missing.png" in err


def test_the_threshold_is_the_one_that_was_measured():
    measured = json.loads((ROOT / "benchmarks" / "results" / "sure.json").read_text())
    assert measured["sure"] == SURE
    below = round(SURE - 0.05, 2)
    right = {t: min(dict(cell)[t]["right"] for cell in measured["cells"].values()) for t in (below, SURE)}
    assert right[below] < measured["right"] <= right[SURE]


def test_the_page_has_the_numbers_that_were_measured():
    page = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    cells = json.loads((ROOT / "benchmarks" / "results" / "sure.json").read_text())["cells"]
    for words, name, form in (
        ("of all answers are unsure", "unsure", ".1%"),
        ("of all mistakes are among them", "mistakes", ".0%"),
        ("right of the others", "right", ".2%"),
    ):
        numbers = [format(dict(cells[cell])[SURE][name], form) for cell in ("SimpleRNN", "GRU", "LSTM")]
        assert f"| {words} | {' | '.join(numbers)} |" in page


# Which digits ----------------------------------------------------------------------------------------------


def test_a_digit_is_that_of_the_runs_own_test_set(monkeypatch):
    asked = []

    def load(source):
        asked.append(source)
        x = np.arange(5 * 28 * 28).reshape(5, 28, 28)
        return (x + 1, np.zeros(5)), (x, np.array([3, 1, 4, 1, 5]))

    monkeypatch.setattr(digits_module, "load_mnist", load)
    names, digits, labels, _ = load_digits(Recipe(data="mine"), [], 2)
    assert (asked, names, list(labels)) == (["mine"], ["test-2"], [4])
    np.testing.assert_array_equal(digits, np.arange(2 * 784, 3 * 784).reshape(1, 28, 28))
    assert list(load_digits(Recipe(), [], 4)[2]) == [5]
    with pytest.raises(ValueError, match="--test-index 5 is out of range: the test set has 5 digits, from 0"):
        load_digits(Recipe(), [], 5)


def test_images_and_a_test_index_exclude_each_other(images):
    with pytest.raises(ValueError, match="name image files or --test-index, not both"):
        load_digits(Recipe(), images, 0)


def test_nothing_to_predict_is_said_before_the_run_is_read(tmp_path, capsys):
    assert predicted(tmp_path) == 2
    message = "nothing to predict: name image files, or a test digit with --test-index N"
    assert capsys.readouterr().err == f"scratch-rnn: {message}\n"


# Names -----------------------------------------------------------------------------------------------------


def test_a_free_name_is_counted_up_before_its_suffix(tmp_path):
    names = []
    for _ in range(3):
        free = unused(tmp_path / "a.b", ".png")
        free.write_text("")
        names.append(free.name)
    assert names == ["a.b.png", "a.b-2.png", "a.b-3.png"]
    assert unused(tmp_path / "a.b") == tmp_path / "a.b"
    (tmp_path / "a.b").mkdir()
    assert unused(tmp_path / "a.b") == tmp_path / "a.b-2"
