"""The loop over time, forward and backward: written once, shared by SimpleRNN, GRU and LSTM.

Notation, here and in every cell: B batch, T time, D features, H units, G gates. We stand at timestep t:
h_prev and c_prev come from t-1. z is a pre-activation. A d before a name is the gradient of the loss with
respect to it: dh is that of h_t, dz that of z.

Inside the loop arrays are time-major and **one sample is one column**: x_t is (D, B), h_t is (H, B), the
pre-activations of G gates are (G*H, B). So the equations read as on paper, z = Wᵀ x_t + b + Uᵀ h_prev, and
each gate is one contiguous block of rows, which is faster than a gate that is a slice of every row.

x_t, a row of ones and h_prev lie in one array, `joined`, and the weights in one matrix, so that one product
per step gives the pre-activations of all gates (the GRU needs more: its reset gate acts inside the sum):

    (T1)  z = matrixᵀ joined_t,   matrix = [kernel; bias; recurrent_kernel],   joined_t = [x_t; 1; h_prev]

h_t is written straight into joined_{t+1}.

Backward, four rules are enough:

    (R1)  y = a ⊙ b           da = dy ⊙ b,   db = dy ⊙ a
    (R2)  y = f(z)            dz = dy ⊙ f'(z)
    (R3)  y = Wᵀ x            dx = W dy,     dW = x dyᵀ, summed over the batch by the product itself
    (R4)  a is used twice     its two gradients add up

(T2) h_t is used twice, for the output y_t and in step t+1. So dh is the part from y_t plus the part carried
back from t+1; step t+1 has to come first, and the loop runs backwards. (T3) The weights are used in every
step, so their gradients are sums over time: dmatrix = Σ_t joined_t dz_tᵀ. They are added up in the loop,
while dz_t is at hand: to keep every dz_t for one large product afterwards gains little and slows long
sequences down. (T4) is the gradient of the input, dx_t = W dz_t; (T5) what a cell carries back, U dz_t.
The candidate of the GRU is the exception to (T1), (T3) and (T5).

docs/bptt.md derives all of it; its equations have the numbers that stand here and in the cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.layers import activations, initializers
from scratch_rnn.layers.base import (
    Array,
    Gradients,
    Layer,
    SeedLike,
    Shape,
    aligned_empty,
    positive_integer,
)

FLUSH_BELOW = 1e13  # times the smallest normal number of a dtype
FLUSH_EVERY = 16  # steps: few enough that a gradient above that seldom gets down to the denormal numbers


class Tape:
    """What a forward pass leaves for the backward pass. A cell's own tape adds the arrays of its gates.

    t counts from 0 in the order of processing.

    joined  (T+1, rows, B)     joined[t] = [x_t; 1; h_{t-1}]; of joined[T] only the last h counts
    dz      (G*H, B)           the gradient of one step's pre-activations, overwritten by the next
    summand like `matrix`      what one step adds to its gradient, likewise. A new array for each step costs
                               much where the system takes its pages back, as it does after Keras has trained
    states  ((T+1, H, B), ...) h, and c for the LSTM; states[k][t] is the state *before* step t, [T] the last
    mask    (T, B) or None     False where a step is skipped
    steps   T objects          the views that a step works on, those of the weights too, made once: slicing in
                               the loop costs time, in which threads wait for each other
    """

    def __init__(self, layer: Recurrent, time: int, batch: int) -> None:
        rows, columns = layer.matrix.shape
        self.layer = layer
        self.matrix = layer.matrix
        self.joined = aligned_empty((time + 1, rows, batch), layer.dtype)
        self.joined[...] = 1
        self.dz = aligned_empty((columns, batch), layer.dtype)
        self.summand = aligned_empty((rows, columns), layer.dtype)
        self.states: tuple[Array, ...] = (self.joined[:, rows - layer.units :],)
        self.mask: Array | None = None
        self.steps: list[Any] = []

    @property
    def shape(self) -> tuple[int, int]:
        """(T, B)."""
        return len(self.joined) - 1, self.joined.shape[2]

    @property
    def seen(self) -> Array:
        """(T, 1, B), True from a sample's first unmasked step on: before it the output is zero."""
        assert self.mask is not None
        return np.logical_or.accumulate(self.mask, axis=0)[:, np.newaxis]

    def fits(self, layer: Recurrent, time: int, batch: int) -> bool:
        """Return whether the memory can serve another forward pass of this layer."""
        return self.layer is layer and self.matrix is layer.matrix and self.shape == (time, batch)


class Recurrent(Layer):
    """Base of the recurrent layers. Arguments, weights and defaults have Keras's names and meaning.

    One argument Keras has not: `bptt_steps=k` truncates backpropagation through time (Williams and Peng
    1990). The sequence is cut, from its end, into windows of k steps; the state is carried on from one to
    the next, its gradient is not. The last output then reaches back exactly k steps; the cost stays O(T).

    A cell adds `gates`, its tape, `step` and `step_backward`. Its weights are views of one matrix: kernel
    (D, G*H), recurrent_kernel (H, G*H) and bias (G*H,).
    """

    gates: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    tape_class: ClassVar[type[Tape]] = Tape

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
        bptt_steps: int | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
        seed: SeedLike = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, seed=seed)
        self.units = positive_integer(units, "units")
        self.features: int | None = None  # known once the layer is built
        self.activation = elementwise_activation(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.bptt_steps = None if bptt_steps is None else positive_integer(bptt_steps, "bptt_steps")

    # What a cell supplies ------------------------------------------------------------------------------

    def step(self, s: Any) -> None:
        """Compute h_t (and c_t) and whatever `step_backward` will read, in place; s holds step t's arrays."""
        raise NotImplementedError

    def step_backward(self, s: Any, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        """Fill in s.dz from the gradients of h_t (and c_t); return those of h_{t-1} (and c_{t-1})."""
        raise NotImplementedError

    def add_weight_gradients(self, s: Any, dmatrix: Array) -> None:
        """Add to dmatrix, which is like `matrix`, what step t contributes: joined_t dz_tᵀ."""
        np.matmul(s.joined, s.dz.T, out=s.summand)  # (T3), one summand
        dmatrix += s.summand  # (T3)

    # The loop over time --------------------------------------------------------------------------------

    def forward(
        self,
        x: Array,
        initial_state: Sequence[Array] | None = None,
        mask: Array | None = None,
        training: bool = False,
        tape: Tape | None = None,
    ) -> tuple[Any, Tape]:
        """Run the sequence x (B, T, D) and return (y, tape).

        y              (B, H), or (B, T, H) with return_sequences; with return_state (y, h) or (y, h, c).
                       In the order of processing: with go_backwards y[:, 0] belongs to the last row of x
        initial_state  (h,) or (h, c), each (B, H); zeros without it
        mask           (B, T) bool: a step that is False carries the state on and repeats the last output,
                       which before a sample's first unmasked step is zero
        training       as in Keras; changes nothing in a layer without dropout
        tape           one from an earlier call, whose memory is used again where it fits; what that call left
                       in it is lost

        Raises ValueError for a shape or dtype that does not fit. No argument is changed, except the tape.
        """
        tape = self._start(x, initial_state, mask, tape)
        for t, s in enumerate(tape.steps):
            self.step(s)
            if tape.mask is not None:
                for state in tape.states:
                    np.copyto(state[t + 1], state[t], where=~tape.mask[t])
        return self._outputs(tape), tape

    def backward(
        self,
        dy: Array | None,
        tape: Tape,
        state_gradient: Sequence[Array | None] | None = None,
        input_gradient: bool = True,
    ) -> Gradients:
        """Backpropagation through time: return the gradients of all that went into `forward`.

        dy              like y without the states, in the same order; None for zeros
        state_gradient  gradients of the final states, like initial_state; None, as a whole or one, for zeros
        input_gradient  False leaves out that of x, which the first layer of a model does not need

        Raises ValueError for a shape, dtype or tape that does not fit. May be called twice on one tape.
        """
        dstate = self._final_state_gradient(state_gradient, tape)
        doutput = self._output_gradient(dy, tape)
        dmatrix, kernel = np.zeros_like(self.matrix), self.kernel
        cuts = self.cuts(len(tape.steps))
        dx = np.empty((len(tape.steps), len(kernel), tape.shape[1]), self.dtype) if input_gradient else None
        for t in reversed(range(len(tape.steps))):
            s = tape.steps[t]
            if (dh_own := doutput[t]) is not None:
                dh_carried, *dc = dstate
                dstate = (dh_own + dh_carried, *dc)  # (T2)
            if tape.mask is None:
                dstate = self.step_backward(s, dstate)
            else:
                dstate = self._masked_step_backward(s, dstate, tape.mask[t])
            if t % FLUSH_EVERY == 0:
                _flush_to_zero(dstate)
            self.add_weight_gradients(s, dmatrix)
            if dx is not None:
                np.matmul(kernel, s.dz, out=dx[t])  # (T4)
            if t in cuts:
                dstate = tuple(np.zeros_like(d) for d in dstate)  # (K1)
        return Gradients(
            None if dx is None else self._processing_order(dx.transpose(2, 0, 1)).copy(),
            tuple(d.T.copy() for d in dstate),
            self._split(dmatrix),
        )

    def cuts(self, time: int) -> range:
        """Return the steps t at whose beginning the gradient ends: T - k, T - 2 k, ...; none without k."""
        return range(time - self.bptt_steps, 0, -self.bptt_steps) if self.bptt_steps else range(0)

    def _masked_step_backward(self, s: Any, dstate: tuple[Array, ...], mask: Array) -> tuple[Array, ...]:
        """A skipped step hands the gradient on untouched; the others go through the cell."""
        through_cell = self.step_backward(s, tuple(d * mask for d in dstate))
        return tuple(through + d * ~mask for through, d in zip(through_cell, dstate, strict=True))

    # Before, between and after -------------------------------------------------------------------------

    def _start(
        self, x: Array, initial_state: Sequence[Array] | None, mask: Array | None, tape: Tape | None
    ) -> Tape:
        """Return a tape that holds x, the initial state and the mask."""
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        self.compute_output_shape(x.shape)  # raises where x does not fit
        x = self._cast(x, "the input", x.shape)
        batch, time = x.shape[:2]
        states = self._checked_states(initial_state, batch, "initial state")
        mask = self._checked_mask(mask, batch, time)
        if tape is None or not tape.fits(self, time, batch):
            tape = self.tape_class(self, time, batch)
        tape.joined[:-1, : self.features] = self._processing_order(x).transpose(1, 2, 0)
        tape.mask = mask
        for own, given in zip(tape.states, states, strict=True):
            own[0] = 0 if given is None else given.T
        return tape

    def _outputs(self, tape: Tape) -> Any:
        h = tape.states[0][1:] if tape.mask is None else tape.states[0][1:] * tape.seen
        y = (h.transpose(2, 0, 1) if self.return_sequences else h[-1].T).copy()  # never a view of the tape
        return (y, *(state[-1].T.copy() for state in tape.states)) if self.return_state else y

    def _output_gradient(self, dy: Array | None, tape: Tape) -> Sequence[Array | None]:
        """Return for each step what its output adds to dh, (H, B), or None for a step without output."""
        time, batch = tape.shape
        if dy is None:
            return [None] * time
        if self.return_sequences:
            dy = self._cast(dy, "the gradient of the output", (batch, time, self.units))
            doutput = np.ascontiguousarray(dy.transpose(1, 2, 0))  # (T, H, B)
            return list(doutput if tape.mask is None else doutput * tape.seen)
        dlast = self._cast(dy, "the gradient of the output", (batch, self.units)).T
        return [*[None] * (time - 1), dlast if tape.mask is None else dlast * tape.seen[-1]]

    def _final_state_gradient(
        self, state_gradient: Sequence[Array | None] | None, tape: Tape
    ) -> tuple[Array, ...]:
        """Return the gradients of the final states, (H, B) each: what step T would carry back."""
        if not isinstance(tape, Tape) or tape.layer is not self:
            raise ValueError(f"backward of layer {self.name!r} needs the tape of its own forward pass")
        batch = tape.shape[1]
        given = self._checked_states(state_gradient, batch, "state gradient")
        return tuple(np.zeros((self.units, batch), self.dtype) if d is None else d.T for d in given)

    def _processing_order(self, x: Array) -> Array:
        """Reverse time, the second axis, where the layer goes backwards; its own inverse."""
        return x[:, ::-1] if self.go_backwards else x

    # Weights -------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(f"layer {self.name!r} needs inputs (batch, time, features), not {input_shape}")
        rng = self._generator(rng)
        columns = len(self.gates) * self.units
        self.features = positive_integer(input_shape[-1], "the number of features")
        bias_rows = int(np.prod(self.bias_shape)) // columns if self.use_bias else 0
        self.matrix = np.empty((self.features + bias_rows + self.units, columns), self.dtype)
        self.kernel[...] = self.kernel_initializer((self.features, columns), rng)
        self.recurrent_kernel[...] = self.recurrent_initializer((self.units, columns), rng)
        if self.bias is not None:
            self.bias[...] = self._initial_bias(rng)
        self.built = True

    def _initial_bias(self, rng: np.random.Generator) -> Array:
        return self.bias_initializer(self.bias_shape, rng)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_shape(input_shape, "the input", (None, None, self.features))
        batch, time, _ = input_shape
        if time == 0:
            raise ValueError(f"the input of layer {self.name!r} has no timesteps: its shape is {input_shape}")
        return (batch, time, self.units) if self.return_sequences else (batch, self.units)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """(G*H,); the GRU may have two biases."""
        return (len(self.gates) * self.units,)

    @property
    def weight_names(self) -> list[str]:
        return ["kernel", "recurrent_kernel", "bias"][: 3 if self.use_bias else 2]

    def _weights(self) -> list[Array]:
        return self._split(self.matrix)

    def _cast_weights(self) -> None:
        if self.built:
            self.matrix = self.matrix.astype(self.dtype)

    @property
    def kernel(self) -> Array:
        """(D, G*H), a view of the matrix."""
        return self._split(self.matrix)[0]

    @property
    def recurrent_kernel(self) -> Array:
        """(H, G*H), a view of the matrix."""
        return self._split(self.matrix)[1]

    @property
    def bias(self) -> Array | None:
        """Like bias_shape, a view of the matrix; None without `use_bias`."""
        return self._split(self.matrix)[2] if self.use_bias else None

    def _split(self, matrix: Array) -> list[Array]:
        """Return kernel, recurrent_kernel and bias as views of the matrix, or of its gradient."""
        bias_ends = len(matrix) - self.units
        parts = [matrix[: self.features], matrix[bias_ends:]]
        if self.use_bias:
            parts.append(matrix[self.features : bias_ends].reshape(self.bias_shape))
        return parts

    # Checks --------------------------------------------------------------------------------------------

    def _checked_states(
        self, states: Sequence[Array | None] | None, batch: int, what: str
    ) -> list[Array | None]:
        """Return one array (B, H), or None for zeros, for each state of the layer."""
        if states is None:
            return [None] * len(self.state_names)
        if len(states) != len(self.state_names):
            expected = f"a tuple of {len(self.state_names)} arrays ({', '.join(self.state_names)})"
            raise ValueError(f"{what} of layer {self.name!r} must be {expected}, not of {len(states)}")
        return [
            None if state is None else self._cast(state, f"{what} {name}", (batch, self.units))
            for name, state in zip(self.state_names, states, strict=True)
        ]

    def _checked_mask(self, mask: Array | None, batch: int, time: int) -> Array | None:
        """Return a copy of the mask as (T, B) in the order of processing."""
        if mask is None:
            return None
        mask = np.asarray(mask)
        if mask.shape != (batch, time) or mask.dtype != bool:
            raise ValueError(
                f"mask of layer {self.name!r} must be bool {(batch, time)}, not {mask.dtype} {mask.shape}"
            )
        return self._processing_order(mask).T.copy()


def _flush_to_zero(arrays: tuple[Array, ...]) -> None:
    """Set numbers below about 1e-25 (float32) or 1e-295 (float64) to zero, in place.

    A gradient that has vanished over hundreds of steps ends in denormal numbers, with which a CPU computes
    some forty times slower. Adding a number and subtracting it again rounds away what is below its last
    digit, and changes no number by more than that.
    """
    for array in arrays:
        limits = np.finfo(array.dtype)
        number = FLUSH_BELOW * limits.tiny / limits.eps
        array += number
        array -= number


def elementwise_activation(identifier: str | activations.Activation | None) -> activations.Activation:
    """Return the activation of that name; raise ValueError for one that a cell cannot use."""
    activation = activations.get(identifier)
    if fault := _fault(activation):
        raise ValueError(f"{activation!r} cannot serve in a recurrent layer: it {fault}")
    return activation


def _fault(activation: activations.Activation) -> str | None:
    """Return what keeps an activation, perhaps one of the user's own, from serving in a cell."""
    if not activation.elementwise:
        return "mixes the units"
    base, own = activations.Activation, type(activation)
    if own.derivative is base.derivative or own.backward is not base.backward:
        return "must define `derivative`, not `backward`"
    z, out = np.zeros(1), np.empty(1)
    if activation(z, out=out) is not out or activation.derivative(z, out=out) is not out:
        return "must write into `out` and return it"
    return None
