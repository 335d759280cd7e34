"""The numbers of a student's calls beside those of the solution, line by line."""

from __future__ import annotations

import ast

import numpy as np

from scratch_rnn.exercises.data import tolerance
from scratch_rnn.exercises.guided import Moment, Walk, compiled
from scratch_rnn.exercises.recognition import Call, Explanation, explain, explained_by, known_mistake
from scratch_rnn.exercises.spec import Exercise, Line
from scratch_rnn.exercises.values import agreeing, alike
from scratch_rnn.exercises.verdict import Finding, wrong_line


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

    def _finding(self, place: int, why: Explanation | None, moment: Moment | None = None) -> Finding:
        line = self.lines[place]
        moment = moment or self._first_wrong(place)
        before = self._before(line, self._statuses())
        if line.number or moment is None:
            return wrong_line(line, (line.number,), moment, before, why, self.near)
        why = why or self._reaches_it_alone(place)
        numbers = self._makers(line, moment)
        if why and why.places[0] in self.lines:
            numbers = tuple(dict.fromkeys(self.lines[other].number for other in why.places)) or numbers
        return wrong_line(line, numbers, moment, before, why, self.near)

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
        read = {node.id for node in ast.walk(ast.parse(line.source)) if isinstance(node, ast.Name)}
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
