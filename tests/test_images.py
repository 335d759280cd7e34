"""Pictures of digits become what MNIST would have made of them; bad ones are refused in plain words."""

import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scratch_rnn.data.images import load_digit
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
        "import scratch_rnn, sys\n"
        "assert 'PIL' not in sys.modules and 'scratch_rnn.data.images' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
