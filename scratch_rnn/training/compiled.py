"""What a model is compiled with, and how it is tried: compile, evaluate and predict, as in Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import Layer, SeedLike, positive_integer
from scratch_rnn.training import losses, optimizers
from scratch_rnn.training import metrics as metric_functions
from scratch_rnn.training.callbacks import (
    Callback,
    History,
    call,
    checked_callbacks,
    checked_verbose,
    listens,
    prepare,
)
from scratch_rnn.training.engines import workers
from scratch_rnn.training.pixels import warn_of_unscaled
from scratch_rnn.training.running import Running
from scratch_rnn.training.samples import Samples, checked_inputs, checked_samples
from scratch_rnn.training.shards import SHARD_ROWS, BatchResult, Memory, slices, total
from scratch_rnn.training.threads import Threads, available_cores


class Compiled(Layer):
    """A model that can be compiled and tried: its `layers`, and the three methods that follow."""

    layers: list[Layer]

    def __init__(self, name: str, seed: SeedLike) -> None:
        super().__init__(name=name, seed=seed)
        self.stop_training, self.initial_epoch = False, 0
        self.history: History | None = None
        self.running: Running | None = None  # the epoch that `fit` is in
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss = losses.CategoricalCrossentropy()
        self.metrics: list[tuple[str, metric_functions.Metric]] = []
        self.engine: str | None = None
        self.threads = available_cores()
        self.processes: int | None = None  # None: as `fit` finds it best
        self.shard_rows = SHARD_ROWS

    def _scores(self, samples: Samples) -> BatchResult:
        """Return loss and metrics of a batch, without gradients."""
        raise NotImplementedError

    def _without_backward(self, x: Array) -> tuple[Array, Any]:
        """Return the outputs of a batch, and what they leave on tape."""
        raise NotImplementedError

    def _stateful(self) -> Sequence[Layer]:
        """Return the layers that begin where the batch before has ended."""
        raise NotImplementedError

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss = "categorical_crossentropy",
        metrics: Sequence[str | metric_functions.Metric] | None = None,
        threads: int | None = None,
        processes: int | None = None,
        shard_rows: int = SHARD_ROWS,
        *,
        engine: str | None = None,
    ) -> None:
        """Choose how to train. `threads` defaults to the cores that this process may use.

        In `fit` a thread takes `shard_rows` rows of a batch at a time, so that a batch of 128 keeps two busy.
        Fewer rows keep more cores busy, but each row then costs more, and results differ in their last bits;
        on the number of threads they do not depend. In `evaluate` and `predict` a thread takes a whole batch.

        With `processes` above 1, on Linux, `fit` computes on as many processes in place of threads: faster
        for batches of several shards, and the same bit for bit. They are forked when an epoch begins.
        Layers, losses and metrics must then keep no state of their own, and draw random numbers from
        `layers.place` alone; and of what a callback changes before the epoch's end only the weights reach all
        of them. Where neither `threads` nor `processes` is given, `fit` takes processes if that is faster and
        all of this is sure: if everything is the library's own, and no callback changes more than weights
        between batches.

        `engine` says it by name: "threads", "processes", or "mpi", all ranks that mpiexec has started
        (docs/training.md), each on one thread where `threads` does not say more. They have the same bits.

        Where the last layer ends in a softmax, cross-entropy is computed from its logits; where it ends in a
        sigmoid, binary cross-entropy is.
        Raises ValueError for a name that does not exist or that two metrics have, and for a number that is
        out of range, TypeError for metrics that are no list, ImportError where MPI is not installed.
        """
        if not isinstance(metrics, (list, tuple, NoneType)):
            raise TypeError(f"metrics must be a list, such as ['accuracy'], not {metrics!r}")
        threads, processes = workers(engine, threads, processes)
        shard_rows = positive_integer(shard_rows, "shard_rows")
        named = [metric_functions.get(metric) for metric in metrics or ()]
        names = ["loss", *(name for name, _ in named)]
        if len(set(names)) < len(names):
            raise ValueError(f"two of {', '.join(names)} have one name: logs and history would show one only")
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        self.metrics = named
        self.engine, self.threads, self.processes, self.shard_rows = engine, threads, processes, shard_rows

    # Evaluation and prediction -------------------------------------------------------------------------

    def evaluate(
        self,
        x: Array,
        y: Array,
        batch_size: int | None = None,
        verbose: str | int = 0,
        sample_weight: Array | None = None,
        *,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = True,
    ) -> Any:
        """Return the mean loss and metrics over all rows, a dict by name.

        Without `return_dict`, which is Keras's default, they are a list in the order of `compile`, the loss
        first, or the loss alone where there are no metrics. With `verbose` they are printed in a line. The
        other arguments are as for `fit`.
        """
        hooks = [*_line(verbose), *checked_callbacks(callbacks)]
        samples = self._checked(x, y, sample_weight)
        warn_of_unscaled(samples.x)
        batch_size = checked_batch_size(batch_size)
        parts = slices(len(samples), batch_size)
        self._check_same_rows({part.stop - part.start for part in parts})
        prepare(hooks, self, {"epochs": 1, "steps": len(parts), "samples": len(samples)})
        scores = self._evaluate(samples, batch_size, hooks)
        if return_dict:
            return scores
        return list(scores.values()) if self.metrics else scores["loss"]

    def _evaluate(self, samples: Samples, batch_size: int, hooks: Sequence[Callback]) -> dict[str, float]:
        def scores(rows: slice, memory: Memory) -> BatchResult:
            return self._scores(samples[rows])

        def means(results: list[BatchResult]) -> dict[str, float]:
            result = total(results)
            return self._means(result.sums, result.count)

        call(hooks, "on_test_begin", {})
        results = self._batch_by_batch("test", hooks, scores, slices(len(samples), batch_size), means)
        call(hooks, "on_test_end", means(results))
        return means(results)

    def predict(
        self,
        x: Array,
        batch_size: int | None = None,
        verbose: str | int = 0,
        *,
        callbacks: Sequence[Callback] | None = None,
    ) -> Array:
        """Return the outputs for all rows of x. The model need not be compiled.

        With `verbose` a line says how long it took. The other arguments are as for `fit`.
        """

        def outputs(rows: slice, memory: Memory) -> Array:
            return self._without_backward(x[rows])[0]

        hooks = [*_line(verbose), *checked_callbacks(callbacks)]
        x = self.checked_inputs(x)
        warn_of_unscaled(x)
        parts = slices(len(x), checked_batch_size(batch_size))
        self._check_same_rows({part.stop - part.start for part in parts})
        prepare(hooks, self, {"epochs": 1, "steps": len(parts), "samples": len(x)})
        call(hooks, "on_predict_begin", {})
        results = self._batch_by_batch("predict", hooks, outputs, parts, lambda done: {"outputs": done[-1]})
        call(hooks, "on_predict_end", {})
        return np.concatenate(results)

    def _batch_by_batch(
        self,
        task: str,
        hooks: Sequence[Callback],
        function: Callable[[Any, Memory], Any],
        items: Sequence[Any],
        logs: Callable[[list[Any]], dict[str, Any]],
    ) -> list[Any]:
        """Return function(item, memory) for all items, one for each batch: side by side, or one after the
        other where a callback wants to be told of each, with logs of those that are done."""
        begin, end = f"on_{task}_batch_begin", f"on_{task}_batch_end"
        if not any(listens(callback, begin, end) for callback in hooks):
            return self._on_threads(function, items)
        done: list[Any] = []
        for batch, item in enumerate(items):
            call(hooks, begin, batch, {})
            done += self._on_threads(function, [item])
            call(hooks, end, batch, logs(done))
        return done

    def _on_threads(self, function: Callable[[Any, Memory], Any], items: Sequence[Any]) -> list[Any]:
        """Return function(item, memory) for all items, in their order."""
        threads = 1 if self._stateful() else min(self.threads, len(items))
        with Threads(threads, function, lambda _: items) as engine:
            return engine.map()

    def _means(self, sums: Array, count: int) -> dict[str, float]:
        names = ["loss", *(name for name, _ in self.metrics)]
        return {name: float(value / max(count, 1)) for name, value in zip(names, sums, strict=True)}

    # Checks --------------------------------------------------------------------------------------------

    def _compiled(self) -> optimizers.Optimizer:
        if self.optimizer is None:
            raise ValueError("the model is not compiled: call compile(optimizer, loss, metrics) first")
        return self.optimizer

    def _check_same_rows(self, sizes: set[int]) -> None:
        """Refuse batches of several sizes where a layer keeps states, each sample's own."""
        if len(sizes) > 1 and (stateful := self._stateful()):
            raise ValueError(
                f"layer {stateful[0].name!r} is stateful, and batches must have the same size, not "
                f"{' and '.join(map(str, sorted(sizes)))} rows: take a batch_size that divides the rows, and "
                "in fit those to validate on, too"
            )

    def checked_inputs(self, x: Array) -> Array:
        """Return x as an array that the model can take, unscaled yet.

        Raises ValueError for a dtype or a shape that does not fit, for NaN and for infinity.
        """
        return checked_inputs(self, x)

    def _checked(
        self,
        x: Array,
        y: Array,
        sample_weight: Array | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> Samples:
        """Return samples that fit the compiled model and each other, or raise ValueError."""
        self._compiled()
        return checked_samples(self, x, y, sample_weight, class_weight)


def checked_batch_size(batch_size: int | None) -> int:
    """Return how many rows a batch has, 32 where nothing is said; raise ValueError for no such number."""
    return 32 if batch_size is None else positive_integer(batch_size, "batch_size")


def _line(verbose: str | int) -> list[Callback]:
    """Return what says in a line what an evaluation or a prediction has done, where it is to be said."""
    if not checked_verbose(verbose):
        return []
    from scratch_rnn.training.progress import OneLine

    return [OneLine()]
