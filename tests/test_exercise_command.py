"""scratch-rnn exercise, as a student runs it."""

import io

import pytest
from helpers import called
from rich.console import Console

from scratch_rnn.commands import exercise as command
from scratch_rnn.exercises.blanks import solution_file
from scratch_rnn.exercises.spec import ORDER, exercise


def test_the_list_has_every_exercise_in_its_order_and_how_far_each_is(tmp_path):
    assert called("exercise", "start", "one_unit", cwd=tmp_path).returncode == 0
    (tmp_path / "own_cell.py").write_text(solution_file(exercise("own_cell")), encoding="utf-8")
    (tmp_path / "cross_entropy.py").write_text("def", encoding="utf-8")
    done = called("exercise", cwd=tmp_path)
    assert done.returncode == 0
    places = [done.stdout.index(f" {name} ") for name in ORDER]
    assert places == sorted(places)
    state = {
        line.split()[1]: line.split()[-1] for line in done.stdout.splitlines() if line[:2].strip().isdigit()
    }
    assert (state["one_unit"], state["own_cell"], state["cross_entropy"]) == ("begun", "right", "readable")


def test_the_list_is_whole_on_a_narrow_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    console = Console(width=60, file=io.StringIO())
    monkeypatch.setattr(command, "Console", lambda: console)
    command.list_exercises(None)
    text = console.file.getvalue()
    assert "…" not in text
    assert all(name in text for name in ORDER)


@pytest.mark.parametrize("name", ["lstm_step_backward", "lstm-step-backward"])
def test_start_writes_a_file_and_never_over_one(name, tmp_path):
    (tmp_path / "mine").mkdir()
    assert called("exercise", "start", name, "mine", cwd=tmp_path).returncode == 0
    file = tmp_path / "mine" / "lstm_step_backward.py"
    assert "df = ...  # (L9)" in file.read_text()
    file.write_text("my work")
    done = called("exercise", "start", name, "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "exists already" in done.stderr
    assert file.read_text() == "my work"


def test_check_says_what_is_wrong_and_gives_hints_in_steps(tmp_path):
    wrong = exercise("lstm_step_backward").source.replace("df = dc * c_prev", "df = dc * c")
    (tmp_path / "a.py").write_text(f"import numpy as np\n{wrong}")
    texts = [called("exercise", "check", "a.py", *["--hint"] * n, cwd=tmp_path) for n in range(4)]
    assert [done.returncode for done in texts] == [1] * 4
    words = ("cell-state-off-by-one", "Hint for (L9)", "The rule: R1", "The line: df = dc * c_prev")
    for steps, done in enumerate(texts):
        flat = " ".join(done.stdout.split())
        assert [word in flat for word in words] == [k <= steps for k in range(4)]


def test_check_of_a_right_file_ends_with_zero_and_names_the_next(tmp_path):
    (tmp_path / "a.py").write_text(solution_file(exercise("cross_entropy")))
    done = called("exercise", "check", "a.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "cross_entropy is right." in done.stdout
    assert "start lstm_step_backward" in done.stdout


def test_the_solution_is_shown_when_asked_twice(tmp_path):
    first = called("exercise", "solution", "own_cell", cwd=tmp_path)
    assert first.returncode == 0
    assert "--yes" in first.stdout
    assert "dz_f" not in first.stdout
    second = called("exercise", "solution", "own_cell", "--yes", cwd=tmp_path)
    assert exercise("own_cell").source.strip() in second.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def one_unit(:\n", "line 1"),
        ("x = 1\n", "no function of an exercise"),
        ("import nothing_of_that_name\ndef one_unit():\n    pass\n", "line 1: ModuleNotFoundError"),
        ("raise SystemExit(0)\ndef one_unit():\n    pass\n", "SystemExit"),
        ("x = '\0'\n", "a.py"),
    ],
)
def test_a_file_that_cannot_be_judged_gets_one_line_and_status_two(text, words, tmp_path):
    (tmp_path / "a.py").write_text(text)
    done = called("exercise", "check", "a.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    "words",
    ["check none.py", "check .", "start lstm", "start one_unit no", "solution [red]", "solution", "begin"],
)
def test_what_is_not_there_gets_one_line_and_status_two(words, tmp_path):
    done = called("exercise", *words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
