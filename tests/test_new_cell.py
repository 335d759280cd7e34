"""Two cells of a user's own, tests/min_gru.py and tests/peephole_lstm.py, and the page that explains them."""

import builtins
import contextlib
import io
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers import MASK, alone, assert_gradient, central_differences, random_arrays, random_call, randomize
from matplotlib.text import Text
from min_gru import MinGRU, MinGRUStep
from peephole_lstm import PeepholeLSTM, PeepholeStep

from scratch_rnn import GRU, LSTM, Dense, RMSprop, Sequential, inside, load_mnist
from scratch_rnn.checks import BUGS, check_layer, inject
from scratch_rnn.checks.known_bugs import EVERY_CELL
from scratch_rnn.inside import figures
from scratch_rnn.inside.player import save_player
from scratch_rnn.layers.lstm import LSTMStep
from scratch_rnn.layers.tape import Part, Step, kept, work
from scratch_rnn.runs.figures import curves
from scratch_rnn.runs.result import Result
from scratch_rnn.training.losses import CategoricalCrossentropy

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PAGE = (ROOT / "docs" / "new_cell.md").read_text(encoding="utf-8")
DERIVATION = (ROOT / "docs" / "bptt.md").read_text(encoding="utf-8")
SOURCES = {
    cell: (TESTS / f"{name}.py").read_text(encoding="utf-8")
    for cell, name in ((MinGRU, "min_gru"), (PeepholeLSTM, "peephole_lstm"))
}
EQUATION = re.compile(r"\(([A-Z]\d+)\)")

both_cells = pytest.mark.parametrize("cell", SOURCES)


def built(cell, units=3, features=3, **options):
    """Return a layer in float64 with weights, biases too, at whose size no wrong term can hide."""
    layer = cell(units, **{"dtype": "float64", **options})
    layer.build((None, None, features))
    return randomize(layer)


def check(cell, time=5, mask=None, **options):
    (x,) = random_arrays((4, time, 3))
    return check_layer(built(cell, **options), x, mask=mask)


def wrong(report):
    return {check.name for check in report.checks if not check.passed}


def changed(cell, *changes):
    """Return the cell that its file defines after some changes of the text, each (before, after)."""
    source = SOURCES[cell]
    for before, after in changes:
        assert source.count(before) == 1, before
        source = source.replace(before, after)
    names = {"__name__": "changed"}
    exec(source, names)
    return names[cell.__name__]


def classifier(cell, units=8, seed=0, dtype="float32", **compiled):
    model = Sequential([cell(units, dtype=dtype), Dense(10, "softmax", dtype=dtype)], seed=seed)
    model.compile(RMSprop(0.01), "sparse_categorical_crossentropy", ["accuracy"], **compiled)
    model.build((None, 28, 28))
    return model


def digits(rows):
    (x, y), test = load_mnist("sample")
    return (x[:rows], y[:rows]), test


# The files -------------------------------------------------------------------------------------------------


@both_cells
def test_a_cell_is_less_than_forty_lines(cell):
    assert len(SOURCES[cell].splitlines()) < 40


@both_cells
def test_the_page_shows_the_whole_file(cell):
    assert f"```python\n{SOURCES[cell]}```\n" in PAGE


def test_weights_are_those_of_the_equations():
    layer = MinGRU(4)
    layer.build((None, None, 3))
    assert layer.weight_names == ["kernel", "bias"]
    assert [weight.shape for weight in layer.weights] == [(3, 8), (8,)]
    layer = PeepholeLSTM(4)
    layer.build((None, None, 3))
    assert layer.weight_names == ["kernel", "recurrent_kernel", "bias", "peephole"]
    assert [weight.shape for weight in layer.weights] == [(3, 16), (4, 16), (16,), (12, 1)]
    assert not layer.weights[-1].any()


@both_cells
def test_without_a_bias_there_is_none(cell):
    assert "bias" not in built(cell, use_bias=False).weight_names


# Forward ---------------------------------------------------------------------------------------------------


def test_min_gru_is_a_gru_without_recurrent_kernel_and_with_its_gate_turned_round():
    """σ(-z) = 1 - σ(z): where the one keeps the past, the other lets the new in."""
    ours = built(MinGRU, return_sequences=True)
    gru = GRU(3, "linear", reset_after=False, return_sequences=True, dtype="float64")
    gru.build((None, None, 3))
    for weight in gru.weights:
        weight[...] = 0
    kernel, bias = ours.weights
    gru.kernel[:, :3], gru.kernel[:, 6:] = -kernel[:, :3], kernel[:, 3:]
    gru.bias[:3], gru.bias[6:] = -bias[:3], bias[3:]
    x, states = random_call(ours)
    np.testing.assert_allclose(ours.forward(x, states)[0], gru.forward(x, states)[0], rtol=1e-13, atol=1e-15)


def test_a_peephole_lstm_without_peepholes_is_an_lstm_bit_for_bit():
    plain, ours = LSTM(5, seed=3), PeepholeLSTM(5, seed=3)
    x = random_arrays((4, 6, 3), dtype="float32")[0]
    np.testing.assert_array_equal(ours.forward(x)[0], plain.forward(x)[0])
    ours.weights[-1][...] = 0.5
    assert not np.array_equal(ours.forward(x)[0], plain.forward(x)[0])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_each_peephole_reaches_its_own_gate():
    """One step by the equations, with rows as samples."""
    layer = built(PeepholeLSTM)
    (x,), (h, c) = random_arrays((2, 3)), random_arrays((2, 3), (2, 3), seed=5)
    s = layer.single_step(x, (h, c))
    kernel, recurrent, bias, peephole = layer.weights
    p_i, p_f, p_o = peephole[:, 0].reshape(3, 3)
    z_i, z_f, z_g, z_o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
    i, f, g = sigmoid(z_i + p_i * c), sigmoid(z_f + p_f * c), np.tanh(z_g)
    c_now = f * c + i * g
    o = sigmoid(z_o + p_o * c_now)
    for name, expected in {"i": i, "f": f, "g": g, "c": c_now, "o": o, "h": o * np.tanh(c_now)}.items():
        np.testing.assert_allclose(getattr(s, name).T, expected, rtol=1e-13, err_msg=name)


# Gradients -------------------------------------------------------------------------------------------------


@both_cells
@pytest.mark.parametrize("mask", [pytest.param(None, id="all steps"), pytest.param(MASK, id="masked")])
@pytest.mark.parametrize("bptt_steps", [None, 2])
@pytest.mark.parametrize(
    ("return_sequences", "go_backwards", "use_bias"), list(product([False, True], repeat=3)), ids=str
)
def test_gradients_are_right_with_every_option(
    cell, return_sequences, go_backwards, use_bias, bptt_steps, mask
):
    report = check(
        cell,
        mask=mask,
        return_sequences=return_sequences,
        go_backwards=go_backwards,
        use_bias=use_bias,
        bptt_steps=bptt_steps,
    )
    assert (report.method, report.tolerance) == ("complex", 1e-12)
    assert report.passed, str(report)


@both_cells
def test_central_differences_say_the_same(cell):
    (x,) = random_arrays((4, 5, 3))
    assert check_layer(built(cell, return_sequences=True), x, method="central").passed


@pytest.mark.parametrize("activation", ["relu", "linear", "sigmoid"])
def test_gradients_of_the_peephole_lstm_hold_for_other_activations(activation):
    assert check(PeepholeLSTM, activation=activation).passed
    assert check(PeepholeLSTM, recurrent_activation=activation).passed


ALL_OF_MIN_GRU = {"kernel", "bias", "input", "initial h"}
ALL_OF_LSTM = {*ALL_OF_MIN_GRU, "recurrent_kernel", "peephole", "initial c"}
H_BY_ASSIGNMENT = (
    "np.add((1 - s.u) * s.h_prev, s.u * s.g, out=s.h)",
    "s.h = (1 - s.u) * s.h_prev + s.u * s.g",
)
WITHOUT_P_O = (" + s.p_o * dz_o", "")
NO_PEEPHOLE_GRADIENT = ("s.dpeephole += seen.sum(axis=1, keepdims=True)", "pass")

MISTAKES = [
    (MinGRU, ("(dh * (1 - s.u),)", "(dh * s.u,)"), ALL_OF_MIN_GRU),
    (MinGRU, ("(dh * (1 - s.u),)", "(0 * dh,)"), ALL_OF_MIN_GRU),
    (MinGRU, ("(dh * (1 - s.u),)", "(dh,)"), ALL_OF_MIN_GRU),
    (MinGRU, ("s.g - s.h_prev", "s.h_prev - s.g"), ALL_OF_MIN_GRU - {"initial h"}),
    (MinGRU, ("s.g - s.h_prev", "s.g - s.h"), ALL_OF_MIN_GRU - {"initial h"}),
    (MinGRU, ("np.multiply(dh, s.u, out=s.dg)", "s.dg[...] = dh"), ALL_OF_MIN_GRU - {"initial h"}),
    (MinGRU, ("derivative(s.u, ", "derivative(s.g, "), ALL_OF_MIN_GRU - {"initial h"}),
    (MinGRU, ("s.derivative_u, out=s.dz_u", "s.u, out=s.dz_u"), ALL_OF_MIN_GRU - {"initial h"}),
    (MinGRU, ("z = kept(2)", "z = work(2)"), ALL_OF_MIN_GRU),
    (MinGRU, ("    recurrent = False\n", ""), ALL_OF_MIN_GRU | {"recurrent_kernel"}),
    (MinGRU, H_BY_ASSIGNMENT, ALL_OF_MIN_GRU),
    (PeepholeLSTM, WITHOUT_P_O, ALL_OF_LSTM),
    (PeepholeLSTM, (" + s.p_i * s.dz_i", ""), ALL_OF_LSTM),
    (PeepholeLSTM, (" + s.p_f * s.dz_f", ""), ALL_OF_LSTM),
    (PeepholeLSTM, ("return dh_prev, dc_prev", "return dh_prev, dc_carried"), ALL_OF_LSTM),
    (PeepholeLSTM, ("dz_o = dh * s.phi_c", "dz_o = dh * s.c"), ALL_OF_LSTM),
    (PeepholeLSTM, ("derivative(s.o)", "derivative(s.i)"), ALL_OF_LSTM),
    (PeepholeLSTM, ("[s.dz_i * s.c_prev", "[s.dz_i * s.c"), {"peephole"}),
    (PeepholeLSTM, ("s.dz_o * s.c]", "s.dz_o * s.c_prev]"), {"peephole"}),
    (PeepholeLSTM, ("s.dpeephole +=", "s.dpeephole[...] ="), {"peephole"}),
    (PeepholeLSTM, ("seen.sum(", "seen.mean("), {"peephole"}),
    (PeepholeLSTM, NO_PEEPHOLE_GRADIENT, {"peephole"}),
    (PeepholeLSTM, ("super().add_weight_gradients(s)", "pass"), {"kernel", "recurrent_kernel", "bias"}),
]


@pytest.mark.parametrize(
    ("cell", "change", "expected"),
    MISTAKES,
    ids=[f"{cell.__name__}: {new}" for cell, (_, new), _ in MISTAKES],
)
def test_a_mistake_is_found_in_the_arrays_that_it_touches(cell, change, expected):
    assert wrong(check(changed(cell, change))) == expected


@both_cells
def test_the_files_themselves_pass_the_check_of_the_mistakes(cell):
    assert not wrong(check(changed(cell)))


@both_cells
@pytest.mark.parametrize("mask", [pytest.param(None, id="all steps"), pytest.param(MASK, id="masked")])
def test_calls_of_one_step_each_equal_one_call_of_all_steps(cell, mask):
    """Gradients included: the state's gradient goes back from call to call as the state went forth."""
    layer = built(cell, return_sequences=True, return_state=True)
    x, states = random_call(layer)
    (y, *last), tape = layer.forward(x, states, mask)
    dy, *dlast = random_arrays(y.shape, *(state.shape for state in last), seed=2)
    if mask is not None:
        dy *= mask[..., np.newaxis]  # before its first step a sample puts out zeros, alone the initial state
    expected = layer.backward(dy, tape, dlast)

    state, tapes = states, []
    for t in range(x.shape[1]):
        (y_t, *state), tape = layer.forward(
            x[:, t : t + 1], state, None if mask is None else mask[:, t : t + 1]
        )
        tapes.append(tape)
        seen = slice(None) if mask is None else mask[:, t]
        np.testing.assert_array_equal(y_t[seen, 0], y[seen, t])
    for state_t, last_t in zip(state, last, strict=True):
        np.testing.assert_array_equal(state_t, last_t)

    dstate, inputs, weights = dlast, [], [np.zeros_like(weight) for weight in layer.weights]
    for t in reversed(range(x.shape[1])):
        gradients = layer.backward(dy[:, t : t + 1], tapes[t], dstate)
        dstate = gradients.initial_state
        inputs.insert(0, gradients.inputs)
        weights = [total + weight for total, weight in zip(weights, gradients.weights, strict=True)]
    parts = (np.concatenate(inputs, axis=1), *dstate, *weights)
    wanted = (expected.inputs, *expected.initial_state, *expected.weights)
    for actual, desired in zip(parts, wanted, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=1e-12, atol=1e-12)


# Training --------------------------------------------------------------------------------------------------


@both_cells
def test_training_learns_what_chance_cannot(cell):
    """Of 1,000 digits that were not trained on, chance gets 100 right, give or take ten."""
    (x, y), test = digits(1500)
    model = classifier(cell, units=32)
    before = model.evaluate(*test)["accuracy"]
    model.fit(x, y, epochs=3, verbose=0)
    after = model.evaluate(*test)["accuracy"]
    assert before < 0.2
    assert after > 0.4


@alone
def test_threads_and_processes_give_the_same_bits():
    (x, y), _ = digits(300)
    for cell in SOURCES:
        plain = classifier(cell, threads=1)
        history = plain.fit(x, y, batch_size=170, epochs=2, verbose=0).history
        for workers in ({"threads": 2}, {"threads": 1, "processes": 2}):
            model = classifier(cell, **workers)
            assert model.fit(x, y, batch_size=170, epochs=2, verbose=0).history == history
            for weight, expected in zip(model.weights, plain.weights, strict=True):
                np.testing.assert_array_equal(weight, expected)


@both_cells
def test_weights_are_saved_and_loaded_under_their_names(cell, tmp_path):
    model, other = (classifier(cell, seed=seed) for seed in (0, 1))
    randomize(model)
    model.save_weights(tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as archive:
        assert sorted(archive.files) == sorted(model.weight_names)
    x = digits(1)[1][0][:20]
    assert not np.array_equal(other.predict(x), model.predict(x))
    other.load_weights(tmp_path / "weights.npz")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_peepholes_are_among_the_weights_that_are_saved(tmp_path):
    model = classifier(PeepholeLSTM)
    model.weights[3][...] = 0.25
    model.save_weights(tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as archive:
        np.testing.assert_array_equal(archive["peephole_lstm/peephole"], np.full((24, 1), 0.25))
    with pytest.raises(ValueError, match="another architecture"):
        classifier(LSTM).load_weights(tmp_path / "weights.npz")


@both_cells
def test_keras_has_no_twin_of_it(cell):
    pytest.importorskip("keras")
    from keras_reference.twin import build_twin

    with pytest.raises(ValueError, match=rf"\({cell.__name__}\) has no counterpart in Keras"):
        build_twin(classifier(cell), (None, 28, 28))


# Inside ----------------------------------------------------------------------------------------------------


def looked_at(cell):
    """Return a model with random weights, three sequences and their labels."""
    model = Sequential([cell(3, dtype="float64"), Dense(6, "softmax", dtype="float64")])
    model.compile()
    model.build((None, 5, 4))
    return randomize(model), random_arrays((3, 5, 4))[0], np.array([0, 5, 2])


@both_cells
def test_gates_are_those_that_the_cell_names_with_their_values(cell):
    model, x, _ = looked_at(cell)
    found = inside.gates(model, x)
    assert list(found) == [*cell.gates, *cell.signals]
    layer = model.layers[0]
    states = [np.zeros((3, 3))] * len(layer.state_names)
    for t in range(5):
        s = layer.single_step(x[:, t], states)
        for name, values in found.items():
            np.testing.assert_allclose(values[:, t], getattr(s, name).T, rtol=1e-13, err_msg=name)
        states = [getattr(s, name).T for name in layer.state_names]
    for name in cell.gates:
        assert found[name].min() > 0 and found[name].max() < 1
    for name in cell.signals:
        assert found[name].min() < 0 < found[name].max()


@both_cells
def test_the_gradient_of_h_says_what_a_push_at_h_does(cell):
    model, x, y = looked_at(cell)
    layer, head = model.layers
    gradient = inside.state_gradients(model, x, y)["h"]
    for t in range(4):
        states = states_after(layer, x[:, : t + 1])

        def loss(t=t, states=states):
            last, _ = layer.forward(x[:, t + 1 :], states)
            return CategoricalCrossentropy().values(y, head.forward(last)[0]).sum()

        assert_gradient(gradient[:, t], central_differences(loss, states[0]), f"h, step {t}")


def test_the_gradient_of_c_is_whole_with_the_way_through_the_peephole_of_the_output_gate():
    """c is pushed before o and h are computed from it, so all three ways to the loss count."""
    model, x, y = looked_at(PeepholeLSTM)
    layer, head = model.layers
    gradient = inside.state_gradients(model, x, y)["c"]
    p_o = layer.weights[-1][6:, 0]
    for t in range(4):
        before = states_after(layer, x[:, :t]) if t else [np.zeros((3, 3))] * 2
        s = layer.single_step(x[:, t], before)
        c, o = s.c.T.copy(), s.o.T.copy()
        rest_of_z_o = np.log(o / (1 - o)) - p_o * c

        def loss(t=t, c=c, rest_of_z_o=rest_of_z_o):
            h = sigmoid(rest_of_z_o + p_o * c) * np.tanh(c)
            last, _ = layer.forward(x[:, t + 1 :], (h, c))
            return CategoricalCrossentropy().values(y, head.forward(last)[0]).sum()

        assert_gradient(gradient[:, t], central_differences(loss, c), f"c, step {t}")


def states_after(layer, x):
    """Return copies of the states, (B, H) each, in which a layer ends."""
    _, tape = layer.forward(x)
    return [state[-1].T.copy() for state in tape.states]


@pytest.fixture(scope="module", params=SOURCES, ids=lambda cell: cell.__name__)
def seen(request):
    """A cell, its untrained network, and what it does with ten rows of a digit."""
    model = classifier(request.param)
    (image, *_), (label, *_) = digits(1)[1]
    return request.param, model, inside.read(model, image[8:18], int(label))


def words(figure):
    return {text.get_text() for text in figure.findobj(Text)}


def test_figures_show_every_gate_and_signal_with_its_words(seen):
    cell, _, reading = seen
    drawn = words(figures.gates(reading, "a title"))
    for name, meaning in (cell.gates | cell.signals).items():
        assert any(word.startswith(f"{name}  {meaning}") for word in drawn), name
    assert "a title" in drawn
    for figure in (figures.belief(reading, "a title"), figures.saliency(reading, "a title")):
        assert "a title" in words(figure)


def test_the_reach_of_its_gradients_is_drawn(seen):
    cell, model, _ = seen
    x, y = (array[:20] for array in digits(1)[1])
    reach = inside.gradient_reach(model, x, y)
    assert list(reach) == list(cell.state_names)
    assert all(norms.shape == (28,) and (norms > 0).all() for norms in reach.values())
    drawn = words(figures.reach({cell.__name__: reach}, {cell.__name__: reach}, "a title"))
    assert {cell.__name__, *(f"‖dL/d{name}‖" for name in cell.state_names)} <= drawn


def test_the_player_plays_it(seen, tmp_path):
    cell, _, reading = seen
    save_player(reading, f"{cell.__name__} plays", tmp_path / "player.html")
    html = (tmp_path / "player.html").read_text(encoding="utf-8")
    assert f"<title>{cell.__name__} plays</title>" in html
    assert html.count("data:image/webp;base64,") == 2 * 10


@both_cells
def test_its_curves_are_drawn(cell):
    (x, y), _ = digits(200)
    history = classifier(cell).fit(x, y, epochs=2, validation_split=0.1, verbose=0).history
    results = [Result(cell.__name__, history), Result("again", history)]
    assert {cell.__name__, "again", "a title"} <= words(curves(results, "a title"))


# What the page says ----------------------------------------------------------------------------------------


def test_every_equation_of_the_page_is_defined_once_here_or_in_the_derivation():
    own, theirs = (re.findall(r"\\tag\{(\w+)\}", text) for text in (PAGE, DERIVATION))
    assert own == [f"M{number}" for number in range(1, 8)] + [f"P{number}" for number in range(1, 8)]
    assert not set(own) & set(theirs)
    prose = re.sub(r"```math.*?```", "", PAGE, flags=re.DOTALL)
    assert set(own) <= set(EQUATION.findall(prose)) <= {*own, *theirs}


EXAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", PAGE, flags=re.DOTALL)
FILES = ["belief.png", "curves.png", "gates.png", "player.html"]
FILES += [f"peephole-{name}" for name in ("gates.png", "player.html")] + ["peephole.npz"]


class Session:
    """The page's Python, run piece by piece in one go, as far as a test asks."""

    def __init__(self, folder):
        self.folder, self.names, self.printed = folder, {}, []

    def printed_by(self, number):
        """Return what a piece prints, once it and those before it have run."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            # The player's frames take seconds; another test here draws them.
            patch.setattr("scratch_rnn.inside.player.page", lambda reading, title: title)
            for code, _ in EXAMPLES[len(self.printed) : number + 1]:
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(code, self.names)
                self.printed.append(out.getvalue())
        return self.printed[number]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("page"))


@pytest.fixture
def ended(session):
    """The names that the page's Python leaves, and its files."""
    session.printed_by(len(EXAMPLES) - 1)
    return session.names, sorted(path.name for path in session.folder.iterdir())


NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


def same_line(shown, printed):
    """Return whether two lines say the same; numbers may differ as they do from one processor to another.

    Of a line of a report the numbers do not count, but whether an array passed, and what its problem is.
    """
    if re.match(r"  (ok|WRONG) ", shown):
        problem = re.search(r"second call differs|analytic 0,|numeric 0 |$", shown)[0]
        return shown.partition("error")[0] == printed.partition("error")[0] and problem in printed
    if re.sub(r"\s+", "", NUMBER.sub("#", shown)) != re.sub(r"\s+", "", NUMBER.sub("#", printed)):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=0.35, abs=1e-12) for a, b in pairs)


def assert_shows(shown, printed):
    """Fail where the page shows anything else than was printed; … stands for any number of lines."""
    parts = [part.strip("\n").splitlines() for part in re.split(r"^…$", shown, flags=re.MULTILINE)]
    lines, place = printed.splitlines(), 0
    for number, part in enumerate(parts):
        starts = range(place, len(lines) - len(part) + 1)
        found = [s for s in starts if all(map(same_line, part, lines[s:]))]
        assert found, f"not printed: {part}\n{printed}"
        start = found[-1] if number == len(parts) - 1 else found[0]
        assert number or start == 0
        place = start + len(part)
    assert place == len(lines), f"printed, but not shown: {lines[place:]}"


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_page_shows_what_its_code_prints(number, session):
    assert_shows(EXAMPLES[number][1], session.printed_by(number))


def test_the_page_shows_a_lot():
    assert sum(bool(shown) for _, shown in EXAMPLES) > 10


def test_the_comparison_with_the_page_notices_what_is_wrong():
    assert_shows("a 1.0\n…\nc 3\n", "a 1.1\nb\nc 3\n")
    for shown, printed in (
        ("a 1\n", "a 2\n"),
        ("a 1\n", "b 1\n"),
        ("a 1\n", "a 1\nb\n"),
        ("a\n…\nc\n", "a\nb\n"),
        ("", "a\n"),
        ("  ok     kernel  error 1\n", "  WRONG  kernel  error 1\n"),
        ("  WRONG  kernel  error 1  second call differs\n", "  WRONG  kernel  error 1  analytic 1\n"),
    ):
        with pytest.raises(AssertionError):
            assert_shows(shown, printed)


def test_the_code_of_the_page_writes_its_files_and_trains(ended):
    names, files = ended
    assert files == sorted(FILES)
    for history in (names["one"], names["two"], names["slow_one"], names["slow_two"], names["history"]):
        assert history["val_accuracy"][-1] > 0.4
    assert names["two"]["val_accuracy"][-1] > names["one"]["val_accuracy"][-1]
    assert names["slow_one"]["val_accuracy"][-1] > names["one"]["val_accuracy"][-1]


def test_the_second_form_of_the_step_agrees_with_the_first(ended):
    names, _ = ended
    assert list(names["ours"]) == ["h", "dx", "dh_prev", "dW", "db"]
    for name, array in names["ours"].items():
        np.testing.assert_allclose(array, names["theirs"][name], rtol=1e-12, atol=1e-14, err_msg=name)


def rows_of(heading):
    """Return the rows of the tables below a heading of the page, each a list of its fields."""
    section = PAGE.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("name", "forgotten")]


def test_the_names_on_s_are_those_of_the_class_step():
    named = [name for row in rows_of("## 8. What there is on s") for name in re.findall(r"`(\w+)`", row[0])]
    parts = {name for name, part in vars(Step).items() if isinstance(part, Part)}
    assert sorted(named) == sorted(parts | {"dz"})


FORGOTTEN = {
    "`step_class = MinGRUStep`": (MinGRU, ("    step_class = MinGRUStep\n", "")),
    "`dz` in the Step": (MinGRU, ("    dz = work(2)\n    du, dg = dz_u, dz_g = dz\n", "")),
    "what `gates` or `signals` name": (MinGRU, ('{"u": "update gate"}', '{"w": "update gate"}')),
    "another declaration, or it is misspelt": (MinGRU, ("    derivative_u = work()\n", "")),
    "a block: `dz = work(2)` beside `z = kept(3)`": (
        MinGRU,
        ("    z = kept(2)\n    z_u, z_g = u, g = z\n", "    z = kept(3)\n    z_u, z_g = u, g = z[:2]\n"),
    ),
    "`state()` for one of the `state_names`": (
        MinGRU,
        ("    recurrent = False\n", '    recurrent = False\n    state_names = ("h", "c")\n'),
    ),
    "the comma in `return (dh * (1 - s.u),)`": (MinGRU, ("(dh * (1 - s.u),)", "(dh * (1 - s.u))")),
    "`return`": (MinGRU, ("return (dh", "(dh")),
    '`"h"` among the `signals`': (MinGRU, (', "h": "hidden state"', "")),
    "`recurrent = False`": (MinGRU, ("    recurrent = False\n", "")),
    "`kept`, and `work` stands there": (MinGRU, ("z = kept(2)", "z = work(2)")),
    "`out=s.h`, and `s.h = ` stands there": (MinGRU, H_BY_ASSIGNMENT),
    "`add_weight_gradients`": (PeepholeLSTM, NO_PEEPHOLE_GRADIENT),
}
OUTCOMES = dict(rows_of("## 7. Rules"))


def test_all_that_the_page_lets_be_forgotten_is_tried():
    assert list(OUTCOMES) == list(FORGOTTEN)


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_what_was_forgotten_is_told_as_the_page_says(forgotten):
    cell = changed(*FORGOTTEN[forgotten])
    outcome = OUTCOMES[forgotten]
    if not outcome.startswith("no error"):
        name, message = re.match(r"`(\w+): (.+?)`", outcome).groups()
        with pytest.raises(getattr(builtins, name)) as e:
            check(cell)
            figures.gates(inside.read(classifier(cell), np.ones((28, 28)), 0), "")
        assert type(e.value).__name__ == name
        assert str(e.value).startswith(message)
        return
    report = check(cell)
    if "every array" in outcome:
        assert wrong(report) == {array.name for array in report.checks}
    if "numeric 0" in outcome:
        assert {array.numeric for array in report.checks} == {0}
    if "analytic 0" in outcome:
        assert [(array.name, array.analytic) for array in report.checks if not array.passed] == [
            ("peephole", 0)
        ]
    if "recurrent_kernel" in outcome:
        assert "recurrent_kernel" in built(cell).weight_names


class HandsBackAnArrayOfItsStep(MinGRU):
    """What the rules forbid: the next call overwrites its dh while it still reads it."""

    class step_class(MinGRUStep):
        dh_prev = work()

    def step_backward(self, s, dstate):
        np.multiply(dstate[0], 1 - s.u, out=s.dh_prev)
        super().step_backward(s, dstate)
        return (s.dh_prev,)


def test_an_array_of_the_step_handed_back_is_found_without_return_sequences():
    assert not check(HandsBackAnArrayOfItsStep).passed
    assert check(HandsBackAnArrayOfItsStep, return_sequences=True).passed


def test_absolute_values_lose_the_imaginary_part():
    class Absolute(MinGRU):
        def step(self, s):
            super().step(s)
            s.h[...] = np.abs(s.h)

    assert {array.numeric for array in check(Absolute).checks} == {0}


class Redeclared(MinGRUStep):
    z = kept(3)


class Renamed(PeepholeStep):
    z_output = LSTMStep.z[3:]

    def half(self):
        return self.z / 2


def test_names_of_a_base_stay_with_its_array_and_blocks_of_it_can_be_named_anew():
    cell = type("Cell", (MinGRU,), {"step_class": Redeclared, "step": lambda self, s: None})
    s = built(cell).single_step(np.zeros((1, 3)))
    assert s.z.shape == (9, 1)
    assert s.z_u is s.u
    assert not np.shares_memory(s.z_u, s.z)
    s = built(type("Cell", (PeepholeLSTM,), {"step_class": Renamed})).single_step(np.zeros((1, 3)))
    assert s.z_output is s.o
    assert not hasattr(s, "half")


@pytest.mark.parametrize("bug", sorted(name for name, bug in BUGS.items() if bug.cells == EVERY_CELL))
@both_cells
def test_a_bug_that_every_cell_can_have_is_found_in_it(cell, bug):
    layer = built(cell, bptt_steps=2, return_sequences=True)
    (x,) = random_arrays((4, 5, 3))
    assert check_layer(layer, x).passed
    assert not check_layer(inject(layer, bug), x).passed
