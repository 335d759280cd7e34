"""What adding.py and pixels.py have in common: layers, a file for each result, a table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scratch_rnn import GRU, LSTM, SimpleRNN
from scratch_rnn.layers.initializers import RandomNormal


def irnn(units: int) -> SimpleRNN:
    """Return the layer of Le, Jaitly and Hinton (2015): a SimpleRNN that begins as a sum of its inputs.

    Its recurrent kernel starts as the identity, its bias as zero, its activation is relu; its kernel is drawn
    with their standard deviation, 0.001.
    """
    small = RandomNormal(stddev=0.001)
    return SimpleRNN(units, "relu", kernel_initializer=small, recurrent_initializer="identity")


CELLS = {"SimpleRNN": SimpleRNN, "IRNN": irnn, "GRU": GRU, "LSTM": LSTM}


def done(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the results in a folder by name, in the order of the names."""
    paths = {name: folder / f"{name}.json" for name in names}
    there = {name: path for name, path in paths.items() if path.is_file()}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in there.items()}


def finite(number: float) -> float | None:
    """Return a number as JSON can hold it: None for infinity and for what is no number."""
    return float(number) if math.isfinite(number) else None
