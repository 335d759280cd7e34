"""Digits and probabilities are drawn so that a colour terminal and a plain text file both show them."""

import io

import numpy as np
import pytest
from rich.console import Console

from scratch_rnn.commands.terminal import draw_digit, draw_prediction, draw_probabilities, say
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


def test_a_path_is_said_as_it_is():
    path = "/a [b]folder/:x:/[/b]" + "/long" * 20
    console = Console(file=io.StringIO(), width=80)
    say(console, path)
    assert console.file.getvalue() == f"{path}\n"


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


def test_each_character_holds_the_pixel_above_and_the_pixel_below():
    image = np.array([[255, 0, 128, 127, 200], [10, 250, 129, 126, 127], [3, 131, 4, 5, 6]], np.uint8)
    assert draw_digit(image).plain == "▀▄█ ▀\n ▀   "


def test_the_colours_of_a_character_are_the_greys_of_its_pixels():
    """Of two bright pixels, and of two dark ones, a character has but one colour: their mean."""
    image = np.array([[255, 0, 128, 127, 200], [10, 250, 230, 20, 127], [3, 131, 4, 5, 6]], np.uint8)
    shown = [[255, 0, 179, 73, 200], [10, 250, 179, 73, 127], [1, 131, 2, 2, 3], [1, 0, 2, 2, 3]]
    assert pixels(draw_digit(image)).tolist() == shown


def test_colours_are_greys():
    for style in (span.style for span in draw_digit(DIGITS[0]).spans):
        for colour in (style.color, style.bgcolor):
            assert len(set(colour.triplet)) == 1


def test_the_row_below_an_image_of_odd_height_is_black():
    image = np.full((3, 2), 255, dtype=np.uint8)
    assert draw_digit(image).plain == "██\n▀▀"
    assert pixels(draw_digit(image)).tolist() == [[255] * 2] * 3 + [[0] * 2]


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


# No two alike; 0.1235 and 0.0565 are cut and rounded to different digits, one of both kinds is the largest.
UNSURE = np.array([0.0, 0.0416, 0.1235, 0.05, 0.3125, 0.0565, 0.22, 0.1, 0.0834, 0.0125])


def eighths(line):
    """The length of the bar in a line, in eighths of a character."""
    return sum(" ▏▎▍▌▋▊▉█".index(character) for character in line if character in "▏▎▍▌▋▊▉█")


def test_the_bars_are_the_probabilities_of_their_rows():
    lines = printed(draw_probabilities(UNSURE)).splitlines()
    assert [eighths(line) for line in lines] == [int(p * 24 * 8) for p in UNSURE]
    starts = [line.index(" ") + 1 for line in lines]
    assert all(line[start] in "▏▎▍▌▋▊▉█" for line, start in zip(lines[1:], starts[1:], strict=True))


def test_a_sure_answer_has_a_bar_of_24_characters():
    lines = printed(draw_probabilities([0.0, 1.0, 0.0])).splitlines()
    assert [line.count("█") for line in lines] == [0, 24, 0]
    assert [line.index("%") for line in lines] == [len("0 ") + 24 + len(" 100.0 ")] * 3


def test_percents_are_rounded_to_tenths_and_stand_below_each_other():
    lines = printed(draw_probabilities(UNSURE)).splitlines()
    percents = [line[26 : line.index("%")] for line in lines]
    shown = ["  0.0", "  4.2", " 12.3", "  5.0", " 31.2", "  5.7", " 22.0", " 10.0", "  8.3", "  1.2"]
    assert percents == [f" {percent} " for percent in shown]


def test_what_rounding_leaves_of_zero_and_one_is_drawn():
    lines = printed(draw_probabilities([-1e-7, 1 + 1e-7])).splitlines()
    assert [eighths(line) for line in lines] == [0, 192]
    assert "100.0 %" in lines[1]


def colours(probabilities, label):
    """For each class the colour of its bar, that of its word, and whether its number and percent are bold."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor")
    rows = console.render_lines(draw_probabilities(probabilities, label), console.options)
    for row in rows:
        shown = [(segment.text, segment.style) for segment in row if segment.text.strip()]
        bars = [style.color.name for text, style in shown if set(text) & set("▏▎▍▌▋▊▉█")]
        words = [style.color.name if style else "" for text, style in shown if set(text) & set("◀✓✗←")]
        bold = [bool(style and style.bold) for text, style in shown if text.strip()[0].isdigit()]
        yield bars, words, bold


@pytest.mark.parametrize(
    ("label", "colour", "wrong"), [(None, "cyan", []), (2, "green", []), (1, "red", [""])], ids=str
)
def test_green_is_right_red_is_wrong_and_cyan_is_not_known(label, colour, wrong):
    first, second, third = colours([0.125, 0.25, 0.625], label)
    assert first == (["bright_black"], [], [False, False])
    assert second == (["bright_black"], wrong, [False, False])
    assert third == ([colour], [colour], [True, True])


def test_the_largest_is_marked_and_judged_where_the_label_is_known():
    def marks(label):
        return [
            line.partition("%")[2].strip() for line in printed(draw_probabilities(SURE, label)).splitlines()
        ]

    assert marks(None) == [""] * 7 + ["◀", "", ""]
    assert marks(7) == [""] * 7 + ["✓ right", "", ""]
    assert marks(2) == ["", "", "← label", "", "", "", "", "✗ wrong", "", ""]


def test_a_prediction_is_digit_and_bars_side_by_side_within_73_columns():
    lines = printed(draw_prediction(DIGITS[0], SURE, "digit [red].png", 3)).splitlines()
    assert lines[0].strip() == "digit [red].png"
    assert len(lines) == 15
    assert max(map(len, lines)) <= 73
    assert not any("…" in line for line in lines)
    drawn = np.array([list(line[:28]) for line in lines[1:]])
    bright = np.stack([np.isin(drawn, ["▀", "█"]), np.isin(drawn, ["▄", "█"])], axis=1).reshape(28, 28)
    np.testing.assert_array_equal(bright, DIGITS[0] >= 128)
    bars = [line[28:].strip() for line in lines[1:]]
    classes = printed(draw_probabilities(SURE, 3)).splitlines()
    assert bars == ["", ""] + [line.strip() for line in classes] + ["", ""]
    assert "← label" in bars[2 + 3]
    assert "✗ wrong" in bars[2 + 7]


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
        ([0.5, -0.01], None),
        ([1.01, 0.0], None),
        (SURE, 10),
        (SURE, -1),
    ],
)
def test_what_are_no_probabilities_is_refused(probabilities, label):
    with pytest.raises(ValueError, match="expected"):
        draw_probabilities(probabilities, label)
