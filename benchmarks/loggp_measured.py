"""What loggp.py needs to know of a machine, measured on two of MPI's ranks; scaling_model.py starts it.

Of messages, which go the engine's own way (world.py), as Culler and others, LogP performance assessment of
fast network interfaces (1996), and Kielmann and others, Fast measurement of LogP parameters (2000), do it:

    half round trips   there and back, for sizes from 8 bytes to 4 MiB, halved; a straight line is fitted
    send               how long a call takes that sends 8 bytes to a rank that waits for them; a few in a row
    receive            how long a call takes that receives 8 bytes which are there already; likewise
    burst              time for each of many messages of 8 bytes in a row, so many that they jam

Of what a rank computes, one thing after the other: a shard, alone and while the other rank computes one too
(the slower one counts), the sum of two gradients, a copy of the weights, the optimizer. Each is done once
before, because other networks have emptied the caches.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import contestants as c
import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.runs.quoted import median
from scratch_rnn.training.shards import Batches, BatchResult
from scratch_rnn.training.threads import single_threaded_blas
from scratch_rnn.training.world import Packed, World, connect

SIZES = (*(8 << 2 * power for power in range(10)), 4 << 20)  # bytes of a message: 8, 32, 128, ... 4 MiB
SMALL = 8  # bytes
FEW, JAM = 4, 500  # messages in a row
MANY = 50  # how often messages are measured in a round
SHARDS, OTHERS = 5, 10  # how often a thing is computed in a round, after once that does not count

Work = dict[str, Callable[[], Any]]
Clock = Callable[[], float]


def main() -> None:
    """On both ranks: for each line that rank 0 reads measure a round, and print the milliseconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", metavar="CELL,UNITS[,TIMESTEPS]")
    parser.add_argument("--rows", nargs="+", type=int, help="of a shard")
    parser.add_argument("--clock", choices=("perf_counter", "process_time"), help="of the works")
    arguments = parser.parse_args()
    world, clock = connect(), getattr(time, arguments.clock)
    with single_threaded_blas():
        works = {name: prepared(name, arguments.rows) for name in arguments.networks}
        while goes_on(world):
            found = measured(world, works, clock)
            if world.rank == 0:
                print(json.dumps(found), flush=True)


def goes_on(world: World) -> bool:
    """Return on both ranks whether rank 0 has another line to read."""
    line = np.array([bool(sys.stdin.readline())]) if world.rank == 0 else np.empty(1, bool)
    world.share(line)
    return bool(line[0])


def measured(world: World, works: dict[str, Work], clock: Clock) -> dict[str, dict[str, float]]:
    """Return the milliseconds of one round: of messages, and, by that clock, of each work by name."""
    found = {"messages": messages(world)}
    for name, work in works.items():
        found[name] = {}
        for what, function in work.items():
            both = partial(warm, function, SHARDS if "rows" in what else OTHERS, clock)
            alone = both if world.rank == 0 else float
            if "rows" in what:
                found[name][f"{what}, alone"] = slower(world, alone)
                found[name][what] = slower(world, both)
            else:  # while one rank does it, others wait for it
                found[name][what] = slower(world, alone)
    return found


def timed(function: Callable[[], Any], times: int = 1, clock: Clock = time.perf_counter) -> float:
    """Do it so often; return the milliseconds of once."""
    began = clock()
    for _ in range(times):
        function()
    return 1000 * (clock() - began) / times


def warm(function: Callable[[], Any], times: int, clock: Clock) -> float:
    """Do it once more before, so that no other network's arrays are in the cache."""
    function()
    return timed(function, times, clock)


def slower(world: World, measure: Callable[[], float]) -> float:
    """Begin on both ranks at the same time; return on rank 0 the greater of what it gives there."""
    other = np.zeros(1)
    world.share(other)
    given = measure()
    if world.rank == 0:
        world.receive(other, 1)
        return max(given, float(other[0]))
    world.send(np.array([given]), 0)
    return given


def there_and_back(world: World, array: Array, there: int = 1, wait: float = 0.0) -> tuple[float, float]:
    """Send an array from rank 0 to rank 1, perhaps several times, and as often back.

    Return on rank 0 the milliseconds of each sending, and of each receiving, before which it waits so long.
    """
    if world.rank == 0:
        busy(wait)
        sent = timed(lambda: world.send(array, 1), there)
        busy(wait)
        return sent, timed(lambda: world.receive(array, 1), there)
    timed(lambda: world.receive(array, 0), there)
    timed(lambda: world.send(array, 0), there)
    return 0.0, 0.0


def messages(world: World) -> dict[str, float]:
    """Return the milliseconds of half a round trip for each size, of a send, a receive, and in a burst."""
    found = {}
    for size in SIZES:
        array = np.zeros(size, np.uint8)
        there_and_back(world, array)
        trips = [timed(lambda array=array: there_and_back(world, array)) / 2 for _ in range(trips_of(size))]
        found[f"{size} bytes"] = median(trips)
    small = np.zeros(SMALL, np.uint8)
    calls = [there_and_back(world, small, FEW, wait=0.2) for _ in range(MANY)]
    found["send"], found["receive"] = (median([call[which] for call in calls]) for which in (0, 1))
    found["burst"] = timed(lambda: there_and_back(world, small, JAM)) / (2 * JAM)
    return found


def trips_of(size: int) -> int:
    """Return how often a message of that size goes there and back in a round."""
    return MANY if size < 1 << 16 else MANY // 5


def busy(milliseconds: float) -> None:
    """Look at the clock for so long."""
    until = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < until:
        pass


def setting_of(name: str) -> c.Setting:
    """Return what is trained with a network of that name: cell, units and, unless all rows, timesteps."""
    cell, units, *time = name.split(",")
    setting = c.Setting(cell, int(units))
    return setting.but(time=int(time[0])) if time else setting


def prepared(name: str, sizes: list[int]) -> Work:
    """Return what is done in a step with a network, by name, a shard with each number of rows."""
    setting = setting_of(name).but(steps=1, threads=1)
    model, (x, y) = c.scratch_model(setting), c.rows(setting)
    work: Work = {}
    for rows in sizes:
        (shard,) = Batches(x[:rows], y[:rows], np.arange(rows), rows).shards(0)
        memory: dict[str, Any] = {}
        work[f"{rows} rows"] = partial(model._shard_gradients, shard, memory)
    one, other = (BatchResult(1, np.zeros(2), [weight.copy() for weight in model.weights]) for _ in range(2))
    parcel = Packed(one.gradients)
    work["add"] = partial(BatchResult.__add__, one, other)
    work["copy"] = partial(parcel.put, one.gradients)
    work["optimizer"] = partial(model.optimizer.apply, one.gradients, model.weights)
    return work


if __name__ == "__main__":
    main()
