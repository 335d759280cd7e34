"""Options of the commands: each reaches its field alone, and what repeats a run asks for the same run."""

import argparse
from dataclasses import asdict
from pathlib import Path

import pytest

from scratch_rnn.commands.main import build_parser
from scratch_rnn.commands.options import (
    check_new_figure,
    data_source,
    natural_int,
    options_of,
    path,
    positive_float,
    positive_int,
    recipes_from,
)
from scratch_rnn.runs.recipe import Recipe

# The default recipe, by hand: README's.
DEFAULTS = {
    "cell": "lstm",
    "units": 128,
    "layers": 1,
    "optimizer": "rmsprop",
    "learning_rate": None,
    "epochs": 10,
    "batch_size": 128,
    "seed": 1,
    "data": "auto",
    "dtype": "float32",
    "shard_rows": 64,
    "reference": "keras",
    "validation_split": 0.1,
    "bidirectional": False,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "augment": False,
    "schedule": "constant",
    "base_batch": None,
    "patience": None,
}
BEST = {
    "bidirectional": True,
    "units": 96,
    "layers": 2,
    "dropout": 0.3,
    "augment": True,
    "optimizer": "adam",
    "learning_rate": 0.002,
    "schedule": "cosine",
    "epochs": 16,
}
CHANGES = [
    (["--cell", "gru"], {"cell": "gru"}),
    (["--units", "7"], {"units": 7}),
    (["--layers", "3"], {"layers": 3}),
    (["--optimizer", "sgd"], {"optimizer": "sgd"}),
    (["--learning-rate", "0.25"], {"learning_rate": 0.25}),
    (["--epochs", "5"], {"epochs": 5}),
    (["--batch-size", "11"], {"batch_size": 11}),
    (["--seed", "0"], {"seed": 0}),
    (["--data", "sample"], {"data": "sample"}),
    (["--dtype", "float64"], {"dtype": "float64"}),
    (["--shard-rows", "16"], {"shard_rows": 16}),
    (["--bidirectional"], {"bidirectional": True}),
    (["--dropout", "0.25"], {"dropout": 0.25}),
    (["--recurrent-dropout", "0.25"], {"recurrent_dropout": 0.25}),
    (["--augment"], {"augment": True}),
    (["--schedule", "exponential"], {"schedule": "exponential"}),
    (["--base-batch", "32"], {"base_batch": 32}),
    (["--recipe", "default"], {}),
    (["--recipe", "best"], BEST),
    (["--augment", "no", "--recipe", "best", "--epochs", "3"], BEST | {"augment": False, "epochs": 3}),
    (["--quick", "--recipe", "best"], BEST | {"epochs": 4, "batch_size": 32, "data": "sample"}),
    (["--quick"], {"epochs": 4, "batch_size": 32, "optimizer": "adam", "data": "sample"}),
    (["--quick", "--epochs", "13"], {"epochs": 13, "batch_size": 32, "optimizer": "adam", "data": "sample"}),
    (["--data", "auto", "--quick"], {"epochs": 4, "batch_size": 32, "optimizer": "adam", "data": "auto"}),
    (
        ["--quick", "--units", "9"],
        {"epochs": 4, "batch_size": 32, "optimizer": "adam", "data": "sample", "units": 9},
    ),
]
MANY = [
    "--cell",
    "gru",
    "--units",
    "3",
    "--layers",
    "2",
    "--epochs",
    "7",
    "--batch-size",
    "5",
    "--seed",
    "11",
]


def parsed(*words, command="train"):
    return build_parser().parse_args([command, *words])


def recipes(*words, command="train"):
    return recipes_from(parsed(*words, command=command))


@pytest.mark.parametrize("command", ["train", "compare"])
def test_without_options_the_recipe_is_the_default_one(command):
    (recipe,) = recipes(command=command)
    assert asdict(recipe) == DEFAULTS


def test_the_library_of_the_twin_is_for_compare_alone(capsys):
    (recipe,) = recipes("--reference", "pytorch", command="compare")
    assert asdict(recipe) == DEFAULTS | {"reference": "pytorch"}
    with pytest.raises(SystemExit):
        recipes("--reference", "pytorch", command="train")
    assert "unrecognized arguments: --reference" in capsys.readouterr().err


def test_the_end_of_a_training_that_gets_no_better_is_for_train_alone(capsys):
    (recipe,) = recipes("--patience", "3")
    assert asdict(recipe) == DEFAULTS | {"patience": 3}
    with pytest.raises(SystemExit):
        recipes("--patience", "3", command="compare")
    assert "unrecognized arguments: --patience" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--dropout", "1"], "'1' is not a number, at least 0 and below 1"),
        (["--recurrent-dropout", "x"], "'x' is not a number, at least 0 and below 1"),
        (["--bidirectional", "maybe"], "'maybe' is not yes or no"),
        (["--schedule", "linear"], "invalid choice: 'linear'"),
        (["--recipe", "worst"], "invalid choice: 'worst'"),
    ],
)
def test_what_an_option_cannot_be_is_named(words, error, capsys):
    with pytest.raises(SystemExit):
        parsed(*words)
    assert error in capsys.readouterr().err


@pytest.mark.parametrize(("words", "change"), CHANGES, ids=[" ".join(words) for words, _ in CHANGES])
@pytest.mark.parametrize("command", ["train", "compare"])
def test_an_option_changes_its_own_field_alone(command, words, change):
    (recipe,) = recipes(*words, command=command)
    assert asdict(recipe) == DEFAULTS | change


def test_options_together_each_go_to_their_own_field():
    (recipe,) = recipes(*MANY)
    fields = {"cell": "gru", "units": 3, "layers": 2, "epochs": 7, "batch_size": 5, "seed": 11}
    assert asdict(recipe) == DEFAULTS | fields


def test_all_cells_are_three_recipes_that_differ_in_the_cell_alone():
    found = recipes("--units", "7", "--cell", "all", "--seed", "4")
    assert [asdict(recipe) for recipe in found] == [
        DEFAULTS | {"units": 7, "seed": 4, "cell": cell} for cell in ("simple_rnn", "gru", "lstm")
    ]


def test_what_is_no_part_of_a_recipe_stays_with_the_command():
    plain = parsed()
    assert (plain.threads, plain.processes, plain.out, plain.quick) == (None, None, None, False)
    given = parsed("--threads", "3", "--processes", "5", "--out", "a/b", "--quick", "--engine", "mpi")
    assert (given.threads, given.processes, given.out, given.quick) == (3, 5, Path("a/b"), True)
    assert (plain.engine, given.engine) == (None, "mpi")


RECIPES = [
    Recipe(),
    Recipe("gru", 7, 2, "adam", 0.005, 3, 11, 0.1, 4, "sample", "float64", 16),
    Recipe("simple_rnn", 5, 3, "sgd", 1e-05, 13, 17, 0.1, 0, "/some/folder with a space", "float32"),
    Recipe(learning_rate=0.1 + 0.2),
    Recipe(bidirectional=True, dropout=0.3, recurrent_dropout=0.1, augment=True, schedule="cosine"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_the_options_of_a_recipe_ask_for_that_recipe(recipe):
    words = [word for pair in options_of(recipe).items() for word in pair]
    assert recipes(*words) == [recipe]
    assert recipes("--quick", *words) == [recipe]  # nothing is left to a default


def test_the_options_of_a_recipe_are_those_of_the_command_in_its_order():
    assert options_of(RECIPES[1]) == {
        "--cell": "gru",
        "--units": "7",
        "--layers": "2",
        "--optimizer": "adam",
        "--learning-rate": "0.005",
        "--epochs": "3",
        "--batch-size": "11",
        "--seed": "4",
        "--data": "sample",
        "--dtype": "float64",
        "--shard-rows": "16",
    }
    assert set(options_of(RECIPES[1])) - set(options_of(Recipe())) == {"--learning-rate"}


def help_of(command):
    """Return {option: what the help says of it}."""
    (commands,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    expanded = argparse.HelpFormatter("")._expand_help
    return {action.option_strings[-1]: expanded(action) for action in commands.choices[command]._actions}


@pytest.mark.parametrize("command", ["train", "compare"])
def test_the_help_tells_defaults_and_what_quick_makes_of_them(command):
    told = help_of(command)
    for option, words in {
        "--cell": "all: the three in turn (default: lstm)",
        "--units": "of each recurrent layer (default: 128)",
        "--layers": "recurrent layers, stacked (default: 1)",
        "--optimizer": "that changes the weights (default: rmsprop, with --quick adam)",
        "--learning-rate": "default: 0.001 for rmsprop, 0.001 for adam, 0.01 for sgd",
        "--epochs": "how often all training digits are seen (default: 10, with --quick 4)",
        "--batch-size": "digits for each change of the weights (default: 128, with --quick 32)",
        "--seed": "of weights and row order (default: 1)",
        "--data": "(default: auto, with --quick sample)",
        "--dtype": "of all computations (default: float32)",
        "--processes": "above 1 on Linux only",
        "--threads": "(default: all cores, on threads or processes, whichever is faster)",
        "--out": "(default: in runs/)",
    }.items():
        assert words in told[option], option


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("--cell", ["simple_rnn", "gru", "lstm", "all"]),
        ("--optimizer", ["rmsprop", "adam", "sgd"]),
        ("--dtype", ["float32", "float64"]),
    ],
)
def test_a_choice_takes_each_of_its_words(option, choices):
    name = option.removeprefix("--")
    assert [getattr(parsed(option, word), name) for word in choices] == choices


# Values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (positive_int, "1", 1),
        (positive_int, "12", 12),
        (natural_int, "0", 0),
        (natural_int, "7", 7),
        (positive_float, "1e-9", 1e-9),
        (positive_float, "3", 3.0),
        (path, "a/b", Path("a/b")),
        (data_source, "auto", "auto"),
        (data_source, "sample", "sample"),
        (data_source, "/x/y.npz", "/x/y.npz"),
    ],
)
def test_a_value_is_read(parse, text, value):
    assert parse(text) == value
    assert type(parse(text)) is type(value)


def test_a_path_of_data_is_kept_whole_for_whoever_repeats_the_run_elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert data_source("mine/data.npz") == str(tmp_path / "mine" / "data.npz")


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (positive_int, "0", "'0' is not a whole number above zero"),
        (positive_int, "-3", "'-3' is not a whole number above zero"),
        (positive_int, "1.5", "'1.5' is not a whole number above zero"),
        (natural_int, "-1", "'-1' is not a whole number, zero or above"),
        (natural_int, "x", "'x' is not a whole number, zero or above"),
        (positive_float, "0", "'0' is not a number above zero"),
        (positive_float, "-0.1", "'-0.1' is not a number above zero"),
        (positive_float, "inf", "'inf' is not a number above zero"),
        (positive_float, "nan", "'nan' is not a number above zero"),
        (path, "", "'' is not a path"),
        (data_source, "", "'' is not a path"),
    ],
)
def test_a_value_that_is_none_is_refused(parse, text, expected):
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        parse(text)
    assert str(refusal.value) == expected


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("--cell", "LSTM"),
        ("--units", "0"),
        ("--layers", "0"),
        ("--optimizer", "Adam"),
        ("--learning-rate", "-1"),
        ("--epochs", "0"),
        ("--batch-size", "0"),
        ("--seed", "-1"),
        ("--data", ""),
        ("--dtype", "float16"),
        ("--threads", "0"),
        ("--processes", "0"),
        ("--out", ""),
    ],
)
@pytest.mark.parametrize("command", ["train", "compare"])
def test_every_option_of_a_run_is_checked(command, option, wrong, capsys):
    with pytest.raises(SystemExit):
        parsed(f"{option}={wrong}", command=command)
    assert f"argument {option}: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["new.png", "new.pdf", "new.svg"])
def test_a_new_figure_may_be_written(name, tmp_path):
    check_new_figure(tmp_path / name, "--figure")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("old.png", FileExistsError, "--figure {} exists already: name a new file, so that nothing is lost"),
        ("none/new.png", FileNotFoundError, "--figure {}: its folder does not exist"),
        ("new.jpg", ValueError, "--figure {}: the name must end in .png, .pdf or .svg"),
        ("new", ValueError, "--figure {}: the name must end in .png, .pdf or .svg"),
    ],
)
def test_a_figure_that_cannot_be_written_or_would_overwrite_is_refused(name, error, message, tmp_path):
    (tmp_path / "old.png").write_text("")
    with pytest.raises(error) as refusal:
        check_new_figure(tmp_path / name, "--figure")
    assert str(refusal.value) == message.format(tmp_path / name)
