"""What an exercise is: a solution file, read. Blanks, judge and hints are all made of what is read here."""

from __future__ import annotations

import ast
import copy
import io
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "solutions"
ORDER = (
    "one_unit",
    "simple_rnn_step",
    "simple_rnn_step_backward",
    "simple_rnn_loop",
    "cross_entropy",
    "lstm_step_backward",
    "gru_step_backward",
    "gru_reset_before_backward",
    "truncated_loop",
    "clip_by_global_norm",
    "gradient_check",
    "own_cell",
)
NUMBER = re.compile(r"\(([A-Z]\d+)\)")
SECTIONS = {  # of docs/bptt.md, by the letter of an equation; (X5) and its like are an exercise's own
    "U": "section 3",
    "T": "section 3",
    "S": "section 4",
    "L": "section 5",
    "G": "section 6",
    "C": "section 7",
    "V": "section 8",
    "K": "section 9",
    "N": "section 10",
}


@dataclass(frozen=True)
class Line:
    """A statement of a solution that gives a name a value; one without a number is given to the student."""

    number: str
    name: str
    source: str
    place: int  # its line in the solution file

    def __str__(self) -> str:
        """The number and the name, as a verdict has them."""
        return f"({self.number}) {self.name}" if self.number else f"the given line of {self.name}"

    @property
    def section(self) -> str:
        """Where docs/bptt.md speaks of it."""
        known = SECTIONS.get(self.number[:1])
        return f"{known} of docs/bptt.md" if known else ""


@dataclass(frozen=True)
class Mistake:
    """A known mistake: its name, what it is, and the statements that it puts in place of right ones.

    Statements, and their texts, go by the place of the right one.
    """

    name: str
    words: str
    statements: dict[int, ast.stmt]
    texts: dict[int, str]


@dataclass(frozen=True)
class Exercise:
    """An exercise: name, task, the solution as text and as a tree, its lines, hints and mistakes."""

    name: str
    task: str
    source: str
    tree: ast.FunctionDef
    lines: tuple[Line, ...]
    hints: dict[str, tuple[str, str]]
    mistakes: tuple[Mistake, ...]

    @property
    def title(self) -> str:
        """The first line of the task, without its full stop."""
        return self.task.partition("\n")[0].rstrip(".")

    @property
    def numbers(self) -> list[str]:
        """The equations to be found, each once, in their order."""
        return list(dict.fromkeys(line.number for line in self.lines if line.number))

    @cached_property
    def results(self) -> list[str]:
        """The names of what the function returns."""
        value = returned(self.tree)
        return [ast.unparse(entry) for entry in (value.elts if isinstance(value, ast.Tuple) else [value])]

    @property
    def arguments(self) -> list[str]:
        """The names of what the function is given."""
        return [argument.arg for argument in self.tree.args.args]

    def with_statements(
        self, statements: dict[int, ast.stmt], tree: ast.FunctionDef | None = None
    ) -> ast.FunctionDef:
        """Return a tree, that of the solution where none is given, with other statements at some places."""

        def change(old: ast.stmt) -> list[ast.stmt]:
            if old.lineno not in statements:
                return [old]
            new = ast.copy_location(copy.copy(statements[old.lineno]), old)
            if isinstance(new, ast.For) and isinstance(old, ast.For):
                new.body = old.body
            return [new]

        return rebuilt(self.tree if tree is None else tree, change)

    def function(self, tree: ast.FunctionDef | None = None, **names: Any) -> Any:
        """Return the function that a tree, that of the solution where none is given, is the source of."""
        module = ast.Module([self.tree if tree is None else tree], [])
        space: dict[str, Any] = {"np": import_module("numpy"), **names}
        exec(compile(module, f"<{self.name}>", "exec"), space)
        return space[self.name]


def rebuilt(tree: Any, change: Callable[[ast.stmt], list[ast.stmt]]) -> Any:
    """Return a tree in which each statement has become those that `change` makes of it; the old one stays.

    A loop or a branch is changed first, and then what is in it.
    """
    if not hasattr(tree, "body"):
        return tree
    new = copy.copy(tree)
    for block in ("body", "orelse"):
        statements = getattr(tree, block, [])
        setattr(new, block, [rebuilt(part, change) for old in statements for part in change(old)])
    return new


def exercises() -> list[Exercise]:
    """Return all exercises, in the order in which they are best done."""
    return [exercise(name) for name in ORDER]


@cache
def exercise(name: str) -> Exercise:
    """Return the exercise of that name; hyphens may stand for underscores.

    Raises ValueError for a name that no exercise has.
    """
    name = name.replace("-", "_")
    if name not in ORDER:
        raise ValueError(f"no exercise is called {name!r}: use one of {', '.join(ORDER)}")
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    module = ast.parse(text)
    tree = next(node for node in module.body if isinstance(node, ast.FunctionDef))
    source = "\n".join(text.splitlines()[tree.lineno - 1 : tree.end_lineno]) + "\n"
    lines = _lines(tree, comments(text))
    extras = import_module(f"scratch_rnn.exercises.solutions.{name}")
    return Exercise(
        name=name,
        task=ast.get_docstring(module) or "",
        source=source,
        tree=tree,
        lines=lines,
        hints=extras.HINTS,
        mistakes=tuple(_mistake(tree, lines, *entry) for entry in extras.MISTAKES),
    )


def comments(text: str) -> dict[int, list[str]]:
    """Return the numbers of equations in the comments of a Python text, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = {
        token.start[0]: NUMBER.findall(token.string) for token in tokens if token.type == tokenize.COMMENT
    }
    return {line: numbers for line, numbers in found.items() if numbers}


def written_name(statement: ast.AST) -> str | None:
    """Return the one name to which a statement gives a value, or an entry of it: dx for dx[:, t] = ..."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
    else:
        return None
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def returned(tree: ast.FunctionDef) -> ast.expr:
    """Return what a solution returns; its last statement says it."""
    last = tree.body[-1]
    assert isinstance(last, ast.Return) and last.value is not None
    return last.value


def _lines(tree: ast.FunctionDef, numbers: dict[int, list[str]]) -> tuple[Line, ...]:
    found = []
    for node in ast.walk(tree):
        name = written_name(node)
        if name is not None and isinstance(node, ast.stmt):
            number = "".join(numbers.get(node.lineno, []))
            found.append(Line(number, name, ast.unparse(node), node.lineno))
    return tuple(sorted(found, key=lambda line: line.place))


def _mistake(tree: ast.FunctionDef, lines: tuple[Line, ...], name: str, words: str, wrong: str) -> Mistake:
    """Find the right statement that each wrong one stands for: that of the same number and name."""
    statements: dict[int, ast.stmt] = {}
    texts: dict[int, str] = {}
    for text in wrong.splitlines():
        if text.startswith("for "):
            place = next(node for node in ast.walk(tree) if isinstance(node, ast.For)).lineno
            statements[place] = ast.parse(f"{text}\n    pass").body[0]
        else:
            statement = ast.parse(text).body[0]
            key = "".join(NUMBER.findall(text)), written_name(statement)
            (place,) = (line.place for line in lines if (line.number, line.name) == key)
            statements[place] = statement
        texts[place] = text.partition("  #")[0]
    return Mistake(name, words, statements, texts)
