"""A stack of layers: Sequential, forward and back. compiled.py has evaluate and predict, trainer.py fit."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Gradients, Layer, Shape, natural_number, parts_of
from scratch_rnn.layers.dense import Dense
from scratch_rnn.layers.place import at
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.training import losses, saving
from scratch_rnn.training.samples import Samples
from scratch_rnn.training.shards import BatchResult, Memory, Shard
from scratch_rnn.training.trainer import Trainer
from scratch_rnn.training.weighting import weighted

if TYPE_CHECKING:
    from typing_extensions import Self


class Tapes(list[Any]):
    """The tapes of a model's layers. `mask` says which timesteps of the output count, (B, T), if not all."""

    mask: Array | None = None


class Sequential(Trainer):
    """Layers one after another, and called as a layer is; with Keras's methods, names, defaults and meaning.

    `seed` makes the initial weights and the order of the rows in `fit` repeatable, bit for bit and on any
    number of threads or processes. Inputs are float, or uint8, which is scaled to [0, 1] batch by batch;
    other integers are used as they are, with a warning where they look like pixels. The dtype is that of the
    layers.
    """

    def __init__(
        self, layers: Sequence[Layer] = (), seed: int | None = None, name: str = "sequential"
    ) -> None:
        super().__init__(name=name, seed=seed)
        self.layers: list[Layer] = []
        self.input_shape: Shape | None = None  # batch first, as the weights were made for
        if seed is not None:
            seed = natural_number(seed, "seed")
        weights_seed, shuffle_seed, draws_seed = np.random.SeedSequence(seed).spawn(3)
        self._weights_rng = np.random.default_rng(weights_seed)
        self._shuffle_rng = np.random.default_rng(shuffle_seed)
        self._draws_seed = int(draws_seed.generate_state(1, np.uint64)[0])  # of what layers draw in training
        if isinstance(layers, Layer):
            raise TypeError("a Sequential is made of a list of layers: write [layer]")
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer; one whose name is taken gets a number behind it.

        Raises TypeError for anything else, ValueError for a layer that does not fit here.
        """
        if not isinstance(layer, Layer):
            raise TypeError(f"a Sequential is made of layers, not of {type(layer).__name__}")
        if isinstance(layer, Sequential):
            raise TypeError("a Sequential cannot stand in another: add its layers one by one")
        if getattr(layer, "return_state", False) or getattr(layer, "merge_mode", "") is None:
            option = "return_state" if getattr(layer, "return_state", False) else "merge_mode=None"
            raise ValueError(f"layer {layer.name!r} has {option}: a Sequential passes on one array only")
        if layer in self.layers:
            raise ValueError(f"layer {layer.name!r} is in this model already")
        if self.layers and layer.dtype != self.dtype:
            raise ValueError(f"layer {layer.name!r} is {layer.dtype}, but the model is {self.dtype}")
        self.dtype = layer.dtype
        layer.name = _unused_name(layer.name, {other.name for other in self.layers})
        self.layers.append(layer)
        self.built = False

    def build(self, input_shape: Shape, rng: np.random.Generator | None = None) -> None:
        """Make the weights of all layers for inputs of this shape, batch first, such as (None, 28, 28).

        Raises ValueError where a layer cannot take what the one before it gives; layers that have weights
        already keep them.
        """
        if not self.layers:
            raise ValueError("this model has no layers")
        self.input_shape = (None, *input_shape[1:])
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape, self._weights_rng if rng is None else rng)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the last layer's output, batch first, None where unknown."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def reset_states(self) -> None:
        """Have stateful layers begin with zeros again."""
        for layer in self._stateful():
            layer.reset_states()

    def _stateful(self) -> list[Recurrent]:
        """Return the layers that begin where the batch before has ended."""
        parts = (part for layer in self.layers for part in parts_of(layer))
        return [part for part in parts if isinstance(part, Recurrent) and part.stateful]

    # Forward, and back ---------------------------------------------------------------------------------

    def forward(
        self, x: Array, *, training: bool = False, tape: list[Any] | None = None
    ) -> tuple[Array, list[Any]]:
        """Run x through all layers; return (y, a list of their tapes). Earlier tapes are used again."""
        if not self.built:
            self.build(np.shape(x))
        x = _scaled(np.asarray(x), self.dtype)
        tapes = Tapes()
        for layer, earlier in zip(self.layers, tape or [None] * len(self.layers), strict=True):
            y, layer_tape = layer.forward(x, training=training, tape=earlier, **_options(layer, tapes.mask))
            tapes.mask = layer.compute_mask(x, tapes.mask)
            tapes.append(layer_tape)
            x = y
        return x, tapes

    def _shard_gradients(self, shard: Shard, memory: Memory) -> BatchResult:
        """Return loss and metrics of some rows of a batch, and their share of its gradients.

        Forward through all layers to the loss, from the loss to the last layer, through the layers back.
        """
        x, y = shard.gathered()
        with at(shard.place):
            outputs, tapes = self.forward(x, training=True, tape=memory.get("tapes"))
        memory["tapes"] = tapes
        loss, scores, last_backward = self._objective(outputs, tapes)
        mask = _mask_of(tapes)
        loss = weighted(shard.weighted(loss), mask)
        result = self._score(loss, y, scores, outputs, mask)
        gradient: Any = loss.gradient(y, scores)
        losses_of_batch = shard.place.batch_rows * (result.size // len(x))
        gradient = gradient / losses_of_batch  # of their mean
        backwards = [*(layer.backward for layer in self.layers[:-1]), last_backward]
        dweights: list[Array] = []
        for number in reversed(range(len(self.layers))):
            gradients = backwards[number](gradient, tapes[number], input_gradient=number > 0)
            gradient, dweights = gradients.inputs, gradients.weights + dweights
        return replace(result, gradients=dweights)

    def _objective(
        self, outputs: Array, tapes: list[Any]
    ) -> tuple[losses.Loss, Array, Callable[..., Gradients]]:
        """Return the loss, what it takes, and the backward pass of the last layer from there.

        Softmax or sigmoid and their cross-entropy are differentiated in one, from the logits: alone, the
        activation of a sure and wrong answer is 0 in float32, and its gradient is lost.
        """
        last = self.layers[-1]
        if isinstance(last, Dense) and (joined := losses.joined(self.loss, last.activation)) is not None:
            return joined, tapes[-1].z, last.backward_from_pre_activation
        return self.loss, outputs, last.backward

    def _scores(self, samples: Samples) -> BatchResult:
        """Return loss and metrics of a batch, without gradients."""
        outputs, tapes = self._without_backward(samples.x)
        loss, scores, _ = self._objective(outputs, tapes)
        return self._score(samples.weighted(loss), samples.y, scores, outputs, _mask_of(tapes))

    def _score(
        self, loss: losses.Loss, y: Array, scores: Array, outputs: Array, mask: Array | None
    ) -> BatchResult:
        """Return sums of the losses and of the metrics, where they count, without gradients."""
        values = {"loss": loss.values(y, scores)}
        values |= {name: metric(y, outputs) for name, metric in self.metrics}
        each = outputs.shape[:-1]
        for name, given in values.items():
            if np.shape(given) != each:
                raise ValueError(
                    f"{name} gives values {np.shape(given)}, expected one for each output, {each}"
                )
        if mask is not None:
            values = {name: given * mask for name, given in values.items()}
        sums = [given.sum(dtype=np.float64) for given in values.values()]
        left_out = 0 if mask is None else int((~mask).sum())
        return BatchResult(values["loss"].size - left_out, np.array(sums), [], left_out)

    def _without_backward(self, x: Array) -> tuple[Array, list[Any]]:
        """Return what `forward` does, of the tapes the last alone; no backward pass will follow."""
        if type(self).forward is not Sequential.forward:  # a subclass does something else there
            return self.forward(x)
        x = _scaled(x, self.dtype)
        *below, last = self.layers
        tapes = Tapes()
        for layer in below:
            y = layer.outputs(x, **_options(layer, tapes.mask))
            tapes.mask = layer.compute_mask(x, tapes.mask)
            x = y
        y, tape = last.forward(x, **_options(last, tapes.mask))
        tapes.mask = last.compute_mask(x, tapes.mask)
        tapes.append(tape)
        return y, tapes

    def backward(self, dy: Array | None, tape: list[Any], *, input_gradient: bool = True) -> Gradients:
        """Return the gradients of x and of all weights, in the order of `weights`, from dy, that of y."""
        gradients = Gradients(dy, (), [])
        for number in reversed(range(len(self.layers))):
            below = self.layers[number].backward(
                gradients.inputs, tape[number], input_gradient=input_gradient or number > 0
            )
            gradients = Gradients(below.inputs, (), below.weights + gradients.weights)
        return gradients

    def mean_loss(self, x: Array, y: Array, sample_weight: Array | None = None) -> Any:
        """Return the mean loss of a batch, without gradients and in the model's dtype, complex too.

        The arguments are as for `fit`. It is what `loss_and_gradients` differentiates.
        """
        samples = self._checked(x, y, sample_weight)
        outputs, tapes = self.forward(samples.x)
        loss, scores, _ = self._objective(outputs, tapes)
        loss, mask = samples.weighted(loss), _mask_of(tapes)
        return loss(samples.y, scores) if mask is None else loss.values(samples.y, scores)[mask].mean()

    # Weights -------------------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Array]:
        """The weights of all layers in turn; change them in place and the model changes."""
        return [weight for layer in self._built_layers() for weight in layer.weights]

    @property
    def weight_names(self) -> list[str]:
        """`layer/weight` for each of `weights`, such as lstm/recurrent_kernel."""
        return [f"{layer.name}/{name}" for layer in self._built_layers() for name in layer.weight_names]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole model to an .npz file: layers, weights, optimizer, loss, metrics and generators.

        What `load_model` makes of it trains on as this one would, bit for bit. The file appears whole or not
        at all. Raises ValueError for a model without weights, or with a part of the user's own.
        """
        saving.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the model that `save` wrote to a file; scratch_rnn.load_model is the same.

        Threads and processes are chosen anew, for this machine. Raises ValueError for a file that is damaged,
        of a newer version, or no such file; OSError for one that cannot be read.
        """
        model: Self = saving.load(cls, path)
        return model

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write all weights to an .npz file, each under its name. The file appears whole or not at all."""
        saving.save_weights(self, path)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read weights written by `save_weights`.

        Raises ValueError, and changes nothing, for a file that is no such file or holds the weights of
        another architecture; OSError for one that cannot be read.
        """
        saving.load_weights(self, path)

    def astype(self, dtype: DTypeLike) -> Sequential:
        """Return a copy of the model with its weights in another dtype, complex128 for the complex step."""
        other = copy.copy(self)
        other.layers = [layer.astype(dtype) for layer in self.layers]
        other.dtype = other.layers[0].dtype if other.layers else self.dtype
        return other

    def summary(self) -> None:
        """Print a table of the layers with the shapes of their outputs and weights, and of the sizes.

        The outputs are those of the inputs for which the model was last built. Raises ValueError, where Keras
        prints question marks, for a model without weights yet.
        """
        from scratch_rnn.training.progress import print_summary

        layers = self._built_layers()
        assert self.input_shape is not None
        print_summary(self.name, layers, self.input_shape)

    # Checks --------------------------------------------------------------------------------------------

    @property
    def _title(self) -> str:
        return "the model"

    def _built_layers(self) -> list[Layer]:
        if not self.built:
            raise ValueError("the model has no weights yet: call build, for MNIST build((None, 28, 28))")
        return self.layers


def _mask_of(tapes: list[Any]) -> Array | None:
    """Return which losses count; a model with a forward of its own may have another kind of tape."""
    return getattr(tapes, "mask", None)


def _options(layer: Layer, mask: Array | None) -> dict[str, Any]:
    """Return what a layer is called with besides its input: the mask, if there is one and it takes it."""
    return {"mask": mask} if mask is not None and layer.takes_mask else {}


def _scaled(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return x in the model's dtype, uint8 scaled to [0, 1]; raise ValueError where it holds no numbers."""
    if x.dtype.kind not in "biufc":
        raise ValueError(f"x is {x.dtype}, expected float, or uint8, which is scaled to [0, 1]")
    return x.astype(dtype) / dtype.type(255) if x.dtype == np.uint8 else x.astype(dtype, copy=False)


def _unused_name(name: str, taken: set[str]) -> str:
    """Return the name, or name_1, name_2 ... where it is taken."""
    candidates = [name, *(f"{name}_{number}" for number in range(1, len(taken) + 1))]
    return next(candidate for candidate in candidates if candidate not in taken)
