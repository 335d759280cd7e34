"""The judge: runs a student's function, and says what is right in it and what is not.

What the function returns decides: results that are right are right, however they were computed. Only where
they are wrong are the numbers on the way compared, equation by equation.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from functools import cache
from typing import Any

from scratch_rnn.exercises.comparison import Comparison
from scratch_rnn.exercises.data import cases, tolerance
from scratch_rnn.exercises.differences import numbers, shaped, shapes, sizes_of
from scratch_rnn.exercises.guided import Guide, Pool
from scratch_rnn.exercises.pairing import best_pairs
from scratch_rnn.exercises.reading import student_of, students_in
from scratch_rnn.exercises.recognition import Call, gives
from scratch_rnn.exercises.spec import Exercise
from scratch_rnn.exercises.spec import exercise as exercise_of
from scratch_rnn.exercises.student import Event, Failure, Student
from scratch_rnn.exercises.values import alike, close, is_data, same
from scratch_rnn.exercises.verdict import Finding, Verdict

EXTREME = ("not-shifted", "shifted-by-one-number", "logarithm-kept-from-zero")  # by extreme numbers


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
    if not broken and (extreme := _extreme(exercise, calls)):
        verdict.findings.append(extreme)
        return verdict
    if not broken and _exchanged(exercise, calls):
        verdict.findings += _wrong_results(exercise, calls)
        return verdict
    if not broken:
        verdict.findings += _changed(exercise, calls)
    # Arguments that change make given lines wrong, so then the equations alone are compared.
    whole = not (verdict.findings or verdict.blanks)
    found, verdict.right = Comparison(exercise, calls, whole).findings()
    filled = student.filled if whole else set()
    if filled:
        others, right = _comparison(student, filled).findings()
        if others and len(_blamed(others)) < len(_blamed(found)):
            found, verdict.right = others, right
        else:
            filled = set()
    if whole and (other := _names_for_something_else(student, found, filled)):
        found, verdict.right = _comparison(student, filled, other).findings()
    verdict.findings = found + verdict.findings
    if whole and not found:
        verdict.findings += _wrong_results(exercise, calls)
    return verdict


def _comparison(student: Student, filled: Set[str], without: Set[str] = frozenset()) -> Comparison:
    """Return the comparison of the student's calls where some names are read otherwise: see `_called`."""
    exercise = student.exercise
    calls = [_called(student, guide, filled, without) for guide in _guides(exercise.name)]
    return Comparison(exercise, calls, whole=True)


def _names_for_something_else(student: Student, found: list[Finding], filled: Set[str]) -> set[str]:
    """Return the names of blamed lines that hold something else than the solution's do, and rightly.

    Who writes di = dc * g * i * (1 - i) has left a line out, not made a mistake: all that is computed from
    it is right.
    """
    others: set[str] = set()
    blamed = {line for finding in found for line in finding.lines}
    for name in dict.fromkeys(line.name for line in student.exercise.lines if str(line) in blamed):
        if name not in student.exercise.results:
            without = {*others, name}
            if _comparison(student, filled, without).holds_without(name):
                others = without
    return others


@cache
def _guides(name: str) -> list[Guide]:
    return [Guide(exercise_of(name), arguments, tolerance(name)) for arguments in cases(name)]


def _blamed(findings: list[Finding]) -> set[str]:
    return {number for finding in findings for number in finding.numbers}


def _finding(number: str, mistake: str, *sentences: str) -> Finding:
    return Finding((number,) if number else (), mistake, sentences)


def _called(
    student: Student, guide: Guide, filled: Set[str] = frozenset(), without: Set[str] = frozenset()
) -> Call:
    """Run a student's function once; where it has no name for a result, what it returns has it.

    filled: names whose arrays are filled part by part, so that only their last value is evidence; then
    neither is a number of a shape that no line of that name has.  without: names whose numbers are none.
    """
    exercise = student.exercise
    run = student.run(guide.arguments)
    events = [event for event in run.events if event.name not in without]
    if not run.failure:
        expected = exercise.results
        run.results = as_list(run.results, len(expected))
        if len(run.results) == len(expected):
            known = {event.name: event for event in events}
            events += [
                Event(name, value, 0, ())
                for name, value in zip(expected, run.results, strict=True)
                if is_data(value) and (name not in known or not same(known[name].value, value))
            ]
    if filled:
        last = {event.name: event for event in events}
        events = [event for event in events if event.name not in filled or last[event.name] is event]
        events = [event for event in events if guide.has_shape(event.name, event.value)]
    whole = not (run.failure or student.blanks)
    pool = Pool(events)
    return Call(guide, run, best_pairs(guide, events, pool, whole), pool)


def as_list(results: Any, count: int) -> list[Any]:
    """Return what a function has returned as a list; where one result is expected, a list may be that one."""
    several = (
        isinstance(results, (list, tuple)) if count > 1 else isinstance(results, tuple) and len(results) == 1
    )
    return list(results) if several else [results]


def _failed(exercise: Exercise, calls: list[Call]) -> list[Finding]:
    """Return what is to be said of an exception."""
    for call in calls:
        if failure := call.run.failure:
            number = failure.numbers[-1] if failure.numbers else ""
            where = f"({number}) fails, " if number else "It fails, " if failure.line else ""
            where += f"line {failure.line}: " if failure.line else ""
            if not failure.of_shapes:
                return [_finding(number, "", f"{where}{failure.words}.")]
            return [_finding(number, "", f"{where}the shapes do not fit.", *_of_shapes(failure, call.guide))]
    return []


def _of_shapes(failure: Failure, guide: Guide) -> list[str]:
    """Say which shapes the arrays have in a line that fails, and which its result should have."""
    sizes = sizes_of(guide.exercise, guide.arguments)
    there = [f"{name} is {shaped(shape, sizes)}" for name, shape in failure.shapes.items()]
    wanted = [shaped(shape, sizes) for name, shape in sorted(guide.shapes) if name == failure.name]
    result = f"; expected for {failure.name}: {' or '.join(wanted)}" if wanted else ""
    return [f"There {', '.join(there)}{result}.", f"In NumPy's words: {failure.words}."]


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
        return [_finding("", "", f"It returns {what}; expected {len(expected)} result{plural}: {names}.")]
    if found[0] is None and len(found) == 1:
        return [_finding("", "", f"It returns nothing; expected {names}.")]
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
        results = as_list(again.results, len(call.run.results))
        if again.failure or not close(results, call.run.results, tolerance(student.exercise.name)):
            words = "The first call is right, but a second one with the same arguments gives other results"
            name = "accumulator-not-reset"
            return [_finding("", name, f"{words} ({name}).", "Start from new arrays in every call.")]
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
            number = "N1" if mistake == "x-left-moved" else call.run.changing.get(name, "")
            where = f"({number}) " if number else ""
            return [_finding(number, mistake, where + words, "Work on a copy, or put back what was there.")]
    return []


def _extreme(exercise: Exercise, calls: list[Call]) -> Finding | None:
    """Return what is to be said of results that are right on ordinary numbers, and wrong on extreme ones."""
    near = tolerance(exercise.name)
    wrong = [not close(call.run.results, call.guide.reference, near) for call in calls]
    for mistake in exercise.mistakes:
        if mistake.name not in EXTREME or all(wrong):
            continue
        function = exercise.function(exercise.with_statements(mistake.statements))
        if wrong == [not gives(function, call, call.guide.reference, near) for call in calls]:
            line = next(line for line in exercise.lines if line.place in mistake.statements)
            words = f"{line}: {mistake.words} ({mistake.name})."
            return _finding(line.number, mistake.name, words, f"See {line.section}.")
    return None


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
                words = _swapped(exercise, name, twin[0], call)
                name = twin[0] if {name, twin[0]} in call.run.shared else name
            elif not alike(one, other):
                sizes = sizes_of(exercise, call.guide.arguments)
                words = f"What it returns as {name} is wrong: {shapes(one, other, sizes)}."
            elif isinstance(other, list):
                words = f"What it returns as {name} is wrong, though each line before is right."
            else:
                words = f"What it returns as {name} is wrong: {numbers(one, other, near)}."
            number = next((line.number for line in reversed(exercise.lines) if line.name == name), "")
            return [_finding(number, "", f"({number}) {words}" if number else words)]
    return []


def _exchanged(exercise: Exercise, calls: list[Call]) -> bool:
    """Return whether all results are there, each in its place or in that of another one."""
    near = tolerance(exercise.name)
    return len(exercise.results) > 1 and all(
        any(close(own, right, near) for own in call.run.results)
        for call in calls
        for right in call.guide.reference
    )


def _swapped(exercise: Exercise, name: str, twin: str, call: Call) -> str:
    """Say that one result stands where another belongs, or that the two are one array."""
    if {name, twin} in call.run.shared:
        words = f"{name} and {twin} are one and the same array, so what is done to one is done to the other"
        return f"{words}: where {name} belongs it returns {twin}. Let {twin} begin as a copy."
    return f"Where {name} belongs it returns {twin}: the order is {', '.join(exercise.results)}."
