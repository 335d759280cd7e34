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
from scratch_rnn.training.checkpoint import ModelCheckpoint
from scratch_rnn.training.logs import CSVLogger, LambdaCallback
from scratch_rnn.training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.optimizers import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop
from scratch_rnn.training.rates import LearningRateScheduler, ReduceLROnPlateau
from scratch_rnn.training.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from scratch_rnn.training.stopping import EarlyStopping, TerminateOnNaN

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
    "CSVLogger",
    "Callback",
    "CategoricalCrossentropy",
    "CosineDecay",
    "CosineDecayRestarts",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "ExponentialDecay",
    "Gradients",
    "History",
    "InverseTimeDecay",
    "LambdaCallback",
    "Layer",
    "LayerNormLSTM",
    "LearningRateSchedule",
    "LearningRateScheduler",
    "Masking",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "ModelCheckpoint",
    "Nadam",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "RandomAffine",
    "ReduceLROnPlateau",
    "Sequential",
    "SimpleRNN",
    "SparseCategoricalCrossentropy",
    "TerminateOnNaN",
    "TimeDistributed",
    "load_mnist",
    "load_model",
]
