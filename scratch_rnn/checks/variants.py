"""Every layer with every option, and a check of one with random weights and inputs."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from scratch_rnn.checks.gradient_check import TOLERANCES, Report, check_layer
from scratch_rnn.checks.known_bugs import inject
from scratch_rnn.layers import (
    CELLS,
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Layer,
    LayerNormLSTM,
    Recurrent,
    SimpleRNN,
)

BATCH, TIME, FEATURES = 3, 5, 3
BPTT_STEPS = 2
CHECKPOINT_EVERY = 2
DROPOUT = 0.25  # of inputs and of states

# The size of weights that proves something. With smaller ones too little comes from other timesteps to be
# seen above the floor. With larger ones units saturate: 1 - y² keeps few digits of a derivative, and each
# step back multiplies what is lost by the weights. The largest error of right gradients, in roundings of the
# largest gradient, was 5 at a scale of 0.5, 10 at 1, 60 at 2, 300 at 5 and 4,500 at 10.
LEAST_SCALE, MOST_SCALE = 0.1, 1.0
# TOLERANCES hold for weights of 0.5 and four units, or less of either. With more, up to 1 and 128, the worst
# of some 10,000 right layers was at ten of them.
USUAL_SCALE, USUAL_UNITS = 0.5, 4
BEYOND_USUAL = 100

LAYERS: dict[str, type[Layer]] = {
    **CELLS,
    "layer_norm_lstm": LayerNormLSTM,
    "bidirectional": Bidirectional,
    "dense": Dense,
}
# The options of its own with which a layer is tried.
OWN_OPTIONS: dict[type[Layer], list[dict[str, Any]]] = {
    SimpleRNN: [{"activation": name} for name in ("tanh", "relu", "linear")],
    GRU: [{}, {"reset_after": False}],
    LSTM: [{}],
    LayerNormLSTM: [{}],
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

    Where the method is central, none truncates or has a relu: such differences see beyond where a truncated
    gradient ends, and step over the kink of relu.
    """
    cls: Any = LAYERS[name]
    if cls is Bidirectional:
        return _both_ways(units, dtype)
    recurrent = issubclass(cls, Recurrent)
    layers: list[tuple[Layer, str]] = []
    for own in OWN_OPTIONS[cls]:
        if method == "central" and own.get("activation") == "relu":
            continue
        title = _title(cls, own)
        switches = list(SWITCHES) if recurrent else ["use_bias"]
        if cls is LayerNormLSTM:  # which has a bias of its own
            switches.remove("use_bias")
        for turned in product((False, True), repeat=len(switches)):
            chosen = {key: SWITCHES[key][0] == on for key, on in zip(switches, turned, strict=True)}
            words = [SWITCHES[key][1] for key, on in zip(switches, turned, strict=True) if on]
            layers.append((cls(units, dtype=dtype, **own, **chosen), " ".join([title, *words])))
        if recurrent:
            rates = {"dropout": DROPOUT, "recurrent_dropout": DROPOUT}
            thinned = cls(units, dtype=dtype, **own, return_sequences=True, **rates)
            layers.append((thinned, f"{title} +seq +dropout"))
            short = cls(units, dtype=dtype, **own, return_sequences=True, checkpoint_every=CHECKPOINT_EVERY)
            layers.append((short, f"{title} +seq +checkpoint_every={CHECKPOINT_EVERY}"))
        if recurrent and method != "central":
            cut = cls(units, dtype=dtype, **own, return_sequences=True, bptt_steps=BPTT_STEPS)
            layers.append((cut, f"{title} +seq +bptt_steps={BPTT_STEPS}"))
    return layers


def _both_ways(units: int, dtype: str) -> list[tuple[Layer, str]]:
    """Return an LSTM in both directions with each way to make one output of two."""
    layers: list[tuple[Layer, str]] = []
    for mode, sequences in product(("concat", "sum", "mul", "ave"), (False, True)):
        layer = Bidirectional(LSTM(units, return_sequences=sequences, dtype=dtype), mode)
        layers.append((layer, f"Bidirectional LSTM {mode}{' +seq' * sequences}"))
    return layers


def _title(cls: type[Layer], own: dict[str, Any]) -> str:
    """Return SimpleRNN tanh, GRU reset before and the like."""
    words = {"reset_after": "reset before"}
    return " ".join([cls.__name__, *(words.get(option, value) for option, value in own.items())])


def random_check(
    layer: Layer,
    *,
    method: str = "complex",
    scale: float = USUAL_SCALE,
    bug: str | None = None,
    title: str = "",
) -> Report:
    """Give the layer random weights, biases too, and perhaps a bug; check it on random inputs.

    The weights are of size `scale`; those of more than four units are smaller, so that pre-activations are
    not larger. Raises ValueError for a scale at which nothing would be proven.
    """
    if not LEAST_SCALE <= scale <= MOST_SCALE:
        reason = (
            "larger weights saturate the units, and rounding drowns their gradients; "
            "smaller ones pass too little on through time"
        )
        raise ValueError(f"the scale must be from {LEAST_SCALE:g} to {MOST_SCALE:g}, not {scale:g}: {reason}")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, TIME, FEATURES)).astype(layer.dtype)
    layer.build(x.shape)
    units: int = layer.units  # type: ignore[attr-defined]
    size = scale * min(1, (USUAL_UNITS / units) ** 0.5)
    layer.set_weights([size * rng.normal(size=weight.shape) for weight in layer.weights])
    if bug:
        layer = inject(layer, bug)  # type: ignore[arg-type]
    usual = scale <= USUAL_SCALE and units <= USUAL_UNITS
    tolerance = TOLERANCES[layer.dtype.name][method] * (1 if usual else BEYOND_USUAL)
    return check_layer(layer, x, method=method, tolerance=tolerance, training=True, title=title)
