"""Where in the training a layer is called: with which rows of a batch, and whose random numbers it draws.

A model says so around the call, and a layer that draws random numbers or keeps a state asks here. The others
do not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scratch_rnn.layers.base import SeedLike


@dataclass(frozen=True)
class Place:
    """Some rows of a batch, beginning with `first`, of the `batch_rows` that it has.

    `key` are the numbers that decide what is drawn here: the seed, the step of training and the first row. So
    a run repeats, whichever worker computes the rows.
    """

    key: tuple[int, ...]
    first: int = 0
    batch_rows: int = 0

    @cached_property
    def generator(self) -> np.random.Generator:
        """What all layers draw from that have no seed of their own, one after the other."""
        return np.random.default_rng(self.key)


_HERE: ContextVar[Place | None] = ContextVar("place", default=None)  # each thread has its own


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Let layers be called for this place meanwhile."""
    token = _HERE.set(place)
    try:
        yield
    finally:
        _HERE.reset(token)


def here() -> Place | None:
    """Return the place for which layers are called now; None where nobody has said."""
    return _HERE.get()


def generator(seed: SeedLike = None) -> np.random.Generator:
    """Return the generator to draw random numbers from in a forward pass.

    They repeat with the place, and differ from step to step. `seed`, a layer's own, takes that of the model's
    place. Where nobody has said a place they are those of the seed, or different each time.
    """
    place = here()
    if place is None:
        return np.random.default_rng(seed)
    if seed is None:
        return place.generator
    return np.random.default_rng((number_of(seed), *place.key[1:]))


def number_of(seed: int | np.random.SeedSequence) -> int:
    """Return the number that stands for a seed among others."""
    return int(seed.generate_state(1)[0]) if isinstance(seed, np.random.SeedSequence) else int(seed)


def replay() -> Callable[[], None]:
    """Return a function that has the random numbers which come next now come next again."""
    place = here()
    if place is None:
        return lambda: None
    bits = place.generator.bit_generator
    state = bits.state

    def begin_again() -> None:
        bits.state = state

    return begin_again
