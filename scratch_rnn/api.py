"""What stands in `scratch_rnn` itself. It is imported when the first of these names is asked for."""

from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Gradients,
    Layer,
    LayerNormLSTM,
    Masking,
    RandomAffine,
    SimpleRNN,
    TimeDistributed,
)
from scratch_rnn.training.backup import BackupAndRestore
from scratch_rnn.training.callbacks import Callback, History
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.optimizers import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop
from scratch_rnn.training.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

load_model = Sequential.load

__all__ = [
    "GRU",
    "LSTM",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BackupAndRestore",
    "Bidirectional",
    "BinaryCrossentropy",
    "Callback",
    "CategoricalCrossentropy",
    "CosineDecay",
    "CosineDecayRestarts",
    "Dense",
    "Dropout",
    "ExponentialDecay",
    "Gradients",
    "History",
    "InverseTimeDecay",
    "Layer",
    "LayerNormLSTM",
    "LearningRateSchedule",
    "Masking",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Nadam",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "RandomAffine",
    "Sequential",
    "SimpleRNN",
    "SparseCategoricalCrossentropy",
    "TimeDistributed",
    "load_mnist",
    "load_model",
]
