"""Wrong statements made of a right one, each by one step, with words for what is wrong.

The usual slips: a name for another of the same shape, a factor or a summand left out, a sign, a transpose, x
for 1 - x, an activation for its derivative, an index off by one, a mean for a sum, = for +=.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_rnn.exercises.spec import written_name

Expressions = Iterator[tuple[str, str]]  # what stands in place of an expression, and words


@dataclass(frozen=True)
class Mutant:
    """A wrong statement, and what is wrong with it."""

    statement: ast.stmt
    words: str


def mutants(statement: ast.stmt, names: dict[str, Any]) -> Iterator[Mutant]:
    """Yield wrong variants of a statement that gives a name a value.

    names: what there is where it stands, with values; their shapes tell which may be mistaken for which.
    """
    yield from _other_statements(statement)
    name = written_name(statement)
    if name in names:
        nothing = ast.parse(f"{name} = {name}").body[0]
        yield Mutant(nothing, f"this is not computed: {name} stays what it was before")
    if not isinstance(statement, (ast.Assign, ast.AugAssign)):
        return
    value = statement.value
    for node in _parts(value):
        for text, words in _other_expressions(node, names):
            yield Mutant(_with(statement, node, text), words)
    for text, words in _whole(ast.unparse(value), names):
        yield Mutant(_with(statement, value, text), words)


def _with(statement: ast.stmt, node: ast.expr, text: str) -> ast.stmt:
    """Return a copy of a statement with other text in place of one of its expressions."""
    new = ast.parse(text, mode="eval").body
    return copy.deepcopy(statement, {id(node): new})


def _parts(value: ast.expr) -> list[ast.expr]:
    """Return the expressions in an expression, without the names of functions."""
    called = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    own = {id(comp.target) for node in ast.walk(value) for comp in getattr(node, "generators", [])}
    return [
        node
        for node in ast.walk(value)
        if isinstance(node, ast.expr)
        and id(node) not in called | own
        and not (isinstance(node, ast.Name) and node.id == "np")
    ]


def _other_statements(statement: ast.stmt) -> Iterator[Mutant]:
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        plain = ast.Assign([_stored(statement.target)], statement.value, lineno=statement.lineno)
        yield Mutant(plain, "= stands where += belongs: what was there before is lost")
        minus = copy.deepcopy(statement)
        minus.op = ast.Sub()
        yield Mutant(minus, "-= stands where += belongs")
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, (ast.Name, ast.Subscript)):
            more = ast.AugAssign(_stored(target), ast.Add(), statement.value, lineno=statement.lineno)
            yield Mutant(more, "+= stands where = belongs: what was there before is added")


def _stored(target: Any) -> Any:
    return copy.deepcopy(target)


def _other_expressions(node: ast.expr, names: dict[str, Any]) -> Expressions:
    text = ast.unparse(node)
    if isinstance(node, ast.Name):
        yield from _other_names(node.id, names)
    elif isinstance(node, ast.BinOp):
        yield from _other_sums_and_products(node)
    elif isinstance(node, ast.Subscript):
        yield from _other_indexes(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield ast.unparse(node.value), f"{ast.unparse(node.value)} stands where its transpose belongs"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield ast.unparse(node.operand), "the minus is missing"
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.Compare):
        yield from _other_comparisons(node)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield ast.unparse(value), f"a condition is missing: {ast.unparse(value)} alone is asked for"
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield from ((other, f"{other} stands where {text} belongs") for other in _other_numbers(node.value))


def _other_names(name: str, names: dict[str, Any]) -> Expressions:
    shape = np.shape(names[name]) if name in names and _is_number(names[name]) else None
    if shape is None:
        return
    for other, value in names.items():
        if other != name and _is_number(value) and np.shape(value) == shape:
            yield other, f"{other} stands where {name} belongs"
    for other in _changed(name):
        yield f"({other})", f"{other} stands where {name} belongs"
    if len(shape) == 2:
        yield f"{name}.T", f"the transpose of {name} stands where {name} itself belongs"
    if shape:
        for other, value in names.items():
            if other != name and isinstance(value, np.ndarray) and value.shape == shape:
                yield f"({name} * {other})", f"the factor {other} is too much"
                yield f"({name} * (1 - {other}))", f"the factor 1 - {other} is too much"


def _changed(name: str) -> list[str]:
    return [
        f"np.tanh({name})",
        f"1 / (1 + np.exp(-{name}))",
        f"1 - {name}",
        f"1 - {name}**2",
        f"1 - np.tanh({name})**2",
        f"{name} * (1 - {name})",
        f"{name}**2",
        f"-{name}",
        f"abs({name})",
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, int, float)) and not isinstance(value, bool)


def _other_sums_and_products(node: ast.BinOp) -> Expressions:
    left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
    a, b = left[1:-1], right[1:-1]
    op = node.op
    if isinstance(op, (ast.Add, ast.Sub)):
        yield left, f"{b} is missing"
        yield right if isinstance(op, ast.Add) else f"(-{right})", f"{a} is missing"
        yield (
            (f"({left} - {right})", f"- stands where + belongs, before {b}")
            if isinstance(op, ast.Add)
            else (f"({left} + {right})", f"+ stands where - belongs, before {b}")
        )
        yield (
            f"({right} - {left})",
            "the sign is wrong" if isinstance(op, ast.Sub) else f"the sign of {a} is wrong",
        )
        if isinstance(op, ast.Sub):
            yield right, f"{b} stands where {a} - {b} belongs"
    if isinstance(op, ast.Mult):
        yield left, f"the factor {b} is missing"
        yield right, f"the factor {a} is missing"
        yield f"({left} / {right})", f"divided by {b}, where it should be multiplied"
        yield f"({left} + {right})", f"+ stands where * belongs, before {b}"
    if isinstance(op, ast.Div):
        yield left, f"the division by {b} is missing"
        yield f"({left} * {right})", f"multiplied by {b}, where it should be divided"
        yield f"({right} / {left})", "the fraction is upside down"
    if isinstance(op, ast.MatMult):
        yield f"({right} @ {left})", "the two matrices stand in the wrong order"
        yield f"({left} @ {right}).T", "this is the transpose of what it should be"
        yield f"({left} * {right})", "* stands where @ belongs"
        yield f"({left}.T @ {right}.T)", "both matrices are transposed"
    if isinstance(op, ast.Pow):
        yield left, f"the square of {a} is missing"
        yield f"{left} ** 3", f"the cube of {a} stands where its square belongs"
        yield f"2 * {left}", f"2 {a} stands where the square of {a} belongs"
    yield from _other_derivatives(node, a, b)


def _other_derivatives(node: ast.BinOp, a: str, b: str) -> Expressions:
    """The derivatives of tanh and sigmoid, one for the other: 1 - y² and y (1 - y)."""
    one = isinstance(node.left, ast.Constant) and node.left.value == 1
    if one and isinstance(node.op, ast.Sub) and isinstance(node.right, ast.BinOp):
        y = ast.unparse(node.right.left)
        yield f"({y} * (1 - {y}))", f"y (1 - y) stands where 1 - y² belongs, y being {y}"
        yield (
            f"(1 - np.tanh({y})**2)",
            f"the tanh of {y} stands where {y} belongs: the derivative of an output",
        )
        yield f"(1 + {b})", "the sign of the derivative is wrong: 1 - y²"
        yield f"{y}", f"{y} stands where its derivative belongs"
        yield f"(1 - {y})**2", "(1 - y)² stands where 1 - y² belongs"
        yield f"(1 - np.tanh({y}))", "the square in the derivative of tanh is missing"
    if isinstance(node.op, ast.Mult) and b.startswith("1 - ") and a.endswith(b[4:]):
        rest, y = a.removesuffix(b[4:]).rstrip(" *") or "1", b[4:]
        yield f"{rest} * (1 - {y}**2)", f"1 - y² stands where y (1 - y) belongs, y being {y}"
        yield f"{rest}", f"the derivative, {y} * (1 - {y}), is missing"
        yield f"{rest} * {y} * (1 - {y}**2)", f"y (1 - y²) stands where y (1 - y) belongs, y being {y}"
        s = f"(1 / (1 + np.exp(-{y})))"
        yield (
            f"{rest} * {s} * (1 - {s})",
            f"the sigmoid of {y} stands where {y} belongs: the derivative of an output",
        )
        yield f"{rest} * {y} * (1 + {y})", "the sign in the derivative is wrong: y (1 - y)"


def _other_indexes(node: ast.Subscript) -> Expressions:
    for part in ast.walk(node.slice):
        if isinstance(part, (ast.Name, ast.BinOp)) or (
            isinstance(part, ast.Constant) and isinstance(part.value, int)
        ):
            for step in ("+ 1", "- 1"):
                new = ast.parse(f"{ast.unparse(part)} {step}", mode="eval").body
                other = ast.unparse(copy.deepcopy(node, {id(part): new}))
                yield other, f"{other} stands where {ast.unparse(node)} belongs"


def _other_calls(node: ast.Call) -> Expressions:
    text, function = ast.unparse(node), ast.unparse(node.func)
    if (len(node.args) == 1 and function.startswith("np.")) or function in ("abs", "bool"):
        argument = ast.unparse(node.args[0])
        yield f"({argument})", f"{function} is missing"
        yield f"{function}({text})", f"{function} is taken twice"
    pairs = [("sum", "mean"), ("max", "min"), ("maximum", "minimum"), ("min", "max"), ("minimum", "maximum"),
             ("max", "mean"), ("sum", "max"), ("max", "sum")]  # fmt: skip
    head, dot, last = function.rpartition(".")
    rest = text[len(function) :]
    for right, wrong in pairs:
        if last == right:
            yield f"{head}{dot}{wrong}{rest}", f"{wrong} stands where {right} belongs"
    for keyword in node.keywords:
        if keyword.arg == "axis":
            for other in ("axis=0", "axis=1"):
                changed = text.replace(f"axis={ast.unparse(keyword.value)}", other)
                if changed != text:
                    yield changed, f"{other} stands where axis={ast.unparse(keyword.value)} belongs"
            yield f"{head}{dot}{last}()", "the axis is missing: everything is added up"
    if isinstance(node.func, ast.Name) and len(node.args) == 2:
        for k in (0, 1):
            yield f"({ast.unparse(node.args[k])})", f"{ast.unparse(node.args[1 - k])} is missing"


def _other_comparisons(node: ast.Compare) -> Expressions:
    left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
    for sign in ("<", "<=", ">", ">=", "==", "!="):
        yield f"{left} {sign} {right}", f"{left} {sign} {right} is asked for in place of {ast.unparse(node)}"
        for step in ("+ 1", "- 1"):
            yield f"{left} {sign} {right} {step}", f"{left} {sign} {right} {step} is asked for"


def _other_numbers(value: float) -> list[str]:
    others = [0, 1, 2] if isinstance(value, int) else []
    return [str(other) for other in others if other != value] + [f"(-{value})", f"{2 * value}"]


def _whole(text: str, names: dict[str, Any]) -> Expressions:
    """The whole expression times something, plus something, or in float32."""
    for size, meaning in _sizes(names):
        yield f"({text}) / {size}", f"too small by the factor {meaning}: the division by {size} is too much"
        yield f"({text}) * {size}", f"too large by the factor {meaning}"
    yield f"-({text})", "the sign is wrong"
    yield f"0 * ({text})", "it is zero"
    yield f"np.asarray({text}, np.float32)", "float32 inside a float64 computation (float32-buffers)"
    for other, value in names.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield f"({text}) + {other}", f"{other} is added, which is too much"
            yield f"({text}) - {other}", f"{other} is subtracted, which is too much"
            yield f"({text}) * {other}", f"the factor {other} is too much"
            yield f"({text}) * (1 - {other})", f"the factor 1 - {other} is too much"
            yield f"({text}) * (1 - {other}**2)", f"the factor 1 - {other}² is too much"
            yield f"({text}) * {other} * (1 - {other})", f"the factor {other} (1 - {other}) is too much"
            yield other, f"{other} alone stands there"
            if value.ndim == 2:
                yield f"{other}.T", f"the transpose of {other} alone stands there"


def _sizes(names: dict[str, Any]) -> list[tuple[str, str]]:
    """Return numbers by which somebody may divide: 2, and each size, as code and as words."""
    sizes = [("2", "2")]
    for name, value in names.items():
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            sizes.append((name, name))
    for name, value in names.items():
        if isinstance(value, np.ndarray):
            for axis in range(value.ndim):
                sizes.append((f"{name}.shape[{axis}]", f"{name}.shape[{axis}]"))
    known: dict[Any, tuple[str, str]] = {}
    for code, words in sizes:
        known.setdefault(eval(code, {}, names), (code, words))
    return list(known.values())
