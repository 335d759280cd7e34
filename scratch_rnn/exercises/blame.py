"""Wrong lines, put into words: which, their numbers and the right ones, and the mistake that they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scratch_rnn.exercises.differences import Sizes, compared_at
from scratch_rnn.exercises.guided import Moment
from scratch_rnn.exercises.recognition import NOT_COMPUTED, Explanation
from scratch_rnn.exercises.spec import SECTIONS, Line


@dataclass(frozen=True, eq=False)
class Blame:
    """One or more lines that are wrong by one mistake.

    lines: the wrong lines; a given one stands alone.  numbers: their equations; for a given line those that
    it is made of.  nameless: lines before it that may be wrong as well, because the student has no name for
    them.  moment: the first at which the first line is wrong.  before: how it stands with earlier equations.
    whys: explanations, one for all lines or one for each.  exchanged: whether two have each other's value.
    """

    lines: tuple[Line, ...]
    numbers: tuple[str, ...]
    moment: Moment | None
    before: str = ""
    whys: tuple[Explanation, ...] = ()
    nameless: tuple[Line, ...] = ()
    exchanged: bool = False

    def merged(self, other: Blame) -> Blame:
        """Return the two as one."""
        whys = dict.fromkeys((*self.whys, *other.whys))
        if not self.exchanged and self.whys and other.whys:
            one, more = self.whys[0], other.whys[0]
            both = replace(one, places=one.places + more.places, wrong=one.wrong + more.wrong)
            whys = {both: None}
        numbers = tuple(dict.fromkeys(self.numbers + other.numbers))
        return replace(self, lines=self.lines + other.lines, numbers=numbers, whys=tuple(whys))

    def same_mistake(self, other: Blame) -> bool:
        """Return whether the two lines are wrong by one and the same slip."""
        if not (self.whys and other.whys and self.lines[0].number and other.lines[0].number):
            return False
        one, more = self.whys[0], other.whys[0]
        return (one.name, one.words) == (more.name, more.words)

    def sentences(self, tolerance: float, sizes: Sizes) -> tuple[str, ...]:
        """Return what is to be said; sizes have names in it."""
        compared = "each has the other's value" if self.exchanged else ""
        if self.moment and not self.exchanged:
            compared = compared_at(self.moment, self.lines[0].name, tolerance, sizes)
            if len(self.lines) > 1 and not compared.startswith("in "):
                compared = f"in {self.lines[0].name} {compared}"
        time = self.moment.time if self.moment and not self.exchanged else None
        head = self._head() + (f" at t = {time}" if time is not None else "")
        said = [f"{head}{': ' if compared else ''}{compared}{self.before}."]
        if self.nameless:
            names = _listed([line.name for line in self.nameless])
            said.append(f"Your code has no name for {names}: give it one, and run this again to see which.")
        said += [_explained(why) for why in self.whys]
        sections = dict.fromkeys(SECTIONS[number[:1]] for number in self.numbers if number[:1] in SECTIONS)
        if sections:
            said.append(f"See {_listed(list(sections))} of docs/bptt.md.")
        return tuple(said)

    def _head(self) -> str:
        first = self.lines[0]
        if self.nameless:
            return f"{' or '.join(map(str, (*self.nameless, first)))} is wrong"
        if len(self.lines) > 1:
            return f"{_listed([str(line) for line in self.lines])} are wrong"
        if first.number or not self.numbers:
            return f"{first} is wrong"
        return f"{first.name}, which comes from {_listed([f'({n})' for n in self.numbers])}, is wrong"


def one_for_each_mistake(blames: list[Blame]) -> list[Blame]:
    """Return the blames, those of the same mistake in one."""
    found: list[Blame] = []
    for blame in blames:
        like = [k for k, other in enumerate(found) if other.same_mistake(blame)]
        if like:
            found[like[0]] = found[like[0]].merged(blame)
        else:
            found.append(blame)
    return found


def _explained(why: Explanation) -> str:
    name = f" ({why.name})" if why.name else ""
    if why.words.startswith(NOT_COMPUTED):
        return f"{why.words.capitalize()}{name}."
    code = _listed([f"`{text}`" for text in why.wrong])
    return f"Your numbers are those of {code}: {why.words}{name}."


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
