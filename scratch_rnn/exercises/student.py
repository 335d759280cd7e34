"""A student's function, and what happens while it runs."""

from __future__ import annotations

import ast
import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from scratch_rnn.exercises.spec import Exercise, written_name
from scratch_rnn.exercises.values import is_data, kept, same

MOST_EVENTS = 20_000  # of one call; a loop that has gone wild does not fill the memory


@dataclass(frozen=True, eq=False)
class Event:
    """A name that got a value, in which line, and which equations that line's comment names."""

    name: str
    value: Any
    line: int
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """An exception, and the student's line it came from: its equations and name, and the arrays in it."""

    words: str
    line: int = 0
    numbers: tuple[str, ...] = ()
    name: str = ""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def of_shapes(self) -> bool:
        """Whether arrays that do not fit together are the cause."""
        return bool(self.shapes) and re.search("shape|dimension|broadcast", self.words) is not None


@dataclass
class Run:
    """What one call of a student's function did."""

    results: Any = None
    events: list[Event] = field(default_factory=list)
    failure: Failure | None = None
    changed: list[str] = field(default_factory=list)  # arguments that were not left as they were
    changing: dict[str, str] = field(default_factory=dict)  # the equation in whose line that happened first
    shared: list[set[str]] = field(default_factory=list)  # names of two results that are one array


@dataclass
class Student:
    """A student's function for an exercise, and the lines in it that are still blank."""

    exercise: Exercise
    tree: ast.FunctionDef | None
    function: Callable[..., Any]
    filename: str
    numbers: dict[int, list[str]]

    @property
    def blanks(self) -> list[str]:
        """What is still blank, as '(L9) df', in the order of the file."""
        if self.tree is None:
            return []
        found = []
        for statement in ast.walk(self.tree):
            if (
                isinstance(statement, ast.stmt)
                and not hasattr(statement, "body")
                and _has_ellipsis(statement)
            ):
                name = written_name(statement) or ""
                number = "".join(f"({number}) " for number in self._numbers_of(statement))
                found.append((statement.lineno, f"{number}{name}".strip() or f"line {statement.lineno}"))
        return [text for _, text in sorted(found)]

    @property
    def filled(self) -> set[str]:
        """The names whose arrays are filled part by part, though the solution computes each at once."""
        return _filled(self.tree) - _filled(self.exercise.tree) if self.tree else set()

    def run(self, arguments: tuple[Any, ...]) -> Run:
        """Call the function with copies of the arguments and write down what happens."""
        run = Run()
        given = kept(arguments)
        recorder = Recorder(self, run, dict(zip(self.exercise.arguments, given, strict=False)))
        self.function.__globals__["__note__"] = recorder.note
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                results = self.function(*given)
                run.shared = _shared(self.exercise.results, results)
                run.results = kept(results)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a student's code may raise, SystemExit too
            run.failure = self._failure(error)
        names = self.exercise.arguments
        run.changed = [
            name
            for name, before, after in zip(names, arguments, given, strict=False)
            if not same(before, after)
        ]
        return run

    def _numbers_of(self, statement: ast.stmt) -> tuple[str, ...]:
        """Return the numbers in the comments beside a statement."""
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        if hasattr(statement, "body"):
            lines = range(statement.lineno, statement.lineno + 1)
        return tuple(number for line in lines for number in self.numbers.get(line, []))

    def statement_numbers(self) -> dict[int, tuple[str, ...]]:
        """Return the numbers beside each statement, by its first line."""
        if self.tree is None:
            return {}
        return {
            node.lineno: self._numbers_of(node) for node in ast.walk(self.tree) if isinstance(node, ast.stmt)
        }

    def _failure(self, error: BaseException) -> Failure:
        """Return what is known of an exception, from the last of the student's lines that it went through."""
        words = " ".join(str(error).split()).rstrip(".")
        text = f"{type(error).__name__}: {words}" if words else type(error).__name__
        frames = [
            (frame, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == self.filename
        ]
        if not frames:
            return Failure(text)
        frame, line = frames[-1]
        covering = [
            node
            for node in ast.walk(self.tree or ast.Module([], []))
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line)
        ]
        if not covering:
            return Failure(text, line)
        names = dict.fromkeys(node.id for node in ast.walk(covering[-1]) if isinstance(node, ast.Name))
        values = {name: frame.f_locals.get(name) for name in names}
        shapes = {name: value.shape for name, value in values.items() if isinstance(value, np.ndarray)}
        name = written_name(covering[-1]) or ""
        known = [entry.number for entry in self.exercise.lines if entry.name == name]
        return Failure(text, line, self._numbers_of(covering[-1]) or tuple(known[-1:]), name, shapes)


class Recorder:
    """Writes down events of one call."""

    def __init__(self, student: Student, run: Run, given: dict[str, Any]) -> None:
        self.run, self.numbers = run, student.statement_numbers()
        self.equations = {line.name: line.number for line in student.exercise.lines if line.number}
        self.given, self.before = given, {name: kept(value) for name, value in given.items()}
        self.last: dict[str, Any] = {}

    def note(self, name: str, value: Any, line: int, always: bool) -> None:
        """Write down a value; with `always` false only where it is not the one written down last."""
        if len(self.run.events) >= MOST_EVENTS or not is_data(value):
            return
        if not always and (name not in self.last or same(self.last[name], value)):
            return
        self._watch(name, line)
        self.last[name] = kept(value)
        self.run.events.append(Event(name, self.last[name], line, self.numbers.get(line, ())))

    def _watch(self, name: str, line: int) -> None:
        """Write down which argument a line has changed, and the equation it belongs to, if it has one."""
        for argument, value in self.given.items():
            if argument not in self.run.changing and not same(value, self.before[argument]):
                own = self.numbers.get(line) or (self.equations.get(name, ""),)
                self.run.changing[argument] = own[-1]


def _shared(names: list[str], results: Any) -> list[set[str]]:
    """Return which two of several results are arrays with the same memory."""
    if not isinstance(results, (list, tuple)) or len(results) != len(names):
        return []
    both = zip(names, results, strict=True)
    arrays = [(name, value) for name, value in both if isinstance(value, np.ndarray)]
    pairs = combinations(arrays, 2)
    return [{one, other} for (one, a), (other, b) in pairs if np.shares_memory(a, b)]


def _filled(tree: ast.FunctionDef) -> set[str]:
    """Return the names to whose entries a loop gives values."""
    loops = [node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While))]
    entries = [
        node
        for loop in loops
        for node in ast.walk(loop)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    ]
    return {entry.value.id for entry in entries if isinstance(entry.value, ast.Name)}


def _has_ellipsis(statement: ast.stmt) -> bool:
    """Return whether ... stands in a statement, other than in an index such as x[..., 0]."""
    indexes = [part.slice for part in ast.walk(statement) if isinstance(part, ast.Subscript)]
    inside = {id(part) for index in indexes for part in ast.walk(index)}
    return any(
        isinstance(part, ast.Constant) and part.value is ... and id(part) not in inside
        for part in ast.walk(statement)
    )
