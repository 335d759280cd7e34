"""Two recurrent layers on one sequence, one from each end (Schuster and Paliwal 1997).

    (B1)  y_t = merge(y→_t, y←_t)

At each timestep the forward layer has seen all that came before, and the backward layer all that comes after.
The backward layer's outputs are turned round, so that those of one timestep of x stand together.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Gradients, Shape
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.recurrent_base import count_states
from scratch_rnn.layers.tape import Tape
from scratch_rnn.layers.wrapper import Wrapper

MERGE_MODES = ("concat", "sum", "mul", "ave", None)
States = Sequence[Array | None]


@dataclass(frozen=True)
class BidirectionalTape:
    """The tapes of both layers, and their outputs (B, H) or (B, T, H), in the order of time."""

    layer: Bidirectional = field(repr=False)
    tapes: tuple[Tape, Tape]
    outputs: tuple[Array, Array]


class Bidirectional(Wrapper):
    """A recurrent layer in both directions; arguments, weights and meaning are Keras's.

    layer           a recurrent layer, of which the forward layer is a copy without weights
    merge_mode      how both outputs become one: concat (side by side), sum, mul, ave, or None for a pair
    backward_layer  the other one; without it, a copy of `layer` with the other `go_backwards`

    The weights are those of the forward layer, then those of the backward layer. With `return_state` the
    states follow the output in the same order. At masked timesteps the outputs of a sequence are zero.
    Raises TypeError for what is no recurrent layer, ValueError for layers that do not fit each other.
    """

    takes_mask = True

    def __init__(
        self,
        layer: Recurrent,
        merge_mode: str | None = "concat",
        *,
        backward_layer: Recurrent | None = None,
        name: str | None = None,
    ) -> None:
        for given in (layer, backward_layer):
            if not (isinstance(given, Recurrent) or (given is None and given is not layer)):
                raise TypeError(f"Bidirectional takes a recurrent layer, such as LSTM(64), not {given!r}")
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"unknown merge_mode {merge_mode!r}: use concat, sum, mul, ave or None")
        if backward_layer is None:
            backward_layer = _anew(layer, "backward")
            backward_layer.go_backwards = not layer.go_backwards
        super().__init__(_anew(layer, "forward"), backward_layer, name=name)
        self.merge_mode = merge_mode
        self._check_pair()
        for each in self.layers:
            each.zero_output_for_mask = each.return_sequences

    @property
    def forward_layer(self) -> Recurrent:
        """The layer that begins where the sequence does."""
        return self.layers[0]

    @property
    def backward_layer(self) -> Recurrent:
        """The layer that begins at its end."""
        return self.layers[1]

    layer = forward_layer  # as the argument is called

    @property
    def units(self) -> int:
        """How many numbers the output has for a timestep."""
        forward, backward = self.forward_layer.units, self.backward_layer.units
        return forward + backward if self.merge_mode == "concat" else forward

    @property
    def features(self) -> int | None:
        """D, once the layer is built."""
        return self.forward_layer.features

    @property
    def return_sequences(self) -> bool:
        """Whether y has every timestep."""
        return self.forward_layer.return_sequences

    @property
    def stateful(self) -> bool:
        """Whether both layers begin with the states that the batch before has left."""
        return self.forward_layer.stateful

    @property
    def return_state(self) -> bool:
        """Whether the final states of both layers follow the output."""
        return self.forward_layer.return_state

    @return_state.setter
    def return_state(self, value: bool) -> None:
        self.forward_layer.return_state = self.backward_layer.return_state = value

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the states of both layers, in their order."""
        return tuple(
            f"{direction} {name}"
            for direction, layer in zip(("forward", "backward"), self.layers, strict=True)
            for name in layer.state_names
        )

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The number of units of each state."""
        return self.forward_layer.state_sizes + self.backward_layer.state_sizes

    def reset_states(self) -> None:
        """Forget what earlier batches have left, where the layers are stateful."""
        for layer in self.layers:
            layer.reset_states()

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        self._build_layers(input_shape, rng)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape, _ = (layer.compute_output_shape(input_shape) for layer in self.layers)
        return (*shape[:-1], self.units)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """Return the mask of the outputs; the last alone has none."""
        return self.forward_layer.compute_mask(x, mask)

    def forward(
        self,
        x: Array,
        initial_state: States | None = None,
        mask: Array | None = None,
        training: bool = False,
        tape: BidirectionalTape | None = None,
    ) -> tuple[Any, BidirectionalTape]:
        """Run the sequence x (B, T, D) both ways and return (y, tape); arguments as for a recurrent layer.

        y is (B, 2 H), or (B, T, 2 H) with return_sequences, where the outputs are put side by side, else like
        that of one layer; a pair with merge_mode None. With return_state it is (y, states of both).
        """
        if not self.built:
            self.build(np.shape(x))
        own_states = self._divided(initial_state)
        earlier = (None, None) if tape is None else tape.tapes
        results = [
            layer.forward(x, states, mask, training, own)
            for layer, states, own in zip(self.layers, own_states, earlier, strict=True)
        ]
        (y_forward, states), (y_backward, more) = (
            (y[0], y[1:]) if self.return_state else (y, ()) for y, _ in results
        )
        outputs = (y_forward, self._turned(y_backward))
        tapes = (results[0][1], results[1][1])
        return self._together(outputs, (*states, *more)), BidirectionalTape(self, tapes, outputs)

    def outputs(self, x: Array, **options: Any) -> Any:
        """Return the y of `forward` alone, where no backward pass will follow."""
        if self.return_state or not self.built:
            return super().outputs(x, **options)
        y_forward, y_backward = (layer.outputs(x, **options) for layer in self.layers)
        return self._together((y_forward, self._turned(y_backward)), ())

    def backward(
        self,
        dy: Any,
        tape: BidirectionalTape,
        state_gradient: States | None = None,
        input_gradient: bool = True,
    ) -> Gradients:
        """Return the gradients from dy, like y without the states: a pair with merge_mode None."""
        if not isinstance(tape, BidirectionalTape) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        dy_forward, dy_backward = (None, None) if dy is None else self._apart(dy, *tape.outputs)
        dys = (dy_forward, None if dy_backward is None else self._turned(dy_backward))
        forward, backward = (
            layer.backward(own, own_tape, dstate, input_gradient)
            for layer, own, own_tape, dstate in zip(
                self.layers, dys, tape.tapes, self._divided(state_gradient), strict=True
            )
        )
        dx = None
        if forward.inputs is not None and backward.inputs is not None:
            dx = forward.inputs + backward.inputs  # (R4): both read x
        return Gradients(
            dx, forward.initial_state + backward.initial_state, forward.weights + backward.weights
        )

    # The two, and the one ------------------------------------------------------------------------------

    def _turned(self, y: Array) -> Array:
        """Return outputs of the backward layer in the order of time, or their gradient in its own."""
        return y[:, ::-1] if self.return_sequences else y

    def _together(self, outputs: tuple[Array, Array], states: tuple[Array, ...]) -> Any:
        """Return what `forward` does of the outputs of both and all states."""
        if self.merge_mode is None:
            return (*outputs, *states)
        y = self._merged(*outputs)
        return (y, *states) if self.return_state else y

    def _merged(self, forward: Array, backward: Array) -> Array:
        """Return y, (B1)."""
        if self.merge_mode == "concat":
            return np.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return forward * backward
        both = forward + backward
        return both / 2 if self.merge_mode == "ave" else both

    def _apart(self, dy: Any, forward: Array, backward: Array) -> tuple[Array | None, Array | None]:
        """Return the gradients of the outputs of both, from that of y."""
        if self.merge_mode is None:
            if not isinstance(dy, (tuple, list)) or len(dy) != 2:
                raise ValueError(f"layer {self.name!r} has two outputs: dy must be a pair of gradients")
            return dy[0], dy[1]
        dy = self._cast(dy, "the gradient of the output", (*forward.shape[:-1], self.units))
        if self.merge_mode == "concat":
            units = forward.shape[-1]
            return dy[..., :units], dy[..., units:]
        if self.merge_mode == "mul":
            return dy * backward, dy * forward  # (R1)
        return (dy / 2, dy / 2) if self.merge_mode == "ave" else (dy, dy)

    def _divided(self, states: States | None) -> tuple[States | None, States | None]:
        """Return the states, or their gradients, of each layer."""
        if states is None:
            return None, None
        count_states(states, self.state_names, f"the states of layer {self.name!r}")
        first = len(self.forward_layer.state_names)
        return states[:first], states[first:]

    def _check_pair(self) -> None:
        """Raise ValueError where the layers do not fit each other."""
        forward, backward = self.layers
        if forward.go_backwards == backward.go_backwards:
            raise ValueError("one of both layers must have go_backwards=True, and the other False")
        if forward.name == backward.name:
            raise ValueError(f"both layers have the name {forward.name!r}: give one of them another")
        same = ["return_sequences", "return_state", "stateful", "dtype"]
        if self.merge_mode not in ("concat", None):
            same.append("units")
        for option in same:
            one, other = getattr(forward, option), getattr(backward, option)
            if one != other:
                raise ValueError(f"both layers must have the same {option}, not {one} and {other}")


def _anew(layer: Recurrent, direction: str) -> Recurrent:
    """Return a copy of a layer without weights, named for its direction."""
    other = copy.deepcopy(layer)
    other.built = False
    other.features = None
    other.reset_states()
    other.name = f"{direction}_{layer.name.removeprefix(f'{direction}_')}"
    if direction == "backward" and layer.seed is not None:
        seed = (
            layer.seed
            if isinstance(layer.seed, np.random.SeedSequence)
            else np.random.SeedSequence(layer.seed)
        )
        other.seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 1))
    return other
