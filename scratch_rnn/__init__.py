"""LSTM, GRU and SimpleRNN in NumPy, with backpropagation through time written by hand.

The names are those of api.py. They are imported when the first is asked for (PEP 562), and NumPy with them,
so that the command line, which Python looks for in here, has begun by then and answers Ctrl-C.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scratch_rnn.moved import install as install_old_names
from scratch_rnn.moved import old_module

if TYPE_CHECKING:
    from scratch_rnn.api import *  # noqa: F403

install_old_names()


def __getattr__(name: str) -> Any:
    """Return what api.py has of that name, or the module that had it in version 0.1: scratch_rnn.losses."""
    api = import_module("scratch_rnn.api")
    if name == "__all__" or name in api.__all__:
        return getattr(api, name)
    if name == "figures":  # it brings matplotlib, which few need
        return import_module("scratch_rnn.figures")
    return globals()[name] if name in globals() else old_module(name)  # scratch_rnn.layers came with api


def __dir__() -> list[str]:
    """Return the names of api.py, too."""
    return sorted({*import_module("scratch_rnn.api").__all__, *globals()})
