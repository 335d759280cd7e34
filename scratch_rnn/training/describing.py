"""Parts of a model as JSON holds them, and made of that again: layers, losses, optimizers, schedules."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_rnn.layers import (
    CELLS,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    LayerNormLSTM,
    Masking,
    RandomAffine,
    TimeDistributed,
    activations,
)
from scratch_rnn.layers.place import number_of
from scratch_rnn.training import losses, optimizers, schedules

DRAWING = ("rate", "dropout", "recurrent_dropout", "shift")  # options of layers that draw random numbers
# Options that the first files of format 1 do not have: of parts that have another option, or of a class.
LATER_OPTIONS: dict[str, dict[str, Any]] = {
    "return_sequences": {
        "zero_output_for_mask": False,
        "stateful": False,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "checkpoint_every": None,
    },
    "clipnorm": {"use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None},
    "CategoricalCrossentropy": {"label_smoothing": 0.0},
}
ADVICE = "save its weights with save_weights, and make the model anew by the code that made it"

CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        *CELLS.values(),
        Dense,
        Dropout,
        Masking,
        Bidirectional,
        TimeDistributed,
        LayerNormLSTM,
        RandomAffine,
        optimizers.SGD,
        optimizers.RMSprop,
        optimizers.Adam,
        optimizers.AdamW,
        optimizers.Nadam,
        optimizers.Adagrad,
        schedules.ExponentialDecay,
        schedules.InverseTimeDecay,
        schedules.PolynomialDecay,
        schedules.PiecewiseConstantDecay,
        schedules.CosineDecay,
        schedules.CosineDecayRestarts,
        losses.BinaryCrossentropy,
        losses.CategoricalCrossentropy,
        losses.SparseCategoricalCrossentropy,
        losses.MeanSquaredError,
        losses.MeanAbsoluteError,
    )
}


def described(part: Any) -> dict[str, Any]:
    """Return the class of a layer, loss, optimizer or schedule, and the options to make it with again."""
    name = type(part).__name__
    if CLASSES.get(name) is not type(part):
        raise ValueError(f"{name} is not scratch_rnn's own and cannot be saved: {ADVICE}")
    options = {option: _value(getattr(part, option)) for option in options_of(part)}
    if any(hasattr(part, option) for option in DRAWING) and part.seed is not None:
        options["seed"] = number_of(part.seed)  # what it draws goes on, too
    return {"class": name, "options": options}


def options_of(part: Any) -> list[str]:
    """Return what a class and its bases are made with; initializers have done their work."""
    names: list[str] = []
    for cls in type(part).__mro__:
        if "__init__" in vars(cls):
            *own, last = inspect.signature(vars(cls)["__init__"]).parameters.values()
            names += [parameter.name for parameter in own if parameter.kind is not parameter.VAR_POSITIONAL]
            if last.kind is not last.VAR_KEYWORD:  # else the options of its base belong to it
                names.append(last.name)
                break
    left_out = ("self", "args", "kwargs", "seed")
    return [name for name in names if name not in left_out and not name.endswith("_initializer")]


def _value(value: Any) -> Any:
    """Return an option as JSON can hold it."""
    if isinstance(value, activations.Activation):
        if type(activations.NAMES.get(value.name)) is not type(value):
            raise ValueError(f"{value!r} is not scratch_rnn's own and cannot be saved: {ADVICE}")
        return value.name
    if isinstance(value, Layer):
        return described(value)
    return value.name if isinstance(value, np.dtype) else value


def made(description: Mapping[str, Any]) -> Any:
    """Return the part that is described."""
    options = {name: _option(value) for name, value in description["options"].items()}
    return CLASSES[description["class"]](**options)


def _option(value: Any) -> Any:
    """Return an option from what JSON holds of it: a layer from its description."""
    if isinstance(value, dict) and "class" in value:
        return made(value)
    return tuple(value) if isinstance(value, list) else value


def completed(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with the options that an earlier version did not have."""
    options = description["options"]
    later = [LATER_OPTIONS[key] for key in LATER_OPTIONS if key in options or key == description["class"]]
    return {**description, "options": {name: v for each in later for name, v in each.items()} | options}
