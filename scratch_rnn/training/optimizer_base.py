"""What all optimizers share: the learning rate, clipping, weight decay, and the order of a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training.ranges import in_range
from scratch_rnn.training.schedules import LearningRateSchedule


class Optimizer:
    """Base of the optimizers: clipping, decoupled weight decay, then the update of each weight.

    clipnorm         each gradient is scaled down to at most this norm
    global_clipnorm  all gradients together are scaled down to at most this norm
    clipvalue        each entry of each gradient is clipped to ± this value
    weight_decay     λ:  w -= η λ w, (E16), before the update (Loshchilov and Hutter 2019)

    use_ema          keeps an average of each weight over the steps (Polyak and Juditsky 1992), an exponential
                     one with γ = `ema_momentum`:  w̄ = γ w̄ + (1 - γ) w, (E20). At the end of `fit` it takes
                     the place of the weight, and with `ema_overwrite_frequency` every so many steps, too

    The learning rate is a number, or a LearningRateSchedule, which gives one for each step. Only one of the
    three clips may be set. Raises ValueError for a value out of range.

    A subclass defines `_update`, and `_new_slots` where it keeps something from step to step.
    """

    name = "optimizer"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        *,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        clipvalue: float | None = None,
        weight_decay: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
    ) -> None:
        clips = {"clipnorm": clipnorm, "global_clipnorm": global_clipnorm, "clipvalue": clipvalue}
        given = {name: in_range(value, name, above=0) for name, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(f"only one of {', '.join(given)} can be set")
        if not isinstance(learning_rate, LearningRateSchedule):
            learning_rate = in_range(learning_rate, "learning_rate", above=0)
        self._learning_rate = learning_rate
        self.clipnorm = given.get("clipnorm")
        self.global_clipnorm = given.get("global_clipnorm")
        self.clipvalue = given.get("clipvalue")
        self.weight_decay = None if weight_decay is None else in_range(weight_decay, "weight_decay", least=0)
        self.use_ema, self.ema_momentum = use_ema, in_range(ema_momentum, "ema_momentum", least=0, most=1)
        every = ema_overwrite_frequency
        self.ema_overwrite_frequency = (
            None if every is None else positive_integer(every, "ema_overwrite_frequency")
        )
        self.iterations = 0
        self._slots: list[dict[str, Array]] = []

    @property
    def learning_rate(self) -> float:
        """η of the next step, a float: change it between two steps, to a number or to a schedule.

        Raises TypeError where a number would take the place of a schedule, as in Keras.
        """
        if isinstance(self._learning_rate, LearningRateSchedule):
            return in_range(_rate_of(self._learning_rate, self.iterations), "learning_rate", least=0)
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        """Take a number or a schedule for the steps that follow."""
        if isinstance(value, LearningRateSchedule):
            self._learning_rate = value
        elif self.schedule is not None:
            raise TypeError(
                f"learning_rate follows {self.schedule!r}, so that it cannot be set to {value!r}: set it to "
                "another schedule, or make the optimizer with a number"
            )
        else:  # kept as a Python float: NumPy's would lift float32 to float64
            self._learning_rate = in_range(value, "learning_rate", least=0)

    @property
    def schedule(self) -> LearningRateSchedule | None:
        """What the learning rate follows; None where it is a number."""
        return self._learning_rate if isinstance(self._learning_rate, LearningRateSchedule) else None

    def apply(self, gradients: Sequence[Array], weights: Sequence[Array]) -> None:
        """Update the arrays in `weights`, in place, by gradients of the same shapes, which stay as they are.

        The moving averages belong to the weights of the first call: raises ValueError where later ones, or
        the gradients, have other shapes.
        """
        if not self._slots:
            self._slots = [self._slots_of(weight) for weight in weights]
            self._shapes = [weight.shape for weight in weights]
        for what, arrays in (("gradients", gradients), ("weights", weights)):
            if (shapes := [array.shape for array in arrays]) != self._shapes:
                raise ValueError(f"{what} have shapes {shapes}, but this optimizer began with {self._shapes}")
        rate = self.learning_rate
        self.iterations += 1
        for gradient, weight, slots in zip(self._clip(gradients), weights, self._slots, strict=True):
            if self.weight_decay is not None:
                weight -= weight * self.weight_decay * rate  # (E16)
            self._update(gradient, weight, slots, rate)
        if self.use_ema:
            self._average(weights)

    def finalize(self, weights: Sequence[Array]) -> None:
        """Put the averages in the place of the weights, where `use_ema` has kept such."""
        if self.use_ema:
            for weight, slots in zip(weights, self._slots, strict=False):
                weight[...] = slots["average"]

    def _average(self, weights: Sequence[Array]) -> None:
        """Count the weights after a step in their averages, which begin with those after the first."""
        momentum = self.ema_momentum if self.iterations > 1 else 0.0
        for weight, slots in zip(weights, self._slots, strict=True):
            average = slots["average"]
            average *= momentum  # (E20): γ w̄
            average += (1 - momentum) * weight  # (E20)
        if self.ema_overwrite_frequency and self.iterations % self.ema_overwrite_frequency == 0:
            self.finalize(weights)

    @property
    def slots(self) -> list[dict[str, Array]]:
        """The moving averages of each weight, by name; none before the first step."""
        return self._slots

    def restore(self, iterations: int, slots: Sequence[dict[str, Array]], weights: Sequence[Array]) -> None:
        """Go on after so many steps with copies of these moving averages, kept for these weights.

        Raises ValueError, and changes nothing, where they are not such as this optimizer keeps.
        """
        own = [self._slots_of(weight) for weight in weights]
        shapes, given = ([{n: a.shape for n, a in each.items()} for each in of] for of in (own, slots))
        if shapes != given:
            raise ValueError(f"moving averages have shapes {given}, expected {shapes}")
        for kept, new in zip(own, slots, strict=True):
            for name, array in kept.items():
                array[...] = new[name]
        self.iterations, self._slots = iterations, own
        self._shapes = [weight.shape for weight in weights]

    def _slots_of(self, weight: Array) -> dict[str, Array]:
        """Return all that is kept for one weight, as it is before the first step."""
        return self._new_slots(weight) | ({"average": np.zeros_like(weight)} if self.use_ema else {})

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        """Return the moving averages that go with one weight, as they are before the first step."""
        return {}

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        """Change w, and its moving averages, in place: step number `iterations`, with this learning rate."""
        raise NotImplementedError

    def _clip(self, gradients: Sequence[Array]) -> Sequence[Array]:
        if self.clipnorm is not None:
            return [g * (self.clipnorm / max(_norm([g]), self.clipnorm)) for g in gradients]
        if self.global_clipnorm is not None:
            norm = _norm(gradients)
            return [g * (self.global_clipnorm / max(norm, self.global_clipnorm)) for g in gradients]
        if self.clipvalue is not None:
            return [np.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients


def _rate_of(schedule: LearningRateSchedule, step: int) -> float:
    """Return what a schedule says of a step; infinity where that is more than a float can hold."""
    try:
        return schedule(step)
    except OverflowError:
        return float("inf")


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))
