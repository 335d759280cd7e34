"""Wrong backward passes found in public from-scratch code, to be put into a layer on purpose.

Most of them passed the tests that came with them: weights were tiny, tolerances absolute, biases zero, and
only some of the arrays were checked. `scratch_rnn.checks` finds each of them. The bugs themselves, a small
subclass each, are in bugs_of_time.py, bugs_of_gates.py and bugs_of_memory.py.
"""

from __future__ import annotations

from typing import Any

from scratch_rnn.checks import bugs_of_gates, bugs_of_memory, bugs_of_time
from scratch_rnn.checks.bug import BUGS, EVERY_CELL, Bug
from scratch_rnn.layers import Recurrent

__all__ = ["BUGS", "EVERY_CELL", "Bug", "inject"]

# Imported for what they enter into the catalogue: first those of time, because the others import that file.
ENTERED = (bugs_of_time, bugs_of_gates, bugs_of_memory)


def inject(layer: Recurrent, name: str) -> Recurrent:
    """Return a copy of a layer whose backward pass has the bug of that name.

    Raises ValueError for an unknown name and for a layer that cannot have the bug.
    """
    if name not in BUGS:
        raise ValueError(f"unknown bug {name!r}: use one of {', '.join(BUGS)}")
    bug = BUGS[name]
    if not bug.fits(layer):
        cells = ", ".join(cell.__name__ for cell in bug.cells)
        needed = f" with {bug.option}" if bug.option else ""
        raise ValueError(f"{name} is a bug of {cells}{needed}, not of this {type(layer).__name__}")
    return _as(bug.plant(type(layer)), layer)


def _as(cell: Any, layer: Recurrent) -> Any:
    """Return a copy of a layer, of another class."""
    other = cell.__new__(cell)
    other.__dict__.update(vars(layer.astype(layer.dtype)))
    return other
