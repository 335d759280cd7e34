"""The exercises: solutions, blanks, and what the judge says of right and of wrong functions."""

import inspect
import re

import numpy as np
import pytest
from exercise_answers import RIGHT, WRONG
from helpers import ROOT

from scratch_rnn.checks.known_bugs import BUGS
from scratch_rnn.checks.numeric import TOLERANCES
from scratch_rnn.exercises import check, check_file, exercise, exercises
from scratch_rnn.exercises.blanks import blank_file, solution_file
from scratch_rnn.exercises.data import cases
from scratch_rnn.exercises.spec import ORDER, SECTIONS

DOCUMENT = (ROOT / "docs" / "bptt.md").read_text(encoding="utf-8")

# Of the bugs that gradcheck can inject, those that are of a layer's memory or options, not of an equation.
OF_MEMORY = {"accumulator-not-reset", "upstream-gradient-overwritten", "tape-overwritten", "float32-buffers"}


@pytest.fixture
def verdict_on(tmp_path):
    """What writes a function into a file and has it judged."""

    def judge(text):
        file = tmp_path / "answer.py"
        file.write_text(text if "import numpy" in text else f"import numpy as np\n{text}", encoding="utf-8")
        (verdict,) = check_file(file)
        return verdict

    return judge


def with_mistake(own, mistake):
    """Return the text of a solution with wrong lines in place of right ones, comments and all."""
    rows = own.source.splitlines()
    for place, text in mistake.texts.items():
        row = rows[place - own.tree.lineno]
        indent, comment = row[: len(row) - len(row.lstrip())], "".join(row.partition("  #")[1:])
        rows[place - own.tree.lineno] = indent + text + comment
    return "\n".join(rows) + "\n"


def with_changes(name, changes):
    """Return the text of a solution with wrong parts in place of right ones."""
    text = exercise(name).source
    for right, wrong in changes.items():
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    return text


def numbers(verdict):
    return [number for finding in verdict.findings for number in finding.numbers]


def wrong_lines(verdict):
    return [line for finding in verdict.findings for line in finding.lines]


# Solutions and blanks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDER)
def test_a_solution_is_right(name, verdict_on):
    verdict = verdict_on(solution_file(exercise(name)))
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", ORDER)
def test_a_blank_is_unfinished_and_each_of_its_equations_is_named(name, verdict_on):
    verdict = verdict_on(blank_file(exercise(name)))
    assert not verdict.passed
    assert not verdict.findings, verdict
    assert {blank[1:].partition(")")[0] for blank in verdict.blanks} == set(exercise(name).numbers)


@pytest.mark.parametrize("name", ORDER)
def test_a_blank_gives_no_line_away_that_is_to_be_found(name):
    own = exercise(name)
    text = blank_file(own)
    for line in own.lines:
        assert (line.source in text) == (not line.number), line


@pytest.mark.parametrize("name", ORDER)
def test_a_blank_with_the_lines_of_the_solution_is_right(name, verdict_on):
    own = exercise(name)
    rows = blank_file(own).splitlines()
    blanks = [k for k, row in enumerate(rows) if " ...  # (" in row]
    lines = [line for line in own.lines if line.number]
    assert len(blanks) == len(lines)
    for k, line in zip(blanks, lines, strict=True):
        indent = rows[k][: len(rows[k]) - len(rows[k].lstrip())]
        rows[k] = f"{indent}{line.source}"
    assert verdict_on("\n".join(rows)).passed


@pytest.mark.parametrize("name", ORDER)
def test_every_equation_has_two_hints_and_no_hint_is_without_one(name):
    assert set(exercise(name).hints) == set(exercise(name).numbers)


@pytest.mark.parametrize("letter", SECTIONS)
def test_an_equation_stands_in_the_section_that_the_judge_names(letter):
    number = SECTIONS[letter].removeprefix("section ")
    section = DOCUMENT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]
    cited = {n for own in exercises() for n in own.numbers if n[0] == letter}
    assert cited
    assert all(f"\\tag{{{n}}}" in section for n in cited)


def test_the_solution_of_the_own_cell_agrees_with_the_complex_step():
    """Forward as its task says; dh is the projection."""
    own = exercise("own_cell")
    dh, h_prev, f, g, U_f, U_g = cases("own_cell")[0]
    before_f = np.log(f / (1 - f)) - h_prev @ U_f  # what else entered the sigmoid, and the tanh
    before_g = np.arctanh(g) - (f * h_prev) @ U_g

    def loss(h):
        gate = 1 / (1 + np.exp(-(before_f + h @ U_f)))
        return (dh * ((1 - gate) * h + gate * np.tanh(before_g + (gate * h) @ U_g))).sum()

    numeric = np.zeros_like(h_prev)
    for index in np.ndindex(h_prev.shape):
        moved = h_prev.astype(complex)
        moved[index] += 1e-200j
        numeric[index] = loss(moved).imag / 1e-200
    np.testing.assert_allclose(own.function()(dh, h_prev, f, g, U_f, U_g)[0], numeric, rtol=1e-12)


# Mistakes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDER)
def test_every_catalogued_mistake_is_recognised_by_its_name_and_its_equation(name, verdict_on):
    own = exercise(name)
    for mistake in own.mistakes:
        verdict = verdict_on(with_mistake(own, mistake))
        (finding,) = verdict.findings
        expected = {line.number for line in own.lines if line.place in mistake.texts}
        assert finding.mistake == mistake.name, verdict
        assert not expected or finding.number in expected, verdict


def test_every_bug_that_gradcheck_knows_is_a_mistake_of_some_exercise():
    known = {mistake.name for own in exercises() for mistake in own.mistakes}
    assert set(BUGS) - known == OF_MEMORY


@pytest.mark.parametrize("title", RIGHT)
def test_a_right_function_is_right_however_it_is_written(title, verdict_on):
    verdict = verdict_on(RIGHT[title])
    assert verdict.passed, verdict


@pytest.mark.parametrize("title", [title for title, *_ in WRONG])
def test_a_wrong_function_is_blamed_where_it_is_wrong_and_nowhere_else(title, verdict_on):
    text, expected = next((text, expected) for name, text, expected in WRONG if name == title)
    verdict = verdict_on(text)
    assert verdict.findings
    assert sorted(set(numbers(verdict))) == expected, verdict


LOOP = exercise("simple_rnn_loop").source


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("dh = dy[:, t] + dh_carried", "dh = dy[:, t]; dh += dh_carried", "upstream-gradient-overwritten"),
        ("dh_0 = dh_carried", "dh_0 = dh_carried; h *= 0.5", "tape-overwritten"),
        ("dW = np.zeros_like(W)", "dW = KEPT.setdefault(W.shape, np.zeros_like(W))", "accumulator-not-reset"),
    ],
)  # fmt: skip
def test_mistakes_of_memory_are_recognised(right, wrong, name, verdict_on):
    assert right in LOOP
    verdict = verdict_on("KEPT = {}\n" + LOOP.replace(right, wrong))
    assert [finding.mistake for finding in verdict.findings] == [name]


def test_float32_is_told(verdict_on):
    text = LOOP.replace("dz = dh * (1 - h[:, t + 1] ** 2)", "dz = np.float32(dh * (1 - h[:, t + 1] ** 2))")
    (finding,) = verdict_on(text).findings
    assert finding.number == "S2"
    assert "float32-buffers" in str(finding)


def test_two_mistakes_are_both_blamed_and_what_follows_from_them_is_not(verdict_on):
    text = exercise("lstm_step_backward").source
    text = text.replace("df = dc * c_prev", "df = dc * c").replace("dz_o = do * o * (1 - o)", "dz_o = do * o")
    first, second = verdict_on(text).findings
    assert (first.number, first.mistake) == ("L9", "cell-state-off-by-one")
    assert (second.number, second.mistake) == ("L13", "activation-for-its-derivative")
    assert "every equation before it is right" in str(first)


def test_a_wrong_line_is_told_with_the_entries_and_both_numbers(verdict_on):
    text = exercise("lstm_step_backward").source
    finding = str(verdict_on(text.replace("df = dc * c_prev", "df = dc * c")).findings[0])
    assert finding.startswith("(L9) df is wrong: 0 of 15 entries agree; at [2, 1] yours is ")
    assert "c_t stands where c_{t-1} belongs (cell-state-off-by-one)" in finding
    assert "section 5 of docs/bptt.md" in finding
    assert "c_prev" not in finding


def test_what_is_done_of_an_unfinished_file_is_judged(verdict_on):
    text = blank_file(exercise("lstm_step_backward"))
    text = text.replace("do = ...", "do = dh * np.tanh(c)")
    verdict = verdict_on(text)
    assert verdict.right == ["(L7)"]
    assert not verdict.findings
    wrong = verdict_on(text.replace("np.tanh(c)", "c"))
    assert [finding.number for finding in wrong.findings] == ["L7"]
    assert "(L8) dc" in wrong.blanks


def test_an_exception_is_one_line_that_names_the_students_line_and_the_shapes_there(verdict_on):
    text = exercise("lstm_step_backward").source.replace("dz @ U.T", "dz @ U")
    (finding,) = verdict_on(text).findings
    line = 2 + text.splitlines().index("    dh_prev = dz @ U  # (L15)")  # below the import
    assert finding.number == "L15"
    first, shapes, last = finding.sentences
    assert first == f"(L15) fails, line {line}: the shapes do not fit."
    assert (
        shapes
        == "There dz is (B, 4H) = (3, 20), U is (H, 4H) = (5, 20); expected for dh_prev: (B, H) = (3, 5)."
    )
    assert last.startswith("In NumPy's words: ValueError")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("", "It returns nothing; expected 3 results: dh_prev, dc_prev, dz."),
        ("return dh_prev", "It returns a ndarray; expected 3 results"),
        ("return dh_prev, dc_prev", "It returns 2; expected 3 results"),
        ("return dc_prev, dh_prev, dz", "Where dh_prev belongs it returns dc_prev"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_wrong_results_are_told(last, words, verdict_on):
    text = exercise("lstm_step_backward").source.replace("return dh_prev, dc_prev, dz", last or "pass")
    assert words in str(verdict_on(text))


def test_large_logits_that_overflow_are_told(verdict_on):
    text = exercise("cross_entropy").source.replace(" - logits.max(axis=1, keepdims=True)", "")
    (finding,) = verdict_on(text).findings
    assert finding.mistake == "not-shifted"
    assert "overflow" in str(finding)


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("logits.max(axis=1, keepdims=True)", "np.max(logits)", "shifted-by-one-number"),
        (
            "loss = -(one_hot * log_p)",
            "p = np.exp(log_p); loss = -(one_hot * np.log(p + 1e-10))",
            "logarithm-kept-from-zero",
        ),
    ],
)
def test_what_is_wrong_for_extreme_logits_alone_is_told(right, wrong, name, verdict_on):
    text = exercise("cross_entropy").source
    assert right in text
    (finding,) = verdict_on(text.replace(right, wrong)).findings
    assert (finding.number, finding.mistake) == ("C1", name)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("norm = (g**2 for g in gradients)", "unsupported operand"),
        ("return (factor * g for g in gradients)", "it is a generator and should be a list of 3."),
        ("raise ValueError('not yet.')", "ValueError: not yet."),
    ],
)
def test_things_that_are_no_numbers_are_told_by_their_kind(wrong, words, verdict_on):
    row = "    norm = np.sqrt(sum((g**2).sum() for g in gradients))  # (V1)\n"
    kept = row if wrong.startswith("return") else ""
    place = "clipped = [factor * g for g in gradients]  # (V2)" if kept else row.strip()
    text = str(verdict_on(with_changes("clip_by_global_norm", {place: wrong})))
    assert words in " ".join(text.split())
    assert "<" not in text
    assert ".." not in text


# Words -----------------------------------------------------------------------------------------------------

BORDER = "(T - t) % k == 0 and t > 0"


@pytest.mark.parametrize(
    ("name", "changes", "lines"),
    [
        (
            "truncated_loop",
            {"dz[:, t] @ U.T": "dz[:, t] @ U", BORDER: "t == T - k"},
            ["(T5) dh_carried", "(K1) border"],
        ),
        (
            "truncated_loop",
            {"dh_carried = dz[:, t] @ U.T  # (T5)": "dh_carried = dh @ U.T", BORDER: "(T - t) % k == 0"},
            ["(T5) dh_carried", "(K1) border"],
        ),
        (
            "truncated_loop",
            {"dy[:, t] + dh_carried": "dy[:, t]", BORDER: "False"},
            ["(T2) dh", "(K1) border"],
        ),
        (
            "simple_rnn_loop",
            {"= dh_final": "= np.zeros_like(dh_final)", "dy[:, t] + dh_carried": "dy[:, t]"},
            ["(T2) dh_carried", "(T2) dh"],
        ),
        (
            "lstm_step_backward",
            {"dc * c_prev": "dc * c", "dc * f": "dc * c_prev"},
            ["(L9) df", "(L12) dc_prev"],
        ),
        (
            "gru_step_backward",
            {"dz_g * p": "dz_g * h_prev", "dz_g * r": "dz_g * p"},
            ["(G10) dr", "(G11) dp"],
        ),
    ],
)
def test_two_mistakes_of_which_one_hides_the_other_are_both_blamed_and_no_right_line(
    name, changes, lines, verdict_on
):
    verdict = verdict_on(with_changes(name, changes))
    assert wrong_lines(verdict) == lines, verdict
    assert all("Your numbers are those of" in str(finding) for finding in verdict.findings)
    for before in re.findall("of which (.*?) (?:is|are) wrong", " ".join(map(str, verdict.findings))):
        assert set(before.split(", ")) <= set(lines)


def test_the_line_that_is_quoted_gives_the_number_that_is_shown(verdict_on):
    changes = {"dy[:, t] + dh_carried": "dy[:, t]", BORDER: "False"}  # the results of cutting at every step
    finding = str(verdict_on(with_changes("truncated_loop", changes)).findings[1])
    assert "yours is False, right is True" in finding
    assert "Your numbers are those of `border = False`" in finding


@pytest.mark.parametrize(
    ("name", "changes", "lines"),
    [
        ("lstm_step_backward", {"dc * g": "dc * i", "dg = dc * i": "dg = dc * g"}, ["(L10) di", "(L11) dg"]),
        (
            "lstm_step_backward",
            {"dc * c_prev": "dc * f", "dc_prev = dc * f": "dc_prev = dc * c_prev"},
            ["(L9) df", "(L12) dc_prev"],
        ),
        (
            "gru_step_backward",
            {"dh * (1 - u)": "dh * u", "dh_prev = dh * u ": "dh_prev = dh * (1 - u) "},
            ["(G7) dg", "(G8) dh_prev"],
        ),
    ],
)
def test_two_lines_with_each_others_value_are_told_as_that(name, changes, lines, verdict_on):
    (finding,) = verdict_on(with_changes(name, changes)).findings
    assert list(finding.lines) == lines
    assert str(finding).startswith(f"{' and '.join(lines)} are wrong: each has the other's value")


def test_of_an_array_that_a_loop_fills_the_entries_of_this_step_are_counted(verdict_on):
    (finding,) = verdict_on(with_changes("truncated_loop", {"h[:, t + 1] ** 2": "h[:, t] ** 2"})).findings
    assert str(finding).startswith("(S2) dz is wrong at t = 7: in dz[:, 7] 0 of 15 entries agree; at [1, 3] ")


def test_a_list_of_norms_is_told_as_a_list(verdict_on):
    changes = {
        "sqrt(sum((g**2).sum() for g in gradients))": "sqrt([(g**2).sum() for g in gradients]).tolist()"
    }
    text = with_changes("clip_by_global_norm", changes | {"c / norm": "c / max(norm)"})
    (finding,) = verdict_on(text).findings
    assert "(V1) norm is wrong: it is a list of 3 and should be one number" in str(finding)
    assert "max" not in str(finding)


@pytest.mark.parametrize("size", ["np.maximum(abs(gradient), numeric)", "np.maximum(gradient, abs(numeric))"])
def test_an_abs_that_is_missing_in_the_size_is_told(size, verdict_on):
    text = with_changes("gradient_check", {"np.maximum(abs(gradient), abs(numeric))": size})
    (finding,) = verdict_on(text).findings
    assert finding.number == "N3"
    assert "abs is missing" in str(finding)


def test_the_same_slip_in_several_lines_is_one_finding(verdict_on):
    changes = {f"d{k} * {k} * (1 - {k})": f"d{k} * {k}" for k in "ifo"}
    (finding,) = verdict_on(with_changes("lstm_step_backward", changes)).findings
    assert str(finding).startswith("(L13) dz_i, (L13) dz_f and (L13) dz_o are wrong: in dz_i 0 of 15 entries")
    assert "`dz_i = di * i`, `dz_f = df * f` and `dz_o = do * o`" in str(finding)


def test_a_verdict_is_a_screen_and_names_every_wrong_line(verdict_on):
    lines = {
        "(L7) do": ["np.tanh(c)  ", "c  "],
        "(L9) df": ["dc * c_prev", "dc * c"],
        "(L10) di": ["dc * g", "dc * i"],
    }
    lines |= {"(L13) dz_f": ["f * (1 - f)", "f"], "(L14) dz_g": ["(1 - g**2)", "g"]}
    verdict = verdict_on(with_changes("lstm_step_backward", dict(lines.values())))
    assert wrong_lines(verdict) == list(lines)
    rows = str(verdict).splitlines()
    assert len(rows) <= 24
    assert all(len(row) <= 80 for row in rows)
    assert all(line in str(verdict) for line in lines)


def test_where_a_number_has_no_name_it_is_not_decided_which_of_two_equations_is_wrong(verdict_on):
    text = """def simple_rnn_step(x_t, h_prev, W, U, b):
    state = h_prev.copy()
    for j in range(len(U)):  # later units read the new states of earlier ones
        state[:, j] = np.tanh(x_t @ W[:, j] + state @ U[:, j] + b[j])
    return state
"""
    (finding,) = verdict_on(text).findings
    assert finding.numbers == ("T1", "S1")
    assert str(finding).startswith("(T1) z or (S1) h is wrong")
    assert "no name for z" in str(finding)


def test_a_number_under_another_name_is_not_doubted(verdict_on):
    text = """def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    delta = dh * (1 - h**2)
    dx_t, dh_prev, dW, dU = delta @ W.T, delta @ U.T, x_t.T @ delta, h_prev.T @ delta
    return dx_t, dh_prev, dW, dU, np.median(delta, axis=0)
"""
    (finding,) = verdict_on(text).findings
    assert list(finding.lines) == ["(T3) db"]
    assert str(finding).startswith("(T3) db is wrong")


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (("df * f * (1 - f)", "df * f"), ["(L13) dz_f"]),
        (("dc * f\n", "dc\n"), ["(L12) dc_prev"]),
        (("dh * o *", "dh *"), ["(L8) dc"]),
    ],
)
def test_two_lines_in_one_are_right_under_the_name_of_the_first(change, lines, verdict_on):
    text = """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c) * o * (1 - o)  # not (L7) alone
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g * i * (1 - i)  # nor this (L10)
    dg = dc * i
    dc_prev = dc * f
    dz = np.hstack([di, df * f * (1 - f), dg * (1 - g**2), do])
    return dz @ U.T, dc_prev, dz
"""
    assert not verdict_on(text).findings
    assert wrong_lines(verdict_on(text.replace(*change))) == lines


def test_a_tolerance_of_the_students_own_is_not_what_is_judged(verdict_on):
    own = exercise("gradient_check").source.replace("tolerance=1e-6", "tolerance=0.5")
    assert verdict_on(own).passed


def test_the_gradient_check_has_the_tolerance_of_the_librarys_central_differences():
    default = inspect.signature(exercise("gradient_check").function()).parameters["tolerance"].default
    assert default == TOLERANCES["float64"]["central"]


# Functions, as in a notebook -------------------------------------------------------------------------------


def one_unit(x_1, x_2, x_3, h_0, w, u):
    h_1 = np.tanh(w * x_1 + u * h_0)
    h_2 = np.tanh(w * x_2 + u * h_1)
    h_3 = np.tanh(w * x_3 + u * h_2)
    delta_3 = 1 - h_3**2
    delta_2 = (1 - h_2**2) * w * delta_3
    delta_1 = (1 - h_1**2) * u * delta_2
    return h_3, delta_3 * h_2 + delta_2 * h_1 + delta_1 * h_0, delta_3 * x_3 + delta_2 * x_2 + delta_1 * x_1


def test_a_function_is_judged_as_a_file_is():
    verdict = check(one_unit)
    assert [finding.number for finding in verdict.findings] == ["U3"]
    assert repr(verdict) == str(verdict)


def test_a_function_without_a_source_is_judged_by_its_results():
    space = {"np": np}
    exec(exercise("own_cell").source, space)
    assert check(space["own_cell"]).passed


@pytest.mark.parametrize("thing", [3, None, np.tanh, "one_unit"])
def test_what_is_no_function_is_refused(thing):
    with pytest.raises(TypeError, match="expected the function of an exercise"):
        check(thing)


def test_a_function_of_another_name_is_refused():
    with pytest.raises(ValueError, match="no exercise is called 'numbers'"):
        check(numbers)
