"""What a layer is: weights of one dtype, a forward pass that leaves a tape, a backward pass that reads it."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array

if TYPE_CHECKING:
    from typing_extensions import Self

Shape = tuple[int | None, ...]
SeedLike = int | np.random.SeedSequence | None

DTYPES = ("float32", "float64", "complex128")


@dataclass(frozen=True)
class Gradients:
    """What `Layer.backward` returns: the gradient of the loss with respect to all that went into `forward`.

    inputs         like x, or None where it was not asked for
    initial_state  like the states: (h,) or (h, c), each (B, H); () for a layer without state
    weights        aligned with `layer.weights`
    """

    inputs: Array | None
    initial_state: tuple[Array, ...]
    weights: list[Array]


class Layer:
    """Base class of the layers.

    `dtype` is "float32", "float64" or, for the complex-step gradient check, "complex128" (forward only).
    `seed` makes the layer's initial weights repeatable; without it they come from the model's seed, and those
    of a layer without a model are different each time. Raises ValueError for another dtype, a seed that is no
    whole number or a name with a slash in it; TypeError for a name that is no text.
    """

    takes_mask: ClassVar[bool] = False  # whether `forward` takes a mask (B, T)

    def __init__(
        self, *, dtype: DTypeLike = "float32", name: str | None = None, seed: SeedLike = None
    ) -> None:
        self.dtype = _checked_dtype(dtype)
        self.name = _snake_case(type(self).__name__) if name is None else _checked_name(name)
        self.seed = _checked_seed(seed)
        self.built = False

    @property
    def weight_names(self) -> list[str]:
        """Names of the weights, in Keras's order."""
        raise NotImplementedError

    @property
    def weights(self) -> list[Array]:
        """The weights themselves, in Keras's order: change them in place and the layer changes.

        Raises ValueError where the layer is not built.
        """
        if not self.built:
            raise ValueError(f"layer {self.name!r} has no weights yet: call build(input_shape) first")
        return self._weights()

    def _weights(self) -> list[Array]:
        raise NotImplementedError

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        """Make the weights for inputs of this shape (batch first, None where unknown).

        The layer's own seed goes before `rng`. Raises ValueError for a shape that does not fit the layer.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of `forward`'s output, batch first, None where unknown.

        Raises ValueError where the layer cannot take such an input.
        """
        raise NotImplementedError

    def forward(self, x: Array, *, training: bool = False, tape: Any = None) -> tuple[Any, Any]:
        """Return (y, tape). `tape`, one from an earlier call, is overwritten and its memory used again."""
        raise NotImplementedError

    def outputs(self, x: Array, **options: Any) -> Any:
        """Return the y of `forward` alone, where no backward pass will follow."""
        return self.forward(x, **options)[0]

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """Return the mask of the output, bool (B, T), from the input and its mask; None where all counts.

        Only layers with `takes_mask` get it in `forward`, too; all others hand it on.
        """
        return mask

    def backward(self, dy: Array | None, tape: Any, *, input_gradient: bool = True) -> Gradients:
        """Return the gradients of all that went into `forward`, from dy, the gradient of y."""
        raise NotImplementedError

    def get_weights(self) -> list[Array]:
        """Return copies of the weights, in Keras's order."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy the given arrays, in Keras's order, into the weights.

        Raises ValueError, and changes nothing, where their number, a shape or a dtype does not fit.
        """
        self.check_weights(weights)
        for own, given in zip(self.weights, weights, strict=True):
            own[...] = given

    def check_weights(self, weights: Sequence[Array]) -> None:
        """Raise ValueError where `set_weights` cannot take these arrays."""
        if not isinstance(weights, Sequence):
            raise TypeError(f"weights must be a list of arrays, not {type(weights).__name__}")
        arrays = [np.asarray(weight) for weight in weights]
        if len(arrays) != len(self.weights):
            raise ValueError(
                f"{self._title} has {len(self.weights)} weights ({', '.join(self.weight_names)}), "
                f"but {len(arrays)} were given"
            )
        for name, own, given in zip(self.weight_names, self.weights, arrays, strict=True):
            if own.shape != given.shape:
                raise ValueError(f"weight {name!r} of {self._title} has shape {own.shape}, not {given.shape}")
            if not np.can_cast(given.dtype, own.dtype, casting="same_kind"):
                raise ValueError(f"weight {name!r} of {self._title} is {own.dtype}, not {given.dtype}")
            if not _fits(given, own.dtype):
                raise ValueError(f"weight {name!r} of {self._title} has numbers that {own.dtype} cannot hold")

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a copy of the layer with its weights in another dtype, complex128 for the complex step."""
        other = copy.deepcopy(self)
        other.dtype = _checked_dtype(dtype)
        other._cast_weights()
        return other

    def _cast_weights(self) -> None:
        """Bring the weights, if there are any yet, to the layer's dtype."""
        raise NotImplementedError

    def count_params(self) -> int:
        """Return the number of entries of all weights."""
        return sum(weight.size for weight in self.weights)

    @property
    def _title(self) -> str:
        """What messages call it."""
        return f"layer {self.name!r}"

    def _generator(self, rng: np.random.Generator | None) -> np.random.Generator:
        if self.seed is not None or rng is None:
            return np.random.default_rng(self.seed)
        return rng

    def _check_shape(self, shape: Shape, name: str, expected: Shape) -> None:
        """Raise ValueError where a shape does not fit; None stands for any size."""
        fits = len(shape) == len(expected) and all(
            size == wanted or size is None or wanted is None
            for size, wanted in zip(shape, expected, strict=True)
        )
        if not fits:
            raise ValueError(f"{name} of layer {self.name!r} has shape {shape}, expected {_show(expected)}")

    def _cast(self, array: Any, name: str, expected: Shape) -> Array:
        """Return `array` in the layer's dtype, or raise ValueError where its shape or dtype does not fit."""
        array = np.asarray(array)
        self._check_shape(array.shape, name, expected)
        if not np.can_cast(array.dtype, self.dtype, casting="same_kind"):
            raise ValueError(
                f"{name} of layer {self.name!r} is {array.dtype}, which does not fit {self.dtype}"
            )
        return array.astype(self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, {self.dtype}>"


def parts_of(layer: Layer) -> list[Layer]:
    """Return the layer, or those that a model or another layer is made of, to the innermost."""
    inside: list[Layer] = getattr(layer, "layers", [])
    return [part for each in inside for part in parts_of(each)] if inside else [layer]


def positive_integer(value: Any, name: str) -> int:
    """Return `value` as an int; raise ValueError naming it where it is not a whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a whole number above zero, not {value!r}")
    return int(value)


def natural_number(value: Any, name: str) -> int:
    """Return `value` as an int; raise ValueError naming it where it is no whole number, zero or above."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{name} must be a whole number, zero or above, not {value!r}")
    return int(value)


def _fits(array: Array, dtype: np.dtype[Any]) -> bool:
    """Return whether what is finite in an array stays so in another dtype."""
    if np.can_cast(array.dtype, dtype):
        return True
    with np.errstate(over="ignore"):
        return bool((np.isfinite(array.astype(dtype)) | ~np.isfinite(array)).all())


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = np.dtype(object)
    if dtype is not None and checked.name in DTYPES:  # np.dtype(None) would be float64
        return checked
    raise ValueError(f"unknown dtype {dtype!r}: use one of {', '.join(DTYPES)}")


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a layer must be a text, not {name!r}")
    if "/" in name:  # stands between a layer and its weight
        raise ValueError(f"the name of a layer must not have a slash in it, not {name!r}")
    return name


def _checked_seed(seed: Any) -> SeedLike:
    if seed is None or isinstance(seed, np.random.SeedSequence):
        return seed
    return natural_number(seed, "seed")


def _show(shape: Shape) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
