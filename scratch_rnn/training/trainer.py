"""Training as Keras does it: fit, for whatever gives gradients of shards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers.base import natural_number, positive_integer
from scratch_rnn.training.callbacks import (
    Callback,
    History,
    call,
    checked_callbacks,
    checked_verbose,
    listens,
    prepare,
)
from scratch_rnn.training.company import follow, is_led, leading
from scratch_rnn.training.compiled import Compiled, checked_batch_size
from scratch_rnn.training.engines import in_words, processes_for
from scratch_rnn.training.feeding import Rows, Stream, Validation, pair_or_triple, refuse, split
from scratch_rnn.training.pixels import warn_of_unscaled
from scratch_rnn.training.processes import Processes, check_available
from scratch_rnn.training.ranks import Ranks
from scratch_rnn.training.running import Running
from scratch_rnn.training.samples import Samples
from scratch_rnn.training.shards import Batches, BatchResult, Engine, Memory, Shard, total
from scratch_rnn.training.threads import Threads
from scratch_rnn.training.world import connect


class Trainer(Compiled):
    """A model as `fit` sees it: what can be compiled, with `weights`, random numbers and gradients."""

    _shuffle_rng: np.random.Generator
    _draws_seed: int

    def _shard_gradients(self, shard: Shard, memory: Memory) -> BatchResult:
        """Return loss and metrics of some rows of a batch, and their share of its gradients."""
        raise NotImplementedError

    def loss_and_gradients(
        self, x: Array, y: Array, sample_weight: Array | None = None
    ) -> tuple[float, list[Array]]:
        """Return the mean loss of the batch and its gradient for each weight, in the order of `weights`.

        The arguments are as for `fit`, which gets its gradients from the same place.
        """
        result = self._result(self._checked(x, y, sample_weight))
        return result.mean_loss, result.gradients_of_mean

    def train_on_batch(
        self,
        x: Array,
        y: Array,
        sample_weight: Array | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> float:
        """Make one step of training; return the mean loss that the batch had before it."""
        result = self._result(self._checked(x, y, sample_weight, class_weight))
        self._compiled().apply(result.gradients_of_mean, self.weights)
        return result.mean_loss

    def fit(
        self,
        x: Any,
        y: Array | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Array] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Array | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        *,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for a number of epochs and return the History.

        x                      (N, ...) float, or uint8, which is scaled to [0, 1]; or, without y, an iterable
                               of batches (x, y) or (x, y, sample_weight)
        y                      labels, one-hot or integers; like the output for binary cross-entropy, errors
        batch_size             how many rows make a batch; 32 if not given
        verbose                1 or "auto" a progress bar and a line per epoch, 2 the lines alone, 0 nothing
        validation_split       share of the rows, taken from the end before any shuffling
        validation_data        arrays (x, y) or (x, y, sample_weight), instead of a split
        class_weight           a dict, how much the rows of a label count in training; 1 for others
        sample_weight          how much each row counts, (N,), or each step of a sequence, (N, T)
        initial_epoch          how many of the epochs are done already
        steps_per_epoch        of an iterable, how many batches are an epoch; else all that it yields are one
        validation_batch_size  if not batch_size
        validation_freq        every how many epochs to validate, or after which, counted from 1

        Loss and metrics of an epoch are means over its rows of values taken before each update; a partial
        last batch counts by its size. Weights multiply losses and gradients; the mean is still one over the
        rows, not over the weights, and metrics are not weighted. All this is as in Keras.

        Batches of an iterable are trained on in their order, and on threads: they are known one by one. When
        it has no more, the training ends with a warning; a generator lasts for one epoch, a list for any.

        Raises ValueError for data that do not fit; nothing is trained then, except on the batches of an
        iterable that came before.
        """
        if is_led(self):
            history: History = follow(self)
            return history
        with leading(self):
            self._check_workers()
            callbacks = checked_callbacks(callbacks)
            verbose = checked_verbose(verbose)
            batch_size, epochs = checked_batch_size(batch_size), positive_integer(epochs, "epochs")
            initial_epoch = natural_number(initial_epoch, "initial_epoch")
            feed, validation = self._prepared(
                x=x,
                y=y,
                sample_weight=sample_weight,
                class_weight=class_weight,
                batch_size=batch_size,
                shuffle=shuffle,
                steps_per_epoch=steps_per_epoch,
                validation_split=validation_split,
                validation_data=validation_data,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
            )
            self._check_stateful(feed, validation)
            warn_of_unscaled(feed.first_inputs, *validation.inputs)
            with _progress(verbose) as progress:
                hooks = [*progress, *callbacks]
                return self._train_epochs(feed, validation, range(initial_epoch, epochs), hooks)

    def _train_epochs(
        self, feed: Rows | Stream, validation: Validation, epochs: range, callbacks: Sequence[Callback]
    ) -> History:
        """Train for these epochs, or those that a callback leaves of them; return the History."""
        history = History()
        hooks = [history, *callbacks]
        prepare(hooks, self, {"epochs": epochs.stop, **feed.size})
        self.history, self.stop_training, self.initial_epoch = history, False, epochs.start
        self.running, logs = None, {}
        call(hooks, "on_train_begin", {})
        for epoch in range(self.initial_epoch, epochs.stop):
            if self.stop_training or not feed.has_more():
                break
            running = self.running = self.running or Running(feed.order(self._shuffle_rng))
            call(hooks, "on_epoch_begin", epoch, {})
            batches = self._batches_of(feed, running)
            engine, history.workers = self._engine(batches, hooks)
            logs = self._train_epoch(batches, running, engine, hooks)
            if held_out := validation.after(epoch):
                scores = self._validate(held_out, validation.batch_size, hooks)
                logs |= {f"val_{name}": value for name, value in scores.items()}
            call(hooks, "on_epoch_end", epoch, logs)
            self.running = None
        self._compiled().finalize(self.weights)
        call(hooks, "on_train_end", logs)
        return history

    def _prepared(
        self,
        *,
        x: Any,
        y: Array | None,
        sample_weight: Array | None,
        class_weight: Mapping[int, float] | None,
        batch_size: int,
        shuffle: bool,
        steps_per_epoch: int | None,
        validation_split: float,
        validation_data: Sequence[Array] | None,
        validation_batch_size: int | None,
        validation_freq: int | Sequence[int],
    ) -> tuple[Rows | Stream, Validation]:
        """Return what `fit` trains on and what it validates on, made of its arguments."""
        held_out = None
        if validation_data is not None:
            held_out = self._checked(*pair_or_triple(validation_data, "validation_data"))
        check = partial(self._checked, class_weight=class_weight)
        if y is None:
            refuse("an iterable", sample_weight=sample_weight, validation_split=validation_split or None)
            feed: Rows | Stream = Stream(x, steps_per_epoch, check, self._one_batch)
        else:
            refuse("arrays", steps_per_epoch=steps_per_epoch)
            samples = check(x, y, sample_weight)
            if held_out is None:
                samples, held_out = split(samples, validation_split, class_weight is not None)
            feed = Rows(samples, batch_size, shuffle)
        size = batch_size if validation_batch_size is None else validation_batch_size
        validation = Validation(held_out, positive_integer(size, "validation_batch_size"), validation_freq)
        return feed, validation

    def _check_workers(self) -> None:
        """Raise ValueError where `fit` cannot take the processes or ranks that it was asked to take."""
        check_available(self.processes or 1)
        ranks = connect().size if self.engine == "mpi" else 1
        if max(ranks, self.processes or 1) > 1 and (stateful := self._stateful()):
            others = "several MPI ranks" if ranks > 1 else "processes"
            raise ValueError(f"layer {stateful[0].name!r} is stateful: take threads, not {others}")

    def _check_stateful(self, feed: Rows | Stream, validation: Validation) -> None:
        """Where a layer keeps states, refuse batches of several sizes, and warn of a shuffle."""
        self._check_same_rows(feed.batch_rows | validation.batch_rows)
        if (stateful := self._stateful()) and isinstance(feed, Rows) and feed.shuffle:
            title = f"layer {stateful[0].name!r} is stateful"
            warnings.warn(f"{title}, but the rows are shuffled: take shuffle=False", stacklevel=3)

    def _batches_of(self, feed: Rows | Stream, running: Running) -> Batches | Stream:
        """Return the batches of an epoch."""
        if isinstance(feed, Stream):
            return feed
        return self._batches(feed.samples, running.order, feed.batch_size, running.batches)

    def _train_epoch(
        self, batches: Batches | Stream, running: Running, engine: Engine, hooks: Sequence[Callback]
    ) -> dict[str, float]:
        """Make one step for each batch that is left; return the epoch's means."""
        optimizer, weights = self._compiled(), self.weights
        with engine:
            for batch in batches.numbers(running.batches):
                call(hooks, "on_train_batch_begin", batch, {})
                result = engine.total(batch)
                optimizer.apply(result.gradients_of_mean, weights)
                running.add(result)
                logs = self._means(running.sums, running.count)
                call(hooks, "on_train_batch_end", batch, logs | {"batch_loss": result.mean_loss})
                if self.stop_training:
                    break
        return self._means(running.sums, running.count)

    def _validate(self, samples: Samples, batch_size: int, hooks: Sequence[Callback]) -> dict[str, float]:
        """Return the means over samples to validate on. MPI's ranks share their batches as if they were the
        shards of one, except where a callback wants to be told of each, or a layer keeps states."""
        told = any(listens(callback, "on_test_batch_begin", "on_test_batch_end") for callback in hooks)
        if self.engine != "mpi" or told or self._stateful():
            return self._evaluate(samples, batch_size, hooks)
        call(hooks, "on_test_begin", {})
        rows = np.arange(len(samples))
        batches = Batches(samples.x, samples.y, rows, len(rows), batch_size, weights=samples.weights)
        with self.ranks_engine(batches, gradients=False) as engine:
            result = engine.total()
        means = self._means(result.sums, result.count)
        call(hooks, "on_test_end", means)
        return means

    def _shard_scores(self, shard: Shard, memory: Memory) -> BatchResult:
        """Return loss and metrics of a shard, without gradients."""
        data = shard.data
        return self._scores(Samples(data.x, data.y, data.weights)[shard.rows])

    def _result(self, samples: Samples) -> BatchResult:
        """Return losses and gradients of samples that are one batch."""
        return total(self._on_threads(self._shard_gradients, self._one_batch(samples)))

    def _one_batch(self, samples: Samples) -> list[Shard]:
        """Return the shards of samples that are one batch."""
        return self._batches(samples, np.arange(len(samples)), len(samples)).shards(0)

    def _batches(self, samples: Samples, order: Array, batch_size: int, done: int = 0) -> Batches:
        """Return samples in batches, of which `done` are done already, in that order."""
        x, y, weights = samples.x, samples.y, samples.weights
        step = self._compiled().iterations - done
        return Batches(x, y, order, batch_size, self.shard_rows, self._draws_seed, step, weights)

    def _processes_for(self, batches: Batches | Stream, hooks: Sequence[Callback]) -> int:
        """Return on how many processes to compute an epoch. They are forked before it, so they have to know
        its batches by then."""
        if isinstance(batches, Stream):
            return 1
        return self.processes or processes_for(batches, self._parts, hooks)

    def _engine(self, batches: Batches | Stream, hooks: Sequence[Callback]) -> tuple[Engine, str]:
        """Return what computes the gradients of the shards of each batch, and how many that are, in words."""
        if self.engine == "mpi" and isinstance(batches, Batches):
            ranks = self.ranks_engine(batches)
            return ranks, ranks.workers
        processes = self._processes_for(batches, hooks)
        words = in_words(self.threads, processes)
        if processes == 1:
            return Threads(self.threads, self._shard_gradients, batches.shards), words
        like = self._like
        return Processes(processes, self._shard_gradients, batches.shards, self.weights, like), words

    def ranks_engine(self, batches: Batches, gradients: bool = True) -> Ranks:
        """Return what computes gradients, or losses and metrics alone, on MPI's ranks: each of them asks."""
        function = self._shard_gradients if gradients else self._shard_scores
        like = self._like if gradients else replace(self._like, gradients=[])
        return Ranks(self.threads, function, batches, self.weights, like)

    @property
    def _like(self) -> BatchResult:
        """A result with arrays of the shapes and dtypes of those of a shard."""
        return BatchResult(0, np.zeros(1 + len(self.metrics)), self.weights)

    @property
    def _parts(self) -> list[Any]:
        """All that takes part in the training."""
        return [*self.layers, self.loss, *(metric for _, metric in self.metrics), self.optimizer]


@contextmanager
def _progress(verbose: int) -> Iterator[list[Callback]]:
    """Provide the callback that shows the training; whatever ends it, the terminal is left in order."""
    if not verbose:
        yield []
        return
    from scratch_rnn.training.progress import EpochLines, ProgressBar

    with closing(ProgressBar() if verbose == 1 else EpochLines()) as shown:
        yield [shown]
