"""The file that a student is given: the solution with its right-hand sides left out."""

from __future__ import annotations

import ast
import re

from scratch_rnn.exercises.spec import SECTIONS, Exercise, Line


def blank_file(exercise: Exercise) -> str:
    """Return the text of the file: the task, and the function with `...` where a line is to be found."""
    how = f"Fill in what stands as ... and then run: scratch-rnn exercise check {exercise.name}.py"
    number, what = exercise.numbers[0], "Arguments are to be left as they are."
    if number[0] in SECTIONS:
        what = f"Numbers such as ({number}) are equations of docs/bptt.md. {what}"
    note = f"{what}\n{how}"
    return f'"""{exercise.task}\n\n{note}\n"""\n\nimport numpy as np\n\n\n{blank_function(exercise)}'


def blank_function(exercise: Exercise) -> str:
    """Return the text of the function alone."""
    rows = exercise.source.splitlines()
    first = exercise.tree.lineno
    for line in exercise.lines:
        if line.number:
            rows[line.place - first] = _blank(rows[line.place - first], line)
    return "\n".join(rows) + "\n"


def solution_file(exercise: Exercise) -> str:
    """Return the text of a file with the solution in it."""
    return f'"""{exercise.title}."""\n\nimport numpy as np\n\n\n{exercise.source}'


def _blank(row: str, line: Line) -> str:
    """Leave out what stands between the first = and the comment."""
    statement = ast.parse(line.source).body[0]
    augmented = isinstance(statement, ast.AugAssign)
    head = re.match(r"\s*[^=]*?\s\+=" if augmented else r"\s*[^=]*?\s=", row)
    assert head is not None
    return f"{head[0]} ...  # ({line.number})"
