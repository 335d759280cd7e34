"""The judge: runs a student's function, and says what is right in it and what is not.

What the function returns decides: results that are right are right, however they were computed. Only where they
are wrong are the numbers on the way compared, equation by equation.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from scratch_rnn.exercises.data import cases, tolerance
from scratch_rnn.exercises.guided import Guide, Moment, Pool, Walk, alike, best_pairs, close, compiled
from scratch_rnn.exercises.recognition import Call, Explanation, explain, known_mistake
from scratch_rnn.exercises.spec import Exercise, Line
from scratch_rnn.exercises.student import Event, Student, is_data, same, student_of, students_in
from scratch_rnn.exercises.verdict import Finding, Verdict, numbers, shapes, wrong_line


def check(function: Callable[..., Any]) -> Verdict:
    """Judge a function for the exercise whose name it has, such as `lstm_step_backward`.

    Raises TypeError for what is no function, ValueError for the name of no exercise.
    """
    return judged(student_of(function))


def check_file(path: str | os.PathLike[str]) -> list[Verdict]:
    """Judge all functions for exercises in a file.

    Raises OSError where it cannot be read, ValueError where it is no Python or has no such function.
    """
    return [judged(student) for student in students_in(path)]


def judged(student: Student) -> Verdict:
    """Return the verdict on a student's function."""
    exercise = student.exercise
    verdict = Verdict(exercise, blanks=student.blanks)
    calls = [_called(student, guide) for guide in _guides(exercise.name)]
    if not verdict.blanks:
        verdict.findings += _failed(exercise, calls) or _misshapen(exercise, calls)
    broken = bool(verdict.findings or verdict.blanks)
    if not broken and _right(exercise, calls):
        verdict.findings += _side_effects(student, calls)
        return verdict
    if not broken and (overflow := _overflow(exercise, calls)):
        verdict.findings.append(overflow)
        return verdict
    if not broken:
        verdict.findings += _changed(exercise, calls)
    found, verdict.right = Comparison(exercise, calls, whole=not broken).findings()
    if verdict.findings and not broken:  # arguments that change make given lines wrong
        found = [finding for finding in found if finding.number]
    verdict.findings = found + verdict.findings
    if not broken and not found:
        verdict.findings += _wrong_results(exercise, calls)
    return verdict


@cache
def _guides(name: str) -> list[Guide]:
    from scratch_rnn.exercises.spec import exercise

    return [Guide(exercise(name), arguments, tolerance(name)) for arguments in cases(name)]


def _called(student: Student, guide: Guide) -> Call:
    """Run a student's function once; where it has no name for a result, what it returns has it."""
    exercise = student.exercise
    run = student.run(guide.arguments)
    events = list(run.events)
    if not run.error:
        expected = exercise.results
        if len(expected) > 1 and isinstance(run.results, (list, tuple)):
            run.results = list(run.results)
        elif len(expected) == 1 and isinstance(run.results, tuple) and len(run.results) == 1:
            run.results = list(run.results)
        else:
            run.results = [run.results]
        if len(run.results) == len(expected):
            known = {event.name: event for event in events}
            events += [
                Event(name, value, 0, ())
                for name, value in zip(expected, run.results, strict=True)
                if is_data(value) and (name not in known or not same(known[name].value, value))
            ]
    whole = not (run.error or student.blanks)
    pool = Pool(events)
    return Call(guide, run, best_pairs(guide, events, pool, whole), pool)


def _failed(exercise: Exercise, calls: list[Call]) -> list[Finding]:
    """Return what is to be said of an exception."""
    for call in calls:
        if call.run.error:
            number = call.run.error_numbers[-1] if call.run.error_numbers else ""
            where = (
                f"({number}) fails, " if number else "It fails, " if call.run.error.startswith("line") else ""
            )
            return [Finding(number, "", (f"{where}{call.run.error}.",))]
    return []


def _misshapen(exercise: Exercise, calls: list[Call]) -> list[Finding]:
    """Return what is to be said of results of the wrong number or kind."""
    expected, found = exercise.results, calls[0].run.results
    names = ", ".join(expected)
    if len(found) != len(expected):
        what = (
            "nothing"
            if found[0] is None and len(found) == 1
            else f"a {type(found[0]).__name__}"
            if len(found) == 1
            else len(found)
        )
        plural = "s" if len(expected) > 1 else ""
        return [Finding("", "", (f"It returns {what}; expected {len(expected)} result{plural}: {names}.",))]
    if found[0] is None and len(found) == 1:
        return [Finding("", "", (f"It returns nothing; expected {names}.",))]
    return []


def _right(exercise: Exercise, calls: list[Call]) -> bool:
    near = tolerance(exercise.name)
    return all(close(call.run.results, call.guide.reference, near) for call in calls)


def _side_effects(student: Student, calls: list[Call]) -> list[Finding]:
    """Return what is wrong though the results are right: arguments changed, or a second call differs."""
    if changed := _changed(student.exercise, calls):
        return changed
    for call in calls:
        again = student.run(call.guide.arguments)
        results = again.results if isinstance(again.results, (list, tuple)) else [again.results]
        if again.error or not _same_again(list(results), call.run.results, tolerance(student.exercise.name)):
            words = "The first call is right, but a second one with the same arguments gives other results"
            name = "accumulator-not-reset"
            return [Finding("", name, (f"{words} ({name}).", "Start from new arrays in every call."))]
    return []


def _changed(exercise: Exercise, calls: list[Call]) -> list[Finding]:
    """Return what is to be said of an argument that was not left as it was."""
    for call in calls:
        for name in call.run.changed:
            mistake = "tape-overwritten"
            if exercise.name == "gradient_check":
                mistake = "x-left-moved"
            elif name.startswith("d"):
                mistake = "upstream-gradient-overwritten"
            words = f"The function changes its argument {name}, which its caller still needs ({mistake})."
            return [Finding("", mistake, (words, "Work on a copy, or put back what was there."))]
    return []


def _overflow(exercise: Exercise, calls: list[Call]) -> Finding | None:
    """Return what is to be said of results that are right, but for large numbers that overflow."""
    mistake = next((mistake for mistake in exercise.mistakes if mistake.name == "not-shifted"), None)
    near = tolerance(exercise.name)
    wrong = [call for call in calls if not close(call.run.results, call.guide.reference, near)]
    if mistake is None or len(wrong) == len(calls):
        return None
    if any(np.isfinite(value).all() for call in wrong for value in call.run.results):
        return None
    line = next(line for line in exercise.lines if line.place in mistake.statements)
    return Finding(line.number, mistake.name, (f"{line}: {mistake.words} ({mistake.name}).", f"See {line.section}."))


def _same_again(results: list[Any], before: list[Any], near: float) -> bool:
    return close(results, before, near) or close([results], before, near)


class Comparison:
    """The numbers of a student's calls beside those of the solution, line by line."""

    def __init__(self, exercise: Exercise, calls: list[Call], whole: bool) -> None:
        self.exercise, self.calls, self.whole = exercise, calls, whole
        self.near = tolerance(exercise.name)
        self.tree = exercise.tree
        self.lines = {line.place: line for line in exercise.lines}
        self.walks: list[Walk] = []
        self._walk()

    def _walk(self) -> None:
        function = compiled(self.exercise, self.tree)
        self.walks = [call.walk(function) for call in self.calls]

    def findings(self) -> tuple[list[Finding], list[str]]:
        """Return what is wrong, in the order of the lines, and which equations are right."""
        known = None
        if self.whole:
            known = known_mistake(self.exercise, self.calls, set(self._places()), self.near)
        if known:
            return [self._known(known)], []
        found: list[tuple[int, Finding]] = []
        blamed: set[int] = set()
        while places := [place for place in self._places() if place not in blamed]:
            place = places[0]
            reasons = self._explained(place, blamed)
            if not reasons or reasons[0].places == (place,):
                found.append((place, self._finding(place, reasons[0] if reasons else None)))
                blamed.add(place)
                continue
            for why in reasons:  # made in lines that have no number of their own
                self._put_in(why)
                blamed |= set(why.places)
            for why in reasons:
                found.append((why.places[0], self._finding(why.places[0], why)))
        return [finding for _, finding in sorted(found, key=lambda pair: pair[0])], self._right_ones()

    def _known(self, known: Explanation) -> Finding:
        """Return what is to be said of a catalogued mistake that gives the student's very results."""
        shown = [place for place in known.places if place in self.lines]
        if not shown:
            words = f"Your numbers are those of `{known.wrong[0]}`: {known.words} ({known.name})."
            return Finding("", known.name, (words,))
        moment = self._first_wrong(shown[0])
        self._put_in(known)
        return self._finding(shown[0], known, moment)

    def _put_in(self, why: Explanation) -> None:
        """Go on with a mistake in the solution: what follows from it is not wrong once more."""
        statements = {place: ast.parse(text).body[0] for place, text in why.statements() if place in self.lines}
        self.tree = self.exercise.with_statements(statements, self.tree)
        self._walk()

    def _places(self) -> list[int]:
        """Return the wrong lines; a given one is not judged as long as others are blank."""
        wrong = {place for walk in self.walks for place in walk.wrong()}
        return sorted(place for place in wrong if self.whole or self.lines[place].number)

    def _absent(self) -> list[int]:
        return sorted({place for walk in self.walks for place in walk.absent()})

    def _explained(self, place: int, blamed: set[int]) -> list[Explanation]:
        absent = [other for other in self._absent() if other not in blamed | {place} and self.whole]
        nearest = sorted(absent, key=lambda other: (other > place, abs(other - place)))
        suspects = [self.lines[other] for other in nearest]
        before = [set(walk.wrong()) for walk in self.walks]
        return explain(self.exercise, self.tree, self.lines[place], suspects, self.calls, before)

    def _statuses(self) -> dict[int, str]:
        """Return for each line whether it is right, wrong or absent, as things stand."""
        wrong, absent = set(self._places()), set(self._absent())
        return {
            place: "wrong" if place in wrong else "absent" if place in absent else "right"
            for place in self.lines
        }

    def _right_ones(self) -> list[str]:
        """Return the numbered lines of the student's that are right, in short."""
        statuses = self._statuses()
        numbers = dict.fromkeys(line.number for line in self.exercise.lines if line.number)
        return [
            f"({number})"
            for number in numbers
            if all(statuses[place] == "right" for place, line in self.lines.items() if line.number == number)
        ]

    def _first_wrong(self, place: int) -> Moment | None:
        moments = [moment for walk in self.walks for moment in walk.of(place)]
        return next((moment for moment in moments if not moment.right and moment.own is not None), None)

    def _finding(self, place: int, why: Explanation | None, moment: Moment | None = None) -> Finding:
        line = self.lines[place]
        moment = moment or self._first_wrong(place)
        return wrong_line(line, moment, self._before(line, self._statuses()), why, self.near)

    def _before(self, line: Line, statuses: dict[int, str]) -> str:
        """Say how it stands with the equations before a line."""
        earlier = [other for other in self.exercise.lines if other.number and other.place < line.place]
        wrong = [str(other) for other in earlier if statuses[other.place] == "wrong"]
        if wrong:
            return f"; it is judged by your own numbers before it, of which {', '.join(wrong)} is wrong"
        if not earlier:
            return ""
        if any(statuses[other.place] == "absent" for other in earlier):
            return "; every equation before it that has a name in your code is right"
        return "; every equation before it is right"


def _wrong_results(exercise: Exercise, calls: list[Call]) -> list[Finding]:
    """Return what is to be said where every line is right and what is returned is not."""
    near = tolerance(exercise.name)
    for call in calls:
        own, right = call.run.results, call.guide.reference
        for name, one, other in zip(exercise.results, own, right, strict=True):
            if close(one, other, near):
                continue
            twin = [
                result
                for result, value in zip(exercise.results, right, strict=True)
                if close(one, value, near)
            ]
            if twin:
                words = (
                    f"Where {name} belongs it returns {twin[0]}: the order is {', '.join(exercise.results)}."
                )
            elif not alike(one, other):
                words = f"What it returns as {name} is wrong: {shapes(one, other)}."
            elif isinstance(other, list):
                words = f"What it returns as {name} is wrong, though each line before is right."
            else:
                words = f"What it returns as {name} is wrong: {numbers(one, other, near)}."
            number = next((line.number for line in reversed(exercise.lines) if line.name == name), "")
            return [Finding(number, "", (words,))]
    return []
