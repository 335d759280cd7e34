"""What all of MPI's ranks must have alike in a model that they train together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_rnn.layers import Layer
from scratch_rnn.layers.activations import Activation
from scratch_rnn.training.describing import options_of

PLAIN = (type(None), bool, int, float, str, tuple)
LEFT_OUT = ("name", "learning_rate")

Traits = dict[str, Any]


def traits(model: Any) -> Traits:
    """Return by name the classes and options of a compiled model's layers, loss, metrics and optimizer.

    Left out are names, seeds and the learning rate, which changes while a model is trained.
    """
    found: Traits = {"the metrics": [name for name, _ in model.metrics]}
    found["the number of layers"] = len(model.layers)
    for number, layer in enumerate(model.layers, start=1):
        found |= _of(layer, f"layer {number}")
    return found | _of(model.loss, "the loss") | _of(model.optimizer, "the optimizer")


def check_alike(model: Any, of_rank_0: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the first difference, where a model is another one than that of rank 0."""
    for name, value in traits(model).items():
        if value != (other := of_rank_0.get(name)):
            raise ValueError(
                f"{name} is {value!r} here, but {other!r} on rank 0: all ranks have to make the same model"
            )


def _of(part: Any, name: str) -> Traits:
    found: Traits = {name: type(part).__name__}
    for option in options_of(part):
        value = getattr(part, option, None)
        if isinstance(value, Layer):
            found |= _of(value, f"{option} of {name}")
        elif option not in LEFT_OUT:
            found[f"{option} of {name}"] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """Return an option as it can be compared after a journey."""
    if isinstance(value, (Activation, np.dtype)):
        return value.name
    return value if isinstance(value, PLAIN) else getattr(value, "__qualname__", type(value).__qualname__)
