"""The same training in each library: prepare once, then return the work of a fixed number of steps.

All train a recurrent layer and Dense(10) on MNIST rows, batch by batch, as their users do it, with loss and
accuracy kept: `fit` in scratch_rnn and Keras, the usual loop in PyTorch, a jitted step with lax.scan in JAX.
All begin with the weights of `starting_weights`, see the same batches and update by the same RMSprop; their
first losses, which `interleave` compares before the clock starts, would tell otherwise.
x is (N, T, D) float32, scaled already. Each imports its library itself, so that it can run where the others
are not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from interleave import Work

from scratch_rnn.layers import CELLS
from scratch_rnn.training.shards import SHARD_ROWS, slices

STEPS_OF_AN_EPOCH = 422  # of the recipe: 54,000 digits in batches of 128
FIRST_LOSSES = 5  # batches whose losses have to be equal before the clock starts
LEARNING_RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7  # of RMSprop in scratch_rnn and in Keras

Train = Callable[[Any, Any], tuple[float, float]]  # a step for each batch of x, y; mean loss and accuracy
Operands = tuple[np.ndarray, np.ndarray, np.ndarray]  # left, right and result of a matrix product


@dataclass(frozen=True)
class Setting:
    """What is trained: `cell` as on the command line, and the sizes; `threads` None for all cores.

    `threads`, `processes` and `shard_rows` are those of scratch_rnn's compile; without the first two it
    chooses by itself.
    """

    cell: str = "lstm"
    units: int = 128
    batch: int = 128
    time: int = 28
    features: int = 28
    steps: int = STEPS_OF_AN_EPOCH
    threads: int | None = None
    processes: int | None = None
    shard_rows: int = SHARD_ROWS

    def but(self, **changes: Any) -> Setting:
        """Return the same setting with some changes."""
        return replace(self, **changes)


def rows(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Return x (N, T, D) float32 and y (N,): digits of MNIST, their rows repeated to T, in full batches."""
    from scratch_rnn import load_mnist

    (x, y), _ = load_mnist("sample")
    count = setting.steps * setting.batch
    x = np.resize(x[: min(count, len(x))], (count, *x.shape[1:])).astype("float32") / 255
    x = np.take(x, np.arange(setting.time) % x.shape[1], axis=1)
    return np.ascontiguousarray(x[..., : setting.features]), np.resize(y, count)


def batches(x: Any, y: Any, size: int) -> Iterator[tuple[Any, Any]]:
    """Yield the rows of x and y batch by batch."""
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


def training(train: Train, x: Any, y: Any, size: int) -> Work:
    """Return the work of training on all batches; its first results are the losses of the first few.

    It is the function that will be timed that makes the first steps too, one batch at a time.
    """
    few = FIRST_LOSSES * size
    return Work(
        run=lambda: train(x, y),
        first_results=lambda: [train(*batch)[0] for batch in batches(x[:few], y[:few], size)],
    )


def scratch_model(setting: Setting) -> Any:
    """Return the compiled scratch_rnn model."""
    from scratch_rnn.runs.recipe import Recipe

    recipe = Recipe(cell=setting.cell, units=setting.units, shard_rows=setting.shard_rows)
    return recipe.build_model((setting.time, setting.features), setting.threads, setting.processes)


def starting_weights(setting: Setting) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of the cell, kernel and bias of Dense(10), all as in Keras."""
    weights: list[np.ndarray] = scratch_model(setting).get_weights()
    return weights


def scratch_rnn(setting: Setting) -> Work:
    """scratch_rnn's fit."""
    return training(trained_by_fit(scratch_model(setting), setting), *rows(setting), setting.batch)


def keras(setting: Setting, unroll: bool = False, jit_compile: bool = False) -> Work:
    """Keras's fit, on TensorFlow."""
    model = keras_model(setting, unroll, jit_compile)
    return training(trained_by_fit(model, setting), *rows(setting), setting.batch)


def trained_by_fit(model: Any, setting: Setting) -> Train:
    """Return one epoch of `fit`, which has the same name and arguments in both libraries."""

    def train(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        history = model.fit(x, y, batch_size=setting.batch, shuffle=False, verbose=0).history
        return history["loss"][0], history["accuracy"][0]

    return train


def keras_model(setting: Setting, unroll: bool = False, jit_compile: bool = False) -> Any:
    """Return the compiled Keras model."""
    import keras as library

    if setting.threads:
        import tensorflow

        threading = tensorflow.config.threading
        threading.set_intra_op_parallelism_threads(setting.threads)
        threading.set_inter_op_parallelism_threads(setting.threads)
    name = CELLS[setting.cell].__name__
    model = library.Sequential(
        [
            library.Input((setting.time, setting.features)),
            getattr(library.layers, name)(setting.units, unroll=unroll),
            library.layers.Dense(10, "softmax"),
        ]
    )
    model.set_weights(starting_weights(setting))
    loss = "sparse_categorical_crossentropy"
    model.compile("rmsprop", loss, metrics=["accuracy"], jit_compile=jit_compile)
    return model


def pytorch(setting: Setting) -> Work:
    """nn.LSTM, nn.GRU or nn.RNN and the training loop that everyone writes.

    The update is Keras's: PyTorch's own RMSprop, of the same operations, adds ε after the root is taken, and
    the losses of the second batch would differ already.
    """
    import torch
    from torch import nn

    model = pytorch_model(setting)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    averages = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def update() -> None:
        for weight, average in zip(weights, averages, strict=True):
            g = weight.grad
            average.mul_(RHO).addcmul_(g, g, value=1 - RHO)
            weight.addcdiv_(g, (average + EPSILON).sqrt_(), value=-LEARNING_RATE)

    def train(x: Any, y: Any) -> tuple[float, float]:
        total, right = 0.0, 0
        for x_batch, y_batch in batches(x, y, setting.batch):
            model.zero_grad()
            scores = model(x_batch)
            loss = nn.functional.cross_entropy(scores, y_batch)
            loss.backward()
            update()
            total += loss.item()
            right += int((scores.argmax(1) == y_batch).sum())
        return total * setting.batch / len(x), right / len(x)

    x, y = (torch.from_numpy(array) for array in rows(setting))
    return training(train, x, y.long(), setting.batch)


def pytorch_model(setting: Setting) -> Any:
    """Return the recurrent layer and the Linear(10) that reads its last output, as one module."""
    import torch
    from torch import nn

    from scratch_rnn.training.threads import available_cores

    torch.set_num_threads(setting.threads or available_cores())
    name = CELLS[setting.cell].__name__.removeprefix("Simple")

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = getattr(nn, name)(setting.features, setting.units, batch_first=True)
            self.dense = nn.Linear(setting.units, 10)

        def forward(self, x: Any) -> Any:
            outputs, _ = self.recurrent(x)
            return self.dense(outputs[:, -1])

    model = Classifier()
    for parameter, weight in zip(
        model.parameters(), pytorch_weights(setting.cell, starting_weights(setting)), strict=True
    ):
        parameter.data = torch.tensor(weight)
    # Where Keras has one bias PyTorch has two; trained both, they would move twice as far as the one.
    model.recurrent.bias_hh_l0.requires_grad_(setting.cell == "gru")
    return model


def pytorch_weights(cell: str, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Return the weights in the order of PyTorch's parameters, a row for each unit and gate."""
    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = weights
    units = len(recurrent_kernel)
    biases = bias if cell == "gru" else [bias, np.zeros_like(bias)]
    gates = [1, 0, 2] if cell == "gru" else range(CELLS[cell](units).columns // units)  # PyTorch: r, z, n
    columns = np.concatenate([np.arange(units) + units * gate for gate in gates])
    recurrent = [array.T[columns] for array in (kernel, recurrent_kernel, *biases)]
    return [*recurrent, dense_kernel.T, dense_bias]


def jax(setting: Setting) -> Work:
    """The cell's equations under lax.scan, RMSprop, all of a step in one jitted function."""
    import jax as library
    import jax.numpy as jnp
    from jax import lax

    step = {"simple_rnn": _jax_simple_rnn, "gru": _jax_gru, "lstm": _jax_lstm}[setting.cell]
    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = starting_weights(setting)
    biases = dict(zip(("b", "b_recurrent"), np.atleast_2d(bias), strict=False))
    arrays = {"W": kernel, "U": recurrent_kernel, **biases, "V": dense_kernel, "c": dense_bias}
    weights = {name: jnp.asarray(array) for name, array in arrays.items()}
    averages = {name: jnp.zeros_like(weight) for name, weight in weights.items()}

    def objective(weights: Any, x: Any, y: Any) -> Any:
        h = jnp.zeros((x.shape[0], setting.units))
        projected = jnp.swapaxes(x @ weights["W"] + weights["b"], 0, 1)
        (h, _), _ = lax.scan(lambda state, z: (step(weights, state, z), None), (h, h), projected)
        scores = h @ weights["V"] + weights["c"]
        losses = -jnp.take_along_axis(library.nn.log_softmax(scores), y[:, None], axis=1)
        return losses.mean(), (scores.argmax(1) == y).sum()

    @library.jit
    def make_step(weights: Any, averages: Any, x: Any, y: Any) -> Any:
        (loss, right), gradients = library.value_and_grad(objective, has_aux=True)(weights, x, y)
        averages = {name: RHO * averages[name] + (1 - RHO) * g**2 for name, g in gradients.items()}
        weights = {
            name: weights[name] - LEARNING_RATE * g / jnp.sqrt(averages[name] + EPSILON)
            for name, g in gradients.items()
        }
        return weights, averages, loss, right

    def train(x: Any, y: Any) -> tuple[float, float]:
        nonlocal weights, averages
        total, right = 0.0, 0
        for x_batch, y_batch in batches(x, y, setting.batch):
            weights, averages, loss, hits = make_step(weights, averages, x_batch, y_batch)
            total += float(loss)
            right += int(hits)
        return total * setting.batch / len(x), right / len(x)

    x, y = rows(setting)
    return training(train, x, y.astype("int32"), setting.batch)


def _jax_simple_rnn(weights: Any, state: Any, z: Any) -> Any:
    import jax.numpy as jnp

    h = jnp.tanh(z + state[0] @ weights["U"])
    return h, h


def _jax_lstm(weights: Any, state: Any, z: Any) -> Any:
    import jax
    import jax.numpy as jnp

    h, c = state
    i, f, g, o = jnp.split(z + h @ weights["U"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _jax_gru(weights: Any, state: Any, z: Any) -> Any:
    import jax
    import jax.numpy as jnp

    h, _ = state
    z_u, z_r, z_g = jnp.split(z, 3, axis=1)
    p_u, p_r, p_g = jnp.split(h @ weights["U"] + weights["b_recurrent"], 3, axis=1)
    u, r = jax.nn.sigmoid(z_u + p_u), jax.nn.sigmoid(z_r + p_r)
    h = u * h + (1 - u) * jnp.tanh(z_g + r * p_g)
    return h, h


def products(setting: Setting) -> Work:
    """The floor: only the matrix products of a step, in scratch_rnn's shapes, shards and threads."""
    from scratch_rnn.training.threads import Threads, available_cores

    shards = floor_products(setting)

    def multiply(shard: list[Operands], _: Any) -> None:
        for left, right, result in shard:
            np.matmul(left, right, out=result)

    def run() -> None:
        with Threads(setting.threads or available_cores(), multiply, lambda _: shards) as engine:
            for _ in range(setting.steps):
                engine.map()

    return Work(run)


def floor_products(setting: Setting) -> list[list[Operands]]:
    """Return for each shard of a batch the products of a step: those of docs/bptt.md, section 11.

    The weights' gradient, which scratch_rnn adds up timestep by timestep, is one product here: a floor has
    to lie below.
    """
    columns, inner = CELLS[setting.cell](setting.units).columns, setting.features + 1 + setting.units
    rng = np.random.default_rng(0)

    def shard(size: int) -> list[Operands]:
        matrix = rng.normal(size=(inner, columns)).astype("float32")
        recurrent = matrix[setting.features + 1 :]
        joined = rng.normal(size=(setting.time, inner, size)).astype("float32")
        dz = rng.normal(size=(setting.time, columns, size)).astype("float32")
        z, dh = np.empty((columns, size), "float32"), np.empty((setting.units, size), "float32")
        flat = [np.ascontiguousarray(a.transpose(1, 0, 2)).reshape(a.shape[1], -1) for a in (joined, dz)]
        return [
            *((matrix.T, joined[t], z) for t in range(setting.time)),  # pre-activations
            *((recurrent, dz[t], dh) for t in range(setting.time)),  # the carried gradient
            (flat[0], flat[1].T, np.empty_like(matrix)),  # the gradient of all weights
        ]

    return [shard(part.stop - part.start) for part in slices(setting.batch, setting.shard_rows)]
