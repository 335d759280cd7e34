"""The adding problem and MNIST pixel by pixel: data, who is reported, going on after an interruption."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import adding
import curves
import long_memory
import numpy as np
import pixels
import pytest
import tables
from matplotlib.colors import same_color

from scratch_rnn import GRU, LSTM, load_mnist

# The adding problem ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    return adding.sequences(np.random.default_rng(0), 5000, 11)


def test_one_number_is_marked_in_each_half(drawn):
    x, _ = drawn
    markers = x[:, :, 1]
    assert set(np.unique(markers)) == {0, 1}
    assert (markers[:, :5].sum(1) == 1).all()
    assert (markers[:, 5:].sum(1) == 1).all()
    assert (markers.sum(0) > 300).all()  # at every timestep, of 5,000 / 5 and 5,000 / 6


def test_the_numbers_are_uniform_in_zero_to_one(drawn):
    numbers = drawn[0][:, :, 0]
    assert 0 <= numbers.min() < 0.001 < 0.999 < numbers.max() <= 1
    shares, _ = np.histogram(numbers, 10, (0, 1))
    np.testing.assert_allclose(shares / numbers.size, 0.1, atol=0.01)


def test_the_sum_of_the_marked_numbers_is_asked_for(drawn):
    x, y = drawn
    assert y.shape == (5000, 1)
    for sequence, answer in zip(x[:20], y[:20], strict=True):
        np.testing.assert_array_equal(sum(number for number, marker in sequence if marker), answer[0])


def test_always_one_has_the_error_of_the_baseline(drawn):
    errors = (drawn[1] - 1) ** 2
    assert abs(errors.mean() - adding.BASELINE) < 4 * errors.std() / math.sqrt(len(errors))


def test_batches_are_the_same_each_time_and_never_the_held_out_sequences():
    first, again = adding.batches(50), adding.batches(50)
    seen = [next(first) for _ in range(3)]
    for ours, theirs in zip(seen, again, strict=False):
        np.testing.assert_array_equal(ours[0], theirs[0])
    held_out = adding.held_out(50)
    assert {name: len(x) for name, (x, _) in held_out.items()} == {"validation": 1000, "test": 10_000}
    sums = [y for _, y in [*seen, *held_out.values()]]
    assert len(np.unique(np.concatenate(sums))) > 0.99 * sum(map(len, sums))
    np.testing.assert_array_equal(held_out["test"][0], adding.held_out(50)["test"][0])


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The script with tiny networks, few steps, one process and a folder of its own."""
    tiny = {"UNITS": 2, "BATCH": 4, "STEPS": 6, "EVERY": 2, "VALIDATION": 8, "TEST": 8, "LENGTHS": (4, 6)}
    for name, value in tiny.items():
        monkeypatch.setattr(adding, name, value)
    monkeypatch.setattr(adding, "JOBS", {f"{cell}-4": (cell, 4) for cell in ("IRNN", "GRU")})
    monkeypatch.setattr(adding, "FOLDER", tmp_path / "adding")
    monkeypatch.setattr(adding, "FIGURES", tmp_path)
    monkeypatch.setattr(adding, "ProcessPoolExecutor", lambda workers, context: ThreadPoolExecutor(1))
    monkeypatch.setattr("sys.argv", ["adding.py"])
    return tmp_path


def test_a_training_has_an_error_for_each_time_that_it_was_validated(small):
    result = adding.trained("LSTM", 4, 0.01)
    assert (len(result["training"]), len(result["validation"]), result["steps"]) == (3, 3, 6)
    assert result == adding.trained("LSTM", 4, 0.01) | {"seconds": result["seconds"]}


def test_a_training_ends_when_it_has_learned(small, monkeypatch):
    monkeypatch.setattr(adding, "LEARNED", 1e9)
    assert adding.trained("GRU", 4, 0.01)["steps"] == 2


def test_a_training_ends_when_its_states_explode(small):
    result = adding.trained("IRNN", 6, 1e30)
    assert (result["steps"], result["validation"], result["test"]) == (2, [None], None)
    assert adding.entry(result) == "not learned: exploded"
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_what_a_unit_keeps_is_the_mean_of_its_gate_where_no_number_is_marked():
    x, _ = adding.sequences(np.random.default_rng(0), 3, 6)
    for layer, gate in ((GRU(2, dtype="float64"), "u"), (LSTM(2, dtype="float64"), "f")):
        layer.build((None, None, 2), np.random.default_rng(1))
        found = []
        for sequence in x:
            states = None
            for timestep in sequence:
                s = layer.single_step(timestep[np.newaxis], states)
                states = [getattr(s, name).T for name in layer.state_names]
                if timestep[1] == 0:
                    found.append(getattr(s, gate)[:, 0].copy())
        assert len(found) == 3 * (6 - 2)
        first, second = np.mean(found, axis=0)
        expected = {"most": max(first, second), "mean": (first + second) / 2}
        assert adding.kept(layer, x) == pytest.approx(expected, rel=1e-12)
    assert adding.kept(long_memory.irnn(2), x) is None


def trials(monkeypatch, last_errors):
    """Have the trainings end with these validation errors, by rate; return what is reported."""

    def trained(cell, length, rate):
        return {"cell": cell, "length": length, "rate": rate, "validation": [0.2, last_errors[rate]]}

    monkeypatch.setattr(adding, "RATES", tuple(last_errors))
    monkeypatch.setattr(adding, "trained", trained)
    return adding.reported("GRU", 50)


def test_the_first_rate_that_has_learned_is_reported(monkeypatch):
    result = trials(monkeypatch, {0.3: None, 0.2: 0.009, 0.1: 0.001})
    assert (result["rate"], result["tried"]) == (0.2, {"0.3": None, "0.2": 0.009})


def test_where_no_rate_has_learned_the_smallest_error_is_reported(monkeypatch):
    result = trials(monkeypatch, {0.3: 0.1, 0.2: 0.05, 0.1: None})
    assert (result["rate"], result["tried"]) == (0.2, {"0.3": 0.1, "0.2": 0.05, "0.1": None})


def test_only_what_is_missing_is_trained(small, monkeypatch, capsys):
    adding.main()
    files = {path.name: path.read_text() for path in adding.FOLDER.iterdir()}
    assert sorted(files) == ["GRU-4.json", "IRNN-4.json"]
    (adding.FOLDER / "GRU-4.json").unlink()
    monkeypatch.setattr(adding, "reported", lambda *job: json.loads(files["GRU-4.json"]) | {"test": 7.0})
    adding.main()
    now = {path.name: path.read_text() for path in adding.FOLDER.iterdir()}
    assert now["IRNN-4.json"] == files["IRNN-4.json"]
    assert json.loads(now["GRU-4.json"])["test"] == 7
    assert (small / "adding.png").is_file()
    assert "T = 6" in capsys.readouterr().out


SUMS = {
    "GRU-50": {
        "test": 0.0041,
        "steps": 1200,
        "rate": 0.003,
        "validation": [0.1, 0.004],
        "kept": {"mean": 0.5, "most": 0.875},
    },
    "IRNN-400": {"test": None, "steps": 100, "rate": 0.01, "validation": [None], "kept": None},
    "GRU-400": {
        "test": 0.1234,
        "steps": 3000,
        "rate": 0.01,
        "validation": [0.17, 0.12],
        "kept": {"mean": 0.25, "most": 0.75},
    },
}


def test_the_table_of_adding_says_what_each_cell_reached():
    assert adding.rows(SUMS) == [
        ["", "T = 50", "T = 100", "T = 200", "T = 400"],
        ["SimpleRNN", "", "", "", ""],
        ["IRNN", "", "", "", "not learned: exploded"],
        ["GRU", "0.004 after 1,200 steps, rate 0.003", "", "", "not learned: 0.123"],
        ["LSTM", "", "", "", ""],
    ]


def test_the_gates_of_cells_that_have_learned_are_in_a_table():
    assert adding.gate_rows(SUMS) == [
        ["", "T = 50", "T = 100", "T = 200", "T = 400"],
        ["GRU, the unit that keeps most", "0.8750", "", "", ""],
        ["GRU, mean of 64 units", "0.5000", "", "", ""],
        ["LSTM, the unit that keeps most", "", "", "", ""],
        ["LSTM, mean of 64 units", "", "", "", ""],
    ]


def test_the_figure_of_adding_has_a_line_for_each_cell_and_the_baseline():
    figure = curves.adding({50: {"GRU": [0.2, 0.1]}, 400: {"IRNN": [0.3], "GRU": []}}, 100, 1 / 6, 0.01)
    first, second, *_ = figure.axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["T = 50", "T = 400"]
    assert first.get_yscale() == "log"
    lines = {line.get_label(): line for line in first.lines}
    assert set(lines["the answer is always 1"].get_ydata()) == {1 / 6}
    assert set(lines["counts as learned"].get_ydata()) == {0.01}
    assert list(lines["GRU"].get_xydata().ravel()) == [100, 0.2, 200, 0.1]
    assert same_color(lines["GRU"].get_color(), curves.COLOURS["GRU"])
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(named) == ["GRU", "IRNN", "counts as learned", "the answer is always 1"]
    assert len(set(curves.COLOURS.values())) == len(long_memory.CELLS)


# MNIST pixel by pixel ----------------------------------------------------------------------------------


def test_the_permutation_has_each_pixel_once_and_is_the_same_each_time():
    order = pixels.permutation()
    assert sorted(order) == list(range(784))
    np.testing.assert_array_equal(order, pixels.permutation())
    assert np.abs(np.diff(order)).mean() > 200  # neighbours are far apart


def test_a_digit_is_read_pixel_by_pixel():
    (x, _), _ = load_mnist("sample")
    read, mixed = (pixels.sequences(x[:3], order) for order in pixels.ORDERS)
    assert read.shape == mixed.shape == (3, 784, 1)
    assert read[1, 28 * 12 + 15, 0] == x[1, 12, 15]
    for timestep, pixel in enumerate(pixels.permutation()):
        assert (mixed[:, timestep, 0] == x[:3, pixel // 28, pixel % 28]).all()


def test_gates_that_keep_the_state_begin_open_for_up_to_all_timesteps():
    for cell, gates in {"LSTM": slice(128, 256), "GRU": slice(0, 128)}.items():
        layer = pixels.build(cell).layers[0]
        keep = np.exp(layer.bias.reshape(-1)[gates])
        assert 1 <= keep.min() < 100 < 600 < keep.max() < 784
        others = np.delete(layer.bias.reshape(-1), np.arange(layer.bias.size)[gates])
        assert set(np.unique(others)) - set(-layer.bias.reshape(-1)[gates]) == {0}


def test_an_irnn_begins_as_a_sum_of_its_inputs():
    kernel, recurrent, bias = pixels.build("IRNN").layers[0].weights
    np.testing.assert_array_equal(recurrent, np.eye(100))
    assert not bias.any()
    assert 0.0005 < kernel.std() < 0.002


@pytest.fixture
def trial(monkeypatch, tmp_path):
    """Networks of two units that read the middle 16 pixels, on a clock that a batch moves by one second."""
    clock = iter(range(10**6))
    tiny = {"PIXELS": 16, "UNITS": dict.fromkeys(pixels.CELLS, 2), "BATCH": 6, "EVERY": 3, "SAVE_EVERY": 2}
    for name, value in tiny.items():
        monkeypatch.setattr(pixels, name, value)
    monkeypatch.setattr(pixels, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    splits = [(x[:60, 12:16, 12:16], y[:60]) for x, y in load_mnist("sample")]

    def train(seconds, backup="job"):
        found = pixels.trained("GRU", "permuted", seconds / 3600, *splits, tmp_path / f"{backup}.npz")
        return {name: value for name, value in found.items() if name != "hours"}

    return train


def test_a_job_ends_with_the_first_save_after_its_time(trial):
    done = [trial(seconds, str(seconds))["batches"] for seconds in (2, 3, 5, 9)]
    assert done == [2, 4, 6, 9]  # the ninth ends an epoch, and that is saved, too


def test_the_curve_has_the_means_of_the_batches_since_the_last_point(trial):
    found = trial(18)
    assert [point["batches"] for point in found["curve"]] == [3, 6, 9, 12, 15, 18]
    assert [point["seconds"] for point in found["curve"]] == [3, 6, 9, 12, 15, 18]
    for name in ("loss", "accuracy"):
        means = np.mean([[point[name] for point in found["curve"]][n : n + 3] for n in (0, 3)], axis=1)
        np.testing.assert_allclose(means, found["history"][name], rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 5, 8])
def test_a_job_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(trial, monkeypatch, batch):
    whole = trial(14, "whole")
    check = pixels.Budget.on_train_batch_end

    def killed(self, number, logs=None):
        check(self, number, logs)
        if number == batch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pixels.Budget, "on_train_batch_end", killed)
        trial(14)
    assert trial(14) == whole
    assert whole["batches"] == 15


def test_with_more_time_a_job_goes_on_from_where_it_was(trial):
    assert trial(4)["batches"] == 4
    assert trial(4)["batches"] == 4
    assert trial(14) == trial(14, "whole")


def test_a_job_whose_loss_is_no_number_ends(trial, monkeypatch):
    build = pixels.build

    def broken(cell):
        model = build(cell)
        model.weights[0][...] = np.nan
        return model

    monkeypatch.setattr(pixels, "build", broken)
    found = trial(50)
    assert found["batches"] == 1
    assert found["test"]["loss"] is None
    json.dumps(found, allow_nan=False)


@pytest.fixture
def jobs(monkeypatch, tmp_path):
    """Run the script with trainings that are made up; return which were asked for."""
    asked = []

    def trained(cell, order, hours, train, test, backup):
        asked.append(
            (cell, order, hours, len(train[0]), len(test[0]), backup.relative_to(tmp_path).as_posix())
        )
        return DONE["GRU-in_order"] | {"cell": cell, "order": order, "hours": hours}

    def run(*options):
        asked.clear()
        monkeypatch.setattr("sys.argv", ["pixels.py", "--data", "sample", *options])
        pixels.main()
        return list(asked)

    monkeypatch.setattr(pixels, "trained", trained)
    monkeypatch.setattr(pixels, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(pixels, "BACKUPS", tmp_path / "pixels")
    monkeypatch.setattr(pixels, "FIGURES", tmp_path)
    return run


def test_a_job_is_trained_again_only_with_more_hours(jobs):
    only = ["--only", "IRNN-in_order", "LSTM-permuted"]
    first = [("IRNN", "in order", 0.5), ("LSTM", "permuted", 0.5)]
    assert [job[:3] for job in jobs(*only, "--hours", "0.5")] == first
    assert jobs(*only, "--hours", "0.5") == jobs(*only, "--hours", "0.4") == []
    assert [job[:3] for job in jobs("--only", "LSTM-permuted", "--hours", "0.6")] == [
        ("LSTM", "permuted", 0.6)
    ]


def test_all_six_jobs_have_the_same_time(jobs, tmp_path):
    cells = ("IRNN", "GRU", "LSTM")
    assert [job[:3] for job in jobs("--hours", "2")] == [(c, o, 2) for o in pixels.ORDERS for c in cells]
    assert len(list((tmp_path / "results").iterdir())) == 6
    assert (tmp_path / "pixels.png").is_file()


def test_a_trial_with_few_digits_leaves_the_results_alone(jobs, tmp_path):
    asked = jobs("--hours", "1", "--digits", "70", "--only", "GRU-permuted")
    assert asked == [("GRU", "permuted", 1, 70, 70, "pixels-70/GRU-permuted.npz")]
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "pixels.png").exists()


def test_hours_have_to_be_given(jobs, capsys):
    with pytest.raises(SystemExit) as end:
        jobs()
    assert end.value.code == 2
    assert "--hours" in capsys.readouterr().err


POINTS = [
    {"batches": 100, "seconds": 60.0, "accuracy": 0.25},
    {"batches": 200, "seconds": 150.0, "accuracy": 0.5},
]
DONE = {
    "GRU-in_order": {
        "cell": "GRU",
        "order": "in order",
        "hours": 1,
        "weights": 51594,
        "digits": 54000,
        "batches": 633,
        "seconds": 7200.0,
        "curve": POINTS,
        "validation": {"accuracy": 0.5},
        "test": {"accuracy": 0.75},
    }
}


def test_the_table_of_pixels_says_how_far_each_job_came():
    heading, irnn, gru, *others = pixels.rows(DONE)
    assert heading[2:] == ["weights", "minutes", "epochs", "s an epoch", "validation", "test", "published"]
    reached = ["51,594", "120", "1.50", "4800", "50.0%", "75.0%"]
    assert gru == ["GRU", "in order", *reached, "96.8% (Campos et al. 2018)"]
    assert irnn == ["IRNN", "in order", *[""] * 6, "97.0% (Le, Jaitly and Hinton 2015)"]
    assert [row[:2] for row in others] == [
        ["LSTM", "in order"],
        ["IRNN", "permuted"],
        ["GRU", "permuted"],
        ["LSTM", "permuted"],
    ]


def test_the_figure_of_pixels_has_a_line_for_each_cell_over_its_minutes():
    figure = curves.pixels(pixels.points(DONE))
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Pixels in order", "Pixels permuted"]
    lines = {line.get_label(): line for line in first.lines}
    assert list(lines["GRU"].get_xydata().ravel()) == [1, 25, 2.5, 50]
    assert same_color(lines["GRU"].get_color(), curves.COLOURS["GRU"])
    assert set(lines["always the same digit"].get_ydata()) == {10}
    assert len(second.lines) == 1


def test_the_tables_of_the_page_are_made_of_the_results(monkeypatch):
    monkeypatch.setattr(adding, "done", lambda *_: SUMS)
    monkeypatch.setattr(pixels, "done", lambda *_: DONE)
    first, second, third = (table() for table in tables.PAGES["docs/long_memory.md"])
    assert "| GRU | 0.004 after 1,200 steps, rate 0.003 |" in first
    assert "| GRU, the unit that keeps most | 0.8750 |" in second
    assert "| GRU | in order | 51,594 |" in third
