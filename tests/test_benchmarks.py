"""The benchmarks: their arithmetic, how they take turns, and that each explains itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from accuracy import equivalence
from gradients import numeric_errors
from interleave import in_turn

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


SCRIPTS = [
    "accuracy",
    "cores",
    "gradients",
    "inference",
    "memory",
    "parity",
    "scaling",
    "start_up",
    "step_time",
    "tables",
    "truncation",
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_explains_itself(name):
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"python benchmarks/{name}.py" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["accuracy.py", "--seeds", "1"], "--seeds: one run has no spread; take two or more"),
        (["accuracy.py", "--data", "missing.npz"], "--data: 'missing.npz': expected 'auto', 'sample' or"),
        (
            ["parity.py", "--out", "no/such/x.json"],
            "--out: the folder of 'no/such/x.json' does not",
        ),
        (["step_time.py", "--rounds", "0"], "--rounds: '0' is not a whole number above zero"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments, message):
    script, *options = arguments
    if script in ("accuracy.py", "parity.py"):
        pytest.importorskip("keras")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def idle():
    return lambda: None


def without_its_package():
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def broken():
    return lambda: 1 / 0


def test_small_differences_around_zero_are_equivalent():
    result = equivalence(np.array([0.1, -0.1, 0.2, -0.2, 0.0]), 0.3)
    # Error sqrt(0.025 / 5), t = 0.3 / 0.0707 = 4.243 with 4 degrees of freedom: as in printed tables.
    assert result["difference"] == pytest.approx(0, abs=1e-15)
    assert result["p"] == pytest.approx(0.0066, abs=1e-4)
    assert result["high"] == pytest.approx(2.776 * 0.0707, abs=1e-3)
    assert result["low"] == pytest.approx(-result["high"])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_beyond_the_margin_is_not_equivalent_on_either_side(sign):
    assert equivalence(sign * np.array([0.39, 0.4, 0.41]), 0.3)["p"] > 0.99


def test_a_wide_spread_shows_nothing_even_around_zero():
    assert equivalence(np.array([1.0, -1.0, 0.5, -0.5]), 0.3)["p"] > 0.2


@pytest.mark.parametrize(("difference", "p"), [(0.0, 0), (0.2, 0), (-0.3, 1), (0.4, 1)])
def test_equal_differences_have_no_spread_to_test_with(difference, p):
    result = equivalence(np.full(5, difference), 0.3)
    assert result == {"difference": difference, "low": difference, "high": difference, "p": p}


def test_contestants_take_turns_and_the_missing_are_named(capsys):
    contestants = {"idle": (idle, {}), "PyTorch": (without_its_package, {})}
    seconds = in_turn(contestants, rounds=3, warm_up=1, title="")
    assert list(seconds) == ["idle"]
    assert len(seconds["idle"]) == 3
    assert all(0 < value < 1 for value in seconds["idle"])
    assert "PyTorch: skipped, torch is not installed" in capsys.readouterr().out


def test_a_contestant_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        in_turn({"broken": (broken, {})}, rounds=1, warm_up=0, title="")


def test_the_errors_of_gradients_are_those_of_rounding_and_of_differences():
    errors = numeric_errors("simple_rnn")
    assert errors["complex"] < 1e-12
    assert errors["directional"] < 1e-11
    assert 1e-12 < errors["central"] < 1e-6
