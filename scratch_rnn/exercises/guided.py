"""The solution, run on a student's numbers.

Each statement of the solution computes from what the student has computed before it. So a line is right where it
follows from the student's own earlier numbers, wrong or not, and a mistake is blamed where it was made.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratch_rnn.exercises.spec import Exercise, Line, rebuilt, written_name
from scratch_rnn.exercises.student import Event, kept


Pairs = dict[tuple[int, int], list[Event]]  # by a line's place and how often it was computed before


@dataclass(frozen=True)
class Moment:
    """A line of the solution at one of the times it is computed: what it gives, and what the student has."""

    place: int
    rule: Any
    own: Any  # None where the student has no such name
    right: bool
    time: Any  # t of a loop, where there is one


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


def _showing(name: str, node: ast.stmt) -> ast.stmt:
    statement = ast.parse(f"{name} = __seen__({node.lineno}, {name!r}, {name}, locals())").body[0]
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
        self.names: dict[int, dict[str, Any]] = {}  # what names there are at a line, and their values
        plain = self._run(compiled(exercise, exercise.tree), {})
        self.reference = plain.results
        self.counts = Counter(moment.place for moment in plain.moments)
        self.order = [moment.place for moment in plain.moments]

    def walk(self, function: Any, pairs: Pairs, pool: Pool, limits: Limits | None = None) -> Walk:
        """Return what happens where the paired events take the place of the solution's own values.

        A number that the student has elsewhere, in the pool, is as right as under its own name. With limits
        it raises Unexpected as soon as a line is wrong that they do not allow to be.
        """
        return self._run(function, pairs, pool, limits)

    def _run(
        self, function: Any, pairs: Pairs, pool: Pool | None = None, limits: Limits | None = None
    ) -> Walk:
        walk, counts = Walk(), Counter[int]()

        def seen(place: int, name: str, value: Any, names: dict[str, Any]) -> Any:
            self.names.setdefault(place, dict(names))
            elsewhere = None if limits and place in limits.by_name else pool
            own, right = self._matched(value, pairs.get((place, counts[place]), []), elsewhere)
            if not right and limits and place not in limits.wrong:
                raise Unexpected
            counts[place] += 1
            walk.moments.append(Moment(place, kept(value), own, right, names.get("t")))
            return kept(own) if own is not None and alike(own, value) else value

        function.__globals__["__seen__"] = seen
        with np.errstate(all="ignore"):
            results = function(*kept(self.arguments))
        walk.results = list(results) if isinstance(results, tuple) else [results]
        return walk

    def _matched(self, value: Any, events: list[Event], pool: Pool | None) -> tuple[Any, bool]:
        """Return the student's number among several that may be meant, and whether it is right."""
        for event in events:
            for own in _views(event.value):
                if close(own, value, self.tolerance):
                    return own, True
        if events and pool and pool.has(value, self.tolerance):
            return value, True
        return (events[-1].value, False) if events else (None, True)


class Unexpected(Exception):
    """A line is wrong that should be right."""


class Pool:
    """All arrays that a student's function has given a name, to look one up by its numbers."""

    def __init__(self, events: list[Event]) -> None:
        by_shape: dict[tuple[int, ...], list[np.ndarray]] = {}
        for event in events:
            value = event.value
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.any():
                by_shape.setdefault(value.shape, []).append(value)
        self.stacks = {shape: np.stack(values) for shape, values in by_shape.items() if shape}

    def has(self, value: Any, tolerance: float) -> bool:
        """Return whether an array is among them."""
        stack = self.stacks.get(np.shape(value)) if isinstance(value, np.ndarray) else None
        if stack is None or not value.any():
            return False
        with np.errstate(all="ignore"):
            near = abs(stack - value) <= tolerance * np.maximum(abs(value), 1)
        return bool(near.reshape(len(stack), -1).all(axis=1).any())


def compiled(exercise: Exercise, tree: ast.FunctionDef) -> Any:
    """Return the function of a tree, which shows what it computes."""

    def shown(statement: ast.stmt) -> list[ast.stmt]:
        name = written_name(statement)
        return [statement] if name is None else [statement, _showing(name, statement)]

    return exercise.function(rebuilt(tree, shown), __seen__=None)


def best_pairs(guide: Guide, events: list[Event], pool: Pool, whole: bool = True) -> Pairs:
    """Return which of a student's events may belong to which line of the solution, at which of its times.

    By name and, where a name is written in several lines, by the number in the comment or by their order: as
    leaves the fewest lines wrong. `whole` is false where the student's function has not come to its end.
    """
    exercise, counts, pairs = guide.exercise, guide.counts, Pairs()
    function = compiled(exercise, exercise.tree)
    computed = [line for line in exercise.lines if counts[line.place]]
    open_names = []
    for name in dict.fromkeys(line.name for line in computed):
        lines = [line for line in computed if line.name == name]
        own = _own_events(exercise, lines, counts, events)
        if not own:
            continue
        if not whole:
            pairs |= {moment: [event] for moment, event in zip(_order(lines, guide.order), own, strict=False)}
            continue
        ways = [_by_number(lines, counts, own), _by_order(lines, guide.order, own)]
        ways = [way for k, way in enumerate(ways) if way and way not in ways[:k]]
        pairs |= ways[0]
        if len(ways) > 1:
            open_names.append(ways)
    for ways in open_names:
        without = {moment: found for moment, found in pairs.items() if all(moment not in way for way in ways)}
        choices = [without | way for way in ways]
        pairs = min(choices, key=lambda choice: len(guide.walk(function, choice, pool).wrong()))
    return pairs


def _own_events(
    exercise: Exercise, lines: list[Line], counts: Counter[int], events: list[Event]
) -> list[Event]:
    """Return the events of a name; where the student has another name for it, by the number beside it."""
    name = lines[0].name
    own = [event for event in events if event.name == name]
    if own:
        return own
    known = {line.name for line in exercise.lines} | set(exercise.arguments)
    spelled = _plain(name)
    own = [event for event in events if event.name not in known and _plain(event.name) == spelled]
    if own:
        return own
    for line in lines:
        shared = [other for other in exercise.lines if other.number == line.number and other.name != name]
        tagged = [event for event in events if line.number in event.numbers and event.name not in known]
        if line.number and not shared and tagged and len({event.name for event in tagged}) == 1:
            return tagged
    return []


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _by_number(lines: list[Line], counts: Counter[int], own: list[Event]) -> Pairs:
    """Pair events with lines of their number, if all of a name's events bear one; a line may have none.

    Lines without a number belong to one another in their order.
    """
    last = {line.number: line.place for line in lines if line.number}
    plain = [line.place for line in lines if not line.number]
    rows = sorted({event.line for event in own if not event.numbers})
    if len(rows) > len(plain):
        return {}
    given = dict(zip(rows, plain, strict=False))
    groups: dict[int, list[Event]] = {line.place: [] for line in lines}
    for event in own:
        known = [last[number] for number in event.numbers if number in last]
        if not known and event.numbers:
            return {}
        groups[known[-1] if known else given[event.line]].append(event)
    if any(len(group) % counts[place] for place, group in groups.items()):
        return {}
    pairs = {}
    for place, group in groups.items():
        share = len(group) // counts[place]
        for time in range(counts[place] if share else 0):
            pairs[place, time] = group[time * share : (time + 1) * share]
    return pairs


def _by_order(lines: list[Line], order: list[int], own: list[Event]) -> Pairs:
    """Pair events with the solution's moments of a name in their order, or the last ones of each."""
    moments = _order(lines, order)
    if len(own) % len(moments) == 0:
        share = len(own) // len(moments)
        return {moment: own[k * share : (k + 1) * share] for k, moment in enumerate(moments)}
    if len(moments) % len(own) == 0:
        share = len(moments) // len(own)
        return {moments[(k + 1) * share - 1]: [event] for k, event in enumerate(own)}
    return {moments[-1]: own[-1:]}


def _order(lines: list[Line], order: list[int]) -> list[tuple[int, int]]:
    """Return the moments of a name's lines as they come in time."""
    places, counts = {line.place for line in lines}, Counter[int]()
    moments = []
    for place in order:
        if place in places:
            moments.append((place, counts[place]))
            counts[place] += 1
    return moments


def _views(value: Any) -> list[Any]:
    """Return a value, and transposed too: somebody may have a column for each sample."""
    return [value, value.T] if isinstance(value, np.ndarray) and value.ndim == 2 else [value]


def alike(a: Any, b: Any) -> bool:
    """Return whether two values have the same shape, or lists the same shapes."""
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        both = isinstance(a, (list, tuple)) and isinstance(b, (list, tuple))
        return both and len(a) == len(b) and all(map(alike, a, b))
    return np.shape(a) == np.shape(b)


def close(a: Any, b: Any, tolerance: float) -> bool:
    """Return whether two values agree entry by entry; what is not finite in one is not finite in the other."""
    if not alike(a, b):
        return False
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return all(close(one, other, tolerance) for one, other in zip(a, b, strict=True))
    return bool(np.all(agreeing(a, b, tolerance)))


def agreeing(a: Any, b: Any, tolerance: float) -> np.ndarray:
    """Return for each entry whether a agrees with b."""
    try:
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype.kind == "b" or b.dtype.kind == "b":
            return np.asarray(a == b)
        if a.dtype == np.float32 and b.dtype != np.float32:
            return np.zeros(b.shape, bool)
        with np.errstate(all="ignore"):
            near = abs(a - b) <= tolerance * np.maximum(abs(b), 1)
        return np.where(np.isfinite(b), near, ~np.isfinite(a))
    except TypeError:  # things that are no numbers
        return np.zeros(np.shape(b), bool)
