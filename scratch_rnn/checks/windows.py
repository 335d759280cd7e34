"""Truncated backpropagation through time as (K1) means it, for the complex step to check it.

The gradient of a layer with `bptt_steps` ends at the beginning of each window. The complex step's ends there
too, if each window is a sequence of its own and begins from the real part of the state that the one before
has left: the derivative travels in the imaginary part.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import place
from scratch_rnn.layers.base import Layer, parts_of
from scratch_rnn.layers.carry import cuts
from scratch_rnn.layers.recurrent import Recurrent


def truncated(layer: Layer) -> bool:
    """Return whether the layer, or one of a model's, truncates its gradient."""
    return any(getattr(part, "bptt_steps", None) for part in parts_of(layer))


def in_windows(layer: Layer) -> Layer:
    """Return the layer with what truncates, itself or some of a model's layers, run in windows."""
    if isinstance(layer, Recurrent) and layer.bptt_steps:
        return Windows(layer)
    if not truncated(layer):
        return layer
    model: Any = copy.copy(layer)
    model.layers = [in_windows(part) for part in model.layers]
    return model


class Windows(Layer):
    """A truncated layer, of which each window is a sequence of its own. Forward only."""

    takes_mask = True

    def __init__(self, layer: Recurrent) -> None:
        super().__init__(dtype=layer.dtype, name=layer.name)
        self.layer, self.built = layer, layer.built

    @property
    def weight_names(self) -> list[str]:
        return self.layer.weight_names

    def _weights(self) -> list[Array]:
        return self.layer.weights

    def __getattr__(self, name: str) -> Any:
        """Return what the layer has of that name, for a model or a layer that this is part of."""
        if name in ("layer", "__deepcopy__", "__setstate__"):  # a copy under way has no layer yet
            raise AttributeError(name)
        return getattr(self.layer, name)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        return self.layer.compute_mask(x, mask)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(input_shape)

    def forward(
        self,
        x: Array,
        initial_state: Sequence[Array] | None = None,
        mask: Array | None = None,
        training: bool = False,
        tape: Any = None,
    ) -> tuple[Any, Any]:
        """Run window after window, each from the real part of the state that the one before has left."""
        layer = self.layer
        window = copy.copy(layer)
        window.bptt_steps, window.go_backwards, window.return_state = None, False, True
        if layer.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        starts = [0, *reversed(cuts(x.shape[1], layer.bptt_steps))]
        outputs: list[Array] = []
        states: Sequence[Array] | None = initial_state
        replay = place.replay()
        for start, end in zip(starts, [*starts[1:], x.shape[1]], strict=True):
            if start:
                states = [state.real for state in states or ()]
            part = None if mask is None else mask[:, start:end]
            replay()  # dropout's masks are those of the whole sequence
            (y, *states), tape = window.forward(x[:, start:end], states, part, training)
            outputs.append(y)
        y = np.concatenate(outputs, axis=1) if layer.return_sequences else outputs[-1]
        return ((y, *(states or ())) if layer.return_state else y), tape
