"""The table of a running comparison: each model's numbers under its name, as they are after each batch."""

import io

from contrast import keras_result, scratch_result
from rich.console import Console

from keras_reference.live_table import COLOURS, LiveTable
from scratch_rnn.runs.result import Result

HEADS = ["loss", "acc", "val\nloss", "val\nacc", "s"]


def on(terminal):
    console = Console(file=io.StringIO(), width=100, height=12, force_terminal=terminal, no_color=True)
    return LiveTable(console, ("scratch_rnn", "Keras"))


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


def test_every_number_stands_in_its_row_and_under_its_model():
    table = told_everything(on(terminal=True))
    assert shown(table) == [
        ["1", "2.1234", "30.11%", "1.9876", "35.19%", "1.5", "0.9172", "71.05%", "0.8061", "73.38%", "30.4"],
        ["2", "1.5678", "41.27%", "1.6543", "42.33%", "2.5", "0.5283", "82.16%", "0.4972", "84.49%", "4.1"],
        ["3", "1.4321", "45.02%", "1.7012", "41.48%", "9.8", "0.3394", "88.27%", "0.5083", "80.41%", "5.3"],
    ]


def test_a_model_s_columns_have_the_colour_of_its_name():
    table = on(terminal=True)._table()
    assert [column.header for column in table.columns] == ["", *HEADS, *HEADS]
    assert [column.style for column in table.columns[1:]] == ["cyan"] * 5 + ["yellow"] * 5
    assert COLOURS == ("cyan", "yellow")
    assert table.title == "[cyan]scratch_rnn[/] beside [yellow]Keras[/], a row per epoch"


def test_a_running_epoch_shows_the_means_so_far_and_how_much_of_it_is_done():
    table = on(terminal=True)
    table.on_batch(Result("scratch_rnn"), 0, 2, 8, {"loss": 1.25, "accuracy": 0.5, "batch_loss": 7.0})
    assert shown(table) == [["1", "1.2500", "50.00%", "", "", "38%", *[""] * 5]]
    table.on_batch(Result("Keras"), 1, 7, 8, {"loss": 0.75, "accuracy": 0.25})
    assert shown(table)[1] == ["2", *[""] * 5, "0.7500", "25.00%", "", "", "100%"]


def test_a_low_terminal_shows_the_last_epochs_and_in_the_end_all_of_them():
    table = on(terminal=True)
    for epoch in range(9):
        table.on_batch(Result("Keras"), epoch, 0, 1, {"loss": float(epoch)})
    assert [row[0] for row in shown(table)] == ["6", "7", "8", "9"]
    assert [row[6] for row in shown(table)] == ["5.0000", "6.0000", "7.0000", "8.0000"]
    with table:
        pass
    assert [row[0] for row in shown(table)] == list("123456789")


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
    assert "a row per epoch" in table.console.file.getvalue()
    assert "epoch  2  scratch_rnn" not in table.console.file.getvalue()
