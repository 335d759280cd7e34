"""Bugs of memory: what is never written, never reset, overwritten too soon, or too coarse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratch_rnn.checks.bug import bug
from scratch_rnn.checks.bugs_of_time import DEEP_LEARNING_FROM_SCRATCH_2, GITHUB


@bug(
    "a generic backward pass that leaves the gradient of the weights unwritten",
    "T3",
    wrong="dM += 0",
    right="dM += joined[t] @ dz.T",
    seen=f"{GITHUB}explosion/thinc/blob/a9498a27cdf5543da4a447beeee4d6071020f2f4/thinc/backends/ops.py",
)
def weight_gradient_unwritten(cell: Any) -> Any:
    class Wrong(cell):
        def add_weight_gradients(self, s: Any) -> None:
            pass

    return Wrong


@bug(
    "accumulators not reset between calls: the second batch adds to the first",
    "T3",
    wrong="self.dM += dM",
    right="self.dM = dM",
)
def accumulator_not_reset(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, *arguments: Any, **options: Any) -> Any:
            gradients = super().backward(*arguments, **options)
            before = getattr(self, "accumulated", [0] * len(gradients.weights))
            self.accumulated = [old + new for old, new in zip(before, gradients.weights, strict=True)]
            return replace(gradients, weights=self.accumulated)

    return Wrong


@bug(
    "the upstream gradient overwritten in place",
    "T2",
    wrong="dy[t] += dh_carried",
    right="dh = dy[t] + dh_carried",
    seen=f"{GITHUB}Burton2000/CS231n-2017/issues/7",
)
def upstream_gradient_overwritten(cell: Any) -> Any:
    class Wrong(cell):
        def backward(self, dy: Any, *arguments: Any, **options: Any) -> Any:
            reached: list[Any] = []  # dh of each step, the last first

            def remember(s: Any, dstate: Any) -> None:
                reached.append(dstate[0].T)

            gradients = super().backward(dy, *arguments, watch=remember, **options)
            dy[...] = np.stack(reached[::-1], axis=1) if self.return_sequences else reached[0]
            return gradients

    return Wrong


@bug(
    "what forward kept is changed by backward: a second call differs",
    "T3",
    wrong="j = joined[t]; j *= 0.5",
    right="j = joined[t] * 0.5",
    seen=f"{GITHUB}EurekaLabsAI/mlp/blob/0bd91c7d1ea8e91677a1499315e2a8428d5aad39/mlp_numpy.py",
)
def tape_overwritten(cell: Any) -> Any:
    class Wrong(cell):
        def add_weight_gradients(self, s: Any) -> None:
            super().add_weight_gradients(s)
            s.joined *= 0.5

    return Wrong


@bug(
    "float32 buffers inside a float64 computation",
    "T5",
    wrong='dh_carried = np.zeros((H, B), "float32")',
    right="dh_carried = np.zeros((H, B), x.dtype)",
    seen=DEEP_LEARNING_FROM_SCRATCH_2,
)
def float32_buffers(cell: Any) -> Any:
    class Wrong(cell):
        def step_backward(self, s: Any, dstate: Any) -> Any:
            return tuple(d.astype(np.float32).astype(d.dtype) for d in super().step_backward(s, dstate))

    return Wrong
