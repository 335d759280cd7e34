"""What all of MPI's ranks must have alike in a model that they train together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_rnn.layers import Layer
from scratch_rnn.layers.activations import Activation
from scratch_rnn.training.describing import options_of

PLAIN = (type(None), bool, int, float, str, tuple)

Traits = dict[str, Any]


def traits(model: Any) -> Traits:
    """Return by name what a compiled model computes with: classes and options, no weights, rates or seeds."""
    optimizer = model.optimizer
    found: Traits = {
        "the optimizer": type(optimizer).__name__,
        "what the optimizer keeps": [*optimizer.slots_of(np.zeros((1, 1)))],
        "the metrics": [name for name, _ in model.metrics],
        "the number of layers": len(model.layers),
    }
    for number, layer in enumerate(model.layers, start=1):
        found |= _of(layer, f"layer {number}")
    return found | _of(model.loss, "the loss")


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
        elif option != "name":
            found[f"{option} of {name}"] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """Return an option as it can be compared after a journey."""
    if isinstance(value, (Activation, np.dtype)):
        return value.name
    return value if isinstance(value, PLAIN) else getattr(value, "__qualname__", type(value).__qualname__)
