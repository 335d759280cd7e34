"""Readings of which no two numbers are alike, and what can be read back from figures of them."""

import numpy as np
from helpers import make_cell
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from min_gru import MinGRU
from peephole_lstm import PeepholeLSTM

from scratch_rnn import GRU, LSTM, Dense, Sequential, SimpleRNN, load_mnist
from scratch_rnn.inside import Reading, read

T, D, H, K = 6, 4, 5, 7
ANSWERS = [4, 4, 1, 6, 6, 2]  # the likeliest class at each row
TARGET = 3
MOST_ACTIVE = [3, 0, 5, 1, 4]  # for each unit the row, from 0, at which |h| is largest
ORDER = [1, 3, 0, 4, 2]  # so the units are shown in this order
LARGEST_C = 3.4

CLASSES = {cell.__name__: cell for cell in (SimpleRNN, GRU, LSTM, PeepholeLSTM, MinGRU)}

# The words for gates and for signals once more, in the order in which they are shown.
GATES = {
    "SimpleRNN": {},
    "GRU": {"u": "update gate", "r": "reset gate"},
    "LSTM": {"i": "input gate", "f": "forget gate", "o": "output gate"},
    "PeepholeLSTM": {"i": "input gate", "f": "forget gate", "o": "output gate"},
    "MinGRU": {"u": "update gate"},
}
SIGNALS = {
    "SimpleRNN": {"h": "hidden state"},
    "GRU": {"g": "candidate", "h": "hidden state"},
    "LSTM": {"g": "candidate", "c": "cell state", "h": "hidden state"},
    "PeepholeLSTM": {"g": "candidate", "c": "cell state", "h": "hidden state"},
    "MinGRU": {"g": "candidate", "h": "hidden state"},
}
STATES = {"SimpleRNN": "h", "GRU": "h", "LSTM": "hc", "PeepholeLSTM": "hc", "MinGRU": "h"}


def made_reading(cell):
    """A reading that no network gave; its target is not its answer, its largest values are negative."""
    rng = np.random.default_rng(7)
    belief = rng.uniform(0.1, 1, (T, K))
    belief[range(T), ANSWERS] = rng.uniform(1.2, 4, T)
    gates = {name: rng.uniform(0.02, 0.98, (T, H)) for name in GATES[cell]}
    gates |= {name: rng.uniform(-0.95, 0.95, (T, H)) for name in SIGNALS[cell]}
    gates["h"] *= 0.6
    gates["h"][MOST_ACTIVE, range(H)] = 0.94, -0.72, 0.81, -0.9, 0.66
    if "c" in gates:
        gates["c"] *= 3
        gates["c"][2, 1] = -LARGEST_C
    sizes = 10.0 ** rng.uniform(-4, 1, (T, 1))
    saliency = rng.normal(0, 0.2, (T, D))
    saliency[4, 2] = -0.87
    return Reading(
        cell=CLASSES[cell],
        image=rng.permutation(np.arange(20, 236, 9)).astype(np.uint8).reshape(T, D),
        belief=belief / belief.sum(axis=1, keepdims=True),
        gates=gates,
        target=TARGET,
        gradients={name: sizes * rng.normal(size=(T, H)) for name in STATES[cell]},
        saliency=saliency,
    )


def digit_reading(cell, units=16, label=None):
    """A real digit, read by a network that has not learned anything."""
    model = Sequential([make_cell(cell, units, dtype="float32", seed=0), Dense(10, "softmax", seed=1)])
    model.build((None, 28, 28))
    return read(model, load_mnist("sample")[1][0][0], label)


# ---------------------------------------------------------------- read back


def place(axes):
    """Return left, top, width and height of axes, in inches from the upper left corner of the figure."""
    across, down = axes.figure.get_size_inches()
    x, y, width, height = axes.get_position().bounds
    inches = x * across, (1 - y - height) * down, width * across, height * down
    return tuple(round(float(inch), 6) for inch in inches)


def picture(figure):
    """Draw a figure, coarsely, which is fast; return its colours, uint8 (height, width, 3)."""
    figure.set_dpi(60)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def colours_at(drawn, axes, columns, rows):
    """Return the colours, (N, 3) from 0 to 1, of a drawn figure at points in the coordinates of axes."""
    points = axes.transData.transform(np.stack([columns, rows], axis=-1).astype(float))
    x, y = np.floor(points).astype(int).T
    return drawn[len(drawn) - 1 - y, x] / 255


def assert_shows(drawn, axes, values, colours, low, high):
    """Fail where the one image in axes, or what is seen of it, is not the values: row 1 above, column 1 left.

    NaN is a cell that is left empty.
    """
    (image,) = axes.images
    np.testing.assert_allclose(np.ma.filled(image.get_array(), np.nan), values, rtol=1e-12)
    assert image.get_clim() == (low, high)
    rows, columns = np.indices(values.shape) + 1
    seen = colours_at(drawn, axes, columns.ravel(), rows.ravel())
    expected = colours((values.ravel() - low) / (high - low))[:, :3]
    expected[np.isnan(values.ravel())] = to_rgb(axes.get_facecolor())
    np.testing.assert_allclose(seen, expected, atol=0.02)


def ticks(axis):
    """Return the place of each tick with the words that stand there."""
    return list(zip(axis.get_ticklocs().tolist(), [t.get_text() for t in axis.get_ticklabels()], strict=True))
