"""Pages that need no other file and no network: the pictures inside them, and how they are written.

The words and the layout are in templates/.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from keras_reference.tables import NUMBERS, epoch_texts
from scratch_rnn.files import atomic
from scratch_rnn.style import MODEL_COLOURS

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"pages such as report.html are made with Jinja2 (no module {error.name!r}): pip install jinja2",
        name=error.name,
    ) from error


@dataclass(frozen=True)
class Picture:
    """A figure inside the page: a data URL, its size in pixels, and the words for those who cannot see it."""

    source: str
    width: int
    height: int
    alt: str


def picture(path: Path, alt: str) -> Picture:
    """Return a PNG file as a figure of a page. Raises OSError where it cannot be read."""
    with Image.open(path) as image:
        width, height = image.size
    source = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return Picture(source, width, height, alt)


def write_page(path: Path, template: str, **content: Any) -> None:
    """Fill the template and write the page, whole or not at all.

    Bytes of a path that are no text stand in it as escapes.
    """
    page = _environment().get_template(template).render(content)
    with atomic(path) as unfinished:
        unfinished.write_text(page, encoding="utf-8", errors="backslashreplace")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("keras_reference"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(colours=MODEL_COLOURS, numbers=NUMBERS, texts=epoch_texts)
    return environment
