"""Activation functions, each with its derivative.

The derivative is expressed through the *output* y = f(z), because the output is what the forward pass keeps:
tanh'(z) = 1 - tanh(z)² = 1 - y². Handing it the pre-activation z instead is a classic mistake.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scratch_rnn.arrays import Array


class Activation:
    """A function y = f(z) and its derivative. `name` is Keras's name of it.

    A function of one's own defines `__call__` and `derivative`, and both write into `out` where it is given.
    One that mixes the units, as softmax does, sets `elementwise` to False and defines `backward` in place of
    `derivative`; it can serve in Dense, but not in a recurrent layer.
    """

    name = "activation"
    elementwise = True

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        """Return y = f(z), like z; written into `out` where given, which may be z itself."""
        raise NotImplementedError

    def derivative(self, y: Array, out: Array | None = None) -> Array:
        """Return f'(z), like y, from the **output** y = f(z).

        Written into `out` where given, which must not be y itself.
        """
        raise NotImplementedError

    def backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """Return dz, the gradient of the pre-activation, like y, from dy and the **output** y = f(z).

        Written into `out` where given, which may be dy itself.
        """
        return np.multiply(dy, self.derivative(y), out=out)  # (R2)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Linear(Activation):
    """y = z."""

    name = "linear"

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        return np.positive(z, out=out)

    def derivative(self, y: Array, out: Array | None = None) -> Array:
        out = np.empty_like(y) if out is None else out
        out[...] = 1
        return out


class Tanh(Activation):
    """y = tanh(z), dy/dz = 1 - y² (A1)."""

    name = "tanh"

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        return np.tanh(z, out=out)

    def derivative(self, y: Array, out: Array | None = None) -> Array:
        squared = np.multiply(y, y, out=out)
        return np.subtract(1, squared, out=squared)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-z)), dy/dz = y (1 - y) (A2).

    Not (1 + tanh(z / 2)) / 2: where y is small, that has only the digits which 1 + y leaves of it.
    """

    name = "sigmoid"

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        y = np.maximum(z, _least_logits(z.shape, z.dtype), out=out)  # exp(-z) cannot overflow
        np.negative(y, out=y)
        np.exp(y, out=y)
        y += 1
        return np.divide(1, y, out=y)  # faster than np.reciprocal

    def derivative(self, y: Array, out: Array | None = None) -> Array:
        product = np.subtract(1, y, out=out)
        product *= y
        return product


class ReLU(Activation):
    """y = max(z, 0), dy/dz = 1 where y > 0, else 0, also at z = 0, as in Keras (A3)."""

    name = "relu"

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        # NumPy orders complex numbers by their real part first: the complex step passes through unharmed.
        return np.maximum(z, 0, out=out)

    def derivative(self, y: Array, out: Array | None = None) -> Array:
        out = np.empty_like(y) if out is None else out
        return np.greater(y, 0, out=out)


class Softmax(Activation):
    """y_k = exp(z_k) / Σ_j exp(z_j) over the last axis, dz = y (dy - Σ_j dy_j y_j) (A4)."""

    name = "softmax"
    elementwise = False

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        y = np.subtract(z, z.real.max(axis=-1, keepdims=True), out=out)  # exp cannot overflow
        np.exp(y, out=y)
        y /= y.sum(axis=-1, keepdims=True)
        return y

    def backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        return np.multiply(y, dy - (dy * y).sum(axis=-1, keepdims=True), out=out)


@lru_cache(maxsize=16)
def _least_logits(shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return the whole number at which σ is about the least normal number, 1.6e-38 in float32, in an array.

    With an array NumPy's maximum takes a third of the time that it takes with a number.
    """
    number = np.finfo(np.result_type(dtype, np.float32))
    least = np.full(shape, np.ceil(np.log(number.tiny)), number.dtype)
    least.flags.writeable = False
    return least


NAMES: dict[str, Activation] = {cls.name: cls() for cls in (Linear, Tanh, Sigmoid, ReLU, Softmax)}


def get(identifier: str | Activation | None) -> Activation:
    """Return the activation of that name; None means linear, an Activation is returned as it is.

    Raises ValueError for a name that does not exist.
    """
    if isinstance(identifier, Activation):
        return identifier
    if identifier is None:
        return NAMES["linear"]
    if identifier not in NAMES:
        raise ValueError(f"unknown activation {identifier!r}: use one of {', '.join(NAMES)}, or None")
    return NAMES[identifier]


def for_cell(identifier: str | Activation | None) -> Activation:
    """Return the activation of that name; raise ValueError for one that a recurrent layer cannot use."""
    activation = get(identifier)
    if fault := _fault(activation):
        raise ValueError(f"{activation!r} cannot serve in a recurrent layer: it {fault}")
    return activation


def _fault(activation: Activation) -> str | None:
    """Return what keeps an activation, perhaps one of the user's own, from serving in a cell."""
    if not activation.elementwise:
        return "mixes the units"
    own = type(activation)
    if own.derivative is Activation.derivative or own.backward is not Activation.backward:
        return "must define `derivative`, not `backward`"
    z, out = np.zeros(1), np.empty(1)
    if activation(z, out=out) is not out or activation.derivative(z, out=out) is not out:
        return "must write into `out` and return it"
    return None
