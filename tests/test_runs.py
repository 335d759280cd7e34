"""A run's folder: nothing is written over, nothing is left half-written."""

import json

import numpy as np
import pytest

from scratch_rnn.files import atomic
from scratch_rnn.runs.folder import (
    FIGURES,
    Interrupted,
    Run,
    create_new_runs,
    create_runs,
    load_run,
    new_folder,
    read_recipe,
    removing_empty_runs,
)
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result

SMALL = Recipe(cell="gru", units=3)


def small_run(folder):
    (run,) = create_runs(folder, [SMALL], (28, 28))
    return run


def test_the_size_of_its_images_comes_back_too(tmp_path):
    create_runs(tmp_path, [SMALL], (14, 28))
    assert read_recipe(tmp_path) == (SMALL, (14, 28))


def test_of_two_runs_that_begin_at_once_in_one_folder_one_has_it_and_the_other_leaves_nothing(
    tmp_path, monkeypatch
):
    """The other has looked before the first one writes."""
    recipes = [SMALL, Recipe(cell="lstm", units=3)]
    monkeypatch.setattr("pathlib.Path.iterdir", lambda _: iter(()))
    create_runs(tmp_path / "run" / "lstm", recipes[1:], (28, 28))
    before = (tmp_path / "run" / "lstm" / "recipe.json").read_bytes()
    with pytest.raises(FileExistsError, match=r"another run has just taken .*lstm: name a new folder"):
        create_runs(tmp_path / "run", recipes, (28, 28))
    assert (tmp_path / "run" / "lstm" / "recipe.json").read_bytes() == before
    assert not (tmp_path / "run" / "gru").exists()


def test_of_two_that_name_no_folder_the_second_takes_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = iter(["first", "first", "second"])
    monkeypatch.setattr("scratch_rnn.runs.folder.new_folder", lambda *_: tmp_path / next(names))
    folders = [create_new_runs("train", [SMALL], (28, 28))[0].folder.name for _ in range(2)]
    assert folders == ["first", "second"]


def test_a_folder_that_can_never_be_had_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "taken").touch()
    monkeypatch.setattr("scratch_rnn.runs.folder.new_folder", lambda *_: tmp_path / "taken")
    with pytest.raises(FileExistsError, match="taken is a file"):
        create_new_runs("train", [SMALL], (28, 28))


@pytest.mark.parametrize(
    "error", [OSError("disk full"), ValueError("no such backend"), ImportError("no font")]
)
def test_where_a_picture_fails_it_is_said_which_are_missing_and_where_the_rest_is(error, tmp_path):
    run = Run(tmp_path, SMALL)
    (tmp_path / "curves.png").touch()
    words = rf"^predictions.png, confusion.png could not be made \({error}\); all else, .* is in "
    with pytest.raises(OSError, match=words), run.saying_what_is_missing(*FIGURES):
        raise error


def trained(*losses):
    return Result("scratch_rnn", {"loss": list(losses or [1.0])})


def test_a_run_comes_back_with_its_recipe_and_weights(tmp_path):
    run, model = small_run(tmp_path / "run"), SMALL.build_model((28, 28))
    model.weights[0][...] = 0.25
    run.save_epoch([(trained(), model)])
    recipe, loaded = load_run(run.folder)
    assert recipe == SMALL
    for saved, own in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, own)


def test_an_epoch_is_saved_of_each_model_under_its_name(tmp_path):
    run = small_run(tmp_path)
    models = {name: SMALL.build_model((28, 28)) for name in ("scratch_rnn", "Keras")}
    for number, model in enumerate(models.values()):
        model.weights[0][...] = number
    losses = {"scratch_rnn": [3.0, 2.0], "Keras": [7.0, 5.0]}
    run.save_epoch((Result(name, {"loss": losses[name]}), model) for name, model in models.items())
    history = json.loads((tmp_path / "history.json").read_text())
    assert history == {name: {"loss": values} for name, values in losses.items()}
    for name, number in (("scratch_rnn", 0), ("keras", 1)):
        with np.load(tmp_path / f"{name}.weights.npz") as saved:
            assert (saved[saved.files[0]] == number).all()


@pytest.mark.parametrize("loss", [np.nan, np.inf])
@pytest.mark.parametrize("diverged", ["scratch_rnn", "Keras"])
def test_a_training_that_diverges_is_saved_first_and_then_named(diverged, loss, tmp_path):
    run, model = small_run(tmp_path), SMALL.build_model((28, 28))
    results = [
        Result(name, {"loss": [1.0, loss if name == diverged else 2.0]}) for name in ("scratch_rnn", "Keras")
    ]
    words = (
        rf"training of {diverged} diverged: its loss is {loss} after epoch 2; take a smaller learning rate"
    )
    with pytest.raises(ValueError, match=words):
        run.save_epoch((result, model) for result in results)
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[diverged] == {"loss": [1.0, None]}
    assert (tmp_path / "keras.weights.npz").is_file()


def test_images_need_not_be_square(tmp_path):
    (run,) = create_runs(tmp_path, [SMALL], (5, 7))
    run.save_epoch([(trained(), SMALL.build_model((5, 7)))])
    assert load_run(tmp_path)[1].predict(np.zeros((2, 5, 7))).shape == (2, 10)


def test_a_folder_that_holds_something_is_never_written_to(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="not empty"):
        small_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder_for_a_run(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileExistsError, match="is a file"):
        small_run(tmp_path / "out")


def test_several_recipes_get_a_folder_each(tmp_path):
    create_runs(tmp_path / "all", [Recipe(cell=cell) for cell in ("gru", "lstm")], (28, 28))
    assert sorted(path.parent.name for path in tmp_path.glob("all/*/recipe.json")) == ["gru", "lstm"]


def test_new_folders_differ_within_one_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = set()
    for _ in range(3):
        folder = new_folder("train", [SMALL])
        folder.mkdir(parents=True)
        folders.add(folder)
    assert len(folders) == 3


def test_numbers_for_which_json_has_no_word_become_null(tmp_path):
    run = small_run(tmp_path)
    run.write_json("a.json", {"loss": [np.float32(1.5), float("nan"), float("inf")]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": [1.5, None, None]}


def test_an_interruption_says_what_was_saved(tmp_path):
    run = small_run(tmp_path / "run")
    with pytest.raises(Interrupted, match="nothing is saved"), run.saying_what_is_saved():
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    run = small_run(tmp_path / "run")
    run.save_epoch([(trained(1.0, 0.5), SMALL.build_model((28, 28)))])
    with pytest.raises(Interrupted, match=r"saved in .*scratch_rnn 2"), run.saying_what_is_saved():
        raise KeyboardInterrupt


@pytest.mark.parametrize(("begun", "left"), [(0, []), (1, ["gru"]), (2, ["gru", "lstm"])])
def test_of_several_runs_those_that_have_not_begun_leave_nothing(tmp_path, begun, left):
    runs = create_runs(tmp_path / "all", [Recipe(cell=cell) for cell in ("gru", "lstm")], (28, 28))
    with pytest.raises(KeyboardInterrupt), removing_empty_runs(runs):
        for run in runs[:begun]:
            run.save_epoch([(trained(), run.recipe.build_model((28, 28)))])
        raise KeyboardInterrupt
    assert sorted(path.parent.name for path in tmp_path.glob("all/*/recipe.json")) == left
    assert (tmp_path / "all").exists() == bool(left)


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path):
    run = small_run(tmp_path / "run")
    model = SMALL.build_model((28, 28))
    model.weights[0][0] = np.nan
    run.save_epoch([(trained(), model)])
    with pytest.raises(
        ValueError, match=r"scratch_rnn\.weights\.npz holds NaN or infinity: that training diverged"
    ):
        load_run(tmp_path / "run")


def test_a_folder_without_a_recipe_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not the folder of a run: it has no recipe\.json"):
        load_run(tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist, or is no folder"):
        load_run(tmp_path / "nowhere")


def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "history.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def damage(folder, name, content):
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("recipe.json", b"{", "damaged"),
        ("recipe.json", b"[]", "damaged"),
        ("recipe.json", b'{"cell": "lstm", "image_shape": [28, 28]}', "damaged"),
        ("scratch_rnn.weights.npz", b"PK", "not a weights file"),
        ("scratch_rnn.weights.npz", b"", "not a weights file"),
    ],
)
def test_a_damaged_run_is_named(tmp_path, name, content, message):
    run = small_run(tmp_path)
    run.save_epoch([(trained(), SMALL.build_model((28, 28)))])
    with pytest.raises(ValueError, match=message) as error:
        load_run(damage(tmp_path, name, content))
    assert name in str(error.value)


def test_weights_of_another_architecture_are_refused(tmp_path):
    run = small_run(tmp_path)
    run.save_epoch([(trained(), Recipe(cell="gru", units=4).build_model((28, 28)))])
    with pytest.raises(ValueError, match="another architecture"):
        load_run(tmp_path)


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no recipe\.json"):
        load_run(tmp_path)
    create_runs(tmp_path / "all", [Recipe(cell=cell) for cell in ("gru", "lstm")], (28, 28))
    with pytest.raises(FileNotFoundError, match="holds the runs gru, lstm"):
        load_run(tmp_path / "all")
    with pytest.raises(FileNotFoundError, match=r"no scratch_rnn\.weights\.npz"):
        load_run(tmp_path / "all" / "gru")
