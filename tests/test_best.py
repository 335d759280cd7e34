"""benchmarks/best.py: what is trained, what is tested, and what the table says."""

import json
from dataclasses import asdict

import best
import numpy as np
import pytest

from scratch_rnn import load_mnist
from scratch_rnn.runs.recipe import RECIPES, Recipe

LEFT_OUT = {
    "without both directions": "bidirectional",
    "with one layer": "layers",
    "without dropout": "dropout",
    "without moved digits": "augment",
    "with a constant rate": "schedule",
}


def changed(recipe):
    """Return which fields of a recipe are not those of the best one."""
    whole = asdict(best.BEST)
    return {name for name, value in asdict(recipe).items() if value != whole[name]}


def test_the_best_recipe_is_that_of_the_command_line():
    assert Recipe(**RECIPES["best"]) == best.BEST


@pytest.mark.parametrize("name", LEFT_OUT)
def test_each_ingredient_is_left_out_alone(name):
    assert changed(best.JOBS[name]) == {LEFT_OUT[name]}


def test_three_seeds_are_trained_whole():
    seeds = [recipe.seed for name, recipe in best.JOBS.items() if name not in LEFT_OUT]
    assert seeds == [1, 2, 3]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The script with tiny networks and a folder of its own, and what it is given."""
    tiny = {"units": 2, "layers": 1, "epochs": 1, "batch_size": 30}
    jobs = {"seed 1": Recipe(**tiny, seed=1), "without dropout": Recipe(**tiny)}
    monkeypatch.setattr(best, "JOBS", jobs)
    monkeypatch.setattr(best, "FOLDER", tmp_path / "best")
    (x, y), (x_test, y_test) = load_mnist("sample")
    data = (x[:60], y[:60]), (x_test[:20], y_test[:20])
    monkeypatch.setattr(best, "digits", lambda parser, data_option: data)
    monkeypatch.setattr("sys.argv", ["best.py"])
    return data


def test_the_test_digits_are_for_whole_trainings_alone(small, capsys):
    best.main()
    whole, part = (
        json.loads((best.FOLDER / name).read_text()) for name in ("seed_1.json", "without_dropout.json")
    )
    assert "test" not in part
    x, y = small[1]
    model = best.JOBS["seed 1"].build_model((28, 28))
    model.fit(*small[0], 30, 1, verbose=0, validation_split=0.1)
    assert whole["test"]["accuracy"] == np.mean(model.predict(x).argmax(1) == y)
    assert "mean of 1" in capsys.readouterr().out


def test_what_is_there_is_not_trained_again(small, monkeypatch, capsys):
    best.main()
    monkeypatch.setattr(best, "trained", lambda *_: pytest.fail("it is there"))
    best.main()
    capsys.readouterr()


def test_the_table_says_what_the_files_say():
    def result(weights, validation, seconds, **more):
        return {
            "weights": weights,
            "history": {"val_accuracy": [0.5, validation]},
            "seconds": seconds,
            **more,
        }

    results = {
        "seed 1": result(1234, 0.875, [60, 120], test={"accuracy": 0.75}),
        "seed 2": result(1234, 0.625, [240], test={"accuracy": 0.25}),
        "with one layer": result(56, 0.375, [30, 30]),
    }
    assert best.rows(results) == [
        ["", "weights", "validation", "test", "minutes"],
        ["seed 1", "1,234", "87.50%", "75.00%", "3"],
        ["seed 2", "1,234", "62.50%", "25.00%", "4"],
        ["with one layer", "56", "37.50%", "", "1"],
        ["mean of 2", "", "", "50.00%", ""],
    ]
