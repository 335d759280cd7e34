"""The sum of a batch's shards over several ranks: the tree of shards.py, each node where it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from scratch_rnn.training.shards import middle

Term = TypeVar("Term")


def owners(shards: int, ranks: int) -> list[int]:
    """Return for each shard of a batch the rank that computes it: neighbours on one rank, all alike busy."""
    return [shard * ranks // shards for shard in range(shards)]


def sum_over_ranks(
    own: Mapping[int, Term],
    owner: Sequence[int],
    rank: int,
    add: Callable[[Term, Term], Term],
    send: Callable[[Term, int], None],
    receive: Callable[[int], Term],
) -> Term | None:
    """Take part in a sum as one of the ranks; return the sum on the rank that has the first term, else None.

    own      the terms of this rank, by number
    owner    for each term the rank that has it, never falling
    send     gives a term to a rank, receive takes one from a rank

    All ranks go through the tree in the same order, so none waits for one that waits for it. A rank sends and
    receives only where a node of the tree is cut within or at the end of what it owns: as often as the number
    of the terms can be halved, however many ranks there are.
    """

    def summed(first: int, end: int) -> Term | None:
        if not owner[first] <= rank <= owner[end - 1]:
            return None
        if end - first == 1:
            return own[first]
        cut = first + middle(end - first)
        left, right = summed(first, cut), summed(cut, end)
        if owner[first] != owner[cut]:
            if rank == owner[cut]:
                send(right, owner[first])  # type: ignore[arg-type]  # it is this rank's, and no None
            elif rank == owner[first]:
                right = receive(owner[cut])
        return add(left, right) if rank == owner[first] else None  # type: ignore[arg-type]

    return summed(0, len(owner))
