"""The scripts of the other ways to the gradient: what they measure, their rows and their figures."""

import checkpoints
import forwards
import jacobians
import numpy as np
import pytest
import ways

from scratch_rnn import Dense, Sequential, SimpleRNN

CHECKPOINTS = {
    "none": {"seconds": [0.5, 0.4, 9.0], "peak MiB": 200.0, "tape MiB": 190.0},
    "28": {"seconds": [0.75, 0.8, 0.7], "peak MiB": 20.0, "tape MiB": 18.0},
}
FORWARDS = {
    "units": {4: {"seconds": {"RTRL": [0.1, 9.0, 0.2], "BPTT": [0.02]}, "bytes": {"RTRL": 2e6, "BPTT": 3e3}}},
    "timesteps": {8: {"seconds": {"RTRL": [0.1], "BPTT": [0.01]}, "bytes": {"RTRL": 2e6, "BPTT": 5e3}}},
}
RANKS = {
    "largest": [2.0 * 0.5**t for t in range(28)][::-1],
    "median": [1e-30] * 27 + [1],
    "smallest": [1e-3] * 28,
}
JACOBIANS = {"LSTM": {"before training": RANKS, "after training": RANKS}}


def test_rows_have_medians_and_their_ratio():
    assert ways.checkpoint_rows(CHECKPOINTS)[1:] == [
        ["none", "190.0", "200.0", "0.50", "1.00"],
        ["28", "18.0", "20.0", "0.75", "1.50"],
    ]
    assert ways.forward_rows(FORWARDS)[1:] == [
        ["4 units", "200", "20", "10", "2 MB", "3 kB"],
        ["8 timesteps", "100", "10", "10", "2 MB", "5 kB"],
    ]
    assert ways.jacobian_rows(JACOBIANS)[1][0] == "LSTM, before training"
    assert ways.jacobian_rows(JACOBIANS)[1][-1] == "1 / 1e-30"  # row 27


def test_the_figure_of_checkpoints_has_the_peak_and_every_round():
    memory, time = ways.checkpoints(CHECKPOINTS).axes
    assert [bar.get_height() for bar in memory.patches] == [200, 20]
    assert [bar.get_height() for bar in time.patches] == [0.5, 0.75]
    assert [list(line.get_ydata()) for line in time.lines] == [r["seconds"] for r in CHECKPOINTS.values()]


def test_the_figure_of_both_ways_has_milliseconds_above_and_megabytes_below():
    axes = ways.forwards(FORWARDS).axes
    drawn = [[line.get_ydata()[0] for line in panel.lines] for panel in axes]
    np.testing.assert_allclose(drawn, [[200, 20], [100, 10], [2, 0.003], [2, 0.005]])


def test_the_figure_of_jacobians_counts_rows_from_one_and_leaves_out_what_is_rounding():
    before, _ = ways.jacobians(JACOBIANS).axes
    largest, median, smallest, one = before.lines
    assert list(largest.get_xdata()) == list(range(1, 29))
    np.testing.assert_array_equal(largest.get_ydata(), RANKS["largest"])
    assert np.isnan(median.get_ydata()[:-1]).all() and median.get_ydata()[-1] == 1
    np.testing.assert_array_equal(smallest.get_ydata(), RANKS["smallest"])
    assert set(one.get_ydata()) == {1}


def test_gradients_that_checkpoints_change_are_not_timed(monkeypatch):
    monkeypatch.setattr(checkpoints, "TIME", 9)
    monkeypatch.setattr(checkpoints, "UNITS", 2)
    passes = {name: checkpoints.there_and_back(every) for name, every in (("none", None), ("4", 4))}
    checkpoints.check_bits(passes)
    with pytest.raises(RuntimeError, match="checkpoints have changed a gradient"):
        checkpoints.check_bits({**passes, "wrong": lambda: ([np.zeros(1)] * 3, None)})


def test_both_ways_are_measured_where_they_agree(monkeypatch):
    monkeypatch.setattr(forwards, "cpu_seconds", lambda run: float(len(run())))
    cost = forwards.costs(units=2, steps=3, rounds=2)
    assert cost["seconds"] == {"RTRL": [3, 3], "BPTT": [3, 3]}  # kernel, recurrent kernel and bias
    assert cost["bytes"]["RTRL"] == 8 * 4 * (8 + 1 + 2) * 8  # N = 4 H (D + 1 + H), S = 2 H
    monkeypatch.setattr(forwards, "rtrl", lambda layer, *_: [np.full_like(w, 7) for w in layer.weights])
    with pytest.raises(RuntimeError, match="the gradients differ by"):
        forwards.costs(units=2, steps=3, rounds=2)


def test_ranks_are_medians_over_the_digits():
    model = Sequential([SimpleRNN(3), Dense(2, "softmax")], seed=0)
    x = np.random.default_rng(0).random((3, 5, 2))
    model.build(x.shape)
    values = jacobians.by_rank(model, x)
    assert {rank: len(of_rows) for rank, of_rows in values.items()} == dict.fromkeys(jacobians.RANKS, 5)
    single = [np.linalg.norm(jacobians.singular_values(model, x[n : n + 1])[0, 2, :1]) for n in range(3)]
    assert values["largest"][2] == pytest.approx(sorted(single)[1])
    assert values["largest"][2] > values["median"][2] > values["smallest"][2]
