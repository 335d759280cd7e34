"""What stands in `scratch_rnn` itself, and that it is imported only when it is asked for."""

import pytest
from helpers import python

import scratch_rnn
from scratch_rnn import api


def loaded_by(code):
    """Return the names of the modules that a new Python has loaded after some code."""
    done = python("-c", f"{code}\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("name", api.__all__)
def test_a_name_is_that_of_the_library(name):
    assert getattr(scratch_rnn, name) is getattr(api, name)
    assert name in dir(scratch_rnn)


def test_each_form_of_import_gives_the_names():
    done = python("-c", "from scratch_rnn import *\nprint(*sorted(name for name in dir() if name[0] != '_'))")
    assert done.stdout.split() == sorted(api.__all__)
    done = python("-c", "import scratch_rnn\nprint(scratch_rnn.LSTM.__name__, scratch_rnn.__all__)")
    assert done.stdout == f"LSTM {api.__all__}\n"
    done = python("-c", "from scratch_rnn import load_model, GRU\nprint(GRU.__module__, load_model.__name__)")
    assert done.stdout == "scratch_rnn.layers.gru load\n"


def test_the_packages_that_the_names_come_from_are_there_as_well():
    code = "import scratch_rnn\nprint(scratch_rnn.layers.GRU is scratch_rnn.GRU, scratch_rnn.training.model)"
    done = python("-c", code)
    assert done.stdout.startswith("True <module 'scratch_rnn.training.model' from"), done.stderr


def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(AttributeError, match="module 'scratch_rnn' has no attribute 'LTSM'"):
        _ = scratch_rnn.LTSM
    with pytest.raises(ImportError, match="cannot import name 'LTSM' from 'scratch_rnn'"):
        from scratch_rnn import LTSM  # noqa: F401


def test_the_frame_of_the_command_line_is_there_before_numpy():
    loaded = loaded_by("import scratch_rnn.commands.main")
    assert "numpy" not in loaded
    frame = {"scratch_rnn", "scratch_rnn.moved", "scratch_rnn.commands", "scratch_rnn.commands.main"}
    assert {name for name in loaded if name.startswith("scratch_rnn")} == frame


def test_a_name_brings_numpy():
    assert "numpy" in loaded_by("import scratch_rnn\nscratch_rnn.LSTM")
