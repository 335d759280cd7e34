"""How near each part of a timestep comes to what one core of this machine can do: a roofline.

A shard of 64 digits, 128 units, float32, one thread. The layer runs as in training, but on arrays that write
down each operation of NumPy: how much it computes, how many bytes it reads and writes, how long it takes. So
the parts are those of the code as it stands. Beside them are two limits (Williams, Waterman and Patterson,
CACM 52, 2009), measured here too: the best rate of a large product, and how fast operations entry by entry
get their numbers from arrays that lie in a cache, and from arrays that lie in none.

    python benchmarks/roofline.py

prints the table, writes results/roofline.json and draws docs/figures/roofline.png. Half a minute.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import contestants as c
import drawing
import numpy as np
from interleave import FIGURES, RESULTS, seconds_of, write
from terminal import show

from scratch_rnn.arrays import aligned_empty
from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.layers.tape import Tape
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import save
from scratch_rnn.training.shards import SHARD_ROWS
from scratch_rnn.training.threads import single_threaded_blas

PRODUCTS = {
    "step": "products, forward",
    "step_backward": "products, gradient of h",
    "add_weight_gradients": "products, gradients of the weights",
}
FUNCTIONS, ENTRIES, SUM = "exp and tanh", "arithmetic entry by entry", "sum of the weights' gradients"
NEAR, FAR = "arrays of four gates", "arrays of 64 MiB"  # what a timestep works on, and what no cache holds
KIB = {NEAR: 128, FAR: 65536}
LARGE = 1024  # rows and columns of the matrices whose product is the best rate
WARM_UP = 3  # rounds


@dataclass
class Part:
    """What belongs together of the operations of a timestep: how many, what they compute and move, how long.

    `flops` counts additions and multiplications; of any other function one for each entry.
    """

    calls: float = 0
    flops: float = 0
    bytes: float = 0
    seconds: float = 0

    def add(self, flops: int, moved: int, seconds: float) -> None:
        """Count one more operation."""
        self.calls, self.flops = self.calls + 1, self.flops + flops
        self.bytes, self.seconds = self.bytes + moved, self.seconds + seconds


class Watched(np.ndarray):
    """An array that writes down what is computed with it while one of a cell's methods runs, `method`."""

    method: ClassVar[str | None] = None
    parts: ClassVar[dict[str, Part]] = {}

    def __array_ufunc__(self, ufunc: np.ufunc, way: str, *inputs: Any, **options: Any) -> Any:
        operands, (out,) = [plain(value) for value in inputs], options.pop("out", (None,))
        compute = partial(getattr(ufunc, way), *operands, out=plain(out), **options)
        started = time.perf_counter()
        result = compute()
        seconds = time.perf_counter() - started
        if Watched.method:
            entry = 2 * operands[0].shape[-1] if ufunc is np.matmul else 1
            moved = sum(np.asarray(array).nbytes for array in (*operands, result))
            part = Watched.parts.setdefault(part_of(ufunc, Watched.method), Part())
            part.add(entry * result.size, moved, seconds)
        return result.view(Watched) if out is None else out


def plain(value: Any) -> Any:
    """Return the array itself."""
    return value.view(np.ndarray) if isinstance(value, Watched) else value


def part_of(ufunc: np.ufunc, method: str) -> str:
    """Return the part that an operation belongs to."""
    if ufunc is np.matmul:
        return PRODUCTS[method]
    if method == "add_weight_gradients":
        return SUM
    return FUNCTIONS if ufunc in (np.exp, np.tanh) else ENTRIES


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--rounds", type=positive_int, default=50, help="that count (default: 50)")
    rounds = parser.parse_args().rounds
    with single_threaded_blas():
        result = {"limits": limits(rounds), "cells": {cell: measured(cell, rounds) for cell in CELLS}}
    show(as_rows(result), "the parts of a timestep, there and back, on one thread")
    write(RESULTS / "roofline.json", result)
    cells = {CELLS[cell].__name__: found["parts"] for cell, found in result["cells"].items()}
    roofs = {cell: at_limits(parts, result["limits"]) for cell, parts in cells.items()}
    save(drawing.roofline(result["limits"], cells, roofs), FIGURES / "roofline.png")


def limits(rounds: int) -> dict[str, Any]:
    """Return the best GFLOP/s of a product, and for each size of arrays GB/s of a multiplication."""
    a, b, product = (matrix_of_ones() for _ in range(3))
    best = 2e-9 * LARGE**3 / min(repeated(partial(np.matmul, a, b, out=product), 1, rounds))
    moved = {}
    for name, size in KIB.items():
        a, b, product = (np.ones(256 * size, np.float32) for _ in range(3))
        times = max(1, 2**14 // size)
        seconds = min(repeated(partial(np.multiply, a, b, out=product), times, rounds)) / times
        moved[name] = 3e-9 * 1024 * size / seconds
    return {"GFLOP/s": best, "GB/s": moved}


def matrix_of_ones() -> np.ndarray:
    """Return a large one."""
    matrix = aligned_empty((LARGE, LARGE), np.float32)
    matrix[...] = 1
    return matrix


def repeated(compute: Callable[[], Any], times: int, rounds: int) -> list[float]:
    """Return the seconds that so many calls take, round by round."""

    def run() -> None:
        for _ in range(times):
            compute()

    return [seconds_of(run) for _ in range(WARM_UP + rounds)][WARM_UP:]


def measured(cell: str, rounds: int) -> dict[str, Any]:
    """Return the parts of a timestep, there and back, and the microseconds that it takes without a watch."""
    setting = c.Setting(cell=cell, batch=SHARD_ROWS, steps=1)
    layer, (x, _) = CELLS[cell](setting.units, seed=0), c.rows(setting)
    y, tape = layer.forward(x)
    dy = np.random.default_rng(0).normal(size=y.shape).astype(y.dtype)

    def there_and_back() -> dict[str, Part]:
        Watched.parts = {}
        layer.forward(x, tape=tape)
        layer.backward(dy, tape, input_gradient=False)
        return Watched.parts

    whole = repeated(there_and_back, 1, rounds)
    watch(layer, tape)
    passes = [there_and_back() for _ in range(WARM_UP + rounds)][WARM_UP:]
    found = {name: middle([one[name] for one in passes], setting.time) for name in passes[0]}
    return {"µs": 1e6 * median(whole) / setting.time, "parts": found}


def watch(layer: Recurrent, tape: Tape) -> None:
    """Have the arrays of each timestep write down what the methods of the cell compute with them."""
    for record in tape.steps:
        for name in record.__slots__:
            setattr(record, name, getattr(record, name).view(Watched))
    for method in PRODUCTS:
        setattr(layer, method, named(method, getattr(layer, method)))


def named(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method, which says while it runs that it does."""

    def run(*arguments: Any) -> Any:
        Watched.method = name
        try:
            return method(*arguments)
        finally:
            Watched.method = None

    return run


def middle(passes: list[Part], timesteps: int) -> dict[str, float]:
    """Return what a part is in one timestep; the seconds are the median of all passes."""
    one = asdict(passes[0]) | {"seconds": median([part.seconds for part in passes])}
    return {name: value / timesteps for name, value in one.items()}


def at_limits(parts: dict[str, dict[str, float]], limits: dict[str, Any]) -> dict[str, float]:
    """Return for each part the seconds that the limits allow for what it computes and moves."""
    best, near = 1e9 * limits["GFLOP/s"], 1e9 * limits["GB/s"][NEAR]
    return {name: max(part["flops"] / best, part["bytes"] / near) for name, part in parts.items()}


def as_rows(result: dict[str, Any]) -> list[list[str]]:
    """Return the head of a table, and for each cell a row for each part and one for the whole timestep."""
    rows = [
        ["a timestep of 64 digits", "part", "calls", "µs", "share", "GFLOP/s", "GB/s", "µs at the limits"]
    ]
    for cell, found in result["cells"].items():
        title, roofs = CELLS[cell].__name__, at_limits(found["parts"], result["limits"])
        for name, part in found["parts"].items():
            seconds = part["seconds"]
            rates = [f"{1e-9 * part[what] / seconds:.0f}" for what in ("flops", "bytes")]
            share = f"{1e6 * seconds / found['µs']:.0%}"
            numbers = [f"{part['calls']:.0f}", f"{1e6 * seconds:.0f}", share, *rates]
            rows.append([title, name, *numbers, f"{1e6 * roofs[name]:.0f}"])
        rows.append(
            [
                title,
                "all, unwatched",
                "",
                f"{found['µs']:.0f}",
                "",
                "",
                "",
                f"{1e6 * sum(roofs.values()):.0f}",
            ]
        )
    return rows


if __name__ == "__main__":
    main()
