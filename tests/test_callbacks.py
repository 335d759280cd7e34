"""Callbacks: what they are told, what they do, and that an interruption changes nothing of it."""

import csv
import re
import warnings

import numpy as np
import pytest
from helpers import ROOT

from scratch_rnn import (
    SGD,
    Callback,
    CSVLogger,
    Dense,
    EarlyStopping,
    ExponentialDecay,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    Sequential,
    SimpleRNN,
    TerminateOnNaN,
    load_model,
)
from scratch_rnn.training.backup import BackupAndRestore
from scratch_rnn.training.engines import changes_weights_at_most

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 3, 2))
Y = np.digitize(X[:, -1, 0], [-0.5, 0.5])  # can be learned


def tiny(**options):
    model = Sequential([SimpleRNN(2, dtype="float64"), Dense(3, "softmax", dtype="float64")], seed=0)
    model.build((None, 3, 2))
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", ["accuracy"], **{"threads": 1} | options)
    return model


def fit(model, *callbacks, **options):
    options = {"batch_size": 8, "epochs": 3, "verbose": 0, "validation_split": 0.25} | options
    return model.fit(X, Y, callbacks=list(callbacks), **options)


def assert_same_weights(model, weights):
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# What they are told ----------------------------------------------------------------------------------------

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


def listening(calls):
    """Return a callback that notes the name, the number and the logs of each call."""
    hooks = {name: lambda *given, name=name: calls.append((name, *given)) for name in HOOKS}
    return LambdaCallback(**hooks)


def test_evaluate_tells_of_itself_and_of_each_batch():
    calls, model = [], tiny()
    scores = model.evaluate(X, Y, 10, callbacks=[listening(calls)])
    batch = [("on_test_batch_begin", 0, {}), ("on_test_batch_end", 0, model.evaluate(X[:10], Y[:10], 10))]
    assert calls[:3] == [("on_test_begin", {}), *batch]
    assert [call[:2] for call in calls[3:-2]] == [(name, k) for k in (1, 2) for name, *_ in batch][:-1]
    assert calls[-2:] == [("on_test_batch_end", 2, scores), ("on_test_end", scores)]


def test_predict_tells_of_itself_and_of_each_batch():
    calls, model = [], tiny()
    y = model.predict(X, 16, callbacks=[listening(calls)])
    names = ["on_predict_begin", *2 * ["on_predict_batch_begin", "on_predict_batch_end"], "on_predict_end"]
    assert [name for name, *_ in calls] == names
    outputs = [logs["outputs"] for name, *_, logs in calls if name == "on_predict_batch_end"]
    np.testing.assert_array_equal(np.concatenate(outputs), y)
    np.testing.assert_array_equal(y, model.predict(X, 16))


def test_who_listens_to_batches_changes_no_bit_of_the_scores():
    assert tiny().evaluate(X, Y, 5, callbacks=[listening([])]) == tiny(threads=3).evaluate(X, Y, 5)


def test_fit_tells_of_its_validation_between_the_batches_and_the_end_of_an_epoch():
    calls = []
    history = fit(tiny(), listening(calls), epochs=1).history
    assert [name for name, *_ in calls] == [
        "on_train_begin",
        "on_epoch_begin",
        *3 * ["on_train_batch_begin", "on_train_batch_end"],
        *["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"],
        "on_epoch_end",
        "on_train_end",
    ]
    logs = {name: values[0] for name, values in history.items()}
    assert calls[-2:] == [("on_epoch_end", 0, logs), ("on_train_end", logs)]


def test_a_hook_may_leave_out_the_logs_or_take_them_as_in_keras():
    told = []

    class Plain(Callback):
        def on_train_begin(self):
            told.append("begin")

        def on_epoch_begin(self, epoch):
            told.append(epoch)

    class Kerass(Callback):
        def on_train_begin(self, logs=None):
            told.append(logs)

        def on_batch_end(self, batch, logs=None):
            told.append((batch, sorted(logs)))

        def on_train_end(self, logs):
            told.append(sorted(logs))

    class Old(Callback):
        def on_epoch_end(self, *given):
            told.append(len(given))

    fit(tiny(), Plain(), Kerass(), Old(), epochs=1, batch_size=18)
    logs = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert told == ["begin", {}, 0, (0, ["accuracy", "batch_loss", "loss"]), 2, logs]


def test_model_and_params_come_by_set_model_and_set_params():
    told = []

    class Told(Callback):
        def set_model(self, model):
            super().set_model(model)
            told.append(model)

        def set_params(self, params):
            told.append(params)

    model = tiny()
    fit(model, Told())
    model.evaluate(X, Y, 10, callbacks=[Told()])
    model.predict(X, 24, callbacks=[Told()])
    sizes = [(3, 3, 18), (1, 3, 24), (1, 1, 24)]
    sizes = [dict(zip(("epochs", "steps", "samples"), size, strict=True)) for size in sizes]
    assert told == [each for size in sizes for each in (model, size)]


def test_what_is_no_list_of_callbacks_is_refused_by_all():
    model = tiny()
    for compute in (model.fit, model.evaluate):
        with pytest.raises(TypeError, match=r"must be a list: write \[callback\]"):
            compute(X, Y, callbacks=Callback())
    with pytest.raises(TypeError, match="objects of subclasses of Callback, not 'print'"):
        model.predict(X, callbacks=["print"])


def test_stop_training_ends_the_epoch_after_the_running_batch_as_in_keras():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs):
            self.model.stop_training = batch == 1

    calls, model = [], tiny()
    history = fit(model, Stop(), listening(calls), epochs=5)
    assert [batch for name, batch, *_ in calls if name == "on_train_batch_end"] == [0, 1]
    assert calls[-1][0] == "on_train_end"
    assert history.epoch == [0]
    assert "val_loss" in history.history


@pytest.mark.parametrize(
    ("callback", "safe"),
    [
        (EarlyStopping(), True),
        (TerminateOnNaN(), True),
        (LearningRateScheduler(lambda epoch: 0.1), True),
        (ReduceLROnPlateau(), True),
        (CSVLogger("log.csv"), True),
        (ModelCheckpoint("best.npz", save_freq=3), True),
        (LambdaCallback(on_epoch_end=print, on_test_batch_end=print), True),
        (LambdaCallback(on_train_batch_end=print), False),
        (LambdaCallback(on_batch_begin=print), False),
    ],
)
def test_callbacks_keep_fit_from_processes_only_where_they_may_change_what_computes(callback, safe):
    assert changes_weights_at_most(callback) == safe


# What they do ----------------------------------------------------------------------------------------------


def test_early_stopping_restores_the_best_weights():
    class Worse(Callback):
        """Training goes well for two epochs only."""

        def on_epoch_end(self, epoch, logs):
            kept.append(self.model.get_weights())
            logs["val_loss"] = [3.0, 1.0, 2.0, 2.0, 0.0][epoch]

    kept, model = [], tiny()
    history = fit(model, Worse(), EarlyStopping(patience=2, restore_best_weights=True), epochs=9)
    assert history.epoch == [0, 1, 2, 3]
    assert_same_weights(model, kept[1])
    with pytest.raises(AssertionError):
        assert_same_weights(model, kept[3])


def test_early_stopping_says_so_in_one_line(capsys):
    fit(tiny(), EarlyStopping(patience=1, min_delta=9, verbose=1))
    assert capsys.readouterr().out == "epoch 2: val_loss is no better than in epoch 1, training ends\n"


@pytest.mark.parametrize("callback", [EarlyStopping, ReduceLROnPlateau])
def test_what_nobody_can_compare_is_refused_before_training(callback):
    model = tiny()
    before = model.get_weights()
    with pytest.raises(ValueError, match="cannot tell whether 'val_f1' should rise or fall"):
        fit(model, callback("val_f1"))
    assert_same_weights(model, before)
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max', not 'maximal'"):
        callback(mode="maximal")


def test_the_direction_is_known_of_the_metrics_of_the_library():
    for metric, larger in (("accuracy", True), ("acc", True), ("mse", False), ("mean_absolute_error", False)):
        model, callback = tiny(), EarlyStopping(f"val_{metric}")
        model.compile("sgd", "mse", [metric])
        callback.set_model(model)
        assert callback.is_better(2.0, than=1.0) == larger
        assert callback.is_better(1.0, than=2.0) != larger


def test_the_history_and_the_logs_have_the_learning_rate_once():
    scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2)
    plateau = ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=9)
    calls, model = [], tiny()
    history = fit(model, scheduler, plateau, listening(calls), epochs=3)
    rates = [logs["learning_rate"] for name, *_, logs in calls if name == "on_epoch_end"]
    assert history.history["learning_rate"] == rates == pytest.approx([0.25, 0.125, 0.00625])
    assert model.optimizer.learning_rate == pytest.approx(0.000625)


def test_a_schedule_decides_on_the_steps_of_its_epoch():
    model, still = tiny(), tiny()
    fit(model, LearningRateScheduler(lambda epoch: [0.1, 0.0][epoch]), epochs=2)
    fit(still, LearningRateScheduler(lambda epoch: 0.1), epochs=1)
    assert_same_weights(model, still.get_weights())


def test_changes_of_the_learning_rate_are_said_in_one_line(capsys):
    fit(tiny(), LearningRateScheduler(lambda epoch: 1e-3, verbose=1), epochs=1)
    fit(tiny(), ReduceLROnPlateau("loss", patience=1, min_delta=9, verbose=1), epochs=2)
    assert capsys.readouterr().out == "epoch 1: learning rate 0.001\nepoch 2: learning rate 0.05\n"


@pytest.mark.parametrize("callback", [ReduceLROnPlateau(), LearningRateScheduler(lambda epoch: 0.1)])
def test_a_rate_that_follows_a_schedule_is_left_alone(callback):
    model = tiny()
    model.compile(SGD(ExponentialDecay(0.1, 10, 0.5)), "sparse_categorical_crossentropy", threads=1)
    before = model.get_weights()
    with pytest.raises(TypeError, match="learning_rate follows ExponentialDecay"):
        fit(model, callback)
    assert_same_weights(model, before)


@pytest.mark.parametrize("callback", [EarlyStopping, ReduceLROnPlateau])
@pytest.mark.parametrize(
    ("option", "value"),
    [("patience", "3"), ("patience", -1), ("patience", None), ("min_delta", np.nan), ("min_delta", "x")],
)
def test_numbers_that_cannot_be_are_refused_when_the_callback_is_made(callback, option, value):
    with pytest.raises(ValueError, match=f"{option} must be a .*number.*, not {value!r}"):
        callback(**{option: value})


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: EarlyStopping(baseline="x"), ValueError, "baseline must be a finite number, not 'x'"),
        (lambda: EarlyStopping(start_from_epoch=0.5), ValueError, "start_from_epoch must be a whole number"),
        (
            lambda: ReduceLROnPlateau(factor=None),
            ValueError,
            "factor must be a number at least 0 and below 1",
        ),
        (lambda: ReduceLROnPlateau(cooldown="x"), ValueError, "cooldown must be a whole number"),
        (lambda: ReduceLROnPlateau(min_lr=-1), ValueError, "min_lr must be a number at least 0, not -1"),
        (lambda: EarlyStopping(monitor=None), TypeError, "monitor must be the name of a value in the logs"),
        (lambda: LearningRateScheduler(0.1), TypeError, "schedule must be a function of the epoch and"),
        (lambda: CSVLogger("log.csv", separator=None), ValueError, "separator must be one character"),
        (lambda: CSVLogger("log.csv", separator='"'), ValueError, "and no quote or end of a line"),
        (lambda: ModelCheckpoint("a", initial_value_threshold="x"), ValueError, "must be a finite number"),
        (lambda: fit(tiny(), ModelCheckpoint("{epoch.x}.npz")), ValueError, "cannot be filled in"),
        (lambda: tiny().fit(None), TypeError, "x must be an array, with y, or an iterable of batches"),
        (lambda: fit(tiny(), class_weight={0: "x"}), ValueError, "class_weight must be finite numbers"),
    ],
)
def test_what_fit_and_its_callbacks_cannot_use_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_bad_rates_and_factors_are_refused():
    with pytest.raises(ValueError, match=r"factor must be a number at least 0 and below 1, not 1\.5"):
        ReduceLROnPlateau(factor=1.5)
    with pytest.raises(ValueError, match="must give a float, not None"):
        fit(tiny(), LearningRateScheduler(lambda epoch: None))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_training(value, capsys):
    class Broken(Callback):
        def on_train_batch_begin(self, batch):
            if batch == 1:
                self.model.weights[0][...] = value

    calls = []
    with np.errstate(all="ignore"):
        history = fit(tiny(), Broken(), TerminateOnNaN(), listening(calls), validation_split=0)
    assert [call[1] for call in calls if call[0] == "on_train_batch_end"] == [0, 1]
    assert history.epoch == [0]
    assert capsys.readouterr().out == "batch 1: the loss is nan, which ends the training\n"
    with pytest.raises(RuntimeError, match="the loss is nan after batch 1"), np.errstate(all="ignore"):
        fit(tiny(), Broken(), TerminateOnNaN(raise_error=True))


def test_the_csv_file_has_the_history(tmp_path):
    path = tmp_path / "log.csv"
    history = fit(tiny(), CSVLogger(path)).history
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == values


def test_a_csv_file_that_cannot_be_written_is_noticed_before_training(tmp_path):
    model = tiny()
    before = model.get_weights()
    with pytest.raises(FileNotFoundError):
        fit(model, CSVLogger(tmp_path / "nowhere" / "log.csv"))
    assert_same_weights(model, before)
    with pytest.raises(ValueError, match=r"separator must be one character, .*, not ', '"):
        CSVLogger("log.csv", separator=", ")


def test_a_function_for_no_hook_is_refused():
    with pytest.raises(TypeError, match="a callback has no hook 'on_epoch_over'"):
        LambdaCallback(on_epoch_over=print)
    with pytest.raises(TypeError, match="on_epoch_end must be a function, not 3"):
        LambdaCallback(on_epoch_end=3)


# Checkpoints -----------------------------------------------------------------------------------------------


class Losses(Callback):
    """Has the validation give these losses; keeps the weights of each epoch."""

    def __init__(self, *losses):
        self.losses, self.weights = losses, []

    def on_epoch_end(self, epoch, logs):
        logs["val_loss"] = self.losses[epoch]
        self.weights.append(self.model.get_weights())


def test_a_checkpoint_is_made_of_each_epoch_under_its_own_name(tmp_path):
    losses = Losses(0.5, 0.251, 0.125)
    fit(tiny(), losses, ModelCheckpoint(tmp_path / "new" / "{epoch:02d}-{val_loss:.2f}.npz"))
    names = ["01-0.50.npz", "02-0.25.npz", "03-0.12.npz"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    for name, weights in zip(names, losses.weights, strict=True):
        assert_same_weights(load_model(tmp_path / "new" / name), weights)


@pytest.mark.parametrize(("threshold", "best"), [(None, 2), (0.4, 2), (0.1, None)])
@pytest.mark.parametrize("weights_only", [True, False])
def test_the_best_alone_is_kept(threshold, best, weights_only, tmp_path):
    losses, path = Losses(0.5, 0.6, 0.2, 0.3), tmp_path / "best.npz"
    options = {"save_weights_only": weights_only, "initial_value_threshold": threshold}
    fit(tiny(), losses, ModelCheckpoint(path, save_best_only=True, **options), epochs=4)
    assert path.exists() == (best is not None)
    if best is None:
        return
    model = tiny()
    if weights_only:
        model.load_weights(path)
    else:
        model = load_model(path)
    assert_same_weights(model, losses.weights[best])


def test_a_checkpoint_may_be_made_every_few_batches_across_epochs(tmp_path, capsys):
    fit(tiny(), ModelCheckpoint(tmp_path / "{epoch}-{batch}.npz", save_freq=2, verbose=1), validation_split=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-2.npz", "2-1.npz", "2-3.npz", "3-2.npz"]
    assert capsys.readouterr().out.splitlines()[0] == f"epoch 1: saved to {tmp_path}/1-2.npz"


def test_a_checkpoint_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    path, model = tmp_path / "best.npz", tiny()
    fit(model, ModelCheckpoint(path), epochs=1)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda file, **arrays: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(model, ModelCheckpoint(path), epochs=1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_what_cannot_be_saved_or_named_is_refused(tmp_path):
    class Own(SimpleRNN):
        pass

    model = Sequential([Own(2), Dense(3, "softmax")], seed=0)
    model.compile(threads=1)
    with pytest.raises(ValueError, match="Own is not scratch_rnn's own and cannot be saved"):
        fit(model, ModelCheckpoint(tmp_path / "a.npz"))
    fit(model, ModelCheckpoint(tmp_path / "a.npz", save_weights_only=True))
    with pytest.raises(
        ValueError, match=r"'\{mae\}.npz' cannot be filled in .*from accuracy, epoch, loss, val_"
    ):
        fit(tiny(), ModelCheckpoint("{mae}.npz"))
    with pytest.raises(ValueError, match="save_freq must be"):
        ModelCheckpoint("a.npz", save_freq="batch")


# Interruptions ---------------------------------------------------------------------------------------------


class Interrupt(Callback):
    """Raises after so many batches; the file of a backup then has what was saved before."""

    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, batch, logs):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class InterruptBeforeTheBackup(Callback):
    """Raises when all other callbacks have done their part of the third epoch."""

    def on_epoch_end(self, epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt


class InterruptEnd(Callback):
    def on_train_end(self):
        raise KeyboardInterrupt


def stateful(folder):
    """Return callbacks all of which remember something."""
    return [
        LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=0.1, cooldown=2),
        EarlyStopping("loss", patience=3, min_delta=0.05, restore_best_weights=True),
        ModelCheckpoint(folder / "{epoch}-{batch}.npz", save_freq=4),
        ModelCheckpoint(folder / "best.npz", save_best_only=True),
        CSVLogger(folder / "log.csv"),
    ]


def backed_up(folder, *more, save_freq):
    """Train with all of them for at most 12 epochs of three batches; return model, history and files."""
    model = tiny()
    folder.mkdir(exist_ok=True)
    backup = BackupAndRestore(folder / "backup.npz", save_freq)
    history = fit(model, *stateful(folder), *more, backup, epochs=12)
    files = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    saved = {path.name: load_model(path).get_weights() for path in folder.glob("*.npz")}
    return model, history, files, saved


@pytest.mark.parametrize("save_freq", ["epoch", 2])
@pytest.mark.parametrize("batches", [None, 4, 11, 17, 20, 32])
def test_training_with_all_callbacks_goes_on_and_ends_the_same(batches, save_freq, tmp_path):
    model, history, files, saved = backed_up(tmp_path / "whole", save_freq=save_freq)
    assert 6 < len(history.epoch) < 12  # so that it is interrupted, and ended by EarlyStopping
    interrupt = Interrupt(batches) if batches else InterruptBeforeTheBackup()
    with pytest.raises(KeyboardInterrupt):
        backed_up(tmp_path / "run", interrupt, save_freq=save_freq)
    resumed, again, other_files, other_saved = backed_up(tmp_path / "run", save_freq=save_freq)
    assert_same_weights(resumed, model.get_weights())
    assert again.history == history.history
    assert other_files == files
    assert other_saved.keys() == saved.keys()
    for name, weights in saved.items():
        for ours, theirs in zip(other_saved[name], weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_training_that_was_ended_early_is_not_gone_on_with(tmp_path):
    model, history, *_ = backed_up(tmp_path / "whole", save_freq="epoch")
    with pytest.raises(KeyboardInterrupt):
        backed_up(tmp_path / "run", InterruptEnd(), save_freq="epoch")
    assert (tmp_path / "run" / "backup.npz").exists()
    resumed, again, *_ = backed_up(tmp_path / "run", save_freq="epoch")
    assert_same_weights(resumed, model.get_weights())  # the best ones are restored all the same
    assert again.history == history.history


def test_a_callback_of_ones_own_names_what_it_remembers(tmp_path):
    class Own(Callback):
        state_names = ("values",)

        def __init__(self):
            self.values = {
                "none": None,
                "list": [1, "a", 0.1],
                "array": np.arange(3),
                "rate": np.float32(0.1),
            }

    path, own = tmp_path / "b.npz", Own()
    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), Own(), BackupAndRestore(path, save_freq=1), Interrupt(5))
    own.values = None
    fit(tiny(), own, BackupAndRestore(path))
    assert own.values.pop("array").tolist() == [0, 1, 2]
    assert own.values == {"none": None, "list": [1, "a", 0.1], "rate": np.float32(0.1)}
    assert own.values["rate"].dtype == "float32"


def test_a_backup_comes_after_the_callbacks_whose_state_it_keeps(tmp_path):
    with pytest.raises(ValueError, match="EarlyStopping must stand before BackupAndRestore"):
        fit(tiny(), BackupAndRestore(tmp_path / "b.npz"), EarlyStopping())


def test_a_backup_is_for_the_same_callbacks_alone(tmp_path):
    path = tmp_path / "b.npz"
    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), EarlyStopping(), BackupAndRestore(path), Interrupt(4))
    before = path.read_bytes()
    words = "has the states of History, EarlyStopping, but the callbacks before .* are History: give the same"
    with pytest.raises(ValueError, match=words):
        fit(tiny(), BackupAndRestore(path))
    assert path.read_bytes() == before


def test_a_third_argument_is_refused_whose_place_has_another_meaning_in_each_version_of_keras(tmp_path):
    with pytest.raises(TypeError, match="positional"):
        BackupAndRestore(tmp_path / "backup.npz", "epoch", False)


def test_a_callback_that_is_used_again_begins_anew():
    stopping, plateau = EarlyStopping(patience=1), ReduceLROnPlateau(patience=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (fit(tiny(), plateau, stopping, epochs=9).history for _ in range(2))
    assert first == second


def test_the_code_of_the_page_about_training_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(code, names)
    assert len(names["history"].epoch) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"best.npz", "log.csv"}
    assert len(names["callbacks"][1].norms) == 2
