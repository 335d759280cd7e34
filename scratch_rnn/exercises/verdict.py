"""What the judge says."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field

from scratch_rnn.exercises.spec import ORDER, Exercise

WIDTH = 80
MOST = 3  # findings told in full: with them a verdict is a screen


@dataclass(frozen=True)
class Finding:
    """One thing that is not right: equations, the mistake's name, or "", sentences, and the wrong lines.

    lines: as a verdict has them, such as "(L9) df".
    """

    numbers: tuple[str, ...]
    mistake: str
    sentences: tuple[str, ...]
    lines: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The first equation, or "" where it is none's."""
        return self.numbers[0] if self.numbers else ""

    def __str__(self) -> str:
        """All sentences in a row."""
        return " ".join(self.sentences)

    def block(self) -> str:
        """The sentences wrapped, all but the first one indented."""
        first, *others = self.sentences
        return "\n".join([wrapped(first), *(wrapped(sentence, "  ") for sentence in others)])


@dataclass(repr=False)
class Verdict:
    """The judge's verdict on one function. `passed` says whether it is right, `str` the rest.

    findings: what is not right, each mistake once.  right: equations of the student's that are right.
    blanks: lines that are still blank, such as "(L9) df".
    """

    exercise: Exercise
    findings: list[Finding] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    blanks: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong and nothing is blank."""
        return not (self.findings or self.blanks)

    def paragraphs(self) -> list[str]:
        """Return the verdict in wrapped paragraphs: the first findings, the others by name, what is right."""
        name = self.exercise.name
        if self.passed:
            return [f"{name} is right.", *_after(name)]
        paragraphs = [f"{name} is not right yet." if self.findings else f"{name} is not finished."]
        paragraphs += [finding.block() for finding in self.findings[:MOST]]
        others = [finding.lines or (finding.sentences[0].rstrip("."),) for finding in self.findings[MOST:]]
        if others:
            paragraphs.append(wrapped(f"Wrong too: {', '.join(line for lines in others for line in lines)}."))
        if self.right and (self.blanks or not self.findings):
            paragraphs.append(wrapped(f"Right so far: {', '.join(self.right)}."))
        if self.blanks:
            verb = "are" if len(self.blanks) > 1 else "is"
            paragraphs.append(wrapped(f"{', '.join(self.blanks)} {verb} still blank."))
        return paragraphs

    def hint(self, steps: int) -> list[str]:
        """Return hints for the first thing that is not right: where to look, the rule, the line itself."""
        numbers = [number for finding in self.findings for number in finding.numbers]
        numbers += [blank[1:].partition(")")[0] for blank in self.blanks if blank.startswith("(")]
        number = next((number for number in numbers if number in self.exercise.hints), None)
        if number is None or not steps:
            return []
        where, rule = self.exercise.hints[number]
        lines = [line.source for line in self.exercise.lines if line.number == number]
        hints = [f"Hint for ({number}): {where}", f"The rule: {rule}", f"The line: {'; '.join(lines)}"]
        return hints[:steps]

    def __str__(self) -> str:
        """The paragraphs, one below the other."""
        return "\n".join(self.paragraphs())

    __repr__ = __str__


def wrapped(text: str, indent: str = "") -> str:
    """Return a text in lines of 80 columns; code in it is broken only where it is long."""
    glued = re.sub(r"`[^`]{1,60}`|\(\w+\) \w+", lambda found: found[0].replace(" ", "\xa0"), text)
    rows = textwrap.fill(
        glued,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return rows.replace("\xa0", " ")


def _after(name: str) -> list[str]:
    place = ORDER.index(name) + 1
    if place == len(ORDER):
        return ["That was the last one."]
    return [f"The next one: scratch-rnn exercise start {ORDER[place]}"]
