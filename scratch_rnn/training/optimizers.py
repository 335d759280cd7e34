"""Optimizers with Keras's names, defaults and formulas; `apply` changes the weights in place.

docs/optimizers.md says what each is for and derives it; its equations have the numbers that stand here, (E1)
to (E20). w is a weight, g the gradient of the loss with respect to it, η the learning rate, and t the number
of the step, from 1. All is entry by entry: an optimizer does not know which weights belong to one matrix.
Rates and shares are Python's floats, which leave float32 what it is; one of NumPy's would make it float64.

Keras rounds some of its constants (momentum, weight decay, Adam's beta powers) through float32 even when it
computes in float64. These here stay exact: with constants that float32 cannot hold, such as 0.9, the two
libraries differ by more than the rounding of float64. A momentum of 0.9 is off by 2.4e-8; 0.999 by 1.3e-8,
which is 1.3e-5 of 1 - 0.999, and Adam takes its root: each step is off by up to 6.5e-6 of its length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.optimizer_base import Optimizer
from scratch_rnn.training.ranges import in_range
from scratch_rnn.training.schedules import LearningRateSchedule

Rate = float | LearningRateSchedule


class SGD(Optimizer):
    """Gradient descent:  w -= η g, (E1).

    With a momentum μ it keeps a velocity:  v = μ v - η g,  w += v, (E2) and (E3) (Polyak 1964); with
    `nesterov` w moves by what the next step would carry on, too:  w += μ v - η g, (E4).
    """

    name = "sgd"

    def __init__(
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = in_range(momentum, "momentum", least=0, most=1)
        self.nesterov = nesterov

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return {"velocity": np.zeros_like(weight)} if self.momentum else {}

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        step = rate * g  # (E1): η g
        if not self.momentum:
            w -= step  # (E1)
            return
        v = slots["velocity"]
        v *= self.momentum  # (E2): μ v
        v -= step  # (E2)
        w += self.momentum * v - step if self.nesterov else v  # (E4), or (E3)


class RMSprop(Optimizer):
    """Hinton's RMSprop:  v = ρ v + (1 - ρ) g²,  w -= η g / sqrt(v + ε), (E7) and (E8), ε inside the root.

    `centered` subtracts the square of the mean gradient from v, which estimates the variance instead, (E9);
    with a `momentum` μ the quotients add up:  u = μ u + η g / sqrt(...),  w -= u, (E10).
    """

    name = "rmsprop"

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = in_range(rho, "rho", least=0, most=1)
        self.momentum = in_range(momentum, "momentum", least=0, most=1)
        self.epsilon = in_range(epsilon, "epsilon", least=0)
        self.centered = centered

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        names = ["mean_square"] + ["mean"] * self.centered + ["momentum"] * (self.momentum > 0)
        return {name: np.zeros_like(weight) for name in names}

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        v = _moving_average(slots["mean_square"], np.square(g), self.rho)  # (E7)
        if self.centered:
            v = v - np.square(_moving_average(slots["mean"], g, self.rho))  # (E9)
        step = rate * g / np.sqrt(v + self.epsilon)  # (E8): η g / sqrt(v + ε)
        if self.momentum:
            u = slots["momentum"]
            u *= self.momentum  # (E10): μ u
            u += step  # (E10)
            step = u
        w -= step  # (E8), or (E10)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1 in the form that ends section 2), (E11) to (E15):

    m = β₁ m + (1 - β₁) g,  v = β₂ v + (1 - β₂) g²,  w -= η sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (sqrt(v) + ε)

    m and v begin with zeros and are too small at first; the two powers make up for that, (E13).
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = in_range(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = in_range(beta_2, "beta_2", least=0, below=1)
        self.epsilon = in_range(epsilon, "epsilon", least=0)

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return {"mean": np.zeros_like(weight), "mean_square": np.zeros_like(weight)}

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        t = self.iterations
        m = _moving_average(slots["mean"], g, self.beta_1)  # (E11)
        v = _moving_average(slots["mean_square"], np.square(g), self.beta_2)  # (E12)
        alpha = rate * float(np.sqrt(1 - self.beta_2**t)) / (1 - self.beta_1**t)  # (E14)
        w -= alpha * m / (np.sqrt(v) + self.epsilon)  # (E15)


class AdamW(Adam):
    """Adam(weight_decay=0.004): a decay apart from the gradient, (E16) (Loshchilov and Hutter 2019)."""

    name = "adamw"

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        decay = in_range(weight_decay, "weight_decay", least=0)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay=decay, **options)


class Nadam(Adam):
    """Adam with Nesterov's momentum (Dozat 2016), (E17) to (E19); m and v are Adam's:

    μₜ = β₁ (1 - 0.96ᵗ / 2),  m̂ = μₜ₊₁ m / (1 - μ₁ ⋯ μₜ₊₁) + (1 - μₜ) g / (1 - μ₁ ⋯ μₜ),  v̂ = v / (1 - β₂ᵗ),
    w -= η m̂ / (sqrt(v̂) + ε)
    """

    name = "nadam"

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return super()._new_slots(weight) | {"momenta": np.ones(())}  # μ₁ ⋯ μₜ

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        t = self.iterations
        m = _moving_average(slots["mean"], g, self.beta_1)  # (E11)
        v = _moving_average(slots["mean_square"], np.square(g), self.beta_2)  # (E12)
        now, ahead = self._momentum(t), self._momentum(t + 1)
        slots["momenta"] *= now  # (E18): μ₁ ⋯ μₜ
        momenta = float(slots["momenta"])  # (E18): the same as a number
        of_mean, of_gradient = ahead / (1 - momenta * ahead), (1 - now) / (1 - momenta)  # (E18)
        root = np.sqrt(v / (1 - self.beta_2**t))  # (E13), its root
        w -= rate * (of_mean * m + of_gradient * g) / (root + self.epsilon)  # (E18), (E19)

    def _momentum(self, t: int) -> float:
        """Return μₜ, which rises from β₁ / 2 to β₁ in some hundred steps."""
        return self.beta_1 * (1 - 0.5 * 0.96**t)  # (E17)


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer 2011):  a = a + g²,  w -= η g / sqrt(a + ε), (E5) and (E6).

    a begins with initial_accumulator_value, and ε stands inside the root.
    """

    name = "adagrad"

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = in_range(
            initial_accumulator_value, "initial_accumulator_value", least=0
        )
        self.epsilon = in_range(epsilon, "epsilon", least=0)

    def _new_slots(self, weight: Array) -> dict[str, Array]:
        return {"sum_of_squares": np.full_like(weight, self.initial_accumulator_value)}

    def _update(self, g: Array, w: Array, slots: dict[str, Array], rate: float) -> None:
        a = slots["sum_of_squares"]
        a += np.square(g)  # (E5)
        w -= rate * g / np.sqrt(a + self.epsilon)  # (E6)


_BY_NAME: dict[str, type[Optimizer]] = {cls.name: cls for cls in (SGD, RMSprop, Adam, AdamW, Nadam, Adagrad)}


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
