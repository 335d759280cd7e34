"""Timesteps that a mask leaves out, such as padding: the state is carried on, and so is its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array

StepForward = Callable[[Any], None]
StepBackward = Callable[[Any, tuple[Array, ...]], tuple[Array, ...]]


def masked(step: StepForward, state_names: tuple[str, ...]) -> StepForward:
    """Return a cell's step that leaves the states of the samples that skip the timestep as they are."""

    def masked_step(s: Any) -> None:
        step(s)
        for name in state_names:
            np.copyto(getattr(s, name), getattr(s, f"{name}_prev"), where=~s.mask)

    return masked_step


def masked_backward(step_backward: StepBackward) -> StepBackward:
    """Return a cell's step backward that hands the gradients of those samples on, past the cell."""

    def masked_step_backward(s: Any, dstate: tuple[Array, ...]) -> tuple[Array, ...]:
        through_cell = step_backward(s, tuple(d * s.mask for d in dstate))
        return tuple(through + d * ~s.mask for through, d in zip(through_cell, dstate, strict=True))

    return masked_step_backward


def seen(mask: Array) -> Array:
    """Return for a mask (T, B) where a sample has begun, (T, 1, B): before that its output is zero."""
    return np.logical_or.accumulate(mask, axis=0)[:, np.newaxis]
