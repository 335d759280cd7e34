"""The tables of the results: each number stands in its own cell, from results that are all different."""

import json

import pytest
import tables

CELLS = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}  # in the order of tables


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty folder of results, and how to put a file there."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)

    def put(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    return put


def entries(text):
    """Return the rows of a Markdown table as lists, without the line below the head."""
    head, line, *rows = [row.strip("|").split("|") for row in text.splitlines()]
    assert set("".join(line)) == {"-"}
    assert {len(row) for row in rows} == {len(line)} == {len(head)}
    return [[entry.strip() for entry in row] for row in (head, *rows)]


def around(median, less=0.25):
    """Return three rounds with that median, and another mean."""
    return [median - less, median + 9, median]


def test_a_table_in_markdown_has_a_line_below_its_head():
    assert (
        tables.markdown([["a", "b"], ["1", "2"], ["3", "4"]]) == "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"
    )


# Training steps ----------------------------------------------------------------------------------------

STEPS = {
    "scratch_rnn": 12.0,
    "scratch_rnn, threads": 9.0,
    "Keras": 40.0,
    "Keras unrolled": 18.0,
    "Keras jit_compile": 30.0,
    "PyTorch": 8.0,
    "JAX": 24.0,
    "products alone": 6.0,
}
OFFSETS = {"simple_rnn": 100.0, "lstm": 0.0, "gru": 200.0}


@pytest.fixture
def steps(results):
    """Two runs of step_time.py: the LSTM takes STEPS, other cells longer; another Keras is the fastest."""
    for name, date, less in [("run", "2020-02-03", 0.25), ("run-2", "2020-02-04", 2.0)]:
        cells = {
            cell: {"milliseconds": {name: around(time + offset, less) for name, time in STEPS.items()}}
            for cell, offset in OFFSETS.items()
        }
        cells["gru"]["milliseconds"]["Keras jit_compile"] = around(201.0, less)
        cells["simple_rnn"]["milliseconds"]["Keras"] = around(101.0, less)
        run = {
            "processor": "Some CPU",
            "cores": 6,
            "system": "Linux x",
            "python": "3.99",
            "versions": {"numpy": "2.9", "torch": "7"},
            "date": date,
            "cells": cells,
        }
        results(f"step_time/{name}.json", run)


def test_the_table_of_steps_is_in_the_lstm_s_order_and_divides_ours_by_each(steps):
    assert entries(tables.step_time_table()) == [
        ["milliseconds a step", "SimpleRNN", "GRU", "LSTM"],
        ["products alone", "106.0", "206.0", "6.0"],
        ["PyTorch", "108.0: 1.04 (1.03 to 1.04)", "208.0: 1.02 (1.02 to 1.02)", "8.0: 1.50 (1.24 to 1.67)"],
        ["scratch_rnn, threads", "109.0", "209.0", "9.0"],
        ["scratch_rnn", "112.0", "212.0", "12.0"],
        [
            "Keras unrolled",
            "118.0: 0.95 (0.95 to 0.95)",
            "218.0: 0.97 (0.97 to 0.97)",
            "18.0: 0.67 (0.62 to 0.78)",
        ],
        ["JAX", "124.0: 0.90 (0.90 to 0.91)", "224.0: 0.95 (0.95 to 0.95)", "24.0: 0.50 (0.45 to 0.64)"],
        [
            "Keras jit_compile",
            "130.0: 0.86 (0.86 to 0.87)",
            "201.0: 1.05 (1.05 to 1.06)",
            "30.0: 0.40 (0.36 to 0.54)",
        ],
        ["Keras", "101.0: 1.11 (1.10 to 1.11)", "240.0: 0.88 (0.88 to 0.89)", "40.0: 0.30 (0.26 to 0.43)"],
        ["share of the floor that scratch_rnn reaches", "95%", "97%", "50%"],
        ["share of the floor that scratch_rnn, threads reaches", "97%", "99%", "67%"],
    ]


def test_the_short_table_quotes_keras_at_its_fastest(steps, results):
    study = [row_of_a_study("default", cell, number) for number, cell in enumerate(CELLS, start=1)]
    results("accuracy/study/summary.json", {"rows": [row_of_a_study("adam", "lstm", 9), *study]})
    rows = {
        cell: {name: factor * 10**-number for name, factor in [("complex", 2), ("losses", 3), ("central", 7)]}
        for number, cell in enumerate(CELLS, start=11)
    }
    results("gradients.json", {"rows": rows})
    assert entries(tables.short_table()) == [
        ["", "SimpleRNN", "GRU", "LSTM"],
        [
            "% right of the test digits, mean of 3 seeds or more, scratch_rnn / Keras",
            "91.00 ± 0.11 / 81.00 ± 0.11",
            "92.00 ± 0.22 / 82.00 ± 0.22",
            "93.00 ± 0.33 / 83.00 ± 0.33",
        ],
        ["error of the gradients, complex step", "2e-11", "2e-12", "2e-13"],
        ["error of the losses of 200 steps beside Keras", "3e-11", "3e-12", "3e-13"],
        ["ms a step, scratch_rnn", "112.0", "212.0", "12.0"],
        ["ms a step, Keras: plain, unrolled or jit_compile, the fastest", "101.0", "201.0", "18.0"],
        ["ms a step, PyTorch", "108.0", "208.0", "8.0"],
        [
            "of Keras's time scratch_rnn takes",
            "1.11 (1.10 to 1.11)",
            "1.05 (1.05 to 1.06)",
            "0.67 (0.62 to 0.78)",
        ],
        [
            "of PyTorch's time scratch_rnn takes",
            "1.04 (1.03 to 1.04)",
            "1.02 (1.02 to 1.02)",
            "1.50 (1.24 to 1.67)",
        ],
    ]


def test_where_it_was_measured_is_that_of_the_steps(steps):
    first = ["step_time.py", "2020-02-03", "Some CPU, 6 cores, Linux x", "3.99", "numpy 2.9, torch 7"]
    assert entries(tables.measured_on()) == [
        ["script", "measured on", "machine", "Python", "versions"],
        first,
        [first[0], "2020-02-04", *first[2:]],
    ]


# Accuracies --------------------------------------------------------------------------------------------


def summary(ours, theirs):
    """Return the summary of a run with these test accuracies."""
    return {
        "test": {
            "Keras": {"accuracy": theirs, "loss": theirs / 10},
            "scratch_rnn": {"accuracy": ours, "loss": ours / 10},
        },
        "only_scratch_rnn_wrong": 17,
        "only_keras_wrong": 23,
        "mcnemar_p": 0.043,
        "agreement": 0.9871,
        "seconds_per_epoch": {"Keras": 8.0, "scratch_rnn": 2.0},
        "ratio_of_seconds": 0.25,
    }


def test_the_table_of_the_full_runs_has_ours_first(results):
    for number, cell in enumerate(CELLS, start=1):
        results(f"{cell}/summary.json", summary(0.9 + number / 100, 0.8 + number / 100))
        low, high = [0.1, 0.5, 0.96, 0.93, 0.97, 0.95, 0.94], [0.99, 0.2, 0.86, 0.83, 0.87, 0.85, 0.84]
        histories = {"Keras": high, "scratch_rnn": low}
        results(f"{cell}/history.json", {name: {"val_accuracy": v} for name, v in histories.items()})
    table = entries(tables.results_table())
    assert table[0] == [
        "scratch_rnn / Keras",
        "test accuracy",
        "test loss",
        "wrong alone",
        "McNemar p",
        "same answer",
        "validation, last 5 epochs",
        "seconds per epoch",
    ]
    assert [row[0] for row in table[1:]] == list(CELLS.values())
    assert table[2] == [
        "GRU",
        "92.00% / 82.00%",
        "0.0920 / 0.0820",
        "17 / 23",
        "0.04",
        "98.71%",
        "93.0 to 97.0% / 83.0 to 87.0%",
        "2.0 / 8.0 = 0.25",
    ]


def row_of_a_study(recipe, cell, number):
    spread = {
        model: {"mean": mean + number, "sd": 0.11 * number}
        for model, mean in (("scratch_rnn", 90), ("Keras", 80))
    }
    pairs = {"mean": 0.1, "low": -0.0331, "high": 0.44, "p": 0.0051}
    row = {"recipe": recipe, "cell": cell, "seeds": [2, 3, 4], "spread": spread, "pairs": pairs}
    return {**row, "agreement": [0.97, 0.991, 0.98]}


def test_the_table_of_means_has_a_row_for_each_recipe_and_cell(results):
    rows = [row_of_a_study("adam", "gru", 1), row_of_a_study("default", "lstm", 2)]
    results("accuracy/study/summary.json", {"rows": rows, "margin": 0.25})
    interval = "+0.100 (-0.033 to +0.440)", "0.005", "97.0 to 99.1%"
    head, *found = entries(tables.accuracy_table())
    assert found == [
        ["adam", "GRU", "2 to 4", "91.00 ± 0.11", "81.00 ± 0.11", *interval],
        ["default", "LSTM", "2 to 4", "92.00 ± 0.22", "82.00 ± 0.22", *interval],
    ]
    numbers = ["scratch_rnn, %", "Keras, %", "difference, 95 % interval", "TOST p, ± 0.25", "same answer"]
    assert head == ["recipe", "cell", "seeds", *numbers]


def test_seeds_that_were_added_are_tested_apart_from_the_first_five(results):
    row = row_of_a_study("default", "simple_rnn", 1)
    row["pairs"] = {"differences": [1.0, 2.0, 1.0, 2.0, 1.0, -0.1, 0.1, 0.0]}
    results("accuracy/study/summary.json", {"rows": [row], "margin": 0.5})
    head, first, added = entries(tables.fresh_seeds_table())
    assert head[2] == "TOST p, ± 0.5"
    assert first[1].startswith("+1.400 (+0.720 to +2.080)")
    assert added == ["those added", "+0.000 (-0.248 to +0.248)", "0.007"]


def test_a_range_goes_from_the_lowest_to_the_highest():
    assert tables.lowest_and_highest([0.961, 0.932, 0.984]) == "93.2 to 98.4%"


# Errors ------------------------------------------------------------------------------------------------


def test_the_table_of_first_losses_has_each_seed_in_its_cell(results):
    rows = [
        {
            "cell": cell,
            "seed": seed,
            "float64": 1.0 * factor,
            "float32": 10.0 * factor,
            "Keras": 100.0 * factor,
        }
        | {"scratch_rnn": 1e9}
        for cell, seed, factor in [
            ("gru", 0, 2e-13),
            ("lstm", 0, 3e-13),
            ("gru", 1, 4e-13),
            ("simple_rnn", 0, 5e-13),
        ]
    ]
    results("parity.json", {"rows": rows})
    assert entries(tables.parity_table()) == [
        [
            "cell",
            "scratch_rnn and Keras, float64",
            "scratch_rnn and Keras, float32",
            "Keras float32 and Keras float64",
        ],
        ["SimpleRNN", "5e-13", "5e-12", "5e-11"],
        ["GRU", "2e-13, 4e-13", "2e-12, 4e-12", "2e-11, 4e-11"],
        ["LSTM", "3e-13", "3e-12", "3e-11"],
    ]


def test_the_table_of_gradients_has_each_error_below_its_name(results):
    names = ["weights", "losses", "Keras", "directional", "central", "complex"]
    row = {name: 1.0 * 10**-number for number, name in enumerate(names, start=1)}
    results(
        "gradients.json", {"rows": {"gru": row, "lstm": {name: 3 * error for name, error in row.items()}}}
    )
    assert entries(tables.gradients_table()) == [
        [
            "cell",
            "complex step",
            "central differences",
            "directions, 28 × 28, 128 units",
            "gradients of Keras",
            "losses of 200 steps",
            "weights after them",
        ],
        ["GRU", "1e-06", "1e-05", "1e-04", "1e-03", "1e-02", "1e-01"],
        ["LSTM", "3e-06", "3e-05", "3e-04", "3e-03", "3e-02", "3e-01"],
    ]


def test_the_table_of_truncation_has_accuracies_and_then_errors(results):
    cells = {
        name: {
            "accuracy": {"1": 0.5 + part, "28": 0.9 + part},
            "error before training": {"1": 0.7 + part, "28": 0.0},
            "error after training": {"1": 0.8 + part, "28": 0.0002},
        }
        for name, part in [("GRU", 0.01), ("LSTM", 0.02)]
    }
    results("truncation.json", {"cells": cells})
    assert entries(tables.truncation_table()) == [
        ["k", "GRU: accuracy", "LSTM: accuracy", "GRU: gradient error", "LSTM: gradient error"],
        ["1", "51.00%", "52.00%", "0.71, 0.81", "0.72, 0.82"],
        ["28", "91.00%", "92.00%", "0, 0.0002", "0, 0.0002"],
    ]


# Sizes, cores and other costs --------------------------------------------------------------------------


def test_the_table_of_scaling_divides_by_the_timesteps(results):
    times = {
        "scratch_rnn": {"28": around(14.0), "56": around(42.0)},
        "Keras": {"28": around(21.0), "56": around(70.0)},
    }
    other = {"scratch_rnn": {"28": [999.0]}}
    results("scaling.json", {"axes": {"units": {"milliseconds": other}, "time": {"milliseconds": times}}})
    assert entries(tables.scaling_table()) == [
        ["timesteps", "28", "56"],
        ["scratch_rnn, ms a step", "14 (14 to 23)", "42 (42 to 51)"],
        ["scratch_rnn, µs a timestep", "500", "750"],
        ["Keras, ms a step", "21 (21 to 30)", "70 (70 to 79)"],
        ["Keras, µs a timestep", "750", "1250"],
    ]


def test_the_table_of_growth_has_what_the_factor_alone_does_in_brackets(results):
    def found(size, **of_u):
        places = ("above", "in the ink", "below")
        return {
            "growth": {place: size + n / 4 for n, place in enumerate(places)},
            "direct": {place: size + n / 4 + 0.125 for n, place in enumerate(places)},
            **of_u,
        }

    simple = {"before training": found(1, radius=7.0, norm=8.0), "after training": found(2, radius=9.0)}
    results("growth.json", {"cells": {"SimpleRNN": simple, "GRU": {"before training": found(3)}}})
    assert entries(tables.growth_table()) == [
        ["growth a step back (direct)", "above the ink", "in the ink", "below the ink", "radius of U"],
        ["SimpleRNN before training", "1.00 (1.12)", "1.25 (1.38)", "1.50 (1.62)", "7.00"],
        ["SimpleRNN after training", "2.00 (2.12)", "2.25 (2.38)", "2.50 (2.62)", "9.00"],
        ["GRU before training", "3.00 (3.12)", "3.25 (3.38)", "3.50 (3.62)", ""],
    ]


def test_the_table_of_rounding_has_the_largest_difference_of_each_epoch(results):
    losses = {
        "scratch_rnn": [4.0, 2.0, 1.0, 0.5],
        "moved": [4.0, 2.25, 1.5, 0.25],
        "Keras": [3.0, 2.0, 1.0, 0.5],
    }
    results("rounding.json", {"epochs": 2, "losses": losses})
    assert entries(tables.rounding_table()) == [
        ["epoch", "mean loss", "largest difference, moved", "largest difference, Keras"],
        ["1", "3.00", "2e-01", "1e+00"],
        ["2", "0.75", "5e-01", "0e+00"],
    ]


def test_the_table_of_cores_says_how_many_times_as_fast_as_one_thread(results):
    ways = ["scratch_rnn, one thread", "scratch_rnn, 2 threads", "scratch_rnn, 2 processes"]
    ways += ["Keras, one thread", "Keras, 2 threads"]

    def run(name, *times):
        cells = {
            cell: dict(zip(ways, [around(offset + time) for time in times], strict=False))
            for cell, offset in OFFSETS.items()
        }
        return {"name": name, "milliseconds": cells}

    results("cores/3.11.7.json", run("3.11.7", 24.0, 16.0, 12.0, 30.0, 20.0))
    results("cores/3.14.json", run("3.14 free", 20.0, 10.0, 8.0))  # without Keras
    table = entries(tables.cores_table())
    assert table[0] == ["milliseconds a step", "", "one thread", "2 threads", "2 processes"]
    assert [row[:2] for row in table[1:4]] == [
        ["SimpleRNN", "scratch_rnn, Python 3.11.7"],
        ["SimpleRNN", "scratch_rnn, Python 3.14 free"],
        ["SimpleRNN", "Keras, Python 3.11.7"],
    ]
    assert table[7:] == [
        [
            "LSTM",
            "scratch_rnn, Python 3.11.7",
            "24.0",
            "16.0 (1.50 times as fast)",
            "12.0 (2.00 times as fast)",
        ],
        [
            "LSTM",
            "scratch_rnn, Python 3.14 free",
            "20.0",
            "10.0 (2.00 times as fast)",
            "8.0 (2.50 times as fast)",
        ],
        ["LSTM", "Keras, Python 3.11.7", "30.0", "20.0 (1.50 times as fast)", ""],
    ]


def test_the_table_of_other_costs_has_ours_theirs_and_ours_over_theirs(results):
    digits = {
        "10,000 digits": {"Keras": around(400.0), "scratch_rnn": around(100.0), "PyTorch": around(50.0)},
        "one digit": {"Keras": around(60.0), "Keras, called": around(5.0), "scratch_rnn": around(3.0)},
    }
    results("inference.json", {"milliseconds": digits})
    peaks = {
        "Keras": around(900.0),
        "scratch_rnn": around(90.0),
        "scratch_rnn, 2 processes": around(180.0),
    }
    results("memory.json", {"MiB": peaks, "tape_bytes": {}})
    seconds = {
        "import keras": around(8.0),
        "import scratch_rnn": around(1.0),
        "import numpy": around(77.0),
        "first batch, Keras": around(10.0),
        "first batch, scratch_rnn": around(2.0),
    }
    results("start_up.json", {"seconds": seconds})
    assert entries(tables.other_costs_table()) == [
        ["", "scratch_rnn", "Keras", "ratio"],
        ["predict 10,000 digits, ms", "100", "400", "0.25"],
        ["predict one digit, ms", "3.0", "60.0", "0.05"],
        ["peak memory of a training run on threads, MiB", "90", "900", "0.10"],
        ["the same on two processes, a plain fit, together, MiB", "180", "900", "0.20"],
        ["import, s", "1.00", "8.00", "0.12"],
        ["from the start to the first trained batch, s", "2.00", "10.00", "0.20"],
    ]


def test_the_script_prints_each_table_below_its_page(results, monkeypatch, capsys):
    monkeypatch.setattr(tables, "PAGES", {"a.md": (lambda: "one", lambda: "two"), "b.md": (lambda: "three",)})
    monkeypatch.setattr("sys.argv", ["tables.py"])
    tables.main()
    assert capsys.readouterr().out == "a.md\n\none\n\ntwo\n\nb.md\n\nthree\n\n"
