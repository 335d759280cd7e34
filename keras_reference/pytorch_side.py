"""The PyTorch twin of a model, as one of the two that train side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from keras_reference.comparison import PYTORCH
from keras_reference.pytorch_twin import PyTorchTwin, clip, loss_of, optimizer_of, tensor
from keras_reference.rows import moved, one_hot, scaled, without_moving
from keras_reference.sides import Logs, OnBatch, Side, Split
from scratch_rnn.arrays import Array
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.running import Running
from scratch_rnn.training.shards import BatchResult, slices


class PyTorchSide(Side):
    """The PyTorch twin of a compiled scratch_rnn model, trained by the loop that everyone writes.

    Raises ValueError for what PyTorch has no counterpart of.
    """

    packages = ("torch",)

    def __init__(self, model: Sequential) -> None:
        super().__init__(PYTORCH)
        if model.optimizer is None:
            raise ValueError("this model is not compiled: compile it first, its twin trains as it does")
        self.model, self.ours = model, model.optimizer
        self.twin = PyTorchTwin(without_moving(model))
        self.loss, self.optimizer = loss_of(model, self.twin), optimizer_of(model.optimizer, self.twin)
        self.draws = torch.Generator().manual_seed(model._draws_seed).get_state()  # for Dropout
        self.running: Running | None = None  # the epoch that `fit` is in, or is to go on with

    @property
    def within_epoch(self) -> bool:
        return self.running is not None

    def fit(
        self, train: Split, validation: Split | None, batch_size: int, on_batch: OnBatch
    ) -> tuple[Logs, float]:
        x, y = train
        running = self.running = self.running or Running(np.arange(len(x)))
        batches = slices(len(x), batch_size)
        first_step = len(self.result.seconds) * len(batches)
        for number in range(running.batches, len(batches)):
            rows = batches[number]
            result = self._step(moved(self.model, x[rows], first_step + number), y[rows])
            running.add(result)
            on_batch(number, len(batches), self._means(running) | {"batch_loss": result.mean_loss})
        logs = self._means(running)
        if validation is not None:
            scores = self.evaluate(*validation, batch_size)
            logs |= {f"val_{name}": value for name, value in scores.items()}
        self.running = None
        return logs, running.seconds

    def _step(self, x: Array, y: Array) -> BatchResult:
        """Make one step of training; return what the batch had before it."""
        self.optimizer.zero_grad()
        with self._training():
            loss, result = self._forward(x, y)
        loss.backward()
        clip(self.ours, self.twin)
        self.optimizer.step()
        return result

    @contextmanager
    def _training(self) -> Iterator[None]:
        """Let Dropout act meanwhile, with random numbers of the twin's own, which repeat with the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.draws)
            self.twin.train()
            try:
                yield
            finally:
                self.twin.eval()
                self.draws = torch.get_rng_state()

    def _forward(self, x: Array, y: Array) -> tuple[torch.Tensor, BatchResult]:
        """Return the mean loss of a batch, and its sums. PyTorch has no metrics: scratch_rnn's are taken."""
        scores = self.twin(tensor(scaled(self.model, x)))
        loss = self.loss(scores, tensor(one_hot(self.model, y)))
        outputs = self.twin.ending(scores.detach()).numpy()
        metrics = [metric(y, outputs).sum(dtype=np.float64) for _, metric in self.model.metrics]
        return loss, BatchResult(len(y), np.array([loss.item() * len(y), *metrics]), [])

    def _means(self, running: Running) -> Logs:
        names = ["loss", *(name for name, _ in self.model.metrics)]
        return {name: float(value) for name, value in zip(names, running.sums / running.count, strict=True)}

    def evaluate(self, x: Array, y: Array, batch_size: int) -> Logs:
        running = Running(np.arange(len(x)))
        with torch.no_grad():
            for rows in slices(len(x), batch_size):
                running.add(self._forward(x[rows], y[rows])[1])
        return self._means(running)

    def predict(self, x: Array, batch_size: int) -> Array:
        with torch.no_grad():
            parts = [self.twin(tensor(scaled(self.model, x[rows]))) for rows in slices(len(x), batch_size)]
            return self.twin.ending(torch.cat(parts)).numpy()

    def state(self) -> dict[str, Array]:
        arrays = {f"{number}/{name}": value.numpy().copy() for number, name, value in self._tensors()}
        running = self.running.arrays if self.running else {}
        arrays["draws"] = self.draws.numpy()
        return arrays | {f"running/{name}": array for name, array in running.items()}

    def _tensors(self) -> Iterator[tuple[int, str, torch.Tensor]]:
        """Yield each parameter and what the optimizer keeps of it, with the parameter's number."""
        for number, parameter in enumerate(self.twin.parameters()):
            yield number, "value", parameter.detach()
            for name, value in self.optimizer.state.get(parameter, {}).items():
                if value is not None:
                    yield number, name, value

    def restore(self, state: Mapping[str, Array]) -> None:
        of_running = {n.removeprefix("running/"): a for n, a in state.items() if n.startswith("running/")}
        self.running = Running.of(of_running) if of_running else None
        self.draws = tensor(state["draws"])
        for number, parameter in enumerate(self.twin.parameters()):
            kept: dict[str, Any] = {
                name.removeprefix(f"{number}/"): tensor(array)
                for name, array in state.items()
                if name.startswith(f"{number}/")
            }
            parameter.data.copy_(kept.pop("value"))
            if kept:
                self.optimizer.state[parameter] = kept

    def network(self) -> Sequential:
        copy = self.model.astype(self.model.dtype)
        self.twin.weights_into(copy)
        return copy
