"""Every layer with every option, and a check of one with random weights and inputs."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from scratch_rnn.checks.gradient_check import Report, check_layer
from scratch_rnn.checks.known_bugs import inject
from scratch_rnn.layers import CELLS, GRU, LSTM, Dense, Layer, Recurrent, SimpleRNN

BATCH, TIME, FEATURES = 3, 5, 3
BPTT_STEPS = 2

LAYERS: dict[str, type[Layer]] = {**CELLS, "dense": Dense}
# The options of its own with which a layer is tried.
OWN_OPTIONS: dict[type[Layer], list[dict[str, Any]]] = {
    SimpleRNN: [{"activation": name} for name in ("tanh", "relu", "linear")],
    GRU: [{}, {"reset_after": False}],
    LSTM: [{}],
    Dense: [{"activation": name} for name in ("linear", "relu", "sigmoid", "softmax")],
}
# Switches that are tried both on and off, and what a title says of the value that is not the default.
SWITCHES = {
    "return_sequences": (True, "+seq"),
    "go_backwards": (True, "+back"),
    "use_bias": (False, "-bias"),
}


def variants(name: str, units: int, dtype: str, method: str) -> list[tuple[Layer, str]]:
    """Return the layers of that name in LAYERS with all combinations of their options, each with a title.

    None truncates where the method is central: such differences see beyond where a truncated gradient ends.
    """
    cls: Any = LAYERS[name]
    recurrent = issubclass(cls, Recurrent)
    layers: list[tuple[Layer, str]] = []
    for own in OWN_OPTIONS[cls]:
        title = _title(cls, own)
        switches = list(SWITCHES) if recurrent else ["use_bias"]
        for turned in product((False, True), repeat=len(switches)):
            chosen = {key: SWITCHES[key][0] == on for key, on in zip(switches, turned, strict=True)}
            words = [SWITCHES[key][1] for key, on in zip(switches, turned, strict=True) if on]
            layers.append((cls(units, dtype=dtype, **own, **chosen), " ".join([title, *words])))
        if recurrent and method != "central":
            cut = cls(units, dtype=dtype, **own, return_sequences=True, bptt_steps=BPTT_STEPS)
            layers.append((cut, f"{title} +seq +bptt_steps={BPTT_STEPS}"))
    return layers


def _title(cls: type[Layer], own: dict[str, Any]) -> str:
    """Return SimpleRNN tanh, GRU reset before and the like."""
    words = {"reset_after": "reset before"}
    return " ".join([cls.__name__, *(words.get(option, value) for option, value in own.items())])


def random_check(
    layer: Layer, *, method: str = "complex", scale: float = 0.5, bug: str | None = None, title: str = ""
) -> Report:
    """Give the layer random weights, biases too, and perhaps a bug; check it on random inputs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, TIME, FEATURES)).astype(layer.dtype)
    layer.build(x.shape)
    layer.set_weights([scale * rng.normal(size=weight.shape) for weight in layer.weights])
    if bug:
        layer = inject(layer, bug)  # type: ignore[arg-type]
    return check_layer(layer, x, method=method, title=title)
