"""Figures read back: every curve, bar, field, image and word is that of the model and digit it stands for."""

import itertools
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from contrast import KERAS_SAYS, keras_result, scratch_result
from contrast import LABELS as MIXED
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.figures import choose_examples, confusion, curves, predictions
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.style import INK, MODEL_COLOURS, PALE, save

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
    return [Result("scratch_rnn", history(epochs)), Result("Keras", history(epochs, 0.0005))]


def outputs(said, classes=10):
    """Probabilities (N, 10) with 0.91 at the class said."""
    return np.full((len(said), classes), 0.01) + 0.9 * np.eye(classes)[said]


def saying(**answers):
    """The results of models that say these classes."""
    return [Result(name, probabilities=outputs(said)) for name, said in answers.items()]


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


METRICS = {"Accuracy": ("accuracy", "val_accuracy"), "Loss": ("loss", "val_loss")}


def legend(figure):
    """Return the words of a figure's legend in their order, each with its handle."""
    (legend,) = figure.legends
    return {
        text.get_text(): handle
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }


def test_every_curve_is_that_of_its_panel_its_model_and_its_kind():
    results = [scratch_result(), keras_result()]
    figure = curves(results, "the title")
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["Accuracy", "Loss"]
    for axes in figure.axes[:2]:
        training, validation = METRICS[axes.get_title(loc="left")]
        expected = [result.history[name] for result in results for name in (training, validation)]
        assert [list(line.get_ydata()) for line in axes.lines] == expected
        assert all(list(line.get_xdata()) == [1, 2, 3] for line in axes.lines)
        assert [line.is_dashed() for line in axes.lines] == [True, False, True, False]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch", "epoch"]
    assert figure.get_suptitle() == "the title"


def test_the_legend_of_the_curves_names_each_model_with_the_looks_of_its_lines():
    figure = curves([scratch_result(), keras_result()], "")
    handles = legend(figure)
    assert list(handles) == ["scratch_rnn", "Keras", "training", "validation"]
    for axes in figure.axes[:2]:
        _, scratch, _, keras = axes.lines
        for name, line in (("scratch_rnn", scratch), ("Keras", keras)):
            assert handles[name].get_color() == line.get_color(), name
            assert handles[name].get_linewidth() == line.get_linewidth(), name
    assert handles["training"].is_dashed()
    assert (
        handles["training"].get_markerfacecolor() == "white" == figure.axes[0].lines[0].get_markerfacecolor()
    )
    assert not handles["validation"].is_dashed()
    assert handles["validation"].get_color() == handles["training"].get_color()


def test_below_the_curves_of_two_stands_their_difference():
    ours, theirs = scratch_result(), keras_result()
    _, _, *strips = curves([ours, theirs], "").axes
    titles = ["scratch_rnn − Keras, points", "scratch_rnn − Keras"]
    assert [axes.get_title(loc="left") for axes in strips] == titles
    for axes, names, times in zip(strips, METRICS.values(), (100, 1), strict=True):
        zero, training, validation = axes.lines
        assert set(zero.get_ydata()) == {0}
        for line, name in zip((training, validation), names, strict=True):
            expected = [
                times * (a - b) for a, b in zip(ours.history[name], theirs.history[name], strict=True)
            ]
            np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-14)
            assert list(line.get_xdata()) == [1, 2, 3]
        assert training.is_dashed() and not validation.is_dashed()
        low, high = axes.get_ylim()
        assert low == -high < -max(np.abs(line.get_ydata()).max() for line in axes.lines)


def test_a_difference_is_drawn_where_there_is_none_or_no_number():
    coinciding = [Result(name, history(3)) for name in ("one", "other")]
    assert curves(coinciding, "").axes[2].get_ylim()[1] > 0
    lost = [Result(name, {"loss": [0.5, float("nan"), float("inf")]}) for name in ("one", "other")]
    assert curves(lost, "").axes[1].get_ylim()[1] > 0


def test_of_one_of_three_and_of_unlike_curves_no_difference_is_drawn():
    one, other, third = (Result(name, history(3)) for name in ("one", "other", "third"))
    short, bare = Result("short", history(2)), Result("bare", history(3, validation=False))
    for results in ([one], [one, other, third], [one, short], [one, bare]):
        assert len(curves(results, "").axes) == 2


def test_more_models_have_colours_of_their_own():
    figure = curves([Result(name, history(3)) for name in "abcd"], "")
    assert len({line.get_color() for line in figure.axes[0].lines}) == 4
    assert [handle.get_color() for handle in list(legend(figure).values())[1:4]] == list(MODEL_COLOURS[1:4])
    (line, _) = curves([Result("alone", history(3))], "").axes[0].lines
    assert line.get_color() == MODEL_COLOURS[0]


def test_lines_that_coincide_are_both_seen():
    figure = curves([Result("one", history(10)), Result("other", history(10))], "")
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
    figure = curves([Result("alone", {"loss": [0.5, 0.25]})], "")
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 1
    assert "validation" not in words(figure)


def test_models_may_differ_in_epochs():
    figure = curves([Result("short", history(2)), Result("long", history(9, validation=False))], "")
    assert figure.axes[0].get_xticks()[-1] == 9


@pytest.mark.parametrize(
    "histories",
    [
        [],
        [{}],
        [{"speed": [1.0]}],
        [{"loss": []}],
        [{"loss": [[1.0]]}],
        [{"loss": [1.0, 0.5], "val_loss": [1.0]}],
        [{"loss": [1.0]}, {"loss": []}],
    ],
)
def test_histories_that_cannot_be_drawn_are_refused(histories):
    with pytest.raises(ValueError, match=r"expected .* found"):
        curves([Result(f"model {place}", history) for place, history in enumerate(histories)], "")


# ---------------------------------------------------------------- predictions


def example(count=12, wrong=4):
    """Twins' outputs for the first digits: scratch_rnn errs in some, Keras in half of those."""
    labels = LABELS[:count]
    scratch, keras = labels.copy(), labels.copy()
    scratch[:wrong] = (labels[:wrong] + 1) % 10
    keras[: wrong // 2] = (labels[: wrong // 2] + 2) % 10
    return IMAGES[:count], labels, saying(scratch_rnn=scratch, Keras=keras)


@pytest.mark.parametrize(("count", "width"), [(1, 810), (2, 810), (5, 1200), (12, 1200)])
def test_predictions_are_drawn_with_their_words_apart(count, width, tmp_path):
    figure = predictions(*example(count), "Twelve test digits")
    assert_drawn(figure, tmp_path / "predictions.png", width)
    assert_texts_are_apart(figure)
    assert {"scratch_rnn", "Keras", "the right class", *"0123456789"} <= set(words(figure))


@pytest.mark.parametrize("count", [1, 4])
def test_a_note_stands_below_its_digit_and_apart_from_all_other_words(count):
    notes = ["", "2 separate parts: read one at a time?\nunsure: 37 % for 5, 27 % for 2"] * count
    result = saying(scratch_rnn=LABELS[: 2 * count])
    names = [f"{number}.png" for number in range(2 * count)]
    figure = predictions(IMAGES[: 2 * count], None, result, "a title", names, notes=notes)
    assert_texts_are_apart(figure)
    assert words(figure).count(notes[1]) == count


def test_right_and_wrong_are_said_in_words():
    images, labels, results = example()
    said = words(predictions(images, labels, results, ""))
    a, b, *_ = labels
    assert f"✗ scratch_rnn {(a + 1) % 10}, Keras {(a + 2) % 10}" in said
    assert f"✗ scratch_rnn {(b + 1) % 10}, Keras {(b + 2) % 10}" in said
    assert sum(text.startswith("✗ scratch_rnn says ") for text in said) == 2
    assert said.count("✓ both right") == 8
    assert [text for text in said if text.startswith("label")] == [f"label {label}" for label in labels]


def test_a_mistake_that_both_make_is_said_once():
    wrong = saying(scratch_rnn=[(LABELS[0] + 1) % 10], Keras=[(LABELS[0] + 1) % 10])
    figure = predictions(IMAGES[:1], LABELS[:1], wrong, "")
    assert f"✗ both say {(LABELS[0] + 1) % 10}" in words(figure)


def test_right_and_wrong_also_differ_in_colour():
    figure = predictions(*example(), "")
    colours = {
        text.get_text()[0]: text.get_color() for text in figure.texts if text.get_text()[:1] in ("✓", "✗")
    }
    assert colours["✓"] != colours["✗"]


def test_a_model_alone_is_right_or_says_what():
    figure = predictions(IMAGES[:2], LABELS[:2], saying(mine=[LABELS[0], (LABELS[1] + 1) % 10]), "")
    assert "✓ right" in words(figure)
    assert f"✗ says {(LABELS[1] + 1) % 10}" in words(figure)


def test_without_labels_nothing_is_right_or_wrong():
    figure = predictions(IMAGES[:3], None, saying(a=[1, 2, 3], b=[1, 2, 4]), "Own digits")
    said = words(figure)
    assert {"both say 1", "both say 2", "a 3, b 4"} <= set(said)
    assert not any(sign in text for text in said for sign in ("✓", "✗", "label", "right"))
    assert_texts_are_apart(figure)


def panels(figure):
    """Return for each digit that is drawn its image's axes, its bars' axes and the words above it."""
    pictures, bars = figure.axes[::2], figure.axes[1::2]
    lines = [text for text in figure.texts if text.get_text() and text is not figure._suptitle]
    for picture, chart in zip(pictures, bars, strict=True):
        box = picture.get_position()
        above = [t for t in lines if 0 < t.get_position()[1] - box.y1 < 0.1 and is_over(t, picture, chart)]
        yield picture, chart, " | ".join(text.get_text() for text in above)


def is_over(text, picture, chart):
    x = text.get_position()[0]
    return picture.get_position().x0 - 0.05 <= x <= chart.get_position().x1


def unlike():
    """Images without symmetry, labels and results of models that cannot be confused: 20 digits."""
    images = np.random.default_rng(3).integers(0, 256, (len(MIXED), 6, 4), np.uint8)
    return images, MIXED, [scratch_result(), keras_result()]


ROWS = [2, 17, 11, 0, 9]  # in an order that is neither that of the digits nor its reverse


def test_every_digit_stands_with_its_own_image_label_verdict_and_bars():
    images, labels, results = unlike()
    verdicts = {
        2: "label 4 | ✗ scratch_rnn 3, Keras 7",
        17: "label 3 | ✗ Keras says 5",
        11: "label 8 | ✗ both say 3",
        0: "label 3 | ✓ both right",
        9: "label 3 | ✓ both right",
    }
    figure = predictions(images, labels, results, "Five of them", rows=ROWS)
    assert figure.get_suptitle() == "Five of them"
    for row, (picture, chart, said) in zip(ROWS, panels(figure), strict=True):
        (image,) = picture.images
        np.testing.assert_array_equal(image.get_array(), images[row])
        assert (image.origin, image.cmap.name, image.norm.vmin) == ("upper", "gray", 0)
        assert said == verdicts[row]
        for place, (bars, result) in enumerate(zip(chart.containers, results, strict=True)):
            assert [bar.get_height() for bar in bars] == result.probabilities[row].tolist()
            assert {bar.get_facecolor() for bar in bars} == {to_rgba(MODEL_COLOURS[place])}
            centres = [bar.get_x() + bar.get_width() / 2 for bar in bars]
            np.testing.assert_allclose(centres, np.arange(10) + (-0.2, 0.2)[place])
        (band,) = (patch for patch in chart.patches if patch.get_facecolor() == to_rgba(PALE))
        assert (band.get_x(), band.get_width()) == (labels[row] - 0.5, 1)
        bold = [tick.get_text() for tick in chart.get_xticklabels() if tick.get_weight() == "bold"]
        assert bold == [str(labels[row])]
        assert [tick.get_text() for tick in chart.get_xticklabels()] == list("0123456789")
        assert [tick.get_text() for tick in chart.get_yticklabels()] == ["0", "½", "1"]
        assert chart.get_yticks().tolist() == [0, 0.5, 1]


def test_digits_are_read_from_left_to_right_and_down():
    figure = predictions(*unlike(), "", rows=ROWS)
    corners = [picture.get_position() for picture, *_ in panels(figure)]
    assert corners == sorted(corners, key=lambda box: (-round(box.y0, 6), box.x0))
    assert [len({round(box.y0, 6) for box in corners[i:j]}) for i, j in ((0, 3), (3, 5))] == [1, 1]


def test_the_legend_of_the_bars_names_each_model_with_its_colour():
    handles = legend(predictions(*unlike(), "", rows=ROWS))
    assert list(handles) == ["scratch_rnn", "Keras", "the right class"]
    colours = [handle.get_facecolor() for handle in handles.values()]
    assert colours == [to_rgba(colour) for colour in (*MODEL_COLOURS[:2], PALE)]


def test_without_rows_all_digits_are_drawn_in_their_order():
    images, labels, results = unlike()
    drawn = [
        picture.images[0].get_array() for picture, *_ in panels(predictions(images, labels, results, ""))
    ]
    np.testing.assert_array_equal(drawn, images)


def test_unlabelled_digits_have_their_own_names_and_no_band():
    images, _, results = unlike()
    names = [f"file {row}" for row in range(len(images))]
    figure = predictions(images, None, results, "", names, rows=ROWS)
    for row, (_, chart, said) in zip(ROWS, panels(figure), strict=True):
        assert said == f"file {row} | scratch_rnn 3, Keras {KERAS_SAYS[row]}".replace(
            "scratch_rnn 3, Keras 3", "both say 3"
        )
        assert len(chart.patches) == 20
    assert list(legend(figure)) == ["scratch_rnn", "Keras"]


def test_long_names_and_dollars_do_no_harm():
    images, labels, (one, other) = example(3, wrong=2)
    one.name, other.name = "a model with a very long name", "$costs$ and more words"
    figure = predictions(images, labels, [one, other], "$x^2$")
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
        ({"results": []}, "empty"),
        ({"results": [Result("a", probabilities=np.zeros((3, 9)))]}, "3, 9"),
        ({"results": [Result("a", probabilities=np.zeros((2, 10)))]}, "2, 10"),
        ({"results": [Result("a", probabilities=np.full((3, 10), 4.2))]}, "logits"),
        ({"results": [Result("a", probabilities=np.full((3, 10), np.nan))]}, "others"),
        ({"results": saying(a=[1, 2, 3]) * 2}, "'a', 'a'"),
        ({"rows": []}, r"\[\]"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(change, found):
    arguments = {
        "images": IMAGES[:3],
        "labels": LABELS[:3],
        "results": saying(a=[1, 2, 3]),
    } | change
    with pytest.raises(ValueError, match=rf"expected .*{found}"):
        predictions(**arguments, title="")


# ---------------------------------------------------------------- the choice of examples


def test_examples_are_mistakes_of_any_model_first_then_right_ones():
    labels = np.zeros(20, dtype=int)
    one, other = labels.copy(), labels.copy()
    one[[3, 9]] = 1
    other[[5, 9]] = 2
    chosen = choose_examples(labels, saying(one=one, other=other), 8)
    assert chosen.tolist() == [3, 5, 9, 0, 1, 2, 4, 6]


def test_at_most_half_of_the_examples_are_mistakes():
    labels = np.zeros(20, dtype=int)
    said = np.repeat([1, 0], 10)
    assert choose_examples(labels, saying(a=said), 6).tolist() == [0, 1, 2, 10, 11, 12]


def test_fewer_examples_come_where_there_are_no_more():
    assert choose_examples([1, 2], saying(a=[1, 2])).tolist() == [0, 1]


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_1_is_refused(count):
    with pytest.raises(ValueError, match="count"):
        choose_examples([1], saying(a=[1]), count)


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
    figure = confusion(labels, saying(scratch_rnn=scratch, Keras=keras), "Mistakes on the test set")
    assert_drawn(figure, tmp_path / "confusion.png", 1200)
    assert_texts_are_apart(figure)
    assert f"scratch_rnn: {np.sum(scratch != labels)} wrong of 10,000" in words(figure)


def counted(labels, answers):
    """How often each class is taken for each other, counted one by one."""
    counts = {}
    for pair in zip(labels, answers, strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def test_every_field_counts_the_digits_of_its_row_that_are_taken_for_its_column():
    results = [scratch_result(), keras_result()]
    figure = confusion(MIXED, results, "the title")
    assert figure.get_suptitle() == "the title"
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["scratch_rnn: 16 wrong of 20", "Keras: 5 wrong of 20"]
    for axes, answers in zip(figure.axes, (np.full(20, 3), KERAS_SAYS), strict=True):
        texts = {text.get_position(): text.get_text() for text in axes.texts}
        fields = {(y, x): text for (x, y), text in texts.items() if x < 9.5}
        assert fields == {pair: str(count) for pair, count in counted(MIXED, answers).items()}
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "right class")
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list("0123456789")
        assert [tick.get_text() for tick in axes.get_yticklabels()] == list("0123456789")
        assert axes.get_ylim() == (9.5, -0.5)
        for label in range(10):
            of_label = answers[label == MIXED]
            recall = f"{100 * np.mean(of_label == label):.1f} %" if len(of_label) else "none"
            assert texts[9.65, label] == recall
        assert texts[9.65, -0.8] == "recall"


def test_a_field_is_the_darker_the_more_often_a_mistake_is_made():
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    said = np.array([0] * 6 + [5] * 4 + [1] * 8 + [7] * 2 + [2] * 9 + [8])
    drawn = confusion(labels, saying(a=said, b=labels), "").axes
    colours = [np.asarray(axes.images[0].get_array()) for axes in drawn]
    darkness = 1 - colours[0][..., :3].mean(axis=-1)
    assert darkness[0, 5] > darkness[1, 7] > darkness[2, 8] > darkness[2, 7] == 0
    assert all(np.allclose(colours[0][place, place], to_rgba(PALE)) for place in range(10))
    ink = {text.get_position(): text.get_color() for text in drawn[0].texts}
    assert (ink[5, 0], ink[8, 2], ink[0, 0]) == ("white", INK, INK)
    assert not (1 - colours[1][..., :3].mean(axis=-1) - 0.1 * np.eye(10) > 0.05).any()


def test_a_single_mistake_is_seen_and_the_diagonal_does_not_drown_it():
    labels = np.repeat(np.arange(10), 1000)
    said = labels.copy()
    said[0] = 7
    colours = confusion(labels, saying(a=said), "").axes[0].images[0].get_array()
    contrast = 1 - np.asarray(colours)[..., :3].min(axis=-1)
    assert contrast.argmax() == 7
    assert contrast[3, 3] < 0.2


def test_a_model_without_mistakes_is_drawn():
    assert "a: 0 wrong of 3" in words(confusion([1, 2, 3], saying(a=[1, 2, 3]), ""))


@pytest.mark.parametrize(
    ("labels", "results"),
    [
        ([], []),
        ([1, 2], []),
        ([1, 2], saying(a=[1])),
        ([1, 12], saying(a=[1, 2])),
        ([1], [Result("a", probabilities=np.ones((1, 12)))]),
    ],
)
def test_confusions_that_cannot_be_drawn_are_refused(labels, results):
    with pytest.raises(ValueError, match=r"expected .* found"):
        confusion(labels, results, "")


def test_a_run_draws_its_own_digits_mistakes_first(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("scratch_rnn.style.save", lambda figure, path: drawn.update({path: figure}))
    images, labels, results = unlike()
    Run(tmp_path, Recipe("gru", units=7)).save_figures(results, images, labels)
    assert [path.name for path in drawn] == ["curves.png", "predictions.png", "confusion.png"]
    assert {figure.get_suptitle() for figure in drawn.values()} == {"GRU(7), RMSprop 0.001, batch 128"}
    chosen = [*range(1, 7), 0, 9, 15]  # the only digits that both get right are three threes
    pictures = [picture.images[0].get_array() for picture, *_ in panels(drawn[tmp_path / "predictions.png"])]
    np.testing.assert_array_equal(pictures, images[chosen])


# ---------------------------------------------------------------- files and global state


@pytest.mark.parametrize("name", ["figure.png", "figure.pdf", "figure.svg", "figure"])
def test_a_figure_is_saved_in_the_format_of_its_suffix(name, tmp_path):
    save(curves([Result("a", history(3))], ""), tmp_path / name)
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
    curves([Result("a", history(3))], "")
    confusion([1], saying(a=[1]), "")
    assert dict(rcParams) == before


def test_neither_pyplot_nor_a_display_is_needed():
    code = "import scratch_rnn.runs.figures, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
