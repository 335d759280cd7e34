"""What the scripts of the benchmarks ask for, write and draw, with measurements that are made up."""

import argparse
import json
import sys

import cores
import gradients
import inference
import interleave
import memory
import parity
import pytest
import roofline
import scaling
import shards
import start_up
import step_time
import tables
import truncation

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn.runs.quoted import median

CELLS = ["simple_rnn", "gru", "lstm"]
CLASSES = ["SimpleRNN", "GRU", "LSTM"]


class Outcome:
    """What a script has asked for, and, by the name of the file, what it has written and drawn."""

    def __init__(self, monkeypatch, tmp_path):
        self.monkeypatch, self.folder = monkeypatch, tmp_path
        self.turns, self.written, self.drawn = [], {}, {}

    def in_turn(self, contestants, rounds, warm_up, title, alike=None):
        self.turns.append((title, list(contestants), rounds, warm_up))
        self.contestants = contestants
        longer = 2 ** (len(self.turns) - 1)  # each time it is asked for
        rounds = [0.5 * longer, 9.0 * longer, 1.0 * longer]
        return {name: [value + n * longer for value in rounds] for n, name in enumerate(contestants)}

    def take_turns(self, contestants, rounds, warm_up, title=None):
        return self.in_turn(contestants, rounds, warm_up, title)

    def of(self, module, *arguments):
        """Run the script with these arguments."""
        replace = self.monkeypatch.setattr
        replace(sys, "argv", [f"{module.__name__}.py", *arguments])
        for name in ("in_turn", "take_turns"):
            replace(module, name, getattr(self, name), raising=False)
        replace(module, "RESULTS", self.folder, raising=False)
        replace(module, "FIGURES", self.folder, raising=False)
        replace(module, "write", self.write, raising=False)
        replace(module, "save", self.save, raising=False)
        module.main()
        return self

    def write(self, path, content):
        self.written[path.relative_to(self.folder).as_posix()] = content
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    def save(self, figure, path):
        """Read back each panel: its rows, from the top down, and of each the dots."""
        self.drawn[path.name] = {
            axes.get_title(loc="left"): {
                label.get_text(): list(line.get_xdata())
                for label, line in reversed(list(zip(axes.get_yticklabels(), axes.lines, strict=False)))
            }
            for axes in figure.axes
        }
        self.title = figure.get_suptitle()


@pytest.fixture
def outcome(monkeypatch, tmp_path):
    return Outcome(monkeypatch, tmp_path)


def test_step_time_writes_and_draws_every_round_in_milliseconds_a_step(outcome, capsys, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", outcome.folder)
    outcome.of(step_time, "--steps", "10", "--rounds", "4")
    names = list(outcome.contestants)
    assert outcome.turns == [(cell, names, 4, 2) for cell in CELLS]
    assert {options["setting"].steps for _, options in outcome.contestants.values()} == {10}
    assert {options["setting"].cell for _, options in outcome.contestants.values()} == {"lstm"}
    content = outcome.written["step_time/run.json"]
    assert content["steps"] == 10
    assert list(content["cells"]) == CELLS
    for longer, cell in zip((1, 2, 4), CELLS, strict=True):
        milliseconds = content["cells"][cell]["milliseconds"]
        assert milliseconds == {
            name: [longer * (50 + 100 * n), longer * (900 + 100 * n), longer * (100 + 100 * n)]
            for n, name in enumerate(names)
        }
    assert outcome.drawn["step_time.png"] == {
        name: content["cells"][cell]["milliseconds"] for name, cell in zip(CLASSES, CELLS, strict=True)
    }
    assert outcome.title == "Milliseconds a training step"
    printed = capsys.readouterr().out
    assert all(f"{cell}: milliseconds a training step" in printed for cell in CELLS)


def test_another_run_of_step_time_is_put_beside_the_first_and_drawn_with_it(outcome, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", outcome.folder)
    outcome.of(step_time).of(step_time)
    assert list(outcome.written) == ["step_time/run.json", "step_time/run-2.json"]
    first, second = (run["cells"]["gru"]["milliseconds"] for run in outcome.written.values())
    assert first != second
    assert outcome.drawn["step_time.png"]["GRU"] == {name: first[name] + second[name] for name in first}


def test_one_cell_alone_is_printed_and_not_written(outcome, capsys):
    outcome.of(step_time, "--cell", "gru")
    assert [turn[0] for turn in outcome.turns] == ["gru"]
    assert (outcome.written, outcome.drawn) == ({}, {})
    assert "gru: milliseconds a training step" in capsys.readouterr().out


def test_cores_times_one_thread_and_all_and_draws_each_build_of_python(outcome, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", outcome.folder)
    monkeypatch.setattr(cores, "available_cores", lambda: 6)
    monkeypatch.setattr(cores, "python", lambda: "3.99 free-threaded")
    monkeypatch.setattr(sys, "platform", "linux")
    other = {cell: {"scratch_rnn, one thread": [7.0]} for cell in CELLS}
    outcome.write(outcome.folder / "cores" / "3.1.json", {"name": "3.1", "milliseconds": other})
    outcome.of(cores, "--steps", "10", "--rounds", "4")
    ways = {"one thread": (1, None), "6 threads": (6, None), "6 processes": (None, 6)}
    found = {
        name: (prepare, options["setting"].threads, options["setting"].processes)
        for name, (prepare, options) in outcome.contestants.items()
    }
    assert found == {
        **{f"scratch_rnn, {way}": (cores.c.scratch_rnn, *numbers) for way, numbers in ways.items()},
        **{f"Keras, {way}": (cores.c.keras, *numbers) for way, numbers in list(ways.items())[:2]},
    }
    assert outcome.turns == [(cell, list(found), 4, 1) for cell in CELLS]
    content = outcome.written["cores/3.99-free-threaded.json"]
    assert (content["name"], content["steps"]) == ("3.99 free-threaded", 10)
    assert content["milliseconds"]["gru"]["scratch_rnn, 6 threads"] == [300, 2000, 400]
    drawn = outcome.drawn["cores.png"]
    assert list(drawn) == CLASSES
    assert drawn["GRU"]["scratch_rnn, one thread (Python 3.1)"] == [7]
    assert drawn["GRU"]["Keras, one thread (Python 3.99 free-threaded)"] == [700, 2400, 800]
    assert drawn["LSTM"]["Keras, one thread (Python 3.99 free-threaded)"] == [1400, 4800, 1600]
    assert len(drawn["GRU"]) == 6


@pytest.mark.parametrize(("without_lock", "name"), [(1, "3.77 free-threaded"), (0, "3.77"), (None, "3.77")])
def test_a_build_of_python_without_the_lock_is_named_so(monkeypatch, without_lock, name):
    monkeypatch.setattr(cores.platform, "python_version", lambda: "3.77")
    monkeypatch.setattr(cores.sysconfig, "get_config_var", {"Py_GIL_DISABLED": without_lock}.get)
    assert cores.python() == name


def test_scaling_varies_one_size_at_a_time(outcome, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "SIZES", {"time": (28, 56), "units": (32, 64), "batch": (8, 16)})
    outcome.of(scaling, "--rounds", "4")
    names = {
        axis: [f"{name} {size}" for name in (SCRATCH, KERAS) for size in scaling.SIZES[axis]]
        for axis in scaling.SIZES
    }
    assert outcome.turns == [(axis, names[axis], 4, 2) for axis in ("time", "units", "batch")]
    assert [options["setting"].batch for _, options in outcome.contestants.values()] == [8, 16, 8, 16]
    functions = [prepare for prepare, _ in outcome.contestants.values()]
    assert functions == [scaling.c.scratch_rnn] * 2 + [scaling.c.keras] * 2
    printed = capsys.readouterr().out
    assert all(f"milliseconds a step over {axis}" in printed for axis in ("time", "units", "batch"))
    content = outcome.written["scaling.json"]["axes"]
    assert content["time"]["milliseconds"] == {
        SCRATCH: {28: [25, 450, 50], 56: [150, 1000, 200]},  # 20 steps of 28 rows, 10 of 56
        KERAS: {28: [125, 550, 150], 56: [350, 1200, 400]},
    }
    assert list(outcome.drawn["scaling.png"]) == ["timesteps T", "units H", "batch B"]


def test_prediction_of_one_digit_is_repeated_and_keras_is_called_too(outcome):
    outcome.of(inference, "--rounds", "4")
    assert outcome.turns == [
        ("10,000 digits", [SCRATCH, KERAS, "PyTorch"], 4, 2),
        ("one digit", [SCRATCH, KERAS, "PyTorch", "Keras, called"], 4, 2),
    ]
    assert outcome.contestants == {
        SCRATCH: (inference.scratch_rnn, {"count": 1, "repeats": 100}),
        KERAS: (inference.keras, {"count": 1, "repeats": 100}),
        "PyTorch": (inference.pytorch, {"count": 1, "repeats": 100}),
        "Keras, called": (inference.keras, {"count": 1, "repeats": 100, "call": True}),
    }
    content = outcome.written["inference.json"]["milliseconds"]
    assert content["10,000 digits"]["PyTorch"] == [2500, 11000, 3000]
    assert content["one digit"]["PyTorch"] == [50, 220, 60]
    assert outcome.drawn["inference.png"] == content


def test_memory_is_compared_by_medians(outcome, monkeypatch, capsys):
    monkeypatch.setattr(memory, "tape_bytes", {"simple_rnn": 1, "gru": 2, "lstm": 3}.get)
    outcome.of(memory, "--rounds", "4")
    assert outcome.turns == [(None, [SCRATCH, "scratch_rnn, 2 processes", KERAS], 4, 0)]
    peaks = {SCRATCH: [0.5, 9, 1], "scratch_rnn, 2 processes": [1.5, 10, 2], KERAS: [2.5, 11, 3]}
    assert outcome.written["memory.json"] == {
        "MiB": peaks,
        "tape_bytes": {"simple_rnn": 1, "gru": 2, "lstm": 3},
    }
    assert outcome.drawn["memory.png"] == {"MiB": peaks}
    assert "scratch_rnn needs 0.33 of Keras's" in capsys.readouterr().out


def test_start_up_drops_the_first_round(outcome, monkeypatch):
    commands = []
    monkeypatch.setattr(start_up, "timed", lambda command: commands.append(command) or 2.0)
    outcome.of(start_up, "--rounds", "4")
    assert outcome.turns == [(None, list(start_up.COMMANDS), 4, 1)]
    for name, wait in outcome.contestants.items():
        assert wait() == 2
        assert commands[-1] is start_up.COMMANDS[name]
    assert outcome.written["start_up.json"]["seconds"]["import numpy"] == [1.5, 10, 2]
    assert outcome.drawn["start_up.png"] == outcome.written["start_up.json"]


@pytest.mark.parametrize("library", ["scratch_rnn", "Keras"])
def test_the_first_batch_is_trained_by_the_library_that_is_named(library):
    *_, code = start_up.COMMANDS[f"first batch, {library}"]
    imported = {"scratch_rnn": "from scratch_rnn import", "Keras": "import keras"}
    assert [name for name, line in imported.items() if line in code] == [library]
    assert code.endswith("model.train_on_batch(x, y)")
    assert start_up.COMMANDS["import keras"] == ["-c", "import keras"]
    assert start_up.COMMANDS["import scratch_rnn"] == ["-c", "from scratch_rnn import *"]


@pytest.mark.parametrize("name", list(memory.RUNS))
def test_memory_is_that_of_the_same_training_by_the_library_that_is_named(name):
    code = memory.RUNS[name]
    assert ("keras" in code) == (name == KERAS)
    assert ("processes=2" in code) == (name == "scratch_rnn, 2 processes")
    assert "LSTM(128)" in code
    assert "model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)" in code


def test_parity_measures_every_cell_with_seeds_from_zero(outcome, monkeypatch):
    pytest.importorskip("keras")
    monkeypatch.setattr(parity, "digits", lambda *_: ("train", "test"))
    columns = {"float32": 1.0, "float64": 2.0, SCRATCH: 3.0, KERAS: 4.0}
    monkeypatch.setattr(
        parity, "differences", lambda cell, seed, train: {"of": [cell, seed, train], **columns}
    )
    out = outcome.folder / "p.json"
    outcome.of(parity, "--seeds", "2", "--out", str(out))
    assert json.loads(out.read_text())["rows"] == [
        {"cell": cell, "seed": seed, "of": [cell, seed, "train"], **columns}
        for cell in CELLS
        for seed in (0, 1)
    ]


def test_gradients_writes_all_errors_of_each_cell(outcome, monkeypatch):
    pytest.importorskip("keras")
    numeric, beside = (
        dict.fromkeys(["complex", "central", "directional"], 1.0),
        ["Keras", "losses", "weights"],
    )
    monkeypatch.setattr(gradients, "numeric_errors", lambda cell: {**numeric, "cell": cell})
    monkeypatch.setattr(gradients, "keras_errors", lambda cell, digits: dict.fromkeys(beside, len(digits[0])))
    out = outcome.folder / "g.json"
    outcome.of(gradients, "--out", str(out))
    rows = json.loads(out.read_text())["rows"]
    assert list(rows) == CELLS
    assert rows["gru"] == {**numeric, "cell": "gru", **dict.fromkeys(beside, rows["gru"]["Keras"])}


def test_truncation_measures_each_cell_by_the_recipe_that_is_asked_for(outcome, monkeypatch):
    monkeypatch.setattr(truncation, "digits", lambda *_: ("train", "test"))
    recipes = []

    def measured(recipe, *data):
        recipes.append((recipe.cell, recipe.optimizer, recipe.epochs, recipe.seed, *data))
        names = ("accuracy", "error before training", "error after training")
        return {name: dict.fromkeys(truncation.STEPS, len(recipes) / 10) for name in names}

    monkeypatch.setattr(truncation, "measured", measured)
    outcome.of(truncation, "--epochs", "4", "--seed", "6")
    assert recipes == [(cell, "adam", 4, 6, "train", "test") for cell in CELLS]
    content = outcome.written["truncation.json"]
    assert (content["epochs"], content["seed"]) == (4, 6)
    assert {name: cell["accuracy"][7] for name, cell in content["cells"].items()} == {
        "SimpleRNN": 0.1,
        "GRU": 0.2,
        "LSTM": 0.3,
    }
    assert list(outcome.drawn) == ["truncation.png"]


# Files and options -------------------------------------------------------------------------------------


def test_results_are_written_with_the_conditions(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(interleave, "conditions", lambda packages: {"versions": list(packages)})
    path = tmp_path / "new" / "x.json"
    interleave.write(path, {"seconds": [1.5]})
    assert json.loads(path.read_text()) == {
        "versions": ["numpy", "tensorflow", "keras", "torch", "jax"],
        "seconds": [1.5],
    }
    assert f"written to {path}" in capsys.readouterr().out


def test_a_file_of_results_needs_its_folder(tmp_path):
    assert interleave.result_file(str(tmp_path / "x.json")) == tmp_path / "x.json"
    with pytest.raises(argparse.ArgumentTypeError, match=r"the folder of .*x\.json.* does not exist"):
        interleave.result_file(str(tmp_path / "no" / "x.json"))


def test_digits_are_training_and_test_in_this_order(tiny_data):
    (x, _), (x_test, _) = interleave.digits(argparse.ArgumentParser(), str(tiny_data))
    assert (len(x), len(x_test)) == (400, 100)


def test_shards_writes_what_was_measured_and_draws_what_is_counted_from_it(outcome, monkeypatch):
    counted, crosses = {}, {}
    draw = shards.drawing.workers
    monkeypatch.setattr(
        shards.drawing, "workers", lambda *panels: (counted.update(panels[0]), crosses.update(panels[1]))
    )
    monkeypatch.setattr(shards, "available_cores", lambda: 3)
    monkeypatch.setattr(Outcome, "save", lambda *_: None)
    outcome.of(shards, "--rounds", "4")
    names = [*(f"{rows} rows" for rows in (8, 16, 32, 64)), *shards.ALONE]
    steps = [f"{rows} rows, {workers} processes" for rows in (8, 16, 32, 64) for workers in (1, 2)]
    assert outcome.turns == [
        turn for cell in CELLS for turn in [(f"{cell}, shards", names, 4, 2), (f"{cell}, steps", steps, 4, 2)]
    ]
    settings = {name: options["setting"] for name, (_, options) in outcome.contestants.items()}
    assert [(s.shard_rows, s.threads, s.processes) for s in settings.values()] == [
        (rows, 1, workers) for rows in (8, 16, 32, 64) for workers in (1, 2)
    ]
    written = outcome.written["shards.json"]
    # 1.5, 10 and 2 times four seconds for ten times, and times eight for sixty steps: the second contestant's
    assert written["milliseconds"]["gru"]["16 rows"] == [600.0, 4000.0, 800.0]
    assert written["steps"]["gru"]["8 rows, 2 processes"] == pytest.approx([200.0, 8000 / 6, 1600 / 6])
    for cell, name in zip(CELLS, CLASSES, strict=True):
        times, measured = written["milliseconds"][cell], written["steps"][cell]
        assert counted[name] == {f"shards of {r} rows": shards.counted(times, r) for r in (8, 16, 32, 64)}
        for rows in (8, 16, 32, 64):
            assert crosses[name][f"shards of {rows} rows"] == {
                workers: median(measured[f"{rows} rows, {workers} processes"]) for workers in (1, 2)
            }
    figure = draw(counted, crosses)
    for axes, name in zip(figure.axes, CLASSES, strict=True):
        lines = [(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in axes.lines]
        drawn = [*counted[name].values(), *crosses[name].values()]
        assert lines == [(tuple(values), tuple(values.values())) for values in drawn]


def test_roofline_writes_limits_and_parts_and_draws_them(outcome, monkeypatch):
    drawn = []
    draw = roofline.drawing.roofline
    monkeypatch.setattr(roofline.drawing, "roofline", lambda *what: drawn.extend(what))
    monkeypatch.setattr(Outcome, "save", lambda *_: None)
    names = [*roofline.PRODUCTS.values(), roofline.FUNCTIONS, roofline.ENTRIES, roofline.SUM]
    found = {
        name: {"calls": 1, "flops": 1e6, "bytes": 1e5, "seconds": 1e-5 * n} for n, name in enumerate(names, 1)
    }
    limits = {"GFLOP/s": 100.0, "GB/s": {roofline.NEAR: 50.0, roofline.FAR: 10.0}}
    monkeypatch.setattr(roofline, "limits", lambda rounds: limits)
    monkeypatch.setattr(roofline, "measured", lambda cell, rounds: {"µs": 10.0 * rounds, "parts": found})
    outcome.of(roofline, "--rounds", "3")
    cells = {cell: {"µs": 30.0, "parts": found} for cell in CELLS}
    assert outcome.written["roofline.json"] == {"limits": limits, "cells": cells}
    roofs = {name: dict.fromkeys(names, 1e-5) for name in CLASSES}
    assert drawn == [limits, dict.fromkeys(CLASSES, found), roofs]
    left, right = draw(*drawn).axes
    places = {(10.0, 1e-9 * 1e6 / part["seconds"]) for part in found.values()}
    assert {
        (*line.get_xdata(), *line.get_ydata()) for line in left.lines if len(line.get_xdata()) == 1
    } == places
    ends = [
        max(bar.get_x() + bar.get_width() for bar in right.patches[6 * row : 6 * row + 6]) for row in range(6)
    ]
    assert ends == pytest.approx([210, 60] * 3)
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == [f"{name}{how}" for name in CLASSES for how in ("", " at the limits")]


def test_the_seconds_of_a_shard_are_those_of_all_repeats():
    calls = []
    assert shards.seconds_of(lambda: calls.append(1)) > 0
    assert len(calls) == 10
