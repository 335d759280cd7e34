"""What frameworks do: gradients from the forward pass alone. Run `python -m scratch_rnn.autograd`.

A Value is an array that knows of which Values it was made and, with each of them, the rule that takes the
gradient dy of what was made back to it. The rules are (R1) to (R4) of docs/bptt.md, and there are no others.
A sample is a column there and a row here, as in minimal.py, so (R3) stands here transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratch_rnn import minimal

births = count()


class Value:
    """An array of float64 with its past; weights, inputs and constants have none: `Value(array)`."""

    def __init__(self, array: ArrayLike, *made_of: tuple[Value, Callable[[np.ndarray], np.ndarray]]) -> None:
        self.array, self.made_of, self.born = np.asarray(array, dtype=float), made_of, next(births)

    def __add__(a, b: Value) -> Value:
        return Value(a.array + b.array, (a, lambda dy: dy), (b, lambda dy: dy))  # a sum needs no rule

    def __sub__(a, b: Value) -> Value:
        return Value(a.array - b.array, (a, lambda dy: dy), (b, lambda dy: -dy))  # nor does a difference

    def __mul__(a, b: Value) -> Value:
        return Value(a.array * b.array, (a, lambda dy: dy * b.array), (b, lambda dy: dy * a.array))  # (R1)

    def __matmul__(x, W: Value) -> Value:
        return Value(
            x.array @ W.array,
            (x, lambda dy: dy @ W.array.mT),  # (R3); .mT is the transpose
            (W, lambda dy: x.array.mT @ dy),  # (R3)
        )

    def tanh(z) -> Value:
        """Return tanh of each entry."""
        y = np.tanh(z.array)
        return Value(y, (z, lambda dy: dy * (1 - y**2)))  # (R2), (A1)

    def sigmoid(z) -> Value:
        """Return the logistic function of each entry."""
        y = 1 / (1 + np.exp(-z.array))
        return Value(y, (z, lambda dy: dy * y * (1 - y)))  # (R2), (A2)

    def sum(x) -> Value:
        """Return the sum of all entries, one number."""
        return Value(x.array.sum(), (x, lambda dy: dy * np.ones_like(x.array)))  # (R3): W of ones

    def __getitem__(x, part: Any) -> Value:
        return Value(x.array[part], (x, lambda dy: put(dy, part, x.array.shape)))  # (R3): W of 0 and 1


def gradients(loss: Value, *values: Value) -> list[np.ndarray]:
    """Return the gradient of `loss`, one number, with respect to each of the values."""
    if loss.array.size != 1:
        raise ValueError(f"expected a loss of one number, found shape {loss.array.shape}: take its .sum()")
    gradient, waiting = {loss: np.ones_like(loss.array)}, {loss}
    while waiting:
        y = max(waiting, key=lambda value: value.born)  # BACKWARDS: all that was made of the youngest is done
        waiting.remove(y)
        for a, rule in y.made_of:
            gradient[a] = gradient.get(a, 0) + fitted(rule(gradient[y]), a.array.shape)  # (R4): parts ADD UP
            waiting.add(a)
    return [gradient.get(value, np.zeros_like(value.array)) for value in values]


def fitted(da: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return da in the shape of a, which NumPy may have stretched: a bias gets the sum of the rows."""
    stretched = [axis for axis, length in enumerate((1,) * (da.ndim - len(shape)) + shape) if length == 1]
    return da.sum(axis=tuple(stretched)).reshape(shape)  # (R4): each row has used it


def put(dy: np.ndarray, part: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return zeros of this shape with dy where `part` is."""
    dx = np.zeros(shape)
    np.add.at(dx, part, dy)
    return dx


def lstm(x: Value, W: Value, U: Value, b: Value) -> Value:
    """Return the last hidden state (B, H) of an LSTM that reads x (B, T, D): a forward pass, no more."""
    H = len(U.array)
    h = c = Value(np.zeros((len(x.array), H)))
    for t in range(x.array.shape[1]):
        z = x[:, t] @ W + h @ U + b  # (T1)
        z_i, z_f, z_g, z_o = (z[:, k * H : (k + 1) * H] for k in range(4))
        i, f, g, o = z_i.sigmoid(), z_f.sigmoid(), z_g.tanh(), z_o.sigmoid()  # (L1), (L2), (L3), (L4)
        c = f * c + i * g  # (L5)
        h = o * c.tanh()  # (L6)
    return h


def main() -> None:
    """Print how far these gradients are from those of minimal.py, which come from a backward pass by hand."""
    rng = np.random.default_rng(0)
    weights = minimal.initial_weights(28, 16, 10, rng)
    x, dlogits = rng.random((4, 28, 28)), rng.normal(size=(4, 10))
    by_hand = minimal.backward(weights, minimal.forward(weights, x)[1], dlogits)
    W, U, b, V, a = (Value(weight) for weight in weights.values())
    logits = lstm(Value(x), W, U, b) @ V + a  # (D1)
    loss = (logits * Value(dlogits)).sum()  # any will do; the gradient of this one at the logits is dlogits
    for name, gradient in zip(weights, gradients(loss, W, U, b, V, a), strict=True):
        error, largest = np.abs(gradient - by_hand[name]).max(), np.abs(gradient).max()
        print(f"d{name}  largest difference {error:.0e}, largest entry {largest:.2f}")


if __name__ == "__main__":
    main()
