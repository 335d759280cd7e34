"""scratch-rnn inspect: what it prints and draws is what the run's network does with the digit."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from readings import made_reading
from rich.console import Console

from scratch_rnn import load_mnist
from scratch_rnn.commands.inspect import Inspection, _print_answer
from scratch_rnn.commands.main import main
from scratch_rnn.files import atomic_folder, unused
from scratch_rnn.inside import answers, belief, direct_growth, figures, read, state_gradients
from scratch_rnn.runs.folder import create_runs, load_run
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.style import save

(IMAGES, _) = load_mnist("sample")[1]


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


def test_inspect_draws_each_cell_into_its_own_folder_and_one_reach_for_all(runs, capsys, quick_player):
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


# ---------------------------------------------------------------- read back: what is printed


def printed(label):
    """What is said of a reading made by hand."""
    inspection = Inspection(
        folder=None,
        recipe=Recipe(cell="gru", units=5),
        reading=made_reading("GRU"),
        before={"h": np.array([0.04, 0.3, 0.9, 0.7, 0.1, 0.16])},
        after={"h": np.array([7e-6, 0.2, 0.8, 0.6, 0.5, 0.2])},
        direct=(np.ones(6), np.ones(6)),
    )
    out = io.StringIO()
    _print_answer(inspection, "my [b]digit", label, 17, Console(file=out, width=40))
    return out.getvalue().splitlines()


def test_all_that_is_printed_of_a_network_is_of_its_reading_and_its_gradients():
    share = made_reading("GRU").belief[5, 2]
    assert printed(label=3) == [
        "GRU(5), RMSprop 0.001, batch 128",
        f"my [b]digit: 2 (wrong: its label is 3), {round(1000 * share) / 10}% in the end",
        "answer had it ended there: rows 1 to 2: 4, row 3: 1, rows 4 to 5: 6, from row 6 of 6 on: 2",
        "size of dL/dh at row 1 over that at row 6, means of 17 test digits: "
        "0.25 before training, 3.5e-05 after",
    ]


def test_a_right_answer_is_called_right_and_one_without_a_label_neither():
    share = round(1000 * made_reading("GRU").belief[5, 2]) / 10
    assert printed(label=2)[1] == f"my [b]digit: 2 (right), {share}% in the end"
    assert printed(label=None)[1] == f"my [b]digit: 2, {share}% in the end"


def test_label_0_is_a_label():
    assert "(wrong: its label is 0)" in printed(label=0)[1]


# ---------------------------------------------------------------- read back: two runs and their files


@pytest.fixture(scope="module")
def inspected(runs):
    """Inspect both cells, with test digit 5 and 25 digits to average over.

    Return what was printed, and by its title what the player was given.
    """
    played = {}

    def page(reading, title):
        played[title] = reading
        return title

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr("scratch_rnn.commands.inspect.REACH_DIGITS", 25)
        patch.setattr("scratch_rnn.inside.player.page", page)
        assert main(["inspect", str(runs), "--test-index", "5"]) == 0
    return out.getvalue(), played


def data_of(runs):
    with np.load(runs.parent / "tiny.npz") as data:
        return data["x_test"], data["y_test"].astype(int)


def sizes(model, x, y):
    """The mean over the digits of the norm of dL/dh at each row, and of dL/dc where there is one."""
    gradients = state_gradients(model, x, y).items()
    return {name: np.sqrt((d.astype(float) ** 2).sum(axis=2)).sum(axis=0) / len(x) for name, d in gradients}


TITLES = {
    "simple_rnn": "2 × SimpleRNN(6), RMSprop 0.001, batch 128",
    "lstm": "LSTM(6), RMSprop 0.001, batch 128",
}
CELLS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM"}


@pytest.fixture(scope="module")
def reaches(runs):
    """Before and after training, by cell: how far gradients reach, a mean of the first 25 test digits."""
    x, y = (array[:25] for array in data_of(runs))
    found = {"before": {}, "after": {}, "direct before": {}, "direct after": {}}
    for folder, cell in CELLS.items():
        recipe, model = load_run(runs / folder)
        for when, network in (("before", recipe.build_model((28, 28))), ("after", model)):
            found[when][cell] = sizes(network, x, y)
            found[f"direct {when}"][cell] = direct_growth(network, x, y)
    return found


def spans_in_words(said):
    """Say what was said at each row, as the command does: once more, row by row."""
    words, first = [], 1
    for row in range(2, len(said) + 1):
        if said[row - 1] != said[row - 2]:
            rows = f"row {first}" if row == first + 1 else f"rows {first} to {row - 1}"
            words.append(f"{rows}: {said[row - 2]}")
            first = row
    return ", ".join([*words, f"from row {first} of {len(said)} on: {said[-1]}"])


@pytest.mark.parametrize(("number", "folder"), [(0, "simple_rnn"), (1, "lstm")])
def test_of_each_run_its_own_answers_and_gradients_are_printed(number, folder, runs, inspected, reaches):
    x, y = data_of(runs)
    _, model = load_run(runs / folder)
    beliefs = [model.predict(x[5:6, : row + 1])[0] for row in range(28)]
    said = [int(p.argmax()) for p in beliefs]
    verdict = "right" if said[-1] == y[5] else f"wrong: its label is {y[5]}"
    before, after = (reaches[when][CELLS[folder]]["h"] for when in ("before", "after"))
    assert inspected[0].splitlines()[4 * number : 4 * number + 4] == [
        TITLES[folder],
        f"test-5: {said[-1]} ({verdict}), {100 * beliefs[-1].max():.1f}% in the end",
        f"answer had it ended there: {spans_in_words(said)}",
        f"size of dL/dh at row 1 over that at row 28, means of 25 test digits: "
        f"{before[0] / before[27]:.2g} before training, {after[0] / after[27]:.2g} after",
    ]


def test_at_last_the_files_are_listed_folder_by_folder(runs, inspected):
    assert inspected[0].splitlines()[8:] == [
        f"belief.png, gates.png, player.html, saliency.png: in {runs / 'simple_rnn' / 'inspect-test-5'}",
        f"belief.png, gates.png, player.html, saliency.png: in {runs / 'lstm' / 'inspect-test-5'}",
        f"reach.png: in {runs / 'inspect-test-5'}",
    ]


def assert_is_picture_of(path, figure, tmp_path):
    save(figure, tmp_path / "expected.png")
    with Image.open(path) as found, Image.open(tmp_path / "expected.png") as expected:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("name", ["belief", "gates", "saliency"])
def test_each_picture_is_what_its_name_says_of_the_run_and_the_digit(name, runs, inspected, tmp_path):
    x, y = data_of(runs)
    for folder, title in TITLES.items():
        seen = read(load_run(runs / folder)[1], x[5], int(y[5]))
        figure = getattr(figures, name)(seen, f"{title}: test-5")
        assert_is_picture_of(runs / folder / "inspect-test-5" / f"{name}.png", figure, tmp_path)


def test_the_reach_of_both_runs_is_drawn_before_and_after_training(runs, inspected, reaches, tmp_path):
    title = "How far gradients reach: mean of 25 test digits"
    direct = reaches["direct before"], reaches["direct after"]
    figure = figures.reach(reaches["before"], reaches["after"], title, direct)
    assert_is_picture_of(runs / "inspect-test-5" / "reach.png", figure, tmp_path)


def test_the_reach_of_one_run_is_beside_its_other_pictures(
    runs, reaches, tmp_path, monkeypatch, quick_player
):
    monkeypatch.setattr("scratch_rnn.commands.inspect.REACH_DIGITS", 25)
    assert main(["inspect", str(runs / "lstm"), "--test-index", "6"]) == 0
    before, after, *direct = ({"LSTM": of_cells["LSTM"]} for of_cells in reaches.values())
    figure = figures.reach(before, after, "How far gradients reach: mean of 25 test digits", direct)
    assert_is_picture_of(runs / "lstm" / "inspect-test-6" / "reach.png", figure, tmp_path)


def test_the_player_of_each_run_plays_its_network_with_the_digit_and_its_label(runs, inspected):
    x, y = data_of(runs)
    assert list(inspected[1]) == [f"{title}: test-5" for title in TITLES.values()]
    for folder, title in TITLES.items():
        played = inspected[1][f"{title}: test-5"]
        seen = read(load_run(runs / folder)[1], x[5], int(y[5]))
        assert played.target == y[5]
        np.testing.assert_array_equal(played.image, x[5])
        np.testing.assert_array_equal(played.belief, seen.belief)
        np.testing.assert_array_equal(played.gates["h"], seen.gates["h"])
        np.testing.assert_array_equal(played.gradients["h"], seen.gradients["h"])
        page = runs / folder / "inspect-test-5" / "player.html"
        assert page.read_text(encoding="utf-8") == f"{title}: test-5"


@pytest.fixture
def looked_at(monkeypatch):
    """The inspections of a command that draws nothing."""
    seen = []

    def draw(inspections, *rest):
        seen.extend(inspections)
        return []

    monkeypatch.setattr("scratch_rnn.commands.inspect._draw_all", draw)
    return seen


def test_without_a_digit_the_first_of_the_test_set_is_looked_at(runs, capsys, looked_at):
    status, out, _ = inspect(runs / "lstm", capsys=capsys)
    x, y = data_of(runs)
    assert status == 0
    assert out.count("test-0: ") == 1
    np.testing.assert_array_equal(looked_at[0].reading.image, x[0])
    assert looked_at[0].reading.target == y[0]
    assert looked_at[0].cell == "LSTM"


def test_an_image_file_is_what_is_looked_at_and_the_loss_is_that_of_the_answer(
    runs, tmp_path, capsys, looked_at
):
    path = tmp_path / "seven.png"
    Image.fromarray(255 - IMAGES[0]).save(path)
    inspect(runs / "lstm", path, capsys=capsys)
    (seen,) = looked_at
    assert seen.reading.image.shape == (28, 28)
    # A digit is put into the middle, but it stays the same: bright ink on black.
    assert np.corrcoef(seen.reading.image.ravel(), IMAGES[0].ravel())[0, 1] > 0.7
    assert seen.reading.target == seen.reading.answer
