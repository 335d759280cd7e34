"""The layers. Read recurrent.py first, then simple_rnn.py, lstm.py and gru.py."""

from scratch_rnn.layers.base import Gradients, Layer
from scratch_rnn.layers.bidirectional import Bidirectional
from scratch_rnn.layers.dense import Dense
from scratch_rnn.layers.dropout import Dropout
from scratch_rnn.layers.gru import GRU
from scratch_rnn.layers.layer_norm_lstm import LayerNormLSTM
from scratch_rnn.layers.lstm import LSTM
from scratch_rnn.layers.masking import Masking
from scratch_rnn.layers.random_affine import RandomAffine
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.simple_rnn import SimpleRNN
from scratch_rnn.layers.time_distributed import TimeDistributed

# The recurrent layers by the names that the command line and files have for them.
CELLS: dict[str, type[Recurrent]] = {"simple_rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Gradients",
    "Layer",
    "LayerNormLSTM",
    "Masking",
    "RandomAffine",
    "Recurrent",
    "SimpleRNN",
    "TimeDistributed",
]
