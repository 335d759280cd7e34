"""What users imported from version 0.1 goes on working, and says where it is now."""

import importlib
import sys
from importlib.machinery import PathFinder

import pytest
from helpers import python

from scratch_rnn.moved import NEW_NAMES, MovedModules, install, old_module


@pytest.mark.parametrize("old", NEW_NAMES)
def test_an_old_name_gives_the_module_under_its_new_name(old, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    new = NEW_NAMES[old]
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        module = importlib.import_module(old)
    assert module is importlib.import_module(new)
    assert module.__name__ == module.__spec__.name == new


def test_each_form_of_import_works_in_a_new_python():
    code = """
import scratch_rnn.gradient_check
from scratch_rnn.model import Sequential
from scratch_rnn.losses import CategoricalCrossentropy
from scratch_rnn.inside import belief
from scratch_rnn.runs import load_run
import scratch_rnn
assert scratch_rnn.gradient_check.check_layer is scratch_rnn.checks.check_layer
assert scratch_rnn.Sequential is Sequential
assert scratch_rnn.optimizers.Adam is scratch_rnn.Adam  # not imported under that name before
assert not hasattr(scratch_rnn, "gradients")
"""
    done = python("-W", "ignore", "-c", code)
    assert done.returncode == 0, done.stderr


# Something that each module alone defines: a table with two lines exchanged would hand out another.
KNOWN_BY = {
    "scratch_rnn.activations": "Sigmoid",
    "scratch_rnn.callbacks": "History",
    "scratch_rnn.cli": "build_parser",
    "scratch_rnn.figures_inside": "saliency",
    "scratch_rnn.gradient_check": "check_layer",
    "scratch_rnn.images": "load_digit",
    "scratch_rnn.initializers": "GlorotUniform",
    "scratch_rnn.known_bugs": "inject",
    "scratch_rnn.losses": "CategoricalCrossentropy",
    "scratch_rnn.metrics": "accuracy",
    "scratch_rnn.mnist": "load_mnist",
    "scratch_rnn.model": "Sequential",
    "scratch_rnn.optimizers": "RMSprop",
    "scratch_rnn.player": "save_player",
    "scratch_rnn.processes": "check_available",
    "scratch_rnn.recipe": "Recipe",
    "scratch_rnn.terminal": "draw_prediction",
}
# What these define is the library's own, so that it may change its names.
OTHERS = {
    "scratch_rnn.conditions": "keras_reference.conditions",
    "scratch_rnn.labels": "scratch_rnn.training.labels",
    "scratch_rnn.parallel": "scratch_rnn.training.threads",
    "scratch_rnn.progress": "scratch_rnn.training.progress",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("old", KNOWN_BY)
def test_an_old_name_gives_what_it_gave(old, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    module = importlib.import_module(old)
    thing = getattr(module, KNOWN_BY[old])
    assert thing.__module__ == module.__name__  # defined there, not imported there by chance


def test_every_old_name_is_one_of_those():
    assert {*KNOWN_BY, *OTHERS} == set(NEW_NAMES)
    assert {old: NEW_NAMES[old] for old in OTHERS} == OTHERS


@pytest.mark.parametrize("old", ["cli", "gradient_check"])
def test_an_old_name_that_is_run_as_a_program_gets_one_line(old):
    done = python("-m", f"scratch_rnn.{old}", "--version")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"scratch_rnn.{old} is now {NEW_NAMES[f'scratch_rnn.{old}']}" in line
    assert line.endswith("python -m scratch_rnn")


def test_the_old_names_are_asked_last_and_once():
    before = list(sys.meta_path)
    install()
    assert sys.meta_path == before
    assert [type(finder) for finder in before].count(MovedModules) == 1
    (own,) = (place for place, finder in enumerate(before) if isinstance(finder, MovedModules))
    assert own > before.index(PathFinder)


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"scratch_rnn\.gradients"):
        importlib.import_module("scratch_rnn.gradients")
    with pytest.raises(AttributeError, match="module 'scratch_rnn' has no attribute 'gradients'"):
        old_module("gradients")
