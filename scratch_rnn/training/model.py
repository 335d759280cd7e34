"""A stack of layers, trained as Keras trains it: Sequential with compile, fit, evaluate and predict."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from scratch_rnn.arrays import Array
from scratch_rnn.files import atomic, check_readable
from scratch_rnn.layers.base import Gradients, Layer, Shape, natural_number, parts_of, positive_integer
from scratch_rnn.layers.dense import Dense
from scratch_rnn.layers.place import at
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.training import losses, optimizers, saving
from scratch_rnn.training import metrics as metric_functions
from scratch_rnn.training.callbacks import Callback, History, call, prepare
from scratch_rnn.training.engines import in_words, processes_for
from scratch_rnn.training.pixels import warn_of_unscaled
from scratch_rnn.training.processes import Processes, check_available
from scratch_rnn.training.running import Running
from scratch_rnn.training.shards import SHARD_ROWS, Batches, BatchResult, Engine, Memory, Shard, slices, total
from scratch_rnn.training.threads import Threads, available_cores

if TYPE_CHECKING:
    from typing_extensions import Self


class Sequential(Layer):
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
        self.stop_training, self.initial_epoch = False, 0
        self.history: History | None = None
        self.running: Running | None = None  # the epoch that `fit` is in
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss = losses.CategoricalCrossentropy()
        self.metrics: list[tuple[str, metric_functions.Metric]] = []
        self.threads = available_cores()
        self.processes: int | None = None  # None: as `fit` finds it best
        self.shard_rows = SHARD_ROWS
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
        mask, tapes = None, []
        for layer, earlier in zip(self.layers, tape or [None] * len(self.layers), strict=True):
            y, layer_tape = layer.forward(x, training=training, tape=earlier, **_options(layer, mask))
            mask = layer.compute_mask(x, mask)
            x = y
            tapes.append(layer_tape)
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
        result = self._score(loss, y, scores, outputs)
        gradient: Any = loss.gradient(y, scores)
        gradient = gradient / (
            shard.place.batch_rows * (result.count // len(x))
        )  # of the mean over the batch
        backwards = [*(layer.backward for layer in self.layers[:-1]), last_backward]
        dweights: list[Array] = []
        for number in reversed(range(len(self.layers))):
            gradients = backwards[number](gradient, tapes[number], input_gradient=number > 0)
            gradient, dweights = gradients.inputs, gradients.weights + dweights
        return BatchResult(result.count, result.sums, dweights)

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

    def _score(self, loss: losses.Loss, y: Array, scores: Array, outputs: Array) -> BatchResult:
        """Return sums of the losses and of the metrics, without gradients."""
        values = {"loss": loss.values(y, scores)}
        values |= {name: metric(y, outputs) for name, metric in self.metrics}
        each = outputs.shape[:-1]
        for name, given in values.items():
            if np.shape(given) != each:
                raise ValueError(
                    f"{name} gives values {np.shape(given)}, expected one for each output, {each}"
                )
        sums = [given.sum(dtype=np.float64) for given in values.values()]
        return BatchResult(values["loss"].size, np.array(sums), [])

    def backward(self, dy: Array | None, tape: list[Any], *, input_gradient: bool = True) -> Gradients:
        """Return the gradients of x and of all weights, in the order of `weights`, from dy, that of y."""
        gradients = Gradients(dy, (), [])
        for number in reversed(range(len(self.layers))):
            below = self.layers[number].backward(
                gradients.inputs, tape[number], input_gradient=input_gradient or number > 0
            )
            gradients = Gradients(below.inputs, (), below.weights + gradients.weights)
        return gradients

    # Training ------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss = "categorical_crossentropy",
        metrics: Sequence[str | metric_functions.Metric] | None = None,
        threads: int | None = None,
        processes: int | None = None,
        shard_rows: int = SHARD_ROWS,
    ) -> None:
        """Choose how to train. `threads` defaults to the cores that this process may use.

        In `fit` a thread takes `shard_rows` rows of a batch at a time, so that a batch of 128 keeps two busy.
        Fewer rows keep more cores busy, but each row then costs more, and results differ in their last bits;
        on the number of threads they do not depend. In `evaluate` and `predict` a thread takes a whole batch.

        With `processes` above 1, on Linux, `fit` computes on as many processes in place of threads: faster
        for batches of several shards, and the same bit for bit. They are forked when an epoch begins.
        Layers, losses and metrics must then keep no state of their own and draw no random numbers, and of
        what a callback changes before the epoch's end only the weights reach all of them. Where neither
        `threads` nor `processes` is given, `fit` takes processes if that is faster and all of this is sure:
        if everything is the library's own, and no callback changes more than weights between batches.

        Where the last layer ends in a softmax, cross-entropy is computed from its logits; where it ends in a
        sigmoid, binary cross-entropy is.
        Raises ValueError for a name that does not exist or that two metrics have, and for a number that is
        out of range, TypeError for metrics that are no list.
        """
        if isinstance(metrics, str):
            raise TypeError(f"metrics must be a list, such as [{metrics!r}]")
        if processes is None and threads is not None:
            processes = 1
        threads = available_cores() if threads is None else positive_integer(threads, "threads")
        processes = None if processes is None else positive_integer(processes, "processes")
        shard_rows = positive_integer(shard_rows, "shard_rows")
        check_available(processes or 1)
        named = [metric_functions.get(metric) for metric in metrics or ()]
        names = ["loss", *(name for name, _ in named)]
        if len(set(names)) < len(names):
            raise ValueError(f"two of {', '.join(names)} have one name: logs and history would show one only")
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        self.metrics = named
        self.threads, self.processes, self.shard_rows = threads, processes, shard_rows

    def loss_and_gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        """Return the mean loss of the batch and its gradient for each weight, in the order of `weights`.

        x and y are as for `fit`, which gets its gradients from the same place.
        """
        x, y = self._checked_data(x, y)
        batches = self._batches(x, y, np.arange(len(x)), len(x), done=0)
        result = total(self._on_threads(self._shard_gradients, batches.shards(0)))
        return result.mean_loss, result.gradients

    def mean_loss(self, x: Array, y: Array) -> Any:
        """Return the mean loss of a batch, without gradients and in the model's dtype, complex too.

        x and y are as for `fit`. It is what `loss_and_gradients` differentiates.
        """
        x, y = self._checked_data(x, y)
        loss, scores, _ = self._objective(*self.forward(x))
        return loss(y, scores)

    def train_on_batch(self, x: Array, y: Array) -> float:
        """Make one step of training; return the mean loss that the batch had before it."""
        loss, gradients = self.loss_and_gradients(x, y)
        self._compiled().apply(gradients, self.weights)
        return loss

    def fit(
        self,
        x: Array,
        y: Array,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[Array, Array] | None = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Train for a number of epochs and return the History.

        x                 (N, ...) float, or uint8, which is scaled to [0, 1]
        y                 labels, one-hot or integers; for binary cross-entropy and errors like the output
        validation_split  share of the rows, taken from the end before any shuffling
        validation_data   (x, y), instead of a split
        verbose           1 a progress bar and a line per epoch, 2 the lines alone, 0 nothing
        initial_epoch     how many of the epochs are done already

        Loss and metrics of an epoch are means over its rows of values taken before each update; a partial
        last batch counts by its size. Raises ValueError for data that does not fit; nothing is trained then.
        """
        check_available(self.processes or 1)
        if (self.processes or 1) > 1 and (stateful := self._stateful()):
            raise ValueError(f"layer {stateful[0].name!r} is stateful: take threads, not processes")
        if isinstance(callbacks, Callback):
            raise TypeError("callbacks must be a list: write [callback]")
        batch_size, epochs = positive_integer(batch_size, "batch_size"), positive_integer(epochs, "epochs")
        initial_epoch = natural_number(initial_epoch, "initial_epoch")
        (x, y), (x_val, y_val) = self._checked_splits(x, y, validation_split, validation_data)
        warn_of_unscaled(x, x_val)
        history = History()
        with _progress(verbose) as progress:
            hooks = [history, *progress, *(callbacks or ())]
            prepare(hooks, self, {"epochs": epochs, "steps": -(-len(x) // batch_size), "samples": len(x)})
            self.history, self.stop_training, self.initial_epoch = history, False, initial_epoch
            self.running = None
            call(hooks, "on_train_begin")
            for epoch in range(self.initial_epoch, epochs):
                running = self.running = self.running or Running(self._order(len(x), shuffle))
                call(hooks, "on_epoch_begin", epoch)
                batches = self._batches(x, y, running.order, batch_size, running.batches)
                processes = self.processes or processes_for(batches, self._parts, hooks)
                history.workers = in_words(self.threads, processes)
                logs = self._train_epoch(batches, running, processes, hooks)
                if len(x_val):
                    scores = self._evaluate(x_val, y_val, batch_size)
                    logs |= {f"val_{name}": value for name, value in scores.items()}
                call(hooks, "on_epoch_end", epoch, logs)
                self.running = None
                if self.stop_training:
                    break
            call(hooks, "on_train_end")
        return history

    def _batches(self, x: Array, y: Array, order: Array, batch_size: int, done: int) -> Batches:
        """Return the batches of some data, of which `done` are done already, in their order."""
        step = self._compiled().iterations - done
        return Batches(x, y, order, batch_size, self.shard_rows, self._draws_seed, step)

    def _order(self, rows: int, shuffle: bool) -> Array:
        """Return the order of the rows in an epoch."""
        return self._shuffle_rng.permutation(rows) if shuffle else np.arange(rows)

    def _train_epoch(
        self, batches: Batches, running: Running, processes: int, hooks: Sequence[Callback]
    ) -> dict[str, float]:
        """Make one step for each batch that is left; return the epoch's means."""
        optimizer, weights = self._compiled(), self.weights
        logs: dict[str, float] = {}
        with self._engine(batches, processes) as engine:
            for batch in range(running.batches, len(batches)):
                call(hooks, "on_train_batch_begin", batch)
                result = total(engine.map(batch))
                optimizer.apply(result.gradients, weights)
                running.add(result)
                logs = self._means(running.sums, running.count)
                call(hooks, "on_train_batch_end", batch, logs | {"batch_loss": result.mean_loss})
        return logs

    def _engine(self, batches: Batches, processes: int) -> Engine:
        """Return what computes the gradients of the shards of each batch."""
        if processes == 1:
            return Threads(self.threads, self._shard_gradients, batches.shards)
        like = BatchResult(0, np.zeros(1 + len(self.metrics)), self.weights)
        return Processes(processes, self._shard_gradients, batches.shards, self.weights, like)

    @property
    def _parts(self) -> list[Any]:
        """All that takes part in the training."""
        return [*self.layers, self.loss, *(metric for _, metric in self.metrics), self.optimizer]

    def _means(self, sums: Array, count: int) -> dict[str, float]:
        names = ["loss", *(name for name, _ in self.metrics)]
        return {name: float(value / count) for name, value in zip(names, sums, strict=True)}

    # Evaluation and prediction -------------------------------------------------------------------------

    def evaluate(self, x: Array, y: Array, batch_size: int = 32) -> dict[str, float]:
        """Return the mean loss and metrics over all rows by name, like Keras with return_dict=True."""
        self._compiled()
        x, y = self._checked_data(x, y)
        warn_of_unscaled(x)
        return self._evaluate(x, y, positive_integer(batch_size, "batch_size"))

    def _evaluate(self, x: Array, y: Array, batch_size: int) -> dict[str, float]:
        def score(rows: slice, memory: Memory) -> BatchResult:
            outputs, tapes = self._without_backward(x[rows])
            loss, scores, _ = self._objective(outputs, tapes)
            return self._score(loss, y[rows], scores, outputs)

        result = total(self._on_threads(score, slices(len(x), batch_size)))
        return self._means(result.sums, result.count)

    def predict(self, x: Array, batch_size: int = 32) -> Array:
        """Return the outputs for all rows of x. The model need not be compiled."""

        def outputs(rows: slice, memory: Memory) -> Array:
            return self._without_backward(x[rows])[0]

        x = self.checked_inputs(x)
        warn_of_unscaled(x)
        parts = slices(len(x), positive_integer(batch_size, "batch_size"))
        return np.concatenate(self._on_threads(outputs, parts))

    def _on_threads(self, function: Callable[[Any, Memory], Any], items: Sequence[Any]) -> list[Any]:
        """Return function(item, memory) for all items, in their order."""
        threads = 1 if self._stateful() else min(self.threads, len(items))
        with Threads(threads, function, lambda _: items) as engine:
            return engine.map()

    def _without_backward(self, x: Array) -> tuple[Array, list[Any]]:
        """Return what `forward` does, of the tapes the last alone; no backward pass will follow."""
        if type(self).forward is not Sequential.forward:  # a subclass does something else there
            return self.forward(x)
        x = _scaled(x, self.dtype)
        *below, last = self.layers
        mask = None
        for layer in below:
            y = layer.outputs(x, **_options(layer, mask))
            mask = layer.compute_mask(x, mask)
            x = y
        y, tape = last.forward(x, **_options(last, mask))
        return y, [tape]

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
        arrays = dict(zip(self.weight_names, self.weights, strict=True))
        with atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read weights written by `save_weights`.

        Raises ValueError, and changes nothing, for a file that is no such file or holds the weights of
        another architecture; OSError for one that cannot be read.
        """
        names = self.weight_names
        check_readable(path)
        with open(path, "rb") as file:
            try:
                with np.load(file) as archive:
                    saved = {name: archive[name] for name in archive.files}
            except Exception as error:  # a damaged file makes zipfile, zlib and NumPy raise a dozen kinds
                raise ValueError(
                    f"{os.fspath(path)} is damaged, or not a weights file of scratch_rnn"
                ) from error
        if sorted(saved) != sorted(names):
            raise ValueError(
                f"{os.fspath(path)} holds weights of another architecture: {', '.join(saved) or 'none'}; "
                f"this model has {', '.join(names)}"
            )
        try:
            self.set_weights([saved[name] for name in names])
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} holds weights of another architecture: {error}") from error

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

    def _compiled(self) -> optimizers.Optimizer:
        if self.optimizer is None:
            raise ValueError("the model is not compiled: call compile(optimizer, loss, metrics) first")
        return self.optimizer

    def checked_inputs(self, x: Array) -> Array:
        """Return x as an array that the model can take, unscaled yet.

        Raises ValueError for a dtype or a shape that does not fit, for NaN and for infinity.
        """
        x = np.asarray(x)
        if x.ndim < 2 or not len(x):
            raise ValueError(f"x has shape {x.shape}, expected (samples, ...) with at least one sample")
        if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
            raise ValueError(f"x is {x.dtype}, expected float, or uint8, which is scaled to [0, 1]")
        largest = np.finfo(self.dtype).max
        if x.size and not (-largest <= x.min() and x.max() <= largest):  # False for NaN too
            row = int(np.argmin((np.abs(x.reshape(len(x), -1)) <= largest).all(axis=1)))
            raise ValueError(
                f"x has NaN or infinite entries, or some that {self.dtype} cannot hold, first in row {row}"
            )
        if not self.built:
            self.build((None, *x.shape[1:]))
        self.compute_output_shape(x.shape)  # raises where x does not fit a layer
        return x

    def _checked_splits(
        self, x: Array, y: Array, validation_split: float, validation_data: tuple[Array, Array] | None
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return (x, y) to train on and (x, y), perhaps without rows, to validate on."""
        x, y = self._checked_data(x, y)
        if validation_data is None:
            split = split_row(len(x), validation_split)
            return (x[:split], y[:split]), (x[split:], y[split:])
        if len(validation_data) != 2:
            raise ValueError(f"validation_data must be (x, y), not {len(validation_data)} things")
        return (x, y), self._checked_data(*validation_data)

    def _checked_data(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return x and y as arrays that fit the model, the loss and each other, or raise ValueError."""
        self._compiled()
        x, y = self.checked_inputs(x), np.asarray(y)
        if len(y.shape) == 0 or len(x) != len(y):
            raise ValueError(f"x has {len(x)} rows, but y has shape {y.shape}: they must have as many")
        output_shape = self.compute_output_shape(x.shape)
        return x, self.loss.checked(y, output_shape, self.dtype)


def _options(layer: Layer, mask: Array | None) -> dict[str, Any]:
    """Return what a layer is called with besides its input: the mask, if there is one and it takes it."""
    return {"mask": mask} if mask is not None and layer.takes_mask else {}


def _scaled(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return x in the model's dtype, uint8 scaled to [0, 1]; raise ValueError where it holds no numbers."""
    if x.dtype.kind not in "biufc":
        raise ValueError(f"x is {x.dtype}, expected float, or uint8, which is scaled to [0, 1]")
    return x.astype(dtype) / dtype.type(255) if x.dtype == np.uint8 else x.astype(dtype, copy=False)


def split_row(count: int, validation_split: float) -> int:
    """Return the first row of the validation data, as Keras computes it; `count` where there is none.

    Raises ValueError for a share that is out of range or leaves no rows on one side.
    """
    if not 0 <= validation_split < 1:
        raise ValueError(f"validation_split must be at least 0 and below 1, not {validation_split!r}")
    split = int(count * (1 - validation_split))
    if validation_split and split in (0, count):
        raise ValueError(
            f"{count} rows are too few: validation_split={validation_split} leaves no rows on one side"
        )
    return split


@contextmanager
def _progress(verbose: int) -> Iterator[list[Callback]]:
    """Provide the callback that shows the training; whatever ends it, the terminal is left in order."""
    if not verbose:
        yield []
        return
    from scratch_rnn.training.progress import EpochLines, ProgressBar

    with closing(ProgressBar() if verbose == 1 else EpochLines()) as shown:
        yield [shown]


def _unused_name(name: str, taken: set[str]) -> str:
    """Return the name, or name_1, name_2 ... where it is taken."""
    candidates = [name, *(f"{name}_{number}" for number in range(1, len(taken) + 1))]
    return next(candidate for candidate in candidates if candidate not in taken)
