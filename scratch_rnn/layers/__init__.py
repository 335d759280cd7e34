"""The layers. Read recurrent.py first, then simple_rnn.py, lstm.py and gru.py."""

from scratch_rnn.layers.base import Gradients, Layer
from scratch_rnn.layers.dense import Dense
from scratch_rnn.layers.gru import GRU
from scratch_rnn.layers.lstm import LSTM
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.simple_rnn import SimpleRNN

__all__ = ["GRU", "LSTM", "Dense", "Gradients", "Layer", "Recurrent", "SimpleRNN"]
