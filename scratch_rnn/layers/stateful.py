"""What a stateful layer keeps from one batch to the next: the states of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import place


class KeptStates:
    """The states that a batch has left, (B, H) each; none before the first.

    A worker that computes some rows of a batch reads and writes those rows alone.
    """

    def __init__(self) -> None:
        self.of_batch: dict[int, list[Array]] = {}  # by the size of the batch, of which there is but one

    def recall(self, rows: int, name: str) -> list[Array] | None:
        """Return the states of the rows that the layer of that name is called for.

        Raises ValueError where batches have different sizes.
        """
        part, batch_rows = _place_of(rows)
        if not self.of_batch:
            return None
        if batch_rows not in self.of_batch:
            (before,) = self.of_batch
            raise ValueError(
                f"layer {name!r} is stateful, and batches must have the same size: {before} rows before, "
                f"{batch_rows} now; take a batch_size that divides the rows, or call reset_states()"
            )
        return [state[part] for state in self.of_batch[batch_rows]]

    def keep(self, states: Sequence[Array]) -> None:
        """Keep the final states, (B, H) each, of the rows that the layer is called for."""
        part, batch_rows = _place_of(len(states[0]))
        new = [np.zeros((batch_rows, *state.shape[1:]), state.dtype) for state in states]
        for kept, state in zip(self.of_batch.setdefault(batch_rows, new), states, strict=True):
            kept[part] = state

    def cast(self, dtype: np.dtype[Any]) -> None:
        """Bring them to another dtype."""
        self.of_batch = {
            rows: [state.astype(dtype) for state in states] for rows, states in self.of_batch.items()
        }

    def reset(self) -> None:
        """Forget them: the next batch begins with zeros."""
        self.of_batch = {}


def _place_of(rows: int) -> tuple[slice, int]:
    """Return which rows of the batch they are, and how many it has."""
    place_here = place.here()
    if place_here is None or not place_here.batch_rows:
        return slice(0, rows), rows
    return slice(place_here.first, place_here.first + rows), place_here.batch_rows
