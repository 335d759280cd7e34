"""Figures are really drawn: their words are there, apart from each other, and right is marked as right."""

import itertools
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.figures import choose_examples, confusion, curves, predictions
from scratch_rnn.style import MODEL_COLOURS, save

(IMAGES, LABELS) = load_mnist("sample")[1]
LABELS = LABELS.astype(int)


@pytest.fixture(autouse=True)
def _every_warning_fails():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def history(epochs, shift=0.0, validation=True):
    learned = 1 - np.exp(-np.arange(1, epochs + 1) / 3)
    values = {"accuracy": 0.85 + 0.135 * learned + shift, "loss": 0.6 - 0.5 * learned - shift}
    if validation:
        values |= {"val_accuracy": values["accuracy"] + 0.004, "val_loss": values["loss"] - 0.01}
    return {key: list(value) for key, value in values.items()}


def twins(epochs):
    return {"scratch_rnn": history(epochs), "Keras": history(epochs, 0.0005)}


def outputs(said, classes=10):
    """Probabilities (N, 10) with 0.91 at the class said."""
    return np.full((len(said), classes), 0.01) + 0.9 * np.eye(classes)[said]


def visible_texts(figure):
    FigureCanvasAgg(figure).draw()
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    undrawn = set(undrawn_labels(figure))
    return [text for text in shown if text not in undrawn]


def undrawn_labels(figure):
    """Labels of axes that are switched off, and of ticks beyond the limits."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not axes.axison or not low <= tick.get_loc() <= high:
                    yield tick.label1


def words(figure):
    return [text.get_text() for text in visible_texts(figure)]


def assert_texts_are_apart(figure):
    frame = figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(figure)]
    for text, box in boxes:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, text
    for (text, box), (other, other_box) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other_box), f"{text!r} overlaps {other!r}"


def assert_drawn(figure, path, width):
    save(figure, path)
    with Image.open(path) as image:
        assert abs(image.width - width) <= 2
        assert np.asarray(image.convert("L")).std() > 10


# ---------------------------------------------------------------- learning curves


@pytest.mark.parametrize("epochs", [1, 2, 10, 100])
def test_curves_of_twins_are_drawn_with_their_words_apart(epochs, tmp_path):
    figure = curves(twins(epochs), "LSTM(128) on MNIST rows")
    assert_drawn(figure, tmp_path / "curves.png", 1200)
    assert_texts_are_apart(figure)
    assert {"Accuracy", "Loss", "epoch", "scratch_rnn", "Keras", "training", "validation"} <= set(
        words(figure)
    )


def test_curves_show_the_values_of_the_history():
    figure = curves(twins(10), "")
    accuracy, loss = figure.axes
    expected = [h[key] for h in twins(10).values() for key in ("accuracy", "val_accuracy")]
    assert [list(line.get_ydata()) for line in accuracy.lines] == expected
    assert all(list(line.get_xdata()) == list(range(1, 11)) for line in accuracy.lines + loss.lines)


def test_training_is_dashed_and_validation_solid():
    figure = curves(twins(10), "")
    assert [line.is_dashed() for axes in figure.axes for line in axes.lines] == [True, False] * 4


def test_lines_that_coincide_are_both_seen():
    figure = curves({"one": history(10), "other": history(10)}, "")
    broad, _, thin, _ = figure.axes[0].lines
    assert broad.get_linewidth() > 3 * thin.get_linewidth()
    assert broad.get_color() != thin.get_color()
    assert broad.get_zorder() <= thin.get_zorder()


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 10, 13, 100])
def test_epochs_are_counted_in_whole_numbers_from_1(epochs):
    figure = curves(twins(epochs), "")
    for axes in figure.axes:
        ticks = axes.get_xticks()
        assert len(ticks) >= 1
        assert all(tick == int(tick) and 1 <= tick <= epochs for tick in ticks)


def test_accuracy_is_in_percent():
    figure = curves(twins(10), "")
    FigureCanvasAgg(figure).draw()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "98 %" in labels


def test_curves_do_without_validation_and_without_accuracy():
    figure = curves({"alone": {"loss": [0.5, 0.25]}}, "")
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 1
    assert "validation" not in words(figure)


def test_models_may_differ_in_epochs():
    figure = curves({"short": history(2), "long": history(9, validation=False)}, "")
    assert figure.axes[0].get_xticks()[-1] == 9


@pytest.mark.parametrize(
    "histories",
    [
        {},
        {"a": {}},
        {"a": {"speed": [1.0]}},
        {"a": {"loss": []}},
        {"a": {"loss": [[1.0]]}},
        {"a": {"loss": [1.0, 0.5], "val_loss": [1.0]}},
    ],
)
def test_histories_that_cannot_be_drawn_are_refused(histories):
    with pytest.raises(ValueError, match=r"expected .* found"):
        curves(histories, "")


# ---------------------------------------------------------------- predictions


def example(count=12, wrong=4):
    """Twins' outputs for the first digits: scratch_rnn errs in some, Keras in half of those."""
    labels = LABELS[:count]
    scratch, keras = labels.copy(), labels.copy()
    scratch[:wrong] = (labels[:wrong] + 1) % 10
    keras[: wrong // 2] = (labels[: wrong // 2] + 2) % 10
    return IMAGES[:count], labels, {"scratch_rnn": outputs(scratch), "Keras": outputs(keras)}


@pytest.mark.parametrize(("count", "width"), [(1, 810), (2, 810), (5, 1200), (12, 1200)])
def test_predictions_are_drawn_with_their_words_apart(count, width, tmp_path):
    figure = predictions(*example(count), "Twelve test digits")
    assert_drawn(figure, tmp_path / "predictions.png", width)
    assert_texts_are_apart(figure)
    assert {"scratch_rnn", "Keras", "the right class", *"0123456789"} <= set(words(figure))


def test_right_and_wrong_are_said_in_words():
    images, labels, probabilities = example()
    said = words(predictions(images, labels, probabilities, ""))
    a, b, *_ = labels
    assert f"✗ scratch_rnn {(a + 1) % 10}, Keras {(a + 2) % 10}" in said
    assert f"✗ scratch_rnn {(b + 1) % 10}, Keras {(b + 2) % 10}" in said
    assert sum(text.startswith("✗ scratch_rnn says ") for text in said) == 2
    assert said.count("✓ both right") == 8
    assert [text for text in said if text.startswith("label")] == [f"label {label}" for label in labels]


def test_a_mistake_that_both_make_is_said_once():
    wrong = {name: outputs([(LABELS[0] + 1) % 10]) for name in ("scratch_rnn", "Keras")}
    figure = predictions(IMAGES[:1], LABELS[:1], wrong, "")
    assert f"✗ both say {(LABELS[0] + 1) % 10}" in words(figure)


def test_right_and_wrong_also_differ_in_colour():
    figure = predictions(*example(), "")
    colours = {
        text.get_text()[0]: text.get_color() for text in figure.texts if text.get_text()[:1] in ("✓", "✗")
    }
    assert colours["✓"] != colours["✗"]


def test_a_model_alone_is_right_or_says_what():
    figure = predictions(IMAGES[:2], LABELS[:2], {"mine": outputs([LABELS[0], (LABELS[1] + 1) % 10])}, "")
    assert "✓ right" in words(figure)
    assert f"✗ says {(LABELS[1] + 1) % 10}" in words(figure)


def test_without_labels_nothing_is_right_or_wrong():
    figure = predictions(IMAGES[:3], None, {"a": outputs([1, 2, 3]), "b": outputs([1, 2, 4])}, "Own digits")
    said = words(figure)
    assert {"both say 1", "both say 2", "a 3, b 4"} <= set(said)
    assert not any(sign in text for text in said for sign in ("✓", "✗", "label", "right"))
    assert_texts_are_apart(figure)


def test_bars_are_the_probabilities_in_the_model_s_colour():
    images, labels, probabilities = example(1)
    bars = predictions(images, labels, probabilities, "").axes[1]
    for container, output, colour in zip(
        bars.containers, probabilities.values(), MODEL_COLOURS, strict=False
    ):
        np.testing.assert_allclose([bar.get_height() for bar in container], output[0])
        assert container[0].get_facecolor() == pytest.approx(to_rgba(colour))
    bold = [tick.get_text() for tick in bars.get_xticklabels() if tick.get_weight() == "bold"]
    assert bold == [str(labels[0])]


def test_long_names_and_dollars_do_no_harm():
    images, labels, probabilities = example(3, wrong=2)
    names = ("a model with a very long name", "$costs$ and more words")
    figure = predictions(images, labels, dict(zip(names, probabilities.values(), strict=True)), "$x^2$")
    assert_texts_are_apart(figure)
    assert "$x^2$" in words(figure)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"images": IMAGES[0]}, "28, 28"),
        ({"images": IMAGES[:0]}, "0, 28, 28"),
        ({"labels": LABELS[:2]}, "found 2"),
        ({"labels": np.full(3, 10)}, "10 to 10"),
        ({"labels": np.full(3, 1.0)}, "float64"),
        ({"probabilities": {}}, "empty"),
        ({"probabilities": {"a": np.zeros((3, 9))}}, "3, 9"),
        ({"probabilities": {"a": np.zeros((2, 10))}}, "2, 10"),
        ({"probabilities": {"a": np.full((3, 10), 4.2)}}, "logits"),
        ({"probabilities": {"a": np.full((3, 10), np.nan)}}, "others"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(change, found):
    arguments = {
        "images": IMAGES[:3],
        "labels": LABELS[:3],
        "probabilities": {"a": outputs([1, 2, 3])},
    } | change
    with pytest.raises(ValueError, match=rf"expected .*{found}"):
        predictions(**arguments, title="")


# ---------------------------------------------------------------- the choice of examples


def test_examples_are_mistakes_of_any_model_first_then_right_ones():
    labels = np.zeros(20, dtype=int)
    one, other = labels.copy(), labels.copy()
    one[[3, 9]] = 1
    other[[5, 9]] = 2
    chosen = choose_examples(labels, {"one": outputs(one), "other": outputs(other)}, 8)
    assert chosen.tolist() == [3, 5, 9, 0, 1, 2, 4, 6]


def test_at_most_half_of_the_examples_are_mistakes():
    labels = np.zeros(20, dtype=int)
    said = np.repeat([1, 0], 10)
    assert choose_examples(labels, {"a": outputs(said)}, 6).tolist() == [0, 1, 2, 10, 11, 12]


def test_fewer_examples_come_where_there_are_no_more():
    assert choose_examples([1, 2], {"a": outputs([1, 2])}).tolist() == [0, 1]


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_1_is_refused(count):
    with pytest.raises(ValueError, match="count"):
        choose_examples([1], {"a": outputs([1])}, count)


# ---------------------------------------------------------------- confusion


def mistaken(seed, mistakes=150):
    rng = np.random.default_rng(seed)
    labels = np.resize(LABELS, 10_000)
    said = labels.copy()
    said[rng.choice(10_000, mistakes, replace=False)] = rng.integers(0, 10, mistakes)
    return labels, said


def test_confusions_of_ten_thousand_digits_are_drawn_with_their_words_apart(tmp_path):
    labels, scratch = mistaken(1)
    _, keras = mistaken(2)
    figure = confusion(labels, {"scratch_rnn": scratch, "Keras": keras}, "Mistakes on the test set")
    assert_drawn(figure, tmp_path / "confusion.png", 1200)
    assert_texts_are_apart(figure)
    assert f"scratch_rnn: {np.sum(scratch != labels)} wrong of 10,000" in words(figure)


def test_counts_and_recall_are_those_of_the_labels():
    figure = confusion([0, 0, 0, 1, 2], {"a": [0, 0, 7, 1, 2]}, "")
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells[0, 0] == "2"
    assert cells[7, 0] == "1"
    assert (1, 0) not in cells
    recall = [text.get_text() for text in figure.axes[0].texts if text.get_position()[0] > 9]
    assert recall == ["recall", "66.7 %", "100.0 %", "100.0 %", *["none"] * 7]


def test_a_single_mistake_is_seen_and_the_diagonal_does_not_drown_it():
    labels = np.repeat(np.arange(10), 1000)
    said = labels.copy()
    said[0] = 7
    colours = confusion(labels, {"a": said}, "").axes[0].images[0].get_array()
    contrast = 1 - np.asarray(colours)[..., :3].min(axis=-1)
    assert contrast.argmax() == 7
    assert contrast[3, 3] < 0.2


def test_a_model_without_mistakes_is_drawn():
    assert "a: 0 wrong of 3" in words(confusion([1, 2, 3], {"a": [1, 2, 3]}, ""))


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([], {"a": []}),
        ([1, 2], {}),
        ([1, 2], {"a": [1]}),
        ([1, 2], {"a": [1, 12]}),
        ([1], {"a": outputs([1])}),
    ],
)
def test_confusions_that_cannot_be_drawn_are_refused(labels, predicted):
    with pytest.raises(ValueError, match=r"expected .* found"):
        confusion(labels, predicted, "")


# ---------------------------------------------------------------- files and global state


@pytest.mark.parametrize("name", ["figure.png", "figure.pdf", "figure.svg", "figure"])
def test_a_figure_is_saved_in_the_format_of_its_suffix(name, tmp_path):
    save(curves({"a": history(3)}, ""), tmp_path / name)
    starts = {".pdf": b"%PDF", ".svg": b"<?xml"}
    assert (tmp_path / name).read_bytes().startswith(starts.get(Path(name).suffix, b"\x89PNG"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_not_there_is_an_os_error_that_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"not written.*absent.figure\.png"):
        save(Figure(), tmp_path / "absent" / "figure.png")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "figure.xyz"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="xyz"):
        save(Figure(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_style_of_others_figures_is_left_alone():
    before = dict(rcParams)
    curves({"a": history(3)}, "")
    confusion([1], {"a": [1]}, "")
    assert dict(rcParams) == before


def test_neither_pyplot_nor_a_display_is_needed():
    code = "import scratch_rnn.runs.figures, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
