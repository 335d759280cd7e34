"""A student's function: read from a file or a notebook, and watched while it runs.

After each of its statements that gives a name a value, a call is put in that writes down name and value. The
student writes an ordinary function; its line numbers stay what they are.
"""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import os
import textwrap
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scratch_rnn.exercises.spec import Exercise, comments, exercise, written_name

MOST_EVENTS = 20_000  # of one call; a loop that has gone wild does not fill the memory


@dataclass(frozen=True, eq=False)
class Event:
    """A name that got a value, in which line, and which equations that line's comment names."""

    name: str
    value: Any
    line: int
    numbers: tuple[str, ...]


@dataclass
class Run:
    """What one call of a student's function did."""

    results: Any = None
    events: list[Event] = field(default_factory=list)
    error: str = ""
    error_numbers: tuple[str, ...] = ()
    changed: list[str] = field(default_factory=list)  # arguments that were not left as they were


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

    def run(self, arguments: tuple[Any, ...]) -> Run:
        """Call the function with copies of the arguments and write down what happens."""
        run = Run()
        given = kept(arguments)
        recorder = Recorder(self, run)
        self.function.__globals__["__note__"] = recorder.note
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                run.results = kept(self.function(*given))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a student's code may raise, SystemExit too
            run.error, run.error_numbers = self._told(error)
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

    def _told(self, error: BaseException) -> tuple[str, tuple[str, ...]]:
        """Return one line about an exception, with the last of the student's lines that it went through."""
        words = " ".join(str(error).split())
        text = f"{type(error).__name__}: {words}" if words else type(error).__name__
        frames = [
            (frame, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == self.filename
        ]
        if not frames:
            return text, ()
        frame, line = frames[-1]
        covering = [
            node
            for node in ast.walk(self.tree or ast.Module([], []))
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line)
        ]
        if not covering:
            return f"line {line}: {text}", ()
        names = dict.fromkeys(node.id for node in ast.walk(covering[-1]) if isinstance(node, ast.Name))
        values = {name: frame.f_locals.get(name) for name in names}
        shapes = [f"{name} {value.shape}" for name, value in values.items() if isinstance(value, np.ndarray)]
        there = f" (there: {', '.join(shapes)})" if shapes else ""
        known = [entry.number for entry in self.exercise.lines if entry.name == written_name(covering[-1])]
        return f"line {line}: {text}{there}", self._numbers_of(covering[-1]) or tuple(known[-1:])


class Recorder:
    """Writes down events of one call."""

    def __init__(self, student: Student, run: Run) -> None:
        self.run, self.numbers = run, student.statement_numbers()
        self.last: dict[str, Any] = {}

    def note(self, name: str, value: Any, line: int, always: bool) -> None:
        """Write down a value; with `always` false only where it is not the one written down last."""
        if len(self.run.events) >= MOST_EVENTS or not is_data(value):
            return
        if not always and (name not in self.last or same(self.last[name], value)):
            return
        self.last[name] = kept(value)
        self.run.events.append(Event(name, self.last[name], line, self.numbers.get(line, ())))


class Noting(ast.NodeTransformer):
    """Puts a note after every statement that gives names a value, and after calls, which may change one."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Leave functions inside of the function alone."""
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # type: ignore[assignment]

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Note all names on the left."""
        return [node, *self._notes(node, _names(node.targets), always=True)]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Note the name that was changed."""
        return [node, *self._notes(node, _names([node.target]), always=True)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Note the name, if it got a value."""
        return [node, *self._notes(node, _names([node.target]), always=True)] if node.value else node

    def visit_Expr(self, node: ast.Expr) -> Any:
        """Note what a call may have changed, such as out=dz."""
        found = [part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)]
        return [node, *self._notes(node, found, always=False)] if isinstance(node.value, ast.Call) else node

    def _notes(self, node: ast.stmt, names: list[str], always: bool) -> list[ast.stmt]:
        notes = []
        for name in dict.fromkeys(names):
            value = name if always else f"locals().get({name!r})"  # a name may be that of a comprehension alone
            text = f"__note__({name!r}, {value}, {node.lineno}, {always})"
            notes.append(ast.copy_location(ast.parse(text).body[0], node))
        for note in notes:
            for part in ast.walk(note):
                ast.copy_location(part, node)
        return notes


def students_in(path: str | os.PathLike[str]) -> list[Student]:
    """Return the functions for exercises that a file defines.

    Raises OSError where it cannot be read, ValueError where it is no Python, raises an exception before any
    function is called, or has no function of an exercise's name.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = ast.parse(text, str(path))
        numbers = comments(text)
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}: correct it and check again") from None
    except ValueError as error:  # bytes that are no UTF-8, or zeros in the text
        raise ValueError(f"{path} is not a Python file: {error}") from None
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            with suppress(ValueError):
                found[exercise(node.name).name] = copy.deepcopy(node)
    if not found:
        raise ValueError(
            f"{path} has no function of an exercise: its name has to stay as it was, such as one_unit; "
            "`scratch-rnn exercise` lists them"
        )
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in found:
            _watch(node)
    space = _executed(tree, path)
    return [
        Student(exercise(name), own, space[name], str(path), numbers)
        for name, own in found.items()
        if callable(space.get(name))
    ]


def student_of(function: Callable[..., Any]) -> Student:
    """Return the student's function that somebody has handed over, in a notebook.

    Raises TypeError for what is no function, ValueError for the name of no exercise.
    """
    if not inspect.isfunction(function):
        raise TypeError(f"expected the function of an exercise, found {function!r}: check(one_unit)")
    own = exercise(function.__name__)
    plain = Student(own, None, function, function.__code__.co_filename, {})
    linecache.checkcache(plain.filename)
    try:
        rows, first = inspect.getsourcelines(function)
        text = textwrap.dedent("".join(rows))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError):
        return plain  # a function without a source is judged by its results alone
    if not isinstance(tree, ast.FunctionDef) or function.__closure__:
        return plain
    ast.increment_lineno(tree, first - 1)
    numbers = {line + first - 1: found for line, found in comments(text).items()}
    watched = copy.deepcopy(tree)
    watched.decorator_list = []
    _watch(watched)
    space = dict(function.__globals__)
    module = ast.fix_missing_locations(ast.Module([watched], []))
    exec(compile(module, plain.filename, "exec"), space)
    return Student(own, tree, space[function.__name__], plain.filename, numbers)


def _watch(tree: ast.FunctionDef) -> None:
    """Put notes into a function, in place."""
    body: list[ast.stmt] = []
    for statement in tree.body:
        new = Noting().visit(statement)
        body += new if isinstance(new, list) else [new]
    tree.body = body
    ast.fix_missing_locations(tree)


def _executed(tree: ast.Module, path: Path) -> dict[str, Any]:
    """Run a file, as an import would."""
    space: dict[str, Any] = {"__name__": path.stem, "__file__": str(path), "__note__": lambda *_: None}
    try:
        exec(compile(tree, str(path), "exec"), space)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f", line {frames[-1].lineno}" if frames else ""
        raise ValueError(f"{path}{where}: {type(error).__name__}: {error}") from None
    return space


def _names(targets: list[ast.expr]) -> list[str]:
    """Return the names to which targets give a value: all that stand in them outside of an index."""
    found: list[str] = []
    for target in targets:
        if isinstance(target, ast.Name):
            found.append(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            found += _names(target.elts)
        elif isinstance(target, (ast.Subscript, ast.Starred)):
            found += _names([target.value])
    return found


def _has_ellipsis(statement: ast.stmt) -> bool:
    """Return whether ... stands in a statement, other than in an index such as x[..., 0]."""
    indexes = [part.slice for part in ast.walk(statement) if isinstance(part, ast.Subscript)]
    inside = {id(part) for index in indexes for part in ast.walk(index)}
    return any(
        isinstance(part, ast.Constant) and part.value is ... and id(part) not in inside
        for part in ast.walk(statement)
    )


def is_data(value: Any) -> bool:
    """Return whether a value is a number, an array, or a list or tuple of such."""
    if isinstance(value, (list, tuple)):
        return all(map(is_data, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, (int, float, complex))


def kept(value: Any) -> Any:
    """Return a copy of arrays, and of lists and tuples of them; other things themselves."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(kept(entry) for entry in value) if type(value) in (list, tuple) else value
    return value


def same(a: Any, b: Any) -> bool:
    """Return whether two things are the same numbers, NaN included."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if np.shape(a) != np.shape(b) or np.asarray(a).dtype.kind not in "biufc":
            return a is b
        return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc"))
    return a is b or bool(a == b)
