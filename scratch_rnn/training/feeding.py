"""What `fit` trains on: rows of arrays, or batches that somebody yields; and what it validates on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training.samples import Samples, split_row
from scratch_rnn.training.shards import Shard


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples in arrays, of which each epoch takes all. Raises ValueError for a `shuffle` that is no bool."""

    samples: Samples
    batch_size: int
    shuffle: bool

    def __post_init__(self) -> None:
        if self.shuffle not in (True, False):
            raise ValueError(f"shuffle must be True or False, not {self.shuffle!r}")

    @property
    def size(self) -> dict[str, int]:
        """How many batches and samples an epoch has."""
        return {"steps": -(-len(self.samples) // self.batch_size), "samples": len(self.samples)}

    @property
    def batch_rows(self) -> set[int]:
        """The sizes that its batches have."""
        return _sizes(len(self.samples), self.batch_size)

    @property
    def first_inputs(self) -> Array:
        """Inputs that are there before the first epoch: all."""
        return self.samples.x

    def has_more(self) -> bool:
        """Return whether there is something for one more epoch."""
        return True

    def order(self, rng: np.random.Generator) -> Array:
        """Return the order of the rows in an epoch."""
        rows = len(self.samples)
        return rng.permutation(rows) if self.shuffle else np.arange(rows)


class Stream:
    """Batches of any iterable, each known when its turn has come.

    Without `steps` an epoch is one pass through the iterable. With them it takes so many batches, and the
    next epoch goes on behind them. Where the iterable has come to its end, the training has, too.

    check   makes Samples of what the iterable yields, or raises ValueError
    shards  makes shards of the samples of a batch

    Raises TypeError for what is no iterable, ValueError where it yields nothing, or nothing that fits.
    """

    def __init__(
        self,
        given: Iterable[Any],
        steps: int | None,
        check: Callable[..., Samples],
        shards: Callable[[Samples], list[Shard]],
    ) -> None:
        self._given, self._check, self._shards = given, check, shards
        self._steps = None if steps is None else positive_integer(steps, "steps_per_epoch")
        if hasattr(given, "shape"):
            raise ValueError("y is missing: x alone can only be an iterable of batches (x, y)")
        if not isinstance(given, Iterable):
            raise TypeError(f"x must be an array, with y, or an iterable of batches (x, y), not {given!r}")
        self._left, self._drawn = iter(given), 0
        self._next = self._draw()
        if self._next is None:
            raise ValueError("x yields no batch; a generator can be used only once")

    @property
    def size(self) -> dict[str, int | None]:
        """How many batches and samples an epoch has, as far as that is known."""
        return {"steps": self._steps, "samples": None}

    @property
    def batch_rows(self) -> set[int]:
        """The sizes of its batches: nobody knows them yet."""
        return set()

    @property
    def first_inputs(self) -> Array:
        """Inputs that are there before the first epoch: those of the first batch."""
        assert self._next is not None
        return self._next.x

    def has_more(self) -> bool:
        """Return whether there is something for one more epoch; warn where there is nothing."""
        if self._next is None:
            self._left = iter(self._given) if self._steps is None else self._left
            self._next = self._draw()
        if self._next is None:
            warnings.warn("x yields no more batches, which ends the training", stacklevel=4)
        return self._next is not None

    def order(self, rng: np.random.Generator) -> Array:
        """Return no order: it is that of the iterable."""
        return np.arange(0)

    def numbers(self, done: int) -> Iterator[int]:
        """Draw the batches of an epoch, one after the other, and yield the number of each."""
        for number in islice(count(done), self._steps):
            now = self._draw() if self._next is None else self._next
            if now is None:
                return
            self._now, self._next = now, None
            yield number

    def shards(self, batch: int) -> list[Shard]:
        """Return the shards of the batch that was drawn last."""
        return self._shards(self._now)

    def _draw(self) -> Samples | None:
        """Return the next batch, or None behind the last."""
        for given in islice(self._left, 1):
            self._drawn += 1
            parts = pair_or_triple(given, f"batch {self._drawn} of x")
            try:
                return self._check(*parts)
            except ValueError as error:
                raise ValueError(f"batch {self._drawn} of x: {error}") from error
        return None


@dataclass(frozen=True, eq=False)
class Validation:
    """Samples to validate on, if there are any, after every `freq` epochs or after those of a list, counted
    from 1. Raises ValueError for another `freq`."""

    samples: Samples | None
    batch_size: int
    freq: Any

    def __post_init__(self) -> None:
        if not isinstance(self.freq, (list, tuple, set)):
            positive_integer(self.freq, "validation_freq")

    @property
    def batch_rows(self) -> set[int]:
        """The sizes that its batches have."""
        return set() if self.samples is None else _sizes(len(self.samples), self.batch_size)

    @property
    def inputs(self) -> list[Array]:
        """The inputs that there are to validate on, if any."""
        return [] if self.samples is None else [self.samples.x]

    def after(self, epoch: int) -> Samples | None:
        """Return what to validate on after an epoch, counted from 0."""
        if isinstance(self.freq, (list, tuple, set)):
            return self.samples if epoch + 1 in self.freq else None
        return self.samples if (epoch + 1) % self.freq == 0 else None


def _sizes(rows: int, batch_size: int) -> set[int]:
    """Return the sizes of the batches of so many rows."""
    return {min(rows, batch_size), (rows - 1) % batch_size + 1}  # the last one may be smaller


def split(samples: Samples, share: float, by_class: bool) -> tuple[Samples, Samples | None]:
    """Return the samples to train on and that share of them, from the end, to validate on, if any.

    Weights that classes have, `by_class`, are for training alone. Raises ValueError for a share that is out
    of range or leaves no rows on one side.
    """
    row = split_row(len(samples), share)
    if row == len(samples):
        return samples, None
    held_out = samples[row:]
    return samples[:row], Samples(held_out.x, held_out.y) if by_class else held_out


def pair_or_triple(given: Any, name: str) -> Sequence[Any]:
    """Return what is given if it is (x, y) or (x, y, sample_weight), or raise ValueError."""
    if isinstance(given, (tuple, list)) and len(given) in (2, 3):
        return given
    what = f"{len(given)} things" if isinstance(given, (tuple, list)) else type(given).__name__
    raise ValueError(f"{name} must be (x, y) or (x, y, sample_weight), not {what}")


def refuse(data: str, **options: Any) -> None:
    """Raise ValueError for the first option that is given: it has no meaning for such data."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} is not for {data}, but {value!r} was given")
