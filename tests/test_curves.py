"""Learning curves of one's own trainings: each line is that of its History, its metric and its kind."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_figures import assert_texts_are_apart, legend, words

import scratch_rnn
from scratch_rnn import SGD, Dense, Sequential, SimpleRNN, figures
from scratch_rnn.figures import learning_curves
from scratch_rnn.training.callbacks import History


def history(*names, first=0, epochs=3, shift=0.0):
    """A History in which no two numbers are the same."""
    made = History()
    made.epoch = list(range(first, first + epochs))
    made.history = {
        name: [shift + place + epoch / 10 for epoch in range(epochs)] for place, name in enumerate(names)
    }
    return made


ALL = ("loss", "accuracy", "val_loss", "val_accuracy")


def drawn(figure):
    """Return for each panel its lines as (x, y, dashed)."""
    return {
        axes.get_title(loc="left"): [
            (list(line.get_xdata()), list(line.get_ydata()), line.is_dashed()) for line in axes.lines
        ]
        for axes in figure.axes
    }


def test_what_fit_returns_is_drawn_in_one_line():
    model = Sequential([SimpleRNN(2), Dense(1)], seed=0)
    model.compile(SGD(0.1), "mean_squared_error", threads=1)
    x = np.random.default_rng(0).normal(size=(8, 3, 2))
    trained = model.fit(x, x[:, 0, :1], epochs=2, verbose=0, validation_split=0.25)
    figure = figures.learning_curves(trained)
    assert isinstance(figure, Figure)
    losses, val_losses = trained.history["loss"], trained.history["val_loss"]
    assert drawn(figure) == {"Loss": [([1, 2], losses, True), ([1, 2], val_losses, False)]}
    assert list(legend(figure)) == ["training", "validation"]


def test_every_metric_has_its_panel_and_every_history_its_lines():
    several = {"first": history(*ALL, "lr"), "second": history(*ALL[:2], epochs=2, shift=0.5)}
    figure = learning_curves(several, "two of them")
    one, two = (each.history for each in several.values())
    three, short = [1, 2, 3], [1, 2]
    assert drawn(figure) == {
        "Accuracy": [
            (three, one["accuracy"], True),
            (three, one["val_accuracy"], False),
            (short, two["accuracy"], True),
        ],
        "Lr": [(three, one["lr"], True)],
        "Loss": [
            (three, one["loss"], True),
            (three, one["val_loss"], False),
            (short, two["loss"], True),
        ],
    }
    assert figure.get_suptitle() == "two of them"
    assert list(legend(figure)) == ["first", "second", "training", "validation"]


def test_six_histories_differ_by_more_than_their_colour():
    figure = learning_curves({f"number {n}": history(*ALL, shift=n) for n in range(6)})
    looks = {name: line for name, line in legend(figure).items() if name.startswith("number")}
    assert len({line.get_color() for line in looks.values()}) == 6
    assert len({line.get_marker() for line in looks.values()}) == 5
    for axes in figure.axes:
        for number, line in enumerate(axes.lines):
            named = looks[f"number {number // 2}"]
            assert (line.get_color(), line.get_marker()) == (named.get_color(), named.get_marker())


@pytest.mark.parametrize("metrics", [1, 2, 3, 4, 7])
def test_the_words_are_apart_however_many_panels_there_are(metrics):
    figure = learning_curves({"a": history("loss", *[f"metric_{n}" for n in range(1, metrics)])}, "title")
    assert len(figure.axes) == metrics
    assert_texts_are_apart(figure)
    assert {"Loss", "epoch", "a", "training"} <= set(words(figure))
    assert "validation" not in words(figure)


def test_a_training_that_went_on_is_drawn_where_it_went_on():
    ((x, _, _),) = drawn(learning_curves(history("loss", first=4)))["Loss"]
    assert x == [5, 6, 7]
    (axes,) = learning_curves(history("loss", first=4)).axes
    assert list(axes.get_xticks()) == [5, 6, 7]


def test_what_has_no_epoch_or_is_no_history_is_refused():
    for empty in ({}, History(), {"a": History()}, history("loss", epochs=0)):
        with pytest.raises(ValueError, match="expected a history with one epoch at least, found none"):
            learning_curves(empty)
    for wrong in (3, None, {"loss": [1.0, 2.0]}):
        with pytest.raises(TypeError, match=r"expected the History( of 'loss')? that fit returns, or"):
            learning_curves(wrong)


def test_the_figures_of_version_0_1_have_their_place_still():
    assert scratch_rnn.figures is figures
    from scratch_rnn.runs import figures as of_runs

    for name in ("choose_examples", "confusion", "curves", "predictions"):
        assert getattr(figures, name) is getattr(of_runs, name)
