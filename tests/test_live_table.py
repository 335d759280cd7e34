"""The table of a running comparison: each model's numbers under its name, as they are after each batch."""

import io

from contrast import keras_result, scratch_result
from rich.console import Console

from keras_reference.live_table import COLOURS, LiveTable
from scratch_rnn.runs.result import Result

HEADS = ["epoch", "", "loss", "acc", "val\nloss", "val\nacc", "s"]


def on(terminal, width=100, epochs=3):
    console = Console(file=io.StringIO(), width=width, height=12, force_terminal=terminal, no_color=True)
    return LiveTable(console, ("scratch_rnn", "Keras"), epochs)


def told_everything(table):
    """The table after both models have ended their three epochs, in turn."""
    for epoch in range(3):
        for result in (scratch_result(), keras_result()):
            table.on_epoch(result, epoch)
    return table


def shown(table):
    """Return the rows as they are drawn, by column."""
    columns = [list(column.cells) for column in table._table().columns]
    return [list(row) for row in zip(*columns, strict=True)]


def test_every_number_stands_in_its_row_beside_the_name_of_its_model():
    table = told_everything(on(terminal=True, epochs=12))
    table.finished = True
    assert shown(table) == [
        ["1/12", "scratch_rnn", "2.1234", "30.11%", "1.9876", "35.19%", "1.5"],
        ["", "Keras", "0.9172", "71.05%", "0.8061", "73.38%", "30.4"],
        ["2/12", "scratch_rnn", "1.5678", "41.27%", "1.6543", "42.33%", "2.5"],
        ["", "Keras", "0.5283", "82.16%", "0.4972", "84.49%", "4.1"],
        ["3/12", "scratch_rnn", "1.4321", "45.02%", "1.7012", "41.48%", "9.8"],
        ["", "Keras", "0.3394", "88.27%", "0.5083", "80.41%", "5.3"],
    ]
    assert [column.header for column in table._table().columns] == HEADS


def test_a_model_s_rows_have_its_colour_too():
    table = told_everything(on(terminal=True))._table()
    assert [str(row.style) for row in table.rows] == [*COLOURS] * 2
    assert COLOURS == ("cyan", "yellow")
    assert table.title == "scratch_rnn beside Keras, 3 epochs"


def test_nothing_is_lost_on_a_terminal_of_sixty_columns():
    table = on(terminal=True, width=60, epochs=100)
    longest = {"loss": 12.3456, "accuracy": 1.0, "val_loss": 12.3456, "val_accuracy": 1.0}
    for model in table.models:
        result = Result(model, {name: [value] * 100 for name, value in longest.items()}, [100.0] * 100)
        table.on_epoch(result, 99)
    paper = Console(file=io.StringIO(), width=60, color_system=None)
    paper.print(table._table())
    lines = paper.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    numbers = ["12.3456", "100.00%", "12.3456", "100.00%", "100.0"]
    assert [line.split() for line in lines if line.strip()][-2:] == [
        ["100/100", "scratch_rnn", *numbers],
        ["Keras", *numbers],
    ]


def test_a_running_epoch_shows_the_means_so_far_and_how_much_of_it_is_done():
    table = on(terminal=True)
    table.on_batch(Result("scratch_rnn"), 0, 2, 8, {"loss": 1.25, "accuracy": 0.5, "batch_loss": 7.0})
    assert shown(table) == [
        ["1/3", "scratch_rnn", "1.2500", "50.00%", "", "", "38%"],
        ["", "Keras", *[""] * 5],
    ]
    table.on_batch(Result("Keras"), 1, 7, 8, {"loss": 0.75, "accuracy": 0.25})
    assert shown(table)[3] == ["", "Keras", "0.7500", "25.00%", "", "", "100%"]


def test_a_low_terminal_shows_the_last_epochs_and_in_the_end_all_of_them():
    table = on(terminal=True, epochs=9)
    for epoch in range(9):
        table.on_batch(Result("Keras"), epoch, 0, 1, {"loss": float(epoch)})
    assert [row[0] for row in shown(table)] == ["8/9", "", "9/9", ""]
    assert [row[2] for row in shown(table)] == ["", "7.0000", "", "8.0000"]
    with table:
        pass
    assert [row[0] for row in shown(table)][::2] == [f"{epoch}/9" for epoch in range(1, 10)]


def test_a_run_that_goes_on_shows_the_epochs_that_are_done_in_their_order():
    ours, theirs = scratch_result(), keras_result()
    theirs.seconds.pop()  # it was interrupted before its third epoch had ended
    table = on(terminal=False)
    table.show_done([ours, theirs])
    lines = [line.split()[:3] for line in table.console.file.getvalue().splitlines()]
    assert lines == [["epoch", epoch, name] for epoch in "123" for name in ("scratch_rnn", "Keras")][:5]
    fresh = on(terminal=False)
    fresh.show_done([Result("scratch_rnn"), Result("Keras")])
    assert fresh.console.file.getvalue() == ""


def test_in_a_file_each_epoch_of_each_model_is_a_line():
    with on(terminal=False) as table:
        told_everything(table)
        table.on_batch(Result("Keras"), 3, 0, 8, {"loss": 0.1})
    lines = table.console.file.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[2:4] == [
        "epoch  2  scratch_rnn  loss 1.5678  accuracy 41.27%  val_loss 1.6543  val_accuracy 42.33%  2.5 s",
        "epoch  2  Keras        loss 0.5283  accuracy 82.16%  val_loss 0.4972  val_accuracy 84.49%  4.1 s",
    ]


def test_on_a_terminal_the_table_is_drawn_over_itself():
    with on(terminal=True) as table:
        told_everything(table)
    assert "scratch_rnn beside Keras, 3 epochs" in table.console.file.getvalue()
    assert "epoch  2  scratch_rnn" not in table.console.file.getvalue()
