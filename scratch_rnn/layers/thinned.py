"""Dropout inside a recurrent layer: every gate sees x_t and h_{t-1} through a mask of its own.

    (O3)  z_k = W_kᵀ (m_k ⊙ x_t) + b_k + U_kᵀ (r_k ⊙ h_{t-1})        for each gate k

A mask holds for all timesteps of a sequence (Gal and Ghahramani 2016). It acts where weights meet what is
thinned, and nowhere else, so the cells do not know of it: in a tape for dropout the place of the weights, of
a gate or of all, is taken by a `Thinned`, which makes the products of (T1), (T3), (T4) and (T5) as

    (O4)  Mᵀ j    for gate k   M_kᵀ (n_k ⊙ j)
    (O5)  M dz                 Σ_k n_k ⊙ (M_k dz_k)
    (O6)  j dzᵀ   for gate k   (n_k ⊙ j) dz_kᵀ

with n_k = [m_k; 1; r_k], a column for each sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array, outer_sum
from scratch_rnn.layers import place
from scratch_rnn.layers.dropout import kept_entries
from scratch_rnn.layers.tape import Tape


class Thinned:
    """A matrix (R, G*H) of weights, or of their gradient, that meets thinned columns (R, B).

    kept  (G, R, B), what gate k multiplies the columns by

    It takes the part of an array in np.matmul and @, by NumPy's protocol for that, and in slices.
    """

    def __init__(self, matrix: Array, kept: Array, transposed: bool = False) -> None:
        self.matrix, self.kept, self.transposed = matrix, kept, transposed

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, part: slice | tuple[Any, slice]) -> Thinned:
        if isinstance(part, slice):  # rows
            return Thinned(self.matrix[part], self.kept[:, part])
        units = self.matrix.shape[1] // len(self.kept)
        gates = slice(part[1].start // units, part[1].stop // units)
        return Thinned(self.matrix[part], self.kept[gates])

    @property
    def T(self) -> Thinned:
        """The transpose."""
        return Thinned(self.matrix, self.kept, not self.transposed)

    def __matmul__(self, columns: Array) -> Array:
        """Return (O4) of the transpose, else (O5)."""
        gates = len(self.kept)
        rows = self.matrix.shape[1] if self.transposed else len(self.matrix)
        out = np.empty((rows, columns.shape[1]), np.result_type(self.matrix, columns))
        if not self.transposed:
            parts = zip(self._gates(), self.kept, np.split(columns, gates), strict=True)
            out[...] = sum(kept * (matrix @ dz) for matrix, kept, dz in parts)  # (O5)
            return out
        for matrix, kept, z in zip(self._gates(), self.kept, np.split(out, gates), strict=True):
            np.matmul(matrix.T, kept * columns, out=z)  # (O4)
        return out

    def _gates(self) -> Iterator[Array]:
        """Yield the columns of each gate."""
        yield from np.split(self.matrix, len(self.kept), axis=1)

    def _outer(self, columns: Array, dz: Array) -> None:
        """Fill in (O6)."""
        parts = zip(self._gates(), self.kept, np.split(dz, len(self.kept)), strict=True)
        for matrix, kept, dz_k in parts:
            outer_sum(kept * columns, dz_k, out=matrix)  # (O6)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **more: Any) -> Any:
        """Take part in what NumPy computes with arrays: in products as above, in sums as the bare matrix."""
        first, second = inputs if len(inputs) == 2 else (*inputs, None)
        if out and isinstance(out[0], Thinned):  # a product (R, B) and (B, G*H), or one column and one row
            out[0]._outer(first, second.T)
            return out[0]
        if ufunc is np.matmul and isinstance(first, Thinned):
            result = first @ second
            if out:
                out[0][...] = result
            return out[0] if out else result
        if ufunc is np.add and isinstance(second, Thinned):
            return ufunc(first, second.matrix, out=out)
        raise TypeError(
            f"with recurrent_dropout, weights can be in products (np.matmul, @), not in {ufunc!r}"
        )


class ThinnedTape(Tape):
    """The tape of a pass with dropout inside.

    kept  (G, rows, B)  n_k of (O4): the masks of each gate
    """

    def __init__(self, layer: Any, time: int, batch: int) -> None:
        gates = layer.columns // layer.units
        self.kept: Array = np.ones((gates, len(layer.matrix), batch), layer.dtype)
        super().__init__(layer, time, batch)

    def seen_by_steps(self, matrix: Array) -> Any:
        return Thinned(matrix, self.kept)

    @property
    def nbytes(self) -> int:
        return super().nbytes + self.kept.nbytes

    def draw(self) -> None:
        """Draw new masks."""
        layer, rng = self.layer, place.generator(self.layer.seed)
        rates = (self.kernel_rows, layer.dropout), (self.recurrent_kernel_rows, layer.recurrent_dropout)
        for rows, rate in rates:
            part = self.kept[:, rows]
            part[...] = kept_entries(rate, part.shape, part.dtype, rng)
