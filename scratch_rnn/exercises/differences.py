"""How a student's number differs from the right one, in words."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from scratch_rnn.exercises.guided import Moment
from scratch_rnn.exercises.spec import Exercise
from scratch_rnn.exercises.values import agreeing, alike, close

Sizes = dict[int, str]  # the names of sizes
SHAPES = re.compile(r"((?:\w+, )*\w+) \(([^()]*)\)")  # of one or more names, in a docstring: dz (B, 4H)


def sizes_of(exercise: Exercise, arguments: tuple[Any, ...]) -> Sizes:
    """Return which size is called what, by the shapes that the docstring tells of the arguments."""
    given = dict(zip(exercise.arguments, arguments, strict=True))
    sizes: Sizes = {}
    for names, shape in SHAPES.findall(ast.get_docstring(exercise.tree) or ""):
        letters = [letter.strip() for letter in shape.split(",") if letter.strip()]
        for name in names.split(", "):
            array = given.get(name)
            if isinstance(array, np.ndarray) and array.ndim == len(letters):
                for size, letter in zip(array.shape, letters, strict=True):
                    sizes.setdefault(size, letter)
    return sizes


def shaped(shape: tuple[int, ...], sizes: Sizes) -> str:
    """Return a shape, by the names of its sizes and in numbers."""
    letters = [sizes.get(size, "") for size in shape]
    plain = str(tuple(int(size) for size in shape))
    return f"{_tuple(letters)} = {plain}" if all(letters) else plain


def _tuple(words: list[str]) -> str:
    return f"({words[0]},)" if len(words) == 1 else f"({', '.join(words)})"


def compared_at(moment: Moment, name: str, tolerance: float, sizes: Sizes) -> str:
    """Say how a student's number differs from that of the rule; of an array being filled, in what is new."""
    own, rule = moment.own, moment.rule
    if not alike(own, rule):
        return shapes(own, rule, sizes)
    if isinstance(rule, (list, tuple)):
        wrong = [pair for pair in zip(own, rule, strict=True) if not close(*pair, tolerance)]
        agree = f"{len(rule) - len(wrong)} of {len(rule)} arrays agree"
        return f"{agree}; in the first other one {numbers(*wrong[0], tolerance)}"
    if _only_in(moment.part, own, rule, tolerance):
        return f"in {name}{_index(moment.part)} {numbers(own[moment.part], rule[moment.part], tolerance)}"
    return numbers(own, rule, tolerance)


def _only_in(part: Any, own: Any, rule: Any, tolerance: float) -> bool:
    """Return whether an array is wrong in one part alone; others may not be filled yet."""
    if part is ... or not isinstance(rule, np.ndarray) or not isinstance(own, np.ndarray):
        return False
    agree = agreeing(own, rule, tolerance)
    agree[part] = True
    return bool(agree.all())


def _index(part: Any) -> str:
    """Return an index as it is written: [:, 3]."""
    entries = part if isinstance(part, tuple) else (part,)
    return f"[{', '.join(':' if entry == slice(None) else str(entry) for entry in entries)}]"


def shapes(own: Any, rule: Any, sizes: Sizes) -> str:
    """Say which shape a value has and which it should have."""
    return f"it is {_kind(own, sizes)} and should be {_kind(rule, sizes)}"


def _kind(value: Any, sizes: Sizes) -> str:
    if value is None:
        return "None"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"of shape {shaped(value.shape, sizes)}"
    is_number = isinstance(value, (np.ndarray, np.generic, int, float))
    return "one number" if is_number else f"a {type(value).__name__}"


def numbers(own: Any, rule: Any, tolerance: float) -> str:
    """Say how many entries agree, where the worst is, and both numbers there."""
    agree = agreeing(own, rule, tolerance)
    own, rule = np.asarray(own), np.asarray(rule)
    if own.dtype == np.float32:
        return "it is float32 and should be float64"
    if not rule.ndim:
        return f"yours is {_number(own)}, right is {_number(rule)}"
    with np.errstate(all="ignore"):
        size = np.where(agree, -1.0, np.nan_to_num(abs(own.astype(float) - rule), nan=np.inf))
    worst = tuple(int(place) for place in np.unravel_index(np.argmax(size), size.shape))
    return (
        f"{int(agree.sum())} of {agree.size} entries agree; at {list(worst)} yours is {_number(own[worst])}, "
        f"right is {_number(rule[worst])}"
    )


def _number(value: Any) -> str:
    value = np.asarray(value)[()]
    return str(bool(value)) if np.asarray(value).dtype.kind == "b" else f"{value:.6g}"
