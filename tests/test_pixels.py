"""Pixels that nobody has scaled are pointed out once, in the line of the user that hands them over."""

import warnings

import numpy as np
import pytest

from scratch_rnn import SGD, Dense, Sequential, SimpleRNN


def model():
    made = Sequential([SimpleRNN(2), Dense(10, "softmax")], seed=0)
    made.compile(SGD(1e-9), threads=1)
    return made


CALLS = {
    "fit": lambda x, y: model().fit(x, y, verbose=0, epochs=2, batch_size=8),
    "evaluate": lambda x, y: model().evaluate(x, y, batch_size=8),
    "predict": lambda x, y: model().predict(x, batch_size=8),
    "fit, of its validation": lambda x, y: model().fit(x / 255, y, verbose=0, validation_data=(x, y)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint16"])
@pytest.mark.parametrize("call", CALLS)
def test_unscaled_pixels_get_one_warning_that_says_what_to_do(call, dtype, digits):
    x, y = digits[0][:20].astype(dtype), digits[1][:20]
    with pytest.warns(UserWarning) as told:
        CALLS[call](x, y)
    (warning,) = told
    assert str(warning.message) == (
        f"x is {dtype} with whole numbers from 0 to 255, which look like pixels that are not scaled and "
        "are taken as they are: divide by 255, or pass uint8, which is scaled to [0, 1]"
    )
    assert warning.filename == __file__


def pixels(*entries):
    """Return digits (2, 2, 2) of floats, all of them 0 but for the first."""
    x = np.zeros((2, 2, 2))
    x.flat[: len(entries)] = entries
    return x


@pytest.mark.parametrize(
    "x",
    [
        pixels(255).astype("uint8"),
        pixels(1),
        pixels(255, 0.5),
        pixels(255, -1),
        pixels(256),
        pixels(16, 3),  # of pictures with sixteen greys, or a number of something
        pixels(127, 3),
    ],
)
def test_what_may_be_anything_else_gets_none(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().predict(x)


def test_a_dark_picture_is_one_too():
    with pytest.warns(UserWarning, match="from 0 to 128, which look like pixels"):
        model().predict(pixels(128))


def test_a_table_of_numbers_is_no_picture():
    table = Sequential([Dense(2)], seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table.predict(np.array([[0.0, 200.0], [3.0, 255.0]]))
