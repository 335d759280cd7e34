"""What a check says in words of a gradient that is wrong, beside that it is."""

import json

import numpy as np
import pytest
from helpers import CELLS, random_arrays, random_call, random_cell

from scratch_rnn import GRU, LSTM, LayerNormLSTM, SimpleRNN
from scratch_rnn.checks import check_function, check_layer, inject
from scratch_rnn.checks.columns import gate_columns, letters
from scratch_rnn.checks.findings import Known

X = np.arange(1.0, 13.0).reshape(3, 4)
RIGHT = 3 * X**2


def said_of(gradient, x=X, known=None, **options):
    """Return what a check says of a gradient of the sum of x³."""
    options |= {} if known is None else {"known": known}
    (check,) = check_function(lambda a: (a["x"] ** 3).sum(), {"x": x}, {"x": gradient}, **options).checks
    assert check.passed == (not (check.finding or check.problem)) or options.get("method") == "directional"
    return check.finding


def changed(index, by=1.0):
    gradient = RIGHT.copy()
    gradient[index] += by
    return gradient


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize(
    ("gradient", "finding"),
    [
        (RIGHT, ""),
        (0 * RIGHT, "all zeros"),
        (-RIGHT, "each entry has the wrong sign"),
        (RIGHT / 3, "each entry is 1/3 of what it should be"),
        (2 * RIGHT, "each entry is 2 times what it should be"),
        (-2 * RIGHT, "each entry is -2 times what it should be"),
        (0.75 * RIGHT, "each entry is 3/4 of what it should be"),
        (0.7071 * RIGHT, "each entry is 0.7071 times what it should be"),
        (RIGHT / 784, "each entry is 1/784 of what it should be"),
        (changed(...), "all 12 entries wrong"),
        (changed((1, 2)), "1 of 12 entries wrong, all in column 2"),
        (changed((slice(None), slice(2, 4))), "6 of 12 entries wrong, all in columns 2 to 3"),
        (changed((slice(None), [0, 2])), "6 of 12 entries wrong, all in columns 0 and 2"),
        (changed(2), "4 of 12 entries wrong, all in row 2"),
        (changed((0, 0), np.nan), "1 of 12 entries are not finite"),
        (
            RIGHT * [1, -1, 1, 1],
            "3 of 12 entries wrong, all in column 1; each of them has the wrong sign",
        ),
        (
            RIGHT * [1, 1, 0, 0],
            "6 of 12 entries wrong, all in columns 2 to 3; each of them is zero",
        ),
        (RIGHT.T, "the shape of the transpose"),
    ],
)
def test_what_is_wrong_is_said_in_words(gradient, finding, method):
    assert said_of(gradient, method=method) == finding


def test_a_square_gradient_may_be_the_transpose():
    x = X[:, :3]
    assert said_of((3 * x**2).T, x) == "the transpose of the right one"


def test_digits_of_float32_are_told_from_a_mistake():
    (noise,) = random_arrays(X.shape)
    assert said_of(RIGHT.astype("float32").astype("float64") * (1 + 1e-8 * noise)).startswith(
        "right to float32 only: off by "
    )
    assert said_of(RIGHT * (1 + 1e-3 * noise)) == "all 12 entries wrong"


def test_a_factor_that_is_a_number_of_something_says_of_what():
    known = Known(sizes={"samples": 4, "timesteps": 5})
    assert said_of(RIGHT / 4, known=known).endswith(
        "is 1/4 of what it should be (4 samples: a mean for a sum?)"
    )
    assert said_of(5 * RIGHT, known=known).endswith("(5 timesteps: a sum for a mean?)")
    assert said_of(RIGHT / 20, known=known).endswith("(4 samples times 5 timesteps: a mean for a sum?)")
    assert said_of(RIGHT / 3, known=known).endswith("is 1/3 of what it should be")
    both = Known(sizes={"samples": 4, "timesteps": 4})
    assert said_of(RIGHT / 4, known=both).endswith("(4 samples or 4 timesteps: a mean for a sum?)")


def test_columns_that_have_an_owner_are_called_by_it():
    known = Known({"x": {"left": range(2), "right": range(2, 3), "last": range(3, 4)}})
    assert (
        said_of(changed((0, 0)), known=known)
        == "1 of 12 entries wrong, all in the columns of the left, 0 to 1"
    )
    two = changed((0, [0, 3]))
    assert said_of(two, known=known) == "2 of 12 entries wrong, all in the columns of left and last"


def test_one_entry_alone_has_no_factor_but_a_simple_one():
    x = np.array([2.0])
    assert said_of(np.array([6.0]), x) == "each entry is 1/2 of what it should be"
    assert said_of(np.array([7.0]), x) == "all 1 entries wrong"


def test_a_direction_tells_nothing_of_entries():
    assert said_of(changed(0), method="directional") == ""


def test_a_report_prints_and_keeps_its_findings():
    report = check_function(lambda a: (a["x"] ** 3).sum(), {"x": X}, {"x": -RIGHT})
    assert str(report).splitlines()[2] == "         each entry has the wrong sign"
    assert json.loads(report.to_json())["checks"][0]["finding"] == "each entry has the wrong sign"


# Of a layer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "blocks"),
    [
        ("SimpleRNN", {}),
        ("LSTM", {"input gate": 0, "forget gate": 1, "candidate": 2, "output gate": 3}),
        ("GRU", {"update gate": 0, "reset gate": 1, "candidate": 2}),
    ],
)
def test_the_columns_of_each_gate_are_known(cell, blocks):
    layer = random_cell(cell, units=3)
    assert gate_columns(layer) == {gate: range(3 * k, 3 * k + 3) for gate, k in blocks.items()}


def test_letters_stand_in_the_order_of_the_columns():
    assert [letters(cell(2)) for cell in (SimpleRNN, LSTM, GRU, LayerNormLSTM)] == [
        [],
        ["i", "f", "g", "o"],
        ["u", "r", "g"],
        ["i", "f", "g", "o"],
    ]


def report_on(cell, bug, time=5, **options):
    layer = random_cell(cell, return_sequences=True, **options)
    return check_layer(inject(layer, bug), random_call(layer, time=time)[0])


def test_with_one_timestep_only_the_gate_with_the_mistake_is_wrong():
    report = report_on("LSTM", "cell-state-off-by-one")
    assert {check.finding.partition(" entries")[0] for check in report.checks} >= {
        "all 24",
        "all 16",
        "all 8",
    }
    assert report.finding == (
        "wrong with one timestep already, kernel: "
        "6 of 24 entries wrong, all in the columns of the forget gate, 2 to 3"
    )
    assert str(report).endswith(f"\n  {report.finding}")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("bug", "finding"),
    [
        ("averaged-over-time", "right with one timestep: the mistake is in what happens between timesteps"),
        ("carried-gradient-dropped", "with one timestep only initial "),
        ("weight-gradient-unwritten", "wrong with one timestep already, kernel: all zeros"),
    ],
)
def test_a_report_says_whether_one_timestep_fails_already(bug, finding, cell):
    assert report_on(cell, bug).finding.startswith(finding)


def test_a_check_of_one_timestep_or_of_what_is_right_says_nothing_of_it():
    assert report_on("LSTM", "cell-state-off-by-one", time=1).finding == ""
    layer = random_cell("GRU")
    assert check_layer(layer, random_call(layer)[0]).finding == ""
    assert report_on("GRU", "tape-overwritten").finding == ""  # that has no wrong numbers


def test_the_timesteps_in_which_the_input_gradient_is_wrong_are_counted_from_one():
    report = report_on("SimpleRNN", "input-gradient-of-one-step")
    (wrong,) = [check for check in report.checks if not check.passed]
    assert (wrong.name, wrong.finding) == ("input", "48 of 60 entries wrong, all in timesteps 1 to 4")


def test_a_mask_and_states_go_along_to_one_timestep():
    layer = random_cell("LSTM", return_sequences=True)
    x, states = random_call(layer)
    mask = np.ones((4, 5), bool)
    mask[0, -1] = False
    report = check_layer(inject(layer, "input-gate-for-candidate"), x, states, mask)
    assert report.finding.startswith("wrong with one timestep already, kernel: 6 of 24")
