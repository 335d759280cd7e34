"""The Keras model that corresponds to a scratch_rnn model: same layers, options, weights, optimizer and loss.

Random streams differ between the two libraries, so twins share weights, not seeds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from keras_reference.twin_layers import keras_layer
from scratch_rnn.layers import Dense, Layer, LayerNormLSTM, RandomAffine, Recurrent
from scratch_rnn.layers.activations import Sigmoid, Softmax
from scratch_rnn.layers.base import parts_of
from scratch_rnn.training import losses, metrics, optimizers, schedules
from scratch_rnn.training.model import Sequential

_FLOAT64_HINT = "for JAX set the environment variable JAX_ENABLE_X64=1 before Keras is imported"

# What has a counterpart of the same name, with options of the same names; of optimizers the options.
LOSSES = {
    losses.CategoricalCrossentropy,
    losses.SparseCategoricalCrossentropy,
    losses.BinaryCrossentropy,
    losses.MeanSquaredError,
    losses.MeanAbsoluteError,
}
SCHEDULES = {
    schedules.ExponentialDecay,
    schedules.InverseTimeDecay,
    schedules.PolynomialDecay,
    schedules.PiecewiseConstantDecay,
    schedules.CosineDecay,
    schedules.CosineDecayRestarts,
}
OPTIMIZERS: dict[type, tuple[str, ...]] = {
    optimizers.SGD: ("momentum", "nesterov"),
    optimizers.RMSprop: ("rho", "momentum", "epsilon", "centered"),
    optimizers.Adam: ("beta_1", "beta_2", "epsilon"),
    optimizers.AdamW: ("beta_1", "beta_2", "epsilon"),
    optimizers.Nadam: ("beta_1", "beta_2", "epsilon"),
    optimizers.Adagrad: ("initial_accumulator_value", "epsilon"),
}


class LatestValue(keras.metrics.Metric):
    """A metric that remembers the last value alone, where Keras's own keep a running mean."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")

    def update_state(self, value: Any) -> None:
        """Take this value in place of the last one."""
        self.value.assign(keras.ops.cast(value, self.value.dtype))

    def result(self) -> Any:
        """Return the last value."""
        return self.value.value


def build_twin(model: Sequential, input_shape: tuple[int | None, ...]) -> keras.Sequential:
    """Return the Keras twin of `model`, built for inputs of this shape (batch first), with the same weights.

    It is compiled like the model, if the model is; its logs also hold batch_loss, the loss of the last batch
    alone. Works with every backend of Keras 3. Give it floats: it does not scale uint8 to [0, 1], as the
    model does.
    Raises ValueError for a layer, activation, optimizer, schedule, loss or metric that Keras has no
    counterpart of, not even of a subclass; for a cross-entropy behind a sigmoid and a binary one behind a
    softmax, which Keras computes otherwise than its documentation says; and for a backend that does not
    compute in the model's dtype.
    """
    if not model.built:
        model.build(input_shape)
    with floatx_of(model):
        twin = keras.Sequential(_layers(model.layers, model, input_shape), name=f"{model.name}_twin")
        _remember_batch_loss(twin)
        if model.optimizer is not None:
            twin.compile(
                optimizer=_optimizer(model.optimizer, model.dtype),
                loss=_loss(model.loss, model.layers[-1]),
                metrics=[_metric(name, metric) for name, metric in model.metrics],
            )
    _check_dtype(twin, model)
    weights_to_keras(model, twin)
    return twin


def build_plain(model: Sequential, input_shape: tuple[int | None, ...]) -> keras.Sequential:
    """Return a keras.Sequential of the same layers and weights, for files that others read.

    It has no class of this project in it, and is not compiled. What acts in training alone and is not in
    Keras, RandomAffine and `bptt_steps`, is left out. The model has to be built. Raises ValueError as
    `build_twin` does for a layer, an activation and a backend, and for LayerNormLSTM, whose cell Keras does
    not have.
    """
    layers = [_predicting(layer) for layer in model.layers if type(layer) is not RandomAffine]
    with floatx_of(model):
        plain = keras.Sequential(_layers(layers, model, input_shape), name=model.name)
    _check_dtype(plain, model)
    weights_to_keras(model, plain)
    return plain


def _predicting(layer: Layer) -> Layer:
    """Return a copy of a layer that Keras predicts with by itself."""
    layer = copy.deepcopy(layer)
    for part in parts_of(layer):
        if isinstance(part, LayerNormLSTM):
            raise ValueError(f"Keras by itself has no LayerNormLSTM, which is in layer {layer.name!r}")
        if isinstance(part, Recurrent):
            part.bptt_steps = None
    return layer


def _seeded(layer: Layer, seed: int) -> Layer:
    """Return the layer with a seed for what Keras draws in it, its own if it has one: so that runs repeat."""
    other: Any = copy.copy(layer)
    if layer.seed is None:
        other.seed = seed
    if hasattr(other, "layers"):
        other.layers = [_seeded(inside, seed + number) for number, inside in enumerate(other.layers)]
    return other


def weights_to_keras(model: Sequential, twin: keras.Model) -> None:
    """Copy the weights of a scratch_rnn model to its twin. Raises ValueError where the shapes differ."""
    twin.set_weights(model.get_weights())


def weights_from_keras(twin: keras.Model, model: Sequential) -> None:
    """Copy the weights of the twin to its scratch_rnn model. Raises ValueError where the shapes differ."""
    model.set_weights([np.asarray(weight) for weight in twin.get_weights()])


@contextmanager
def floatx_of(model: Sequential) -> Iterator[None]:
    """Let Keras compute in the dtype of `model` meanwhile, in its metrics and optimizers too."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    _set_floatx(model.dtype.name, model.dtype.name)
    try:
        yield
    finally:
        _set_floatx(*before)


def _set_floatx(floatx: str, policy: str | keras.DTypePolicy) -> None:
    """Set what Keras computes in; its first layer makes the policy from floatx, once for all."""
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def _remember_batch_loss(twin: keras.Sequential) -> None:
    """Let a Keras model remember the loss of each batch as a metric.

    In place of a subclass, so that what Keras saves of the model needs no class of this project.
    """
    compute_loss, twin.batch_loss = twin.compute_loss, LatestValue("batch_loss")

    def compute_and_remember(*arguments: Any, **keywords: Any) -> Any:
        loss = compute_loss(*arguments, **keywords)
        twin.batch_loss.update_state(loss)
        return loss

    twin.compute_loss = compute_and_remember


def _layers(layers: list[Layer], model: Sequential, input_shape: tuple[int | None, ...]) -> list[Any]:
    """Return the input of a model's counterpart, and those of some of its layers."""
    model.compute_output_shape(input_shape)  # raises where the shape does not fit
    stateful = [layer.name for layer in layers if getattr(layer, "stateful", False)]
    if stateful and input_shape[0] is None:
        raise ValueError(
            f"layer {stateful[0]!r} is stateful: Keras needs the size of a batch first in the input's shape"
        )
    layers = [_seeded(layer, model._draws_seed + n) for n, layer in enumerate(layers)]
    return [keras.Input(batch_shape=input_shape), *map(keras_layer, layers)]


def _check_dtype(twin: keras.Model, model: Sequential) -> None:
    if any(keras.backend.standardize_dtype(weight.dtype) != model.dtype for weight in twin.weights):
        raise ValueError(
            f"Keras on {keras.config.backend()} does not compute in {model.dtype}: {_FLOAT64_HINT}"
        )


def _optimizer(optimizer: optimizers.Optimizer, dtype: np.dtype[Any]) -> keras.optimizers.Optimizer:
    if type(optimizer) not in OPTIMIZERS:
        raise ValueError(f"optimizer {type(optimizer).__name__} has no counterpart in Keras")
    averages = ("use_ema", "ema_momentum", "ema_overwrite_frequency")
    common = ("clipnorm", "global_clipnorm", "clipvalue", "weight_decay", *averages)
    options = {name: getattr(optimizer, name) for name in (*common, *OPTIMIZERS[type(optimizer)])}
    schedule = optimizer.schedule
    rate = optimizer.learning_rate if schedule is None else _schedule(schedule, dtype)
    return getattr(keras.optimizers, type(optimizer).__name__)(learning_rate=rate, **options)


def _schedule(schedule: Any, dtype: np.dtype[Any]) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the schedule that computes in this dtype: from Python's numbers Keras makes float32."""

    def number(value: Any) -> Any:
        if isinstance(value, tuple):
            return [number(each) for each in value]
        return dtype.type(value) if isinstance(value, float) else value

    if type(schedule) not in SCHEDULES:
        raise ValueError(f"schedule {type(schedule).__name__} has no counterpart in Keras")
    options = {name: number(value) for name, value in asdict(schedule).items()}
    return getattr(keras.optimizers.schedules, type(schedule).__name__)(**options)


def _loss(loss: Any, last: Layer) -> keras.losses.Loss:
    if type(loss) not in LOSSES:
        raise ValueError(f"loss {type(loss).__name__} has no counterpart in Keras")
    if isinstance(last, Dense) and isinstance(last.activation, (Sigmoid, Softmax)):
        _check_joined(loss, last)
    return getattr(keras.losses, type(loss).__name__)(**asdict(loss))


def _check_joined(loss: losses.Loss, last: Dense) -> None:
    """Raise ValueError where Keras takes the logits of one function for those of another."""
    if loss.joins is None or loss.joins is type(last.activation):
        return
    ends, fits = last.activation.name, loss.joins.name
    raise ValueError(
        f"layer {last.name!r} ends in a {ends}, and for {loss.name} Keras takes what enters it for the "
        f"logits of a {fits}, so its loss is another one: take {fits}, or mean_squared_error"
    )


def _metric(name: str, metric: metrics.Metric) -> str:
    if metrics.get(name)[1] is not metric:
        raise ValueError(f"metric {name!r} has no counterpart in Keras")
    return name
