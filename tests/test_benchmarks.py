"""The benchmarks: what is made of what they measure, and that each explains itself."""

import argparse
import runpy
import subprocess
import sys
from pathlib import Path

import contestants as c
import cores
import gradients
import growth
import inference
import memory
import numpy as np
import parity
import pytest
import roofline
import rounding
import scaling
import shards
import start_up
import step_time
import sure
import terminal
import truncation
from helpers import randomize

from keras_reference.comparison import KERAS, SCRATCH
from scratch_rnn import LSTM
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.recipe import Recipe

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

SCRIPTS = [
    "adding",
    "cores",
    "gradients",
    "growth",
    "inference",
    "memory",
    "parity",
    "pixels",
    "ranks",
    "roofline",
    "rounding",
    "scaling",
    "scaling_model",
    "start_up",
    "shards",
    "step_time",
    "sure",
    "tables",
    "truncation",
    "valley",
]


def cells(table):
    """Return the columns of a table as rich was given them: {head: entries}."""
    return {str(column.header): [str(entry) for entry in column.cells] for column in table.columns}


def columns(rows):
    """Return the columns of rows, the first of which is the head, as a terminal shows them."""
    return cells(terminal.as_table(rows))


def run_script(monkeypatch, name, *options):
    """Run a script, in this Python; return its exit status."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")
    return end.value.code


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_explains_itself(name, monkeypatch, capsys):
    assert run_script(monkeypatch, name, "--help") == 0
    assert f"python benchmarks/{name}.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parity", "--data", "missing.npz"], "--data: 'missing.npz': expected 'auto', 'sample' or"),
        (["parity", "--out", "no/such/x.json"], "--out: the folder of 'no/such/x.json' does not"),
        (["step_time", "--rounds", "0"], "--rounds: '0' is not a whole number above zero"),
        (["parity", "--seeds", "0"], "--seeds: '0' is not a whole number above zero"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments, message, monkeypatch, capsys):
    if arguments[0] == "parity":
        pytest.importorskip("keras")
    assert run_script(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err


# What is made of the times -----------------------------------------------------------------------------

# Means are in another order than medians; the least and most are others still.
TIMES = {
    "scratch_rnn": [4.0, 30.0, 6.0],  # median 6
    "scratch_rnn, threads": [5.0, 3.0, 4.5],  # 4.5
    "Keras": [9.0, 8.0, 20.0],  # 9
    "products alone": [2.0, 1.0, 3.0],  # 2
}


def test_the_table_of_a_step_is_in_the_order_of_the_medians_and_compares_ours_with_each():
    table = cells(step_time.as_table("gru", TIMES))
    assert table == {
        "contestant": ["products alone", "scratch_rnn, threads", "scratch_rnn", "Keras"],
        "median": ["2.0", "4.5", "6.0", "9.0"],
        "least": ["1.0", "3.0", "4.0", "8.0"],
        "most": ["3.0", "5.0", "30.0", "20.0"],
        "scratch_rnn": ["33% of this floor", "1.33 of it", "1.00 of it", "0.67 of it"],
        "scratch_rnn, threads": ["44% of this floor", "1.00 of it", "0.75 of it", "0.50 of it"],
    }
    assert step_time.as_table("gru", TIMES).title == "gru: milliseconds a training step"


def test_the_table_of_cores_has_the_medians_a_column_for_each_cell():
    results = {"gru": TIMES, "lstm": {name: [10 * value for value in TIMES[name]] for name in TIMES}}
    assert cells(cores.as_table(results)) == {
        "": list(TIMES),
        "gru": ["6.0", "4.5", "9.0", "2.0"],
        "lstm": ["60.0", "45.0", "90.0", "20.0"],
    }


def test_the_table_of_prediction_compares_ours_with_each_at_the_same_number_of_digits():
    results = {
        "many": {"scratch_rnn": [4.0, 30.0, 6.0], "Keras": [8.0, 2.0, 8.5]},
        "one": {"scratch_rnn": [3.0]},
    }
    assert cells(inference.as_table(results)) == {
        "": ["many", "many", "one"],
        "contestant": ["scratch_rnn", "Keras", "scratch_rnn"],
        "median": ["6", "8", "3"],
        "scratch_rnn is": ["1.000 of it", "0.750 of it", "1.000 of it"],
    }


@pytest.mark.parametrize(("module", "head"), [(memory, "MiB"), (start_up, "median")])
def test_the_tables_of_memory_and_start_up_have_medians(module, head):
    table = cells(module.as_table(TIMES))
    shown = ["6", "4", "9", "2"] if module is memory else ["6.00", "4.50", "9.00", "2.00"]
    assert list(table.values()) == [list(TIMES), shown]
    assert list(table)[1] == head


def test_scaling_divides_each_round_by_the_steps_of_its_size_and_quotes_medians(monkeypatch):
    seen = {}

    def fake(entrants, rounds, warm_up, title, alike):
        seen.update(entrants=entrants, alike=alike, rounds=rounds)
        return {name: [number + 1.0, 90.0, number + 2.0] for number, name in enumerate(entrants)}

    monkeypatch.setattr(scaling, "in_turn", fake)
    result = scaling.measured("time", (28, 784), {"ours": "f", "theirs": "g"}, 3)
    # WORK = 20 steps of 28 rows, 128 units, 128 digits; never fewer than ten.
    assert {name: (each[0], each[1]["setting"].steps) for name, each in seen["entrants"].items()} == {
        "ours 28": ("f", 20),
        "ours 784": ("f", 10),
        "theirs 28": ("g", 20),
        "theirs 784": ("g", 10),
    }
    assert seen["alike"] == [["ours 28", "theirs 28"], ["ours 784", "theirs 784"]]
    assert result["milliseconds"]["theirs"] == {28: [150, 4500, 200], 784: [400, 9000, 500]}
    assert scaling.middle(result) == {"ours": {28: 100, 784: 300}, "theirs": {28: 200, 784: 500}}
    assert cells(scaling.as_table("time", scaling.middle(result))) == {
        "time": ["28", "784"],
        "ours": ["100.00", "300.00"],
        "theirs": ["200.00", "500.00"],
        "ours, µs / T": ["3571", "383"],
        "theirs, µs / T": ["7143", "638"],
    }


def test_scaling_leaves_out_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(scaling, "in_turn", lambda *_, **__: {"ours 8": [1.0], "ours 16": [2.0]})
    result = scaling.measured("batch", (8, 16), {"ours": "f", "theirs": "g"}, 1)
    assert list(result["milliseconds"]) == ["ours"]
    assert list(cells(scaling.as_table("batch", scaling.middle(result)))) == ["batch", "ours"]


@pytest.mark.parametrize(
    ("axis", "size", "steps"), [("units", 512, 10), ("units", 64, 80), ("units", 8, 200), ("batch", 256, 10)]
)
def test_larger_sizes_make_fewer_steps_in_a_round(axis, size, steps):
    setting = scaling.setting(axis, size)
    assert (getattr(setting, axis), setting.steps) == (size, steps)


# Losses and gradients beside Keras ---------------------------------------------------------------------


def test_parity_compares_libraries_at_one_precision_and_each_library_with_itself(monkeypatch):
    losses = {
        "float32": {SCRATCH: [2.0, 1.0], KERAS: [2.0, 1.1]},
        "float64": {SCRATCH: [2.0, 1.25], KERAS: [2.5, 1.25]},
    }
    weights = {None: "those of float32", "those of float32": "unused"}
    seen = []

    def first_losses(recipe, train, given):
        seen.append((recipe, train, given))
        return losses[recipe.dtype], weights[given]

    monkeypatch.setattr(parity, "first_losses", first_losses)
    result = parity.differences("gru", 7, "digits")
    assert result == {
        "float32": pytest.approx(0.1 / 1.1),
        "float64": pytest.approx(0.5 / 2.5),
        SCRATCH: pytest.approx(0.25 / 1.25),
        KERAS: pytest.approx(0.5 / 2.5),
    }
    # Both precisions begin with the same weights and see the same digits.
    assert [(recipe.dtype, given) for recipe, _, given in seen] == [
        ("float32", None),
        ("float64", "those of float32"),
    ]
    assert {(recipe.cell, recipe.seed, train) for recipe, train, _ in seen} == {("gru", 7, "digits")}


def test_parity_compares_each_column_by_itself(monkeypatch):
    losses = {
        "float32": {SCRATCH: [1.0], KERAS: [1.01]},
        "float64": {SCRATCH: [1.1], KERAS: [1.5]},
    }
    monkeypatch.setattr(parity, "first_losses", lambda recipe, *_: (losses[recipe.dtype], None))
    assert parity.differences("gru", 0, None) == {
        "float32": pytest.approx(0.01 / 1.01),
        "float64": pytest.approx(0.4 / 1.5),
        SCRATCH: pytest.approx(0.1 / 1.1),
        KERAS: pytest.approx(0.49 / 1.5),
    }


def test_the_table_of_parity_names_what_each_column_compares():
    row = {"cell": "gru", "seed": 3, "float32": 1e-5, "float64": 2e-13, SCRATCH: 3e-4, KERAS: 4e-4}
    assert cells(parity.as_table([row])) == {
        "cell": ["gru"],
        "seed": ["3"],
        "float32:\nscratch_rnn\nand Keras": ["1.0e-05"],
        "float64:\nscratch_rnn\nand Keras": ["2.0e-13"],
        "scratch_rnn:\nfloat32\nand float64": ["3.0e-04"],
        "Keras:\nfloat32\nand float64": ["4.0e-04"],
    }


def test_parity_trains_on_the_batches_that_compare_begins_with(monkeypatch, digits):
    """As the fit of a model like ours, on the rows of `compare` in their order, has the same losses."""
    pytest.importorskip("keras")
    from scratch_rnn.training.callbacks import Callback

    class Losses(Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(logs["batch_loss"])

    monkeypatch.setattr(parity, "FIRST_BATCHES", 3)
    recipe, (x, y), seen = Recipe(cell="gru", units=4, batch_size=40, seed=3, dtype="float64"), digits, []
    losses, weights = parity.first_losses(recipe, (x, y), None)
    # compare: the last 30 of 300 are for validation, the others in an order by the seed.
    order = np.random.default_rng(3).permutation(270)[:120]
    model = recipe.build_model((28, 28))
    for weight, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    model.fit(x[order], y[order], 40, shuffle=False, verbose=0, callbacks=[Losses()])
    assert losses[SCRATCH] == seen
    assert losses[KERAS] == pytest.approx(seen, rel=1e-9)
    assert losses[KERAS] != seen  # it is not ours that stands there
    others, _ = parity.first_losses(recipe, (x, y), [2 * weight for weight in weights])
    assert abs(others[SCRATCH][0] - seen[0]) > 1e-4


def test_the_errors_of_gradients_are_those_of_rounding_and_of_differences():
    errors = gradients.numeric_errors("simple_rnn")
    assert errors["complex"] < 1e-12
    assert errors["directional"] < 1e-11
    assert 1e-12 < errors["central"] < 1e-6


def test_of_all_options_of_a_cell_the_worst_error_counts(monkeypatch):
    """Made-up errors, by method and variant."""
    errors = {"complex": [1e-15, 3e-15, 2e-15], "central": [5e-9, 4e-9, 6e-9], "directional": [7e-13]}

    def report(layer, *_, method):
        error = errors[method][layer if method != "directional" else 0]
        return argparse.Namespace(worst=argparse.Namespace(error=error))

    monkeypatch.setattr(gradients, "variants", lambda *_: [(0, ""), (1, ""), (2, "")])
    monkeypatch.setattr(gradients, "random_check", report)
    monkeypatch.setattr(gradients, "check_layer", report)
    assert gradients.numeric_errors("gru") == {"complex": 3e-15, "central": 6e-9, "directional": 7e-13}


def test_a_difference_is_relative_to_the_largest_entry_of_its_array():
    ours = [np.array([1.0, -4.5]), np.array([[10.0], [20.0]])]
    theirs = [np.array([1.5, -5.0]), np.array([[10.0], [21.0]])]
    assert gradients.largest_difference(ours, theirs) == pytest.approx(0.5 / 5)
    assert gradients.largest_difference(ours[1:], theirs[1:]) == pytest.approx(1 / 21)


def test_errors_beside_keras_stand_in_their_own_columns(monkeypatch, digits):
    pytest.importorskip("keras")
    from keras_reference import gradients as reference
    from keras_reference import side_by_side, twin

    fakes = FakeTraining()
    monkeypatch.setattr(side_by_side, "train_side_by_side", fakes.train_side_by_side)
    monkeypatch.setattr(reference, "twin_loss_and_gradients", fakes.gradients)
    monkeypatch.setattr(twin, "build_twin", fakes.build_twin)
    assert gradients.keras_errors("simple_rnn", digits) == {
        "Keras": pytest.approx(0.2),
        "losses": pytest.approx(0.5 / 4),
        "weights": pytest.approx(0.3),
    }
    # Ours over theirs, on the first batch alone, and 200 batches over and over.
    assert len(fakes.batch) == 128
    x, y = fakes.train
    assert len(x) == len(y) == 200 * 128
    np.testing.assert_array_equal(y[:600], np.tile(digits[1], 2))
    np.testing.assert_array_equal(x[300 + 17], digits[0][17])


class FakeTraining:
    """A Keras whose gradients are a fifth too large, losses off by an eighth, weights by three tenths."""

    def build_twin(self, model, shape):
        self.model = randomize(model)  # no array is zero
        return self

    def gradients(self, model, twin, x, y):
        self.batch = x
        _, ours = model.loss_and_gradients(x, y)
        return 0.0, [g / 0.8 for g in ours]

    def train_side_by_side(self, model, twin, train, validation, **options):
        self.train = train
        ours, theirs = (
            argparse.Namespace(batch_losses=[2.0, 3.5]),
            argparse.Namespace(batch_losses=[2.0, 4.0]),
        )
        return {SCRATCH: ours, KERAS: theirs}

    def get_weights(self):
        return [weight / 0.7 for weight in self.model.get_weights()]


def test_the_table_of_gradients_has_a_row_for_each_cell():
    numbers = dict(zip(gradients.COLUMNS, [1e-1, 2e-2, 3e-3, 4e-4, 5e-5, 6e-6], strict=True))
    assert cells(gradients.as_table({"gru": numbers})) == {
        "cell": ["gru"],
        "complex": ["1.0e-01"],
        "central": ["2.0e-02"],
        "directional": ["3.0e-03"],
        "Keras": ["4.0e-04"],
        "losses": ["5.0e-05"],
        "weights": ["6.0e-06"],
    }


# Memory, start-up and truncation -----------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_the_bytes_of_a_tape_are_those_of_its_arrays(cell):
    # T B (D + 1 + k H) numbers kept, float32; docs/bptt.md, section 11, counts 7 H for the LSTM.
    kept = {"simple_rnn": 1, "gru": 5, "lstm": 7}[cell]
    numbers = 28 * 128 * (28 + 1 + kept * 128)
    assert 4 * numbers < memory.tape_bytes(cell) < 1.2 * 4 * numbers


def peak_of(code):
    """Run the code in a Python whose parent is small, because Linux counts what that held before; in MiB."""
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    done = subprocess.run([sys.executable, "-c", parent, code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 2**20


def test_the_peak_is_the_most_that_was_held_at_once():
    held = "x = b'1' * 100 * 2**20; del x; x = b'1' * 60 * 2**20\n"
    assert peak_of(held + memory.PEAK) - peak_of(memory.PEAK) == pytest.approx(100, abs=15)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_of_two_processes_memory_is_added_up():
    held = """
import os
x = b'1' * 60 * 2**20
if not os.fork():
    y = b'1' * 100 * 2**20
    os._exit(0)
os.wait()
"""
    alone, both = peak_of(held + memory.PEAK), peak_of(held + memory.PEAK_WITH_HELPER)
    assert alone > 60
    assert both - alone > 150  # what both share counts twice


@pytest.mark.parametrize("name", list(memory.RUNS))
def test_each_run_is_asked_for_its_peak_in_mebibytes(monkeypatch, name):
    done = argparse.Namespace(stdout="epoch 1\n3145728\n")
    monkeypatch.setattr(memory.subprocess, "run", lambda command, **_: asked.append(command[2]) or done)
    asked = []
    assert memory.peak(name) == 3
    helper = memory.PEAK_WITH_HELPER if name == "scratch_rnn, 2 processes" else memory.PEAK
    assert asked == [memory.RUNS[name] + helper]


def test_a_command_is_timed_in_a_new_python_and_has_to_succeed():
    assert 0 < start_up.timed(["-c", "pass"]) < start_up.timed(["-c", "import time; time.sleep(1.5)"])
    with pytest.raises(subprocess.CalledProcessError):
        start_up.timed(["-c", "1 / 0"])


def test_a_truncated_gradient_is_relative_to_the_full_one(digits):
    x, y = digits[0][:8], digits[1][:8]
    model = Recipe(cell="gru", units=3, dtype="float64", seed=2).build_model((28, 28))
    errors = truncation.gradient_errors(model, x, y)
    full = truncation.truncated_gradient(model, x, y, None)
    assert full.size == sum(weight.size for weight in model.layers[0].weights)
    _, by_model = model.loss_and_gradients(x, y)
    np.testing.assert_allclose(full, np.concatenate([g.ravel() for g in by_model[:3]]))
    assert errors[28] == 0
    one = truncation.truncated_gradient(model, x, y, 1)
    assert errors[1] == pytest.approx(np.sqrt(np.sum((one - full) ** 2) / np.sum(full**2)))
    assert errors[1] > errors[7] > errors[21] > 0


def test_truncation_trains_with_so_many_steps_and_compares_untrained_with_fully_trained(monkeypatch, digits):
    x, y = digits
    monkeypatch.setattr(truncation, "STEPS", (1, 28))
    seen = []
    monkeypatch.setattr(
        truncation, "gradient_errors", lambda model, rows, _: seen.append((model, len(rows))) or len(seen)
    )
    recipe = Recipe(cell="gru", units=8, optimizer="adam", epochs=2, seed=1, batch_size=10)
    result = truncation.measured(recipe, (x[:200], y[:200]), (x[200:], y[200:]))
    for steps in (1, 28):
        model = recipe.build_model((28, 28))
        model.layers[0].bptt_steps = steps
        model.fit(x[:200], y[:200], 10, 2, verbose=0)
        assert result["accuracy"][steps] == model.evaluate(x[200:], y[200:])["accuracy"]
    assert result["accuracy"][1] != result["accuracy"][28]
    assert (result["error before training"], result["error after training"]) == (1, 2)
    (untrained, rows), (trained, _) = seen
    assert rows == 100
    for weight, start in zip(untrained.weights, recipe.build_model((28, 28)).weights, strict=True):
        np.testing.assert_array_equal(weight, start)
    for weight, end in zip(trained.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, end)


def test_the_table_of_truncation_has_a_row_for_each_k(monkeypatch):
    monkeypatch.setattr(truncation, "STEPS", (1, 28))
    result = {
        "accuracy": {1: 0.55, 28: 0.97},
        "error before training": {1: 0.75, 28: 0.0},
        "error after training": {1: 0.99, 28: 0.001},
    }
    assert cells(truncation.as_table({"GRU": result})) == {
        "k": ["1", "28"],
        "GRU": ["55.00%; 0.75, 0.99", "97.00%; 0, 0.001"],
    }


# Shards ------------------------------------------------------------------------------------------------

ALONE = {"sum of two gradients": [0.25], "optimizer": [2.0], "weights to the helpers": [1.0]}
SHARDS = {"8 rows": [5.0], "16 rows": [7.0], "32 rows": [11.0], "64 rows": [20.0], **ALONE}


def test_a_step_on_more_workers_is_counted_as_the_longest_share_and_what_one_alone_does():
    # 128 rows are 2 shards of 64 and one sum, 16 of 8 and fifteen sums; the undivided rest is 3.
    assert shards.counted(SHARDS, 64) == {1: 43.25, 2: 23.25, 4: 23.25, 8: 23.25, 16: 23.25}
    assert shards.counted(SHARDS, 8) == {1: 86.75, 2: 46.75, 4: 26.75, 8: 16.75, 16: 11.75}


def test_the_table_of_shards_has_their_cost_and_the_steps():
    table = columns(shards.as_rows({"gru": SHARDS}))
    assert table["milliseconds"] == ["GRU"] * 4
    assert table["rows"] == ["8", "16", "32", "64"]
    assert table["a shard"] == ["5.00", "7.00", "11.00", "20.00"]
    assert table["64 rows"] == ["40.00", "28.00", "22.00", "20.00"]
    assert table["undivided"] == ["6.75", "4.75", "3.75", "3.25"]
    assert table["step, 1 worker"] == ["86.75", "60.75", "47.75", "43.25"]
    assert table["step, 4 workers"] == ["26.75", "18.75", "14.75", "23.25"]


def test_what_is_timed_of_a_shard_is_a_whole_pass_there_and_back():
    timed = shards.work(c.Setting(cell="simple_rnn", units=3))
    assert list(timed) == list(SHARDS)
    assert all(function() > 0 for function in timed.values())


# Roofline ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def timesteps():
    """What roofline.py measures of a timestep of each cell."""
    return {cell: roofline.measured(cell, rounds=1)["parts"] for cell in CELLS}


# Twice G H (D + 1 + H) B operations forward and for the weights, G H H B back; the GRU has b' too.
@pytest.mark.parametrize(
    ("cell", "forward", "back"),
    [
        ("simple_rnn", 128 * 157, 128 * 128),
        ("gru", 256 * 158 + 128 * (29 + 129), 384 * 128),
        ("lstm", 512 * 157, 512 * 128),
    ],
)
def test_the_products_of_a_timestep_are_counted_as_the_equations_have_them(timesteps, cell, forward, back):
    parts = timesteps[cell]
    counted = {name: parts[name]["flops"] for name in roofline.PRODUCTS.values()}
    assert counted["products, forward"] == 2 * 64 * forward
    assert counted["products, gradient of h"] == 2 * 64 * back
    assert counted["products, gradients of the weights"] == counted["products, forward"]


@pytest.mark.parametrize(("cell", "blocks"), [("simple_rnn", 1), ("gru", 3), ("lstm", 5)])
def test_each_gate_and_each_candidate_takes_one_exp_or_tanh(timesteps, cell, blocks):
    part = timesteps[cell][roofline.FUNCTIONS]
    assert part["flops"] == blocks * 128 * 64
    assert part["bytes"] == 2 * 4 * blocks * 128 * 64  # read and written


def test_the_sum_over_the_timesteps_reads_two_matrices_and_writes_one(timesteps):
    part = timesteps["lstm"][roofline.SUM]
    assert (part["calls"], part["flops"], part["bytes"]) == (1, 157 * 512, 3 * 4 * 157 * 512)


def test_what_is_watched_is_the_computation_that_is_not():
    x, dy = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32"), np.ones((3, 6), "float32")
    results = []
    for watched in (False, True):
        layer = LSTM(6, seed=0)
        _, tape = layer.forward(x[1])
        if watched:
            roofline.watch(layer, tape)
        y, tape = layer.forward(x[0], tape=tape)
        results.append([y, *layer.backward(dy, tape).weights])
    assert all(map(np.array_equal, *results))


def test_a_part_is_as_far_as_the_nearer_limit_allows():
    limits = {"GFLOP/s": 100.0, "GB/s": {roofline.NEAR: 50.0, roofline.FAR: 10.0}}
    parts = {"a": {"flops": 2e9, "bytes": 5e8}, "b": {"flops": 1e9, "bytes": 1e10}}
    assert roofline.at_limits(parts, limits) == {"a": 0.02, "b": 0.2}


def test_the_table_of_the_roofline_has_the_rates_of_each_part():
    part = {"calls": 2.0, "flops": 8e6, "bytes": 1e6, "seconds": 1e-4}
    limits = {"GFLOP/s": 100.0, "GB/s": {roofline.NEAR: 50.0, roofline.FAR: 10.0}}
    result = {"limits": limits, "cells": {"gru": {"µs": 200.0, "parts": {"products": part}}}}
    table = columns(roofline.as_rows(result))
    assert list(table.values()) == [
        ["GRU", "GRU"],
        ["products", "all, unwatched"],
        ["2", ""],
        ["100", "200"],
        ["50%", ""],
        ["80", ""],
        ["10", ""],
        ["80", "80"],
    ]


# How sure an answer is -----------------------------------------------------------------------------------


def test_the_threshold_is_the_least_at_which_the_sure_answers_of_every_cell_are_right_often_enough():
    p = np.full((1000, 2), 0.0)
    p[:, 0] = np.repeat([0.99, 0.72, 0.66, 0.62], [900, 50, 30, 20])  # sure, and less so
    p[:, 1] = 1 - p[:, 0]
    labels = np.zeros(1000, int)
    labels[[0, 1, 2, *range(900, 903), *range(960, 980)]] = 1  # 3 of 900, 3 of 50, 20 of 30 are wrong
    found = sure.shares(p, labels)
    assert found[0.7] == {"unsure": 0.05, "mistakes": 20 / 26, "right": 1 - 6 / 950}
    assert found[0.75] == {"unsure": 0.1, "mistakes": 23 / 26, "right": 1 - 3 / 900}
    assert found[0.65]["right"] == 1 - 26 / 980
    good = {t: {"right": 1.0} for t in sure.THRESHOLDS}
    assert sure.chosen({"one": found}) == sure.chosen({"one": found, "other": good}) == 0.7
    assert sure.chosen({"other": good}) == 0.4
    assert np.isnan(sure.chosen({"bad": {t: {"right": 0.98} for t in sure.THRESHOLDS}}))


def test_the_table_of_thresholds_has_a_row_for_each(monkeypatch):
    monkeypatch.setattr(sure, "THRESHOLDS", (0.5, 0.75))
    shares = {t: {"unsure": 0.05, "mistakes": 0.5, "right": t} for t in (0.5, 0.75)}
    assert cells(sure.as_table({"GRU": shares})) == {
        "threshold": ["0.5", "0.75"],
        "GRU": ["5.0%; 50%; 50.00%", "5.0%; 50%; 75.00%"],
    }


# Growth of the gradient, and of a rounding error -------------------------------------------------------


def test_rows_lie_above_the_ink_of_their_digit_in_it_or_below():
    x = np.zeros((2, 5, 3))
    x[0, 1, 2] = x[0, 3, 0] = 1  # a blank row within the digit belongs to it
    x[1, 4, 1] = 1
    found = growth.places(x)
    assert [found[place].astype(int).tolist() for place in growth.PLACES] == [
        [[1, 0, 0, 0, 0], [1, 1, 1, 1, 0]],
        [[0, 1, 1, 1, 0], [0, 0, 0, 0, 1]],
        [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]],
    ]


def test_the_growth_of_a_simple_rnn_in_its_linear_range_is_that_of_its_recurrent_kernel(digits):
    """With tiny weights tanh' is 1; U doubles lengths in every direction."""
    model = Recipe(cell="simple_rnn", units=4, dtype="float64").build_model((28, 28))
    kernel, recurrent_kernel, bias = model.layers[0].weights
    kernel *= 1e-30
    bias[...] = 0
    recurrent_kernel *= 2
    x, y = digits
    found = growth.of_network(model, x[:20], y[:20])
    for place in growth.PLACES:
        assert found["growth"][place] == pytest.approx(2)
        assert found["direct"][place] == pytest.approx(1)
    assert (found["radius"], found["norm"]) == pytest.approx((2, 2))


def test_a_turn_and_a_stretch_of_u_are_told_apart():
    assert growth.of_kernel(np.array([[0.0, 4.0], [1.0, 0.0]])) == pytest.approx({"radius": 2, "norm": 4})
    assert growth.of_kernel(np.ones((2, 6))) == {}


def test_the_moved_network_differs_by_one_unit_in_the_last_place_of_its_kernel_alone():
    recipe = Recipe(units=3, dtype="float64")
    plain = recipe.build_model((28, 28))
    moved = rounding.moved_side(model := recipe.build_model((28, 28)))
    assert moved.result.name == rounding.MOVED
    kernel, *others = zip(model.weights, plain.weights, strict=True)
    np.testing.assert_array_equal(kernel[0], np.nextafter(kernel[1], 9))
    for one, other in others:
        np.testing.assert_array_equal(one, other)


def test_what_is_followed_are_the_losses_of_all_batches_of_each(digits, monkeypatch):
    monkeypatch.setattr(rounding, "load_mnist", lambda _: (digits, digits))
    monkeypatch.setattr(rounding, "twin_side", lambda *_: [])
    losses = rounding.measured(Recipe(units=3, epochs=2, batch_size=150, dtype="float64"))
    assert list(losses) == [SCRATCH, rounding.MOVED]
    own, moved = losses.values()
    assert len(own) == len(moved) == 4
    np.testing.assert_allclose(own, moved, rtol=1e-12)
    ((name, difference),) = rounding.differences(losses).items()
    assert name == rounding.MOVED
    np.testing.assert_array_equal(difference, np.abs(np.subtract(own, moved)))
