"""What a rank that has helped another with a `fit` must know to be as that one is after it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from scratch_rnn.arrays import Array
from scratch_rnn.training.callbacks import History


@dataclass(frozen=True)
class Outcome:
    """How a `fit` has ended.

    rate        the learning rate; None where it follows a schedule
    slots       the optimizer's moving averages
    generators  states of the random numbers: of the order of the rows, and of what layers draw
    history     what a History has, by name
    """

    input_shape: Any
    weights: list[Array]
    rate: float | None
    iterations: int
    slots: list[dict[str, Array]]
    generators: tuple[Any, int]
    history: dict[str, Any]
    stopped: bool


def outcome(model: Any) -> Outcome:
    """Return how the `fit` of a model has ended."""
    optimizer, history = model.optimizer, model.history
    return Outcome(
        model.input_shape,
        model.weights,
        optimizer.learning_rate if optimizer.schedule is None else None,
        optimizer.iterations,
        optimizer.slots,
        (model._shuffle_rng.bit_generator.state, model._draws_seed),
        {name: getattr(history, name) for name in history.state_names},
        model.stop_training,
    )


def catch_up(model: Any, end: Outcome) -> History:
    """Have a model be as one whose `fit` has ended so; return its History."""
    if not model.built:
        model.build(end.input_shape)
    model.set_weights(end.weights)
    if end.rate is not None:
        model.optimizer.learning_rate = end.rate
    if end.iterations:
        model.optimizer.restore(end.iterations, end.slots, model.weights)
    model._shuffle_rng.bit_generator.state, model._draws_seed = end.generators
    model.stop_training = end.stopped
    model.history = History()
    for name, value in end.history.items():
        setattr(model.history, name, value)
    model.history.set_model(model)
    return model.history


def bare(model: Any) -> Any:
    """Return a model that computes as this one does, without what callbacks know of it."""
    other = copy.copy(model)
    other.history = other.running = None
    return other
