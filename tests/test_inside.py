"""What is shown of a network's inside is so: by differences, by hand, and by what the network itself says."""

import json
import re
import shutil
import subprocess
import warnings
from html import unescape

import numpy as np
import pytest
from helpers import CELLS, assert_gradient, central_differences, make_cell, randomize
from PIL import Image
from test_figures import assert_texts_are_apart, words

from scratch_rnn import GRU, LSTM, Dense, Sequential, SimpleRNN, load_mnist
from scratch_rnn.commands.main import main
from scratch_rnn.files import atomic_folder, unused
from scratch_rnn.inside import (
    answers,
    belief,
    gates,
    gradient_reach,
    read,
    saliency,
    state_gradients,
)
from scratch_rnn.inside import figures as figures_inside
from scratch_rnn.inside.figures import reach
from scratch_rnn.inside.player import save_player
from scratch_rnn.runs.folder import create_runs, load_run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.style import save
from scratch_rnn.training.losses import CategoricalCrossentropy

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
(IMAGES, LABELS) = load_mnist("sample")[1]
B, T, D, H, K = 3, 5, 4, 3, 6


def network(cell, layers=1, each_row=False, dtype="float64"):
    """A model with random weights; every weight matters, biases too."""
    stack = [
        make_cell(cell, H, return_sequences=number < layers or each_row, dtype=dtype)
        for number in range(1, layers + 1)
    ]
    model = Sequential([*stack, Dense(K, "softmax", dtype=dtype)])
    model.compile()
    model.build((None, T, D))
    return randomize(model)


def sequences(each_row=False):
    rng = np.random.default_rng(1)
    return rng.normal(size=(B, T, D)), rng.integers(0, K, (B, T) if each_row else B)


def lstm_for_digits():
    model = Sequential([LSTM(8), Dense(10, "softmax")], seed=0)
    model.build((None, 28, 28))
    return model


def rest_of_loss(model, x, y, t, states):
    """The loss, summed over the samples, of a single layer's model that goes on after row t from states."""
    layer, head = model.layers
    h = states[0]
    if t < T - 1:
        h, _ = layer.forward(x[:, t + 1 :], initial_state=states)
    elif layer.return_sequences:
        h = np.empty((B, 0, H))
    if layer.return_sequences:
        h = np.concatenate([states[0][:, np.newaxis], h], axis=1)
        y = y[:, t:]
    return CategoricalCrossentropy().values(y, head.forward(h)[0]).sum()


@pytest.mark.parametrize("each_row", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_a_state_says_what_a_push_at_that_state_does(cell, each_row):
    """c is pushed before h_t is computed from it, h_t afterwards."""
    model, (x, y) = network(cell, each_row=each_row), sequences(each_row)
    gradients, found = state_gradients(model, x, y), gates(model, x)
    for t in range(T):
        h, *c = (found[name][:, t].copy() for name in model.layers[0].state_names)

        def after_push_of_h(t=t, h=h, c=c):
            return rest_of_loss(model, x, y, t, (h, *c))

        def after_push_of_c(t=t, c=c):
            return rest_of_loss(model, x, y, t, (found["o"][:, t] * np.tanh(c[0]), *c))

        assert_gradient(gradients["h"][:, t], central_differences(after_push_of_h, h), f"h at {t}")
        if c:
            assert_gradient(gradients["c"][:, t], central_differences(after_push_of_c, c[0]), f"c at {t}")


def test_the_gradients_of_a_simple_rnn_follow_the_formula():
    """dh_{T} = W_out (p - y), dz_t = dh_t (1 - h_t²), dh_{t-1} = U dz_t."""
    model, (x, y) = network("SimpleRNN"), sequences()
    layer, head = model.layers
    dh = state_gradients(model, x, y)["h"]
    h = gates(model, x)["h"]
    np.testing.assert_allclose(dh[:, -1], (model.predict(x) - np.eye(K)[y]) @ head.kernel.T, rtol=1e-12)
    for t in range(T - 1, 0, -1):
        dz = dh[:, t] * (1 - h[:, t] ** 2)
        np.testing.assert_allclose(dh[:, t - 1], dz @ layer.recurrent_kernel.T, rtol=1e-12)


def test_of_several_layers_the_last_is_looked_at():
    """Its gradients are those of a model that begins with what the first layer gives."""
    model, (x, y) = network("LSTM", layers=2), sequences()
    first, last, head = model.layers
    upper = Sequential([last, head])
    upper.build((None, T, H))
    between, _ = first.forward(x)
    for name, gradient in state_gradients(upper, between, y).items():
        np.testing.assert_allclose(state_gradients(model, x, y)[name], gradient, rtol=1e-12)
    np.testing.assert_allclose(gates(model, x)["c"], gates(upper, between)["c"], rtol=1e-12)
    np.testing.assert_allclose(belief(model, x), belief(upper, between), rtol=1e-12)


def test_with_truncation_the_gradient_ends_where_that_of_training_ends():
    model, (x, y) = network("LSTM"), sequences()
    whole = state_gradients(model, x, y)
    model.layers[0].bptt_steps = 2
    for name, gradient in state_gradients(model, x, y).items():
        np.testing.assert_array_equal(gradient[:, -2:], whole[name][:, -2:])
        assert not gradient[:, :-2].any()


def test_the_reach_is_the_mean_norm_even_of_gradients_that_have_nearly_vanished():
    model, (x, y) = network("LSTM", dtype="float32"), sequences()
    model.layers[-1].kernel[...] *= np.float32(1e-21)
    reach, gradients = gradient_reach(model, x, y), state_gradients(model, x, y)
    for name in ("h", "c"):
        expected = np.sqrt((gradients[name].astype(float) ** 2).sum(axis=-1)).mean(axis=0)
        np.testing.assert_allclose(reach[name], expected, rtol=1e-12)
        assert reach[name].dtype == np.float64
        assert reach[name].shape == (T,)
        assert 0 < reach[name][-1] < 1e-19


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_the_belief_at_a_row_is_the_prediction_for_a_sequence_that_ends_there(cell, layers):
    model, (x, _) = network(cell, layers), sequences()
    p = belief(model, x)
    assert p.shape == (B, T, K)
    for t in range(T):
        np.testing.assert_allclose(p[:, t], model.predict(x[:, : t + 1]), rtol=1e-12)


def test_the_gates_are_those_of_the_equations():
    """(L1) to (L6), (G1) to (G3) and (G5), written out once more."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    x, _ = sequences()
    lstm, gru, simple = (network(cell) for cell in ("LSTM", "GRU", "SimpleRNN"))
    W, U, b = lstm.layers[0].weights
    h = c = np.zeros((B, H))
    for t in range(T):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        for name, value in {"i": i, "f": f, "g": g, "o": o, "c": c, "h": h}.items():
            np.testing.assert_allclose(gates(lstm, x)[name][:, t], value, rtol=1e-12, err_msg=name)
    W, U, (b, b_past) = gru.layers[0].weights
    h = np.zeros((B, H))
    for t in range(T):
        (uz, rz, gz), (up, rp, gp) = (np.split(z, 3, axis=1) for z in (x[:, t] @ W + b, h @ U + b_past))
        u, r = sigmoid(uz + up), sigmoid(rz + rp)
        g = np.tanh(gz + r * gp)
        h = u * h + (1 - u) * g
        for name, value in {"u": u, "r": r, "g": g, "h": h}.items():
            np.testing.assert_allclose(gates(gru, x)[name][:, t], value, rtol=1e-12, err_msg=name)
    W, U, b = simple.layers[0].weights
    h = np.zeros((B, H))
    for t in range(T):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        np.testing.assert_allclose(gates(simple, x)["h"][:, t], h, rtol=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_saliency_is_the_derivative_of_the_predicted_logit(cell, layers):
    model, (x, _) = network(cell, layers), sequences()
    said = model.predict(x).argmax(axis=1)

    def logits():
        return model.forward(x)[1][-1].z[np.arange(B), said].sum()

    assert_gradient(saliency(model, x), central_differences(logits, x), "x")


def test_saliency_counts_a_pixel_as_the_network_gets_it(digits):
    model = lstm_for_digits()
    x = digits[0][:2]
    np.testing.assert_array_equal(saliency(model, x), saliency(model, x.astype("float32") / np.float32(255)))


def test_the_model_is_left_as_it_was(digits):
    x, y = digits[0][:4], digits[1][:4]
    model = Sequential([GRU(4, return_sequences=True), GRU(4), Dense(10, "softmax")], seed=0)
    model.build((None, 28, 28))
    before, layers = model.predict(x), list(model.layers)
    kinds = [type(layer) for layer in layers]
    for look in (belief, gates, saliency):
        look(model, x)
    state_gradients(model, x, y)
    assert model.layers == layers
    assert [type(layer) for layer in model.layers] == kinds
    np.testing.assert_array_equal(model.predict(x), before)


def test_a_reading_is_what_the_functions_say_of_one_digit(digits):
    model = lstm_for_digits()
    x, y = digits[0][:1], digits[1][:1]
    seen = read(model, x[0], int(y[0]))
    assert seen.answer == model.predict(x).argmax()
    assert seen.target == y[0]
    np.testing.assert_array_equal(seen.gates["c"], gates(model, x)["c"][0])
    np.testing.assert_array_equal(seen.saliency, saliency(model, x)[0])
    for name, norms in seen.reach.items():
        np.testing.assert_allclose(norms, gradient_reach(model, x, y)[name])


def test_without_a_label_the_loss_is_that_of_the_answer(digits):
    model = lstm_for_digits()
    seen = read(model, digits[0][0])
    assert seen.target == seen.answer
    expected = state_gradients(model, digits[0][:1], np.array([seen.answer]))
    np.testing.assert_array_equal(seen.gradients["h"], expected["h"][0])


def test_answers_are_spans_of_rows():
    p = np.eye(10)[[1, 1, 7, 1, 9, 9]]
    assert answers(p) == [(0, 1, 1), (2, 2, 7), (3, 3, 1), (4, 5, 9)]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "none"),
        ([Dense(10, "softmax")], "recurrent"),
        ([LSTM(3)], "recurrent"),
        ([Dense(4), LSTM(3), Dense(10, "softmax")], "dense"),
        ([LSTM(3), Dense(10)], "softmax"),
        ([LSTM(3), SimpleRNN(3)], "softmax"),
        ([LSTM(3, go_backwards=True), Dense(10, "softmax")], "backwards"),
    ],
)
@pytest.mark.parametrize("look", [belief, gates, saliency])
def test_a_model_of_another_kind_is_refused(look, layers, words):
    with pytest.raises(ValueError, match=words):
        look(Sequential(layers), np.zeros((1, T, D)))


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="no weights"):
        belief(Sequential([LSTM(3), Dense(K, "softmax")]), np.zeros((1, T, D)))


def test_gradients_of_another_loss_are_refused():
    model = network("GRU")
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="mean_squared_error"):
        state_gradients(model, *sequences())


@pytest.mark.parametrize("look", [belief, gates, saliency])
def test_nan_is_refused(look):
    model, (x, _) = network("LSTM"), sequences()
    x = x.copy()
    x[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"x has NaN or infinite entries.* first in row 1"):
        look(model, x)


def test_data_that_does_not_fit_is_refused():
    model, (x, y) = network("LSTM"), sequences()
    with pytest.raises(ValueError, match="expected"):
        gates(model, x[..., :2])
    with pytest.raises(ValueError, match="out of range"):
        state_gradients(model, x, y + K)
    with pytest.raises(ValueError, match="expected"):
        state_gradients(model, x, y[:2])
    with pytest.raises(ValueError, match="one answer"):
        saliency(network("LSTM", each_row=True), x)


# ---------------------------------------------------------------- figures


def reading(cell, units=16, label=None):
    """A real digit, read by a network that has not learned anything."""
    model = Sequential([make_cell(cell, units, dtype="float32", seed=0), Dense(10, "softmax", seed=1)])
    model.build((None, 28, 28))
    return read(model, IMAGES[0], label)


def norms(scale=1.0, cell_state=False):
    names = ("h", "c") if cell_state else ("h",)
    return {name: scale * np.logspace(-9, 0, 28) for name in names}


def cells():
    return {"SimpleRNN": norms(0.1), "GRU": norms(0.3), "LSTM": norms(1.0, cell_state=True)}


def drawn(figure, path):
    """Save the figure; return its words, which are apart and inside its frame."""
    save(figure, path)
    assert_texts_are_apart(figure)
    with Image.open(path) as image:
        assert abs(image.width - 1200) <= 2
    return set(words(figure))


def test_the_reach_of_all_cells_is_drawn_before_and_after(tmp_path):
    said = drawn(reach(cells(), cells(), "How far"), tmp_path / "reach.png")
    assert {"Before training", "After training", "SimpleRNN", "GRU", "LSTM", "‖dL/dh‖", "‖dL/dc‖"} <= said
    assert {"row t", "1", "28"} <= said


def test_the_reach_is_drawn_as_it_is_on_one_logarithmic_scale():
    figure = reach(cells(), {name: norms(1e-3, "c" in found) for name, found in cells().items()}, "")
    before, after = figure.axes
    assert before.get_yscale() == after.get_yscale() == "log"
    assert before.get_ylim() == after.get_ylim()
    np.testing.assert_allclose(before.lines[1].get_ydata(), 0.3 * np.logspace(-9, 0, 28))
    assert [line.is_dashed() for line in before.lines] == [False, False, False, True]
    assert len({line.get_color() for line in before.lines[:3]}) == 3
    assert before.lines[2].get_color() == before.lines[3].get_color()


def test_a_cell_has_one_colour_alone_and_among_others():
    alone = reach({"LSTM": norms()}, {"LSTM": norms()}, "").axes[0].lines[0]
    assert alone.get_color() == reach(cells(), cells(), "").axes[0].lines[2].get_color()


def test_a_gradient_that_is_zero_leaves_a_gap():
    vanished = {"h": np.r_[np.zeros(14), np.logspace(-20, 0, 14)]}
    figure = reach({"GRU": vanished}, {"GRU": vanished}, "")
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).sum() == 14


@pytest.mark.parametrize(("before", "after"), [({}, {}), ({"GRU": norms()}, {"LSTM": norms()})])
def test_a_reach_without_its_counterpart_is_refused(before, after):
    with pytest.raises(ValueError, match=r"expected .* found"):
        reach(before, after, "")


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "LSTM"])
def test_what_happens_with_a_digit_is_drawn_with_its_words_apart(cell, tmp_path):
    seen = reading(cell)
    said = drawn(figures_inside.belief(seen, "A digit"), tmp_path / "belief.png")
    assert {"row t", "class", "answer", *"0123456789"} <= said
    said = drawn(figures_inside.gates(seen, "A digit"), tmp_path / "gates.png")
    assert {"h  hidden state", "16 units"} <= said
    assert ("f  forget gate" in said) == (cell == "LSTM")
    said = drawn(figures_inside.saliency(seen, "A digit"), tmp_path / "saliency.png")
    assert {"for", "0", "against", f"gradient of the logit of {seen.answer}"} <= said


def test_an_image_without_ink_is_drawn_without_a_warning(tmp_path):
    model = lstm_for_digits()
    seen = read(model, np.zeros((28, 28), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(figures_inside.saliency(seen, ""), tmp_path / "saliency.png")


def test_rows_are_level_in_all_panels():
    seen = reading("LSTM")
    for draw in (figures_inside.belief, figures_inside.gates, figures_inside.saliency):
        maps = [axes for axes in draw(seen, "").axes if axes.images]
        assert len(maps) >= 2
        for axes in maps:
            assert axes.get_ylim() == (28.5, 0.5)
            heights = {(round(a.get_position().y0, 9), round(a.get_position().y1, 9)) for a in maps}
        assert len(heights) == (2 if draw is figures_inside.gates else 1)


def test_the_map_of_beliefs_is_the_belief_and_the_answers_stand_where_they_change():
    seen = reading("LSTM")
    axes = figures_inside.belief(seen, "").axes[1]
    np.testing.assert_array_equal(axes.images[0].get_array(), seen.belief)
    written = [(text.get_position()[1], text.get_text()) for text in axes.texts[1:]]
    assert written == [(first + 1, str(said)) for first, _, said in answers(seen.belief)]


def test_units_are_sorted_by_when_they_are_most_active():
    h = np.array([[0, 0, -9, 1], [0, 5, 0, 1], [-3, 0, 0, 2]])
    assert figures_inside.unit_order(h).tolist() == [2, 1, 3, 0]


def test_signed_colours_are_centred_at_zero():
    seen = reading("GRU")
    image = figures_inside.saliency(seen, "").axes[1].images[0]
    low, high = image.get_clim()
    assert low == -high == -np.abs(seen.saliency).max()
    for end in (0.2, 0.8):
        assert image.cmap(0.5)[:3] > image.cmap(end)[:3]


# ---------------------------------------------------------------- the player


@pytest.fixture(scope="module")
def player(tmp_path_factory):
    path = tmp_path_factory.mktemp("player") / "player.html"
    save_player(reading("LSTM", label=3), "LSTM <8> & test-0", path)
    return path


def test_the_player_is_one_file_that_asks_for_nothing(player):
    html = player.read_text(encoding="utf-8")
    assert "http" not in html
    assert not re.search(r"<link|src=[\"'](?!data:)|url\(", html)
    assert html.count("data:image/png;base64,") == 2 * 28
    assert len(html) < 6e6
    assert "<title>LSTM &lt;8&gt; &amp; test-0</title>" in html
    assert "loss L of class 3" in html


def test_a_player_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_player(reading("SimpleRNN", units=2), "", tmp_path / "absent" / "player.html")


CLICKS = """
<script>
setTimeout(function () {
  function press(title) { document.querySelector('button[title="' + title + '"]').click(); }
  function picture() { return document.querySelector(".animation img").src; }
  var seen = [picture()];
  for (var frame = 1; frame < 56; frame++) { press("Next frame"); seen.push(picture()); }
  press("Next frame");
  var last = picture() === seen[55];
  press("First frame");
  document.body.setAttribute("data-found", JSON.stringify({
    different: new Set(seen).size,
    stays_at_the_end: last,
    first_again: picture() === seen[0],
    wide: document.querySelector(".animation img").naturalWidth > 900,
    signs: [...document.querySelectorAll(".anim-buttons i")].map(
      i => getComputedStyle(i, "::before").content.length > 2),
  }));
}, 500);
</script>
"""


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_the_player_plays_in_a_browser(player, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(player.read_text(encoding="utf-8") + CLICKS, encoding="utf-8")
    quiet = ["disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"]
    done = subprocess.run(
        [
            *[CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *(f"--{option}" for option in quiet)],
            *[f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"],
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    assert json.loads(unescape(found[1])) == {
        "different": 56,
        "stays_at_the_end": True,
        "first_again": True,
        "wide": True,
        "signs": [True] * 9,
    }


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with runs of two cells, trained for a moment on 200 digits of the sample."""
    folder = tmp_path_factory.mktemp("runs")
    (x, y), _ = load_mnist("sample")
    np.savez(folder / "tiny.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:240], y_test=y[200:240])
    recipes = [
        Recipe(cell=cell, units=6, layers=layers, data=str(folder / "tiny.npz"))
        for cell, layers in (("simple_rnn", 2), ("lstm", 1))
    ]
    for run in create_runs(folder / "all", recipes, (28, 28)):
        model = run.recipe.build_model((28, 28))
        model.fit(x[:200], y[:200], verbose=0)
        model.save_weights(run.folder / "scratch_rnn.weights.npz")
    return folder / "all"


@pytest.fixture
def quick_player(monkeypatch):
    """An empty page in place of one whose frames take seconds to draw."""
    monkeypatch.setattr("scratch_rnn.inside.player.page", lambda reading, title: "")


def inspect(*arguments, capsys):
    """Run the command in this process; return its exit status, what it printed and its errors."""
    status = main(["inspect", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


FILES = ["belief.png", "gates.png", "player.html", "saliency.png"]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_inspect_draws_each_cell_into_its_own_folder_and_one_reach_for_all(runs, capsys):
    status, out, err = inspect(runs, capsys=capsys)
    assert (status, err) == (0, "")
    assert names_in(runs / "inspect-test-0") == ["reach.png"]
    for cell in ("simple_rnn", "lstm"):
        assert names_in(runs / cell / "inspect-test-0") == FILES
        assert str(runs / cell / "inspect-test-0") in out
    assert out.count("before training") == 2
    assert "means of 40 test digits" in out


def test_inspect_says_what_was_answered_row_by_row_and_never_writes_over(runs, capsys, quick_player):
    run = runs / "lstm"
    outputs = [inspect(run, "--test-index", 3, capsys=capsys)[1] for _ in range(2)]
    assert outputs[0].replace("inspect-test-3", "inspect-test-3-2") == outputs[1]
    for folder in ("inspect-test-3", "inspect-test-3-2"):
        assert names_in(run / folder) == sorted([*FILES, "reach.png"])
    _, model = load_run(run)
    with np.load(runs.parent / "tiny.npz") as data:
        image, label = data["x_test"][3], int(data["y_test"][3])
    p = belief(model, image[np.newaxis])[0]
    first, _, said = answers(p)[-1]
    assert f"from row {first + 1} of 28 on: {said}" in outputs[0]
    assert f"test-3: {said} ({'right' if said == label else 'wrong'}" in outputs[0]


def test_inspect_takes_an_image_and_names_the_folder_after_it(runs, tmp_path, capsys, quick_player):
    path = tmp_path / "my [b]seven.png"
    Image.fromarray(255 - IMAGES[0]).resize((200, 200)).save(path)
    status, out, _ = inspect(runs / "simple_rnn", path, capsys=capsys)
    assert status == 0
    assert "my [b]seven.png: " in out
    assert "right" not in out
    assert "wrong" not in out
    assert "player.html" in names_in(runs / "simple_rnn" / "inspect-my [b]seven")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["nowhere", "does not exist"]),
        (["RUN", "--test-index", "40"], ["40", "out of range"]),
        (["RUN", "--test-index", "-1"], ["--test-index", "'-1'"]),
        (["RUN", "x.png", "--test-index", "1"], ["not both"]),
        (["RUN", "missing.png"], ["missing.png"]),
        ([""], ["'' is not a path"]),
    ],
)
def test_wrong_input_gets_one_line_and_draws_nothing(arguments, words, runs, capsys):
    before = sorted(runs.rglob("*"))
    try:
        status, _, err = inspect(*[str(runs) if a == "RUN" else a for a in arguments], capsys=capsys)
    except SystemExit as exit:  # of argparse
        status, err = exit.code, capsys.readouterr().err
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert all(word in err for word in words)
    assert sorted(runs.rglob("*")) == before


def test_a_folder_that_fails_half_way_is_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "new") as unfinished:
        (unfinished / "half").write_text("")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "new") as unfinished:
        (unfinished / "whole").write_text("")
    assert names_in(tmp_path / "new") == ["whole"]
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "new"):
        pass
    assert unused(tmp_path / "new") == tmp_path / "new-2"
