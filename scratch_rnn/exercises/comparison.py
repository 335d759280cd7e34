"""The numbers of a student's calls beside those of the solution, line by line."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import numpy as np

from scratch_rnn.exercises.blame import Blame, one_for_each_mistake
from scratch_rnn.exercises.data import tolerance
from scratch_rnn.exercises.differences import sizes_of
from scratch_rnn.exercises.guided import Moment, Walk, compiled
from scratch_rnn.exercises.recognition import Call, Explanation, explain, explained_by, known_mistake
from scratch_rnn.exercises.spec import Exercise, Line
from scratch_rnn.exercises.values import agreeing, alike, close
from scratch_rnn.exercises.verdict import Finding


def _numbers(lines: Iterable[Line]) -> tuple[str, ...]:
    """Return the equations of lines, each once."""
    return tuple(dict.fromkeys(line.number for line in lines if line.number))


def _read(line: Line) -> set[str]:
    """Return the names in a line."""
    return {node.id for node in ast.walk(ast.parse(line.source)) if isinstance(node, ast.Name)}


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
        """Return what is wrong, in the order of the lines, and which equations are right.

        A catalogued mistake that gives all results, but not all numbers on the way, is believed only where
        not each of those that are wrong has an explanation of its own.
        """
        known, fits = None, False
        if self.whole:
            known, fits = known_mistake(self.exercise, self.calls, set(self._places()), self.near)
        blames = [] if fits else self._line_by_line()
        if known and not (blames and all(blame.whys for blame in blames)):
            return [self._known(known, fits)], []
        told = one_for_each_mistake(self._with_exchanges(blames))
        return [self._finding(blame) for blame in told], self._right_ones()

    def holds_without(self, name: str) -> bool:
        """Return whether all that is computed from a name is right, though the name has no numbers here."""
        statuses, names, readers = self._statuses(), {name}, set()
        for line in self.exercise.lines:
            if (_read(line) - {line.name}) & names:
                if statuses[line.place] == "absent":
                    names.add(line.name)
                else:
                    readers.add(line.place)
        return bool(readers) and all(statuses[place] == "right" for place in readers)

    def _finding(self, blame: Blame) -> Finding:
        """Return a blame in words."""
        lines = tuple(str(line) for line in blame.lines)
        mistake = blame.whys[0].name if blame.whys else ""
        guide = self.calls[0].guide
        sentences = blame.sentences(self.near, sizes_of(self.exercise, guide.arguments))
        return Finding(blame.numbers, mistake, sentences, lines)

    def _line_by_line(self) -> list[Blame]:
        """Return each wrong line, or the line without a name that makes it wrong, in their order."""
        found: list[tuple[int, Blame]] = []
        blamed: set[int] = set()
        while places := [place for place in self._places() if place not in blamed]:
            place = places[0]
            reasons = self._explained(place, blamed)
            if not reasons or reasons[0].places == (place,):
                if reasons or not self._reads_misshapen(place, blamed):
                    found.append((place, self._blame(place, reasons[0] if reasons else None)))
                blamed.add(place)
                continue
            for why in reasons:  # made in lines that have no number of their own
                self._put_in(why)
                blamed |= set(why.places)
            for why in reasons:
                found.append((why.places[0], self._blame(why.places[0], why)))
        return [blame for _, blame in sorted(found, key=lambda pair: pair[0])]

    def _known(self, known: Explanation, fits: bool) -> Finding:
        """Return what is to be said of a catalogued mistake that gives the student's very results.

        Where it does not fit the numbers on the way, nothing is said of them.
        """
        shown = [self.lines[place] for place in known.places if place in self.lines]
        if not shown:
            words = f"Your numbers are those of `{known.wrong[0]}`: {known.words} ({known.name})."
            return Finding((), known.name, (words,))
        if not fits:
            return self._finding(Blame(tuple(shown), _numbers(shown), None, whys=(known,)))
        moment = self._first_wrong(shown[0].place)
        exchanged = len(shown) > 1 and self._exchanged(shown[0].place, shown[1].place)
        self._put_in(known)
        blame = self._blame(shown[0].place, known, moment)
        if len(shown) > 1:
            blame = replace(blame, lines=tuple(shown), numbers=_numbers(shown), exchanged=exchanged)
        return self._finding(blame)

    def _with_exchanges(self, blames: list[Blame]) -> list[Blame]:
        """Return the blames, with two in one where each of two lines has the other's value."""
        found = list(blames)
        numbered = [blame for blame in blames if blame.lines[0].number]
        for one, other in combinations(numbered, 2):
            if one in found and other in found and self._exchanged(one.lines[0].place, other.lines[0].place):
                both = replace(one, numbers=_numbers(one.lines), nameless=(), exchanged=True)
                found[found.index(one)] = both.merged(other)
                found.remove(other)
        return found

    def _exchanged(self, one: int, other: int) -> bool:
        """Return whether each of two lines has the value that belongs to the other."""
        pairs = [pair for walk in self.walks for pair in zip(walk.of(one), walk.of(other), strict=False)]
        return bool(pairs) and all(
            not a.right and close(a.own, b.rule, self.near) and close(b.own, a.rule, self.near)
            for a, b in pairs
        )

    def _put_in(self, why: Explanation) -> None:
        """Go on with a mistake in the solution: what follows from it is not wrong once more."""
        statements = {
            place: ast.parse(text).body[0] for place, text in why.statements() if place in self.lines
        }
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

    def _blame(self, place: int, why: Explanation | None, moment: Moment | None = None) -> Blame:
        line = self.lines[place]
        moment = moment or self._first_wrong(place)
        before = self._before(line, self._statuses())
        if line.number or moment is None:
            nameless = () if why else self._nameless(line)
            numbers = _numbers((*nameless, line))
        else:
            why, nameless = why or self._reaches_it_alone(place), ()
            numbers = self._makers(line, moment)
            if why and why.places[0] in self.lines:
                numbers = _numbers(self.lines[other] for other in why.places)
        return Blame((line,), numbers, moment, before, (why,) if why else (), nameless)

    def _reads_misshapen(self, place: int, blamed: set[int]) -> bool:
        """Return whether a line is computed from a number of the wrong shape, so that it cannot be judged."""
        first = {other: self._first_wrong(other) for other in blamed}
        wrong = {other for other, moment in first.items() if moment and not alike(moment.own, moment.rule)}
        return bool(_read(self.lines[place]) & {self.lines[other].name for other in wrong})

    def _nameless(self, line: Line) -> tuple[Line, ...]:
        """Return the lines that a line is computed from and whose numbers the student does not show."""
        read = _read(line) - {line.name}
        absent = [self.lines[place] for place in self._absent() if place < line.place]
        return tuple(
            other
            for other in absent
            if other.number and other.name in read and not self._is_shown(other.place)
        )

    def _is_shown(self, place: int) -> bool:
        """Return whether the student has the numbers of a line, under whatever name."""
        return all(
            call.pool.has(moment.rule, self.near)
            for call, walk in zip(self.calls, self.walks, strict=True)
            for moment in walk.of(place)
        )

    def _reaches_it_alone(self, place: int) -> Explanation | None:
        """Return a catalogued mistake that makes the numbers of a line, if not of all that use the same."""
        absent = set(self._absent())
        for mistake in self.exercise.mistakes:
            if set(mistake.statements) <= absent:
                function = compiled(
                    self.exercise, self.exercise.with_statements(mistake.statements, self.tree)
                )
                if all(place not in call.walk(function).wrong() for call in self.calls):
                    return explained_by(mistake)
        return None

    def _makers(self, line: Line, moment: Moment) -> tuple[str, ...]:
        """Return the equations that a given line's numbers are made of, without those whose part is right."""
        read = _read(line)
        made = [other for other in self.exercise.lines if other.number and other.name in read - {line.name}]
        made = [other for other in made if other.place < line.place]
        wrong = [other for other in made if not self._part_is_right(line, other.name, moment)]
        own = [other for other in self.exercise.lines if other.number and other.name == line.name]
        return tuple(dict.fromkeys(other.number for other in wrong or made or own))

    def _part_is_right(self, line: Line, name: str, moment: Moment) -> bool:
        """Return whether all entries agree that come from one of the names in a given line."""
        names = self.calls[0].guide.names[line.place]
        if not (isinstance(names.get(name), np.ndarray) and alike(moment.own, moment.rule)):
            return False
        value = ast.parse(line.source).body[0].value  # type: ignore[attr-defined]
        space = names | {name: np.full_like(names[name], np.nan), "np": np}
        entries = np.isnan(eval(ast.unparse(value), space))
        if entries.shape != np.shape(moment.rule):
            return False
        return bool(agreeing(moment.own, moment.rule, self.near)[entries].all())

    def _before(self, line: Line, statuses: dict[int, str]) -> str:
        """Say how it stands with the equations before a line."""
        earlier = [other for other in self.exercise.lines if other.number and other.place < line.place]
        wrong = [str(other) for other in earlier if statuses[other.place] == "wrong"]
        if wrong:
            more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            verb = "are" if len(wrong) > 1 else "is"
            which = f"{', '.join(wrong[:3])}{more} {verb} wrong"
            return f"; it is judged by your own numbers before it, of which {which}"
        if not earlier:
            return ""
        if any(statuses[other.place] == "absent" for other in earlier):
            return "; every equation before it that has a name in your code is right"
        return "; every equation before it is right"
