"""A picture of one handwritten digit, made into what MNIST would have made of it.

MNIST's digits were cropped to their ink, scaled with anti-aliasing into 20 x 20 pixels with their
proportions kept, and placed in 28 x 28 so that the centre of mass of the pixels falls on the centre
(LeCun et al. 1998, section III.A). A network that has learned MNIST expects just that.
"""

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Array = NDArray[Any]

SIDE = 28  # of an MNIST image
BOX = 20  # the side of the square that holds its ink
LARGEST_SIDE = 560  # a larger picture shows the digit no better, only more slowly
SMALLEST_INK = 5  # pixels across: fewer are a speck, not a digit


def load_digit(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read a picture of one digit, of any size, format and mode, in MNIST's form.

    Dark on light and light on dark are told apart, uneven light and noise are taken away, and
    transparent parts count as white.

    Returns:
        uint8 (28, 28), the ink 255 on 0.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: the file cannot be opened.
        ValueError: it is no picture that Pillow can read, or shows no digit.
    """
    with open(os.fspath(path), "rb"):
        pass  # a file that cannot be opened is reported as such, not as a bad picture
    try:
        return mnist_form(_ink(_read_grey(path)))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def mnist_form(ink: Array) -> NDArray[np.uint8]:
    """Crop, scale and centre a digit as MNIST did.

    Args:
        ink: (height, width), not negative, 0 where there is none.

    Returns:
        uint8 (28, 28), the strongest ink 255.

    Raises:
        ValueError: there is no ink, or not enough of it to be a digit.
    """
    return _centre(_scale(ink, _digit_box(ink)))


def _read_grey(path: str | os.PathLike[str]) -> Array:
    """The picture in grey, float64 (height, width) from 0 (black) to 1, no side above LARGEST_SIDE."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _unit_range(_grey(ImageOps.exif_transpose(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"the picture is too large ({error}); crop it to the digit") from error
    except Exception as error:  # each of Pillow's decoders has its own way to fail on a damaged file
        raise ValueError(
            "this is not a picture that can be read, or it is damaged; "
            f"expected a PNG, JPEG or other common format ({error or type(error).__name__})"
        ) from error


def _grey(image: Image.Image) -> Image.Image:
    """One channel of floats: transparency laid on white, colour turned to grey, large sides reduced."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("L")
    image = Image.fromarray(np.asarray(image, dtype=np.float32))
    return image.reduce(-(-max(image.size) // LARGEST_SIDE))


def _unit_range(image: Image.Image) -> Array:
    """Divide by the largest value that the picture's depth allows: its mode does not always tell."""
    pixels = np.asarray(image, dtype=np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("it holds NaN or infinite pixels")
    pixels = pixels - min(0.0, pixels.min())
    return pixels / next((top for top in (1, 255, 65535) if pixels.max() <= top), pixels.max())


def _ink(grey: Array) -> Array:
    """How far each pixel stands out from the paper: 0 on the paper and in its noise, else positive."""
    difference, noise = _difference_from_background(grey)
    if np.sum(difference**3) < 0:  # the ink is the smaller and stronger part, so it decides the sign
        difference = -difference
    return np.where(difference > max(5 * noise, 0.01), difference, 0)


def _difference_from_background(grey: Array) -> tuple[Array, float]:
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
        coefficients, *_ = np.linalg.lstsq(terms[paper], grey[paper], rcond=None)
        difference = grey - terms @ coefficients
    return difference, _spread(difference[paper])


def _frame(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True along the edges of a picture, to a depth of a twentieth of its shorter side."""
    depth = max(1, min(shape) // 20)
    frame = np.ones(shape, dtype=bool)
    frame[depth:-depth, depth:-depth] = False
    return frame


def _spread(values: Array) -> float:
    """The standard deviation of normal values, estimated from their median so that outliers do not count."""
    return 1.4826 * float(np.median(np.abs(values)))


def _digit_box(ink: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the digit: of all ink but the faintest, without scattered specks."""
    strong = ink > 0.15 * np.percentile(ink[ink > 0], 95) if ink.any() else ink > 0
    parts = [part for part in _connected(strong) if len(part) >= 0.02 * strong.sum()]
    if not parts:
        raise ValueError("no digit was found; expected one digit, clearly darker or lighter than its ground")
    rows, columns = np.concatenate(parts).T
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    if max(right - left, bottom - top) < SMALLEST_INK:
        raise ValueError(
            f"the only ink is {right - left} x {bottom - top} pixels; "
            f"expected a digit at least {SMALLEST_INK} pixels high"
        )
    return int(left), int(top), int(right), int(bottom)


def _connected(mask: NDArray[np.bool_]) -> Iterator[Array]:
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


def _scale(ink: Array, box: tuple[int, int, int, int]) -> Array:
    """Cut the box out and bring its longer side to 20 pixels, with anti-aliasing."""
    left, top, right, bottom = box
    longer = max(right - left, bottom - top)
    size = (max(1, round((right - left) * BOX / longer)), max(1, round((bottom - top) * BOX / longer)))
    method = Image.Resampling.BOX if longer >= BOX else Image.Resampling.BILINEAR
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, method, box=box), dtype=np.float64)


def _centre(digit: Array) -> NDArray[np.uint8]:
    """Place the digit in 28 x 28, its centre of mass within half a pixel of (14, 14), its peak at 255."""
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    (height, width), total = digit.shape, digit.sum()
    top = _offset(np.arange(height) @ digit.sum(axis=1) / total, height)
    left = _offset(np.arange(width) @ digit.sum(axis=0) / total, width)
    canvas[top : top + height, left : left + width] = np.rint(255 * digit / digit.max())
    return canvas


def _offset(centre_of_mass: float, length: int) -> int:
    """The whole step that brings the centre of mass into [13.5, 14.5), as in MNIST, and stays inside."""
    return int(np.clip(np.ceil(SIDE / 2 - 0.5 - centre_of_mass), 0, SIDE - length))
