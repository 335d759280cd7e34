"""What a recurrent layer is made of: its options and its weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers import activations, initializers
from scratch_rnn.layers.base import Layer, SeedLike, Shape, positive_integer
from scratch_rnn.layers.dropout import checked_rate
from scratch_rnn.layers.initializers import initial
from scratch_rnn.layers.tape import Step


class RecurrentWeights(Layer):
    """Options and weights of a recurrent layer, with Keras's names, defaults and meaning.

    units               H
    activation          φ of the equations
    use_bias            whether there is a b
    kernel_initializer, recurrent_initializer, bias_initializer
                        a name, an array or a function of shape and random generator
    return_sequences    y has every h_t (B, T, H), not the last one alone (B, H)
    return_state        forward returns (y, h) or (y, h, c) in place of y
    go_backwards        the sequence is read from its end; y is in the order of processing
    zero_output_for_mask
                        y is zero at masked timesteps, where it else repeats the output before
    stateful            each batch begins with the states that the one before has left, sample by sample,
                        until `reset_states`; all batches then have the same size
    dropout             in training this share of the inputs is left out, by one mask for all timesteps
    recurrent_dropout   likewise of h_prev; LSTM and GRU then have masks for each gate, of the inputs too
    bptt_steps          not in Keras: k truncates backpropagation through time (Williams and Peng 1990). The
                        sequence is cut, from its end, into windows of k steps; the state is carried on from
                        one to the next, its gradient is not. The last output then reaches back exactly k
                        steps; the cost stays O(T)
    checkpoint_every    not in Keras: with k, longer sequences leave on the tape the states at every k-th step
                        only, and the backward pass computes those between anew (Chen et al. 2016): the same
                        bits; with k near sqrt(T) memory grows as sqrt(T) does, time by a forward pass

    The weights are views of one matrix: kernel (D, G*H), recurrent_kernel (H, G*H) and bias (G*H,), with G
    the number of blocks of z. Those that a cell's Step declares with `weight` follow, under their names.
    Raises ValueError or TypeError for an option that does not exist or is out of range.
    """

    step_class: ClassVar[type[Step]]
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    recurrent: ClassVar[bool] = True  # False: no matrix meets h_prev, and there is no recurrent_kernel
    # What figures show of a timestep, by the names of the Step, and in words.
    gates: ClassVar[dict[str, str]] = {}  # from 0 to 1
    signals: ClassVar[dict[str, str]] = {"h": "hidden state"}  # of either sign

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        *,
        use_bias: bool = True,
        kernel_initializer: str | Array | initializers.Initializer = "glorot_uniform",
        recurrent_initializer: str | Array | initializers.Initializer = "orthogonal",
        bias_initializer: str | Array | initializers.Initializer = "zeros",
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bptt_steps: int | None = None,
        checkpoint_every: int | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
        seed: SeedLike = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, seed=seed)
        _check_cell(type(self))
        self.units = positive_integer(units, "units")
        self.features: int | None = None  # known once the layer is built
        self.activation = activations.for_cell(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.zero_output_for_mask = zero_output_for_mask
        self.stateful = stateful
        self.dropout = checked_rate(dropout, "dropout")
        self.recurrent_dropout = checked_rate(recurrent_dropout, "recurrent_dropout")
        self.bptt_steps = None if bptt_steps is None else positive_integer(bptt_steps, "bptt_steps")
        self.checkpoint_every = (
            None if checkpoint_every is None else positive_integer(checkpoint_every, "checkpoint_every")
        )

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(f"layer {self.name!r} needs inputs (batch, time, features), not {input_shape}")
        rng = self._generator(rng)
        self.features = positive_integer(input_shape[-1], "the number of features")
        bias_rows = int(np.prod(self.bias_shape)) // self.columns if self.use_bias else 0
        past_rows = self.units if self.recurrent else 0
        self.matrix = np.empty((self.features + bias_rows + past_rows, self.columns), self.dtype)
        self.kernel[...] = initial(self.kernel_initializer, self.kernel.shape, rng)
        if self.recurrent:
            self.recurrent_kernel[...] = initial(self.recurrent_initializer, self.recurrent_kernel.shape, rng)
        if self.bias is not None:
            self.bias[...] = initial(self.bias_initializer, self.bias_shape, rng)
        self.own_weights = {
            own.name: initializers.get(own.initializer)((own.blocks * self.units, 1), rng).astype(self.dtype)
            for own in self.step_class.own_weights()
        }
        self.built = True

    @property
    def columns(self) -> int:
        """G*H."""
        return len(self.step_class.dz.blocks) * self.units

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The number of units of each state."""
        return (self.units,) * len(self.state_names)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """(G*H,); the GRU may have two biases."""
        return (self.columns,)

    @property
    def input_rows(self) -> int:
        """How many rows of the matrix meet x_t and the 1 behind it; the others meet the past."""
        assert self.features is not None
        return self.features + int(self.use_bias)

    @property
    def kernel_rows(self) -> slice:
        """Which rows of the matrix are the kernel."""
        return slice(0, self.features)

    @property
    def recurrent_kernel_rows(self) -> slice:
        """Which are the recurrent kernel, the last; none for a cell without one."""
        rows = len(self.matrix)
        return slice(rows - self.units if self.recurrent else rows, rows)

    @property
    def joined_rows(self) -> int:
        """The rows of [x_t; 1; h_prev]; h_prev lies there also where no matrix meets it."""
        return len(self.matrix) + (0 if self.recurrent else self.units)

    @property
    def weight_names(self) -> list[str]:
        recurrent, bias = ["recurrent_kernel"] * self.recurrent, ["bias"] * self.use_bias
        return ["kernel", *recurrent, *bias, *(own.name for own in self.step_class.own_weights())]

    def _weights(self) -> list[Array]:
        return self._with_own(self.matrix, list(self.own_weights.values()))

    def _with_own(self, matrix: Array, own: list[Array]) -> list[Array]:
        """Return in the order of `weights` the parts of a matrix and a cell's own, weights or gradients."""
        kernel, recurrent_kernel, *bias = self._split(matrix)
        return [kernel, *[recurrent_kernel] * self.recurrent, *bias, *own]

    def _split(self, matrix: Array) -> list[Array]:
        """Return kernel, recurrent_kernel and bias as views of the matrix, or of its gradient."""
        parts = [matrix[self.kernel_rows], matrix[self.recurrent_kernel_rows]]
        if self.use_bias:
            bias = matrix[self.features : self.recurrent_kernel_rows.start]
            parts.append(bias.reshape(self.bias_shape))
        return parts

    def _cast_weights(self) -> None:
        if self.built:
            self.matrix = self.matrix.astype(self.dtype)
            self.own_weights = {name: own.astype(self.dtype) for name, own in self.own_weights.items()}

    @property
    def kernel(self) -> Array:
        """(D, G*H), a view of the matrix."""
        return self._split(self.matrix)[0]

    @property
    def recurrent_kernel(self) -> Array:
        """(H, G*H), a view of the matrix; (0, G*H) for a cell without one."""
        return self._split(self.matrix)[1]

    @property
    def bias(self) -> Array | None:
        """Like bias_shape, a view of the matrix; None without `use_bias`."""
        return self._split(self.matrix)[2] if self.use_bias else None


def _check_cell(cell: type[RecurrentWeights]) -> None:
    """Raise TypeError where the declarations of a cell, perhaps a user's own, do not fit together."""
    name, step = cell.__name__, getattr(cell, "step_class", None)
    if not (isinstance(step, type) and issubclass(step, Step)):
        raise TypeError(f"{name} needs a step_class, a subclass of Step, not {step!r}")
    if list(cell.state_names) != step.states():
        raise TypeError(
            f"state_names of {name} are {cell.state_names}, but {step.__name__} declares the states "
            f"{tuple(step.states())}: both must have the same in this order, h first"
        )
    declared = step.declared()
    before = [f"{state}_prev" for state in cell.state_names]
    if missing := [part for part in ("dz", *before, *cell.gates, *cell.signals) if part not in declared]:
        raise TypeError(
            f"{step.__name__} does not declare {', '.join(missing)}: a Step has dz, the states before the "
            f"timestep, such as c_prev, and what {name} names in gates and signals"
        )
    if "h" not in cell.signals:
        raise TypeError(f"signals of {name} must name h, which figures show of every cell")
    names = ["kernel", "recurrent_kernel", "bias", *(own.name for own in step.own_weights())]
    if len(set(names)) < len(names):
        raise TypeError(f"two weights of {step.__name__} have one name: {', '.join(names)}")
