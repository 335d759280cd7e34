"""LSTM, GRU and SimpleRNN in NumPy, with backpropagation through time written by hand."""

from typing import Any

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.layers import GRU, LSTM, Dense, Gradients, Layer, SimpleRNN
from scratch_rnn.moved import install as install_old_names
from scratch_rnn.moved import old_module
from scratch_rnn.training.backup import BackupAndRestore
from scratch_rnn.training.callbacks import Callback, History
from scratch_rnn.training.losses import (
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.optimizers import SGD, Adam, RMSprop

load_model = Sequential.load

install_old_names()


def __getattr__(name: str) -> Any:
    """Import a module under the name that it had in version 0.1: scratch_rnn.losses."""
    return old_module(name)


__all__ = [
    "GRU",
    "LSTM",
    "SGD",
    "Adam",
    "BackupAndRestore",
    "Callback",
    "CategoricalCrossentropy",
    "Dense",
    "Gradients",
    "History",
    "Layer",
    "MeanSquaredError",
    "RMSprop",
    "Sequential",
    "SimpleRNN",
    "SparseCategoricalCrossentropy",
    "load_mnist",
    "load_model",
]
