"""Learning-rate schedules with Keras's names, defaults and numbers: what the learning rate is at each step.

A schedule is called with the number of steps that are done, 0 before the first. It computes in Python's
floats, Keras's in float32: they differ by its roundings, 6e-8 of the largest rate. Keras's argument `name` is
missing: it names an operation in a graph.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from scratch_rnn.training.ranges import in_range


class LearningRateSchedule:
    """The learning rate η as a function of the number of steps that are done.

    One of your own defines `__call__`. The optimizer whose learning_rate it is asks it before each step.
    """

    def __call__(self, step: int) -> float:
        """Return the learning rate of the step that follows after so many."""
        raise NotImplementedError


@dataclass(frozen=True)
class _RateDecay(LearningRateSchedule):
    """What the two decays by a rate have in common."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _make_floats(self, "initial_learning_rate", "decay_rate", least=0)
        _make_floats(self, "decay_steps", above=0)

    def _periods(self, step: int) -> float:
        """Return how many times decay_steps are over; with `staircase` only whole times count."""
        periods = step / self.decay_steps
        return math.floor(periods) if self.staircase else periods


class ExponentialDecay(_RateDecay):
    """η₀ r^(step / decay_steps), with r the decay_rate; with `staircase` the exponent is rounded down."""

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)


class InverseTimeDecay(_RateDecay):
    """η₀ / (1 + r step / decay_steps), with r the decay_rate; `staircase` rounds the quotient down."""

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


@dataclass(frozen=True)
class PolynomialDecay(LearningRateSchedule):
    """(η₀ - η₁) (1 - step / decay_steps)^power + η₁, with η₁ the end_learning_rate, which then stays.

    With `cycle` it rises again: whenever decay_steps are over, they are extended by as many.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        _make_floats(self, "initial_learning_rate", "end_learning_rate", "power", least=0)
        _make_floats(self, "decay_steps", above=0)

    def __call__(self, step: int) -> float:
        cycles = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        done = min(step / (self.decay_steps * cycles), 1)
        start, end = self.initial_learning_rate, self.end_learning_rate
        return (start - end) * (1 - done) ** self.power + end


@dataclass(frozen=True)
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and with step boundaries[0], then values[1] up to and with boundaries[1], and so on.

    Raises ValueError unless the boundaries rise and there is one value more than boundaries.
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("boundaries", "values"):
            if not isinstance(getattr(self, name), Iterable):
                raise TypeError(f"{name} must be a list of numbers, not {getattr(self, name)!r}")
        boundaries = tuple(in_range(step, "a boundary", least=0) for step in self.boundaries)
        values = tuple(in_range(value, "a value", least=0) for value in self.values)
        if len(values) != len(boundaries) + 1:
            raise ValueError(f"{len(boundaries)} boundaries need one value more, not {len(values)}")
        if any(later <= earlier for earlier, later in pairwise(boundaries)):
            raise ValueError(f"boundaries must rise, but they are {list(boundaries)}")
        object.__setattr__(self, "boundaries", boundaries)
        object.__setattr__(self, "values", values)

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


@dataclass(frozen=True)
class CosineDecay(LearningRateSchedule):
    """Half a cosine from η₀ down to alpha η₀ in decay_steps (Loshchilov and Hutter 2017, SGDR).

    With a `warmup_target` the learning rate first goes from η₀ to it on a straight line, in warmup_steps, and
    the cosine then begins there.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = field(default=None, kw_only=True)
    warmup_steps: float = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        _make_floats(self, "initial_learning_rate", "alpha", "warmup_steps", least=0)
        _make_floats(self, "decay_steps", above=0)
        if self.warmup_target is not None:
            _make_floats(self, "warmup_target", least=0)

    def __call__(self, step: int) -> float:
        if self.warmup_target is None:
            return self.initial_learning_rate * _cosine(step / self.decay_steps, self.alpha)
        if step < self.warmup_steps:
            rise = self.warmup_target - self.initial_learning_rate
            return self.initial_learning_rate + rise * step / self.warmup_steps
        return self.warmup_target * _cosine((step - self.warmup_steps) / self.decay_steps, self.alpha)


@dataclass(frozen=True)
class CosineDecayRestarts(LearningRateSchedule):
    """CosineDecay that begins anew: each time for t_mul times as many steps, from m_mul times as high.

    A restart falls on its own step; Keras, which finds it by a logarithm, may be a step late. Raises
    ValueError for a t_mul below 1, with which the periods would shrink to nothing.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        _make_floats(self, "initial_learning_rate", "m_mul", "alpha", least=0)
        _make_floats(self, "first_decay_steps", above=0)
        _make_floats(self, "t_mul", least=1)

    def __call__(self, step: int) -> float:
        restarts, done = self._period(step)
        return self.initial_learning_rate * _cosine(done, self.alpha, self.m_mul**restarts)

    def _period(self, step: float) -> tuple[int, float]:
        """Return how many periods are over, and which share of the next one is done."""
        length, number = self.first_decay_steps, 0
        if self.t_mul == 1:
            return int(step // length), step % length / length
        while step >= length:
            step, length, number = step - length, length * self.t_mul, number + 1
        return number, step / length


def _cosine(done: float, alpha: float, height: float = 1.0) -> float:
    """Return half a cosine from `height` down to nothing, lifted so that its lowest point is alpha."""
    return (1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * min(done, 1))) + alpha


def _make_floats(
    schedule: LearningRateSchedule, *names: str, least: float | None = None, above: float | None = None
) -> None:
    """Make fields Python floats, which a file can hold; raise ValueError for one out of its bounds."""
    for name in names:
        value = in_range(getattr(schedule, name), name, least=least, above=above)
        object.__setattr__(schedule, name, value)  # for the dataclasses are frozen
