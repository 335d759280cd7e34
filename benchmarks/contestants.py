"""The same training in each library: prepare once, then return a function that makes a fixed number of steps.

All train a recurrent layer and Dense(10) on MNIST rows, batch by batch, as their users do it, with loss and
accuracy kept: `fit` in scratch_rnn and Keras, the usual loop in PyTorch, a jitted step with lax.scan in JAX.
x is (N, T, D) float32, scaled already. Each imports its library itself, so that it can run where the others
are not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratch_rnn.layers import CELLS

Work = Callable[[], Any]

STEPS_OF_AN_EPOCH = 422  # of the recipe: 54,000 digits in batches of 128


@dataclass(frozen=True)
class Setting:
    """What is trained: `cell` as on the command line, and the sizes; `threads` None for all cores.

    `processes` are those of scratch_rnn; above one they take the place of its threads.
    """

    cell: str = "lstm"
    units: int = 128
    batch: int = 128
    time: int = 28
    features: int = 28
    steps: int = STEPS_OF_AN_EPOCH
    threads: int | None = None
    processes: int = 1

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


def batches(setting: Setting, x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the batches of one block of steps."""
    for start in range(0, setting.steps * setting.batch, setting.batch):
        yield x[start : start + setting.batch], y[start : start + setting.batch]


def scratch_model(setting: Setting) -> Any:
    """Return the compiled scratch_rnn model."""
    from scratch_rnn.runs.recipe import Recipe

    recipe = Recipe(cell=setting.cell, units=setting.units)
    return recipe.build_model((setting.time, setting.features), setting.threads, setting.processes)


def scratch_rnn(setting: Setting) -> Work:
    """scratch_rnn's fit."""
    model, (x, y) = scratch_model(setting), rows(setting)
    return lambda: model.fit(x, y, batch_size=setting.batch, shuffle=False, verbose=0)


def keras(setting: Setting, unroll: bool = False, jit_compile: bool = False) -> Work:
    """Keras's fit, on TensorFlow."""
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
    loss = "sparse_categorical_crossentropy"
    model.compile("rmsprop", loss, metrics=["accuracy"], jit_compile=jit_compile)
    x, y = rows(setting)
    return lambda: model.fit(x, y, batch_size=setting.batch, shuffle=False, verbose=0)


def pytorch(setting: Setting) -> Work:
    """nn.LSTM, nn.GRU or nn.RNN and the training loop that everyone writes."""
    import torch
    from torch import nn

    from scratch_rnn.training.threads import available_cores

    torch.set_num_threads(setting.threads or available_cores())
    name = CELLS[setting.cell].__name__.removeprefix("Simple")
    layer = getattr(nn, name)(setting.features, setting.units, batch_first=True)
    dense = nn.Linear(setting.units, 10)
    optimizer = torch.optim.RMSprop([*layer.parameters(), *dense.parameters()], lr=1e-3, alpha=0.9, eps=1e-7)
    x, y = (torch.from_numpy(array) for array in rows(setting))
    y = y.long()

    def work() -> tuple[float, float]:
        total, right = 0.0, 0
        for x_batch, y_batch in batches(setting, x, y):
            optimizer.zero_grad()
            output, _ = layer(x_batch)
            scores = dense(output[:, -1])
            loss = nn.functional.cross_entropy(scores, y_batch)
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += int((scores.argmax(1) == y_batch).sum())
        return total, right

    return work


def jax(setting: Setting) -> Work:
    """The cell's equations under lax.scan, RMSprop, all of a step in one jitted function."""
    import jax as library
    import jax.numpy as jnp
    from jax import lax

    gates = CELLS[setting.cell](1).columns
    step = {"simple_rnn": _jax_simple_rnn, "gru": _jax_gru, "lstm": _jax_lstm}[setting.cell]
    rng = np.random.default_rng(0)
    sizes = {
        "W": (setting.features, gates * setting.units),
        "U": (setting.units, gates * setting.units),
        "b": (gates * setting.units,),
        "b_recurrent": (gates * setting.units,),
        "V": (setting.units, 10),
        "c": (10,),
    }
    weights = {name: jnp.asarray(rng.normal(0, 0.1, size), "float32") for name, size in sizes.items()}
    averages = {name: jnp.zeros(size) for name, size in sizes.items()}

    def objective(weights: Any, x: Any, y: Any) -> Any:
        h = jnp.zeros((x.shape[0], setting.units))
        projected = jnp.swapaxes(x @ weights["W"] + weights["b"], 0, 1)
        (h, _), _ = lax.scan(lambda state, z: (step(weights, state, z), None), (h, h), projected)
        scores = h @ weights["V"] + weights["c"]
        losses = -jnp.take_along_axis(library.nn.log_softmax(scores), y[:, None], axis=1)
        return losses.mean(), (scores.argmax(1) == y).sum()

    @library.jit
    def train(weights: Any, averages: Any, x: Any, y: Any) -> Any:
        (loss, right), gradients = library.value_and_grad(objective, has_aux=True)(weights, x, y)
        averages = {name: 0.9 * averages[name] + 0.1 * g**2 for name, g in gradients.items()}
        weights = {
            name: weights[name] - 1e-3 * g / jnp.sqrt(averages[name] + 1e-7) for name, g in gradients.items()
        }
        return weights, averages, loss, right

    x, y = rows(setting)
    y = y.astype("int32")

    def work() -> tuple[float, float]:
        nonlocal weights, averages
        total, right = 0.0, 0
        for x_batch, y_batch in batches(setting, x, y):
            weights, averages, loss, hits = train(weights, averages, x_batch, y_batch)
            total += float(loss)
            right += int(hits)
        return total, right

    return work


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
    from scratch_rnn.training.shards import SHARD_ROWS
    from scratch_rnn.training.threads import Threads, available_cores

    threads = setting.threads or available_cores()
    columns, inner = CELLS[setting.cell](setting.units).columns, setting.features + 1 + setting.units
    rng = np.random.default_rng(0)

    def shard(size: int) -> Callable[[], None]:
        matrix = rng.normal(size=(inner, columns)).astype("float32")
        recurrent = matrix[setting.features + 1 :]
        joined = rng.normal(size=(setting.time, inner, size)).astype("float32")
        dz = rng.normal(size=(setting.time, columns, size)).astype("float32")
        z, dh = np.empty((columns, size), "float32"), np.empty((setting.units, size), "float32")
        flat = [np.ascontiguousarray(a.transpose(1, 0, 2)).reshape(a.shape[1], -1) for a in (joined, dz)]

        def multiply() -> None:
            for t in range(setting.time):
                np.matmul(matrix.T, joined[t], out=z)  # pre-activations
            for t in range(setting.time):
                np.matmul(recurrent, dz[t], out=dh)  # the carried gradient
            np.matmul(flat[0], flat[1].T)  # the gradient of all weights

        return multiply

    sizes = [min(SHARD_ROWS, setting.batch - start) for start in range(0, setting.batch, SHARD_ROWS)]
    shards = [shard(size) for size in sizes]

    def work() -> None:
        with Threads(threads, lambda multiply, _: multiply(), lambda _: shards) as engine:
            for _ in range(setting.steps):
                engine.map()

    return work
