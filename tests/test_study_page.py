"""What a study shows: every run in the figures, and the verdicts of the page in words."""

import sys

import numpy as np
import pytest

pytest.importorskip("jinja2")

from keras_reference.study import page
from keras_reference.study.figures import accuracies, beside, curves

HISTORIES = {"scratch_rnn": [0.5, 0.625, 0.75], "Keras": [0.25, 0.5, 0.875]}


def run(shift=0.0, models=HISTORIES):
    """Return what a job has returned, of the histories only."""
    histories = {
        name: {"accuracy": [0.1] * 3, "val_accuracy": [value + shift for value in values]}
        for name, values in models.items()
    }
    return {"models": {name: {"history": history} for name, history in histories.items()}}


def row(cell="gru", differences=(0.5, 0.25)):
    """Return a row of a summary."""
    values = {"scratch_rnn": [97.5, 97.25], "Keras": [97.0, 97.0]}
    spread = {"scratch_rnn": {"mean": 97.375, "sd": 0.25}, "Keras": {"mean": 97.0, "sd": 0.0}}
    pairs = {"differences": list(differences), "mean": 0.375, "sd": 0.1, "low": 0.125, "high": 0.625}
    return {"cell": cell, "seeds": [1, 2], "accuracies": values, "spread": spread, "pairs": pairs}


def drawn(axes):
    """Return the heights of all lines, and of rows of dots."""
    return [list(line.get_ydata()) for line in axes.lines]


def test_the_curves_of_all_runs_are_thin_and_their_mean_is_thick():
    (axes,) = curves({"gru": [run(), run(0.125)]}, "title").axes
    thin = [list(line.get_ydata()) for line in axes.lines if line.get_linewidth() < 1]
    thick = [list(line.get_ydata()) for line in axes.lines if line.get_linewidth() > 1]
    assert thin == [[50, 62.5, 75], [62.5, 75, 87.5], [25, 50, 87.5], [37.5, 62.5, 100]]
    assert thick == [[56.25, 68.75, 81.25], [31.25, 56.25, 93.75]]
    assert axes.get_title(loc="left") == "GRU, 2 seeds"


def test_runs_without_validation_show_the_accuracy_in_training():
    one = run(models={"scratch_rnn": [0.5]})
    del one["models"]["scratch_rnn"]["history"]["val_accuracy"]
    (axes,) = curves({"lstm": [one]}, "title").axes
    assert axes.get_ylabel() == "training accuracy"
    assert drawn(axes)[0] == pytest.approx([10, 10, 10])


def test_a_figure_without_runs_is_refused():
    with pytest.raises(ValueError, match="one run at least"):
        curves({}, "title")


def test_every_run_is_a_dot_in_its_library_and_every_pair_one_below():
    above, below = accuracies([row()], 0.3, "title").axes
    dots = [list(line.get_ydata()) for line in above.lines if line.get_marker() == "o"]
    assert dots == [[97.5, 97.25], [97.0, 97.0]]
    assert [label.get_text() for label in above.get_xticklabels()] == ["scratch_rnn", "Keras"]
    assert [list(line.get_ydata()) for line in below.lines if line.get_marker() == "o"] == [[0.5, 0.25]]
    (bars,) = below.containers
    (segment,) = bars.lines[2][0].get_segments()
    assert [y for _, y in segment] == [0.125, 0.625]
    (band,) = below.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == (-0.3, 0.3)


@pytest.mark.parametrize("cells", [["gru"], ["gru", "lstm"], ["simple_rnn", "gru", "lstm"]])
def test_the_legend_is_not_wider_than_the_figure(cells):
    figure = accuracies([row(cell) for cell in cells], 0.3, "title")
    figure.draw_without_rendering()
    (legend,) = figure.legends
    shown = legend.get_window_extent()
    assert figure.bbox.x0 < shown.x0 < shown.x1 < figure.bbox.x1


def test_differences_of_all_cells_have_one_scale():
    *_, first, second = accuracies([row(), row("lstm", (3.0, -3.0))], 0.3, "title").axes
    assert first.get_ylim() == second.get_ylim()


def test_runs_of_one_library_have_no_row_of_differences():
    alone = row()
    del alone["pairs"], alone["accuracies"]["Keras"]
    assert len(accuracies([alone], 0.3, "title").axes) == 1


def test_dots_of_like_values_stand_beside_each_other():
    aside = beside([1.0, 5.0, 1.0, 1.0])
    assert aside[1] == 0
    assert len(set(aside[[0, 2, 3]])) == 3
    assert aside[[0, 2, 3]].sum() == pytest.approx(0)
    assert np.abs(beside([2.0] * 300)).max() <= 0.301


SUMMARY = {"margin": 0.3, "power": 0.8}


@pytest.mark.parametrize(
    ("p", "needed", "words"),
    [
        (0.049, 9, "GRU: the means of both libraries lie within 0.3 points of each other (p = 0.049)."),
        (
            0.05,
            1234,
            "2 seeds do not decide (p = 0.05). Were this mean and spread the true ones, 1,234 seeds",
        ),
        (0.9, None, "no number of seeds would"),
    ],
)
def test_a_verdict_says_what_p_means(p, needed, words):
    tested = row()
    tested["pairs"] |= {"p": p, "pairs_needed": needed}
    assert words in page.verdict(tested, SUMMARY)


def test_equal_differences_are_not_told_as_a_test():
    tested = row(differences=(0.0, 0.0))
    tested["pairs"] |= {"mean": 0.0, "sd": 0.0, "p": 0.0, "pairs_needed": 2}
    said = "GRU: all differences are +0.000 points: there is no spread to test with."
    assert page.verdict(tested, SUMMARY) == said


def test_one_epoch_is_the_only_number_on_its_axis():
    one = {"models": {"scratch_rnn": {"history": {"accuracy": [0.5]}}}}
    figure = curves({"gru": [one]}, "title")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


def test_packages_that_the_end_needs_are_asked_for_at_the_start(monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "scratch_rnn\[study\]"'):
        page.check_packages(keras=False)


def test_scipy_is_asked_for_only_where_twins_are_compared(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    page.check_packages(keras=False)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "scratch_rnn\[study\]"'):
        page.check_packages(keras=True)
