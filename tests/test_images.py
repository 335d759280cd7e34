"""Pictures of digits become what MNIST would have made of them; bad ones are refused in plain words."""

import os
import statistics
import subprocess
import sys
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scratch_rnn.data.images import load_digit, load_picture
from scratch_rnn.data.mnist import load_mnist

DIGITS = load_mnist("sample")[1][0]


def picture(digit, scale=1, resampling=Image.Resampling.NEAREST):
    side = 28 * scale
    return Image.fromarray(digit).resize((side, side), resampling)


def dark_on_light(digit, scale=1, resampling=Image.Resampling.NEAREST):
    return picture(255 - digit, scale, resampling)


def loaded(image, tmp_path, suffix="png", **options):
    path = tmp_path / f"digit.{suffix}"
    image.save(path, **options)
    return load_digit(path)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def best_correlation(a, b):
    """The centre of mass is rounded to a whole pixel, so the least blur may move a digit by one."""
    shifts = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(correlation(np.roll(a, shift, (0, 1)), b) for shift in shifts)


def seven(size=(28, 28), ink=0, ground=255, mode="L"):
    """A plain seven in any mode, its lines a twelfth of the picture wide."""
    image = Image.new(mode, size, ground)
    width, height = size
    points = [(0.3 * width, 0.2 * height), (0.7 * width, 0.2 * height), (0.4 * width, 0.8 * height)]
    ImageDraw.Draw(image).line(points, fill=ink, width=max(1, min(size) // 12), joint="curve")
    return image


@pytest.fixture(scope="module")
def plain_seven(tmp_path_factory):
    return loaded(seven((140, 140)), tmp_path_factory.mktemp("seven"))


# ---------------------------------------------------------------- the form of MNIST


def test_a_picture_in_mnist_form_stays_as_it_is(tmp_path):
    digits = DIGITS[:300]
    results = [loaded(picture(digit), tmp_path) for digit in digits]
    correlations = [correlation(*pair) for pair in zip(results, digits, strict=True)]
    assert np.mean(np.array(correlations) > 0.99) > 0.98
    # A digit may have been rounded to the pixel next to ours; nothing worse happens.
    assert min(best_correlation(*pair) for pair in zip(results, digits, strict=True)) > 0.9
    assert np.mean([np.abs(a - b.astype(float)).mean() for a, b in zip(results, digits, strict=True)]) < 0.6


@pytest.mark.parametrize("draw", [picture, dark_on_light])
def test_an_enlarged_digit_comes_back_whichever_of_ink_and_paper_is_dark(draw, tmp_path):
    correlations = [correlation(loaded(draw(digit, 10), tmp_path), digit) for digit in DIGITS[:12]]
    assert min(correlations) > 0.99


def test_a_smoothly_enlarged_digit_comes_back_nearly(tmp_path):
    smooth = Image.Resampling.BICUBIC
    results = [best_correlation(loaded(dark_on_light(d, 10, smooth), tmp_path), d) for d in DIGITS[:12]]
    assert np.mean(results) > 0.94
    assert min(results) > 0.85


def test_colours_do_not_matter(tmp_path):
    for digit in DIGITS[:12]:
        share = digit[..., None] / 255
        colours = share * [30, 60, 140] + (1 - share) * [240, 220, 180]
        assert correlation(loaded(Image.fromarray(np.uint8(colours.round())), tmp_path), digit) > 0.99


def test_the_place_in_the_picture_does_not_matter(tmp_path):
    for digit in DIGITS[:12]:
        sheet = Image.new("L", (300, 200), 255)
        sheet.paste(dark_on_light(digit, 4), (180, 5))
        assert correlation(loaded(sheet, tmp_path), digit) > 0.99


@pytest.mark.parametrize("size", [(100, 100), (60, 300), (300, 60), (700, 900)])
def test_the_ink_fits_a_box_of_20_and_its_mass_is_centred(size, tmp_path):
    digit = loaded(seven(size), tmp_path)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    rows, columns = np.nonzero(digit)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        mass = digit.sum(axis=1 - axis) @ np.arange(28) / digit.sum()
        # A very flat or narrow digit would be pushed over the edge, and stops there.
        assert 13.4 < mass < 14.6 or np.ptp(np.nonzero(digit)[axis]) > 15


def test_the_proportions_are_kept(tmp_path):
    rows, columns = np.nonzero(loaded(seven((60, 300)), tmp_path))
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 <= 5


def test_thin_strokes_become_as_bright_as_mnist_s(tmp_path):
    sheet = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(sheet).line([(120, 90), (280, 90), (170, 330)], width=2)
    digit = loaded(sheet, tmp_path)
    assert np.median(digit[digit > 0]) > 120


# ---------------------------------------------------------------- to the last bit, on paper without noise

# 20 pixels high, so that it is not scaled; no part is like another, and its mass lies up and to the left.
LETTER = np.zeros((20, 13), bool)
LETTER[:, :3] = LETTER[:4, :12] = LETTER[9:12, :8] = LETTER[14:17, 12] = True
BAR, STEM, DOT = (slice(4), slice(12)), (slice(12, 20), slice(3)), (slice(14, 17), 12)


def sheet(strokes, shape=(60, 40), at=(11, 6)):
    """`strokes` (h, w) on black, their corner at (row, column)."""
    pixels = np.zeros(shape, strokes.dtype)
    pixels[at[0] : at[0] + strokes.shape[0], at[1] : at[1] + strokes.shape[1]] = strokes
    return pixels


def placed(strokes, mass=None):
    """`strokes` (h, w) in 28 x 28: each way at the first place where their mean is at least 13.5."""
    mass = strokes if mass is None else mass
    corner = []
    for places, length in zip(np.indices(mass.shape), mass.shape, strict=True):
        mean, fits = np.average(places, weights=mass), range(28 - length + 1)
        corner.append(next((start for start in fits if start + mean > 13.5 - 1e-9), fits[-1]))
    canvas = np.zeros((28, 28), np.uint8)
    canvas[corner[0] : corner[0] + mass.shape[0], corner[1] : corner[1] + mass.shape[1]] = strokes
    return canvas


def read(pixels, tmp_path, suffix="png", **options):
    """What `load_digit` makes of an array; of one of floats by way of TIFF."""
    suffix = "tiff" if pixels.dtype == np.float32 else suffix
    return loaded(Image.fromarray(pixels), tmp_path, suffix, **options)


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (230, 90), (30, 120), (128, 149)])
def test_a_letter_of_20_pixels_is_moved_and_nothing_else(paper, ink, tmp_path):
    digit = read(np.where(sheet(LETTER), ink, paper).astype(np.uint8), tmp_path)
    np.testing.assert_array_equal(digit, placed(np.where(LETTER, 255, 0)))
    # By hand: its pixels are, in the mean, in row 7.19 and column 3.78.
    assert np.argwhere(digit).min(axis=0).tolist() == [7, 10]


@pytest.mark.parametrize(
    ("heavy", "corner"),
    [
        ((slice(17, 20), slice(19)), (0, 5)),
        ((slice(3), slice(1, 20)), (8, 4)),
        ((slice(19), slice(17, 20)), (5, 0)),
        ((slice(1, 20), slice(3)), (4, 8)),
    ],
    ids=["below", "above", "right", "left"],
)
def test_a_digit_with_its_mass_at_an_edge_stays_inside(heavy, corner, tmp_path):
    strokes = np.diag(np.full(20, 60, np.uint8))
    strokes[heavy] = 255
    digit = read(sheet(strokes), tmp_path)
    np.testing.assert_array_equal(digit, placed(strokes))
    assert tuple(np.argwhere(digit).min(axis=0)) == corner


def test_a_mass_in_the_middle_of_its_box_puts_the_box_in_the_middle(tmp_path):
    ring = np.full((20, 20), 255, np.uint8)
    ring[5:15, 5:15] = 0
    digit = read(sheet(ring), tmp_path)
    np.testing.assert_array_equal(digit[4:24, 4:24], ring)
    assert digit.sum() == ring.sum(dtype=int)


def test_the_strength_of_the_strokes_is_their_90th_percentile_and_what_is_above_is_cut_off(tmp_path):
    strokes = np.where(LETTER, 120, 0).astype(np.uint8)
    strokes[0, :8] = 240  # where strokes cross: 8 of 114 pixels
    strokes[STEM], strokes[DOT] = 55, 40
    expected = np.where(LETTER, 255, 0)
    expected[STEM], expected[DOT] = 117, 85
    np.testing.assert_array_equal(read(sheet(strokes), tmp_path), placed(expected, strokes))


def test_one_speck_is_no_part_of_the_digit_and_a_dot_is(tmp_path):
    letter = np.where(LETTER, 255, 0).astype(np.uint8)
    pixels = sheet(letter)
    pixels[50, 33] = 255  # less than a hundredth of the ink
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(letter))
    dotted = np.pad(letter[:16], ((0, 4), (0, 3)))
    dotted[19, 14:16] = 255  # more than a hundredth, far from the rest
    np.testing.assert_array_equal(read(sheet(dotted), tmp_path), placed(dotted))


def test_strokes_of_pixels_that_touch_at_corners_hold_together(tmp_path):
    """Each pixel of the tail alone would be less than a hundredth of the ink."""
    for flip in (1, -1):
        kite = np.zeros((20, 19), np.uint8)
        kite[:12, :11] = 255
        kite[range(12, 20), range(11, 19)] = 255
        kite = kite[:, ::flip]
        np.testing.assert_array_equal(read(sheet(kite), tmp_path), placed(kite))


def test_ink_below_a_tenth_of_the_strongest_does_not_count_for_the_box(tmp_path):
    letter = np.where(LETTER, 200, 0).astype(np.uint8)
    shade = np.pad(letter, ((0, 0), (0, 3)))
    shade[5:10, 13:16] = 16
    shade[18, 5] = 16  # inside the box it is drawn
    expected = np.where(LETTER, 255, 0)
    expected[18, 5] = 20
    np.testing.assert_array_equal(read(sheet(shade), tmp_path), placed(expected))
    shade[5:10, 13:16] = 30
    expected = np.pad(expected, ((0, 0), (0, 3)))
    expected[5:10, 13:16] = 38
    np.testing.assert_array_equal(read(sheet(shade), tmp_path), placed(expected))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_small_strong_digit_outweighs_a_large_faint_patch_of_the_other_sign(sign, tmp_path):
    pixels = sheet(np.where(LETTER, 170, 0).astype(np.int16), shape=(200, 200), at=(90, 90))
    patch = np.zeros_like(pixels)
    patch[50:150, 40:160] = -15
    pixels = 128 + sign * (np.where(pixels, pixels, patch) - 50)
    np.testing.assert_array_equal(
        read(pixels.clip(0, 255).astype(np.uint8), tmp_path), placed(np.where(LETTER, 255, 0))
    )


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255)])
def test_a_bold_digit_may_cover_most_of_the_picture(paper, ink, tmp_path):
    pixels = np.full((46, 36), paper, np.uint8)
    pixels[3:43, 2:32] = ink
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(np.full((20, 15), 255)))


@pytest.mark.parametrize("strokes", [LETTER, np.ones((20, 15), bool)], ids=["letter", "block"])
def test_a_digit_may_touch_the_edges_of_its_picture(strokes, tmp_path):
    pixels = np.where(sheet(strokes, shape=(24, 20), at=(0, 0)), 30, 220).astype(np.uint8)
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(np.where(strokes, 255, 0)))


def test_light_of_any_quadratic_shape_is_taken_away(tmp_path):
    y, x = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 40), indexing="ij")
    paper = 0.7 + 0.05 * x - 0.08 * y - 0.06 * x * x + 0.09 * x * y + 0.05 * y * y
    pixels = (paper - 0.4 * sheet(LETTER)).astype(np.float32)
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(np.where(LETTER, 255, 0)))


def test_light_that_falls_off_faster_than_a_quadratic_is_followed_in_the_middle_too(tmp_path):
    """Where paper is, not only at the edges: a surface through the edges alone would lie above the middle."""
    y, x = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 40), indexing="ij")
    pixels = (0.6 - 0.08 * (x * x + y * y) ** 2 - 0.3 * sheet(LETTER)).astype(np.float32)
    assert correlation(read(pixels, tmp_path), placed(np.where(LETTER, 255, 0))) > 0.99


def test_ink_has_to_stand_out_five_times_as_far_as_the_noise(tmp_path):
    board = np.indices((60, 40)).sum(axis=0) % 2 * 10 - 5  # a noise of 5 up and down: 7.4 as normal noise
    letter = sheet(LETTER)
    pixels = np.where(letter, 200 - 45, 200 + board).astype(np.uint8)
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(np.where(LETTER, 255, 0)))
    Image.fromarray(np.where(letter, 200 - 30, 200 + board).astype(np.uint8)).save(tmp_path / "faint.png")
    assert "no ink" in refusal(tmp_path / "faint.png")


@pytest.mark.parametrize(
    ("paper", "visible", "invisible"),
    [
        (np.uint8(200), 203, 202),
        (np.uint8(200), 197, 198),
        (np.uint16(20000), 19000, 19500),
        (np.float32(0.5), 0.488, 0.492),
        (np.float32(150), 147, 148),
    ],
)
def test_ink_a_hundredth_of_the_scale_away_from_the_paper_is_seen(paper, visible, invisible, tmp_path):
    def drawn(ink):
        return np.where(sheet(LETTER), ink, paper).astype(paper.dtype)

    np.testing.assert_array_equal(read(drawn(visible), tmp_path), placed(np.where(LETTER, 255, 0)))
    path = tmp_path / f"faint.{'tiff' if paper.dtype == np.float32 else 'png'}"
    Image.fromarray(drawn(invisible)).save(path)
    assert "no ink" in refusal(path)


@pytest.mark.parametrize(("paper", "ink"), [(-0.3, 0.3), (0.3, -0.3), (-0.9, -0.4), (-100, 20)])
def test_pixels_may_be_negative(paper, ink, tmp_path):
    pixels = np.where(sheet(LETTER), ink, paper).astype(np.float32)
    np.testing.assert_array_equal(read(pixels, tmp_path), placed(np.where(LETTER, 255, 0)))


def strength(strokes):
    return statistics.quantiles(strokes[strokes > 0].tolist(), n=10, method="inclusive")[-1]


def test_a_larger_digit_becomes_the_means_of_its_pixels(tmp_path):
    large = np.kron(LETTER, np.ones((4, 4))) * np.random.default_rng(0).integers(60, 256, (80, 52))
    small = large.astype(np.uint8).reshape(20, 4, 13, 4).mean(axis=(1, 3))
    expected = 255 * np.minimum(small / strength(small), 1)
    digit = read(sheet(large.astype(np.uint8), shape=(200, 150)), tmp_path).astype(float)
    assert np.abs(digit - placed(np.rint(expected), small)).max() <= 1  # rounding of a half


def enlarged(strokes, factor):
    """Linear between the centres of the pixels, of those of the paper around them too."""
    result = np.pad(strokes, 1).astype(float)
    for axis, length in enumerate(strokes.shape):
        places = (np.arange(length * factor) + 0.5) / factor + 0.5
        interpolate = partial(np.interp, places, range(length + 2))
        result = np.apply_along_axis(interpolate, axis, result)
    return result


@pytest.mark.parametrize("shape", [(10, 6), (7, 10), (5, 2), (2, 5)])
def test_a_smaller_digit_is_enlarged_linearly(shape, tmp_path):
    strokes = np.random.default_rng(1).integers(60, 256, shape).astype(np.uint8)
    large = enlarged(strokes, 20 // max(shape))
    expected = np.rint(255 * np.minimum(large / strength(large), 1))
    digit = read(sheet(strokes), tmp_path).astype(float)
    assert np.abs(digit - placed(expected, large)).max() <= 1  # rounding of a half


def test_four_pixels_are_a_speck_whose_width_and_height_are_told(tmp_path):
    Image.fromarray(sheet(np.full((2, 4), 255, np.uint8))).save(tmp_path / "speck.png")
    assert "at least 5 pixels high, found ink of 4 x 2 pixels" in refusal(tmp_path / "speck.png")


def test_a_picture_of_560_pixels_is_read_in_full_detail(tmp_path):
    letter = np.where(LETTER, 255, 0).astype(np.uint8)
    for shape in ((560, 300), (300, 560)):
        np.testing.assert_array_equal(read(sheet(letter, shape=shape), tmp_path), placed(letter))


@pytest.mark.parametrize(("shape", "factor"), [((562, 100), 2), ((100, 1120), 2), ((102, 1122), 3)])
def test_a_larger_picture_is_reduced_by_whole_numbers_first(shape, factor, tmp_path):
    letter = np.pad(np.where(LETTER, 200, 0), ((0, 1), (0, 2))).astype(np.uint8)
    pixels = sheet(letter, shape=shape, at=(12, 6))
    reduced = pixels.reshape(shape[0] // factor, factor, -1, factor).mean(axis=(1, 3)) / 255
    np.testing.assert_array_equal(read(pixels, tmp_path), read(reduced.astype(np.float32), tmp_path))


def test_colours_weigh_as_in_television(tmp_path):
    """ITU-R BT.601: 0.299 red, 0.587 green, 0.114 blue."""
    pixels = np.zeros((60, 40, 3), np.uint8)
    pixels[11:31, 6:19][LETTER] = [0, 255, 0]
    pixels[11:31, 6:19][STEM] = [255, 0, 0]
    pixels[11:31, 6:19][DOT] = [0, 0, 255]
    weights = np.where(LETTER, 0.587, 0)
    weights[STEM], weights[DOT] = 0.299, 0.114
    expected = placed(np.rint(255 * weights / 0.587), weights)
    # The grey of each colour is a whole number: half of one of 150 is nearly one of 255.
    assert np.abs(read(pixels, tmp_path).astype(float) - expected).max() <= 1


# The picture as it lies in the file, for the side that the camera noted for its first row and column.
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: a.T[::-1],
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: a.T[:, ::-1],
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_picture_is_turned_as_the_camera_noted(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    letter = np.where(LETTER, 255, 0).astype(np.uint8)
    stored = np.ascontiguousarray(ORIENTATIONS[orientation](sheet(letter)))
    np.testing.assert_array_equal(read(stored, tmp_path, exif=exif), placed(letter))


def rgba(strokes, alpha, paper=(0, 0, 0, 0)):
    """A sheet of transparent paper with grey strokes of that alpha on it."""
    pixels = np.zeros((60, 40, 4), np.uint8)
    pixels[...] = paper
    pixels[11:31, 6:19][LETTER] = np.stack([strokes, strokes, strokes, alpha], axis=-1)[LETTER]
    return pixels


def test_strokes_of_several_greys_on_transparent_ground_lie_on_white(tmp_path):
    strokes = np.zeros((20, 13), np.uint8)
    strokes[STEM] = 100
    expected = np.where(LETTER, 255, 0)
    expected[STEM] = 155
    np.testing.assert_array_equal(read(rgba(strokes, np.full_like(strokes, 255)), tmp_path), placed(expected))


def test_strokes_half_transparent_are_half_as_strong(tmp_path):
    strokes = np.zeros((20, 13), np.uint8)
    strokes[STEM] = 100
    alpha = np.full_like(strokes, 255)
    alpha[DOT] = 100
    expected = np.where(LETTER, 255, 0)
    expected[STEM], expected[DOT] = 155, 100
    np.testing.assert_array_equal(read(rgba(strokes, alpha), tmp_path), placed(expected))


@pytest.mark.parametrize("grey", [10, 200])
def test_of_strokes_in_nearly_one_colour_on_transparent_ground_the_opacity_counts(grey, tmp_path):
    strokes = np.full((20, 13), grey, np.uint8)
    strokes[STEM] += 25  # one colour still
    alpha = np.full_like(strokes, 255)
    strokes[DOT], alpha[DOT] = 255 - grey, 50  # so faint that its colour does not count
    expected = np.where(LETTER, 255, 0)
    expected[DOT] = 50
    np.testing.assert_array_equal(read(rgba(strokes, alpha), tmp_path), placed(expected))


# ---------------------------------------------------------------- modes, transparency, orientation


@pytest.mark.parametrize(
    ("mode", "ink", "ground", "suffix"),
    [
        ("1", 0, 1, "png"),
        ("L", 0, 255, "png"),
        ("LA", (0, 255), (255, 255), "png"),
        ("P", 0, 255, "png"),
        ("RGB", (160, 20, 60), (250, 250, 210), "png"),
        ("RGBA", (10, 20, 90, 255), (255, 255, 255, 0), "png"),
        ("RGBA", (10, 20, 90, 255), (0, 0, 0, 0), "png"),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0, 0), "tiff"),
        ("YCbCr", (20, 128, 128), (240, 128, 128), "jpg"),
        ("I;16", 900, 60000, "png"),
        ("I", 100000, 2000000, "tiff"),
        ("F", 0.1, 0.9, "tiff"),
        ("F", -3.0, 200.0, "tiff"),
    ],
)
def test_every_mode_is_read(mode, ink, ground, suffix, plain_seven, tmp_path):
    image = seven((140, 140), ink, ground, mode)
    if mode == "P":
        image.putpalette([value for grey in range(256) for value in (grey, grey, grey)])
    assert best_correlation(loaded(image, tmp_path, suffix), plain_seven) > 0.97


@pytest.mark.parametrize("colour", [(255, 255, 255, 255), (0, 0, 0, 255), (255, 0, 0, 255)])
def test_one_colour_on_transparent_ground_is_ink(colour, plain_seven, tmp_path):
    image = seven((140, 140), ink=colour, ground=(255, 255, 255, 0), mode="RGBA")
    assert best_correlation(loaded(image, tmp_path), plain_seven) > 0.97


def test_a_transparent_palette_colour_counts_as_white(plain_seven, tmp_path):
    image = seven((140, 140), 0, 1, "P")
    image.putpalette([0, 0, 0, 10, 10, 10])
    assert best_correlation(loaded(image, tmp_path, transparency=1), plain_seven) > 0.97


def test_the_orientation_that_a_camera_notes_is_respected(plain_seven, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    lying = seven((140, 140)).transpose(Image.Transpose.ROTATE_90)
    assert best_correlation(loaded(lying, tmp_path, "jpg", exif=exif), plain_seven) > 0.97


# ---------------------------------------------------------------- noise and light


def test_specks_are_ignored(tmp_path):
    rng = np.random.default_rng(0)
    for digit in DIGITS[:6]:
        pixels = np.array(dark_on_light(digit, 10))
        pixels[rng.random(pixels.shape) < 0.01] = 0
        assert best_correlation(loaded(Image.fromarray(pixels), tmp_path), digit) > 0.9


def photo(digit, light, noise, seed=0):
    ink = np.zeros((450, 350))
    ink[150:374, 60:284] = np.asarray(picture(digit, 8)) / 255
    pixels = light * (1 - 0.75 * ink) + np.random.default_rng(seed).normal(0, noise, ink.shape)
    return Image.fromarray(np.uint8(pixels.clip(0, 255)))


def test_a_photo_on_unevenly_lit_noisy_paper_is_read(tmp_path):
    down, across = np.mgrid[0:1:450j, 0:1:350j]
    slanting = 210 - 80 * across - 40 * down**2
    vignette = 220 - 120 * ((across - 0.5) ** 2 + (down - 0.5) ** 2)
    for light in (slanting, vignette):
        results = [best_correlation(loaded(photo(d, light, 8), tmp_path, "jpg"), d) for d in DIGITS[:3]]
        assert min(results) > 0.9


def test_a_digit_cut_out_close_to_its_ink_is_read(tmp_path):
    for digit in DIGITS[:100]:
        rows, columns = np.nonzero(digit)
        cut = np.pad(digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], 1)
        assert best_correlation(loaded(Image.fromarray(255 - cut), tmp_path), digit) > 0.9


# ---------------------------------------------------------------- bad input


def test_a_missing_file_is_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        load_digit(tmp_path / "absent.png")


def test_a_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match=tmp_path.name):
        load_digit(tmp_path)


def refusal(path):
    """The message of the ValueError that names the file; any other outcome fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"expected .* found") as caught:
            load_digit(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"a seven, honestly", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_refused(content, tmp_path):
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    assert "damaged, cut short or of another kind" in refusal(path)


def test_of_what_pillow_cannot_identify_the_kind_of_error_is_named_and_no_address(tmp_path):
    path = tmp_path / "digit.png"
    path.write_bytes(b"a seven, honestly")
    assert "another kind (UnidentifiedImageError)." in refusal(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "gif", "bmp", "webp"])
def test_a_picture_cut_short_or_garbled_never_raises_anything_else(suffix, tmp_path):
    whole = tmp_path / f"whole.{suffix}"
    seven((60, 60)).save(whole)
    content = whole.read_bytes()
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content[: len(content) // 2])
    refusal(path)
    rng = np.random.default_rng(0)
    for _ in range(40):
        garbled = bytearray(content)
        for position in rng.integers(0, len(content), 4):
            garbled[position] = rng.integers(256)
        path.write_bytes(garbled)
        try:
            assert load_digit(path).shape == (28, 28)
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("side", [9_500, 60_000])
def test_an_absurdly_large_picture_is_refused_unread(side, tmp_path):
    path = tmp_path / "huge.png"
    path.write_bytes(empty_png(side, side))
    assert "Crop it" in refusal(path)


def empty_png(width, height):
    def chunk(kind, data):
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 500), (28, 28), (300, 200)])
@pytest.mark.parametrize("ground", [0, 97, 255])
def test_a_blank_picture_is_refused(size, ground, tmp_path):
    path = tmp_path / "blank.png"
    Image.new("L", size, ground).save(path)
    assert "no ink" in refusal(path)


def test_noise_and_shading_alone_are_no_digit(tmp_path):
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(0).normal(120, 30, (200, 200))
    for pixels in (noise, np.tile(np.linspace(20, 240, 200), (200, 1))):
        Image.fromarray(np.uint8(pixels.clip(0, 255))).save(path)
        assert "no ink" in refusal(path)


def drawn_together(rows, columns, tmp_path):
    """The number of parts that are found in pictures of 30 tables of digits, each with so many."""
    rng = np.random.default_rng(0)
    for number in range(30):
        chosen = DIGITS[rng.integers(0, len(DIGITS), (rows, columns))]  # (rows, columns, 28, 28)
        table = 255 - chosen.transpose(0, 2, 1, 3).reshape(28 * rows, 28 * columns)
        path = tmp_path / f"{number}.png"
        Image.fromarray(table).save(path)
        yield load_picture(path).parts


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (1, 3), (2, 1)])
def test_several_digits_are_counted(rows, columns, tmp_path):
    found = list(drawn_together(rows, columns, tmp_path))
    assert np.mean(np.greater(found, 1)) > 0.9
    assert np.median(found) == rows * columns


def test_one_digit_is_hardly_ever_taken_for_several(tmp_path):
    """Of all 70,000 of MNIST 153 are; a bar of a 5 that stands by itself is not tall enough for a digit."""
    found = []
    for number, digit in enumerate(DIGITS[:300]):
        Image.fromarray(255 - digit).save(tmp_path / f"{number}.png")
        found.append(load_picture(tmp_path / f"{number}.png").parts)
    assert np.mean(np.greater(found, 1)) < 0.01


def test_a_speck_is_no_digit(tmp_path):
    path = tmp_path / "speck.png"
    image = Image.new("L", (100, 100), 255)
    image.putpixel((50, 50), 0)
    image.save(path)
    assert "1 x 1 pixels" in refusal(path)


def test_pixels_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "nan.tiff"
    Image.fromarray(np.full((28, 28), np.nan, dtype=np.float32)).save(path)
    assert "NaN" in refusal(path)


def test_the_library_itself_does_not_load_pillow():
    code = (
        "import sys; from scratch_rnn import *\n"
        "assert 'PIL' not in sys.modules and 'scratch_rnn.data.images' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("path", ["pipe", "/dev/zero"])
def test_a_pipe_or_a_device_is_no_picture_and_is_not_waited_for(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="this is a device or a pipe, not a file"):
        load_digit(tmp_path / path)
