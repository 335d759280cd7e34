"""A tape of a few timesteps for a long sequence: of the others the states are kept here and there.

    (Q1)  forward: keep (h_{jk}, c_{jk}) for j = 0, 1, ... and nothing of the steps between them
    (Q2)  backward, before it reaches the steps jk + 1 to jk + k: run these k steps forward again, from (Q1)

The backward pass then finds at every step what it would have found on a full tape, to the bit, because each
step has been computed twice from the same numbers. Chen et al. (2016), "Training deep nets with sublinear
memory cost"; for recurrent networks Gruslys et al. (2016), "Memory-efficient backpropagation through time".

The loop and the cells do not know of it: the tape hands out the records of its one segment for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from scratch_rnn.arrays import Array, aligned_empty
from scratch_rnn.layers.tape import Tape
from scratch_rnn.layers.thinned import ThinnedTape


@dataclass(frozen=True)
class Segment:
    """What a tape of k steps has, used for one stretch of k steps after the other."""

    x: Array
    mask: Array
    states: tuple[Array, ...]
    steps: Sequence[Any]


class CheckpointedTape(Tape):
    """The tape of T steps of a layer with `checkpoint_every`, k.

    segment  what Tape makes for k steps; the rest is for the whole sequence:
    x        (T, D, B)
    mask     (T, B)
    states   ((n + 1, H, B), ...)  before steps 0, k, 2k, ... of which there are n, and after the last
    loaded   which segment stands in the memory, with all that forward has computed; None while it changes
    """

    def __init__(self, layer: Any, time: int, batch: int) -> None:
        self.every: int = layer.checkpoint_every
        super().__init__(layer, self.every, batch)
        self.segment = Segment(self.x, self.mask, self.states, super().steps)
        self.x: Array = aligned_empty((time, *self.x.shape[1:]), layer.dtype)
        self.mask: Array = np.ones((time, batch), bool)
        self.starts = range(0, time, self.every)
        kept = (len(self.starts) + 1, layer.units, batch)
        self.states: tuple[Array, ...] = tuple(aligned_empty(kept, layer.dtype) for _ in self.states)
        self.loaded: int | None = None
        self._h: list[Array] = []

    @property
    def nbytes(self) -> int:
        more = (self.x, self.segment.mask, *self.states)
        return super().nbytes + sum(array.nbytes for array in more)

    def fits(self, layer: Any, time: int, batch: int) -> bool:
        return super().fits(layer, time, batch) and self.every == layer.checkpoint_every

    @property
    def steps(self) -> Sequence[Any]:
        """The records of all timesteps, of which those of one segment are there at a time."""
        return Recomputed(self)

    def blank_steps(self) -> Iterator[Any]:
        self._h = []
        for number in range(len(self.starts)):
            steps = self._loaded(number)
            yield from steps
            self.loaded = number
            for own, kept in zip(self.segment.states, self.states, strict=True):
                kept[number + 1] = own[len(steps)]  # (Q1)
            if self.layer.return_sequences:
                self._h.append(self.segment.states[0][1 : len(steps) + 1].copy())

    def hidden_states(self) -> Array:
        """Return h of all timesteps, (T, H, B), or of the last, (1, H, B), where no other is an output."""
        h, self._h = self._h, []
        return np.concatenate(h) if h else self.states[0][-1:]

    def _loaded(self, number: int) -> Sequence[Any]:
        """Bring a segment to its beginning; return its records."""
        start, self.loaded = self.starts[number], None
        stop = min(start + self.every, len(self.mask))
        self.segment.x[: stop - start] = self.x[start:stop]
        self.segment.mask[: stop - start] = self.mask[start:stop]
        for own, kept in zip(self.segment.states, self.states, strict=True):
            own[0] = kept[number]
        return self.segment.steps[: stop - start]

    def recomputed(self, t: int) -> Any:
        """Return the record of timestep t as forward has left it."""
        number, place = divmod(t, self.every)
        if number != self.loaded:
            self.layer.run(self._loaded(number), self.masked)  # (Q2)
            self.loaded = number
        return self.segment.steps[place]


class CheckpointedThinnedTape(CheckpointedTape, ThinnedTape):
    """The same with dropout inside: the masks are those of the sequence, and are drawn once."""


class Recomputed(Sequence[Any]):
    """The T records of a checkpointed tape. One is good until a record of another segment is asked for."""

    def __init__(self, tape: CheckpointedTape) -> None:
        self._tape = tape

    def __len__(self) -> int:
        return len(self._tape.mask)

    @overload
    def __getitem__(self, t: int) -> Any: ...
    @overload
    def __getitem__(self, t: slice) -> Sequence[Any]: ...
    def __getitem__(self, t: int | slice) -> Any:
        if isinstance(t, slice):
            raise TypeError("with checkpoint_every records of timesteps come one at a time, not in slices")
        return self._tape.recomputed(range(len(self))[t])


def tape_class(layer: Any, time: int, training: bool) -> type[Tape]:
    """Return the tape that serves a call; a sequence of no more than k steps needs no checkpoints."""
    thinned = training and layer.recurrent_dropout > 0
    if layer.checkpoint_every is None or time <= layer.checkpoint_every:
        return ThinnedTape if thinned else Tape
    return CheckpointedThinnedTape if thinned else CheckpointedTape
