"""diagnose: what is wrong with somebody's gradients, from their numbers alone."""

import numpy as np
import pytest
from helpers import CELLS, MASK, random_arrays, random_call, random_cell

from scratch_rnn import GRU, LSTM, Dense
from scratch_rnn.checks import BUGS, diagnose, inject
from scratch_rnn.checks.columns import letters

WEIGHTS = ("kernel", "recurrent_kernel", "bias")
# What shows only where backward is called again.
OF_THE_SECOND_CALL = {"accumulator-not-reset", "upstream-gradient-overwritten", "tape-overwritten"}


class Given:
    """A layer, what it was called with, and the gradients of it or of a copy with a bug."""

    def __init__(self, cell, **options):
        self.layer = random_cell(cell, **{"return_sequences": True, **options})
        self.x, self.states = random_call(self.layer)
        shape = (4, 5, 2) if self.layer.return_sequences else (4, 2)
        self.dy, *self.dstates = random_arrays(shape, *(state.shape for state in self.states), seed=7)

    def gradients(self, bug=None, calls=1, mask=None):
        layer = inject(self.layer, bug) if bug else self.layer
        _, tape = layer.forward(self.x, self.states, mask)
        dy = self.dy.copy()
        for _ in range(calls):
            found = layer.backward(dy, tape, self.dstates)
        names = [*layer.weight_names, "input", *(f"initial {name}" for name in layer.state_names)]
        arrays = [*found.weights, found.inputs, *found.initial_state]
        return {name: array.copy() for name, array in zip(names, arrays, strict=True)}

    def diagnosis(self, gradients, mask=None):
        options = {"initial_state": self.states, "mask": mask, "state_gradient": self.dstates}
        return diagnose(self.layer, self.x, self.dy, gradients, **options)


def reordered(layer, gradients, order):
    """Return the gradients as code with another order of gates has them."""
    ours, units = letters(layer), layer.units
    columns = np.concatenate([np.arange(units) + units * ours.index(letter) for letter in order])
    return {name: array[..., columns] if name in WEIGHTS else array for name, array in gradients.items()}


def finding_of(diagnosis, name):
    (array,) = [array for array in diagnosis.arrays if array.name == name]
    return array.finding


FITTING = [
    (bug, cell)
    for bug in BUGS
    for cell in CELLS
    if {"S": "SimpleRNN", "L": "LSTM", "G": "GRU"}[cell[0]] in {c.__name__ for c in BUGS[bug].cells}
]


@pytest.mark.parametrize(("bug", "cell"), FITTING)
def test_every_bug_is_told_by_its_numbers(bug, cell):
    given = Given(cell, **({BUGS[bug].option: 2} if BUGS[bug].option else {}))
    found = given.diagnosis(given.gradients(bug, 2 if bug in OF_THE_SECOND_CALL else 1))
    assert (found.bugs, found.right) == ([bug], False)
    text = str(found)
    for line in (
        f"{bug}: {BUGS[bug].description}",
        f"  wrong  {BUGS[bug].wrong}",
        f"  right  {BUGS[bug].right}",
    ):
        assert f"\n{line}\n" in text
    assert f"({BUGS[bug].equation}) in docs/bptt.md#" in text


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "GRU reset before"])
def test_bugs_with_equal_numbers_are_named_together(cell):
    """If only the last output is used, what replaces dh there is what leaves out the final state's."""
    given = Given(cell, return_sequences=False)
    for bug in ("output-gradient-assigned", "final-state-gradient-dropped"):
        found = given.diagnosis(given.gradients(bug))
        assert found.bugs == ["output-gradient-assigned", "final-state-gradient-dropped"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": False},
        {"go_backwards": True},
        {"use_bias": False},
        {"bptt_steps": 2},
        {"stateful": True},
        {"activation": "relu"},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_right_gradients_are_right(cell, options, mask):
    given = Given(cell, **options)
    gradients = given.gradients(mask=mask)
    found = given.diagnosis(gradients, mask)
    assert found.right, found
    assert (found.bugs, found.order, found.finding) == ([], "", "")
    assert [(array.name, array.pattern) for array in found.arrays] == [(name, "") for name in gradients]
    assert str(found).startswith(f"{given.layer.name}: right\n  ok ")
    assert "WRONG" not in str(found)


def test_some_of_the_arrays_are_enough():
    given = Given("LSTM")
    right, wrong = given.gradients(), given.gradients("cell-state-off-by-one")
    assert given.diagnosis({"bias": right["bias"]}).right
    found = given.diagnosis({"recurrent_kernel": wrong["recurrent_kernel"]})
    assert found.bugs == ["cell-state-off-by-one"]
    assert found.finding.startswith("with the gradient of the input more can be said")


@pytest.mark.parametrize(
    ("factor", "finding"),
    [
        (-1, "each entry has the wrong sign"),
        (1 / 4, "each entry is 1/4 of what it should be (4 samples: a mean for a sum?)"),
        (5, "each entry is 5 times what it should be (5 timesteps: a sum for a mean?)"),
        (1 / 20, "each entry is 1/20 of what it should be (4 samples times 5 timesteps: a mean for a sum?)"),
        (0.5, "each entry is 1/2 of what it should be"),
        (0, "all zeros"),
    ],
)
def test_factors_and_signs_are_said(factor, finding):
    given = Given("GRU")
    found = given.diagnosis({name: factor * array for name, array in given.gradients().items()})
    assert {array.finding for array in found.arrays} == {finding}
    assert not found.right
    assert "no bug of the catalogue" not in str(found)


def test_one_gate_of_the_wrong_sign_is_named_with_the_number_of_its_entries():
    given = Given("LSTM")
    gradients = given.gradients()
    gradients["kernel"][:, 2:4] *= -1
    found = given.diagnosis(gradients)
    kernel = found.arrays[0]
    assert (kernel.right, kernel.wrong_entries, kernel.gates) == (False, 6, {"forget gate": 6})
    assert kernel.finding == (
        "6 of 24 entries wrong, all in the columns of the forget gate, 2 to 3; "
        "each of them has the wrong sign"
    )
    assert [array.right for array in found.arrays] == [False, True, True, True, True, True]
    assert found.finding.startswith("the input's gradient is right, so dz is")
    assert str(found).endswith("no bug of the catalogue gives these numbers")


@pytest.mark.parametrize(
    ("cell", "order"),
    [("LSTM", "ifog"), ("LSTM", "figo"), ("LSTM", "fgio"), ("GRU", "rug"), ("GRU reset before", "gru")],
)
def test_another_order_of_gates_is_recognized_with_and_without_a_bug(cell, order):
    given = Given(cell)
    found = given.diagnosis(reordered(given.layer, given.gradients(), order))
    words = f"{', '.join(order)}, where the layer has {', '.join(letters(given.layer))}"
    assert (found.order, found.bugs, found.right) == (words, [], False)
    assert all(array.right for array in found.arrays)
    bug = "cell-state-off-by-one" if cell == "LSTM" else "update-gate-swapped"
    found = given.diagnosis(reordered(given.layer, given.gradients(bug), order))
    assert (found.order, found.bugs) == (words, [bug])


def test_transposed_arrays_are_read_and_told():
    given = Given("LSTM")
    right, wrong = given.gradients(), given.gradients("forget-gate-left-out")
    found = given.diagnosis({name: right[name].T for name in ("kernel", "recurrent_kernel")})
    assert not found.right
    assert finding_of(found, "kernel") == "transposed, (3, 8) is expected"
    assert given.diagnosis({"kernel": wrong["kernel"].T}).bugs == ["forget-gate-left-out"]
    assert finding_of(given.diagnosis({"bias": right["bias"][:, np.newaxis]}), "bias") == (
        "of another shape than (8,)"
    )
    square = Given("SimpleRNN")
    found = square.diagnosis({"recurrent_kernel": square.gradients()["recurrent_kernel"].T})
    assert finding_of(found, "recurrent_kernel") == "the transpose of the right one"


def test_a_shape_that_cannot_be_read_is_told():
    given = Given("GRU")
    found = given.diagnosis({**given.gradients(), "bias": np.ones(6)})
    assert finding_of(found, "bias") == "shape (6,), expected (2, 6)"
    assert not found.right


def test_a_bias_that_is_counted_twice_is_told():
    given = Given("LSTM")
    gradients = given.gradients()
    found = given.diagnosis({**gradients, "bias": 2 * gradients["bias"]})
    assert finding_of(found, "bias") == "each entry is 2 times what it should be"
    assert found.finding == "the bias is counted twice"


def test_float32_is_judged_as_such_and_found_inside_float64():
    given = Given("LSTM")
    coarse = {name: array.astype("float32") for name, array in given.gradients().items()}
    assert given.diagnosis(coarse).right
    found = given.diagnosis({name: array.astype("float64") for name, array in coarse.items()})
    assert {array.pattern for array in found.arrays} == {"float32"}
    halved = {name: array / np.float32(2) for name, array in coarse.items()}
    assert given.diagnosis(halved).arrays[0].finding == "each entry is 1/2 of what it should be"


def test_not_a_number_is_wrong():
    given = Given("SimpleRNN")
    gradients = given.gradients()
    gradients["kernel"][0, 1] = np.nan
    assert finding_of(given.diagnosis(gradients), "kernel") == "1 of 6 entries are not finite"


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize(
    ("bug", "words"),
    [
        (
            "kernel-not-transposed",
            "right at timestep {}, the first on the way back: what is carried is wrong",
        ),
        (
            "derivative-of-an-output",
            "wrong at timestep {}, the first on the way back: the step itself is wrong",
        ),
    ],
)
def test_the_input_gradient_tells_whether_the_step_or_what_is_carried_is_wrong(bug, words, go_backwards):
    given = Given("SimpleRNN", go_backwards=go_backwards)
    found = given.diagnosis(given.gradients(bug))
    assert found.finding == "input: " + words.format(1 if go_backwards else 5)


def test_a_diagnosis_changes_nothing():
    given = Given("LSTM", stateful=True)
    gradients = given.gradients("tape-overwritten", 2)
    arrays = [*given.layer.weights, given.x, given.dy, *given.states, *given.dstates, *gradients.values()]
    before = [array.copy() for array in arrays]
    given.layer.reset_states()
    given.diagnosis(gradients)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert given.layer.kept_states == []


def test_what_cannot_be_diagnosed_is_refused():
    given = Given("SimpleRNN")
    right = given.gradients()
    with pytest.raises(TypeError, match=r"^expected a recurrent layer, such as LSTM\(4\), not Dense$"):
        diagnose(Dense(2), given.x, given.dy, right)
    with pytest.raises(ValueError, match="has no weights yet: give it those of the gradients"):
        diagnose(GRU(2), given.x, given.dy, right)
    with pytest.raises(
        ValueError, match=r"^gradients of \['W'\] were given: give some of kernel, recurrent_kernel"
    ):
        given.diagnosis({"W": right["kernel"]})
    with pytest.raises(ValueError, match="give some of kernel"):
        given.diagnosis({})
    with pytest.raises(ValueError, match="the gradient of bias is complex128, expected real numbers"):
        given.diagnosis({"bias": right["bias"] * 1j})
    with pytest.raises(ValueError, match="the gradient of the output"):
        diagnose(given.layer, given.x, given.dy[:, :2], right)


def test_a_cell_of_ones_own_can_be_diagnosed_too():
    class Mine(LSTM):
        pass

    given = Given("LSTM")
    layer = Mine(2, dtype="float64", return_sequences=True)
    layer.build(given.x.shape)
    layer.set_weights(given.layer.weights)
    options = {"initial_state": given.states, "state_gradient": given.dstates}
    assert diagnose(layer, given.x, given.dy, given.gradients(), **options).right
