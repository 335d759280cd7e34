"""A picture of one handwritten digit, made into what MNIST would have made of it.

MNIST's digits were cropped to their ink, scaled with anti-aliasing into 20 x 20 pixels with their
proportions kept, and placed in 28 x 28 so that the centre of mass of the pixels falls on the centre
(LeCun et al. 1998, section III.A). A network that has learned MNIST expects just that.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from scratch_rnn.files import check_readable

SIDE = 28  # of an MNIST image
BOX = 20  # the side of the square that holds its ink
LARGEST_SIDE = 560  # a larger picture shows the digit no better, only more slowly
SMALLEST_INK = 5  # pixels across: fewer are a speck, not a digit
TALL = 0.35  # of the ink's height: a bar of a 5 that stands by itself is lower, stacked digits are not
ADVICE = "Give it one digit, much darker or much lighter than the plain ground all round it."


@dataclass(frozen=True, eq=False)
class Picture:
    """What a picture shows.

    digit  uint8 (28, 28), in MNIST's form
    parts  how many separate parts of it are as tall as a digit: several where it shows several digits
    """

    digit: np.ndarray
    parts: int


def load_digit(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture of one digit, of any size, format and mode, in MNIST's form.

    Dark on light and light on dark are told apart, uneven light and noise are taken away, and
    transparent parts count as white. A picture already in MNIST's form stays as it is.

    Returns:
        uint8 (28, 28): the ink up to 255, on 0.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: the file cannot be opened.
        ValueError: it is no picture that can be read, or shows no digit. The message names the file,
            what was expected and what was found.
    """
    return load_picture(path).digit


def load_picture(path: str | os.PathLike[str]) -> Picture:
    """Do what `load_digit` does, and say what else the picture shows."""
    check_readable(path)
    with open(os.fspath(path), "rb") as file:
        try:
            ink = _ink(_read_grey(file))
            parts = _parts(ink)
            box = _box(np.concatenate(parts))
            return Picture(_centre(_scale(ink, box)), _count_tall(parts, box))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from error


def _read_grey(file: IO[bytes]) -> np.ndarray:
    """The picture in grey, float64 (height, width) from 0 (black) to 1, no side above LARGEST_SIDE."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return _unit_range(_grey(ImageOps.exif_transpose(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            f"expected a picture of bearable size, found this: {error} Crop it to the digit or scale it down."
        ) from error
    except Exception as error:  # every decoder of Pillow's has its own ways to fail on a damaged file
        raise ValueError(
            "expected a picture such as a PNG or JPEG file, found a file that is damaged, cut short or of"
            f" another kind ({_reason(error)}). Save the picture again, as PNG."
        ) from error


def _reason(error: Exception) -> str:
    """Pillow's message, except where it tells the address of an object and not the trouble."""
    return type(error).__name__ if isinstance(error, Image.UnidentifiedImageError) else repr(error)


def _grey(image: Image.Image) -> Image.Image:
    """One channel of floats: transparency laid on white, colour turned to grey, large sides reduced."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        image = _opaque(image.convert("RGBA")).convert("L")
    image = Image.fromarray(np.asarray(image, dtype=np.float32))
    return image.reduce(-(-max(image.size) // LARGEST_SIDE))


def _opaque(image: Image.Image) -> Image.Image:
    """Lay a picture on white; one colour alone on transparent ground, white perhaps, counts as black ink."""
    alpha = image.getchannel("A")
    visible = np.asarray(image.convert("L"))[np.asarray(alpha) > 127]
    if 0 < visible.size < alpha.width * alpha.height and np.ptp(visible) < 32:
        return ImageOps.invert(alpha)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _unit_range(image: Image.Image) -> np.ndarray:
    """Divide by the largest value that the picture's depth allows: its mode does not always tell."""
    pixels = np.asarray(image, dtype=np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("NaN or infinite pixels")
    pixels = pixels - min(0.0, pixels.min())
    return pixels / next((top for top in (1, 255, 65535) if pixels.max() <= top), pixels.max())


def _ink(grey: np.ndarray) -> np.ndarray:
    """How far each pixel stands out from the paper: 0 on the paper and in its noise, else positive."""
    difference, noise = _difference_from_background(grey)
    if np.sum(difference**3) < 0:  # the ink is the smaller and stronger part, so it decides the sign
        difference = -difference
    return np.where(difference > max(5 * noise, 0.01), difference, 0)


def _difference_from_background(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Subtract the paper, which may be lit unevenly; also return the spread of its noise.

    A quadratic surface is fitted to the frame of the picture, where paper is surest, and then again
    and again to every pixel that lies near the surface found before.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in grey.shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    paper = _frame(grey.shape)
    difference = grey - np.median(grey[paper])
    for region in (paper, paper, np.ones_like(paper), np.ones_like(paper), np.ones_like(paper)):
        near = 3 * _spread(difference[paper]) + 0.01
        paper = region & (np.abs(difference) <= near)
        chosen = terms[paper]
        # The normal equations: six unknowns need no matrix of all pixels to be factorised.
        coefficients, *_ = np.linalg.lstsq(chosen.T @ chosen, chosen.T @ grey[paper], rcond=None)
        difference = grey - terms @ coefficients
    return difference, _spread(difference[paper])


def _frame(shape: tuple[int, ...]) -> np.ndarray:
    """True along the edges of a picture, to a depth of a twentieth of its shorter side."""
    depth = max(1, min(shape) // 20)
    frame = np.ones(shape, dtype=bool)
    frame[depth:-depth, depth:-depth] = False
    return frame


def _spread(values: np.ndarray) -> float:
    """The standard deviation of normal values, estimated from their median so that outliers do not count."""
    return 1.4826 * float(np.median(np.abs(values)))


def _parts(ink: np.ndarray) -> list[np.ndarray]:
    """The pixels of the digit, an array for each part that is by itself: without the faintest and specks."""
    strong = ink > 0.1 * ink.max()
    parts = [part for part in _connected(strong) if len(part) >= 0.01 * strong.sum()]
    if not parts:
        raise ValueError(f"expected one digit, found no ink that stands out from its ground. {ADVICE}")
    return parts


def _box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a digit's pixels (N, 2)."""
    rows, columns = pixels.T
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    if max(right - left, bottom - top) < SMALLEST_INK:
        raise ValueError(
            f"expected a digit at least {SMALLEST_INK} pixels high, found ink of {right - left} x"
            f" {bottom - top} pixels. {ADVICE}"
        )
    return int(left), int(top), int(right), int(bottom)


def _count_tall(parts: list[np.ndarray], box: tuple[int, int, int, int]) -> int:
    """The number of parts that are tall enough for a digit of their own, beside or above another."""
    _, top, _, bottom = box
    heights = [int(np.ptp(part[:, 0])) + 1 for part in parts]
    return max(1, sum(height >= TALL * (bottom - top) for height in heights))


def _connected(mask: np.ndarray) -> Iterator[np.ndarray]:
    """The groups of True pixels that touch, also at corners: each an array (pixels, 2) of row and column."""
    unseen = set(zip(*(indices.tolist() for indices in np.nonzero(mask)), strict=True))
    while unseen:
        group = [unseen.pop()]
        for row, column in group:  # grows while it is read
            around = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)}
            reached = around & unseen
            unseen -= reached
            group.extend(reached)
        yield np.array(group)


def _scale(ink: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cut the box out and bring its longer side to 20 pixels, with anti-aliasing."""
    left, top, right, bottom = box
    longer = max(right - left, bottom - top)
    size = (max(1, round((right - left) * BOX / longer)), max(1, round((bottom - top) * BOX / longer)))
    method = Image.Resampling.BOX if longer >= BOX else Image.Resampling.BILINEAR
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, method, box=box), dtype=np.float64)


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place the digit in 28 x 28, its centre of mass within half a pixel of (14, 14), its strokes at 255."""
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    # Not the peak: thin strokes reach it only where they cross.
    strength = np.percentile(digit[digit > 0], 90)
    (height, width), total = digit.shape, digit.sum()
    top = _offset(np.arange(height) @ digit.sum(axis=1) / total, height)
    left = _offset(np.arange(width) @ digit.sum(axis=0) / total, width)
    canvas[top : top + height, left : left + width] = np.rint(255 * np.minimum(digit / strength, 1))
    return canvas


def _offset(centre_of_mass: float, length: int) -> int:
    """The whole step that brings the centre of mass into [13.5, 14.5), as in MNIST, and stays inside."""
    return int(np.clip(np.ceil(SIDE / 2 - 0.5 - centre_of_mass), 0, SIDE - length))
