"""Reading a student's function, from a file or a notebook, so that it can be watched while it runs.

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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from scratch_rnn.exercises.spec import comments, exercise
from scratch_rnn.exercises.student import Student


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
            value = (
                name if always else f"locals().get({name!r})"
            )  # a name may be that of a comprehension alone
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
