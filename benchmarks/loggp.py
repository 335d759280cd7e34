"""What a step of training costs on MPI's ranks, on paper: compute, sums and messages in the LogGP model.

A rank is busy for `overhead` at each end of a message; `latency` passes between them, `gap` at least between
two messages, and `byte` with each byte after the first: Alexandrov, Ionescu, Schauser and Scheiman, LogGP:
incorporating long messages into the LogP model (SPAA 1995), after Culler and others, LogP (PPoPP 1993). A
message begins when both ranks are ready for it, as MPI's long ones do: Ino, Fujimoto and Hagihara, LogGPS
(PPoPP 2001).

What a rank does in a step, and whom it waits for, is not told here again: it is what the engine's own
`sum_over_ranks` asks of it. `simulated` walks through it, message by message; `closed_form` adds up the
longest way, where the shards and the ranks are powers of two. All times are milliseconds, all sizes bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scratch_rnn.training.tree import owners, sum_over_ranks
from scratch_rnn.training.world import PATIENCE, PAUSE

Operation = tuple[str, int]  # what a rank does, and how often; or "send" or "receive", and with whom
Program = tuple[Operation, ...]
Sleeping = Callable[[float], float]


@dataclass(frozen=True)
class Network:
    """LogGP's parameters, in milliseconds: `byte` is its G, the time of each further byte."""

    latency: float
    overhead: float
    gap: float
    byte: float

    def busy(self, size: int) -> float:
        """Return how long a message keeps the rank that sends it from sending the next."""
        return max(self.gap, self.overhead + (size - 1) * self.byte)

    def message(self, size: int) -> float:
        """Return the time from the beginning of a message to the end of it, where it is received."""
        return self.overhead + (size - 1) * self.byte + self.latency + self.overhead


@dataclass(frozen=True)
class Costs:
    """Milliseconds of what a rank computes with one network of layers, and the size of its weights.

    shard      forward and backward for one shard
    add        the sum of two gradients
    copy       weights or gradients into a message, or out of it
    optimizer  its step, on rank 0
    size       bytes of the weights, and so of every message
    """

    shard: float
    add: float
    copy: float
    optimizer: float
    size: int

    def of(self, operation: Operation) -> float:
        """Return what an operation costs that is no message."""
        name, times = operation
        return float(times * getattr(self, name))


# From https://gist.github.com/jfgrimm/3af692a5475bdd4ed836b5a18197a209 (2021): the OSU benchmarks between two
# machines, with Open MPI, whose rates are those of InfiniBand of 100 Gbit/s, and with MPICH, whose rates are
# those of gigabit Ethernet. Of 8 bytes the latency, of 1 byte the rate of messages, of 32 KiB that of bytes.
# They do not tell the overhead from the gap, above which it cannot be.
def published(latency: float, one_byte_rate: float, rate: float) -> Network:
    """Return the network with that latency in microseconds and these rates in MB/s."""
    gap = 1e-3 / one_byte_rate
    return Network(latency=1e-3 * latency - 2 * gap, overhead=gap, gap=gap, byte=1e-3 / rate)


INFINIBAND, ETHERNET = published(0.9, 5.53, 10297.78), published(24.59, 0.23, 116.19)


def simulated(
    costs: Costs, network: Network, shards: int, ranks: int, sleeping: Sleeping | None = None
) -> float:
    """Return how long a step takes: the second one, to which the ranks come as the first has left them.

    sleeping  how long a rank notices a message too late for which it has waited so long; `engine_sleeps`
    """
    programs = programs_of(shards, ranks)
    first = walked(programs, [0.0] * ranks, costs, network, sleeping)
    second = walked(programs, first, costs, network, sleeping)
    return second[0] - first[0]


def engine_sleeps(waited: float) -> float:
    """Return half of the pause between two looks of the engine for a message, its mean: world.py."""
    return min(waited / 20, 1e3 * PAUSE) / 2 if waited > 1e3 * PATIENCE else 0.0


@lru_cache(maxsize=64)
def programs_of(shards: int, ranks: int) -> list[Program]:
    """Return what each rank does in a step."""
    owner = owners(shards, ranks)
    return [(*broadcast(rank, ranks), *summed(rank, owner)) for rank in range(ranks)]


def broadcast(rank: int, ranks: int) -> list[Operation]:
    """Return a rank's part in handing the weights down a binomial tree, which is how an MPI may do it.

    In binary a rank's number without its lowest one is that of the rank that sends it the weights.
    """
    below = rank & -rank or 1 << (ranks - 1).bit_length()
    steps = [1 << bit for bit in reversed(range(below.bit_length() - 1))]
    sends = [("send", rank + step) for step in steps if rank + step < ranks]
    return [("receive", rank & rank - 1), *sends, ("copy", 1)] if rank else [("copy", 1), *sends]


def summed(rank: int, owner: Sequence[int]) -> list[Operation]:
    """Return a rank's part in the rest of a step: its shards, the sum over the ranks, the optimizer."""
    own = dict.fromkeys(range(bisect_left(owner, rank), bisect_right(owner, rank)), 0)
    done: list[Operation] = [("shard", len(own))]

    def add(a: int, b: int) -> int:
        what, times = done[-1]
        done[-1:] = [("add", times + 1)] if what == "add" else [(what, times), ("add", 1)]
        return 0

    def send(term: int, to: int) -> None:
        done.extend([("copy", 1), ("send", to)])

    def receive(source: int) -> int:
        done.append(("receive", source))
        return 0

    sum_over_ranks(own, owner, rank, add, send, receive)
    return done if rank else [*done, ("optimizer", 1)]


def walked(
    programs: Sequence[Program],
    begin: Sequence[float],
    costs: Costs,
    network: Network,
    sleeping: Sleeping | None = None,
) -> list[float]:
    """Return when each rank has done its program that it has begun at that time.

    Raises RuntimeError where ranks wait for each other for ever.
    """
    clocks, reached, ready = [*begin], [0] * len(programs), deque(range(len(programs)))
    waits: dict[int, Operation] = {}
    message, busy = network.message(costs.size), network.busy(costs.size)
    while ready:
        rank = ready.popleft()
        for operation in programs[rank][reached[rank] :]:
            what, other = operation
            if what not in ("send", "receive"):
                clocks[rank] += costs.of(operation)
                reached[rank] += 1
                continue
            if waits.get(other) != ("receive" if what == "send" else "send", rank):
                waits[rank] = operation
                break
            del waits[other]
            start, waited = max(clocks[rank], clocks[other]), abs(clocks[rank] - clocks[other])
            start += sleeping(waited) if sleeping else 0
            source, target = (rank, other) if what == "send" else (other, rank)
            clocks[source], clocks[target] = start + busy, start + message
            reached[rank] += 1
            reached[other] += 1
            ready.append(other)
    if waits:
        raise RuntimeError(f"ranks wait for each other: {waits}")
    return clocks


def closed_form(costs: Costs, network: Network, shards: int, ranks: int) -> dict[str, float]:
    """Return the parts of the longest way through a step, whose sum is the time that `simulated` returns.

    It is that of the last rank, whose number has ones alone: the weights reach it after log2(ranks) messages,
    and as many bring the gradients to rank 0. Raises ValueError for numbers that are no powers of two and for
    more ranks than shards.
    """
    if shards & shards - 1 or ranks & ranks - 1 or ranks > shards:
        raise ValueError(f"expected powers of two, no more ranks than shards; found {ranks} and {shards}")
    rounds, own = ranks.bit_length() - 1, shards // ranks
    return {
        "shards": own * costs.shard,
        "sums": (own - 1 + rounds) * costs.add,
        "copies": (1 + (ranks > 1) + rounds) * costs.copy,
        "messages": 2 * rounds * network.message(costs.size),
        "optimizer": costs.optimizer,
    }


def sent(shards: int, ranks: int) -> int:
    """Return the number of messages of a step, of all ranks together."""
    return sum(what == "send" for program in programs_of(shards, ranks) for what, _ in program)


def gains(times: Mapping[int, float], one: float) -> dict[int, float]:
    """Return how many times as fast as one rank, which takes so long, each number of ranks is."""
    return {ranks: one / time for ranks, time in times.items()}


def pays(gain: Mapping[int, float], least: float = 0.5) -> int:
    """Return up to how many ranks each of them does at least that share of what one rank does; 0 if none."""
    return max((ranks for ranks, times in gain.items() if times >= least * ranks), default=0)
