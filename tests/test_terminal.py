"""Digits and probabilities are drawn so that a colour terminal and a plain text file both show them."""

import io

import numpy as np
import pytest
from rich.console import Console

from scratch_rnn.commands.terminal import draw_digit, draw_prediction, draw_probabilities
from scratch_rnn.data.mnist import load_mnist

DIGITS = load_mnist("sample")[1][0]
SURE = np.array([0.01, 0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.9, 0.07, 0.0])


def printed(renderable, **options):
    console = Console(file=io.StringIO(), width=80, **options)
    console.print(renderable)
    return console.file.getvalue()


def pixels(text):
    """The picture that a drawing shows: uint8 (lines * 2, columns), read from characters and colours."""
    halves = []
    for line in text.split("\n"):
        spans = [span.style for span in sorted(line.spans, key=lambda span: span.start)]
        upper_is_front = {"▀": (True, False), "▄": (False, True), "█": (True, True), " ": (False, False)}
        for half in (0, 1):
            halves.append(
                [
                    (style.color if upper_is_front[character][half] else style.bgcolor).triplet.red
                    for character, style in zip(line.plain, spans, strict=True)
                ]
            )
    return np.array(halves, dtype=np.uint8)


def test_a_digit_takes_14_lines_of_28_characters():
    lines = draw_digit(DIGITS[0]).plain.split("\n")
    assert [len(line) for line in lines] == [28] * 14


def test_the_characters_alone_tell_bright_from_dark():
    for digit in DIGITS[:20]:
        lines = draw_digit(digit).plain.split("\n")
        upper = [[character in "▀█" for character in line] for line in lines]
        lower = [[character in "▄█" for character in line] for line in lines]
        drawn = np.stack([upper, lower], axis=1).reshape(28, 28)
        np.testing.assert_array_equal(drawn, digit >= 128)


def test_colours_add_the_greys():
    for digit in DIGITS[:20]:
        drawn = pixels(draw_digit(digit)).astype(float)
        assert np.corrcoef(drawn.ravel(), digit.ravel())[0, 1] > 0.97


def test_an_image_of_odd_height_is_drawn_whole():
    assert draw_digit(np.full((3, 2), 255, dtype=np.uint8)).plain == "██\n▀▀"


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((28, 28)),
        np.zeros(784, np.uint8),
        np.zeros((0, 28), np.uint8),
        np.zeros((28, 28, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="expected an image uint8"):
        draw_digit(image)


def test_each_class_has_a_line_with_its_percent():
    lines = printed(draw_probabilities(SURE)).splitlines()
    assert [line.split()[0] for line in lines] == list("0123456789")
    assert "90.0 %" in lines[7]
    assert "7.0 %" in lines[8]


def test_the_longer_bar_is_the_more_probable():
    lines = printed(draw_probabilities(SURE)).splitlines()
    assert lines[7].count("█") > lines[8].count("█") >= 1 > lines[1].count("█")


def test_the_largest_is_marked_and_judged_where_the_label_is_known():
    def marks(label):
        return [
            line.partition("%")[2].strip() for line in printed(draw_probabilities(SURE, label)).splitlines()
        ]

    assert marks(None) == [""] * 7 + ["◀", "", ""]
    assert marks(7) == [""] * 7 + ["✓ right", "", ""]
    assert marks(2) == ["", "", "← label", "", "", "", "", "✗ wrong", "", ""]


def test_a_prediction_is_digit_and_bars_side_by_side_within_80_columns():
    lines = printed(draw_prediction(DIGITS[0], SURE, "digit [0].png", 3)).splitlines()
    assert lines[0].strip() == "digit [0].png"
    assert len(lines) == 15
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    digit = draw_digit(DIGITS[0]).plain.split("\n")
    assert [line[:28] for line in lines[1:]] == digit


def test_without_colour_nothing_but_text_is_written():
    prediction = draw_prediction(DIGITS[0], SURE, "a digit")
    assert "\x1b" not in printed(prediction)
    for system in ("truecolor", "256", "standard"):
        assert "\x1b[" in printed(prediction, force_terminal=True, color_system=system)
    assert "38;" not in printed(prediction, force_terminal=True, no_color=True)


@pytest.mark.parametrize(
    ("probabilities", "label"),
    [
        (np.zeros((2, 10)), None),
        ([], None),
        ([0.5, np.nan], None),
        ([7.0, -3.0], None),
        (SURE, 10),
        (SURE, -1),
    ],
)
def test_what_are_no_probabilities_is_refused(probabilities, label):
    with pytest.raises(ValueError, match="expected"):
        draw_probabilities(probabilities, label)
