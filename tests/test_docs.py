"""The derivation and the code say the same: numbers of equations, bugs, names and links."""

import ast
import inspect
import re
import textwrap

import numpy as np
import pytest
from helpers import ROOT, leads_somewhere, links

from scratch_rnn import GRU, LSTM, SGD, Adagrad, Adam, Nadam, RMSprop, SimpleRNN
from scratch_rnn.autograd import lstm
from scratch_rnn.checks.known_bugs import BUGS

# Every page that people read.
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "benchmarks", "tests")
    for path in (ROOT / folder).glob("*.md")
)
DOCUMENT = (ROOT / "docs" / "bptt.md").read_text(encoding="utf-8")
# Every page whose numbered equations the library computes.
DERIVATIONS = {"bptt.md": DOCUMENT} | {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("optimizers.md", "other_ways.md")
}
EQUATION = re.compile(r"\(([A-Z]\d+)\)")
DEFINED = [number for page in DERIVATIONS.values() for number in re.findall(r"\\tag\{(\w+)\}", page)]
CITED = {
    number
    for path in (ROOT / "scratch_rnn").rglob("*.py")
    for number in EQUATION.findall(path.read_text(encoding="utf-8"))
    if number[0] != "X"  # equations of an exercise alone: its task, not the document, has them
}


def test_no_number_stands_at_two_equations():
    assert len(DEFINED) == len(set(DEFINED))


def test_every_equation_that_the_code_cites_is_in_the_document_and_the_reverse():
    assert set(DEFINED) == CITED


@pytest.mark.parametrize("page", DERIVATIONS)
def test_every_equation_that_the_text_mentions_exists(page):
    prose = re.sub(r"```math.*?```", "", DERIVATIONS[page], flags=re.DOTALL)
    assert set(EQUATION.findall(prose)) <= set(DEFINED)


def signs_of(section):
    """Return the signs, without what stands below or beside them, in the formulas of a section."""
    text = DOCUMENT.partition(f"\n## {section}. ")[2].partition("\n## ")[0]
    formulas = " ".join(re.findall(r"```math\n.*?```|\$[^$]+\$", text, flags=re.DOTALL))
    formulas = re.sub(r"\\(text|tag|operatorname)\{[^}]*\}", " ", formulas)
    return set(re.findall(r"\\[A-Za-z]+|[A-Za-z]", formulas))


OTHER_MEANINGS = [
    (sign, section)
    for signs, sections in re.findall(r"^\| (\$[^|]+\$) \| ([\d, ]+) \|", DOCUMENT, flags=re.MULTILINE)
    for sign in re.findall(r"\\[a-z]+|[A-Za-z]", re.sub(r"_(\{\w+\}|\w)", "", signs))
    for section in sections.split(", ")
]


@pytest.mark.parametrize(("sign", "section"), OTHER_MEANINGS)
def test_a_sign_stands_in_the_section_in_which_it_is_said_to_mean_something_else(sign, section):
    assert sign in signs_of(section)


def test_the_signs_of_a_section_are_those_of_its_formulas_alone():
    assert {"w", "u", "\\delta"} <= signs_of("3")
    assert not {"w", "q", "\\delta"} & signs_of("4")
    assert len(OTHER_MEANINGS) > 30


def computing_lines(method):
    """Return the source lines of a method that compute something: not its head, unpackings and branches."""
    source = textwrap.dedent(inspect.getsource(method))
    lines = source.splitlines()
    statements = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Assign, ast.AugAssign))
    ]
    statements += [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    unpackings = [
        node
        for node in statements
        if isinstance(node, ast.Assign)
        and (
            isinstance(node.targets[0], ast.Tuple)
            or isinstance(node.value, (ast.Attribute, ast.Name, ast.Subscript))
        )
    ]
    return [lines[node.end_lineno - 1] for node in statements if node not in unpackings]


@pytest.mark.parametrize("method", ["step", "step_backward"])
@pytest.mark.parametrize("cell", [SimpleRNN, LSTM, GRU])
def test_every_line_of_a_step_names_the_equation_that_it_computes(cell, method):
    lines = computing_lines(getattr(cell, method))
    assert lines
    assert [line for line in lines if not EQUATION.search(line.partition("#")[2])] == []


@pytest.mark.parametrize("method", [cls._update for cls in (SGD, RMSprop, Adam, Nadam, Adagrad)])
def test_every_line_of_an_update_names_the_equation_that_it_computes(method):
    lines = computing_lines(method)
    assert lines
    assert [line for line in lines if not re.search(r"\(E\d+\)", line.partition("#")[2])] == []


def test_every_line_of_the_forward_pass_that_autograd_differentiates_names_its_equation():
    loop = inspect.getsource(lstm).partition("for t in")[2].splitlines()[1:-1]
    computing = [line for line in loop if not line.lstrip().startswith("z_i, z_f, z_g, z_o =")]  # it splits z
    assert len(computing) == 4
    assert [line for line in computing if not EQUATION.search(line.partition("#")[2])] == []


def names_on_the_left(number):
    """Return what an equation of the document computes, in the code's spelling: dc_prev for dc_{t-1}."""
    equation = re.search(rf"```math\n((?:(?!```).)*?)\\tag\{{{number}\}}", DOCUMENT, flags=re.DOTALL)[1]
    names = set()
    for side in re.findall(
        r"(\w+(?:_\{t-1\}|_\w)?)(?:\^\{\\text\{\w+\}\})? *(?:=|\\leftarrow|\\mathrel\{\+\}=)", equation
    ):
        names.add(re.sub(r"_t$", "", side.replace("_{t-1}", "_prev")))
    return names


def names_written(line):
    """Return what a line of a step writes: {"i", "f"} for out=s.i_and_f, {"dh_prev"} for dh_prev += ..."""
    target = re.search(r"out=s\.(\w+)", line) or re.match(r"\s*(?:s\.)?(\w+) \+?=", line)
    first, *others = target[1].split("_and_")
    prefix = re.match(r"(d?z_)?", first)[0]
    return {first, *(prefix + other for other in others)}


@pytest.mark.parametrize("method", ["step", "step_backward"])
@pytest.mark.parametrize("cell", [SimpleRNN, LSTM, GRU])
def test_every_line_of_a_step_names_what_its_equation_names(cell, method):
    """A gate and its pre-activation share memory; the line has to use the right one of the two names.

    A comment with a colon says that the line computes a part of its equation only.
    """
    compared = 0
    for line in computing_lines(getattr(cell, method)):
        comment = line.partition("#")[2]
        numbers = [number for number in EQUATION.findall(comment) if number[0] != "T"]
        if ":" in comment or not numbers:
            continue
        expected = set().union(*map(names_on_the_left, numbers))
        written = names_written(line)
        if written == {"dz"}:  # of all gates at once
            written = {name for name in expected if name.startswith("dz")}
        assert written <= expected, line
        compared += 1
    assert compared


# A bug of the catalogue: its name, its equation, what it does, perhaps with a link, and its two lines.
ENTRY = re.compile(
    r"^\* `([a-z0-9-]+)`, \((\w+)\): ([^\n]+)\n\n  ```diff\n  - ([^\n]+)\n  \+ ([^\n]+)\n  ```$",
    flags=re.MULTILINE,
)


def test_the_catalogue_in_the_document_is_that_of_the_code():
    entries = [
        (name, equation, wrong, right, "".join(re.findall(r"\]\((https://[^)]+)\)", text)))
        for name, equation, text, wrong, right in ENTRY.findall(DOCUMENT)
    ]
    assert entries == [(bug.name, bug.equation, bug.wrong, bug.right, bug.seen) for bug in BUGS.values()]


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_breaks_an_equation_of_the_section_that_it_names(bug):
    assert leads_somewhere("README.md", bug.section)
    heading = bug.section.partition("#")[2]
    number = heading.partition("-")[0]
    section = DOCUMENT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]
    assert f"\\tag{{{bug.equation}}}" in section
    if bug.equation[0] in "SLG":  # both lines compute what the equation computes
        names = names_on_the_left(bug.equation)
        for line in (bug.wrong, bug.right):
            assert set(re.findall(r"\w+", re.split(r" \+?= ", line)[0])) & names, line


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_the_two_lines_of_a_bug_differ_and_fit_on_a_phone(bug):
    assert bug.wrong != bug.right
    for line in (bug.wrong, bug.right):
        ast.parse(line if not line.startswith("return") else f"def f():\n    {line}")
        assert len(line) <= 45


@pytest.mark.parametrize("name", sorted(set(re.findall(r"--inject ([a-z0-9-]+)", DOCUMENT))))
def test_every_bug_that_the_text_tells_to_inject_exists(name):
    assert name in BUGS


@pytest.mark.parametrize(("page", "target"), [(page, target) for page in PAGES for target in links(page)])
def test_every_link_leads_somewhere(page, target):
    assert leads_somewhere(page, target)


def test_a_link_to_no_file_or_no_heading_leads_nowhere():
    assert leads_somewhere("README.md", "docs/bptt.md#8-vanishing-and-exploding-gradients")
    assert leads_somewhere("README.md", "#speed")
    for target in ("docs/none.md", "docs/bptt.md#speed", "#none", "bptt.md"):
        assert not leads_somewhere("README.md", target)


def run_examples(page):
    """Run the code that a page shows, one example after the other; return the names that it leaves."""
    examples = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert examples
    names: dict = {}
    exec("\n".join(examples), names)
    return names


def test_the_code_that_the_document_shows_runs(capsys):
    names = run_examples(DOCUMENT)
    s = names["s"]
    # What it prints: a gate, the gradient of its pre-activation, and the rows of W, b and U.
    assert (s.f.shape, s.dz_f.shape, s.dmatrix.shape) == ((4, 2), (4, 2), (3 + 1 + 4, 4 * 4))
    assert "(8, 16)\n" in capsys.readouterr().out


def test_section_10_shows_what_its_code_prints(capsys):
    section = DOCUMENT.partition("\n## 10. ")[2].partition("\n## 11. ")[0]
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", section, flags=re.DOTALL)
    assert len(examples) == 2
    names = {"np": np, "LSTM": LSTM}
    for code, shown in examples:
        exec(code, names)
        assert capsys.readouterr().out == shown


def test_the_gradient_in_a_few_lines_is_that_of_bptt_and_checkpoints_change_no_bit(capsys):
    names = run_examples(DERIVATIONS["other_ways.md"])
    rounding, same = capsys.readouterr().out.splitlines()
    assert float(rounding) < 1e-14
    dM, layer = names["dM"].reshape(names["layer"].matrix.shape), names["layer"]
    for found, expected in zip(
        (names["kernel"], names["recurrent_kernel"], names["bias"]), layer._split(dM), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    bits, shorter = same.split()
    assert bits == "True" and float(shorter) > 10
    assert names["values"].shape == (3, 28, 16)
