"""Weight initializers with Keras's names, defaults and formulas.

An initializer is called with a shape and a random generator and returns a float64 array; the layer casts it
to its own dtype. TensorFlow's random streams cannot be reproduced: equal seeds mean equal weights within
scratch_rnn only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from scratch_rnn.arrays import Array

Shape = tuple[int, ...]
Initializer = Callable[[Shape, np.random.Generator], Array]

MODES = ("fan_in", "fan_out", "fan_avg")  # what VarianceScaling divides by


@dataclass(frozen=True)
class Zeros:
    """All zeros."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones:
    """All ones."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.ones(shape)


@dataclass(frozen=True)
class RandomNormal:
    """Normal with the given mean and standard deviation."""

    mean: float = 0.0
    stddev: float = 0.05

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return rng.normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class RandomUniform:
    """Uniform between minval and maxval."""

    minval: float = -0.05
    maxval: float = 0.05

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return rng.uniform(self.minval, self.maxval, shape)


@dataclass(frozen=True)
class TruncatedNormal:
    """Normal with the given mean and, before what lies two of them off is drawn anew, standard deviation."""

    mean: float = 0.0
    stddev: float = 0.05

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        z = rng.normal(size=shape)
        while (outside := np.abs(z) > 2).any():
            z[outside] = rng.normal(size=np.count_nonzero(outside))
        return self.mean + self.stddev * z


@dataclass(frozen=True)
class VarianceScaling:
    """Random with mean 0 and variance scale / n, n the fan_in, the fan_out, or their mean, "fan_avg".

    The distribution is "truncated_normal", "untruncated_normal" or "uniform". Raises ValueError for another
    mode or distribution, and for a scale that is not above zero.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"scale must be above zero, not {self.scale!r}")
        if self.mode not in MODES:
            raise ValueError(f"unknown mode {self.mode!r}: use one of {', '.join(MODES)}")
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"unknown distribution {self.distribution!r}: use one of {', '.join(DISTRIBUTIONS)}"
            )

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        fan_in, fan_out = _matrix_shape(shape, type(self).__name__)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        return np.sqrt(self.scale / n) * DISTRIBUTIONS[self.distribution](shape, rng)


@dataclass(frozen=True)
class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 12)."""

    scale: float = field(default=1.0, init=False)
    mode: str = field(default="fan_avg", init=False)
    distribution: str = field(default="truncated_normal", init=False)


@dataclass(frozen=True)
class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / fan_in, for relu (He et al. 2015, equation 10)."""

    scale: float = field(default=2.0, init=False)
    mode: str = field(default="fan_in", init=False)
    distribution: str = field(default="truncated_normal", init=False)


@dataclass(frozen=True)
class HeUniform(HeNormal):
    """Uniform with variance 2 / fan_in."""

    distribution: str = field(default="uniform", init=False)


@dataclass(frozen=True)
class LecunNormal(VarianceScaling):
    """Truncated normal with variance 1 / fan_in (LeCun et al. 1998, section 4.6)."""

    scale: float = field(default=1.0, init=False)
    mode: str = field(default="fan_in", init=False)
    distribution: str = field(default="truncated_normal", init=False)


@dataclass(frozen=True)
class LecunUniform(LecunNormal):
    """Uniform with variance 1 / fan_in."""

    distribution: str = field(default="uniform", init=False)


@dataclass(frozen=True)
class GlorotUniform:
    """Uniform within ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16).

    A recurrent kernel of shape (D, G*H) is taken whole, as in Keras: fan_out counts all gates.
    """

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        fan_in, fan_out = _matrix_shape(shape, "glorot_uniform")
        limit = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Orthogonal:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).

    A recurrent kernel of shape (H, G*H) is taken whole, as in Keras: its rows are orthonormal, the block of
    a single gate is not orthogonal.
    """

    gain: float = 1.0

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        rows, columns = _matrix_shape(shape, "orthogonal")
        q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # makes the distribution uniform over all orthogonal matrices
        return self.gain * (q if rows >= columns else q.T)


@dataclass(frozen=True)
class Identity:
    """`gain` times the identity matrix (ones on the main diagonal where the shape is not square)."""

    gain: float = 1.0

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return self.gain * np.eye(*_matrix_shape(shape, "identity"))


@dataclass(frozen=True)
class UnitForgetBias:
    """Ones for the forget gate, the second block of `units` entries; the rest from another initializer."""

    others: Initializer
    units: int

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        bias = self.others(shape, rng).copy()
        bias[self.units : 2 * self.units] = 1
        return bias


@dataclass(frozen=True, eq=False)
class Constant:
    """A given number everywhere, or a given array of the weight's shape."""

    value: float | Array = 0.0

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        array = np.asarray(self.value)
        if array.ndim == 0:
            return np.full(shape, array)
        if array.shape != shape:
            raise ValueError(f"initializer array has shape {array.shape}, but the weight has {shape}")
        return array


# The variance of a standard normal number that lies between -2 and 2.
_TRUNCATED_VARIANCE = 1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
DISTRIBUTIONS: dict[str, Initializer] = {  # with mean 0 and variance 1
    "truncated_normal": TruncatedNormal(0.0, 1 / math.sqrt(_TRUNCATED_VARIANCE)),
    "untruncated_normal": RandomNormal(0.0, 1.0),
    "uniform": RandomUniform(-math.sqrt(3), math.sqrt(3)),
}

_BY_NAME: dict[str, Initializer] = {
    "zeros": Zeros(),
    "ones": Ones(),
    "random_normal": RandomNormal(),
    "random_uniform": RandomUniform(),
    "truncated_normal": TruncatedNormal(),
    "variance_scaling": VarianceScaling(),
    "glorot_normal": GlorotNormal(),
    "glorot_uniform": GlorotUniform(),
    "he_normal": HeNormal(),
    "he_uniform": HeUniform(),
    "lecun_normal": LecunNormal(),
    "lecun_uniform": LecunUniform(),
    "orthogonal": Orthogonal(),
    "identity": Identity(),
}


def get(identifier: str | Array | Initializer) -> Initializer:
    """Return the initializer of that name or class, one that gives that array, or the callable as it is.

    Raises ValueError for a name that does not exist, TypeError for anything else.
    """
    if isinstance(identifier, type):
        return get(identifier())
    if isinstance(identifier, np.ndarray):
        return Constant(identifier)
    if isinstance(identifier, str):
        if identifier not in _BY_NAME:
            raise ValueError(f"unknown initializer {identifier!r}: use {', '.join(_BY_NAME)}, or an array")
        return _BY_NAME[identifier]
    if callable(identifier):
        return identifier
    raise TypeError(f"initializer must be a name, an array or a callable, not {type(identifier).__name__}")


def initial(initializer: Initializer, shape: Shape, rng: np.random.Generator) -> Array:
    """Return what an initializer, perhaps one of the user's own, makes for a weight of this shape.

    Raises ValueError where that is no array of numbers of the shape.
    """
    array = np.asarray(initializer(shape, rng))
    if array.shape != shape or array.dtype.kind not in "biufc":
        raise ValueError(f"{initializer!r} made {array.dtype} {array.shape}, expected numbers {shape}")
    return array


def _matrix_shape(shape: Shape, name: str) -> tuple[int, int]:
    if len(shape) != 2:
        raise ValueError(f"{name} makes matrices only, not an array of shape {shape}")
    return shape[0], shape[1]
