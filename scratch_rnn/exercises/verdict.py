"""What the judge says, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratch_rnn.exercises.guided import Moment
from scratch_rnn.exercises.recognition import NOT_COMPUTED, Explanation
from scratch_rnn.exercises.spec import ORDER, SECTIONS, Exercise, Line
from scratch_rnn.exercises.values import agreeing, alike, close


@dataclass(frozen=True)
class Finding:
    """One thing that is not right: the equation's number, or "", the mistake's name, or "", and sentences."""

    number: str
    mistake: str
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        """All sentences in a row."""
        return " ".join(self.sentences)


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
        """Return the verdict, a paragraph for each finding."""
        name = self.exercise.name
        if self.passed:
            return [f"{name} is right.", *_after(name)]
        paragraphs = [f"{name} is not right yet." if self.findings else f"{name} is not finished."]
        paragraphs += [str(finding) for finding in self.findings]
        if self.right and (self.blanks or not self.findings):
            paragraphs.append(f"Right so far: {', '.join(self.right)}.")
        if self.blanks:
            verb = "are" if len(self.blanks) > 1 else "is"
            paragraphs.append(f"{', '.join(self.blanks)} {verb} still blank.")
        return paragraphs

    def hint(self, steps: int) -> list[str]:
        """Return hints for the first thing that is not right: where to look, the rule, the line itself."""
        numbers = [finding.number for finding in self.findings if finding.number]
        numbers += [blank[1:].partition(")")[0] for blank in self.blanks if blank.startswith("(")]
        number = next((number for number in numbers if number in self.exercise.hints), None)
        if number is None or not steps:
            return []
        where, rule = self.exercise.hints[number]
        lines = [line.source for line in self.exercise.lines if line.number == number]
        hints = [f"Hint for ({number}): {where}", f"The rule: {rule}", f"The line: {'; '.join(lines)}"]
        return hints[:steps]

    def __str__(self) -> str:
        """The paragraphs, a line each."""
        return "\n".join(self.paragraphs())

    __repr__ = __str__


def _after(name: str) -> list[str]:
    place = ORDER.index(name) + 1
    if place == len(ORDER):
        return ["That was the last one."]
    return [f"The next one: scratch-rnn exercise start {ORDER[place]}"]


def wrong_line(
    line: Line,
    numbers: tuple[str, ...],
    moment: Moment | None,
    before: str,
    why: Explanation | None,
    tolerance: float,
) -> Finding:
    """Return what is to be said of a line whose numbers are wrong, at the first moment where they are.

    numbers: its own equation; for a given line those that it is made of.
    """
    made = " and ".join(f"({number})" for number in numbers)
    head = str(line) if line.number or not made else f"{line.name}, which comes from {made},"
    sentences = [f"{head} is wrong{_compared(moment, tolerance) if moment else ''}{before}."]
    if why:
        name = f" ({why.name})" if why.name else ""
        wrong = " and ".join(f"`{text}`" for text in why.wrong)
        known = "" if why.words.startswith(NOT_COMPUTED) else f"Your numbers are those of {wrong}: "
        words = why.words if known else why.words.capitalize()
        sentences.append(f"{known}{words}{name}.")
    number = numbers[0] if numbers else ""
    if number[:1] in SECTIONS:
        sentences.append(f"See {SECTIONS[number[:1]]} of docs/bptt.md.")
    return Finding(number, why.name if why else "", tuple(sentences))


def _compared(moment: Moment, tolerance: float) -> str:
    own, rule = moment.own, moment.rule
    time = f" at t = {moment.time}" if moment.time is not None else ""
    if not alike(own, rule):
        return f"{time}: {shapes(own, rule)}"
    if isinstance(rule, (list, tuple)):
        wrong = [pair for pair in zip(own, rule, strict=True) if not close(*pair, tolerance)]
        agree = f"{len(rule) - len(wrong)} of {len(rule)} arrays agree"
        return f"{time}: {agree}; in the first other one {numbers(*wrong[0], tolerance)}"
    return f"{time}: {numbers(own, rule, tolerance)}"


def shapes(own: Any, rule: Any) -> str:
    """Say which shape a value has and which it should have."""
    return f"it is {_kind(own)} and should be {_kind(rule)}"


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"of shape {value.shape}"
    return "one number" if isinstance(value, (np.ndarray, np.generic, int, float)) else f"{value!r:.40}"


def numbers(own: Any, rule: Any, tolerance: float) -> str:
    """Say how many entries agree, where the worst is, and both numbers there."""
    agree = agreeing(own, rule, tolerance)
    own, rule = np.asarray(own), np.asarray(rule)
    if own.dtype == np.float32:
        return "it is float32 and should be float64"
    if not rule.ndim:
        return f"yours is {_number(own)}, right is {_number(rule)}"
    with np.errstate(all="ignore"):
        size = np.where(agree, -1.0, np.nan_to_num(abs(own.astype(float) - rule), nan=np.inf))
    worst = tuple(int(place) for place in np.unravel_index(np.argmax(size), size.shape))
    return (
        f"{int(agree.sum())} of {agree.size} entries agree; at {list(worst)} yours is {_number(own[worst])}, "
        f"right is {_number(rule[worst])}"
    )


def _number(value: Any) -> str:
    value = np.asarray(value)[()]
    return str(bool(value)) if np.asarray(value).dtype.kind == "b" else f"{value:.6g}"
