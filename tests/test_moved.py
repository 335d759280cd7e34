"""What users imported from version 0.1 goes on working, and says where it is now."""

import importlib
import sys

import pytest
from helpers import python

from scratch_rnn.moved import NEW_NAMES


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


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"scratch_rnn\.gradients"):
        importlib.import_module("scratch_rnn.gradients")
