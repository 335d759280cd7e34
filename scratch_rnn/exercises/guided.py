"""The solution, run on a student's numbers.

Each statement of the solution computes from what the student has computed before it. So a line is right where
it follows from the student's own earlier numbers, wrong or not, and a mistake is blamed where it was made.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from scratch_rnn.exercises.spec import Exercise, rebuilt, written_name
from scratch_rnn.exercises.student import Event
from scratch_rnn.exercises.values import alike, close, kept

Pairs = dict[tuple[int, int], list[Event]]  # by a line's place and how often it was computed before


@dataclass(frozen=True)
class Moment:
    """A line of the solution at one of the times it is computed: what it gives, and what the student has."""

    place: int
    rule: Any
    own: Any  # None where the student has no such name
    right: bool
    time: Any  # t of a loop, where there is one
    part: Any = ...  # the index of the entries that the line writes, such as that of dz[:, t]


@dataclass
class Walk:
    """All moments of one guided run, and what it returned."""

    moments: list[Moment] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    def of(self, place: int) -> list[Moment]:
        """Return the moments of one line."""
        return [moment for moment in self.moments if moment.place == place]

    def wrong(self) -> list[int]:
        """Return the places of lines whose numbers do not follow from those before, first ones first."""
        return sorted({moment.place for moment in self.moments if not moment.right})

    def absent(self) -> list[int]:
        """Return the places of lines of which the student's function has no number."""
        places = {moment.place for moment in self.moments}
        return sorted(place for place in places if all(moment.own is None for moment in self.of(place)))


@lru_cache(maxsize=256)  # a judge compiles thousands of functions that differ in one statement
def _showing(name: str, node: ast.stmt) -> ast.stmt:
    target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]  # type: ignore[attr-defined]
    index = "..."
    if isinstance(target, ast.Subscript):
        index = ast.unparse(ast.Subscript(ast.parse("np.s_", mode="eval").body, target.slice, ast.Load()))
    text = f"{name} = __seen__({node.lineno}, {name!r}, {name}, locals(), {index})"
    statement = ast.parse(text).body[0]
    for part in ast.walk(statement):
        ast.copy_location(part, node)
    return statement


@dataclass(frozen=True)
class Limits:
    """Which lines may be wrong, and which have to have their number under their own name."""

    wrong: set[int]
    by_name: set[int]


class Guide:
    """Runs the solution of an exercise, or a wrong one, on the numbers of a student's call."""

    def __init__(self, exercise: Exercise, arguments: tuple[Any, ...], tolerance: float) -> None:
        self.exercise, self.arguments, self.tolerance = exercise, arguments, tolerance
        self.line_names = {line.name for line in exercise.lines}
        self.names: dict[int, dict[str, Any]] = {}  # what names there are at a line, and their values
        self.last: dict[str, tuple[int, int]] = {}  # when a name gets its last value: place and time
        plain = self._run(compiled(exercise, exercise.tree), {})
        self.reference = plain.results
        self.counts = Counter(moment.place for moment in plain.moments)
        self.order = [moment.place for moment in plain.moments]
        names = {line.place: line.name for line in exercise.lines}
        self.shapes = {
            (names[moment.place], np.shape(moment.rule))
            for moment in plain.moments
            if not isinstance(moment.rule, (list, tuple))
        }
        self.last = {names[place]: (place, self.counts[place] - 1) for place in self.order}
        self.conditional = {
            node.lineno
            for branch in ast.walk(exercise.tree)
            if isinstance(branch, ast.If)
            for node in branch.body
        }

    def walk(self, function: Any, pairs: Pairs, pool: Pool, limits: Limits | None = None) -> Walk:
        """Return what happens where the paired events take the place of the solution's own values.

        A number that the student has elsewhere, in the pool, is as right as under its own name, unless that
        is the name of another line. With limits it raises Unexpected as soon as a line is wrong that they do
        not allow to be.
        """
        return self._run(function, pairs, pool, limits)

    def _run(
        self, function: Any, pairs: Pairs, pool: Pool | None = None, limits: Limits | None = None
    ) -> Walk:
        walk, counts = Walk(), Counter[int]()

        def seen(place: int, name: str, value: Any, names: dict[str, Any], part: Any) -> Any:
            self.names.setdefault(place, dict(names))
            events, elsewhere = pairs.get((place, counts[place]), []), pool
            if limits and place in limits.by_name:  # what it began with does not count
                events, elsewhere = events[-1:], None
            if self._is_result(place, name, counts[place]):  # a number elsewhere, or a transpose, is not it
                own, right = self._matched(value, events, None, _as_it_is)
            else:
                own, right = self._matched(value, events, elsewhere, _views)
            if not right and limits and place not in limits.wrong:
                raise Unexpected
            counts[place] += 1
            walk.moments.append(Moment(place, kept(value), own, right, names.get("t"), part))
            return kept(own) if own is not None and alike(own, value) else value

        function.__globals__["__seen__"] = seen
        with np.errstate(all="ignore"):
            results = function(*kept(self.arguments))
        walk.results = list(results) if isinstance(results, tuple) else [results]
        return walk

    def has_shape(self, name: str, value: Any) -> bool:
        """Return whether a value is of a shape that the solution's name has, or of a name that it lacks."""
        return (
            name not in dict(self.shapes)
            or isinstance(value, (list, tuple))
            or (name, np.shape(value)) in self.shapes
        )

    def _is_result(self, place: int, name: str, time: int) -> bool:
        """Return whether this is the last time that a name which is returned gets a value."""
        known = self.last.get(name)
        return known == (place, time) and name in self.exercise.results

    def _matched(
        self, value: Any, events: list[Event], pool: Pool | None, views: Callable[[Any], list[Any]]
    ) -> tuple[Any, bool]:
        """Return the student's number among several that may be meant, and whether it is right."""
        for event in events:
            for own in views(event.value):
                if close(own, value, self.tolerance):
                    return own, True
        if events and pool and pool.has(value, self.tolerance, self.line_names - {events[0].name}):
            return value, True
        return (events[-1].value, False) if events else (None, True)


class Unexpected(Exception):
    """A line is wrong that should be right."""


class Pool:
    """All arrays that a student's function has given a name, alone or in a list, to look one up."""

    def __init__(self, events: list[Event]) -> None:
        by_shape: dict[tuple[int, ...], list[tuple[str, np.ndarray]]] = {}
        for event in events:
            for value in event.value if isinstance(event.value, (list, tuple)) else [event.value]:
                if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim and value.any():
                    by_shape.setdefault(value.shape, []).append((event.name, value))
        self.names = {shape: [name for name, _ in found] for shape, found in by_shape.items()}
        self.stacks = {shape: np.stack([value for _, value in found]) for shape, found in by_shape.items()}

    def has(self, value: Any, tolerance: float, without: Set[str] = frozenset()) -> bool:
        """Return whether an array is among them, under a name that is none of those."""
        stack = self.stacks.get(np.shape(value)) if isinstance(value, np.ndarray) else None
        if stack is None or not value.any():
            return False
        with np.errstate(all="ignore"):
            near = abs(stack - value) <= tolerance * np.maximum(abs(value), 1)
        found = near.reshape(len(stack), -1).all(axis=1)
        return any(self.names[value.shape][k] not in without for k in np.flatnonzero(found))


def compiled(exercise: Exercise, tree: ast.FunctionDef) -> Any:
    """Return the function of a tree, which shows what it computes."""

    def shown(statement: ast.stmt) -> list[ast.stmt]:
        name = written_name(statement)
        return [statement] if name is None else [statement, _showing(name, statement)]

    return exercise.function(rebuilt(tree, shown), __seen__=None)


def _as_it_is(value: Any) -> list[Any]:
    return [value]


def _views(value: Any) -> list[Any]:
    """Return a value, and transposed too: somebody may have a column for each sample."""
    return [value, value.T] if isinstance(value, np.ndarray) and value.ndim == 2 else [value]
