"""docs/reading.md: the functions that it names exist where it says, with arrays of those shapes."""

import ast
import re

import numpy as np
import pytest
from helpers import ROOT, printed_and_shown

from scratch_rnn import LSTM, Dense, RMSprop, Sequential, load_mnist
from scratch_rnn.training.threads import Threads, single_threaded_blas

PAGE = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")


def defined(file):
    """Return the names of the functions of a file, those of classes with and without their class."""
    names = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)]
            names |= {*methods, *(f"{node.name}.{method}" for method in methods)}
    return names


def test_what_the_page_shows_is_what_its_code_prints():
    ((printed, shown),) = printed_and_shown(PAGE)
    assert printed == shown
    assert printed.count("the same bits") == 5


def test_every_stop_is_in_the_file_that_is_linked():
    stops = re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)", PAGE)
    assert len(stops) > 16
    assert [(name, file) for name, file in stops if name not in defined(file)] == []


def test_every_function_of_the_diagram_is_in_the_file_beside_it():
    diagram = PAGE.split("```text\n")[1].split("```")[0]
    named = re.findall(r"[├└]─ (?:engine\.)?([\w.]+).* (\w+\.py)$", diagram, flags=re.MULTILINE)
    assert len(named) == 7
    for name, file in named:
        assert name in defined(f"scratch_rnn/training/{file}")


@pytest.fixture(scope="module")
def step():
    """The default network and its first batch, cut into shards."""
    (x, y), _ = load_mnist("sample")
    model = Sequential([LSTM(128), Dense(10, activation="softmax")], seed=0)
    model.compile(RMSprop(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model._batches(model._checked(x[:128], y[:128]), np.arange(128), 128)


def shapes_of(**arrays):
    return {(name, array.shape) for name, array in arrays.items()}


def shapes_there_and_back(model, shard):
    """Return the shapes that arrays have, by their names on the page, while a shard is computed."""
    lstm, _ = model.layers
    x, y = shard.gathered()
    outputs, (lstm_tape, dense_tape) = model.forward(x, training=True)
    loss, z, backward = model._objective(outputs, [lstm_tape, dense_tape])
    dz = loss.gradient(y, z)
    of_dense = backward(dz, dense_tape)
    of_lstm = lstm.backward(of_dense.inputs, lstm_tape)
    row = lstm_tape.steps[0]
    return (
        shapes_of(rows=shard.rows, x=x, y=y, h=dense_tape.x, z=z, losses=loss.values(y, z), dz=dz)
        | shapes_of(joined=row.joined, z=row.z, h=row.h, dz=row.dz, dmatrix=row.dmatrix)
        | shapes_of(dh=of_dense.inputs, **dict(zip(("dV", "db"), of_dense.weights, strict=True)))
        | shapes_of(**dict(zip(("dW", "dU", "db"), of_lstm.weights, strict=True)))
        | shapes_of(sums=model._shard_gradients(shard, {}).sums)
    )


def test_every_shape_of_the_table_is_that_of_a_step(step):
    model, batches = step
    table = PAGE.split("## The stops")[1].split("157 is")[0]
    named = {
        (name, tuple(map(int, re.findall(r"\d+", shape))))
        for name, shape in re.findall(r"`?(\w+)`? \((\d[\d, ]*)\)", table)
    }
    with single_threaded_blas():
        assert named == shapes_there_and_back(model, batches.shards(0)[0])


def test_an_engine_does_what_the_page_says(step):
    model, batches = step
    with Threads(2, model._shard_gradients, batches.shards) as engine:
        side_by_side = engine.map(0)
        one_by_one = [model._shard_gradients(shard, {}) for shard in batches.shards(0)]
    assert len(side_by_side) == 2
    for one, other in zip(side_by_side, one_by_one, strict=True):
        for a, b in zip(one.arrays, other.arrays, strict=True):
            np.testing.assert_array_equal(a, b)
