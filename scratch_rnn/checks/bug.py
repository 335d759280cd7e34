"""What a known bug is, and the catalogue into which bugs_of_time.py and the files beside it enter theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scratch_rnn.layers import GRU, LSTM, Recurrent, SimpleRNN

EVERY_CELL = (SimpleRNN, GRU, LSTM)  # and cells of the user's own

# Where docs/bptt.md has the equations that begin with a letter.
SECTIONS = {
    "T": "3-the-loop-over-time",
    "S": "4-simplernn",
    "L": "5-lstm",
    "G": "6-gru",
    "K": "9-truncated-backpropagation-through-time",
}


@dataclass(frozen=True)
class Bug:
    """A mistake: its name, what it does, the cells that can have it, and the wrong cell made of a right one.

    option    what a layer has to be given before it can have the mistake
    equation  the number of the equation that it breaks, such as "L9"
    wrong     the wrong line, with the names of docs/bptt.md as the code spells them
    right     the line that belongs there
    seen      where such a bug was seen in public, a link; nothing where it is of the kind
    """

    name: str
    description: str
    cells: tuple[type[Recurrent], ...]
    option: str | None
    plant: Callable[[Any], Any]
    equation: str
    wrong: str
    right: str
    seen: str = ""

    def fits(self, layer: Any) -> bool:
        """Return whether the layer can have this mistake."""
        cells = Recurrent if self.cells == EVERY_CELL else self.cells
        return isinstance(layer, cells) and (self.option is None or bool(getattr(layer, self.option)))

    @property
    def section(self) -> str:
        """Where its equation is derived: docs/bptt.md#5-lstm."""
        return f"docs/bptt.md#{SECTIONS[self.equation[0]]}"

    @property
    def lines(self) -> str:
        """The wrong line, the right one with its equation, and where such a bug was seen."""
        lines = [
            f"  wrong  {self.wrong}",
            f"  right  {self.right}",
            f"  ({self.equation}) in {self.section}",
        ]
        return "\n".join([*lines, *([f"  such a bug: {self.seen}"] if self.seen else [])])


BUGS: dict[str, Bug] = {}


def bug(
    description: str,
    equation: str,
    wrong: str,
    right: str,
    cells: tuple[type[Recurrent], ...] = EVERY_CELL,
    option: str | None = None,
    seen: str = "",
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter the decorated function, which makes a wrong subclass of a cell, into the catalogue."""

    def enter(plant: Callable[[Any], Any]) -> Callable[[Any], Any]:
        name = plant.__name__.replace("_", "-")
        BUGS[name] = Bug(name, description, cells, option, plant, equation, wrong, right, seen)
        return plant

    return enter
