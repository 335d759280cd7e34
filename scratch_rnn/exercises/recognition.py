"""Which mistake explains a student's numbers: a catalogued one, or one that a single slip makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from scratch_rnn.exercises.guided import Guide, Pairs, Pool, Walk, close, compiled
from scratch_rnn.exercises.mutations import mutants
from scratch_rnn.exercises.spec import Exercise, Line, Mistake
from scratch_rnn.exercises.spec import exercise as exercise_of
from scratch_rnn.exercises.student import Run, kept

SLIPS = 4000  # tried for one line, and those before it, at most


@dataclass(frozen=True)
class Explanation:
    """A mistake that makes the student's numbers: where, its name if it is catalogued, words, wrong lines."""

    places: tuple[int, ...]
    name: str
    words: str
    wrong: tuple[str, ...]


@dataclass
class Call:
    """One call of the student's function beside the solution's guide."""

    guide: Guide
    run: Run
    pairs: Pairs
    pool: Pool

    def walk(self, function: Any, may_be_wrong: set[int] | None = None) -> Walk:
        """Run a solution, or a wrong one, on the student's numbers, as `Guide.walk` does."""
        return self.guide.walk(function, self.pairs, self.pool, may_be_wrong)


def known_mistake(
    exercise: Exercise, calls: list[Call], wrong: set[int], tolerance: float
) -> Explanation | None:
    """Return the catalogued mistake whose results are the student's in all calls, or None.

    Of several the one that stands in a line that is known to be wrong.
    """
    found = [
        mistake
        for mistake, planted in _planted(exercise.name)
        if _gives_the_results(planted, calls, tolerance)
    ]
    found.sort(key=lambda mistake: not wrong & set(mistake.statements))
    return explained_by(found[0]) if found else None


@cache
def _planted(name: str) -> list[tuple[Mistake, Any]]:
    """Return the mistakes of an exercise, each with the wrong function that it makes."""
    own = exercise_of(name)
    return [(mistake, own.function(own.with_statements(mistake.statements))) for mistake in own.mistakes]


def explained_by(mistake: Mistake) -> Explanation:
    """Return a catalogued mistake as an explanation."""
    wrong = tuple(ast.unparse(statement).partition("\n")[0] for statement in mistake.statements.values())
    return Explanation(tuple(mistake.statements), mistake.name, mistake.words, wrong)


def explain(
    exercise: Exercise,
    tree: ast.FunctionDef,
    line: Line,
    suspects: list[Line],
    calls: list[Call],
    before: list[set[int]],
) -> Explanation | None:
    """Return what makes a line right, if put in place of it or of one of the suspects; or None.

    tree: the solution, perhaps with a mistake already found.  suspects: lines before it that have no number
    in the student's function.  before: which lines are wrong in each call, as things stand.
    """
    for places, name, words, statements in _candidates(exercise, line, suspects, calls[0].guide):
        changed = exercise.with_statements(statements, tree)
        if _explains(exercise, changed, line.place, calls, before):
            texts = tuple(ast.unparse(statement) for statement in statements.values())
            return Explanation(places, name, words, texts)
    return None


def _candidates(
    exercise: Exercise, line: Line, suspects: list[Line], guide: Guide
) -> Iterator[tuple[tuple[int, ...], str, str, dict[int, ast.stmt]]]:
    """Yield places, name, words and statements of mistakes: all catalogued ones first."""
    for suspect in [line, *suspects]:
        for mistake in exercise.mistakes:
            if suspect.place in mistake.statements:
                statements = {suspect.place: mistake.statements[suspect.place]}
                yield (suspect.place,), mistake.name, mistake.words, statements
    for suspect in suspects:
        if not suspect.number:
            continue
        name = suspect.name
        if name in guide.names.get(suspect.place, {}):
            yield (suspect.place,), "", f"it is not computed, {name} stays what it was", {suspect.place: _nothing(name)}
    tried = 0
    for suspect in [line, *suspects]:
        right = ast.parse(suspect.source).body[0]
        for mutant in mutants(right, guide.names.get(suspect.place, {})):
            tried += 1
            if tried > SLIPS:
                return
            yield (suspect.place,), "", mutant.words, {suspect.place: mutant.statement}


def _nothing(name: str) -> ast.stmt:
    return ast.parse(f"{name} = {name}").body[0]


def _explains(
    exercise: Exercise, tree: ast.FunctionDef, place: int, calls: list[Call], before: list[set[int]]
) -> bool:
    """Return whether the line at a place is right in a wrong solution, and no other line is wrong by it."""
    try:
        function = compiled(exercise, tree)
        for call, wrong in zip(calls, before, strict=True):
            call.walk(function, may_be_wrong=wrong - {place})
        return True
    except Exception:  # Unexpected, or whatever a wrong statement raises
        return False


def _gives_the_results(function: Any, calls: list[Call], tolerance: float) -> bool:
    try:
        for call in calls:
            with np.errstate(all="ignore"):
                results = function(*kept(call.guide.arguments))
            expected = list(results) if isinstance(results, tuple) else [results]
            if not close(call.run.results, expected, tolerance):
                return False
    except Exception:
        return False
    return True
