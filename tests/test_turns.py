"""Who is timed in the benchmarks, and how they take turns."""

import interleave
import pytest
from interleave import Work, check_same_work, in_turn, milliseconds, seconds_of, take_turns

# Taking turns ------------------------------------------------------------------------------------------


def turns(names, rounds, warm_up):
    """Let contestants take turns who count the calls of all; return what they gave, and who was called."""
    calls = []

    def contestant(name):
        return lambda: calls.append(name) or float(len(calls))

    return take_turns({name: contestant(name) for name in names}, rounds, warm_up), calls


def test_every_contestant_comes_once_a_round():
    _, calls = turns("abc", rounds=4, warm_up=2)
    assert [sorted(calls[start : start + 3]) for start in range(0, len(calls), 3)] == [list("abc")] * 6


def test_the_order_changes_from_round_to_round_and_everybody_is_first_and_last_at_times():
    _, calls = turns("abcd", rounds=30, warm_up=0)
    orders = ["".join(calls[start : start + 4]) for start in range(0, len(calls), 4)]
    assert len(set(orders)) > 10
    assert {order[0] for order in orders} == {order[-1] for order in orders} == set("abcd")


def test_the_order_is_the_same_in_every_run():
    assert turns("abc", 5, 1) == turns("abc", 5, 1)


def test_each_contestant_gets_its_own_values_without_those_of_the_warm_up():
    given, calls = turns("abc", rounds=3, warm_up=2)
    expected = {name: [] for name in "abc"}
    for number, name in enumerate(calls, start=1):
        if number > 2 * 3:
            expected[name].append(float(number))
    assert given == expected
    assert [len(values) for values in given.values()] == [3, 3, 3]


def test_the_clock_runs_while_the_work_is_done_and_not_before_or_after(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(interleave.time, "perf_counter", lambda: now[0])

    def work():
        now[0] += 7

    assert seconds_of(work) == 7
    now[0] += 50
    assert seconds_of(work) == 7


def test_a_round_is_counted_in_milliseconds_for_each_of_its_steps():
    assert milliseconds([3.0, 1.5], 6) == [500, 250]


# Contestants -------------------------------------------------------------------------------------------


def idle():
    return Work(lambda: None)


def with_results(*results):
    return Work(lambda: None, lambda: list(results))


def without_its_package():
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def with_a_wrong_import():
    raise ModuleNotFoundError("No module named 'scratch_rnn.typo'", name="scratch_rnn.typo")


def broken():
    return Work(lambda: 1 / 0)


def test_contestants_in_processes_take_turns_and_the_missing_are_named(capsys):
    contestants = {"idle": (idle, {}), "PyTorch": (without_its_package, {})}
    seconds = in_turn(contestants, rounds=3, warm_up=1, title="")
    assert list(seconds) == ["idle"]
    assert len(seconds["idle"]) == 3
    assert all(0 < value < 1 for value in seconds["idle"])
    assert "PyTorch: skipped, torch is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("contestant", "message"), [(broken, "ZeroDivisionError"), (with_a_wrong_import, "scratch_rnn.typo")]
)
def test_a_contestant_that_fails_says_why(contestant, message):
    with pytest.raises(RuntimeError, match=message):
        in_turn({"contestant": (contestant, {})}, rounds=1, warm_up=0, title="")


@pytest.fixture
def in_this_process(monkeypatch):
    """Contestants without processes, whose rounds are counted and not timed."""

    class Contestant:
        def __init__(self, prepare, **options):
            self.missing = None
            self.work = prepare(**options)
            self.first_results = self.work.first_results and self.work.first_results()

        def seconds(self):
            timed.append(self)
            return float(len(timed))

        def close(self):
            closed.append(self)

    timed, closed = [], []
    monkeypatch.setattr(interleave, "Contestant", Contestant)
    return timed, closed


def with_number(first, second=0.0):
    return with_results(first, second)


def numbers(first, second=0.0):
    return with_number, {"first": first, "second": second}


def test_who_does_other_work_is_not_timed(in_this_process):
    timed, closed = in_this_process
    contestants = {"ours": numbers(2.5, 2.25), "floor": (idle, {}), "theirs": numbers(2.5, 2.125)}
    with pytest.raises(ValueError, match=r"theirs does other work than ours: .* number 2 is 2.125,.* 2.25$"):
        in_turn(contestants, rounds=1, warm_up=0, title="")
    assert not timed
    assert len(closed) == 3


def test_who_does_the_same_work_is_timed(in_this_process):
    _, closed = in_this_process
    contestants = {"ours": numbers(2.5, 2.25), "floor": (idle, {}), "theirs": numbers(2.5, 2.25)}
    seconds = in_turn(contestants, rounds=2, warm_up=1, title="")
    assert {name: len(values) for name, values in seconds.items()} == {"ours": 2, "floor": 2, "theirs": 2}
    assert sorted(value for values in seconds.values() for value in values) == [4, 5, 6, 7, 8, 9]
    assert len(closed) == 3


def test_only_those_who_should_do_the_same_work_are_compared(in_this_process):
    contestants = {
        "ours 1": numbers(1.5),
        "ours 2": numbers(2.5),
        "theirs 1": numbers(1.5),
        "theirs 2": numbers(2.5),
    }
    alike = [["ours 1", "theirs 1"], ["ours 2", "theirs 2"]]
    assert list(in_turn(contestants, 1, 0, "", alike)) == list(contestants)
    with pytest.raises(ValueError, match="theirs 2 does other work than ours 1"):
        in_turn(contestants, 1, 0, "", [["ours 1", "theirs 1"], ["ours 1", "theirs 2"]])


@pytest.mark.parametrize("factor", [1 + 2e-5, 1 - 2e-5, float("nan"), -1])
def test_every_one_of_the_first_results_counts(factor):
    for changed in range(3):
        results = [2.3, 0.02, 230.0]
        results[changed] *= factor
        with pytest.raises(ValueError, match=f"theirs does other work than ours: .* number {changed + 1} is"):
            check_same_work({"ours": [2.3, 0.02, 230.0], "third": [2.3, 0.02, 230.0], "theirs": results})


def test_rounding_is_no_other_work_and_the_floor_has_nothing_to_show():
    check_same_work({"floor": None, "ours": [2.3, 0.02], "theirs": [2.3 * (1 + 8e-6), 0.02 * (1 - 8e-6)]})
    check_same_work({"floor": None})


@pytest.mark.parametrize("results", [[], [2.5], [2.5, 2.25, 2.0]])
def test_fewer_or_more_first_results_are_other_work(results):
    with pytest.raises(ValueError, match=f"theirs .* it has {len(results)} first results, ours has 2"):
        check_same_work({"ours": [2.5, 2.25], "theirs": results})
