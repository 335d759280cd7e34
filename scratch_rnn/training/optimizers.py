"""Optimizers with Keras's names, defaults and formulas; `apply` changes the weights in place.

Keras rounds some of its constants (momentum, weight decay, Adam's beta powers) through float32 even when it
computes in float64. These here stay exact: with constants that float32 cannot hold, such as 0.9, the two
libraries differ by more than the rounding of float64. A momentum of 0.9 is off by 2.4e-8; 0.999 by 1.3e-8,
which is 1.3e-5 of 1 - 0.999, and Adam takes its root: each step is off by up to 6.5e-6 of its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array


class Optimizer:
    """Base of the optimizers: clipping, decoupled weight decay, then the update of each weight.

    clipnorm         each gradient is scaled down to at most this norm
    global_clipnorm  all gradients together are scaled down to at most this norm
    clipvalue        each entry of each gradient is clipped to ± this value
    weight_decay     w -= w * weight_decay * learning_rate before the update (Loshchilov and Hutter 2019)

    Only one of the three clips may be set. Raises ValueError for a value out of range.
    """

    name = "optimizer"

    def __init__(
        self,
        learning_rate: float,
        *,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        clipvalue: float | None = None,
        weight_decay: float | None = None,
    ) -> None:
        clips = {"clipnorm": clipnorm, "global_clipnorm": global_clipnorm, "clipvalue": clipvalue}
        given = {name: _in_range(value, name, above=0) for name, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(f"only one of {', '.join(given)} can be set")
        self.learning_rate = _in_range(learning_rate, "learning_rate", above=0)
        self.clipnorm = given.get("clipnorm")
        self.global_clipnorm = given.get("global_clipnorm")
        self.clipvalue = given.get("clipvalue")
        self.weight_decay = None if weight_decay is None else _in_range(weight_decay, "weight_decay", least=0)
        self.iterations = 0
        self._slots: list[dict[str, Array]] = []

    @property
    def learning_rate(self) -> float:
        """η; change it between two steps. Kept as a Python float: NumPy's would lift float32 to float64."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = _in_range(value, "learning_rate", least=0)

    def apply(self, gradients: Sequence[Array], weights: Sequence[Array]) -> None:
        """Update the arrays in `weights`, in place, by gradients of the same shapes, which stay as they are.

        The moving averages belong to the weights of the first call: raises ValueError where later ones, or
        the gradients, have other shapes.
        """
        if not self._slots:
            self._slots = [self._new_slots(weight) for weight in weights]
            self._shapes = [weight.shape for weight in weights]
        for what, arrays in (("gradients", gradients), ("weights", weights)):
            if (shapes := [array.shape for array in arrays]) != self._shapes:
                raise ValueError(f"{what} have shapes {shapes}, but this optimizer began with {self._shapes}")
        self.iterations += 1
        for gradient, weight, slots in zip(self._clip(gradients), weights, self._slots, strict=True):
            if self.weight_decay is not None:
                weight -= weight * self.weight_decay * self.learning_rate
            self._update(gradient, weight, slots)

    @property
    def slots(self) -> list[dict[str, Array]]:
        """The moving averages of each weight, by name; none before the first step."""
        return self._slots

    def restore(self, iterations: int, slots: Sequence[dict[str, Array]], weights: Sequence[Array]) -> None:
        """Go on after so many steps with copies of these moving averages, kept for these weights.

        Raises ValueError, and changes nothing, where they are not such as this optimizer keeps.
        """
        own = [self._new_slots(weight) for weight in weights]
        shapes, given = ([{n: a.shape for n, a in each.items()} for each in of] for of in (own, slots))
        if shapes != given:
            raise ValueError(f"moving averages have shapes {given}, expected {shapes}")
        for kept, new in zip(own, slots, strict=True):
            for name, array in kept.items():
                array[...] = new[name]
        self.iterations, self._slots = iterations, own
        self._shapes = [weight.shape for weight in weights]

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        """Return the moving averages that go with one weight, all zero."""
        return {}

    def _update(self, g: Array, w: Array, slots: dict[str, Array]) -> None:
        """Change w, and its moving averages, in place."""
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


class SGD(Optimizer):
    """Gradient descent, with momentum m:  v = m v - η g,  w += v;  with nesterov  w += m v - η g."""

    name = "sgd"

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = _in_range(momentum, "momentum", least=0, most=1)
        self.nesterov = nesterov

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return {"velocity": np.zeros_like(weight)} if self.momentum else {}

    def _update(self, g: Array, w: Array, slots: dict[str, Array]) -> None:
        step = self.learning_rate * g
        if not self.momentum:
            w -= step
            return
        v = slots["velocity"]
        v *= self.momentum
        v -= step
        w += self.momentum * v - step if self.nesterov else v


class RMSprop(Optimizer):
    """Hinton's RMSprop:  v = ρ v + (1 - ρ) g²,  w -= η g / sqrt(v + ε), with ε inside the root as in Keras.

    `centered` subtracts the square of the mean gradient from v, which estimates the variance instead;
    `momentum` m accumulates the quotient:  u = m u + η g / sqrt(...),  w -= u.
    """

    name = "rmsprop"

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = _in_range(rho, "rho", least=0, most=1)
        self.momentum = _in_range(momentum, "momentum", least=0, most=1)
        self.epsilon = _in_range(epsilon, "epsilon", least=0)
        self.centered = centered

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        names = ["mean_square"] + ["mean"] * self.centered + ["momentum"] * (self.momentum > 0)
        return {name: np.zeros_like(weight) for name in names}

    def _update(self, g: Array, w: Array, slots: dict[str, Array]) -> None:
        variance = _moving_average(slots["mean_square"], np.square(g), self.rho)
        if self.centered:
            variance = variance - np.square(_moving_average(slots["mean"], g, self.rho))
        step = self.learning_rate * g / np.sqrt(variance + self.epsilon)
        if self.momentum:
            accumulated = slots["momentum"]
            accumulated *= self.momentum
            accumulated += step
            step = accumulated
        w -= step


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1 in the form of section 2):

    m = β₁ m + (1 - β₁) g,  v = β₂ v + (1 - β₂) g²,  w -= η sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (sqrt(v) + ε)
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = _in_range(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = _in_range(beta_2, "beta_2", least=0, below=1)
        self.epsilon = _in_range(epsilon, "epsilon", least=0)

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return {"mean": np.zeros_like(weight), "mean_square": np.zeros_like(weight)}

    def _update(self, g: Array, w: Array, slots: dict[str, Array]) -> None:
        t = self.iterations
        m = _moving_average(slots["mean"], g, self.beta_1)
        v = _moving_average(slots["mean_square"], np.square(g), self.beta_2)
        alpha = self.learning_rate * float(np.sqrt(1 - self.beta_2**t)) / (1 - self.beta_1**t)
        w -= alpha * m / (np.sqrt(v) + self.epsilon)


_BY_NAME: dict[str, type[Optimizer]] = {cls.name: cls for cls in (SGD, RMSprop, Adam)}


def get(identifier: str | Optimizer) -> Optimizer:
    """Return a new optimizer of that name with its defaults; an Optimizer is returned as it is.

    Raises ValueError for a name that does not exist.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if identifier not in _BY_NAME:
        raise ValueError(f"unknown optimizer {identifier!r}: use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[identifier]()  # type: ignore[call-arg]


def _moving_average(average: Array, new: Array, decay: float) -> Array:
    """Update `average` in place to decay * average + (1 - decay) * new, and return it."""
    average *= decay
    average += (1 - decay) * new
    return average


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))


def _in_range(
    value: float,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value`; raise ValueError naming it where it is not a finite number within the bounds."""
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and np.isfinite(value)
    if (
        not number
        or (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    ):
        wanted = " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
        raise ValueError(f"{name} must be a number {wanted}, not {value!r}")
    return float(value)
