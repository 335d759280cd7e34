"""The figures of the benchmarks, read back: bars, dots, their order, names and numbers."""

import drawing
import numpy as np
import pytest
from matplotlib.colors import same_color, to_rgba

from scratch_rnn.style import BLUE, MODEL_COLOURS, ORANGE

# The order by means would be another one: medians are 30, 6 and 1234.5.
ROUNDS = {
    "Keras": [30.0, 20.0, 1900.0],
    "scratch_rnn, processes": [6.0, 5.0, 7.5],
    "PyTorch": [1300.0, 1234.5, 1.0],
}
OTHERS = {"scratch-rnn --help": [0.51234, 0.1], "import keras": [0.25]}  # an odd and an even number of rounds


@pytest.fixture(scope="module")
def contest():
    figure = drawing.contest({"LSTM": ROUNDS, "GRU": OTHERS}, "Milliseconds")
    return figure, figure.axes


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_each_panel_has_its_name_and_the_figure_its_title(contest):
    figure, axes = contest
    assert [panel.get_title(loc="left") for panel in axes] == ["LSTM", "GRU"]
    assert figure.get_suptitle() == "Milliseconds"


def test_the_fastest_stands_on_top(contest):
    _, (lstm, gru) = contest
    assert names(lstm) == ["PyTorch", "Keras", "scratch_rnn, processes"]  # from the bottom up
    assert names(gru) == ["scratch-rnn --help", "import keras"]
    assert list(lstm.get_yticks()) == [0, 1, 2]
    assert not lstm.yaxis_inverted()


def test_the_bars_are_the_medians_from_zero(contest):
    _, (lstm, gru) = contest
    for axes, medians in ((lstm, [1234.5, 30, 6]), (gru, [0.30617, 0.25])):
        assert [bar.get_x() for bar in axes.patches] == [0] * len(medians)
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(medians)
        middles = [bar.get_y() + bar.get_height() / 2 for bar in axes.patches]
        assert middles == pytest.approx(range(len(medians)))


def test_the_dots_are_the_rounds_of_the_contestant_whose_row_it_is(contest):
    _, (lstm, _) = contest
    for place, line in enumerate(lstm.lines):
        assert list(line.get_xdata()) == ROUNDS[names(lstm)[place]]
        assert list(line.get_ydata()) == [place] * 3
        assert (line.get_marker(), line.get_linestyle()) == (".", "None")
    assert len(lstm.lines) == 3


def test_the_number_beside_each_bar_is_its_median(contest):
    _, (lstm, gru) = contest
    assert [(text.get_text(), text.get_position()[1]) for text in lstm.texts] == [
        ("1234", 0),
        ("30", 1),
        ("6", 2),
    ]
    assert [text.get_text() for text in gru.texts] == ["0.306", "0.25"]
    # Beyond the last dot, and all dots are on the picture.
    assert lstm.get_xlim()[0] == 0
    assert lstm.get_xlim()[1] > 1900
    assert all(text.get_position()[0] > lstm.get_xlim()[1] for text in lstm.texts)


def test_ours_is_orange_and_all_others_are_blue(contest):
    _, axes = contest
    for panel in axes:
        for name, bar, line in zip(names(panel), panel.patches, panel.lines, strict=True):
            colour = ORANGE if name.startswith("scratch") else BLUE
            assert same_color(line.get_color(), colour)
            assert bar.get_facecolor() == to_rgba(colour, 0.35)


SIZES = {
    "timesteps T": {"scratch_rnn": {28: 5.0, 784: 90.0}, "Keras": {28: 9.0, 784: 150.0}},
    "batch B": {"scratch_rnn": {1: 2.0, 64: 3.0, 1024: 40.0}, "Keras": {1: 4.0, 64: 6.0, 1024: 50.0}},
}


def test_scaling_draws_for_each_library_its_time_over_the_size():
    figure = drawing.scaling(SIZES, "One step")
    for axes, (title, libraries) in zip(figure.axes, SIZES.items(), strict=True):
        assert axes.get_title(loc="left") == title
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        for line, (name, values), colour in zip(axes.lines, libraries.items(), MODEL_COLOURS, strict=False):
            assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == values
            assert line.get_label() == name
            assert same_color(line.get_color(), colour)
        assert len(axes.lines) == 2
        sizes = list(libraries["Keras"])
        assert list(axes.get_xticks()) == sizes
        assert [label.get_text() for label in axes.get_xticklabels()] == [str(size) for size in sizes]
    assert [axes.get_ylabel() for axes in figure.axes] == ["milliseconds a step", ""]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["scratch_rnn", "Keras"]
    handles = [handle.get_color() for handle in figure.legends[0].legend_handles]
    assert handles == list(MODEL_COLOURS[:2])
    assert figure.get_suptitle() == "One step"


def test_scaling_draws_each_round_as_a_pale_dot_in_the_colour_of_its_library():
    rounds = {
        panel: {
            name: {size: [value, 3 * value] for size, value in values.items()} for name, values in of.items()
        }
        for panel, of in SIZES.items()
    }
    axes = drawing.scaling(SIZES, "", rounds).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "."]
    places = [list(zip(*line.get_data(), strict=True)) for line in dots]
    assert places == [
        [(28, 5), (28, 15)],
        [(784, 90), (784, 270)],
        [(28, 9), (28, 27)],
        [(784, 150), (784, 450)],
    ]
    for dot, colour in zip(dots, np.repeat(MODEL_COLOURS[:2], 2), strict=True):
        assert same_color(dot.get_color(), str(colour))
        assert dot.get_alpha() < 1
        assert dot.get_linestyle() == "None"


def test_rounding_draws_differences_and_the_loss_over_the_epochs_and_leaves_out_zeros():
    differences = {"moved": [0.0, 1e-16, 1e-12, 1e-3], "Keras": [1e-16, 0.0, 1e-13, 1e-2]}
    (axes,) = drawing.rounding(differences, [2.0, 1.0, 0.5, 0.25], epochs=2).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["the loss itself", "moved", "Keras"]
    for line in lines.values():
        assert list(line.get_xdata()) == [0.5, 1, 1.5, 2]
    assert list(lines["the loss itself"].get_ydata()) == [2.0, 1.0, 0.5, 0.25]
    np.testing.assert_array_equal(lines["moved"].get_ydata(), [np.nan, 1e-16, 1e-12, 1e-3])
    np.testing.assert_array_equal(lines["Keras"].get_ydata(), [1e-16, np.nan, 1e-13, 1e-2])
    assert len({line.get_color() for line in lines.values()}) == 3
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), list(axes.get_xticks())) == ("epoch", [0, 1, 2])


def test_the_lines_of_scaling_are_told_apart_by_their_marks_too():
    figure = drawing.scaling(SIZES, "")
    assert len({line.get_marker() for line in figure.axes[0].lines}) == 2


TRUNCATED = {
    "GRU": {
        "accuracy": {1: 0.55, 28: 0.97},
        "error before training": {1: 0.75, 28: 0.01},
        "error after training": {1: 0.99, 28: 0.02},
    },
    "LSTM": {
        "accuracy": {1: 0.5, 28: 0.96},
        "error before training": {1: 0.9, 28: 0.03},
        "error after training": {1: 0.98, 28: 0.04},
    },
}


def test_truncation_draws_each_quantity_in_percent_over_the_steps():
    figure = drawing.truncation(TRUNCATED)
    assert figure.get_suptitle().startswith("Truncated backpropagation through time")
    quantities = {
        "Test accuracy": "accuracy",
        "Gradient error, untrained": "error before training",
        "Gradient error, trained": "error after training",
    }
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(quantities)
    for axes, quantity in zip(figure.axes, quantities.values(), strict=True):
        for line, (cell, result) in zip(axes.lines, TRUNCATED.items(), strict=True):
            assert line.get_label() == cell
            assert list(line.get_xdata()) == [1, 28]
            np.testing.assert_allclose(line.get_ydata(), [100 * value for value in result[quantity].values()])
            assert same_color(line.get_color(), drawing.CELL_COLOURS[cell])
        assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "28"]
        assert list(axes.get_xticks()) == [1, 28]
        assert axes.get_xlabel() == "steps k that the gradient goes back"
        assert axes.get_ylim()[0] < 0
        assert axes.get_ylim()[1] > 100
    assert figure.axes[0].yaxis.get_major_formatter()(20.0, 0) == "20 %"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["GRU", "LSTM"]
    colours = [handle.get_color() for handle in figure.legends[0].legend_handles]
    assert colours == [drawing.CELL_COLOURS["GRU"], drawing.CELL_COLOURS["LSTM"]]
    assert colours[0] != colours[1]
