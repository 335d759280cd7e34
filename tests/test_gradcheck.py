"""scratch-rnn gradcheck: what it checks, what it says of it, and its exit status."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from scratch_rnn import Dense, SimpleRNN
from scratch_rnn.checks.gradient_check import METHODS, ArrayCheck, Report
from scratch_rnn.checks.known_bugs import BUGS
from scratch_rnn.checks.variants import random_check, variants
from scratch_rnn.commands import gradcheck
from scratch_rnn.commands.main import main

SWITCHED = [
    f"{sequences}{backwards}{bias}"
    for sequences in ("", " +seq")
    for backwards in ("", " +back")
    for bias in ("", " -bias")
]
AT_LAST = [" +seq +dropout", " +seq +checkpoint_every=2", " +seq +bptt_steps=2"]
# The titles of all layers, by hand.
TITLES = {
    "simple_rnn": [
        f"SimpleRNN {activation}{switched}"
        for activation in ("tanh", "relu", "linear")
        for switched in [*SWITCHED, *AT_LAST]
    ],
    "gru": [f"GRU{form}{switched}" for form in ("", " reset before") for switched in [*SWITCHED, *AT_LAST]],
    "lstm": [f"LSTM{switched}" for switched in [*SWITCHED, *AT_LAST]],
    "layer_norm_lstm": [
        f"LayerNormLSTM{switched}" for switched in ["", " +back", " +seq", " +seq +back", *AT_LAST]
    ],
    "bidirectional": [
        f"Bidirectional LSTM {mode}{seq}" for mode in ("concat", "sum", "mul", "ave") for seq in ("", " +seq")
    ],
    "dense": [
        f"Dense {activation}{bias}"
        for activation in ("linear", "relu", "sigmoid", "softmax")
        for bias in ("", " -bias")
    ],
}
CELLS = ("simple_rnn", "gru", "lstm", "layer_norm_lstm")
RECURRENT = [title for cell in CELLS for title in TITLES[cell]]


def titles_of(cell, method):
    """Return the titles of the layers that a method can check."""
    return [t for t in TITLES[cell] if method != "central" or not ("bptt" in t or "relu" in t)]


def units_of(layer):
    """Return the units of a layer, of a bidirectional one those of each direction."""
    return getattr(layer, "layer", layer).units


def check_of(name, error=1e-16, passed=True, index=(0,), problem=""):
    return ArrayCheck(name, (2, 3), index, 0.25, 0.75, error, problem, passed)


def report_of(title, *checks, method="complex", tolerance=1e-12, floor=1e-3):
    return Report(title, method, tolerance, floor, list(checks))


@pytest.fixture
def run(capsys):
    """What runs the command and returns its exit status and what it printed."""

    def command(*words):
        status = main(["gradcheck", *map(str, words)])
        return status, capsys.readouterr().out

    return command


@pytest.fixture
def asked(monkeypatch):
    """The layers that the command checks and how, in place of a check."""
    calls = []

    def random_check(layer, **options):
        calls.append(SimpleNamespace(layer=layer, **options))
        return report_of(options["title"], check_of("kernel"))

    monkeypatch.setattr(gradcheck, "random_check", random_check)
    return calls


# What is checked -------------------------------------------------------------------------------------------


def test_all_layers_are_checked_with_all_options_where_nothing_is_said(run, asked):
    assert run()[0] == 0
    assert [call.title for call in asked] == [title for titles in TITLES.values() for title in titles]
    assert {units_of(call.layer) for call in asked} == {4}
    assert {call.layer.dtype for call in asked} == {np.dtype("float64")}
    assert {(call.method, call.scale, call.bug) for call in asked} == {("complex", 0.5, None)}


@pytest.mark.parametrize("cell", TITLES)
def test_one_cell_can_be_checked_alone(cell, run, asked):
    assert run("--cell", cell)[0] == 0
    assert [call.title for call in asked] == TITLES[cell]


@pytest.mark.parametrize("cell", TITLES)
def test_a_title_says_what_its_layer_is(cell, run, asked):
    run("--cell", cell)
    for layer, title in ((call.layer, call.title) for call in asked):
        words = title.split()
        assert words[0] == type(layer).__name__
        if cell == "bidirectional":
            assert (type(layer.layer).__name__, layer.merge_mode) == tuple(words[1:3])
            assert layer.return_sequences == ("+seq" in words)
            continue
        if cell != "layer_norm_lstm":
            assert layer.use_bias == ("-bias" not in words)
        if cell == "dense":
            assert layer.activation.name == words[1]
            continue
        assert layer.return_sequences == ("+seq" in words)
        assert layer.go_backwards == ("+back" in words)
        assert layer.dropout == layer.recurrent_dropout == (0.25 if "+dropout" in words else 0)
        assert layer.bptt_steps == (2 if "+bptt_steps=2" in words else None)
        assert layer.checkpoint_every == (2 if "+checkpoint_every=2" in words else None)
        assert layer.activation.name == (words[1] if cell == "simple_rnn" else "tanh")
        if cell == "gru":
            assert layer.reset_after == ("reset before" not in title)


def test_central_differences_leave_out_what_truncates_and_what_has_a_kink(run, asked):
    assert run("--method", "central")[0] == 0
    titles = [title for titles in TITLES.values() for title in titles]
    assert [call.title for call in asked] == [t for t in titles if not ("bptt" in t or "relu" in t)]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--method", "directional"], "method", "directional"),
        (["--method", "central"], "method", "central"),
        (["--scale", 0.125], "scale", 0.125),
        (["--inject", "tape-overwritten"], "bug", "tape-overwritten"),
    ],
)
def test_each_option_reaches_the_check(words, name, value, run, asked):
    run("--cell", "gru", *words)
    assert asked
    assert {getattr(call, name) for call in asked} == {value}


def test_units_and_dtype_are_those_of_the_layers(run, asked):
    run("--units", 7, "--dtype", "float32")
    assert {(units_of(call.layer), call.layer.dtype.name) for call in asked} == {(7, "float32")}


TOLERANCES = [
    ("complex", "float64", 1e-12, 1e-3),
    ("central", "float64", 1e-6, 1e-3),
    ("directional", "float64", 1e-11, 1e-3),
    ("complex", "float32", 1e-3, 1e-2),
    ("central", "float32", 1e-3, 1e-2),
    ("directional", "float32", 1e-3, 1e-2),
]


@pytest.mark.parametrize(("method", "dtype", "tolerance", "floor"), TOLERANCES)
def test_the_reports_are_those_of_the_method_the_dtype_and_the_units(method, dtype, tolerance, floor, run):
    words = ["--method", method, "--dtype", dtype, "--units", 2, "--json"]
    status, text = run("--cell", "lstm", *words)
    reports = json.loads(text)
    assert status == 0
    assert [report["title"] for report in reports] == titles_of("lstm", method)
    for report in reports:
        assert (report["method"], report["tolerance"], report["floor"]) == (method, tolerance, floor)
        shapes = {check["name"]: check["shape"] for check in report["checks"]}
        bias = {} if "-bias" in report["title"] else {"bias": [8]}
        assert shapes == {
            "kernel": [3, 8],
            "recurrent_kernel": [2, 8],
            **bias,
            "input": [3, 5, 3],
            "initial h": [3, 2],
            "initial c": [3, 2],
        }


# What is said ----------------------------------------------------------------------------------------------


def rows(reports):
    """Return the title of the table and its rows, each a list of its fields."""
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(gradcheck.as_table(reports))
    head, body = re.split(r"^ *─+ *$", capture.get(), flags=re.MULTILINE)
    title, _ = " ".join(head.split()).split(" error ")
    return title, [re.split(r" {2,}", line.strip()) for line in body.splitlines() if line.strip()]


def test_a_row_says_the_verdict_and_the_worst_error_of_its_layer_and_where_it_is():
    title, lines = rows(
        [
            report_of("LSTM +seq", check_of("kernel", 3e-15, index=(1, 2)), check_of("bias", 2e-16)),
            report_of(
                "GRU -bias",
                check_of("kernel", 4e-15),
                check_of("input", 0.21, False, (2, 0, 1)),
                check_of("initial h", 0.05, False),
            ),
            report_of("Dense relu", check_of("kernel", 5e-17), check_of("bias", 6e-17, index=(3,))),
        ]
    )
    assert title == "complex, tolerance 1e-12 above a floor of 0.001"
    assert lines == [
        ["ok", "3.0e-15", "LSTM +seq", "kernel [1, 2]"],
        ["WRONG", "2.1e-01", "GRU -bias", "input [2, 0, 1]"],
        ["ok", "6.0e-17", "Dense relu", "bias [3]"],
    ]


def test_a_row_says_what_kept_entries_from_being_compared():
    nan = float("nan")
    _, lines = rows(
        [
            report_of("LSTM", check_of("bias", 0.5, False), check_of("kernel", nan, False, None, "no [red]")),
            report_of("GRU", check_of("input", 1e-3, False, (0, 1), "second call differs")),
        ]
    )
    assert lines == [
        ["WRONG", "nan", "LSTM", "kernel: no [red]"],
        ["WRONG", "1.0e-03", "GRU", "input: second call differs"],
    ]


def test_a_row_says_below_the_place_what_is_wrong_there():
    wrong = replace(check_of("kernel", 0.5, False), finding="3 of 6 entries wrong")
    _, lines = rows([report_of("LSTM", check_of("bias"), wrong)])
    assert lines == [["WRONG", "5.0e-01", "LSTM", "kernel [0]"], ["3 of 6 entries wrong"]]


def test_below_the_table_stands_what_one_timestep_says_once_for_all_layers(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    status, text = run("--cell", "lstm", "--inject", "cell-state-off-by-one")
    where = "12 of 48 entries wrong, all in the columns of the forget gate, 4 to 7"
    said = f"wrong with one timestep already, kernel: {where}"
    assert status == 1
    assert " ".join(text.split()).count(f"11 of 11 layers: {said}") == 1
    table = text.partition("11 of 11")[0]
    assert max(map(len, table.splitlines())) <= 60
    assert "all 64 entries wrong" in table


def test_json_has_what_is_wrong_in_words(run):
    _, text = run("--cell", "simple_rnn", "--inject", "averaged-over-time", "--json")
    for report in json.loads(text):
        assert report["finding"].startswith("right with one timestep")
        assert report["checks"][0]["finding"].startswith(
            "each entry is 1/5 of what it should be (5 timesteps"
        )


def test_a_row_of_a_direction_names_the_array_alone():
    options = {"method": "directional", "tolerance": 1e-11, "floor": 0.02}
    title, lines = rows([report_of("LSTM", check_of("kernel", 2e-13, index=None), **options)])
    assert title == "directional, tolerance 1e-11 above a floor of 0.02"
    assert lines == [["ok", "2.0e-13", "LSTM", "kernel"]]


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [((True,) * 11, 0), ((False, *[True] * 10), 1), ((*[True] * 10, False), 1), ((False,) * 11, 1)],
    ids=["none", "the first", "the last", "all"],
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "JSON"])
def test_the_exit_status_is_one_where_any_gradient_is_wrong(verdicts, status, form, run, monkeypatch):
    left = iter(verdicts)

    def random_check(layer, title, **_):
        return report_of(title, check_of("kernel"), check_of("bias", 0.5, next(left)))

    monkeypatch.setattr(gradcheck, "random_check", random_check)
    found, text = run("--cell", "lstm", *form)
    assert found == status
    if form:
        reports = json.loads(text)
        assert [report["title"] for report in reports] == TITLES["lstm"]
        assert tuple(report["passed"] for report in reports) == verdicts
    else:
        assert [line.split()[0] == "ok" for line in text.splitlines() if "LSTM" in line] == list(verdicts)
        assert text.endswith(f"wrong: {verdicts.count(False)} of 11 layers\n")


def test_json_holds_each_report_whole(run, monkeypatch):
    report = report_of("x", check_of("kernel", 0.5, False, (1, 2), "why"), check_of("bias"))
    monkeypatch.setattr(gradcheck, "random_check", lambda layer, **_: report)
    _, text = run("--cell", "lstm", "--json")
    assert json.loads(text) == [json.loads(report.to_json())] * 11


def test_a_gradient_that_is_wrong_in_the_library_turns_the_command_red(run, monkeypatch):
    right = SimpleRNN.step_backward
    monkeypatch.setattr(SimpleRNN, "step_backward", lambda self, s, dstate: (0 * right(self, s, dstate)[0],))
    status, text = run("--cell", "simple_rnn", "--units", 2)
    assert status == 1
    assert "WRONG" in text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cell", TITLES)
def test_every_cell_and_option_is_green(cell, method, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    status, text = run("--cell", cell, "--method", method, "--units", 2)
    titles = titles_of(cell, method)
    assert status == 0
    assert [line.split()[0] for line in text.splitlines() if re.search(r"\d\.\de-", line)] == ["ok"] * len(
        titles
    )
    assert text.endswith(f"wrong: 0 of {len(titles)} layers\n")


# The size of the weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 0.01, 0.09, 1.1, 10, 50, 1e3, 1e300])
def test_a_scale_at_which_rounding_or_the_floor_would_decide_is_refused(scale, capsys):
    assert main(["gradcheck", "--scale", str(scale)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"scratch-rnn: the scale must be from 0.1 to 1, not {scale:g}: larger weights saturate the units, "
        "and rounding drowns their gradients; smaller ones pass too little on through time\n"
    )


def test_it_is_refused_from_python_too():
    for scale in (0.0999, 1.001, -0.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"the scale must be from 0\.1 to 1, not"):
            random_check(SimpleRNN(2, dtype="float64"), scale=scale)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [0.1, 1])
def test_every_layer_is_green_with_the_smallest_and_the_largest_weights(scale, method, dtype, run):
    status, text = run("--scale", scale, "--method", method, "--dtype", dtype, "--units", 2)
    count = sum(len(titles_of(cell, method)) for cell in TITLES)
    assert text.endswith(f"wrong: 0 of {count} layers\n"), text
    assert status == 0


@pytest.mark.parametrize("scale", [0.1, 1])
@pytest.mark.parametrize("name", BUGS)
def test_every_bug_is_found_with_the_smallest_and_the_largest_weights(name, scale):
    needed = {BUGS[name].option: 2} if BUGS[name].option else {}
    for cell in BUGS[name].cells:
        layer = cell(4, dtype="float64", return_sequences=True, **needed)
        assert not random_check(layer, scale=scale, bug=name).passed


@pytest.mark.parametrize(
    ("units", "scale", "tolerance"),
    [(1, 0.1, 1e-12), (4, 0.5, 1e-12), (5, 0.5, 1e-10), (4, 0.51, 1e-10), (16, 1, 1e-10)],
)
def test_the_tolerance_is_wider_beyond_the_usual_size_of_weights_and_units(units, scale, tolerance):
    assert random_check(Dense(units, dtype="float64"), scale=scale).tolerance == pytest.approx(tolerance)


@pytest.mark.parametrize(("units", "size"), [(3, 0.5), (4, 0.5), (16, 0.25), (64, 0.125)])
def test_the_weights_of_more_units_are_smaller_so_that_pre_activations_are_not_larger(units, size):
    layer = SimpleRNN(units, dtype="float64")
    assert random_check(layer, method="directional").passed
    drawn = np.concatenate([weight.ravel() for weight in layer.weights])
    assert np.sqrt((drawn**2).mean()) == pytest.approx(size, rel=0.2)


def test_right_gradients_of_many_units_are_green():
    """To a tolerance of 1e-12 that of a linear SimpleRNN, which is among these, was wrong."""
    for layer, _ in variants("simple_rnn", 16, "float64", "complex")[::5]:
        report = random_check(layer)
        assert report.passed, report


# Bugs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUGS)
def test_the_command_turns_red_for_every_injected_bug(name, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    cell = {"SimpleRNN": "simple_rnn", "GRU": "gru", "LSTM": "lstm"}[BUGS[name].cells[-1].__name__]
    status, text = run("--cell", cell, "--inject", name, "--units", 2)
    right = [line for line in text.splitlines() if line.split()[:1] == ["ok"]]
    # tanh(h) in place of h makes no difference to the derivatives of relu, h > 0, and linear, 1; and a layer
    # without a bias cannot load one twice.
    allowed = {
        "derivative-of-an-output": ("relu", "linear"),
        "activation-left-out": ("linear",),
        "bias-loaded-twice": ("-bias",),
    }.get(name, ())
    assert status == 1
    assert "WRONG" in text
    assert all(any(word in line for word in allowed) for line in right), text
    assert f"\n{name}: {BUGS[name].description}\n{BUGS[name].lines}\n" in text
    count = sum(line.split()[:1] == ["WRONG"] for line in text.splitlines())
    assert text.endswith(f"wrong: {count} of {count + len(right)} layers\n")


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("update-gate-swapped", TITLES["gru"]),
        ("cell-state-off-by-one", TITLES["lstm"]),
        ("derivative-of-an-output", TITLES["simple_rnn"]),
        (
            "one-step-too-far",
            [t for t in RECURRENT if "bptt" in t],
        ),
        ("averaged-over-time", RECURRENT),
    ],
)
def test_a_bug_is_put_into_every_layer_that_can_have_it_and_no_other(name, titles, run, asked):
    run("--inject", name)
    assert [call.title for call in asked] == titles
    assert {call.bug for call in asked} == {name}


def test_a_narrow_terminal_cuts_off_no_verdict(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    status, text = run("--cell", "simple_rnn", "--inject", "carried-gradient-dropped", "--units", 2)
    assert status == 1
    assert text.count("WRONG") == int(re.search(r"wrong: (\d+) of", text)[1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--cell", "dense", "--inject", "tape-overwritten"],
            "--cell dense --method complex has no layer to show the bug tape-overwritten in: leave them out",
        ),
        (
            ["--method", "central", "--inject", "one-step-too-far"],
            "--cell all --method central has no layer to show the bug one-step-too-far in: leave them out",
        ),
    ],
)
def test_a_bug_that_no_chosen_layer_can_have_is_refused(words, message, capsys):
    assert main(["gradcheck", *words]) == 2
    assert capsys.readouterr().err == f"scratch-rnn: {message}\n"


# The figure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [["--json"], ["--inject", "tape-overwritten"]], ids=" ".join)
def test_a_figure_of_steps_takes_neither_a_bug_nor_json(others, tmp_path, capsys):
    assert main(["gradcheck", "--sweep", str(tmp_path / "a.png"), *others]) == 2
    assert "leave out --inject and --json" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


def test_the_sweep_is_drawn_into_a_new_file(tmp_path, run, capsys):
    path = tmp_path / "sweep.png"
    assert run("--sweep", path) == (0, f"drawn in {path}\n")
    with Image.open(path) as image:
        assert min(image.size) > 300
    before = path.read_bytes()
    assert main(["gradcheck", "--sweep", str(path)]) == 2
    assert f"--sweep {path} exists already" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_the_sweep_shows_a_v_for_central_differences_and_a_line_for_the_complex_step(
    tmp_path, run, monkeypatch
):
    drawn = {}
    monkeypatch.setattr("scratch_rnn.style.save", lambda figure, path: drawn.update({path: figure}))
    run("--sweep", tmp_path / "sweep.png", "--units", 3)
    (path, figure), (axes,) = *drawn.items(), next(iter(drawn.values())).axes
    assert path == tmp_path / "sweep.png"
    assert figure.get_suptitle() == "How wrong a numeric derivative is"
    curves = {line.get_label(): line.get_xydata() for line in axes.lines}
    central, rough, complex_step = (
        curves[name]
        for name in ("central differences, float64", "central differences, float32", "complex step")
    )
    for curve in (central, rough, complex_step):
        np.testing.assert_allclose(np.log10(curve[:, 0]), np.arange(-16, 0.1, 0.25), atol=1e-12)
    best, rough_best = (curve[np.nanargmin(curve[:, 1]), 0] for curve in (central, rough))
    assert 1e-7 < best < 1e-3 < rough_best * 10
    assert best < rough_best < 1
    assert np.nanmin(central[:, 1]) < 1e-8 < np.nanmin(rough[:, 1])
    assert complex_step[complex_step[:, 0] < 1e-8, 1].max() < 1e-13
    assert complex_step[-1, 1] > 1e-3  # a step of one is no small step


def test_the_sweep_is_of_an_lstm_of_as_many_units_as_asked_for(tmp_path, run, monkeypatch):
    swept = []

    def sweep_steps(layer, x, steps):
        swept.append((type(layer).__name__, layer.units, layer.dtype.name, x.shape))
        return {"float64": [1e-3] * len(steps)}

    monkeypatch.setattr(gradcheck, "sweep_steps", sweep_steps)
    run("--sweep", tmp_path / "sweep.png", "--units", 3)
    assert swept == [("LSTM", 3, "float64", (3, 5, 3))]
