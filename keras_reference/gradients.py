"""The loss and gradients of a twin as TensorFlow differentiates them: what hand-written ones must equal."""

from __future__ import annotations

import keras
import numpy as np

from keras_reference.batches import Batches
from keras_reference.twin import floatx_of
from scratch_rnn.arrays import Array
from scratch_rnn.training.model import Sequential


def twin_loss_and_gradients(
    scratch: Sequential, twin: keras.Sequential, x: Array, y: Array
) -> tuple[float, list[Array]]:
    """Return the mean loss of a batch and its gradient for each weight, in the order of `twin.weights`.

    The counterpart of `Sequential.loss_and_gradients` of the scratch_rnn model, for the same x (B, ...) and
    integer labels y (B,). Raises ValueError where Keras does not run on TensorFlow, whose tape this takes.
    """
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            f"gradients are taken with TensorFlow, but Keras runs on {keras.config.backend()}: "
            "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported"
        )
    import tensorflow as tf

    rows, labels = Batches(scratch, x, y, len(x))[0]
    with floatx_of(scratch), tf.GradientTape() as tape:
        loss = twin.compute_loss(y=labels, y_pred=twin(rows, training=True))
    gradients = tape.gradient(loss, [weight.value for weight in twin.trainable_weights])
    return float(loss), [np.asarray(gradient) for gradient in gradients]
