"""docs/keras.md says of every option of Keras whether it is here, and that is so."""

import inspect
import re
from operator import attrgetter

import pytest
from helpers import ROOT

import scratch_rnn
from scratch_rnn.layers import activations, initializers
from scratch_rnn.training import losses, optimizer_base

keras = pytest.importorskip("keras")

PAGE = (ROOT / "docs" / "keras.md").read_text(encoding="utf-8")
# The heading of each table with the sentence below it, and the table.
TABLES = re.findall(r"^### (.+\n\n(?:[^|#\n].*\n+)*)((?:^\|.*\n)+)", PAGE, flags=re.MULTILINE)
NEWEST = int(re.search(r"Keras, 3\.5 to 3\.(\d+)", PAGE)[1])  # that the page knows
INSTALLED = int(keras.__version__.split(".")[1])
MARK = "⁺"  # at what only some versions of Keras have

# Our arguments that do not stand in the place which they have in Keras, and what keeps Keras's code from
# meaning something else by them.
OTHER_PLACES = {
    ("keras.layers.LSTM.call", "x"),  # the same by another name
    ("keras.callbacks.BackupAndRestore", "path"),  # the same by another name
    ("keras.Sequential", "seed"),  # Keras's is a bool, which is refused
    ("keras.Model.compile", "metrics"),  # Keras's are weights, which are refused
    ("keras.Model.compile", "threads"),  # Keras's is a list, which is refused
    ("keras.Model.compile", "processes"),  # likewise
    ("keras.Model.compile", "shard_rows"),  # Keras's is a bool, which is refused
}


def names_in(cell):
    """Return the names in a cell of a table, each with whether it is marked."""
    return {name: bool(mark) for name, mark in re.findall(rf"`([\w.]+)`({MARK}?)", cell)}


def rows_of(table):
    """Return (names, here, remark) of each row."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [(names_in(names), here, remark) for names, here, remark in cells]


# By what it is called in Keras, what the page says of its options; of the classes in a module; of methods.
OPTIONS, CLASSES = (
    {
        path: rows_of(table)
        for title, table in TABLES
        if table.startswith(first)
        for path in names_in(title)
        if path.startswith("keras.")
    }
    for first in ("| option", "| class")
)
ROWS = [row for _, table in TABLES for row in rows_of(table)]


def said(rows, *words):
    """Return the names of all rows that say one of these words, or of all."""
    return {name for names, here, _ in rows if not words or here in words for name in names}


def in_keras(path):
    return attrgetter(path.removeprefix("keras."))(keras)


def ours(path):
    """Return what has the part here of something in Keras, or None."""
    name = path.rpartition(".")[2]
    if path == "keras.layers.LSTM.call":
        return scratch_rnn.LSTM.forward
    if path.startswith("keras.Model."):
        return getattr(scratch_rnn.Sequential, name)
    places = (scratch_rnn, initializers, losses, optimizer_base)
    return next((getattr(place, name) for place in places if hasattr(place, name)), None)


def arguments(function):
    """Return the parameters of a function or a method by name, and whether it hands on more."""
    found = dict(inspect.signature(function).parameters)
    more = [name for name, each in found.items() if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    for name in ["self", *more]:
        found.pop(name, None)
    return found, bool(more)


def options_of_keras(path):
    """Return the parameters by name; what every layer takes is told once, of Layer."""
    thing = in_keras(path)
    found, _ = arguments(thing.__init__ if inspect.isclass(thing) else thing)
    if inspect.isclass(thing) and issubclass(thing, keras.layers.RNN):
        found["zero_output_for_mask"] = arguments(keras.layers.RNN.__init__)[0]["zero_output_for_mask"]
    return found


def options_of_ours(path):
    """Return the parameters by name, those included that a class hands on to its base."""
    thing = ours(path)
    if not inspect.isclass(thing):
        return arguments(thing)[0]
    found = {}
    for cls in thing.__mro__:
        if "__init__" in vars(cls) and cls is not object:
            own, more = arguments(cls.__init__)
            found |= {name: each for name, each in own.items() if name not in found}
            if not more:
                break
    return found


def test_the_tables_are_read():
    assert len(OPTIONS) > 35 and len(CLASSES) == 5
    assert {here for _, here, _ in ROWS} == {"yes", "no", "differs"}
    assert {"keras.layers.SimpleRNN", "keras.layers.GRU", "keras.layers.LSTM"} <= set(OPTIONS)


@pytest.mark.parametrize("names, here, remark", ROWS)
def test_what_is_not_simply_here_has_a_sentence(names, here, remark):
    assert names
    assert remark.endswith(".") or (here == "yes" and not remark)


# Options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OPTIONS)
def test_every_option_of_keras_is_listed_once(path):
    listed = [name for names, *_ in OPTIONS[path] for name in names]
    assert len(set(listed)) == len(listed)
    missing = set(options_of_keras(path)) - set(listed)
    if INSTALLED > NEWEST and missing:
        pytest.skip(f"the page knows Keras to 3.{NEWEST}, and {missing} is later")
    assert not missing


@pytest.mark.parametrize("path", OPTIONS)
def test_every_option_that_is_listed_is_one_of_keras(path):
    together = [other for other in OPTIONS if OPTIONS[other] == OPTIONS[path]]  # under one heading
    known = set().union(*map(options_of_keras, together))
    for names, *_ in OPTIONS[path]:
        for name, marked in names.items():
            assert name in known or marked, name


@pytest.mark.parametrize("path", OPTIONS)
def test_an_option_that_is_here_has_the_default_that_it_has_in_keras(path):
    theirs, own = options_of_keras(path), options_of_ours(path)
    for name in said(OPTIONS[path], "yes") & set(theirs):
        assert name in own, name
        default, expected = own[name].default, theirs[name].default
        assert (type(default), default) == (type(expected), expected), name


@pytest.mark.parametrize("path", OPTIONS)
def test_an_option_that_is_not_here_is_none_of_ours(path):
    assert not said(OPTIONS[path], "no") & set(options_of_ours(path))


@pytest.mark.parametrize("path", OPTIONS)
def test_an_option_of_ours_that_keras_lacks_is_named_at_the_end(path):
    listed = said(OPTIONS[path]) | said(OPTIONS["keras.layers.Layer"], "yes", "differs")
    own = PAGE[PAGE.index("## Here, and not in Keras") :]
    for name in set(options_of_ours(path)) - listed:
        assert f"`{name}`" in own, name


@pytest.mark.parametrize("path", OPTIONS)
def test_arguments_without_names_mean_the_same_as_in_keras(path):
    theirs = list(options_of_keras(path))
    by_place = [n for n, each in options_of_ours(path).items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    elsewhere = {own for own, other in zip(by_place, theirs, strict=False) if own != other}
    assert elsewhere == {name for other, name in OTHER_PLACES if other == path}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([0.5],), ValueError),  # loss_weights
        ((0.5,), TypeError),
        (({"dense": 0.5},), TypeError),
        ((None, ["accuracy"]), ValueError),  # metrics
        ((None, None, ["accuracy"]), ValueError),  # weighted_metrics
        ((None, None, None, True), ValueError),  # run_eagerly
        ((None, None, None, False), ValueError),
    ],
)
def test_arguments_that_stand_elsewhere_in_keras_are_refused_by_compile(arguments, error):
    model = scratch_rnn.Sequential([scratch_rnn.Dense(1)])
    with pytest.raises(error):
        model.compile("sgd", "mse", *arguments)
    assert model.optimizer is None


@pytest.mark.parametrize("trainable", [True, False])
def test_a_sequential_takes_no_trainable_for_its_seed(trainable):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        scratch_rnn.Sequential([scratch_rnn.Dense(1)], trainable)


# Classes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CLASSES)
def test_every_public_class_is_named(path):
    module, named = in_keras(path), said(CLASSES[path])
    public = {name: each for name, each in vars(module).items() if inspect.isclass(each) and name[0] != "_"}
    missing = {each.__name__ for each in public.values()} - {public[n].__name__ for n in named & set(public)}
    if INSTALLED > NEWEST and missing:
        pytest.skip(f"the page knows Keras to 3.{NEWEST}, and {missing} is later")
    assert not missing
    for names, *_ in CLASSES[path]:
        for name, marked in names.items():
            assert name in public or marked, name


@pytest.mark.parametrize("path", CLASSES)
def test_a_class_is_here_where_the_page_says_so(path):
    for name in said(CLASSES[path]):
        assert (ours(f"{path}.{name}") is not None) == (name in said(CLASSES[path], "yes", "differs")), name


def test_every_class_that_is_here_has_its_options_told():
    here = {f"{path}.{name}" for path in CLASSES for name in said(CLASSES[path], "yes")}
    assert {path for path in here if options_of_keras(path)} <= set(OPTIONS)


# Names and methods -----------------------------------------------------------------------------------------


def test_every_activation_is_named_and_here_where_the_page_says_so():
    rows = next(rows_of(table) for title, table in TABLES if "`keras.activations`" in title)
    functions = {name for name, each in vars(keras.activations).items() if inspect.isfunction(each)}
    missing = functions - {"get", "serialize", "deserialize"} - said(rows)
    if INSTALLED > NEWEST and missing:
        pytest.skip(f"the page knows Keras to 3.{NEWEST}, and {missing} is later")
    assert not missing
    assert said(rows, "yes") == set(activations.NAMES)
    for names, *_ in rows:
        for name, marked in names.items():
            assert name in functions or marked, name


def test_a_method_is_here_where_the_page_says_so():
    rows = next(rows_of(table) for _, table in TABLES if table.startswith("| method"))
    for name in said(rows):
        assert hasattr(keras.Sequential, name), name
        assert hasattr(scratch_rnn.Sequential, name) == (name not in said(rows, "no")), name
    for name in said(rows, "yes"):
        theirs, own = (
            arguments(getattr(keras.Sequential, name))[0],
            arguments(getattr(scratch_rnn.Sequential, name))[0],
        )
        assert list(own)[: len(theirs)] == list(theirs), name


def test_every_hook_of_a_callback_is_here():
    hooks = {name for name in dir(keras.callbacks.Callback) if name.startswith(("on_", "set_"))}
    assert hooks <= set(dir(scratch_rnn.Callback))
