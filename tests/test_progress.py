"""What a training run shows in the terminal: a line an epoch, a bar while it runs, the table of a model."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from scratch_rnn import GRU, LSTM, SGD, Dense, Sequential, SimpleRNN, load_model
from scratch_rnn.training.callbacks import History
from scratch_rnn.training.progress import EpochLines, ProgressBar, format_logs

LOGS = {"loss": 1.23456, "accuracy": 0.98765, "mae": 0.5, "val_loss": 2.0, "val_accuracy": 0.12344}
SHOWN = "loss 1.2346  acc 0.9877  mae 0.5000  val_loss 2.0000  val_acc 0.1234"


def screen(**options):
    return Console(file=io.StringIO(), width=100, **options)


def terminal():
    return screen(force_terminal=True, color_system="truecolor")


def prepared(kind, console, epochs=12, steps=40, samples=313):
    """The callback of a model whose epochs so far took 1, 20 and 3.14159 seconds."""
    callback = kind(console)
    callback.model = SimpleNamespace(history=SimpleNamespace(seconds=[1.0, 20.0, 3.14159]))
    callback.params = {"epochs": epochs, "steps": steps, "samples": samples}
    return callback


def bar_shown(callback):
    """The text of the bar as it stands: description, bar, count, time, logs."""
    console = screen()
    console.print(callback.progress.get_renderable())
    return console.file.getvalue().rstrip()


# Numbers ----------------------------------------------------------------------------------------------------


def test_logs_are_shown_in_their_order_to_four_places_and_accuracy_is_short():
    assert format_logs(LOGS) == SHOWN
    assert format_logs({"val_loss": 0.00004, "loss": 123.0}) == "val_loss 0.0000  loss 123.0000"


def test_the_mean_of_the_epoch_is_shown_and_not_the_loss_of_the_batch_alone():
    assert format_logs({"loss": 0.25, "batch_loss": 0.75}) == "loss 0.2500"


# Lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EpochLines, ProgressBar])
def test_the_line_of_an_epoch_has_its_number_its_own_seconds_and_its_logs(kind):
    console = screen()
    lines = prepared(kind, console)
    lines.on_epoch_begin(2)
    lines.on_epoch_end(2, LOGS)
    lines.on_epoch_begin(11)
    lines.on_epoch_end(11, {"loss": 0.5})
    lines.close()
    assert console.file.getvalue().splitlines() == [
        f"epoch  3/12    3.1 s  {SHOWN}",
        "epoch 12/12    3.1 s  loss 0.5000",
    ]


def test_a_line_is_neither_broken_nor_coloured():
    console = Console(file=io.StringIO(), width=30, force_terminal=True, color_system="truecolor")
    prepared(EpochLines, console, epochs=3).on_epoch_end(0, LOGS)
    assert console.file.getvalue() == f"epoch 1/3    3.1 s  {SHOWN}\n"


# The bar ----------------------------------------------------------------------------------------------------


def test_the_bar_counts_the_batches_that_are_done_and_shows_the_means_so_far():
    bar = prepared(ProgressBar, terminal())
    bar.on_epoch_begin(4)
    try:
        assert "epoch  5/12" in bar_shown(bar)
        assert " 0/40 " in bar_shown(bar)
        bar.on_train_batch_end(0, {"loss": 2.5, "batch_loss": 2.5})
        assert bar_shown(bar).endswith("loss 2.5000") and " 1/40 " in bar_shown(bar)
        bar.on_train_batch_end(9, {"loss": 1.5, "accuracy": 0.25, "batch_loss": 0.5})
        assert bar_shown(bar).endswith("loss 1.5000  acc 0.2500") and "10/40 " in bar_shown(bar)
        task = bar.progress.tasks[0]
        assert task.percentage == 25
        bar.on_train_batch_end(39, {"loss": 1.0})
        assert "40/40 " in bar_shown(bar) and task.finished
    finally:
        bar.close()


def test_the_bar_is_a_quarter_full_when_a_quarter_of_the_batches_is_done():
    bar, console = prepared(ProgressBar, terminal()), terminal()
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(9, {"loss": 1.5})
    (line,) = console.render_lines(bar.progress.get_renderable(), console.options)
    bar.close()
    first, *others = [segment for segment in line if set(segment.text) & set("━╸╺")]
    assert len(first.text) == 4
    assert sum(len(segment.text) for segment in others) == 12
    assert first.style not in [segment.style for segment in others]


@pytest.mark.parametrize("logs", [{"loss": 1.5, "accuracy": 0.25}, LOGS])
def test_the_bar_loses_nothing_on_a_narrow_terminal(logs):
    narrow = Console(file=io.StringIO(), width=60, force_terminal=True)
    bar = prepared(ProgressBar, narrow, epochs=10, steps=1688)
    bar.on_epoch_begin(9)
    bar.on_train_batch_end(1687, logs)
    paper = Console(file=io.StringIO(), width=60)
    paper.print(bar.progress.get_renderable())
    bar.close()
    text = paper.file.getvalue()
    assert max(map(len, text.splitlines())) <= 60
    shown = text.split()
    assert all(word in shown for word in ["10/10", "1688/1688", *format_logs(logs).split()])
    assert (len(text.splitlines()) == 1) == (len(logs) == 2)


def test_after_an_epoch_the_bar_is_gone_and_its_line_stands():
    console = terminal()
    bar = prepared(ProgressBar, console)
    for epoch in (0, 1):
        bar.on_epoch_begin(epoch)
        assert len(bar.progress.tasks) == 1
        bar.on_train_batch_end(0, {"loss": 9.0})
        bar.on_epoch_end(epoch, {"loss": 0.5})
        assert not bar.progress.tasks
        assert not bar.progress.live.is_started
    written = console.file.getvalue()
    assert written.count("epoch  1/12    3.1 s  loss 0.5000\n") == 1
    assert written.endswith("epoch  2/12    3.1 s  loss 0.5000\n")
    # A bar that stays is followed by a new line, one that goes by "up, and erase the line".
    assert written.count("\x1b[1A\x1b[2K") == 2


def test_after_an_exception_the_cursor_is_shown_again():
    console = terminal()
    bar = prepared(ProgressBar, console)
    bar.on_epoch_begin(0)
    bar.close()
    hidden, shown = (console.file.getvalue().rindex(code) for code in ("\x1b[?25l", "\x1b[?25h"))
    assert shown > hidden
    assert not bar.progress.live.is_started


def test_where_there_is_no_terminal_there_is_no_bar():
    console = screen()
    bar = prepared(ProgressBar, console)
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(0, {"loss": 1.5})
    bar.close()
    assert console.file.getvalue() == ""


def test_what_fit_prints_are_the_numbers_of_its_history(capsys):
    x, y = np.random.default_rng(0).normal(size=(10, 3, 2)), np.arange(10) % 3
    for verbose in (1, 2):
        model = Sequential([SimpleRNN(4), Dense(3, "softmax")], seed=0)
        model.compile(SGD(0.1), metrics=["accuracy"], threads=1)
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=verbose, validation_split=0.2)
        lines = capsys.readouterr().out.splitlines()
        assert isinstance(history, History) and len(lines) == 2
        for epoch, line in enumerate(lines):
            one, two, three, four = (
                history.history[name][epoch] for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            )
            numbers = f"loss {one:.4f}  acc {two:.4f}  val_loss {three:.4f}  val_acc {four:.4f}"
            assert line == f"epoch {epoch + 1}/2  {history.seconds[epoch]:5.1f} s  {numbers}"


def compiled(metrics=("accuracy",)):
    model = Sequential([SimpleRNN(4), Dense(3, "softmax")], seed=0)
    model.compile(SGD(0.1), metrics=metrics, threads=1)
    return model


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_evaluate_and_predict_print_a_line_where_they_are_asked_to(verbose, capsys):
    x, y, model = np.ones((1200, 3, 2)), np.arange(1200) % 3, compiled()
    scores = model.evaluate(x, y, 100, verbose)
    model.predict(x, 100, verbose)
    evaluated, predicted = capsys.readouterr().out.splitlines()
    numbers = f"loss {scores['loss']:.4f}  acc {scores['accuracy']:.4f}"
    assert re.fullmatch(rf"1,200 rows  +\d+\.\d s  {re.escape(numbers)}", evaluated)
    assert re.fullmatch(r"1,200 rows  +\d+\.\d s", predicted)


def test_evaluate_and_predict_print_nothing_of_themselves(capsys):
    x, model = np.ones((4, 3, 2)), compiled()
    assert model.evaluate(x, np.zeros(4, int), 4, 0) == model.evaluate(x, np.zeros(4, int))
    np.testing.assert_array_equal(model.predict(x, 4, 0), model.predict(x))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [3, -1, "yes", None, 0.5])
def test_another_verbose_is_refused_before_anything_is_computed(verbose):
    x, y, model = np.ones((4, 3, 2)), np.zeros(4, int), compiled()
    for method, data in ((model.fit, (x, y)), (model.evaluate, (x, y)), (model.predict, (x,))):
        with pytest.raises(ValueError, match="verbose must be 'auto', 0, 1 or 2, not "):
            method(*data, verbose=verbose)
    assert not model.built


# The table of a model ---------------------------------------------------------------------------------------


def reader():
    layers = [LSTM(3, return_sequences=True, name="first"), GRU(20, name="second"), Dense(10)]
    return Sequential(layers, seed=0, name="reader")


def summary_rows(lines):
    ruled = [line.replace("┃", "│") for line in lines]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in ruled if line.startswith("│")]


def test_a_summary_names_the_layers_the_shapes_of_outputs_and_weights_and_their_numbers(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    model = reader()
    model.build((64, 5, 7))
    model.summary()
    title, *lines, total = capsys.readouterr().out.splitlines()
    assert title.strip() == "Model: reader"
    # Four gates for 7 inputs and 3 states, three gates for 3 inputs and 20 states with two biases, 20 to 10.
    assert summary_rows(lines) == [
        ["Layer (type)", "Output Shape", "Weights", "Param #"],
        ["first (LSTM)", "(None, 5, 3)", "kernel (7, 12)", "132"],
        ["", "", "recurrent_kernel (3, 12)", ""],
        ["", "", "bias (12,)", ""],
        ["second (GRU)", "(None, 20)", "kernel (3, 60)", "1,500"],
        ["", "", "recurrent_kernel (20, 60)", ""],
        ["", "", "bias (2, 60)", ""],
        ["dense (Dense)", "(None, 10)", "kernel (20, 10)", "210"],
        ["", "", "bias (10,)", ""],
    ]
    assert total == "Total params: 1,842 (7.20 KB)"  # 4 bytes each


def test_a_summary_is_of_the_shape_for_which_the_model_was_built(capsys, tmp_path):
    model = reader()
    model.forward(np.zeros((2, 6, 7)))
    model.summary()
    model.save(tmp_path / "model.npz")
    load_model(tmp_path / "model.npz").summary()
    first, again = capsys.readouterr().out.split("Model: reader")[1:]
    assert "(None, 6, 3)" in first
    assert first.split() == again.split()


def test_a_summary_loses_nothing_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    model = reader()
    model.build((None, 5, 7))
    model.summary()
    _, *lines, _ = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    names, shapes, weights, numbers = ("".join(column) for column in zip(*summary_rows(lines), strict=True))
    assert "first (LSTM)second (GRU)dense (Dense)" in names
    assert "(None, 5, 3)(None, 20)(None, 10)" in shapes
    assert "recurrent_kernel(20,60)" in weights.replace(" ", "")
    assert numbers == "Param #1321,500210"
