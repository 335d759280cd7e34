"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers import activations, initializers
from scratch_rnn.layers.base import Gradients, Layer, SeedLike, Shape, positive_integer
from scratch_rnn.layers.initializers import initial


@dataclass(frozen=True)
class DenseTape:
    """What `Dense.forward` leaves for `backward`: (D + 2 * U) * B numbers for x of shape (B, D).

    x  (..., D) the input itself, not a copy: do not change it before `backward`
    z  (..., U) the pre-activation; the logits where the activation is softmax
    y  (..., U) the output itself
    """

    layer: Dense = field(repr=False)
    x: Array
    z: Array
    y: Array


class Dense(Layer):
    """y = f(x W + b), (D1), on the last axis of x.

    Arguments, weights and defaults have Keras's names and meaning: kernel (D, U), bias (U,). x may be (B, D)
    or (B, T, D): every timestep then meets the same weights.
    """

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        *,
        use_bias: bool = True,
        kernel_initializer: str | Array | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | Array | initializers.Initializer = "zeros",
        dtype: DTypeLike = "float32",
        name: str | None = None,
        seed: SeedLike = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, seed=seed)
        self.units = positive_integer(units, "units")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.features: int | None = None  # known once the layer is built
        self.bias: Array | None = None
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    @property
    def weight_names(self) -> list[str]:
        return ["kernel", "bias"] if self.use_bias else ["kernel"]

    def _weights(self) -> list[Array]:
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(f"layer {self.name!r} needs inputs (batch, ..., features), not {input_shape}")
        rng = self._generator(rng)
        self.features = positive_integer(input_shape[-1], "the number of features")
        self.kernel = initial(self.kernel_initializer, (self.features, self.units), rng).astype(self.dtype)
        self.bias = None
        if self.use_bias:
            self.bias = initial(self.bias_initializer, (self.units,), rng).astype(self.dtype)
        self.built = True

    def _cast_weights(self) -> None:
        if self.built:
            self.kernel = self.kernel.astype(self.dtype)
            self.bias = None if self.bias is None else self.bias.astype(self.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        expected = (*(None,) * max(len(input_shape) - 1, 1), self.features)
        self._check_shape(input_shape, "the input", expected)
        return (*input_shape[:-1], self.units)

    def forward(
        self, x: Array, *, training: bool = False, tape: DenseTape | None = None
    ) -> tuple[Array, DenseTape]:
        """Return y (..., units) and the tape. `training` and an earlier `tape` change nothing here.

        Raises ValueError for an x that does not fit.
        """
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        x = self._cast(x, "the input", (*(None,) * max(x.ndim - 1, 1), self.features))
        z = x @ self.kernel if self.bias is None else x @ self.kernel + self.bias  # (D1)
        y = self.activation(z)
        return y, DenseTape(self, x, z, y)

    def backward(self, dy: Array | None, tape: DenseTape, *, input_gradient: bool = True) -> Gradients:
        """Return the gradients from dy, like y."""
        if not isinstance(tape, DenseTape) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        dy = self._cast(dy, "the gradient of the output", tape.y.shape)
        return self.backward_from_pre_activation(self.activation.backward(dy, tape.y), tape, input_gradient)

    def backward_from_pre_activation(
        self, dz: Array, tape: DenseTape, input_gradient: bool = True
    ) -> Gradients:
        """Return the gradients from dz, like z: where softmax and cross-entropy are differentiated in one."""
        x_rows = tape.x.reshape(-1, tape.x.shape[-1])
        dz_rows = dz.reshape(-1, self.units)
        weights = [x_rows.T @ dz_rows]  # (D2)
        if self.use_bias:
            weights.append(dz_rows.sum(axis=0))  # (D2)
        return Gradients(dz @ self.kernel.T if input_gradient else None, (), weights)  # (D3)
