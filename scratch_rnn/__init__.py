"""LSTM, GRU and SimpleRNN in NumPy, with backpropagation through time written by hand."""

from scratch_rnn.callbacks import Callback, History
from scratch_rnn.layers import GRU, LSTM, Dense, Gradients, Layer, SimpleRNN
from scratch_rnn.losses import CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy
from scratch_rnn.mnist import load_mnist
from scratch_rnn.model import Sequential
from scratch_rnn.optimizers import SGD, Adam, RMSprop

__all__ = [
    "GRU",
    "LSTM",
    "SGD",
    "Adam",
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
]
