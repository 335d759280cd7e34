"""Figures of a network's inside, read back: each curve, cell, bar and name is what it was drawn from."""

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image
from readings import (
    ANSWERS,
    GATES,
    LARGEST_C,
    ORDER,
    SIGNALS,
    D,
    K,
    T,
    assert_shows,
    colours_at,
    made_reading,
    picture,
    place,
    ticks,
)
from readings import digit_reading as reading
from scipy.ndimage import map_coordinates
from test_figures import assert_texts_are_apart, words

from scratch_rnn import LSTM, Dense, Sequential
from scratch_rnn.inside import answers, read
from scratch_rnn.inside import figures as figures_inside
from scratch_rnn.inside.figures import SHARE, SIGNED, reach
from scratch_rnn.style import save

GRAY = colormaps["gray"]


def lstm_for_digits():
    model = Sequential([LSTM(8), Dense(10, "softmax")], seed=0)
    model.build((None, 28, 28))
    return model


def norms(scale=1.0, cell_state=False):
    names = ("h", "c") if cell_state else ("h",)
    return {name: scale * np.logspace(-9, 0, 28) for name in names}


def cells():
    return {"SimpleRNN": norms(0.1), "GRU": norms(0.3), "LSTM": norms(1.0, cell_state=True)}


def drawn(figure, path):
    """Save the figure; return its words, which are apart and inside its frame."""
    save(figure, path)
    assert_texts_are_apart(figure)
    with Image.open(path) as image:
        assert abs(image.width - 1200) <= 2
    return set(words(figure))


def test_the_reach_of_all_cells_is_drawn_before_and_after(tmp_path):
    said = drawn(reach(cells(), cells(), "How far"), tmp_path / "reach.png")
    assert {"Before training", "After training", "SimpleRNN", "GRU", "LSTM", "‖dL/dh‖", "‖dL/dc‖"} <= said
    assert {"row t", "1", "28"} <= said


def test_the_reach_is_drawn_as_it_is_on_one_logarithmic_scale():
    figure = reach(cells(), {name: norms(1e-3, "c" in found) for name, found in cells().items()}, "")
    before, after = figure.axes
    assert before.get_yscale() == after.get_yscale() == "log"
    assert before.get_ylim() == after.get_ylim()
    np.testing.assert_allclose(before.lines[1].get_ydata(), 0.3 * np.logspace(-9, 0, 28))
    assert [line.is_dashed() for line in before.lines] == [False, False, False, True]
    assert len({line.get_color() for line in before.lines[:3]}) == 3
    assert before.lines[2].get_color() == before.lines[3].get_color()


def test_a_cell_has_one_colour_alone_and_among_others():
    alone = reach({"LSTM": norms()}, {"LSTM": norms()}, "").axes[0].lines[0]
    assert alone.get_color() == reach(cells(), cells(), "").axes[0].lines[2].get_color()


def test_a_gradient_that_is_zero_leaves_a_gap():
    vanished = {"h": np.r_[np.zeros(14), np.logspace(-20, 0, 14)]}
    figure = reach({"GRU": vanished}, {"GRU": vanished}, "")
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).sum() == 14


@pytest.mark.parametrize(("before", "after"), [({}, {}), ({"GRU": norms()}, {"LSTM": norms()})])
def test_a_reach_without_its_counterpart_is_refused(before, after):
    with pytest.raises(ValueError, match=r"expected .* found"):
        reach(before, after, "")


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "LSTM"])
def test_what_happens_with_a_digit_is_drawn_with_its_words_apart(cell, tmp_path):
    seen = reading(cell)
    said = drawn(figures_inside.belief(seen, "A digit"), tmp_path / "belief.png")
    assert {"row t", "class", "answer", *"0123456789"} <= said
    said = drawn(figures_inside.gates(seen, "A digit"), tmp_path / "gates.png")
    assert {"h  hidden state", "16 units"} <= said
    assert ("f  forget gate" in said) == (cell == "LSTM")
    said = drawn(figures_inside.saliency(seen, "A digit"), tmp_path / "saliency.png")
    assert {"for it", "0", "against it", f"gradient of the logit of {seen.answer}"} <= said


def test_an_image_without_ink_is_drawn_without_a_warning(tmp_path):
    model = lstm_for_digits()
    seen = read(model, np.zeros((28, 28), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(figures_inside.saliency(seen, ""), tmp_path / "saliency.png")


def test_rows_are_level_in_all_panels():
    seen = reading("LSTM")
    for draw in (figures_inside.belief, figures_inside.gates, figures_inside.saliency):
        maps = [axes for axes in draw(seen, "").axes if axes.images]
        assert len(maps) >= 2
        for axes in maps:
            assert axes.get_ylim() == (28.5, 0.5)
            heights = {(round(a.get_position().y0, 9), round(a.get_position().y1, 9)) for a in maps}
        assert len(heights) == (2 if draw is figures_inside.gates else 1)


def test_the_map_of_beliefs_is_the_belief_and_the_answers_stand_where_they_change():
    seen = reading("LSTM")
    axes = figures_inside.belief(seen, "").axes[1]
    np.testing.assert_array_equal(axes.images[0].get_array(), seen.belief)
    written = [(text.get_position()[1], text.get_text()) for text in axes.texts[1:]]
    assert written == [(first + 1, str(said)) for first, _, said in answers(seen.belief)]


def test_units_are_sorted_by_when_they_are_most_active():
    h = np.array([[0, 0, -9, 1], [0, 5, 0, 1], [-3, 0, 0, 2]])
    assert figures_inside.unit_order(h).tolist() == [2, 1, 3, 0]


def test_signed_colours_are_centred_at_zero():
    seen = reading("GRU")
    image = figures_inside.saliency(seen, "").axes[1].images[0]
    low, high = image.get_clim()
    assert low == -high == -np.abs(seen.saliency).max()
    for end in (0.2, 0.8):
        assert image.cmap(0.5)[:3] > image.cmap(end)[:3]


# ---------------------------------------------------------------- read back: parts of all figures


def panels_of(figure):
    """The axes with an image, without digits and scales, in the order in which they were drawn."""
    return [axes for axes in figure.axes if axes.images and axes.get_ylabel() != "row t"]


def digits_of(figure):
    return [axes for axes in figure.axes if axes.get_ylabel() == "row t"]


def scales_of(figure):
    """The axes at the right that say what the colours mean."""
    return [axes for axes in figure.axes if axes.collections and not axes.images]


def assert_scale(drawn, axes, colours, low, high, words):
    """Fail where the colours beside a scale's words are not those of its lowest, middle and highest value."""
    middle = (low + high) / 2
    assert ticks(axes.yaxis) == [*zip((low, middle, high), words, strict=True)]
    near = 0.01 * (high - low)
    rows = np.array([low + near, middle, high - near])
    seen = colours_at(drawn, axes, np.full(3, np.mean(axes.get_xlim())), rows)
    np.testing.assert_allclose(seen, colours([0.01, 0.5, 0.99])[:, :3], atol=0.03)
    upper, lower = axes.transData.transform([(0, high), (0, low)])[:, 1]
    assert upper > lower


FIGURES = [figures_inside.belief, figures_inside.gates, figures_inside.saliency]
every_figure = pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
every_cell = pytest.mark.parametrize("cell", list(GATES))


@every_figure
def test_a_figure_has_its_title_and_the_digit_as_it_is(draw):
    seen = made_reading("LSTM")
    figure = draw(seen, "a title")
    assert figure.get_suptitle() == "a title"
    pixels = picture(figure)
    assert len(digits_of(figure)) == (2 if draw is figures_inside.gates else 1)
    for axes in digits_of(figure):
        assert_shows(pixels, axes, seen.image, GRAY, 0, seen.image.max())
        assert axes.get_ylabel() == "row t"
        assert ticks(axes.yaxis) == [(row, str(row)) for row in range(1, T + 1)]
        assert not axes.get_xticks().size


@every_figure
@pytest.mark.parametrize("shape", [(28, 28), (5, 12), (12, 5)])
def test_a_row_has_one_height_in_all_panels_whatever_the_shape_of_the_image(draw, shape):
    rng = np.random.default_rng(2)
    model = Sequential([LSTM(3), Dense(10, "softmax")], seed=0)
    model.build((None, *shape))
    figure = draw(read(model, rng.uniform(size=shape)), "")
    picture(figure)
    level = [axes for axes in figure.axes if axes.get_ylim() == (shape[0] + 0.5, 0.5)]
    assert len(level) >= len(digits_of(figure)) + len(panels_of(figure))
    heights = {tuple(axes.transData.transform([(1, 1), (1, shape[0])])[:, 1].round(3)) for axes in level}
    assert len(heights) == len(digits_of(figure))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (1, [1]),
        (2, [1, 2]),
        (6, [1, 2, 3, 4, 5, 6]),
        (7, [1, 2, 4, 6, 7]),
        (13, [1, 5, 10, 13]),
        (28, [1, 5, 10, 15, 20, 25, 28]),
        (32, [1, 7, 14, 21, 28, 32]),
        (100, [1, 20, 40, 60, 80, 100]),
        (784, [1, 131, 262, 393, 524, 655, 784]),
    ],
)
def test_rows_have_ticks_at_the_first_the_last_and_round_numbers(rows, expected):
    drawn = figures_inside.draw_digit(figures_inside.Figure().add_subplot(), np.ones((rows, 2)))
    assert ticks(drawn.axes.yaxis) == [(row, str(row)) for row in expected]


def test_gates_are_coloured_from_white_to_dark_blue_and_signals_from_blue_to_orange():
    """As the player's page says."""
    assert to_hex(SHARE(0.0)) == "#ffffff"
    assert to_hex(SHARE(1.0)) == "#00263d"
    assert np.ptp(SIGNED(0.5)[:3]) < 0.01 < 0.99 < min(SIGNED(0.5)[:3])
    for share in (0.0, 0.1, 0.25, 0.4):
        assert SIGNED(share)[2] > SIGNED(share)[0], "blue is below"
        assert SIGNED(1 - share)[0] > SIGNED(1 - share)[2], "orange is above"
    for colours, shares in ((SHARE, [0, 0.25, 0.5, 0.75, 1]), (SIGNED, [0.5, 0.6, 0.75, 0.9, 1])):
        light = [sum(colours(float(share))[:3]) for share in shares]
        assert light == sorted(light, reverse=True)


# ---------------------------------------------------------------- read back: belief


def test_the_map_of_beliefs_has_a_row_for_each_row_and_a_column_for_each_class():
    seen = made_reading("GRU")
    figure = figures_inside.belief(seen, "")
    (axes,) = panels_of(figure)
    assert_shows(picture(figure), axes, seen.belief, SHARE, 0, 1)
    assert axes.get_title(loc="left") == "belief, had it ended at row t"
    assert axes.get_xlabel() == "class"
    assert ticks(axes.xaxis) == [(number + 1, str(number)) for number in range(K)]
    for row, said in enumerate(ANSWERS, 1):
        column = int(np.argmax(axes.images[0].get_array()[row - 1])) + 1
        assert dict(ticks(axes.xaxis))[column] == str(said)


def test_the_answer_stands_at_the_right_of_the_first_row_from_which_it_holds():
    figure = figures_inside.belief(made_reading("GRU"), "")
    (axes,) = panels_of(figure)
    header, *written = axes.texts
    assert header.get_text() == "answer"
    picture(figure)
    assert header.get_window_extent().x0 > axes.bbox.x1
    assert header.get_window_extent().y0 > axes.bbox.y1
    assert [(text.get_position()[1], text.get_text()) for text in written] == [
        (1, "4"), (3, "1"), (4, "6"), (6, "2"),
    ]  # fmt: skip
    assert all(text.get_position()[0] > K + 0.5 and text.get_va() == "center" for text in written)


def made_belief(said):
    """A reading that says these classes at its rows."""
    p = np.random.default_rng(4).uniform(0.1, 1, (len(said), K))
    p[range(len(said)), said] = 3
    p /= p.sum(axis=1, keepdims=True)
    return replace(made_reading("SimpleRNN"), image=np.ones((len(said), D)), belief=p)


def test_where_answers_change_too_often_to_be_written_the_last_one_is_still_there():
    """In 84 rows the words need three rows each."""
    said = [0] * 40 + [1, 2, 3, 4, 5, 6] + [0] * 36 + [2, 5]
    figure = figures_inside.belief(made_belief(said), "")
    _, *written = panels_of(figure)[0].texts
    assert [(text.get_position()[1], text.get_text()) for text in written] == [
        (1, "0"), (41, "1"), (44, "4"), (47, "0"), (84, "5"),
    ]  # fmt: skip
    assert_texts_are_apart(figure)


def test_the_scale_of_beliefs_goes_from_0_to_1():
    figure = figures_inside.belief(made_reading("GRU"), "")
    assert_scale(picture(figure), figure.axes[-1], SHARE, 0, 1, ("0", "½", "1"))


# ---------------------------------------------------------------- read back: gates


@every_cell
def test_each_panel_is_named_after_the_gate_or_signal_that_it_shows(cell):
    seen = made_reading(cell)
    figure = figures_inside.gates(seen, "")
    pixels, panels = picture(figure), panels_of(figure)
    expected = [(name, called, SHARE, 0) for name, called in GATES[cell].items()]
    expected += [(name, called, SIGNED, -1) for name, called in SIGNALS[cell].items()]
    for axes, (name, called, colours, low) in zip(panels, expected, strict=True):
        by, words = (LARGEST_C, " ÷ 3.4") if name == "c" else (1, "")
        assert axes.get_title(loc="left") == f"{name}  {called}{words}"
        assert_shows(pixels, axes, seen.gates[name][:, ORDER] / by, colours, low, 1)
        assert axes.get_xlabel() == "5 units"
        assert not axes.get_xticks().size
        assert not axes.get_yticks().size


@every_cell
def test_gates_are_above_and_signals_below_from_left_to_right_each_beside_the_digit_and_its_scale(cell):
    figure = figures_inside.gates(made_reading(cell), "")
    bands = [names for names in (GATES[cell], SIGNALS[cell]) if names]
    places = [place(axes) for axes in panels_of(figure)]
    pixels = picture(figure)
    assert len(digits_of(figure)) == len(scales_of(figure)) == len(bands)
    tops = []
    for names, digit, scale in zip(bands, digits_of(figure), scales_of(figure), strict=True):
        band, places = places[: len(names)], places[len(names) :]
        (top,) = {top for _, top, _, _ in band}
        tops.append(top)
        assert [left for left, *_ in band] == sorted(left for left, *_ in band)
        assert all(a[0] + a[2] < b[0] for a, b in pairwise(band)), "they do not overlap"
        assert place(digit)[1] == top
        assert place(digit)[0] < band[0][0]
        assert top < place(scale)[1] < top + 1.85
        assert place(scale)[0] > band[-1][0] + band[-1][2]
        colours, low, words = (SHARE, 0, "0½1") if names is GATES[cell] else (SIGNED, -1, ["−1", "0", "+1"])
        assert_scale(pixels, scale, colours, low, 1, words)
    assert tops == sorted(tops)


def test_the_figure_of_gates_says_that_units_are_sorted():
    assert "units are sorted by the row in which they are most active, in all panels alike" in words(
        figures_inside.gates(made_reading("GRU"), "")
    )


@pytest.mark.parametrize(
    ("values", "divided", "said"),
    [
        ([[0.5, -1.0]], [[0.5, -1.0]], ""),
        ([[0.5, -4.0]], [[0.125, -1.0]], " ÷ 4"),
        ([[2.56, -0.64]], [[1.0, -0.25]], " ÷ 2.6"),
        ([[1.25, -0.5]], [[1.0, -0.4]], " ÷ 1.2"),
        ([[0.0, 0.0]], [[0.0, 0.0]], ""),
    ],
)
def test_values_beyond_1_are_divided_by_the_largest_and_words_say_so(values, divided, said):
    shown, words = figures_inside.unit_scale(np.array(values))
    np.testing.assert_allclose(shown, divided, rtol=1e-15)
    assert words == said


def test_units_most_active_at_one_row_are_sorted_by_the_centre_of_their_activity():
    h = np.array([[0.1, 0.4, 0.3], [0.9, -0.9, 0.9], [0.5, 0.2, 0.3]])
    assert figures_inside.unit_order(h).tolist() == [1, 2, 0]


def test_units_that_are_never_active_come_first_in_their_own_order():
    assert figures_inside.unit_order(np.array([[0, 0.1, 0], [0, 0.2, 0]])).tolist() == [0, 2, 1]


# ---------------------------------------------------------------- read back: saliency


def test_the_map_of_saliency_is_the_saliency():
    seen = made_reading("LSTM")
    figure = figures_inside.saliency(seen, "")
    (axes,) = panels_of(figure)
    axes.collections[0].set_visible(False)  # the outline, which hides parts of the map
    assert_shows(picture(figure), axes, seen.saliency, SIGNED, -0.87, 0.87)
    assert axes.get_title(loc="left") == "gradient of the logit of 2"
    assert axes.get_xlabel() == "a slightly brighter pixel speaks ..."
    assert_scale(picture(figure), figure.axes[-1], SIGNED, -0.87, 0.87, ("against it", "0", "for it"))


def test_the_figure_of_saliency_says_that_the_gradient_is_local():
    said = words(figures_inside.saliency(made_reading("GRU"), ""))
    assert "a local gradient: what small changes would do, not what the answer depends on" in said


def test_the_outline_is_where_the_image_has_half_its_largest_value():
    seen = made_reading("LSTM")
    (axes,) = panels_of(figures_inside.saliency(seen, ""))
    (outline,) = axes.collections
    (path,) = outline.get_paths()
    columns, rows = path.vertices.T
    assert len(rows) > 8
    image = seen.image.astype(float)
    np.testing.assert_allclose(
        map_coordinates(image, [rows - 1, columns - 1], order=1), image.max() / 2, rtol=1e-9
    )


def test_the_bars_beside_the_saliency_are_the_sizes_of_its_rows():
    seen = made_reading("LSTM")
    figure = figures_inside.saliency(seen, "")
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "size by row"]
    assert axes.get_ylim() == (T + 0.5, 0.5)
    middles = [bar.get_y() + bar.get_height() / 2 for bar in axes.patches]
    np.testing.assert_allclose(middles, range(1, T + 1))
    assert {bar.get_x() for bar in axes.patches} == {0}
    expected = [sum(abs(value) for value in row) for row in seen.saliency.tolist()]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], expected, rtol=1e-12)
    assert axes.get_xlim()[0] == 0
    assert not axes.get_xticks().size
    assert not axes.get_yticks().size


def test_a_saliency_of_zeros_is_drawn():
    model = lstm_for_digits()
    for weight in model.layers[0].weights:
        weight[...] = 0
    figure = figures_inside.saliency(read(model, np.eye(28)), "")
    assert panels_of(figure)[0].images[0].get_clim() == (-1, 1)


# ---------------------------------------------------------------- read back: how far gradients reach

RNG = np.random.default_rng(3)
NORMS = {
    when: {
        cell: {name: 10.0 ** RNG.uniform(-8, 0, T) for name in names}
        for cell, names in (("GRU", "h"), ("SimpleRNN", "h"), ("PeepholeLSTM", "hc"), ("LSTM", "hc"))
    }
    for when in ("before", "after")
}
COLOURS = {"SimpleRNN": "#E69F00", "GRU": "#009E73", "LSTM": "#0072B2", "PeepholeLSTM": "#CC79A7"}


def is_dashed(line):
    return line.get_linestyle() != "-"


def lines_of(axes):
    """The curves of axes: (colour, is it dashed) -> its points (rows, sizes)."""
    return {(to_hex(line.get_color()), is_dashed(line)): line.get_data() for line in axes.lines}


@pytest.mark.parametrize(("panel", "when"), [(0, "before"), (1, "after")])
def test_each_curve_is_the_size_of_its_cell_s_gradient_before_and_after_training(panel, when):
    figure = reach(NORMS["before"], NORMS["after"], "a title")
    assert figure.get_suptitle() == "a title"
    axes = figure.axes[panel]
    assert axes.get_title(loc="left") == f"{when.capitalize()} training"
    found = lines_of(axes)
    assert len(found) == len(axes.lines) == 6
    for cell, norms in NORMS[when].items():
        for name, values in norms.items():
            rows, sizes = found[COLOURS[cell].lower(), name == "c"]
            np.testing.assert_array_equal(rows, [1, 2, 3, 4, 5, 6])
            np.testing.assert_array_equal(sizes, values)


def test_before_training_is_at_the_left_and_the_axes_say_what_they_count():
    figure = reach(NORMS["before"], NORMS["after"], "")
    picture(figure)
    before, after = figure.axes
    assert place(before)[0] + place(before)[2] <= place(after)[0]
    assert place(before)[1] == place(after)[1]
    assert before.get_ylabel() == "size of the gradient at row t"
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        assert axes.get_xlabel() == "row t"
        assert ticks(axes.xaxis) == [(row, str(row)) for row in range(1, T + 1)]


def test_the_legend_names_every_cell_by_its_colour_and_every_gradient_by_its_style():
    figure = reach(NORMS["before"], NORMS["after"], "")
    (legend,) = figure.legends
    shown = {
        text.get_text(): handle
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert list(shown) == ["GRU", "SimpleRNN", "PeepholeLSTM", "LSTM", "‖dL/dh‖", "‖dL/dc‖"]
    assert [to_hex(shown[cell].get_color()) for cell in NORMS["before"]] == [
        COLOURS[cell].lower() for cell in NORMS["before"]
    ]
    assert [is_dashed(handle) for handle in shown.values()] == [False] * 5 + [True]
    assert to_hex(shown["‖dL/dh‖"].get_color()) == to_hex(shown["‖dL/dc‖"].get_color())
    assert to_hex(shown["‖dL/dh‖"].get_color()) not in map(str.lower, COLOURS.values())


def test_cells_of_one_s_own_never_have_the_colour_of_another():
    """Whatever stands first: one's own take the colours that are left."""
    library = ["SimpleRNN", "GRU", "LSTM"]
    for names in (["A", "B", *library], [*library, "A", "B"], ["A", "SimpleRNN", "B", "C"], ["A", "B", "C"]):
        found = {name: {"h": np.logspace(-1, -3, T)} for name in names}
        figure = reach(found, found, "")
        colours = [to_hex(line.get_color()) for line in figure.axes[1].lines]
        assert len(set(colours)) == len(names)
        handles = figure.legends[0].legend_handles[: len(names)]
        assert [to_hex(handle.get_color()) for handle in handles] == colours


def test_each_state_of_a_cell_has_a_style_of_its_own():
    found = {"Mine": {name: np.full(T, 0.1 * (1 + place)) for place, name in enumerate(("h", "c", "m"))}}
    figure = reach(found, found, "")
    styles = [line._unscaled_dash_pattern for line in figure.axes[0].lines]
    assert len(set(map(str, styles))) == 3
    handles = figure.legends[0].legend_handles[1:]
    assert [handle._unscaled_dash_pattern for handle in handles] == styles


def test_only_gradients_that_have_vanished_are_left_out():
    sizes = np.array([0.0, 1e-31, 2e-30, 1e-3, 0.2, 4.0])
    line = reach({"GRU": {"h": sizes}}, {"GRU": {"h": sizes}}, "").axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, np.nan, 2e-30, 1e-3, 0.2, 4.0])


def test_below_the_sizes_stands_the_growth_by_the_factor_of_each_cell_before_and_after_training(tmp_path):
    direct = [{name: np.linspace(low, 0.9, 28) for name in cells()} for low in (0.1, 0.5)]
    figure = reach(cells(), cells(), "How far", direct)
    assert "Factor of step t: φ′ (SimpleRNN), u (GRU), f (LSTM)" in drawn(figure, tmp_path / "reach.png")
    above, below = figure.axes[:2], figure.axes[2:]
    for panel, (axes, growth) in enumerate(zip(below, direct, strict=True)):
        assert (axes.get_xlabel(), axes.get_yscale()) == ("row t", "linear")
        assert ticks(axes.xaxis)[0] == (1, "1") and ticks(axes.xaxis)[-1] == (28, "28")
        assert axes.get_xlim() == above[panel].get_xlim()
        for line, (cell, values) in zip(axes.lines, growth.items(), strict=True):
            np.testing.assert_array_equal(line.get_data(), [range(1, 29), values])
            assert line.get_color() == figures_inside.CELL_COLOURS[cell]
