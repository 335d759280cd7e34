"""What a forward pass leaves for the backward pass: a cell declares it, the tape makes it.

The Step of a cell names the arrays of its equations and says how long each has to last:

    z = kept(4)           (T, 4 H, B)    every timestep has its own: the backward pass reads it again
    dz = work(4)          (4 H, B)       one for all timesteps, each of which overwrites it
    c_prev, c = state()   (T + 1, H, B)  a state, before the timestep and after it
    p, dp = weight("p")   (H, 1)         weights that meet a state entry by entry, and their gradient

A block is H rows, those of one gate, and an array divides into its blocks as a list does: `z_u, z_r = z`,
`z[:2]`. A block of the weights, which `Step` itself declares, is the H columns of a gate. Two names for one
block say that the right one is written over the left: `z_f = f = z[1]`.

The tape makes the arrays and, for each timestep, its views of them. It does so once: slicing in the loop
would cost time, in which threads wait for each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, make_dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array, aligned_empty
from scratch_rnn.layers.initializers import Initializer

SPARE_BYTES = 4e6  # of the largest tape that is kept: beside the use of a larger one it is quickly made
ALL = range(sys.maxsize)  # blocks: NumPy's slices end where the array does
UNKNOWN = "how many blocks this array has is decided by the dz of the cell's Step"


@dataclass(frozen=True, eq=False)
class Memory:
    """An array of `blocks` * H rows that each tape makes.

    `more` is None for one array that all timesteps share. Else time is its first axis, of length T + more.
    """

    blocks: int
    more: int | None

    def made(self, layer: Any, time: int, batch: int) -> Array:
        """Return the array, without values yet."""
        rows = (self.blocks * layer.units, batch)
        return aligned_empty(rows if self.more is None else (time + self.more, *rows), layer.dtype)


@dataclass(frozen=True, eq=False)
class OwnWeight:
    """Weights (blocks * H, 1) that the layer has; each tape makes an array to add up their gradient in."""

    name: str
    blocks: int
    initializer: str | Initializer

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnWeight:
        return self  # a declaration of the class, which a copied layer shares

    def made(self, layer: Any, time: int, batch: int) -> Array:
        """Return the array for the gradient."""
        return np.zeros((self.blocks * layer.units, 1), layer.dtype)


@dataclass(frozen=True, eq=False)
class Part:
    """Blocks of an array of a tape, as a Step declares them.

    Where `ahead` is None the array serves all timesteps; else time is its first axis, and timestep t has what
    lies at t + ahead.
    """

    find: Callable[[Any], Array]  # returns the tape's array
    ahead: int | None = None
    blocks: range = ALL
    axis: int = 0  # along which the blocks lie in a timestep's array: 0 rows, 1 columns
    source: Memory | OwnWeight | None = None  # what the tape has to make for it

    def __getitem__(self, part: int | slice) -> Part:
        if isinstance(part, int):
            part = slice(part, part + 1 or None)
        if part.step not in (None, 1):
            raise TypeError("blocks that have one name lie side by side: take a slice without a step")
        if len(self.blocks) == len(ALL) and min(part.start or 0, part.stop or 0) < 0:
            raise TypeError(f"{UNKNOWN}: count them from the first")
        if not self.blocks[part]:
            raise TypeError(f"there is no block {part.start} to {part.stop} among {len(self.blocks)}")
        return replace(self, blocks=self.blocks[part])

    def __iter__(self) -> Iterator[Part]:
        if len(self.blocks) == len(ALL):
            raise TypeError(f"{UNKNOWN}: take slices, such as kernel[:1]")
        return (self[block] for block in range(len(self.blocks)))

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The same for two names of one block."""
        return self.find, self.ahead, self.blocks, self.axis

    def views(self, tape: Tape, time: int) -> list[Array]:
        """Return the view of each timestep."""
        array, units = self.find(tape), tape.layer.units
        if self.blocks is not ALL:
            entries = slice(self.blocks.start * units, self.blocks.stop * units)
            array = array[..., entries, :] if self.axis == 0 else array[..., entries]
        return [array] * time if self.ahead is None else list(array[self.ahead : self.ahead + time])


def kept(blocks: int = 1) -> Any:  # Any, as dataclasses.field has it: in a step that runs it is an array
    """Declare an array of which every timestep has its own."""
    memory = Memory(blocks, 0)
    return Part(lambda tape: tape.arrays[memory], 0, range(blocks), source=memory)


def work(blocks: int = 1) -> Any:
    """Declare an array that all timesteps share, each overwriting it."""
    memory = Memory(blocks, None)
    return Part(lambda tape: tape.arrays[memory], None, range(blocks), source=memory)


def state() -> Any:
    """Declare a state beside h: (before the timestep, after it).

    They are named as those of h are, `c_prev, c = state()`, and "c" is among the cell's state_names. An array
    dc is the whole gradient of c, as (L8) has it: `scratch_rnn.inside` shows it.
    """
    memory = Memory(1, 1)
    before = Part(lambda tape: tape.arrays[memory], 0, range(1), source=memory)
    return before, replace(before, ahead=1)


def weight(name: str, blocks: int = 1, initializer: str | Initializer = "zeros") -> Any:
    """Declare weights (blocks * H, 1) and their gradient, which `add_weight_gradients` adds up."""
    own = OwnWeight(name, blocks, initializer)
    weights = Part(lambda tape: tape.layer.own_weights[name], None, range(blocks), source=own)
    return weights, replace(weights, find=lambda tape: tape.arrays[own])


class Step:
    """What a timestep works on. A cell's Step adds its own arrays, dz among them, which decides G.

    The s of `step(s)` is a record that has the arrays themselves under the names declared here.
    """

    matrix: Any = Part(lambda tape: tape.weights, axis=1)  # (D + 1 + H, G H)  [W; b; U]
    input_weights: Any = Part(lambda tape: tape.weights[: tape.input_rows], axis=1)  # [W; b]
    past_weights: Any = Part(lambda tape: tape.weights[tape.input_rows :], axis=1)  # U, in the GRU [b'; U]
    kernel: Any = Part(lambda tape: tape.weights[tape.layer.kernel_rows], axis=1)  # (D, G H)  W
    recurrent_kernel: Any = Part(
        lambda tape: tape.weights[tape.layer.recurrent_kernel_rows], axis=1
    )  # (H, G H)  U
    joined: Any = Part(lambda tape: tape.joined[:, : len(tape.matrix)], 0)  # (D + 1 + H, B)  [x_t; 1; h_prev]
    inputs: Any = Part(lambda tape: tape.joined[:, : tape.input_rows], 0)  # (D + 1, B)  [x_t; 1]
    past: Any = Part(lambda tape: tape.joined[:, tape.input_rows :], 0)  # h_prev, in the GRU [1; h_prev]
    h_prev: Any = Part(lambda tape: tape.states[0], 0)  # (H, B)
    h: Any = Part(lambda tape: tape.states[0], 1)  # (H, B), the next timestep's h_prev
    mask: Any = Part(lambda tape: tape.mask, 0)  # (B,)  False where the timestep is skipped
    dmatrix: Any = Part(lambda tape: tape.dmatrix, axis=1)  # like matrix: the sum of (T3) so far
    summand: Any = Part(lambda tape: tape.summands, axis=1)  # like matrix: what this timestep adds
    input_summand: Any = Part(lambda tape: tape.summands[: tape.input_rows], axis=1)  # of [W; b]
    past_summand: Any = Part(lambda tape: tape.summands[tape.input_rows :], axis=1)  # of U or [b'; U]
    dz: Any  # (G H, B)

    @classmethod
    @lru_cache
    def declared(cls) -> Mapping[str, Part]:
        """Return all that this Step and its bases declare, by name."""
        classes = reversed(cls.__mro__)
        return {name: part for base in classes for name, part in vars(base).items() if isinstance(part, Part)}

    @classmethod
    def states(cls) -> list[str]:
        """Return the names of the states among them, as they are called after the timestep."""
        names: dict[Any, str] = {}
        for name, part in cls.declared().items():
            if part.ahead == 1:
                names.setdefault(part.key, name)  # not a second name, such as that of a pre-activation
        return list(names.values())

    @classmethod
    def own_weights(cls) -> list[OwnWeight]:
        """Return the weights among them, in the order of their declaration."""
        sources = dict.fromkeys(part.source for part in cls.declared().values())
        return [source for source in sources if isinstance(source, OwnWeight)]


class Record:
    """A timestep's arrays under the names that its Step declares; printed, it lists them."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = (f"    {name:20} {np.shape(getattr(self, name))}" for name in self.__slots__)
        return "\n".join([type(self).__name__, *lines])


@lru_cache
def _record_of(step_class: Any) -> Any:
    """Return the class of the records of a Step: slots, because attributes are found fastest there."""
    names = list(step_class.declared())
    return make_dataclass(step_class.__name__, names, bases=(Record,), slots=True, eq=False, repr=False)


class Tape:
    """The memory of one forward pass; handed back to the next one it is used again.

    t counts from 0 in the order of processing. The layer is a RecurrentBase, whose module imports this one.

    joined   (T+1, rows, B)     joined[t] = [x_t; 1; h_{t-1}]; of joined[T] only the last h counts
    states   ((T+1, H, B), ...) h, and c for the LSTM; states[k][t] is the state *before* step t, [T] the last
    masked   bool               whether there is a mask
    mask     (T, B)             bool, False where a step is skipped
    kept_inputs (D, B)          what dropout has multiplied x_t by; None without it
    arrays                      what the cell's Step declares
    dmatrix  like `matrix`      the gradient of the weights, added up over the steps
    summand  like `matrix`      what one step adds. A new array for each step would cost much where the system
                                takes its pages back, as it does after Keras has trained
    x        (T, D, B)          the inputs in `joined`
    steps    T records          the views of each timestep, under the names that the Step declares
    """

    def __init__(self, layer: Any, time: int, batch: int) -> None:
        self.layer, self.matrix = layer, layer.matrix
        self.input_rows: int = layer.input_rows
        self.kernel_rows: slice = layer.kernel_rows
        self.recurrent_kernel_rows: slice = layer.recurrent_kernel_rows
        self.joined: Array = aligned_empty((time + 1, layer.joined_rows, batch), layer.dtype)
        self.joined[...] = 1
        self.x: Array = self.joined[:-1, : layer.features]
        self.masked = False
        self.kept_inputs: Array | None = None
        self.mask: Array = np.ones((time, batch), bool)
        self.dmatrix: Array = aligned_empty(layer.matrix.shape, layer.dtype)
        self.summand: Array = aligned_empty(layer.matrix.shape, layer.dtype)
        self.weights, self.summands = self.seen_by_steps(self.matrix), self.seen_by_steps(self.summand)
        declared = layer.step_class.declared()
        sources = dict.fromkeys(part.source for part in declared.values() if part.source is not None)
        self.arrays = {source: source.made(layer, time, batch) for source in sources}
        own_states = (self.arrays[declared[name].source] for name in layer.state_names[1:])
        self.states: tuple[Array, ...] = (self.joined[:, -layer.units :], *own_states)
        record = _record_of(layer.step_class)
        self._steps = [record(*views) for views in zip(*self._views(declared, time), strict=True)]

    def _views(self, declared: Mapping[str, Part], time: int) -> list[list[Array]]:
        """Return for each name the views of all timesteps."""
        views = {part.key: part.views(self, time) for part in declared.values()}
        # Two names of one block have one view: NumPy then sees at once what is written over itself.
        return [views[part.key] for part in declared.values()]

    @property
    def steps(self) -> Sequence[Any]:
        """The records of all timesteps, for the way back."""
        return self._steps

    def blank_steps(self) -> Iterable[Any]:
        """Return the records in the order in which a forward pass fills them in."""
        return self._steps

    def hidden_states(self) -> Array:
        """Return h of all timesteps, (T, H, B), after a forward pass; call it once for each."""
        return self.states[0][1:]

    def draw(self) -> None:
        """Draw random numbers for one pass: none here."""

    def seen_by_steps(self, matrix: Array) -> Any:
        """Return what the steps get of a matrix of weights, or of their gradient."""
        return matrix

    @property
    def shape(self) -> tuple[int, int]:
        """(T, B)."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def nbytes(self) -> int:
        """The bytes of all that it holds."""
        held = (self.joined, self.mask, self.dmatrix, self.summand, *self.arrays.values())
        return sum(array.nbytes for array in held)

    def fits(self, layer: Any, time: int, batch: int) -> bool:
        """Return whether the memory can serve another forward pass of this layer."""
        return self.layer is layer and self.matrix is layer.matrix and self.shape == (time, batch)

    def rolled(self, x: Array, h: list[Array] | None = None) -> Iterator[Any]:
        """Yield the record of the first timestep again and again, for each row of x (B, T, D).

        What the timestep before has left, its states, is where the next one begins. Copies of all h_t are
        added to `h`.
        """
        s = self.steps[0]
        place_of_x = self.x[0]
        states = [(state[0], state[1]) for state in self.states]
        for x_t in x.transpose(1, 2, 0):
            place_of_x[...] = x_t
            yield s
            if h is not None:
                h.append(s.h.copy())
            for before, after in states:
                before[...] = after

    def clear_sums(self) -> None:
        """Set the gradients of all weights to zero, before a backward pass adds them up."""
        for total in (self.dmatrix, *self.own_gradients):
            total[...] = 0

    @property
    def own_gradients(self) -> list[Array]:
        """The gradients of the weights that the cell's Step declares."""
        return [array for source, array in self.arrays.items() if isinstance(source, OwnWeight)]


class SpareTapes:
    """Small tapes that wait for the next prediction; a thread takes one and puts it back when it has done.

    A copy of a layer, or a pickled one, begins without any.
    """

    def __init__(self) -> None:
        self._tapes: list[Tape] = []

    def take(self) -> Tape | None:
        """Return one of them, which is then no other thread's, or None."""
        with suppress(IndexError):
            return self._tapes.pop()
        return None

    def put(self, tape: Tape) -> None:
        """Keep a tape for later, unless it is large."""
        if tape.nbytes <= SPARE_BYTES:
            self._tapes.append(tape)

    def __reduce__(self) -> Any:
        return SpareTapes, ()
