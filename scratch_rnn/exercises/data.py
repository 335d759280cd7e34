"""What the judge calls a student's function with: small random arrays, no two sizes the same.

The arrays fit together as those of a real step do: a solution may use that h is o * tanh(c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]
SIZES = ((3, 4, 5), (2, 5, 3))  # B, D, H
TOLERANCE = 1e-9
TOLERANCES = {"gradient_check": 1e-6}  # differences of whatever kind leave an error


def cases(name: str) -> list[Arguments]:
    """Return the arguments of several calls of an exercise's function, the same ones every time."""
    rng = np.random.default_rng(17)
    return _MAKERS[name](rng)


def tolerance(name: str) -> float:
    """Return how far a right number may be from that of the solution, relative to the size of it."""
    return TOLERANCES.get(name, TOLERANCE)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _one_unit(rng: np.random.Generator) -> list[Arguments]:
    return [tuple(float(value) for value in rng.uniform(0.3, 1.2, 6)) for _ in range(3)]


def _rnn_step(rng: np.random.Generator, B: int, D: int, H: int) -> Arguments:
    """Return x_t, h_prev, W, U, b."""
    x_t, h_prev = rng.normal(size=(B, D)), np.tanh(rng.normal(size=(B, H)))
    return x_t, h_prev, *(rng.normal(0, 0.5, shape) for shape in ((D, H), (H, H), (H,)))


def _simple_rnn_step(rng: np.random.Generator) -> list[Arguments]:
    return [_rnn_step(rng, *sizes) for sizes in SIZES]


def _simple_rnn_step_backward(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for sizes in SIZES:
        x_t, h_prev, W, U, b = _rnn_step(rng, *sizes)
        h = np.tanh(x_t @ W + h_prev @ U + b)
        calls.append((rng.normal(size=h.shape), x_t, h_prev, h, W, U))
    return calls


def _sequence(rng: np.random.Generator, B: int, T: int, D: int, H: int) -> Arguments:
    """Return x, h (B, T + 1, H), W, U."""
    _, h_0, W, U, b = _rnn_step(rng, B, D, H)
    x, states = rng.normal(size=(B, T, D)), [h_0]
    for t in range(T):
        states.append(np.tanh(x[:, t] @ W + states[-1] @ U + b))
    return x, np.stack(states, axis=1), W, U


def _simple_rnn_loop(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for (B, D, H), T in zip(SIZES, (6, 4), strict=True):
        x, h, W, U = _sequence(rng, B, T, D, H)
        calls.append((rng.normal(size=(B, T, H)), rng.normal(size=(B, H)), x, h, W, U))
    return calls


def _truncated_loop(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for T, k in ((8, 3), (6, 2), (9, 4), (4, 1), (6, 6), (4, 7)):
        _, h, _, U = _sequence(rng, 3, T, 2, 5)
        calls.append((rng.normal(size=(3, T, 5)), h, U, k))
    return calls


def _cross_entropy(rng: np.random.Generator) -> list[Arguments]:
    calls = [(rng.normal(size=(B, K)), rng.integers(K, size=B)) for B, K in ((3, 5), (4, 7))]
    logits, y = calls[0]
    apart = logits + np.array([[1000.0], [0.0], [-1000.0]])
    sure = logits - 60 * np.eye(5)[y]  # that the right class is none
    return [*calls, (logits + 1000.0, y), (apart, y), (sure, y)]


def _lstm_step_backward(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for B, _, H in SIZES:
        z_i, z_f, z_g, z_o, c_prev, dh, dc = rng.normal(size=(7, B, H))
        i, f, g, o = _sigmoid(z_i), _sigmoid(z_f), np.tanh(z_g), _sigmoid(z_o)
        calls.append((dh, dc, c_prev, i, f, g, o, f * c_prev + i * g, rng.normal(0, 0.5, (H, 4 * H))))
    return calls


def _gates(rng: np.random.Generator, B: int, H: int) -> tuple[np.ndarray, ...]:
    """Return dh, h_prev, two gates and what enters a tanh, all (B, H)."""
    dh, h_prev, z_u, z_r, z_g = rng.normal(size=(5, B, H))
    return dh, np.tanh(h_prev), _sigmoid(z_u), _sigmoid(z_r), z_g


def _gru_step_backward(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for B, _, H in SIZES:
        dh, h_prev, u, r, z_g = _gates(rng, B, H)
        U_u, U_r, U_g = rng.normal(0, 0.5, (3, H, H))
        p = h_prev @ U_g + rng.normal(size=H)
        calls.append((dh, h_prev, u, r, np.tanh(z_g + r * p), p, U_u, U_r, U_g))
    return calls


def _gru_reset_before_backward(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for B, _, H in SIZES:
        dh, h_prev, u, r, z_g = _gates(rng, B, H)
        U_u, U_r, U_g = rng.normal(0, 0.5, (3, H, H))
        calls.append((dh, h_prev, u, r, np.tanh(z_g + (r * h_prev) @ U_g), U_u, U_r, U_g))
    return calls


def _own_cell(rng: np.random.Generator) -> list[Arguments]:
    calls = []
    for B, _, H in SIZES:
        dh, h_prev, f, _, z_g = _gates(rng, B, H)
        U_f, U_g = rng.normal(0, 0.5, (2, H, H))
        calls.append((dh, h_prev, f, np.tanh(z_g + (f * h_prev) @ U_g), U_f, U_g))
    return calls


def _clip_by_global_norm(rng: np.random.Generator) -> list[Arguments]:
    large = [rng.normal(size=shape) for shape in ((2, 3), (5,), (4, 3))]
    small = [0.01 * rng.normal(size=shape) for shape in ((3,), (2, 4))]
    uneven = [10 * rng.normal(size=(3, 2)), 0.1 * rng.normal(size=(4,))]
    return [(large, 1.5), (small, 1.5), (uneven, 2.0), ([entry / 4 for entry in large], 1.6)]


def _wavy(weights: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Return a function that is far from linear, and takes complex arrays too."""
    return lambda x: (weights * np.sin(2 * x)).sum() + np.exp((x * weights).sum() / 4)


def _gradient_check(rng: np.random.Generator) -> list[Arguments]:
    calls: list[Arguments] = []
    for shape, scale, most, factors in (
        ((2, 3), 1.0, 1.2, (1.0, 1.1, 0.8, -0.5, np.nan)),
        ((4,), 1.0, 1.2, (1.0, 1.1, np.nan)),
        ((3,), 3e-4, 1.2, (1.0, 1.1, 0.8, -0.5)),
        ((3,), -1.0, 0.7, (1.1, 0.8)),  # all derivatives are below zero, and sizes are not
    ):
        weights, x = scale * rng.uniform(0.5, 1.5, shape), rng.uniform(0.3, most, shape)
        f = _wavy(weights)
        right = 2 * weights * np.cos(2 * x) + weights / 4 * np.exp((x * weights).sum() / 4)
        last = tuple(size - 1 for size in shape)
        for factor in factors:
            wrong = right.copy()
            wrong[last] *= factor
            calls.append((f, x, wrong, 1e-5, 1e-6, 1e-3))
    return calls


_MAKERS: dict[str, Callable[[np.random.Generator], list[Arguments]]] = {
    "one_unit": _one_unit,
    "simple_rnn_step": _simple_rnn_step,
    "simple_rnn_step_backward": _simple_rnn_step_backward,
    "simple_rnn_loop": _simple_rnn_loop,
    "cross_entropy": _cross_entropy,
    "lstm_step_backward": _lstm_step_backward,
    "gru_step_backward": _gru_step_backward,
    "gru_reset_before_backward": _gru_reset_before_backward,
    "truncated_loop": _truncated_loop,
    "clip_by_global_norm": _clip_by_global_norm,
    "gradient_check": _gradient_check,
    "own_cell": _own_cell,
}
