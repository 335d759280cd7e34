"""How arrays come into the loop of a recurrent layer, and out of it.

Outside, arrays have Keras's shapes, batch first; inside the loop time comes first and a sample is a column.
Here is where one becomes the other, and where everything that does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import place
from scratch_rnn.layers.base import Shape
from scratch_rnn.layers.checkpointed import tape_class
from scratch_rnn.layers.dropout import kept_entries
from scratch_rnn.layers.masks import seen
from scratch_rnn.layers.recurrent_weights import RecurrentWeights
from scratch_rnn.layers.stateful import KeptStates
from scratch_rnn.layers.tape import SpareTapes, Tape


class RecurrentBase(RecurrentWeights):
    """What surrounds the loop: the tape at its beginning, outputs and gradients at its end.

    The options are those of RecurrentWeights.
    """

    takes_mask = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._spare_tapes = SpareTapes()
        self._kept_states = KeptStates()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_shape(input_shape, "the input", (None, None, self.features))
        batch, time, _ = input_shape
        if time == 0:
            raise ValueError(f"the input of layer {self.name!r} has no timesteps: its shape is {input_shape}")
        return (batch, time, self.units) if self.return_sequences else (batch, self.units)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """Return the mask of the outputs; the last alone has none."""
        return mask if self.return_sequences else None

    def _cast_weights(self) -> None:
        super()._cast_weights()
        self._kept_states.cast(self.dtype)

    def reset_states(self) -> None:
        """Forget what earlier batches have left, where the layer is stateful."""
        self._kept_states.reset()

    @property
    def kept_states(self) -> list[Array]:
        """What the last batch has left, (B, H) each, where the layer is stateful; none before the first."""
        return next(iter(self._kept_states.of_batch.values()), [])

    def keep_states(self, states: Sequence[Array]) -> None:
        """Have the next batch begin with copies of these states, (B, H) each."""
        self._kept_states.keep(states)

    def _start(
        self,
        x: Array,
        initial_state: Sequence[Array | None] | None,
        mask: Array | None,
        tape: Tape | None,
        training: bool = False,
    ) -> Tape:
        """Return a tape that holds x, the initial state and the mask."""
        x = self._checked_input(x)
        batch, time = x.shape[:2]
        if self.stateful and initial_state is None:
            initial_state = self._kept_states.recall(batch, self.name)
        states = self._checked_states(initial_state, batch, "initial state")
        mask = self._checked_mask(mask, batch, time)
        tape = self._tape(time, batch, tape, training)
        kept = tape.kept_inputs = self._kept_inputs(batch) if training else None
        tape.x[...] = self._processing_order(x).transpose(1, 2, 0)
        if kept is not None:
            tape.x *= kept
        tape.masked, tape.mask[...] = mask is not None, True if mask is None else mask
        for own, given in zip(tape.states, states, strict=True):
            own[0] = 0 if given is None else given.T
        return tape

    def _tape(self, time: int, batch: int, tape: Tape | None, training: bool) -> Tape:
        """Return an earlier tape where it fits, or a new one, of the class that the options ask for."""
        wanted = tape_class(self, time, training)
        if tape is None or type(tape) is not wanted or not tape.fits(self, time, batch):
            tape = wanted(self, time, batch)
        tape.draw()
        return tape

    def _kept_inputs(self, batch: int) -> Array | None:
        """Return what the inputs are multiplied by, (D, B), in all timesteps and for all gates alike."""
        if not self.dropout or self.recurrent_dropout:  # then each gate has masks of its own
            return None
        return kept_entries(self.dropout, (len(self.kernel), batch), self.dtype, place.generator(self.seed))

    def _checked_input(self, x: Array) -> Array:
        """Return x in the layer's dtype; make the weights where there are none yet."""
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        self.compute_output_shape(x.shape)  # raises where x does not fit
        return self._cast(x, "the input", x.shape)

    def _outputs(self, tape: Tape, h: Array) -> Any:
        """Return y of the hidden states h (T, H, B), or (y, h, ...): copies, never views of the tape."""
        if self.stateful:
            self._kept_states.keep([state[-1].T for state in tape.states])
        h = h * self._shown(tape)[-len(h) :] if tape.masked else h
        y = (h.transpose(2, 0, 1) if self.return_sequences else h[-1].T).copy()
        return (y, *(state[-1].T.copy() for state in tape.states)) if self.return_state else y

    def _shown(self, tape: Tape) -> Array:
        """Return where the output is the hidden state, (T, 1, B), and not zero."""
        return tape.mask[:, np.newaxis] if self.zero_output_for_mask else seen(tape.mask)

    def _output_gradient(self, dy: Array | None, tape: Tape) -> Sequence[Array | None]:
        """Return for each step what its output adds to dh, (H, B), or None for a step without output."""
        time, batch = tape.shape
        if dy is None:
            return [None] * time
        if self.return_sequences:
            dy = self._cast(dy, "the gradient of the output", (batch, time, self.units))
            own = np.ascontiguousarray(dy.transpose(1, 2, 0))  # (T, H, B)
            return list(own * self._shown(tape) if tape.masked else own)
        last = self._cast(dy, "the gradient of the output", (batch, self.units)).T
        return [*[None] * (time - 1), last * seen(tape.mask)[-1] if tape.masked else last]

    def _final_state_gradient(
        self, state_gradient: Sequence[Array | None] | None, tape: Tape
    ) -> tuple[Array, ...]:
        """Return the gradients of the final states, (H, B) each: what step T would carry back."""
        if not isinstance(tape, Tape) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        batch = tape.shape[1]
        given = self._checked_states(state_gradient, batch, "state gradient")
        return tuple(np.zeros((self.units, batch), self.dtype) if d is None else d.T.copy() for d in given)

    def _new_input_gradient(self, tape: Tape) -> Array:
        """Return memory for the gradient of each step's x, (T, D, B)."""
        time, batch = tape.shape
        return np.empty((time, len(self.kernel), batch), self.dtype)

    def _input_gradient(self, dx: Array, tape: Tape) -> Array:
        """Return the gradient of x, like x, from that of each step, (T, D, B)."""
        if tape.kept_inputs is not None:
            dx *= tape.kept_inputs
        return self._processing_order(dx.transpose(2, 0, 1)).copy()

    def _processing_order(self, x: Array) -> Array:
        """Reverse time, the second axis, where the layer goes backwards; its own inverse."""
        return x[:, ::-1] if self.go_backwards else x

    def _checked_states(
        self, states: Sequence[Array | None] | None, batch: int, what: str
    ) -> list[Array | None]:
        """Return one array (B, H), or None for zeros, for each state of the layer."""
        if states is None:
            return [None] * len(self.state_names)
        count_states(states, self.state_names, f"{what} of layer {self.name!r}")
        return [
            None if state is None else self._cast(state, f"{what} {name}", (batch, self.units))
            for name, state in zip(self.state_names, states, strict=True)
        ]

    def _checked_mask(self, mask: Array | None, batch: int, time: int) -> Array | None:
        """Return the mask as (T, B) in the order of processing."""
        if mask is None:
            return None
        mask = np.asarray(mask)
        if mask.shape != (batch, time) or mask.dtype != bool:
            raise ValueError(
                f"mask of layer {self.name!r} must be bool {(batch, time)}, not {mask.dtype} {mask.shape}"
            )
        return self._processing_order(mask).T


def count_states(states: Any, names: Sequence[str], what: str) -> None:
    """Raise ValueError unless there is a state, or the gradient of one, for each of the names."""
    number = len(states) if isinstance(states, (tuple, list)) or np.ndim(states) > 1 else None
    if number != len(names):
        given = type(states).__name__ if number is None else f"of {number}"
        raise ValueError(f"{what} must be a tuple of {len(names)} arrays ({', '.join(names)}), not {given}")
