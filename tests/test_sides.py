"""Two models in turn on the same rows; from training to files every number stays with its own model."""

import io
import json
from copy import copy
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from scratch_rnn import load_mnist
from scratch_rnn.runs.folder import create_runs
from scratch_rnn.runs.recipe import Recipe

keras = pytest.importorskip("keras")

from keras_reference import keras_side  # noqa: E402
from keras_reference.command import compare  # noqa: E402
from keras_reference.pair import Pair  # noqa: E402
from keras_reference.sides import Side, Watcher, train_sides  # noqa: E402

ROWS = 10


class Recording(Side):
    """Notes what it is given, in a list that all share, and gives numbers that nobody else gives."""

    def __init__(self, name, calls, first):
        super().__init__(name)
        self.calls, self.numbers = calls, count(first)

    def fit(self, train, validation, batch_size, on_batch):
        self.calls.append((self.result.name, *train, validation, batch_size))
        for batch in range(2):
            on_batch(batch, 2, {"loss": -1.0, "batch_loss": float(next(self.numbers))})
        return {"loss": float(next(self.numbers)), "val_loss": float(next(self.numbers))}, next(
            self.numbers
        ) / 8


def recorded(epochs=3, seed=5, watchers=()):
    """Train two of them on rows that say their numbers; return their results and the calls."""
    calls = []
    sides = Recording("one", calls, 100), Recording("two", calls, 200)
    x, y = np.arange(ROWS)[:, np.newaxis], 1000 + np.arange(ROWS)
    train_sides(sides, (x, y), "validation", epochs=epochs, batch_size=4, seed=seed, watchers=watchers)
    return [side.result for side in sides], calls


def orders(calls, name):
    return [x[:, 0].tolist() for model, x, *_ in calls if model == name]


def test_the_models_take_turns_each_epoch():
    _, calls = recorded()
    assert [name for name, *_ in calls] == ["one", "two"] * 3
    assert all(rest == ["validation", 4] for _, _, _, *rest in calls)


def test_both_get_the_same_rows_in_an_order_that_is_new_each_epoch_and_follows_the_seed():
    _, calls = recorded()
    of_one = orders(calls, "one")
    assert of_one == orders(calls, "two")
    assert all(sorted(order) == list(range(ROWS)) for order in of_one)
    assert len({tuple(order) for order in [*of_one, list(range(ROWS))]}) == 4
    assert of_one == orders(recorded()[1], "one")
    assert of_one != orders(recorded(seed=6)[1], "one")


def test_labels_go_with_their_rows():
    for _, x, y, *_ in recorded()[1]:
        np.testing.assert_array_equal(y, 1000 + x[:, 0])


def test_what_a_model_did_is_in_its_own_result():
    one, two = recorded(epochs=2)[0]
    assert (one.name, two.name) == ("one", "two")
    assert one.history == {"loss": [102.0, 107.0], "val_loss": [103.0, 108.0]}
    assert two.history == {"loss": [202.0, 207.0], "val_loss": [203.0, 208.0]}
    assert (one.seconds, two.seconds) == ([104 / 8, 109 / 8], [204 / 8, 209 / 8])


def test_batches_losses_are_kept_of_the_first_epoch_alone():
    one, two = recorded(epochs=2)[0]
    assert (one.batch_losses, two.batch_losses) == ([100.0, 101.0], [200.0, 201.0])


def test_watchers_are_told_the_result_after_the_epoch_is_in_it():
    heard = []

    class Listener(Watcher):
        def on_batch(self, result, epoch, batch, batches, logs):
            heard.append((result.name, epoch, batch, batches, logs["batch_loss"]))

        def on_epoch(self, result, epoch):
            heard.append((result.name, epoch, result.history["loss"][epoch]))

    recorded(epochs=1, watchers=[Listener()])
    assert heard == [
        *[("one", 0, 0, 2, 100.0), ("one", 0, 1, 2, 101.0), ("one", 0, 102.0)],
        *[("two", 0, 0, 2, 200.0), ("two", 0, 1, 2, 201.0), ("two", 0, 202.0)],
    ]


# ---------------------------------------------------------------- a real pair whose models cannot be confused

RECIPE = Recipe(
    cell="simple_rnn", units=3, optimizer="sgd", learning_rate=1e-9, epochs=2, batch_size=64, seed=4
)
OURS, THEIRS = 3, 5  # what either model says to whatever it is shown


def says(model, answer):
    """Make a model that is not going to learn say the same of everything, and not too surely."""
    weights = model.get_weights()
    weights[-1] = np.linspace(0, 0.5, 10, dtype="float32") + 3 * np.eye(10, dtype="float32")[answer]
    model.set_weights(weights)


class Clock:
    """Each look at it is a second later than the last."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1
        return self.now


@pytest.fixture(scope="module")
def unlike(tmp_path_factory):
    """What `compare` did with a pair of which one model always says 3 and the other always 5."""
    (x, y), (x_test, y_test) = load_mnist("sample")
    train, test = (x[:200], y[:200]), (x_test[:80], y_test[:80])
    (run,) = create_runs(tmp_path_factory.mktemp("unlike") / "run", [RECIPE], (28, 28))
    pair = Pair(RECIPE, (28, 28), threads=3)
    says(pair.model, OURS)
    says(pair.reference.twin, THEIRS)
    console, drawn = Console(file=io.StringIO(), width=90), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_side, "time", Clock())
        patch.setattr("scratch_rnn.style.save", lambda figure, path: drawn.update({path.name: figure}))
        patch.setattr("keras_reference.pair.write_report", lambda *arguments: drawn.update(report=arguments))
        summary = compare(pair, run, train, test, console)
    files = {path.name: json.loads(path.read_text()) for path in run.folder.glob("*.json")}
    return SimpleNamespace(**locals())


def share(labels, answer):
    return float(np.mean(labels == answer))


def both(content):
    return content["scratch_rnn"], content["Keras"]


def test_the_history_of_each_model_tells_what_that_model_said(unlike):
    ours, theirs = both(unlike.files["history.json"])
    for history, answer in ((ours, OURS), (theirs, THEIRS)):
        assert history["val_accuracy"] == pytest.approx([share(unlike.y[180:200], answer)] * 2)
        assert history["accuracy"] == pytest.approx([share(unlike.y[:180], answer)] * 2)
        assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert ours["val_accuracy"] != theirs["val_accuracy"]
    assert ours["accuracy"] != theirs["accuracy"]


def test_the_test_of_each_model_tells_what_that_model_said(unlike):
    ours, theirs = both(unlike.files["summary.json"]["test"])
    assert ours["accuracy"] == pytest.approx(share(unlike.y_test[:80], OURS))
    assert theirs["accuracy"] == pytest.approx(share(unlike.y_test[:80], THEIRS))
    assert ours["accuracy"] != theirs["accuracy"]
    x, labels = unlike.x_test[:80].astype("float32") / 255, unlike.y_test[:80]
    for scores, p in (
        (ours, unlike.pair.model.predict(x)),
        (theirs, np.asarray(unlike.pair.reference.twin(x))),
    ):
        assert scores["loss"] == pytest.approx(-np.log(p[np.arange(80), labels]).mean(), rel=1e-5)


def test_the_summary_counts_each_model_s_own_mistakes(unlike):
    summary, labels = unlike.files["summary.json"], unlike.y_test[:80]
    assert summary["agreement"] == 0
    assert summary["only_scratch_rnn_wrong"] == np.sum(labels == THEIRS)
    assert summary["only_keras_wrong"] == np.sum(labels == OURS)
    digits = [summary[f"{name}_digits"] for name in ("train", "validation", "test")]
    assert (digits, summary["weights"]) == ([180, 20, 80], 28 * 3 + 3 * 3 + 3 + 3 * 10 + 10)
    assert summary["recipe"] == RECIPE.to_dict()
    workers = {name: summary["conditions"][name] for name in ("threads", "processes", "workers")}
    assert workers == {"threads": 3, "processes": None, "workers": "3 threads"}
    assert summary == json.loads(json.dumps(unlike.summary))


def test_seconds_are_a_model_s_own(unlike):
    """Keras's are taken from a clock of which every look is a second; ours from the real one."""
    ours, theirs = both(unlike.files["summary.json"]["seconds_per_epoch"])
    assert unlike.pair.reference.result.seconds == [1, 1]
    assert theirs == 1
    assert unlike.pair.scratch.result.seconds[-1] == unlike.pair.model.history.seconds[-1]
    assert ours == pytest.approx(np.mean(unlike.pair.scratch.result.seconds))
    assert unlike.files["summary.json"]["ratio_of_seconds"] == ours / theirs


def test_the_first_batches_losses_are_those_of_the_first_epoch(unlike):
    results = unlike.pair.results
    assert [len(result.batch_losses) for result in results] == [3, 3]
    assert unlike.files["summary.json"]["first_batches"] == 3
    for result in results:  # 64, 64 and 52 rows
        whole = np.average(result.batch_losses, weights=[64, 64, 52])
        assert result.history["loss"][0] == pytest.approx(whole, rel=1e-5)
    assert results[0].batch_losses != results[1].batch_losses


def test_a_pair_trains_as_its_recipe_says(unlike, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "keras_reference.pair.train_sides", lambda *given, **named: asked.update(named, given=given)
    )
    pair = copy(unlike.pair)
    pair.recipe = replace(RECIPE, epochs=7, batch_size=9, seed=11)
    pair.train(("x", "y"), ("v", "w", "three"), unlike.run, unlike.console)
    assert asked.pop("given") == (pair.sides, ("x", "y"), ("v", "w", "three"))
    assert len(asked.pop("watchers")) == 2
    assert asked == {"epochs": 7, "batch_size": 9, "seed": 11}


def test_each_file_of_weights_holds_the_weights_of_its_model(unlike):
    for name, answer in (("scratch_rnn", OURS), ("keras", THEIRS)):
        model = RECIPE.build_model((28, 28))
        model.load_weights(unlike.run.folder / f"{name}.weights.npz")
        assert set(model.predict(unlike.x_test[:80]).argmax(axis=1)) == {answer}


def test_figures_and_report_get_what_both_models_did(unlike):
    folder, summary, results = unlike.drawn["report"]
    assert (folder, summary, results) == (unlike.run.folder, unlike.summary, unlike.pair.results)
    assert [result.name for result in results] == ["scratch_rnn", "Keras"]
    accuracy = unlike.drawn["curves.png"].axes[0]
    drawn = [list(line.get_ydata()) for line in accuracy.lines]
    assert drawn == [result.history[name] for result in results for name in ("accuracy", "val_accuracy")]
    titles = [axes.get_title(loc="left") for axes in unlike.drawn["confusion.png"].axes]
    wrong = [int(np.sum(unlike.y_test[:80] != answer)) for answer in (OURS, THEIRS)]
    assert titles == [f"scratch_rnn: {wrong[0]} wrong of 80", f"Keras: {wrong[1]} wrong of 80"]


def test_the_terminal_says_what_the_files_say(unlike):
    lines = unlike.console.file.getvalue().splitlines()
    history = unlike.files["history.json"]
    assert lines[1] == "180 digits to train on, 20 to validate, 80 to test"
    turns = [(epoch, name) for epoch in (0, 1) for name in ("scratch_rnn", "Keras")]
    for line, (epoch, name) in zip(lines[2:6], turns, strict=True):
        assert line.startswith(f"epoch {epoch + 1:2}  {name:11}  loss {history[name]['loss'][epoch]:.4f}  ")
        assert f"  val_accuracy {history[name]['val_accuracy'][epoch]:.2%}  " in line
    accuracy = next(line for line in lines if "test accuracy" in line)
    ours, theirs = (share(unlike.y_test[:80], answer) for answer in (OURS, THEIRS))
    fields = [field.strip() for field in accuracy.split("│")[1:-1]]
    points = f"{100 * (ours - theirs):+.2f} points"
    assert fields == ["test accuracy", f"{ours:.2%}", f"{theirs:.2%}", points]


@pytest.mark.parametrize("reference", ["keras", "pytorch"])
def test_both_models_see_the_same_moved_digits_and_follow_one_schedule(reference):
    if reference == "pytorch":
        pytest.importorskip("torch")
    (x, y), _ = load_mnist("sample")
    recipe = Recipe(
        "simple_rnn",
        units=4,
        optimizer="adam",
        epochs=2,
        batch_size=64,
        dtype="float64",
        shard_rows=40,
        augment=True,
        schedule="constant" if reference == "pytorch" else "cosine",
        reference=reference,
    )
    pair = Pair(recipe, (28, 28), digits=180)
    train_sides(pair.sides, (x[:162], y[:162]), (x[162:180], y[162:180]), epochs=2, batch_size=64, seed=1)
    ours, theirs = pair.results
    np.testing.assert_allclose(ours.batch_losses, theirs.batch_losses, rtol=1e-6)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(ours.history[name], theirs.history[name], rtol=1e-6)
    still = Pair(replace(recipe, augment=False), (28, 28), digits=180)
    still.scratch.train_epoch((x[:162], y[:162]), None, 64)
    assert abs(still.results[0].batch_losses[0] - ours.batch_losses[0]) > 1e-3
