"""Between two timesteps of the way back: truncation, and gradients that have vanished."""

from __future__ import annotations

import numpy as np

from scratch_rnn.arrays import Array

FLUSH_BELOW = 1e13  # times the smallest normal number of a dtype
FLUSH_EVERY = 16  # steps: few enough that a gradient above that seldom gets down to the denormal numbers


def carried(dstate: tuple[Array, ...], t: int, ends: range) -> tuple[Array, ...]:
    """Return what step t - 1 gets of the gradients (H, B) that step t hands back; they may be overwritten.

    At the steps in `ends` that is nothing.
    """
    if t in ends:
        return tuple(np.zeros_like(d) for d in dstate)  # (K1)
    if t % FLUSH_EVERY == 0:
        flush_to_zero(dstate)
    return dstate


def cuts(time: int, bptt_steps: int | None) -> range:
    """Return the steps t at whose beginning the gradient ends: T - k, T - 2 k, ...; none without k."""
    return range(time - bptt_steps, 0, -bptt_steps) if bptt_steps else range(0)


def flush_to_zero(arrays: tuple[Array, ...]) -> None:
    """Set numbers below about 1e-25 (float32) or 1e-295 (float64) to zero, in place.

    A gradient that has vanished over hundreds of steps ends in denormal numbers, with which a CPU computes
    some forty times slower. Adding a number and subtracting it again rounds away what is below its last
    digit, and changes no number by more than that.
    """
    for array in arrays:
        limits = np.finfo(array.dtype)
        number = FLUSH_BELOW * limits.tiny / limits.eps
        array += number
        array -= number
