"""The model of loggp.py beside the steps that were measured on two ranks, and what scaling_model.py shows."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import drawing_ranks
import loggp_measured
import pytest
import ranks
import scaling_model
import scaling_rows
import tables
from helpers import ROOT, environment
from loggp import closed_form, gains, pays
from matplotlib.colors import same_color
from scaling_rows import AGREES, checked, network_of

RESULT = json.loads((tables.RESULTS / "scaling_model.json").read_text(encoding="utf-8"))
CHECKED = {
    (name, batch, number): pair
    for name, batches in checked(RESULT).items()
    for batch, times in batches.items()
    for number, pair in times.items()
}

with_mpi = pytest.mark.skipif(
    find_spec("mpi4py") is None or shutil.which("mpiexec") is None or sys.platform == "win32",
    reason="mpi4py or mpiexec is not installed: pip install 'scratch_rnn[mpi]'",
)


# The model and the measurement -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "batch", "number"), CHECKED)
def test_a_step_that_was_measured_is_what_the_model_says_within_the_factor(name, batch, number):
    measured, said = CHECKED[name, batch, number]
    assert max(measured / said, said / measured) <= AGREES


def test_the_page_states_the_factor():
    text = " ".join((ROOT / "docs" / "scaling.md").read_text(encoding="utf-8").split())
    assert f"within a factor of {AGREES:g}" in text


def test_steps_were_measured_on_one_and_two_ranks_with_strong_and_weak_scaling():
    assert {number for _, _, number in CHECKED} == {1, 2}
    for name, batches in scaling_model.MEASURED.items():
        assert {batch for layers, batch, _ in CHECKED if layers == name} == set(batches) >= {64, 128, 256}


@pytest.mark.parametrize("name", scaling_rows.MODELLED)
def test_what_the_page_says_in_short_is_so(name):
    links = scaling_rows.networks(RESULT)

    def gain(link, batch, rows=64):
        one = scaling_rows.alone(RESULT, name, batch)
        return gains(scaling_rows.steps(RESULT, name, links[link], batch, rows), one)

    for batch in scaling_rows.BATCHES:
        found = gain("InfiniBand", batch)
        assert pays(found) == max(found, key=found.get) == batch // 64
    assert pays(gain("Ethernet", 65536)) < 1024
    assert gain("Ethernet", 128)[2] < 1.5
    eight, two = gain("InfiniBand", 128, rows=16)[8], gain("InfiniBand", 128)[2]
    assert eight > (two if name == "simple_rnn,32" else 2 * two)


def test_from_four_ranks_on_ethernet_takes_longer_than_a_shard():
    cost = scaling_rows.costs(RESULT, "lstm,128", RESULT["bytes"]["lstm,128"], alone=False)
    parts = {n: closed_form(cost, scaling_rows.networks(RESULT)["Ethernet"], n, n) for n in (2, 4, 8, 1024)}
    assert [of["messages"] > of["shards"] for of in parts.values()] == [False, True, True, True]


def test_with_one_timestep_more_than_a_tenth_of_a_step_is_no_shard():
    name = scaling_model.MESSAGES
    one = RESULT["steps"][name]["128"]
    cost = scaling_rows.costs(one, name, RESULT["bytes"][name], alone=False)
    parts = closed_form(cost, network_of(one), 2, 2)
    assert parts["shards"] < 0.9 * sum(parts.values())


def test_a_network_may_have_fewer_timesteps():
    assert loggp_measured.setting_of("gru,64").time == 28
    assert loggp_measured.setting_of("gru,64,1") == loggp_measured.setting_of("gru,64").but(time=1)
    assert scaling_rows.title("gru,64,1") == "GRU(64), 1 timestep"


# From what is measured to the model's numbers ----------------------------------------------------------


def messages(line, send=0.25, receive=0.75):
    """Return what is measured where half a round trip of so many bytes takes what `line` says."""
    trips = {f"{size} bytes": [line(size), 9e9, 0.0] for size in (1, 101, 10_001)}
    return {"rounds": {"messages": {**trips, "send": [send], "receive": [receive], "burst": [0.125]}}}


def test_the_parameters_are_those_of_the_line_through_half_round_trips():
    network = network_of(messages(lambda size: 3.0 + 0.01 * (size - 1)))
    assert (network.overhead, network.gap) == (0.5, 0.125)
    assert (network.latency, network.byte) == (pytest.approx(2.0), pytest.approx(0.01))
    assert network.message(101) == pytest.approx(4.0)


def test_overheads_beyond_a_half_round_trip_leave_no_latency():
    network = network_of(messages(lambda size: 3.0 + 0.01 * (size - 1), send=5.0))
    assert (network.overhead, network.latency) == (pytest.approx(1.5), pytest.approx(0.0))


def made_up():
    """Return results of one network of layers, of which no two numbers are alike."""
    layers = "lstm,128"
    costs = {"64 rows": 10.0, "16 rows": 4.0, "add": 0.5, "copy": 0.25, "optimizer": 1.0}
    alone = {f"{rows} rows, alone": 0.8 * costs[f"{rows} rows"] for rows in (16, 64)}
    rounds = {name: [value, 9e9, 0.0] for name, value in (costs | alone).items()}
    rounds = messages(lambda size: 0.01 + 1e-6 * (size - 1), 0.002, 0.002)["rounds"] | {layers: rounds}
    steps = {
        str(batch): {"rounds": rounds, "milliseconds": {"1": [batch * 0.25, 0.0, 9e9], "2": [batch * 0.125]}}
        for batch in (64, 128, 256)
    }
    return {"bytes": {layers: 1001}, "rounds": rounds, "steps": {layers: steps}}


def test_one_rank_is_counted_with_what_it_needs_alone_and_two_with_what_they_need_together():
    measured, said = checked(made_up())["lstm,128"][128][1]
    assert (measured, said) == (32.0, pytest.approx(2 * 0.8 * 10 + 0.5 + 0.25 + 1))
    measured, said = checked(made_up())["lstm,128"][128][2]
    message = 0.01 + 1e-3
    assert (measured, said) == (16.0, pytest.approx(0.25 + message + 0.25 + 10 + 0.25 + message + 0.5 + 1))


def test_other_peoples_networks_get_this_machine_s_overhead_on_top():
    found = scaling_rows.networks(made_up())
    assert list(found) == ["shared memory", "InfiniBand", "Ethernet"]
    assert found["shared memory"].overhead == pytest.approx(0.002)
    for name, published in (("InfiniBand", scaling_rows.INFINIBAND), ("Ethernet", scaling_rows.ETHERNET)):
        assert found[name].message(1) == pytest.approx(published.message(1) + 0.004)
        assert found[name].byte == published.byte


def test_the_tables_show_each_number_in_its_place(monkeypatch):
    monkeypatch.setattr(scaling_rows, "MODELLED", ("lstm,128",))
    monkeypatch.setattr(scaling_rows, "BATCHES", (128,))
    result = made_up()
    head, *rows = scaling_rows.network_rows(result)
    assert rows[0] == ["shared memory", "6.00", "2.00", "125.00", "1.000", "1"]
    head, row = scaling_rows.cost_rows(result)
    assert row == ["LSTM(128)", "1", "8.0", "10.0", "0.500", "0.250", "1.000"]
    head, *rows = scaling_rows.step_rows(result)
    assert rows[1] == ["LSTM(128)", "128", "32.0", "17.8", "16.0", "12.3", "2.00", "1.45"]
    assert [len(row) for row in rows] == [len(head)] * 3
    head, *rows = scaling_rows.weak_rows(result)
    assert rows == [["LSTM(128)", "64", "128", "100%", "75%"], ["LSTM(128)", "128", "256", "100%", "78%"]]
    head, fewer, whole = scaling_rows.paying_rows(result)
    assert head[2:4] == ["shared memory: pays", "shared memory: fastest"]
    # Two: 4 shards of 4 ms, 4 sums, 3 copies, 2 messages, the optimizer. Eight wait and sleep, too.
    assert fewer[:4] == ["LSTM(128)", "128 by 16", "2: 1.1×", "8: 2.73×"]
    assert whole[:4] == ["LSTM(128)", "128", "2: 1.77×", "2: 1.77×"]


def test_each_number_of_ranks_is_compared_with_one_round_by_round():
    head, one, two = ranks.as_rows({"1 rank": [10.0, 30.0, 12.0], "2 ranks": [8.0, 15.0, 5.0]})
    assert one == ["1 rank", "12.0", "1.00", "1.00", "1.00"]
    assert two == ["2 ranks", "8.0", "2.00", "1.25", "2.40"]
    assert len(head) == 5


# The script --------------------------------------------------------------------------------------------


def test_steps_are_measured_in_turn_with_messages_and_works(monkeypatch):
    asked, taken = [], {}

    @contextmanager
    def program(*what, **options):
        asked.append((what, options))
        yield lambda: {"messages": {"burst": 1.0}, "lstm,128": {"64 rows, alone": 25.0}}

    def take_turns(programs, rounds, warm_up, title):
        taken[title] = (list(programs), rounds, warm_up)
        return {name: [run()] if name == "works" else [0.5, 1.5] for name, run in programs.items()}

    monkeypatch.setattr(scaling_model, "works", program)
    monkeypatch.setattr(ranks, "started", program)
    monkeypatch.setattr(scaling_model, "take_turns", take_turns)
    monkeypatch.setattr(scaling_model, "NETWORKS", ("lstm,128",))
    monkeypatch.setattr(scaling_model, "MEASURED", {"lstm,128": (64, 1024)})
    result = scaling_model.measured(3)
    assert taken == {
        "works": (["works"], 3, 1),
        "LSTM(128), 64 rows": (["works", "1", "2"], 3, 1),
        "LSTM(128), 1024 rows": (["works", "1", "2"], 3, 1),
    }
    assert [options.get("clock") for _, options in asked if options] == ["process_time"]
    trained = [(what[0], what[1].batch, what[1].steps) for what, _ in asked if len(what) == 2]
    # 250 ms are ten steps of one shard, but not even one of 16, and never fewer than ten.
    assert trained == [(1, 64, 10), (2, 64, 10), (1, 1024, 10), (2, 1024, 10)]
    assert result["bytes"] == {"lstm,128": 4 * ((28 + 128 + 1) * 512 + 129 * 10)}
    assert result["rounds"] == {"messages": {"burst": [1.0]}, "lstm,128": {"64 rows, alone": [25.0]}}
    assert result["steps"]["lstm,128"]["1024"]["milliseconds"] == {"1": [50, 150], "2": [50, 150]}
    assert {"load", "nice"} < set(result)


def test_the_script_writes_and_draws_and_draws_again_without_measuring(monkeypatch, tmp_path, capsys):
    saved = []
    monkeypatch.setattr(scaling_model, "RESULTS", tmp_path)
    monkeypatch.setattr(scaling_model, "measured", lambda rounds: made_up() | {"asked": rounds})
    monkeypatch.setattr(scaling_model, "save", lambda figure, path: saved.append(path.name))
    monkeypatch.setattr(scaling_rows, "MODELLED", ("lstm,128",))
    monkeypatch.setattr(scaling_rows, "BATCHES", (128, 256))
    monkeypatch.setattr(sys, "argv", ["scaling_model.py", "--rounds", "4"])
    scaling_model.main()
    written = json.loads((tmp_path / "scaling_model.json").read_text(encoding="utf-8"))
    assert (written["asked"], written["bytes"]) == (4, {"lstm,128": 1001})
    monkeypatch.setattr(scaling_model, "measured", None)
    monkeypatch.setattr(sys, "argv", ["scaling_model.py", "--draw"])
    scaling_model.main()
    assert saved == ["ranks_strong.png", "ranks_weak.png"] * 2
    assert "InfiniBand" in capsys.readouterr().out


def test_ranks_start_with_the_setting_that_is_asked_for(monkeypatch):
    commands = []

    class Popen:
        stdin = stdout = type("Pipe", (), {"close": lambda self: None})()

        def __init__(self, command, **options):
            commands.append(command)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with ranks.started(3, loggp_measured.setting_of("gru,64").but(batch=256, steps=7)):
        pass
    (command,) = commands
    assert command[:3] == ["mpiexec", "-n", "3"]
    sizes = ["--cell", "gru", "--units=64", "--time=28", "--batch=256", "--steps=7", "--as-rank"]
    assert command[3:] == [sys.executable, ranks.__file__, *sizes]


@with_mpi
def test_a_program_that_has_ended_is_told():
    with ranks.program(1, ["-c", "pass"]) as ask, pytest.raises(RuntimeError, match="ended before its time"):
        ask()


@with_mpi
def test_two_ranks_measure_a_round_for_each_line():
    script = Path(loggp_measured.__file__)
    command = ["mpiexec", "-n", "2", sys.executable, str(script)]
    done = subprocess.run(
        [*command, "--networks", "simple_rnn,3", "--rows", "4", "--clock", "perf_counter"],
        input="one\ntwo\n",
        env=environment(script.parent),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        sizes = [f"{size} bytes" for size in loggp_measured.SIZES]
        assert list(found["messages"]) == [*sizes, "send", "receive", "burst"]
        assert list(found["simple_rnn,3"]) == ["4 rows, alone", "4 rows", "add", "copy", "optimizer"]
        assert min(*found["messages"].values(), *found["simple_rnn,3"].values()) > 0
    assert done.stdout.count("\n") == 2


# The figures -------------------------------------------------------------------------------------------


def test_gains_are_drawn_over_the_ranks_with_what_was_measured_as_crosses():
    panels = {128: {"a": {1: 1.0, 2: 1.5}, "b": {1: 1.0, 2: 1.25}}, 1024: {"a": {1: 1.0}, "b": {1: 1.0}}}
    figure = drawing_ranks.strong(panels, {128: {2: 1.75}}, "GRU(3)")
    left, right = figure.axes
    drawn = {line.get_label(): [*zip(*line.get_data(), strict=True)] for line in left.lines}
    assert drawn == {
        "each rank as much as one alone": [(1, 1), (2, 2)],
        "a": [(1, 1.0), (2, 1.5)],
        "b": [(1, 1.0), (2, 1.25)],
        "measured here": [(2, 1.75)],
    }
    assert [len(line.get_xdata()) for line in right.lines] == [1, 1, 1, 0]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a batch of 128", "a batch of 1,024"]
    assert "GRU(3)" in figure.get_suptitle()


def test_the_parts_of_a_step_stand_one_behind_the_other():
    parts = dict(zip(drawing_ranks.PARTS, (4.0, 1.0, 2.0, 8.0, 0.5), strict=True))
    figure = drawing_ranks.weak({"a": {1: parts, 1024: parts}, "b": {1: parts, 1024: parts}}, "GRU(3)")
    for axes in figure.axes:
        bars = axes.patches[5:]
        assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 4), (4, 1), (5, 2), (7, 8), (15, 0.5)]
        for bar, colour in zip(bars, drawing_ranks.PARTS.values(), strict=True):
            assert same_color(bar.get_facecolor(), colour)
        assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "1,024"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(parts)
