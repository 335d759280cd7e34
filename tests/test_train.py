"""The train command: files, figures and terminal tell what the network did, each number its own."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from scratch_rnn import Adam, load_mnist
from scratch_rnn.commands.train import train_one
from scratch_rnn.runs.folder import create_runs
from scratch_rnn.runs.recipe import Recipe

RECIPE = Recipe("gru", units=3, optimizer="sgd", learning_rate=1e-9, epochs=3, batch_size=64, seed=4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What `train` did with a network that says 3 to whatever it is shown, and does not learn."""
    (x, y), (x_test, y_test) = load_mnist("sample")
    train, test = (x[:200], y[:200]), (x_test[:80], y_test[:80])
    (run,) = create_runs(tmp_path_factory.mktemp("train") / "run", [RECIPE], (28, 28))
    model = RECIPE.build_model((28, 28), threads=1)
    model.layers[-1].bias[...] = np.linspace(0, 0.5, 10) + 3 * np.eye(10)[3]
    console, drawn = Console(file=io.StringIO(), width=90), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scratch_rnn.style.save", lambda figure, path: drawn.update({path.name: figure}))
        train_one(model, run, train, test, console)
    history, summary = (
        json.loads((run.folder / f"{name}.json").read_text()) for name in ("history", "summary")
    )
    return SimpleNamespace(**locals())


def share_of_threes(labels):
    return pytest.approx(float(np.mean(labels == 3)))


def test_the_last_tenth_is_for_validation(trained):
    history = trained.history["scratch_rnn"]
    assert history["accuracy"] == [share_of_threes(trained.y[:180])] * 3
    assert history["val_accuracy"] == [share_of_threes(trained.y[180:200])] * 3
    assert trained.history == {"scratch_rnn": trained.model.history.history}


def test_the_summary_has_the_scores_of_the_test_and_the_median_of_the_seconds(trained):
    x, y = trained.test
    p = trained.model.predict(x)
    scores = trained.summary["test"]["scratch_rnn"]
    assert scores["accuracy"] == share_of_threes(y)
    assert scores["loss"] == pytest.approx(-np.log(p[np.arange(80), y]).mean(), rel=1e-5)
    median = sorted(trained.model.history.seconds)[1]
    assert trained.summary["seconds_per_epoch"] == {"scratch_rnn": median}
    assert trained.summary["recipe"] == RECIPE.to_dict()
    assert trained.summary["workers"] == "1 thread"


def test_the_terminal_says_what_the_summary_says(trained):
    scores, seconds = (
        trained.summary["test"]["scratch_rnn"],
        trained.summary["seconds_per_epoch"]["scratch_rnn"],
    )
    lines = trained.console.file.getvalue().splitlines()
    fields = [[field.strip() for field in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert fields == [
        ["test accuracy", f"{scores['accuracy']:.2%}"],
        ["test loss", f"{scores['loss']:.4f}"],
        ["seconds per epoch (median)", f"{seconds:.1f}"],
        ["computed on", trained.summary["workers"]],
    ]
    assert lines[0] == f"GRU(3), SGD 1e-09, batch 64, {trained.model.count_params():,} weights"


def test_the_figures_are_of_the_test_digits(trained):
    wrong = int(np.sum(trained.test[1] != 3))
    (confusion,) = trained.drawn["confusion.png"].axes
    assert confusion.get_title(loc="left") == f"scratch_rnn: {wrong} wrong of 80"
    first_wrong = trained.test[0][np.flatnonzero(trained.test[1] != 3)[0]]
    np.testing.assert_array_equal(trained.drawn["predictions.png"].axes[0].images[0].get_array(), first_wrong)
    bars = [bar.get_height() for bar in trained.drawn["predictions.png"].axes[1].containers[0]]
    np.testing.assert_allclose(bars, trained.model.predict(first_wrong[np.newaxis])[0], rtol=1e-5)


def test_the_weights_that_are_saved_are_the_network_s(trained):
    with np.load(trained.run.folder / "scratch_rnn.weights.npz") as saved:
        for name, weight in zip(trained.model.weight_names, trained.model.weights, strict=True):
            np.testing.assert_array_equal(saved[name], weight)


def test_a_picture_that_fails_costs_no_numbers(tmp_path, monkeypatch):
    (x, y), _ = load_mnist("sample")
    recipe = replace(RECIPE, epochs=1)
    (run,) = create_runs(tmp_path / "m[/b]", [recipe], (28, 28))
    console = Console(file=io.StringIO(), width=90)

    def full(figure, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("scratch_rnn.style.save", full)
    with pytest.raises(
        OSError, match=r"curves.png, predictions.png, confusion.png could not be made .*No space"
    ):
        train_one(recipe.build_model((28, 28), threads=1), run, (x[:99], y[:99]), (x[:9], y[:9]), console)
    summary = json.loads((run.folder / "summary.json").read_text())
    assert "test accuracy" in console.file.getvalue()
    assert set(summary["test"]["scratch_rnn"]) == {"loss", "accuracy"}


def test_brackets_in_a_path_are_printed_as_they_are(tmp_path, monkeypatch):
    (x, y), _ = load_mnist("sample")
    recipe = replace(RECIPE, epochs=1)
    (run,) = create_runs(tmp_path / "m[/b] [red]", [recipe], (28, 28))
    console = Console(file=io.StringIO(), width=300)
    monkeypatch.setattr("scratch_rnn.style.save", lambda figure, path: None)
    train_one(recipe.build_model((28, 28), threads=1), run, (x[:99], y[:99]), (x[:9], y[:9]), console)
    assert f"are in {tmp_path}/m[/b] [red]\n" in console.file.getvalue()


def test_a_training_that_gets_no_better_ends_and_its_best_weights_are_saved(tmp_path, monkeypatch):
    (x, y), _ = load_mnist("sample")
    monkeypatch.setattr("scratch_rnn.style.save", lambda figure, path: None)
    recipe = replace(RECIPE, optimizer="adam", learning_rate=0.5, epochs=30, patience=1)
    (run,) = create_runs(tmp_path / "run", [recipe], (28, 28))
    model = recipe.build_model((28, 28), threads=1)
    train_one(model, run, (x[:99], y[:99]), (x[:9], y[:9]), Console(file=io.StringIO()))
    losses = json.loads((run.folder / "history.json").read_text())["scratch_rnn"]["val_loss"]
    assert len(losses) < 30
    assert np.argmin(losses) == len(losses) - 2
    again = recipe.build_model((28, 28))
    again.load_weights(run.folder / "scratch_rnn.weights.npz")
    assert again.evaluate(x[89:99], y[89:99])["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_a_run_with_all_extras_goes_on_after_an_interruption(tmp_path, monkeypatch):
    (x, y), _ = load_mnist("sample")
    monkeypatch.setattr("scratch_rnn.style.save", lambda figure, path: None)
    extras = {"bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2, "augment": True}
    recipe = replace(RECIPE, optimizer="adam", epochs=2, schedule="cosine", patience=5, **extras)
    weights = []
    for interrupted in (False, True):
        (run,) = create_runs(tmp_path / f"run {interrupted}", [recipe], (28, 28))

        def trained(run=run):
            model = recipe.build_model((28, 28), threads=1, digits=99)
            train_one(model, run, (x[:99], y[:99]), (x[:9], y[:9]), Console(file=io.StringIO()), 1)
            return model.get_weights()

        if interrupted:
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr("scratch_rnn.training.model.Sequential.evaluate", interrupt)
                patch.setattr("scratch_rnn.training.optimizers.Adam._update", interrupted_at(20))
                trained()
        weights.append(trained())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def interrupt(*_, **__):
    raise KeyboardInterrupt


def interrupted_at(call):
    """Return Adam's update of a weight, but one that is interrupted at some call."""
    right, left = Adam._update, iter(range(call))

    def update(*arguments):
        next(left, None) is None and interrupt()
        return right(*arguments)

    return update
