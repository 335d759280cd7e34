"""Which mistake explains a student's numbers: a catalogued one, or one that a single slip makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations, islice
from typing import Any

import numpy as np

from scratch_rnn.exercises.guided import Guide, Limits, Pairs, Pool, Walk, compiled
from scratch_rnn.exercises.mutations import mutants
from scratch_rnn.exercises.spec import Exercise, Line, Mistake
from scratch_rnn.exercises.spec import exercise as exercise_of
from scratch_rnn.exercises.student import Run
from scratch_rnn.exercises.values import close, kept

SLIPS = 1000  # tried for one line, and as many for those before it, at most
NOT_COMPUTED = "it is not computed"


@dataclass(frozen=True)
class Explanation:
    """A mistake that makes the student's numbers: where, its name if it is catalogued, words, wrong lines."""

    places: tuple[int, ...]
    name: str
    words: str
    wrong: tuple[str, ...]

    def statements(self) -> Iterator[tuple[int, str]]:
        """Yield the wrong lines, each with its place."""
        return zip(self.places, self.wrong, strict=True)


@dataclass
class Call:
    """One call of the student's function beside the solution's guide."""

    guide: Guide
    run: Run
    pairs: Pairs
    pool: Pool

    def walk(self, function: Any, limits: Limits | None = None) -> Walk:
        """Run a solution, or a wrong one, on the student's numbers, as `Guide.walk` does."""
        return self.guide.walk(function, self.pairs, self.pool, limits)


def known_mistake(
    exercise: Exercise, calls: list[Call], wrong: set[int], tolerance: float
) -> tuple[Explanation | None, bool]:
    """Return the catalogued mistake whose results are the student's in all calls, or None; and if it fits.

    It does where it gives the numbers on the way too, as far as they have names: two mistakes together may
    give the results of a third. Those of its own lines it has to give. Of several that fit, the one that
    stands in a line that is known to be wrong.
    """
    found = [
        mistake
        for mistake, planted in _planted(exercise.name)
        if _gives_the_results(planted, calls, tolerance)
        and _leaves_right(exercise, mistake, set(mistake.statements), calls)
    ]
    found.sort(key=lambda mistake: not wrong & set(mistake.statements))
    everywhere = {line.place for line in exercise.lines}
    fitting = [mistake for mistake in found if _leaves_right(exercise, mistake, everywhere, calls)]
    best = next(iter([*fitting, *found]), None)
    return explained_by(best) if best else None, bool(fitting)


def _leaves_right(exercise: Exercise, mistake: Mistake, places: set[int], calls: list[Call]) -> bool:
    """Return whether the student's numbers at some places are those of a mistake."""
    others = {line.place for line in exercise.lines} - places
    tree = exercise.with_statements(mistake.statements)
    return _explains(exercise, tree, 0, set(mistake.statements), calls, [others] * len(calls))


@cache
def _planted(name: str) -> list[tuple[Mistake, Any]]:
    """Return the mistakes of an exercise, each with the wrong function that it makes."""
    own = exercise_of(name)
    return [(mistake, own.function(own.with_statements(mistake.statements))) for mistake in own.mistakes]


def explained_by(mistake: Mistake) -> Explanation:
    """Return a catalogued mistake as an explanation."""
    return Explanation(tuple(mistake.statements), mistake.name, mistake.words, tuple(mistake.texts.values()))


def explain(
    exercise: Exercise,
    tree: ast.FunctionDef,
    line: Line,
    suspects: list[Line],
    calls: list[Call],
    before: list[set[int]],
) -> list[Explanation]:
    """Return what makes a line right, if put in place of it or of one of the suspects; or nothing.

    tree: the solution, perhaps with a mistake already found.  suspects: lines that have no number in the
    student's function.  before: which lines are wrong in each call, as things stand.
    """
    for found, only_if_seen in _candidates(exercise, line, suspects, calls[0].guide):
        statements = {place: ast.parse(text).body[0] for one in found for place, text in one.statements()}
        changed = exercise.with_statements(statements, tree)
        if _explains(exercise, changed, line.place, set(statements), calls, before) and (
            not only_if_seen or _is_seen(exercise, changed, found[0].places[0], calls[0])
        ):
            return found
    return []


def _candidates(
    exercise: Exercise, line: Line, suspects: list[Line], guide: Guide
) -> Iterator[tuple[list[Explanation], bool]]:
    """Yield possible explanations: catalogued ones, a missing line, any slip; then several at once.

    With each, whether it counts only if its number is one that the student has, under whatever name: this
    tells a slip in a line before from one in the line itself.
    """
    known = [
        Explanation((suspect.place,), mistake.name, mistake.words, (mistake.texts[suspect.place],))
        for suspect in [line, *suspects]
        for mistake in exercise.mistakes
        if suspect.place in mistake.texts
    ]
    yield from (([one], False) for one in known)
    yield from (([one], False) for one in _missing(suspects, guide))
    slips = list(islice(_slips([line], guide), SLIPS))
    earlier = list(islice(_slips(suspects, guide), SLIPS))
    yield from (([one], True) for one in sorted(earlier, key=lambda one: one.places))
    yield from (([one], False) for one in [*slips, *earlier])
    if suspects:
        pairs = ([one, other] for one, other in combinations(known, 2) if one.places != other.places)
        several = chain(_several([*known, *slips, *earlier]), pairs)
        yield from ((found, False) for found in islice(several, SLIPS // 2))


def _missing(suspects: list[Line], guide: Guide) -> Iterator[Explanation]:
    """Yield lines that the student may have left out: the name keeps the value it had."""
    for line in suspects:
        if line.number and line.name in guide.names.get(line.place, {}):
            words = f"{NOT_COMPUTED}: {line.name} stays what it was"
            yield Explanation((line.place,), "", words, (f"{line.name} = {line.name}",))


def _is_seen(exercise: Exercise, tree: ast.FunctionDef, place: int, call: Call) -> bool:
    """Return whether what a line gives in a wrong solution is a number of the student's."""
    moments = call.walk(compiled(exercise, tree)).of(place)
    return bool(moments) and all(call.pool.has(moment.rule, call.guide.tolerance) for moment in moments)


def _slips(lines: list[Line], guide: Guide) -> Iterator[Explanation]:
    for line in lines:
        right = ast.parse(line.source).body[0]
        for mutant in mutants(right, guide.names.get(line.place, {})):
            yield Explanation((line.place,), "", mutant.words, (ast.unparse(mutant.statement),))


def _several(found: list[Explanation]) -> Iterator[list[Explanation]]:
    """Yield the same slip in several lines at once."""
    kinds: dict[tuple[str, str], dict[tuple[int, ...], Explanation]] = {}
    for one in found:
        kinds.setdefault((one.name, one.words), {}).setdefault(one.places, one)
    for kind in kinds.values():
        ones = sorted(kind.values(), key=lambda one: one.places)
        for size in range(2, min(len(ones), 4) + 1):
            yield from (list(group) for group in combinations(ones, size))


def _explains(
    exercise: Exercise,
    tree: ast.FunctionDef,
    place: int,
    changed: set[int],
    calls: list[Call],
    before: list[set[int]],
) -> bool:
    """Return whether the line at a place is right in a wrong solution, and no other line is wrong by it."""
    try:
        function = compiled(exercise, tree)
        for call, wrong in zip(calls, before, strict=True):
            call.walk(function, Limits(wrong - {place}, {place} | changed))
        return True
    except Exception:  # Unexpected, or whatever a wrong statement raises
        return False


def _gives_the_results(function: Any, calls: list[Call], tolerance: float) -> bool:
    return all(gives(function, call, call.run.results, tolerance) for call in calls)


def gives(function: Any, call: Call, results: Any, tolerance: float) -> bool:
    """Return whether a function gives these results for the arguments of a call."""
    try:
        with np.errstate(all="ignore"):
            found = function(*kept(call.guide.arguments))
        return close(results, list(found) if isinstance(found, tuple) else [found], tolerance)
    except Exception:  # whatever a wrong statement raises
        return False
