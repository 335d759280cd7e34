"""Batches in the form that the Keras twin of a scratch_rnn model takes."""

from __future__ import annotations

import math

import keras

from keras_reference.rows import labels_for, moved, scaled
from scratch_rnn.arrays import Array
from scratch_rnn.training.model import Sequential


class Batches(keras.utils.PyDataset):
    """Rows in their order, batch by batch, as the twin of a scratch_rnn model takes them.

    uint8 is scaled to [0, 1] as scratch_rnn does it, and labels become one-hot where the loss wants that.
    `first_step`, the number of batch 0 among the steps of training, has pictures moved as they are there.
    """

    def __init__(
        self, scratch: Sequential, x: Array, y: Array, batch_size: int, first_step: int | None = None
    ) -> None:
        super().__init__()
        self.first_step = first_step
        self.scratch, self.x, self.y, self.batch_size = scratch, x, labels_for(scratch, y), batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        if self.first_step is None:
            return scaled(self.scratch, self.x[rows]), self.y[rows]
        return moved(self.scratch, self.x[rows], self.first_step + index), self.y[rows]
